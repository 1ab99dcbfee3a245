//! Machines of files: what is told of each.

mod doctor;
mod facts;
mod machine;
mod this_machine;
