//! Objects to the device and from it.

use ddi_dma::{Direction, DmaHandle, DmaObject, InFlight, Interrupt, Registers, Wait};

use crate::config::{ATTR, BUFFER};
use crate::edu::Edu;
use crate::engine::{Engine, Way};
use crate::fault::Work;
use crate::outcome::{Memory, Report, TransferError, TransferErrorKind};
use crate::walk::Walk;

/// A transfer of one object gives it back, or says why it cannot.
type Transferred<O> = Result<(O, Report), TransferError<Option<O>>>;

/// So does one of two.
type RoundTrip<A, B> = Result<(A, B, Report), TransferError<(Option<A>, Option<B>)>>;

/// What of an object comes back behind a fault.
type GivenBack<O> = (Option<O>, TransferErrorKind);

impl<R: Registers, I: Interrupt> Edu<R, I> {
    /// Moves an object to the device's buffer, from `at` on.
    ///
    /// # Errors
    ///
    /// [`TransferError`], which gives the object back unless the device may still reach it.
    pub fn write<O: DmaObject>(&mut self, at: u64, object: O, wait: Wait<'_>) -> Transferred<O> {
        self.transfer(Way::ToDevice, at, object, wait)
    }

    /// Fills an object from the device's buffer, from `at` on.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    pub fn read<O: DmaObject>(&mut self, at: u64, object: O, wait: Wait<'_>) -> Transferred<O> {
        self.transfer(Way::ToMemory, at, object, wait)
    }

    /// Moves an object of any length through the device's buffer into another one of the same length, piece by piece.
    ///
    /// Both are bound at once. `from` may be waited for; `into` is not, as it may well be `from` that has what it lacks.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write), and [`TransferErrorKind::Lengths`].
    pub fn round_trip<A: DmaObject, B: DmaObject>(
        &mut self,
        from: A,
        into: B,
        wait: Wait<'_>,
    ) -> RoundTrip<A, B> {
        let mut report = Report { length: length(&from), ..Report::default() };
        if report.length != length(&into) {
            let kind = TransferErrorKind::Lengths { length: report.length, into: length(&into) };
            return Err(TransferError::new(kind, report, (Some(from), Some(into))));
        }
        let mut source = match self.start(from, Way::ToDevice, wait) {
            Ok(source) => source,
            Err((from, kind)) => return Err(TransferError::new(kind, report, (from, Some(into)))),
        };
        let mut target = match self.start(into, Way::ToMemory, Wait::DontWait) {
            Ok(target) => Walk::new(target),
            Err((into, kind)) => {
                return Err(TransferError::new(kind, report, (Some(complete(source)), into)));
            }
        };
        match self.go_round(&mut source, &mut target, &mut report) {
            Ok(()) => Ok((complete(source), complete(target.into_flight()), report)),
            // The engine has one transfer at a time, so it can reach one of the two at the most.
            Err((Way::ToDevice, kind)) => {
                let into = complete(target.into_flight());
                let (from, kind) = self.give_back(source, kind);
                Err(TransferError::new(kind, report, (from, Some(into))))
            }
            Err((Way::ToMemory, kind)) => {
                let from = complete(source);
                let (into, kind) = self.give_back(target.into_flight(), kind);
                Err(TransferError::new(kind, report, (Some(from), into)))
            }
        }
    }

    /// Moves an object that the device's buffer holds whole.
    fn transfer<O: DmaObject>(&mut self, way: Way, at: u64, object: O, wait: Wait<'_>) -> Transferred<O> {
        let mut report = Report { length: length(&object), ..Report::default() };
        if at.checked_add(report.length).is_none_or(|end| end > BUFFER) {
            let kind = TransferErrorKind::OutOfRange { at, length: report.length };
            return Err(TransferError::new(kind, report, Some(object)));
        }
        let mut flight = match self.start(object, way, wait) {
            Ok(flight) => flight,
            Err((object, kind)) => return Err(TransferError::new(kind, report, object)),
        };
        match self.go(&mut flight, way, at, &mut report) {
            Ok(()) => Ok((complete(flight), report)),
            Err(kind) => {
                let (object, kind) = self.give_back(flight, kind);
                Err(TransferError::new(kind, report, object))
            }
        }
    }

    /// Claims the engine, binds an object and hands it over.
    fn start<O: DmaObject>(&self, object: O, way: Way, wait: Wait<'_>) -> Result<InFlight<O>, GivenBack<O>> {
        let direction = match way {
            Way::ToDevice => Direction::ToDevice,
            Way::ToMemory => Direction::FromDevice,
        };
        // A fault of this kind has nothing to do with the object; all later ones have.
        if let Err(fault) = self.chip.claim(Work::Dma) {
            return Err((Some(object), fault.into()));
        }
        let handle: DmaHandle<O> = match self.device.alloc_handle(&ATTR, wait) {
            Ok(handle) => handle,
            Err(error) => return Err((Some(object), error.into())),
        };
        match handle.bind(object, direction, self.chip.config.flags, wait) {
            Ok(binding) => Ok(binding.start()),
            Err(error) => {
                let kind = TransferErrorKind::Bind(error.kind());
                let (_handle, object) = error.into_parts();
                Err((Some(object), kind))
            }
        }
    }

    /// Window after window, list after list: with `sgllen` 1 a list is one cookie, and one DMA.
    fn go<O: DmaObject>(
        &self,
        flight: &mut InFlight<O>,
        way: Way,
        at: u64,
        report: &mut Report,
    ) -> Result<(), TransferErrorKind> {
        while let Some(window) = flight.next_window()? {
            report.windows += 1;
            report.copied += window.copied_bytes();
            for list in window.lists() {
                for cookie in list.cookies() {
                    report.count(self.chip.dma(*cookie, way, at + report.moved)?);
                    report.moved += cookie.size;
                }
            }
        }
        Ok(())
    }

    /// The same to the device, and after each DMA the same bytes back, whose cookies are cut elsewhere.
    fn go_round<A: DmaObject, B: DmaObject>(
        &self,
        source: &mut InFlight<A>,
        target: &mut Walk<B>,
        report: &mut Report,
    ) -> Result<(), (Way, TransferErrorKind)> {
        let to_device = |error| (Way::ToDevice, error);
        while let Some(window) = source.next_window().map_err(|error| to_device(error.into()))? {
            report.windows += 1;
            report.copied += window.copied_bytes();
            for cookie in window.lists().flat_map(|list| list.cookies()) {
                let end = self.chip.dma(*cookie, Way::ToDevice, 0);
                report.count(end.map_err(|fault| to_device(fault.into()))?);
                self.bring_back(cookie.size, target, report).map_err(|error| (Way::ToMemory, error))?;
            }
        }
        Ok(())
    }

    /// Moves the first `length` bytes of the device's buffer to where the object goes on.
    fn bring_back<O: DmaObject>(
        &self,
        length: u64,
        target: &mut Walk<O>,
        report: &mut Report,
    ) -> Result<(), TransferErrorKind> {
        let mut at = 0;
        while let Some(piece) = target.piece(length - at, report)? {
            report.count(self.chip.dma(piece, Way::ToMemory, at)?);
            target.moved(piece.size);
            at += piece.size;
            report.moved += piece.size;
        }
        Ok(())
    }

    /// Takes an object back from a device that failed, if the device is done with it.
    fn give_back<O: DmaObject>(&self, flight: InFlight<O>, kind: TransferErrorKind) -> GivenBack<O> {
        let fault = match kind {
            TransferErrorKind::Device(fault) if fault.engine() == Engine::Running => fault,
            kind => return (Some(complete(flight)), kind),
        };
        let before = self.device.quarantined_bytes();
        drop(flight);
        let memory = match self.device.quarantined_bytes().saturating_sub(before) {
            0 => Memory::Revoked,
            bytes => Memory::Quarantined { bytes },
        };
        (None, TransferErrorKind::Abandoned { fault, memory })
    }
}

/// Takes an object back from a device that has finished.
fn complete<O: DmaObject>(flight: InFlight<O>) -> O {
    let (_handle, object) = flight.complete().unbind();
    object
}

/// Bytes of an object.
fn length<O: DmaObject>(object: &O) -> u64 {
    object.view().length().unwrap_or(u64::MAX)
}
