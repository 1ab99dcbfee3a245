//! Admin commands.

use super::{Answer, Completions, Fetched, Inner, State, Submissions, status};

impl Inner {
    pub(super) fn execute_admin(&self, state: &mut State, command: &Fetched) -> Answer {
        if command.flags() >> 6 != 0 {
            // SGLs are not for admin commands over PCI Express.
            return Err(status::INVALID_FIELD);
        }
        match command.opcode() {
            0x00 => delete_submissions(state, command),
            0x01 => self.create_submissions(state, command),
            0x04 => delete_completions(state, command),
            0x05 => self.create_completions(state, command),
            0x06 => self.identify(state, command),
            0x09 => set_features(state, command),
            _ => Err(status::INVALID_OPCODE),
        }
    }

    fn create_completions(&self, state: &mut State, command: &Fetched) -> Answer {
        let (number, last) = (command.word(10) as u16, command.word(10) >> 16);
        let (base, flags) = (command.data()[0], command.word(11));
        if number == 0 || number > 64 || state.completions.contains_key(&number) {
            return Err(status::INVALID_QUEUE);
        }
        if last == 0 || last >= self.spec.most_entries {
            return Err(status::INVALID_QUEUE_SIZE);
        }
        if flags & 1 == 0 || flags & 0xFFFC != 0 || state.cc >> 20 & 0xF != 4 {
            return Err(status::INVALID_FIELD);
        }
        if !base.is_multiple_of(self.spec.page()) {
            return Err(status::INVALID_PRP_OFFSET);
        }
        let vector = (flags & 2 != 0).then_some((flags >> 16) as u16);
        if vector.is_some_and(|vector| vector >= self.spec.vectors) {
            return Err(status::INVALID_VECTOR);
        }
        let queue = Completions { base, entries: last + 1, head: 0, tail: 0, phase: true, vector };
        state.completions.insert(number, queue);
        Ok(0)
    }

    fn create_submissions(&self, state: &mut State, command: &Fetched) -> Answer {
        let (number, last) = (command.word(10) as u16, command.word(10) >> 16);
        let (base, flags) = (command.data()[0], command.word(11));
        let completions = (flags >> 16) as u16;
        if completions == 0 || !state.completions.contains_key(&completions) {
            return Err(status::INVALID_COMPLETION_QUEUE);
        }
        if number == 0 || number > 64 || state.submissions.contains_key(&number) {
            return Err(status::INVALID_QUEUE);
        }
        if last == 0 || last >= self.spec.most_entries {
            return Err(status::INVALID_QUEUE_SIZE);
        }
        if flags & 1 == 0 || flags & 0xFFF8 != 0 || state.cc >> 16 & 0xF != 6 {
            return Err(status::INVALID_FIELD);
        }
        if !base.is_multiple_of(self.spec.page()) {
            return Err(status::INVALID_PRP_OFFSET);
        }
        let queue = Submissions { base, entries: last + 1, head: 0, tail: 0, completions };
        state.submissions.insert(number, queue);
        Ok(0)
    }

    fn identify(&self, state: &mut State, command: &Fetched) -> Answer {
        let namespace = command.namespace();
        let highest = self.spec.namespaces.iter().map(|namespace| namespace.number).max().unwrap_or(0);
        let mut told = vec![0; 4096];
        match command.word(10) {
            0 if namespace == 0 || namespace > highest => return Err(status::INVALID_NAMESPACE),
            0 => self.tell_namespace(namespace, &mut told),
            1 => self.tell_controller(highest, &mut told),
            2 if self.spec.version < 0x1_0100 || namespace >= 0xFFFF_FFFE => {
                return Err(status::INVALID_FIELD);
            }
            2 => {
                let numbers = self.spec.namespaces.iter().map(|namespace| namespace.number);
                for (place, number) in told.chunks_mut(4).zip(numbers.filter(|number| *number > namespace)) {
                    place.copy_from_slice(&number.to_le_bytes());
                }
            }
            _ => return Err(status::INVALID_FIELD),
        }
        for (address, range) in self.data_of(state, command, 4096)? {
            self.write_memory(address, &told[range])?;
        }
        Ok(0)
    }

    fn tell_controller(&self, highest: u32, told: &mut [u8]) {
        let mut put = |at: usize, bytes: &[u8]| told[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &0x1D1Du16.to_le_bytes());
        put(4, b"MODEL-0001          ");
        put(24, b"A model of a controller                 ");
        put(64, b"1.4     ");
        put(77, &[self.spec.most_transfer_exponent]);
        put(80, &self.spec.version.to_le_bytes());
        put(512, &[0x66, 0x44]);
        put(516, &highest.to_le_bytes());
        put(520, &(u16::from(self.spec.write_zeroes) << 3).to_le_bytes());
        put(525, &[1]);
        put(536, &self.spec.sgl.to_le_bytes());
    }

    fn tell_namespace(&self, number: u32, told: &mut [u8]) {
        // One that is not active is told as zeros.
        let Some(namespace) = self.spec.namespaces.iter().find(|it| it.number == number) else { return };
        let mut put = |at: usize, bytes: &[u8]| told[at..at + bytes.len()].copy_from_slice(bytes);
        for at in [0, 8, 16] {
            put(at, &namespace.blocks.to_le_bytes());
        }
        // The second of two formats is in use.
        put(25, &[1, 1]);
        put(128, &[0, 0, 13, 0]);
        let [low, high] = namespace.metadata.to_le_bytes();
        put(132, &[low, high, namespace.block_exponent, 0]);
    }
}

fn delete_submissions(state: &mut State, command: &Fetched) -> Answer {
    let number = command.word(10) as u16;
    if number == 0 || !state.submissions.contains_key(&number) {
        return Err(status::INVALID_QUEUE);
    }
    if state.fetched.iter().any(|other| other.queue == number) {
        state.violations.push(format!("queue {number} is deleted with commands in flight"));
    }
    state.submissions.remove(&number);
    Ok(0)
}

fn delete_completions(state: &mut State, command: &Fetched) -> Answer {
    let number = command.word(10) as u16;
    if number == 0 || !state.completions.contains_key(&number) {
        return Err(status::INVALID_QUEUE);
    }
    if state.submissions.values().any(|queue| queue.completions == number) {
        return Err(status::INVALID_DELETION);
    }
    state.completions.remove(&number);
    Ok(0)
}

fn set_features(state: &mut State, command: &Fetched) -> Answer {
    const NUMBER_OF_QUEUES: u32 = 7;
    let (feature, asked) = (command.word(10) & 0xFF, command.word(11));
    if feature != NUMBER_OF_QUEUES || asked & 0xFFFF == 0xFFFF || asked >> 16 == 0xFFFF {
        return Err(status::INVALID_FIELD);
    }
    if state.submissions.len() > 1 || state.completions.len() > 1 {
        return Err(status::SEQUENCE_ERROR);
    }
    // As many as it has, whatever was asked for.
    Ok(63 << 16 | 63)
}
