//! The answer to a case: a result, and the plan's windows, lists and cookies.

use ddi_dma::plan::{Engine, Plan, PlanError, Sliding, Source};
use ddi_dma::{PageList, View};
use serde::Serialize;
use serde_json::Value;

use super::case::{Case, PAGE_SIZE};
use crate::placing::{Refusal, plan_placed};
use crate::vacancy::Vacancy;

/// One line of output.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    id: &'a Value,
    result: Outcome,
    /// Why there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    copied_bytes: u64,
    windows: Vec<Window>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Mapped,
    PartialMap,
    BadAttr,
    TooBig,
    TooSmall,
    NoResources,
    NoMapping,
}

/// What is mapped at once.
#[derive(Debug, Serialize)]
struct Window {
    offset: u64,
    length: u64,
    lists: Vec<List>,
}

/// One request to the engine.
#[derive(Debug, Serialize)]
struct List {
    offset: u64,
    length: u64,
    cookies: Vec<(u64, u64, Copied)>,
}

/// Whether a cookie's bytes are copied; `true` and `false` in the output.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
struct Copied(bool);

impl<'a> Answer<'a> {
    /// Plans a case.
    pub(super) fn of(case: &'a Case, plan: &mut Plan) -> Self {
        match solve(case, plan) {
            Ok(()) => {
                let partial = case.terms.sliding == Sliding::Yes && plan.window_count() > 1;
                Answer {
                    id: &case.id,
                    result: if partial { Outcome::PartialMap } else { Outcome::Mapped },
                    reason: None,
                    copied_bytes: plan.copied_bytes(),
                    windows: windows(plan),
                }
            }
            Err((result, reason)) => {
                Answer { id: &case.id, result, reason: Some(reason), copied_bytes: 0, windows: Vec::new() }
            }
        }
    }
}

fn solve(case: &Case, plan: &mut Plan) -> Result<(), (Outcome, String)> {
    let bad_attr = |reason: String| (Outcome::BadAttr, reason);
    let attr = case.attr.as_ref().map_err(|reason| bad_attr(reason.clone()))?;
    let engine = Engine::new(attr).map_err(|error| bad_attr(error.to_string()))?;
    // The case's reader saw to it that the pages hold the bytes.
    let list = PageList::new(&case.pages, PAGE_SIZE, case.offset, case.length)
        .ok_or_else(|| (Outcome::NoMapping, "the pages do not hold the object".to_owned()))?;
    // `pages` are multiples of the page size, so no last address passes 2^64 - 1.
    let taken = || Vacancy::new(attr, case.pages.iter().map(|page| (*page, page | (PAGE_SIZE - 1))));
    plan_placed(plan, View::Pages(list), &engine, case.terms, taken)
        .map_err(|refusal| (outcome(&refusal), refusal.to_string()))
}

fn outcome(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::NoPlace(_) => Outcome::NoResources,
        Refusal::Plan(PlanError::TooBig(_)) => Outcome::TooBig,
        Refusal::Plan(PlanError::TooSmall { .. }) => Outcome::TooSmall,
        Refusal::Plan(_) => Outcome::NoMapping,
    }
}

fn windows(plan: &Plan) -> Vec<Window> {
    let cookies = |list: ddi_dma::plan::List<'_>| {
        list.pieces()
            .map(|piece| (piece.cookie.address, piece.cookie.size, Copied(piece.source == Source::Copied)))
            .collect()
    };
    plan.windows()
        .map(|window| Window {
            offset: window.offset(),
            length: window.length(),
            lists: window
                .lists()
                .map(|list| List { offset: list.offset(), length: list.length(), cookies: cookies(list) })
                .collect(),
        })
        .collect()
}
