//! A request that moves an object: bound, cut into commands window by window, and given back.

use std::sync::Arc;

use ddi_dma::{BindFlags, Device, Direction, DmaObject, InFlight, Wait};

use crate::command::{Blocks, Command, Operation};
use crate::error::{RequestError, RequestErrorKind};
use crate::outcome::{Landing, Report, Token};
use crate::pointers::{Part, Shape, Style, Unfit, cut};
use crate::request::{Cut, Job, Next, Portion, Power, Request};
use crate::status::Status;

/// What a transfer is bound for.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) device: Device,
    pub(crate) shape: Shape,
    /// How to bind, first and next where PRPs cannot say where the bytes are.
    pub(crate) styles: (Style, Style),
}

/// An object on its way.
pub(crate) struct Transfer<O: DmaObject> {
    request: Request,
    target: Target,
    style: Style,
    /// `None` only where the object could not be bound anew; it is in `unbound` then.
    flight: Option<InFlight<O>>,
    unbound: Option<O>,
    /// The commands of the current window, and how many of them were given.
    parts: Vec<Part>,
    given: usize,
    report: Report,
    failure: Option<RequestErrorKind>,
    landing: Arc<Landing<O>>,
}

/// Whether there is something left to move.
enum Moved {
    OnToWindow,
    BehindLast,
}

impl<O: DmaObject> Transfer<O> {
    /// Binds an object, waiting in this way where a resource is short.
    pub(crate) fn begin(
        request: &Request,
        target: Target,
        object: O,
        wait: Wait<'_>,
    ) -> Result<(Self, Token<O>), RequestError<O>> {
        let (token, landing) = Token::new();
        let length = object.view().length().unwrap_or(0);
        // No PRP names an odd start, so that the first style would only copy it.
        let odd = object.view().extents().next().is_some_and(|first| !first.address.is_multiple_of(4));
        let mut transfer = Transfer {
            request: *request,
            style: if odd { target.styles.1 } else { target.styles.0 },
            target,
            flight: None,
            unbound: Some(object),
            parts: Vec::new(),
            given: 0,
            report: Report { length, ..Report::default() },
            failure: None,
            landing,
        };
        match transfer.bind(wait).and_then(|()| transfer.move_on(wait)) {
            Ok(_) => Ok((transfer, token)),
            Err(kind) => {
                // No command was given, so nothing reaches the object.
                let object = transfer.take_object();
                Err(RequestError::new(kind, transfer.report, object))
            }
        }
    }

    /// Binds the object in the current style.
    fn bind(&mut self, wait: Wait<'_>) -> Result<(), RequestErrorKind> {
        let attributes = self.target.shape.attributes(self.style);
        let handle = self.target.device.alloc_handle(&attributes, wait)?;
        let Some(object) = self.unbound.take() else { return Ok(()) };
        let direction = match self.request.operation {
            Operation::Read => Direction::FromDevice,
            Operation::Write => Direction::ToDevice,
        };
        match handle.bind(object, direction, self.request.flags | BindFlags::PARTIAL, wait) {
            Ok(binding) => self.flight = Some(binding.start()),
            Err(error) => {
                let kind = error.kind();
                self.unbound = Some(error.into_parts().1);
                return Err(RequestErrorKind::Bind(kind));
            }
        }
        Ok(())
    }

    /// Moves to the next window, and cuts it into commands. Where PRPs cannot name its bytes, all of the object is bound
    /// anew, and moved from the start: blocks that were moved are moved again, to and from the same place.
    fn move_on(&mut self, wait: Wait<'_>) -> Result<Moved, RequestErrorKind> {
        loop {
            let Some(flight) = &mut self.flight else { return Ok(Moved::BehindLast) };
            let Some(window) = flight.next_window()? else { return Ok(Moved::BehindLast) };
            self.given = 0;
            self.report.windows += 1;
            self.report.copied += window.copied_bytes();
            match cut(&window, self.style, &self.target.shape, &mut self.parts) {
                Ok(()) => return Ok(Moved::OnToWindow),
                Err(Unfit) => {
                    self.parts.clear();
                    self.unbound = self.take_object();
                    self.style = self.target.styles.1;
                    self.report = Report { length: self.report.length, ..Report::default() };
                    self.bind(wait)?;
                }
            }
        }
    }

    /// Takes the object back, of which no command is in flight.
    fn take_object(&mut self) -> Option<O> {
        match self.flight.take() {
            Some(flight) => Some(flight.complete().unbind().1),
            None => self.unbound.take(),
        }
    }

    /// The next part to give, if there is one now.
    fn next_part(&mut self, in_flight: u32) -> Result<Part, Next<'static>> {
        loop {
            if self.failure.is_none()
                && let Some(part) = self.parts.get(self.given)
            {
                self.given += 1;
                return Ok(part.clone());
            }
            if in_flight > 0 {
                return Err(Next::Nothing);
            }
            if self.failure.is_some() {
                return Err(Next::Finished);
            }
            match self.move_on(Wait::DontWait) {
                Ok(Moved::OnToWindow) => {}
                Ok(Moved::BehindLast) => return Err(Next::Finished),
                Err(kind) => self.failure = Some(kind),
            }
        }
    }
}

impl<O: DmaObject> Job for Transfer<O> {
    fn next(&mut self, in_flight: u32) -> Next<'_> {
        let part = match self.next_part(in_flight) {
            Ok(part) => part,
            Err(other) => return other,
        };
        let block = u64::from(self.target.shape.block);
        let (first, count) = (self.request.lba + part.offset / block, (part.length / block) as u32);
        let blocks = Blocks { namespace: self.request.namespace, first, count };
        let cookies =
            self.flight.as_ref().and_then(InFlight::current_window).map_or(&[][..], |it| it.cookies());
        self.report.commands += 1;
        Next::Command {
            command: Command::transfer(self.request.operation, blocks),
            data: Some((cookies.get(part.cookies).unwrap_or(&[]), self.style)),
            portion: Portion { lba: first, blocks: count, bytes: part.length },
        }
    }

    fn ended(&mut self, portion: Portion, status: Result<(), Status>) {
        let Portion { lba, blocks, bytes } = portion;
        match status {
            Ok(()) => self.report.moved += bytes,
            // Commands that end later say nothing new.
            Err(status) => _ = self.failure.get_or_insert(RequestErrorKind::Status { status, lba, blocks }),
        }
    }

    fn finish(mut self: Box<Self>, cut: Option<Cut>) {
        let failure = cut.map(|cut| cut.why).or(self.failure);
        let object = match cut {
            // Dropping a transfer in flight keeps its memory from use for as long as it takes.
            Some(Cut { controller: Power::MaybeOn, .. }) => None,
            _ => self.take_object(),
        };
        self.landing.put(match (failure, object) {
            (None, Some(object)) => Ok((object, self.report)),
            (failure, object) => {
                let kind = failure.unwrap_or(RequestErrorKind::Reset);
                Err(RequestError::new(kind, self.report, object))
            }
        });
    }
}
