//! NVM commands.

use super::{Answer, Fetched, Inner, Medium, State, status};

const EVERY_NAMESPACE: u32 = u32::MAX;

impl Inner {
    pub(super) fn execute_io(&self, state: &mut State, command: &Fetched) -> Answer {
        if !state.mischief.fail.is_empty()
            && let Some(status) = state.mischief.fail.remove(0)
        {
            return Err(status);
        }
        match command.opcode() {
            0x00 => flush(state, command),
            0x01 => self.write(state, command),
            0x02 => self.read(state, command),
            0x08 if self.spec.write_zeroes => write_zeroes(state, command),
            _ => Err(status::INVALID_OPCODE),
        }
    }

    /// Bytes that a command moves, where it may.
    fn length(&self, state: &State, command: &Fetched) -> Result<usize, u16> {
        let length = blocks(state, command)? as u64 * state.medium[&command.namespace()].spec.block();
        let limited = self.spec.most_transfer_exponent != 0;
        if limited && length > self.spec.page() << self.spec.most_transfer_exponent {
            return Err(status::INVALID_FIELD);
        }
        Ok(length as usize)
    }

    fn read(&self, state: &mut State, command: &Fetched) -> Answer {
        let length = self.length(state, command)?;
        let pieces = self.data_of(state, command, length)?;
        let State { medium, seen, .. } = state;
        let medium = medium.get_mut(&command.namespace()).ok_or(status::INVALID_NAMESPACE)?;
        let bytes = medium.from(first_block(command));
        for (address, range) in pieces {
            self.write_memory(address, &bytes[range])?;
        }
        seen.bytes_read += length as u64;
        Ok(0)
    }

    fn write(&self, state: &mut State, command: &Fetched) -> Answer {
        let length = self.length(state, command)?;
        let pieces = self.data_of(state, command, length)?;
        let State { medium, seen, .. } = state;
        let medium = medium.get_mut(&command.namespace()).ok_or(status::INVALID_NAMESPACE)?;
        let bytes = medium.from(first_block(command));
        for (address, range) in pieces {
            self.read_memory(address, &mut bytes[range])?;
        }
        seen.bytes_written += length as u64;
        Ok(0)
    }
}

fn first_block(command: &Fetched) -> u64 {
    u64::from(command.word(10)) | u64::from(command.word(11)) << 32
}

/// A namespace: one that could be there and is not is another matter than one that cannot be.
fn active(state: &State, namespace: u32) -> Result<&Medium, u16> {
    let highest = state.medium.keys().next_back().copied().unwrap_or(0);
    state.medium.get(&namespace).ok_or(match namespace {
        1.. if namespace <= highest => status::INVALID_FIELD,
        _ => status::INVALID_NAMESPACE,
    })
}

/// How many blocks a command names, where the namespace has them.
fn blocks(state: &State, command: &Fetched) -> Result<u32, u16> {
    let medium = active(state, command.namespace())?;
    let count = (command.word(12) & 0xFFFF) + 1;
    match first_block(command).checked_add(count.into()) {
        Some(behind) if behind <= medium.spec.blocks => Ok(count),
        _ => Err(status::LBA_OUT_OF_RANGE),
    }
}

fn flush(state: &mut State, command: &Fetched) -> Answer {
    let namespace = command.namespace();
    if namespace != EVERY_NAMESPACE {
        active(state, namespace)?;
    }
    state.seen.flushes += 1;
    Ok(0)
}

fn write_zeroes(state: &mut State, command: &Fetched) -> Answer {
    let count = blocks(state, command)?;
    let medium = state.medium.get_mut(&command.namespace()).ok_or(status::INVALID_NAMESPACE)?;
    let bytes = u64::from(count) * medium.spec.block();
    medium.from(first_block(command))[..bytes as usize].fill(0);
    Ok(0)
}
