//! A disk: tracks of sectors, each with the address that formatting gave it, and the bytes.

use std::io;

use super::catalog::{DataRate, FloppyGeometry};
use super::status::{st1, st2};
use crate::SECTOR;

/// Bytes of a sector.
pub(super) const SECTOR_BYTES: usize = SECTOR as usize;

/// The size code of a sector of 512 bytes.
pub(super) const SIZE_CODE: u8 = 2;

/// Whether a disk may be written, as the tab in its corner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteProtection {
    /// It may.
    Off,
    /// It may not.
    On,
}

/// What is wrong with the data of a sector: its check bytes do not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// The next time that somebody reads it.
    Once,
    /// Until somebody writes it.
    UntilWritten,
    /// Whatever is done.
    Always,
}

/// A floppy disk, formatted.
///
/// Its bytes are those of an image file: cylinder by cylinder, head by head, sector by sector. A sector that is
/// formatted with a number or size that its track has no room for is lost.
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::{FloppyDisk, FloppyGeometry, Machine, MachineConfig};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let inside = machine.floppy().insert(FloppyDisk::new(FloppyGeometry::KB_720));
/// assert_eq!(inside.expect("a disk lies in it").size(), 1_474_560);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FloppyDisk {
    geometry: FloppyGeometry,
    bytes: Vec<u8>,
    tracks: Vec<Track>,
    protection: WriteProtection,
}

/// The address in front of a sector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SectorId {
    pub(super) cylinder: u8,
    pub(super) head: u8,
    pub(super) sector: u8,
    pub(super) size: u8,
}

/// The mark in front of a sector's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Data,
    Deleted,
}

/// How bits are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recording {
    pub(super) encoding: Encoding,
    pub(super) rate: DataRate,
}

/// How bits become changes of the magnetic field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Fm,
    Mfm,
}

/// Where a head is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cylinder: u8,
    pub(super) head: u8,
}

/// A sector as the head finds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sector {
    pub(super) id: SectorId,
    pub(super) mark: Mark,
    flaw: Option<Flaw>,
}

/// Why the head did not find a sector: bits of status registers 1 and 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotFound {
    pub(super) st1: u8,
    pub(super) st2: u8,
}

/// What reading a sector's data says of its check bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Good,
    Bad,
}

type Track = Vec<Sector>;

impl FloppyDisk {
    /// Makes a disk full of zeros that may be written.
    pub fn new(geometry: FloppyGeometry) -> Self {
        let places = (0..geometry.cylinders)
            .flat_map(|cylinder| (0..geometry.heads).map(move |head| Place { cylinder, head }));
        let tracks = places.map(|place| fresh_track(place, geometry.sectors)).collect();
        let bytes = vec![0; geometry.size() as usize];
        FloppyDisk { geometry, bytes, tracks, protection: WriteProtection::Off }
    }

    /// How its tracks and sectors lie.
    pub fn geometry(&self) -> FloppyGeometry {
        self.geometry
    }

    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether it may be written.
    pub fn protection(&self) -> WriteProtection {
        self.protection
    }

    /// Moves the tab in its corner.
    pub fn protect(&mut self, protection: WriteProtection) {
        self.protection = protection;
    }

    /// Reads bytes past any drive.
    ///
    /// # Errors
    ///
    /// One where not all bytes are on the disk.
    pub fn read(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        let at = self.check(offset, to.len())?;
        to.copy_from_slice(&self.bytes[at..at + to.len()]);
        Ok(())
    }

    /// Writes bytes past any drive, protected or not.
    ///
    /// # Errors
    ///
    /// One where not all bytes are on the disk.
    pub fn write(&mut self, offset: u64, from: &[u8]) -> io::Result<()> {
        let at = self.check(offset, from.len())?;
        self.bytes[at..at + from.len()].copy_from_slice(from);
        Ok(())
    }

    /// Damages a sector.
    ///
    /// # Errors
    ///
    /// One where there is no such sector.
    pub fn damage(&mut self, cylinder: u8, head: u8, sector: u8, flaw: Flaw) -> io::Result<()> {
        let track = self.track_index(Place { cylinder, head }).map(|index| &mut self.tracks[index]);
        let found = track.and_then(|track| track.iter_mut().find(|on_track| on_track.id.sector == sector));
        let message = || format!("there is no sector {sector} under head {head} at cylinder {cylinder}");
        let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, message()))?;
        found.flaw = Some(flaw);
        Ok(())
    }

    /// Searches the track under a head for a sector, for two turns as it were.
    pub(super) fn find(&self, place: Place, recording: Recording, id: SectorId) -> Result<Sector, NotFound> {
        let track = self.readable_track(place, recording)?;
        if let Some(sector) = track.iter().find(|sector| sector.id == id) {
            return Ok(*sector);
        }
        let other_cylinder = |sector: &Sector| match sector.id.cylinder {
            cylinder if cylinder == id.cylinder => 0,
            0xFF => st2::WRONG_CYLINDER | st2::BAD_CYLINDER,
            _ => st2::WRONG_CYLINDER,
        };
        let st2 = track.iter().map(other_cylinder).fold(0, |all, bits| all | bits);
        Err(NotFound { st1: st1::NO_DATA, st2 })
    }

    /// The address of the sector that comes by after so many others.
    pub(super) fn passing(
        &self,
        place: Place,
        recording: Recording,
        turned: usize,
    ) -> Result<SectorId, NotFound> {
        let track = self.readable_track(place, recording)?;
        Ok(track[turned % track.len()].id)
    }

    /// Reads a sector's data and checks it.
    pub(super) fn read_sector(&mut self, place: Place, id: SectorId, to: &mut [u8; SECTOR_BYTES]) -> Check {
        let (Some(at), Some(sector)) = (self.offset(place, id), self.sector_mut(place, id)) else {
            return Check::Bad;
        };
        let flaw = sector.flaw;
        sector.flaw = flaw.filter(|flaw| *flaw != Flaw::Once);
        to.copy_from_slice(&self.bytes[at..at + SECTOR_BYTES]);
        if flaw.is_none() { Check::Good } else { Check::Bad }
    }

    /// Writes a sector's data behind a mark.
    pub(super) fn write_sector(&mut self, place: Place, id: SectorId, mark: Mark, from: &[u8; SECTOR_BYTES]) {
        self.lay(place, id, mark, from, None);
    }

    /// Writes the start of a sector's data, and never its check bytes.
    pub(super) fn break_sector(&mut self, place: Place, id: SectorId, mark: Mark, start: &[u8]) {
        self.lay(place, id, mark, start, Some(Flaw::UntilWritten));
    }

    /// Formats a track: these are its sectors from now on, full of one byte.
    ///
    /// What is recorded in another way than the geometry says is not found again.
    pub(super) fn format(&mut self, place: Place, recording: Recording, ids: &[SectorId], fill: u8) {
        let sectors = self.geometry.sectors;
        let readable = self.readable(recording);
        let fits = |id: &SectorId| readable && id.size == SIZE_CODE && (1..=sectors).contains(&id.sector);
        let formatted: Track =
            ids.iter().copied().filter(fits).take(usize::from(sectors)).map(Sector::fresh).collect();
        let Some(index) = self.track_index(place) else { return };
        for at in formatted.iter().filter_map(|sector| self.offset(place, sector.id)).collect::<Vec<_>>() {
            self.bytes[at..at + SECTOR_BYTES].fill(fill);
        }
        self.tracks[index] = formatted;
    }

    fn lay(&mut self, place: Place, id: SectorId, mark: Mark, from: &[u8], flaw: Option<Flaw>) {
        let (Some(at), Some(sector)) = (self.offset(place, id), self.sector_mut(place, id)) else { return };
        sector.mark = mark;
        sector.flaw = sector.flaw.filter(|flaw| *flaw == Flaw::Always).or(flaw);
        self.bytes[at..at + from.len()].copy_from_slice(from);
    }

    /// A track that bears address marks, recorded in this way.
    fn readable_track(&self, place: Place, recording: Recording) -> Result<&Track, NotFound> {
        let track = self.track_index(place).map(|index| &self.tracks[index]);
        let marked = track.filter(|track| !track.is_empty() && self.readable(recording));
        marked.ok_or(NotFound { st1: st1::MISSING_MARK, st2: 0 })
    }

    fn readable(&self, recording: Recording) -> bool {
        recording == Recording { encoding: Encoding::Mfm, rate: self.geometry.rate }
    }

    fn sector_mut(&mut self, place: Place, id: SectorId) -> Option<&mut Sector> {
        let index = self.track_index(place)?;
        self.tracks[index].iter_mut().find(|sector| sector.id == id)
    }

    fn track_index(&self, place: Place) -> Option<usize> {
        let FloppyGeometry { cylinders, heads, .. } = self.geometry;
        let there = place.cylinder < cylinders && place.head < heads;
        there.then(|| usize::from(place.cylinder) * usize::from(heads) + usize::from(place.head))
    }

    /// Where the image has a sector.
    fn offset(&self, place: Place, id: SectorId) -> Option<usize> {
        let sectors = self.geometry.sectors;
        let track = self.track_index(place)?;
        let number = id.sector.checked_sub(1).filter(|number| *number < sectors)?;
        Some((track * usize::from(sectors) + usize::from(number)) * SECTOR_BYTES)
    }

    fn check(&self, offset: u64, length: usize) -> io::Result<usize> {
        let inside = offset.checked_add(length as u64).is_some_and(|end| end <= self.size());
        if inside {
            return Ok(offset as usize);
        }
        let size = self.size();
        let message = format!("{length} bytes at {offset:#x} are not all on the disk of {size:#x} bytes");
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

impl Sector {
    fn fresh(id: SectorId) -> Self {
        Sector { id, mark: Mark::Data, flaw: None }
    }
}

/// The sectors of a track as the factory formats it.
fn fresh_track(place: Place, sectors: u8) -> Track {
    let Place { cylinder, head } = place;
    (1..=sectors).map(|sector| Sector::fresh(SectorId { cylinder, head, sector, size: SIZE_CODE })).collect()
}
