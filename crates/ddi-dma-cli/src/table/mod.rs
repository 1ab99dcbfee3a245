//! `plan` of one object: a table of windows, lists and cookies with the reasons for each.

mod rows;

use std::io::{self, Write};

use anyhow::{Context, bail, ensure};
use ddi_dma::plan::{Engine, Explanation, Lists, Note, Plan, Sliding};
use ddi_dma::{BindFlags, DmaAttr, Extent, View};
use serde::Serialize;

use crate::Outcome;
use crate::check;
use crate::cli::{Format, LayoutChoice, PlanArgs, PlanMachine};
use crate::layout::{self, Ground};
use crate::number::grouped;
use crate::placing::{Terms, plan_placed};
use crate::reasons::{Reasons, counted};
use crate::shape::{self, BindResult, WindowShape};
use crate::vacancy::Vacancy;

/// A plan as a JSON object.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    result: BindResult,
    device: &'a str,
    length: u64,
    extents: usize,
    copied_bytes: u64,
    /// Contiguous bytes of copy buffer that the largest window takes.
    copy_run: u64,
    windows: Vec<WindowShape>,
    reasons: Vec<Reason>,
}

/// A reason: what happens where, and why.
#[derive(Debug, Serialize)]
struct Reason {
    what: &'static str,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    why: String,
}

/// An object that is not mapped, as a JSON object.
#[derive(Debug, Serialize)]
struct Refused<'a> {
    result: BindResult,
    device: &'a str,
    length: u64,
    reason: &'a str,
}

/// Plans one object and shows the plan.
pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<Outcome> {
    let (device, attr) = args.source.attributes()?;
    let (machine, flags) = args.machine()?;
    let terms = terms(machine, flags)?;
    let object = object(args, machine)?;
    let length = object.iter().map(|extent| extent.size).sum();
    let view = View::Extents(&object);
    let mut plan = Plan::new();
    let mut output = io::BufWriter::new(io::stdout().lock());
    let planned = match Engine::new(&attr) {
        Err(error) => Err((BindResult::BadAttr, check::explain(&error))),
        Ok(engine) => plan_placed(&mut plan, view, &engine, terms, || vacancy(&attr, &object, machine))
            .map(|result| (engine, result))
            .map_err(|refusal| (refusal.result(), refusal.to_string())),
    };
    let (engine, result) = match planned {
        Ok(planned) => planned,
        Err((result, reason)) => {
            if args.format() == Format::Text {
                bail!("{}, {}: {reason}", device, counted(length, "byte"));
            }
            let refused = Refused { result, device: &device, length, reason: &reason };
            print_json(&mut output, &refused)?;
            return Ok(Outcome::Bad);
        }
    };
    let explanation = plan.explain(view, &engine);
    match args.format() {
        Format::Json => print_json(
            &mut output,
            &Shown {
                result,
                device: &device,
                length,
                extents: object.len(),
                copied_bytes: plan.copied_bytes(),
                copy_run: plan.room(),
                windows: shape::windows(&plan),
                reasons: explanation.notes.iter().map(reason).collect(),
            },
        )?,
        Format::Text => {
            let head = format!(
                "{device}: {} in {}",
                counted(length, "byte"),
                counted(object.len() as u64, "extent")
            );
            print_text(&mut output, &head, &plan, &explanation, args.rows)
                .context("cannot write the plan")?;
        }
    }
    Ok(Outcome::Good)
}

fn terms(machine: PlanMachine, flags: BindFlags) -> anyhow::Result<Terms> {
    if flags.contains(BindFlags::CONSISTENT | BindFlags::STREAMING) {
        bail!("--flags: {}", ddi_dma::BindErrorKind::Flags);
    }
    let partial = flags.contains(BindFlags::PARTIAL);
    let one_list = flags.contains(BindFlags::ONE_LIST);
    Ok(Terms {
        copy_buffer: machine.copy_buffer,
        sliding: if partial { Sliding::Yes } else { Sliding::No },
        lists: if one_list { Lists::One } else { Lists::Many },
    })
}

/// Lays the object out.
fn object(args: &PlanArgs, machine: PlanMachine) -> anyhow::Result<Vec<Extent>> {
    let PlanMachine { memory, seed, page_size, .. } = machine;
    let ground = Ground { memory, page_size, seed };
    let length = || args.length.context("how long is the object? Give --length");
    if args.address.is_some() && args.layout != LayoutChoice::Contiguous {
        bail!("--address says where a contiguous object lies: add --layout contiguous");
    }
    if !matches!(args.layout, LayoutChoice::File(_)) {
        let offset = args.offset;
        ensure!(
            offset < page_size,
            "--offset {offset} is not inside the first page: it must be below {page_size}"
        );
    }
    match (&args.layout, args.address) {
        (LayoutChoice::File(path), _) => {
            layout::cut(layout::read(path, page_size)?, args.offset, args.length)
        }
        (LayoutChoice::Scattered, _) => ground.scattered(args.offset, length()?),
        (LayoutChoice::Contiguous, None) => ground.contiguous(args.offset, length()?),
        (LayoutChoice::Contiguous, Some(address)) => {
            let size = length()?;
            let start = address.checked_add(args.offset);
            match start.filter(|start| start.checked_add(size.saturating_sub(1)).is_some()) {
                Some(address) => Ok(vec![Extent { address, size }]),
                None => bail!(
                    "--length {size} at --address {address:#x} passes the end of the address space: take a lower address"
                ),
            }
        }
    }
}

/// Where the copy run may stand: in memory that the engine reaches, or anywhere in reach where no memory is.
fn vacancy(attr: &DmaAttr, object: &[Extent], machine: PlanMachine) -> Vacancy {
    let in_memory = machine.memory.checked_sub(1).filter(|last| *last >= attr.addr_lo);
    let reach = DmaAttr { addr_hi: in_memory.map_or(attr.addr_hi, |last| last.min(attr.addr_hi)), ..*attr };
    let page_mask = machine.page_size - 1;
    let pages = |extent: &Extent| {
        let last = extent.address.saturating_add(extent.size.saturating_sub(1));
        (extent.address & !page_mask, last | page_mask)
    };
    Vacancy::new(&reach, object.iter().map(pages))
}

fn reason(note: &Note) -> Reason {
    match note {
        Note::Copied { offset, length, reason } => {
            Reason { what: "copied", offset: *offset, length: Some(*length), why: reason.to_string() }
        }
        Note::CookieCut { offset, reason } => cut("cookie_cut", *offset, reason),
        Note::ListCut { offset, reason } => cut("list_cut", *offset, reason),
        Note::WindowCut { offset, reason } => cut("window_cut", *offset, reason),
    }
}

fn cut(what: &'static str, offset: u64, reason: &ddi_dma::plan::CutReason) -> Reason {
    Reason { what, offset, length: None, why: reason.to_string() }
}

fn print_json(output: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *output, value)
        .map_err(io::Error::from)
        .and_then(|()| writeln!(output))
        .and_then(|()| output.flush())
        .context("cannot write the plan")
}

fn print_text(
    output: &mut impl Write,
    head: &str,
    plan: &Plan,
    explanation: &Explanation,
    rows: usize,
) -> io::Result<()> {
    writeln!(output, "{head}\n")?;
    writeln!(output, "{}", rows::table(plan, explanation, rows))?;
    let lists: usize = plan.windows().map(|window| window.list_count()).sum();
    let cookies: usize = plan.windows().map(|window| window.cookies().len()).sum();
    writeln!(
        output,
        "\n{}, {}, {}; {} copied, a copy run of {}",
        counted(plan.window_count() as u64, "window"),
        counted(lists as u64, "list"),
        counted(cookies as u64, "cookie"),
        counted(plan.copied_bytes(), "byte"),
        grouped(plan.room()),
    )?;
    let mut reasons = Reasons::default();
    reasons.add(explanation);
    for line in reasons.lines() {
        writeln!(output, "  {line}")?;
    }
    output.flush()
}
