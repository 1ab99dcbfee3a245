//! A case: attributes, an object and flags, as a line of JSON.

use ddi_dma::plan::{Lists, Sliding};
use ddi_dma::{AttrFlags, BurstSizes, DmaAttr};
use serde_json::{Map, Value};

use crate::placing::Terms;

/// Pages of the objects are this large, whatever the machine.
pub(super) const PAGE_SIZE: u64 = 4096;

/// The copy buffer of a case that does not say how large it is.
const DEFAULT_COPY_BUFFER: u64 = 1_052_672;

/// One line, understood.
#[derive(Debug)]
pub(super) struct Case {
    /// Whatever the line has as `id`.
    pub(super) id: Value,
    /// The attributes, or what member cannot even be stored.
    pub(super) attr: Result<DmaAttr, String>,
    /// Address of each page.
    pub(super) pages: Vec<u64>,
    /// Where in the first page the object starts.
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) length: u64,
    pub(super) terms: Terms,
}

/// Why a line is no case.
#[derive(Debug)]
pub(super) struct Error {
    /// The line's `id`, null where it has none that can be read.
    pub(super) id: Value,
    /// What is wrong, and where.
    pub(super) message: String,
}

impl Case {
    /// Reads one line.
    pub(super) fn parse(text: &[u8]) -> Result<Case, Error> {
        let mut value: Value = serde_json::from_slice(text)
            .map_err(|error| Error { id: Value::Null, message: format!("not JSON: {error}") })?;
        let Some(line) = value.as_object_mut() else {
            let message = format!("a case is an object with attr, object and flags, not {}", kind(&value));
            return Err(Error { id: Value::Null, message });
        };
        let id = line.get_mut("id").map(Value::take).unwrap_or_default();
        let parts = object(line)
            .and_then(|(pages, offset, length)| Ok((pages, offset, length, attributes(line)?, terms(line)?)));
        match parts {
            Ok((pages, offset, length, attr, terms)) => Ok(Case { id, attr, pages, offset, length, terms }),
            Err(message) => Err(Error { id, message }),
        }
    }
}

/// The object's pages, offset and length.
fn object(line: &Map<String, Value>) -> Result<(Vec<u64>, u64, u64), String> {
    let object = section(line, "object")?;
    let offset = whole("object.offset", member(object, "object", "offset")?)?;
    let length = whole("object.len", member(object, "object", "len")?)?;
    let Value::Array(pfns) = member(object, "object", "pfns")? else {
        return Err("object.pfns is not an array of page frame numbers".into());
    };
    let pages: Vec<u64> = pfns.iter().enumerate().map(page_address).collect::<Result<_, _>>()?;
    if offset >= PAGE_SIZE {
        return Err(format!(
            "object.offset {offset} is not inside the first page: it must be below {PAGE_SIZE}"
        ));
    }
    let end = offset
        .checked_add(length)
        .ok_or_else(|| format!("object.offset {offset} plus object.len {length} passes 2^64 - 1"))?;
    let needed = end.div_ceil(PAGE_SIZE);
    if length > 0 && needed > pages.len() as u64 {
        let have = pages.len();
        return Err(format!(
            "object.pfns has {have} pages, and {length} bytes from offset {offset} take {needed}"
        ));
    }
    Ok((pages, offset, length))
}

fn page_address((index, pfn): (usize, &Value)) -> Result<u64, String> {
    let name = format_args!("object.pfns[{index}]").to_string();
    let pfn = whole(&name, pfn)?;
    pfn.checked_mul(PAGE_SIZE)
        .ok_or_else(|| format!("{name}: page frame {pfn:#x} lies above address 2^64 - 1"))
}

/// The attributes; the inner error is a member out of the range that its C type has.
fn attributes(line: &Map<String, Value>) -> Result<Result<DmaAttr, String>, String> {
    let attr = section(line, "attr")?;
    let mut unfit = None;
    let mut number = |name: &'static str, most: u64, default: Option<u64>| {
        let value = match (attr.get(name), default) {
            (None, Some(default)) => return Ok(default),
            (None, None) => return Err(format!("attr has no member {name}")),
            (Some(value), _) => value,
        };
        match integer(value) {
            Integer::Unsigned(value) if value <= most => return Ok(value),
            Integer::Negative if name == "sgllen" => return Ok(u64::from(DmaAttr::UNLIMITED)),
            // More cookies than the largest limit that can be said are no limit.
            Integer::Unsigned(_) | Integer::Huge if name == "sgllen" => {
                return Ok(u64::from(DmaAttr::UNLIMITED));
            }
            Integer::None => return Err(format!("attr.{name} is {}, not an integer", kind(value))),
            Integer::Unsigned(_) | Integer::Negative | Integer::Huge => {}
        }
        unfit.get_or_insert_with(|| format!("{name} {value} is out of range: it must be 0..={most:#x}"));
        Ok(0)
    };
    let (word, long) = (u64::from(u32::MAX), u64::MAX);
    let low_word = |value: u64| value as u32;
    let attr = DmaAttr {
        version: low_word(number("version", word, Some(DmaAttr::VERSION_0.into()))?),
        addr_lo: number("addr_lo", long, None)?,
        addr_hi: number("addr_hi", long, None)?,
        count_max: number("count_max", long, None)?,
        align: number("align", long, None)?,
        burstsizes: BurstSizes::from_bits_retain(low_word(number("burstsizes", word, Some(word))?)),
        minxfer: low_word(number("minxfer", word, None)?),
        maxxfer: number("maxxfer", long, None)?,
        seg: number("seg", long, None)?,
        sgllen: low_word(number("sgllen", word, None)?),
        granular: low_word(number("granular", word, None)?),
        flags: AttrFlags::from_bits_retain(low_word(number("flags", word, Some(0))?)),
    };
    Ok(unfit.map_or(Ok(attr), Err))
}

/// What the flags and the copy buffer allow.
fn terms(line: &Map<String, Value>) -> Result<Terms, String> {
    let copy_buffer = match line.get("max_copybuf") {
        Some(value) => whole("max_copybuf", value)?,
        None => DEFAULT_COPY_BUFFER,
    };
    let mut terms = Terms { copy_buffer, sliding: Sliding::No, lists: Lists::Many };
    let Some(flags) = line.get("flags") else {
        return Err("the case has no member flags: an array, of READ or WRITE at the least".into());
    };
    let Value::Array(flags) = flags else {
        return Err(format!("flags is {}, not an array of names", kind(flags)));
    };
    for flag in flags {
        match flag.as_str() {
            Some("PARTIAL") => terms.sliding = Sliding::Yes,
            Some("ONE_LIST") => terms.lists = Lists::One,
            // The same memory is planned the same way whichever way the bytes go, and however often.
            Some("READ" | "WRITE" | "CONSISTENT" | "STREAMING") => {}
            _ => {
                return Err(format!(
                    "flag {flag} is unknown: flags are READ, WRITE, PARTIAL, ONE_LIST, CONSISTENT, STREAMING"
                ));
            }
        }
    }
    Ok(terms)
}

fn section<'a>(line: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, String> {
    match line.get(name) {
        Some(Value::Object(section)) => Ok(section),
        Some(other) => Err(format!("{name} is {}, not an object", kind(other))),
        None => Err(format!("the case has no member {name}")),
    }
}

fn member<'a>(section: &'a Map<String, Value>, of: &str, name: &str) -> Result<&'a Value, String> {
    section.get(name).ok_or_else(|| format!("{of} has no member {name}"))
}

/// An integer of 0..=2^64-1.
fn whole(name: &str, value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| match integer(value) {
        Integer::None => format!("{name} is {}, not an integer", kind(value)),
        _ => format!("{name} {value} is out of range: it must be 0..=2^64-1"),
    })
}

/// What kind of integer a JSON value is.
enum Integer {
    Unsigned(u64),
    Negative,
    /// Above 2^64 - 1.
    Huge,
    /// No integer at all.
    None,
}

fn integer(value: &Value) -> Integer {
    if let Some(value) = value.as_u64() {
        return Integer::Unsigned(value);
    }
    if value.is_i64() {
        return Integer::Negative;
    }
    // JSON's reader makes a floating number of an integer that 64 bits do not hold.
    match value.as_f64() {
        Some(value) if value >= 18_446_744_073_709_551_615.0 => Integer::Huge,
        Some(value) if value <= -9_223_372_036_854_775_808.0 => Integer::Negative,
        _ => Integer::None,
    }
}

/// A value's kind with its article, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a fractional number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
