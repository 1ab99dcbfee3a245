//! Reasons, added up: how many bytes were copied for each, how many cuts were made for each.

use std::collections::BTreeMap;

use ddi_dma::plan::{Explanation, Note};
use ddi_dma_sim::Report;
use serde::Serialize;

use crate::number::grouped;

/// Reasons of one plan or of many.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Reasons {
    /// Bytes copied for each reason.
    copied: BTreeMap<String, u64>,
    /// Cuts between windows for each reason.
    window_cuts: BTreeMap<String, u64>,
    /// Cuts between lists.
    list_cuts: BTreeMap<String, u64>,
    /// Cuts between cookies.
    cookie_cuts: BTreeMap<String, u64>,
}

impl Reasons {
    /// Adds those of one plan.
    pub(crate) fn add(&mut self, explanation: &Explanation) {
        for note in &explanation.notes {
            match note {
                Note::Copied { length, reason, .. } => count(&mut self.copied, reason, *length),
                Note::WindowCut { reason, .. } => count(&mut self.window_cuts, reason, 1),
                Note::ListCut { reason, .. } => count(&mut self.list_cuts, reason, 1),
                Note::CookieCut { reason, .. } => count(&mut self.cookie_cuts, reason, 1),
            }
        }
    }

    /// Adds those that a driver told.
    pub(crate) fn add_all(&mut self, report: &Report) {
        report.explanation.iter().for_each(|explanation| self.add(explanation));
    }

    /// Adds those of many plans.
    pub(crate) fn merge(&mut self, other: &Reasons) {
        let pairs = [
            (&mut self.copied, &other.copied),
            (&mut self.window_cuts, &other.window_cuts),
            (&mut self.list_cuts, &other.list_cuts),
            (&mut self.cookie_cuts, &other.cookie_cuts),
        ];
        for (map, other) in pairs {
            other.iter().for_each(|(reason, by)| count(map, reason, *by));
        }
    }

    /// One line for each reason.
    pub(crate) fn lines(&self) -> Vec<String> {
        let copied =
            self.copied.iter().map(|(reason, bytes)| format!("{} copied: {reason}", counted(*bytes, "byte")));
        let cuts = [("window", &self.window_cuts), ("list", &self.list_cuts), ("cookie", &self.cookie_cuts)];
        let cuts = cuts.into_iter().flat_map(|(what, cuts)| {
            cuts.iter().map(move |(reason, times)| {
                let verb = if *times == 1 { "ends" } else { "end" };
                format!("{} {verb}: {reason}", counted(*times, what))
            })
        });
        copied.chain(cuts).collect()
    }
}

fn count(map: &mut BTreeMap<String, u64>, reason: &impl ToString, by: u64) {
    *map.entry(reason.to_string()).or_default() += by;
}

/// A number of things: `1 window`, `2,048 bytes`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(number))
}
