//! A plan as JSON: windows, their lists, their cookies.

use ddi_dma::plan::{List, Plan, Source};
use serde::Serialize;

/// What is mapped at once.
#[derive(Debug, Serialize)]
pub(crate) struct WindowShape {
    offset: u64,
    length: u64,
    lists: Vec<ListShape>,
}

/// One request to the engine.
#[derive(Debug, Serialize)]
struct ListShape {
    offset: u64,
    length: u64,
    cookies: Vec<CookieShape>,
}

/// Address, size, and whether its bytes are copied.
#[derive(Debug, Serialize)]
struct CookieShape(u64, u64, bool);

/// All windows of a plan.
pub(crate) fn windows(plan: &Plan) -> Vec<WindowShape> {
    plan.windows()
        .map(|window| WindowShape {
            offset: window.offset(),
            length: window.length(),
            lists: window.lists().map(list).collect(),
        })
        .collect()
}

fn list(list: List<'_>) -> ListShape {
    let cookies = list
        .pieces()
        .map(|piece| CookieShape(piece.cookie.address, piece.cookie.size, piece.source == Source::Copied));
    ListShape { offset: list.offset(), length: list.length(), cookies: cookies.collect() }
}

/// How an object came to be mapped, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BindResult {
    Mapped,
    PartialMap,
    BadAttr,
    TooBig,
    TooSmall,
    NoResources,
    NoMapping,
}
