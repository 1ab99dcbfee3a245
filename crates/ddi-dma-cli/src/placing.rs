//! From an object to a plan whose copies have a place: what a binding does on a machine, here with numbers alone.

use ddi_dma::plan::{Budget, Engine, Lists, Plan, PlanError, Sliding, TooBig};
use ddi_dma::{Resource, Shortage, View};

use crate::shape::BindResult;
use crate::vacancy::Vacancy;

/// What a bind may use and do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Most bytes that one window copies.
    pub(crate) copy_buffer: u64,
    /// Whether the object may be mapped window by window.
    pub(crate) sliding: Sliding,
    /// How many lists a window may have.
    pub(crate) lists: Lists,
}

/// Why an object has no plan, or none that can be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The planner refused it.
    Plan(PlanError),
    /// What must be copied has no place in the engine's reach.
    NoPlace(Shortage),
}

impl Refusal {
    /// What a bind answers.
    pub(crate) fn result(&self) -> BindResult {
        match self {
            Refusal::NoPlace(_) => BindResult::NoResources,
            Refusal::Plan(PlanError::TooBig(_)) => BindResult::TooBig,
            Refusal::Plan(PlanError::TooSmall { .. }) => BindResult::TooSmall,
            Refusal::Plan(_) => BindResult::NoMapping,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Plan(error) => error.fmt(f),
            Refusal::NoPlace(shortage) => {
                write!(f, "no place in the engine's reach for what must be copied: {shortage}")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Plans an object and gives its copies addresses in the holes of `vacancy`, which is asked for only when needed.
///
/// Where no hole holds what one window copies, windows are made smaller as far as the terms let them slide.
pub(crate) fn plan_placed(
    plan: &mut Plan,
    view: View<'_>,
    engine: &Engine,
    terms: Terms,
    vacancy: impl FnOnce() -> Vacancy,
) -> Result<BindResult, Refusal> {
    let budget = Budget { bytes: terms.copy_buffer, room: u64::MAX };
    plan.make(view, engine, budget, terms.sliding, terms.lists).map_err(Refusal::Plan)?;
    let room = plan.room();
    if room == 0 {
        return Ok(BindResult::Mapped);
    }
    let vacancy = vacancy();
    if let Some(base) = vacancy.find(room) {
        plan.place(base);
        return Ok(mapped(plan));
    }
    let shortage = Shortage {
        resource: Resource::CopyBuffer,
        asked: room,
        free: vacancy.total(),
        largest: vacancy.largest(),
    };
    match terms.sliding {
        Sliding::No => Err(Refusal::NoPlace(shortage)),
        Sliding::Yes => match slide(plan, view, engine, terms, &vacancy) {
            Ok(()) => Ok(mapped(plan)),
            Err(Some(error)) => Err(Refusal::Plan(error)),
            Err(None) => Err(Refusal::NoPlace(shortage)),
        },
    }
}

/// Whether the whole object is mapped at once.
fn mapped(plan: &Plan) -> BindResult {
    if plan.window_count() > 1 { BindResult::PartialMap } else { BindResult::Mapped }
}

/// Plans with windows small enough for the largest hole; `None` where there are none so small.
fn slide(
    plan: &mut Plan,
    view: View<'_>,
    engine: &Engine,
    terms: Terms,
    vacancy: &Vacancy,
) -> Result<(), Option<PlanError>> {
    let room = vacancy.largest();
    let mut bytes = room.min(terms.copy_buffer);
    while bytes > 0 {
        match plan.make(view, engine, Budget { bytes, room }, terms.sliding, terms.lists) {
            Ok(()) => {
                if let Some(base) = vacancy.find(plan.room()) {
                    plan.place(base);
                    return Ok(());
                }
            }
            // Padding may need more room than the bytes do: fewer of them may still fit.
            Err(PlanError::TooBig(TooBig::Room { .. })) => {}
            Err(PlanError::TooBig(TooBig::Granule { .. })) => break,
            Err(error) => return Err(Some(error)),
        }
        bytes /= 2;
    }
    Err(None)
}
