//! The answer to a case: a result, and the plan's windows, lists and cookies.

use ddi_dma::plan::{Engine, Plan};
use ddi_dma::{PageList, View};
use serde::Serialize;
use serde_json::Value;

use super::case::{Case, PAGE_SIZE};
use crate::placing::plan_placed;
use crate::shape::{self, BindResult, WindowShape};
use crate::vacancy::Vacancy;

/// One line of output.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    id: &'a Value,
    result: BindResult,
    /// Why there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    copied_bytes: u64,
    windows: Vec<WindowShape>,
}

impl<'a> Answer<'a> {
    /// Plans a case.
    pub(super) fn of(case: &'a Case, plan: &mut Plan) -> Self {
        match solve(case, plan) {
            Ok(result) => Answer {
                id: &case.id,
                result,
                reason: None,
                copied_bytes: plan.copied_bytes(),
                windows: shape::windows(plan),
            },
            Err((result, reason)) => {
                Answer { id: &case.id, result, reason: Some(reason), copied_bytes: 0, windows: Vec::new() }
            }
        }
    }
}

fn solve(case: &Case, plan: &mut Plan) -> Result<BindResult, (BindResult, String)> {
    let bad_attr = |reason: String| (BindResult::BadAttr, reason);
    let attr = case.attr.as_ref().map_err(|reason| bad_attr(reason.clone()))?;
    let engine = Engine::new(attr).map_err(|error| bad_attr(error.to_string()))?;
    // The case's reader saw to it that the pages hold the bytes.
    let list = PageList::new(&case.pages, PAGE_SIZE, case.offset, case.length)
        .ok_or_else(|| (BindResult::NoMapping, "the pages do not hold the object".to_owned()))?;
    // `pages` are multiples of the page size, so no last address passes 2^64 - 1.
    let taken = || Vacancy::new(attr, case.pages.iter().map(|page| (*page, page | (PAGE_SIZE - 1))));
    plan_placed(plan, View::Pages(list), &engine, case.terms, taken)
        .map_err(|refusal| (refusal.result(), refusal.to_string()))
}
