//! The wave file that a model writes: whether what was played is what was sent.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bare_metal_contents::{PLAYED, Played};

/// Bytes of a wave file's header, in front of the samples.
const HEADER: usize = 44;
/// Where the header says how many channels there are.
const CHANNELS: usize = 22;

/// How much of what was played is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// All of it.
    Everything,
    /// Some of it, or nothing: the machine was faster than the file is written.
    Beginning,
}

/// Fails unless the file holds the samples that these tests have played, in their order, and nothing else but silence.
///
/// How much silence there is, depends on the time that the machine had.
pub(super) fn check(path: &Path, passed: &[&str], how_much: Heard) -> Result<()> {
    let played = PLAYED.iter().filter(|played| passed.contains(&played.test));
    let expected: Vec<i16> = played.flat_map(Played::audible).collect();
    // Bochs makes the file when something is played first.
    let file = if path.exists() { fs::read(path)? } else { Vec::new() };
    let heard = heard(&file).with_context(|| format!("{} bytes of wave file", file.len()))?;
    compare(&heard, &expected, how_much)
}

/// What the file holds of one channel, without silence.
fn heard(file: &[u8]) -> Result<Vec<i16>> {
    if file.len() <= HEADER {
        return Ok(Vec::new());
    }
    ensure!(file.starts_with(b"RIFF"), "no wave file");
    let channels = u16::from_le_bytes([file[CHANNELS], file[CHANNELS + 1]]) as usize;
    ensure!(channels == 1 || channels == 2, "{channels} channels");
    let values: Vec<i16> =
        file[HEADER..].chunks_exact(2).map(|it| i16::from_le_bytes([it[0], it[1]])).collect();
    let frames = values.chunks_exact(channels);
    ensure!(frames.clone().all(|frame| frame.iter().all(|value| *value == frame[0])), "left is not right");
    Ok(frames.map(|frame| frame[0]).filter(|value| *value != 0).collect())
}

/// Fails unless what was heard is what was sent, sample by sample.
fn compare(heard: &[i16], sent: &[i16], how_much: Heard) -> Result<()> {
    let same = heard.iter().zip(sent).take_while(|(heard, sent)| heard == sent).count();
    let enough = match how_much {
        Heard::Everything => sent.len(),
        Heard::Beginning => 0,
    };
    let (heard, sent) = (heard.len(), sent.len());
    ensure!(
        same == heard && same >= enough,
        "{sent} samples were sent, {heard} are heard, the first {same} are right"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of two channels.
    fn file(frames: &[[i16; 2]]) -> Vec<u8> {
        let mut file = vec![0; HEADER];
        file[..4].copy_from_slice(b"RIFF");
        file[CHANNELS] = 2;
        file.extend(frames.iter().flatten().flat_map(|value| value.to_le_bytes()));
        file
    }

    #[test]
    fn one_channel_is_heard_without_silence() {
        let file = file(&[[0, 0], [5, 5], [0, 0], [-7, -7]]);
        assert_eq!(heard(&file).unwrap(), [5, -7]);
        assert_eq!(heard(&[]).unwrap(), []);
    }

    #[test]
    fn what_is_no_wave_file_of_one_sound_is_refused() {
        assert!(heard(&file(&[[5, 6]])).is_err());
        assert!(heard(&[1; HEADER + 4]).is_err());
    }

    #[test]
    fn every_sample_counts() {
        let sent = [3, 1, 4, 1, 5];
        assert!(compare(&sent, &sent, Heard::Everything).is_ok());
        assert!(compare(&sent[..4], &sent, Heard::Everything).is_err());
        assert!(compare(&sent[..4], &sent, Heard::Beginning).is_ok());
        for heard in [&[3, 1, 5][..], &[1], &[3, 1, 4, 1, 5, 9]] {
            assert!(compare(heard, &sent, Heard::Beginning).is_err());
        }
    }
}
