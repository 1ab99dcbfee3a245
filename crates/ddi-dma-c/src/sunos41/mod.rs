//! SunOS 4.1: `mb_mapalloc` and its family over the same core.
//!
//! A driver of that time got one address for a whole buffer, an `int`, and had the function that it gave called when map
//! space came back. What the core knows beyond that, windows and lists, stays behind an engine that is stated to take
//! one cookie.

mod alloc;
mod level;
mod main_bus;
mod map;

pub(crate) use level::at_splvm;
pub(crate) use map::{Dvma, use_of};
