//! The entries of submission queues (section 4.2), and the commands that this driver gives.

use zerocopy::byteorder::{LE, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A submission queue entry: 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Command {
    pub(crate) opcode: u8,
    /// Bits 6 and 7 (PSDT) tell what kind of data pointer the command has.
    pub(crate) flags: u8,
    /// Set by the queue.
    pub(crate) identifier: U16<LE>,
    pub(crate) namespace: U32<LE>,
    reserved: [U32<LE>; 2],
    metadata: U64<LE>,
    /// The data pointer: PRP 1 and PRP 2, or one SGL descriptor.
    pub(crate) data: [U64<LE>; 2],
    /// Command dwords 10 to 15.
    pub(crate) words: [U32<LE>; 6],
}

/// Opcodes of admin commands.
mod admin {
    pub(super) const DELETE_SUBMISSION_QUEUE: u8 = 0x00;
    pub(super) const CREATE_SUBMISSION_QUEUE: u8 = 0x01;
    pub(super) const DELETE_COMPLETION_QUEUE: u8 = 0x04;
    pub(super) const CREATE_COMPLETION_QUEUE: u8 = 0x05;
    pub(super) const IDENTIFY: u8 = 0x06;
    pub(super) const SET_FEATURES: u8 = 0x09;
}

/// Opcodes of NVM commands.
mod nvm {
    pub(super) const FLUSH: u8 = 0x00;
    pub(super) const WRITE: u8 = 0x01;
    pub(super) const READ: u8 = 0x02;
    pub(super) const WRITE_ZEROES: u8 = 0x08;
}

/// What to identify (CNS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identify {
    Namespace(u32),
    Controller,
    /// The active namespaces with higher numbers than this.
    NamespacesAbove(u32),
}

/// Which way an I/O command moves data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// From the namespace to memory.
    Read,
    /// From memory to the namespace.
    Write,
}

/// Blocks of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) namespace: u32,
    pub(crate) first: u64,
    /// 1 to 65,536.
    pub(crate) count: u32,
}

/// Whether completions of a queue interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// They are only looked for.
    None,
    /// By this vector.
    Vector(u16),
}

impl Command {
    fn new(opcode: u8) -> Self {
        Command { opcode, ..Command::default() }
    }

    /// Sets command dword 10 and those behind it.
    fn with_words<const N: usize>(mut self, words: [u32; N]) -> Self {
        for (word, value) in self.words.iter_mut().zip(words) {
            word.set(value);
        }
        self
    }

    pub(crate) fn identify(what: Identify, to: u64) -> Self {
        let (cns, namespace) = match what {
            Identify::Namespace(namespace) => (0, namespace),
            Identify::Controller => (1, 0),
            Identify::NamespacesAbove(namespace) => (2, namespace),
        };
        let command = Command { namespace: namespace.into(), ..Command::new(admin::IDENTIFY) };
        Command { data: [to.into(), 0.into()], ..command }.with_words([cns])
    }

    /// Asks for so many I/O queues of each kind (Set Features, Number of Queues).
    pub(crate) fn set_queue_count(queues: u16) -> Self {
        const NUMBER_OF_QUEUES: u32 = 7;
        let last = u32::from(queues) - 1;
        Command::new(admin::SET_FEATURES).with_words([NUMBER_OF_QUEUES, last << 16 | last])
    }

    pub(crate) fn create_completion_queue(queue: u16, entries: u16, at: u64, signal: Signal) -> Self {
        const CONTIGUOUS: u32 = 1;
        let interrupts = match signal {
            Signal::None => 0,
            Signal::Vector(vector) => u32::from(vector) << 16 | 2,
        };
        let command = Command { data: [at.into(), 0.into()], ..Command::new(admin::CREATE_COMPLETION_QUEUE) };
        command.with_words([size_and_number(queue, entries), interrupts | CONTIGUOUS])
    }

    /// Creates a submission queue whose completions go to the completion queue of the same number.
    pub(crate) fn create_submission_queue(queue: u16, entries: u16, at: u64) -> Self {
        const CONTIGUOUS: u32 = 1;
        let command = Command { data: [at.into(), 0.into()], ..Command::new(admin::CREATE_SUBMISSION_QUEUE) };
        command.with_words([size_and_number(queue, entries), u32::from(queue) << 16 | CONTIGUOUS])
    }

    pub(crate) fn delete_submission_queue(queue: u16) -> Self {
        Command::new(admin::DELETE_SUBMISSION_QUEUE).with_words([queue.into()])
    }

    pub(crate) fn delete_completion_queue(queue: u16) -> Self {
        Command::new(admin::DELETE_COMPLETION_QUEUE).with_words([queue.into()])
    }

    /// Reads or writes blocks; the queue adds the data pointer.
    pub(crate) fn transfer(operation: Operation, blocks: Blocks) -> Self {
        let opcode = match operation {
            Operation::Read => nvm::READ,
            Operation::Write => nvm::WRITE,
        };
        Command::new(opcode).on(blocks)
    }

    pub(crate) fn write_zeroes(blocks: Blocks) -> Self {
        Command::new(nvm::WRITE_ZEROES).on(blocks)
    }

    pub(crate) fn flush(namespace: u32) -> Self {
        Command { namespace: namespace.into(), ..Command::new(nvm::FLUSH) }
    }

    fn on(self, blocks: Blocks) -> Self {
        let Blocks { namespace, first, count } = blocks;
        let last = count.saturating_sub(1) & 0xFFFF;
        Command { namespace: namespace.into(), ..self }.with_words([first as u32, (first >> 32) as u32, last])
    }
}

fn size_and_number(queue: u16, entries: u16) -> u32 {
    (u32::from(entries) - 1) << 16 | u32::from(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lies_as_specified() {
        let blocks = Blocks { namespace: 3, first: 0x1_2345_6789, count: 8 };
        let mut command = Command::transfer(Operation::Read, blocks);
        command.identifier.set(0x77);
        command.data = [0xAAAA.into(), 0xBBBB.into()];
        let bytes = command.as_bytes();
        assert_eq!(bytes.len(), 64);
        assert_eq!(bytes[..8], [2, 0, 0x77, 0, 3, 0, 0, 0]);
        assert_eq!((bytes[24], bytes[32]), (0xAA, 0xBB));
        assert_eq!(bytes[40..50], [0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0, 7, 0]);
    }

    #[test]
    fn sizes_count_from_zero() {
        let command = Command::create_completion_queue(1, 64, 0x1000, Signal::Vector(1));
        assert_eq!(command.words[0].get(), 0x003F_0001);
        assert_eq!(command.words[1].get(), 0x0001_0003);
        assert_eq!(Command::set_queue_count(1).words[1].get(), 0);
    }
}
