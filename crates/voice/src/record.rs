//! Recordings: written as they grow, whole at any moment, renamed when complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use media::{Rate, Wav};

use crate::report::Reports;
use crate::{CallKey, Report};

/// A recording in progress, on the side of the audio thread, which never waits for the disk.
pub(crate) struct Recording {
    chunks: SyncSender<Chunk>,
    filling: Vec<i16>,
    /// Samples that the writer had no time for.
    missed: Arc<AtomicU64>,
}

/// Sound on its way to the writer.
struct Chunk {
    rate: Rate,
    samples: Vec<i16>,
}

impl Recording {
    /// Begins a recording of a call to `path`; how it ends is a report.
    pub(crate) fn start(
        call: CallKey,
        path: PathBuf,
        reports: Reports,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (chunks, sound) = sync_channel(CHUNKS_MAX);
        let missed = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&missed);
        let write = move || {
            let report = match write(&path, &sound) {
                Ok((rate, samples)) => Report::Recorded {
                    path,
                    length: duration(rate, samples),
                    missed: duration(rate, counted.load(Ordering::Relaxed)),
                },
                Err(error) => Report::RecordingFailed { path, error },
            };
            reports.tell(call, report);
        };
        let writer = std::thread::Builder::new().name("recording".to_owned()).spawn(write)?;
        Ok((Self { chunks, filling: Vec::new(), missed }, writer))
    }

    /// Takes sound, all of one rate.
    pub(crate) fn hear(&mut self, rate: Rate, sound: &[i16]) {
        self.filling.extend(sound);
        if self.filling.len() >= rate.samples(CHUNK_MS) {
            self.pass_on(rate);
        }
    }

    /// Ends it; the writer completes the file.
    pub(crate) fn end(mut self, rate: Rate) {
        self.pass_on(rate);
    }

    fn pass_on(&mut self, rate: Rate) {
        let samples = std::mem::take(&mut self.filling);
        // A writer that failed has told so itself.
        if let Err(TrySendError::Full(chunk)) = self.chunks.try_send(Chunk { rate, samples }) {
            self.missed.fetch_add(chunk.samples.len() as u64, Ordering::Relaxed);
        }
    }
}

/// A WAV file that grows; its header is right after every [`CHUNKS_PER_HEADER`] chunks.
struct Draft {
    path: PathBuf,
    file: File,
    rate: Rate,
    samples: u64,
}

/// Writes what comes until nothing more does; gives the rate and the count of samples.
fn write(path: &Path, sound: &Receiver<Chunk>) -> io::Result<(Rate, u64)> {
    let mut draft = Draft::create(path)?;
    for number in 1_u32.. {
        let Ok(chunk) = sound.recv() else { break };
        draft.append(&chunk)?;
        if number % CHUNKS_PER_HEADER == 0 {
            draft.write_header()?;
        }
    }
    draft.complete(path)
}

impl Draft {
    /// Creates the file beside `path`; one that a crash left behind keeps its name.
    fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let names = std::iter::once(format!("{name}.part"))
            .chain((1..DRAFTS_MAX).map(|number| format!("{name}.{number}.part")));
        for name in names {
            let path = path.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    let mut draft = Self { path, file, rate: Rate::Khz8, samples: 0 };
                    draft.file.write_all(&header(draft.rate))?;
                    return Ok(draft);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn append(&mut self, chunk: &Chunk) -> io::Result<()> {
        if self.samples + chunk.samples.len() as u64 > SAMPLES_MAX {
            self.write_header()?;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.rate = chunk.rate;
        let bytes: Vec<u8> = chunk.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.file.write_all(&bytes)?;
        self.samples += chunk.samples.len() as u64;
        Ok(())
    }

    /// Says in the header how much has been written: never more than there is.
    fn write_header(&self) -> io::Result<()> {
        let mut header = header(self.rate);
        let data = u32::try_from(2 * self.samples).unwrap_or(u32::MAX);
        for (place, value) in [(4, data.saturating_add(36)), (40, data)] {
            if let Some(field) = header.get_mut(place..place + 4) {
                field.copy_from_slice(&value.to_le_bytes());
            }
        }
        self.file.write_all_at(&header, 0)
    }

    fn complete(self, path: &Path) -> io::Result<(Rate, u64)> {
        self.write_header()?;
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok((self.rate, self.samples))
    }
}

/// The header of a file without sound.
fn header(rate: Rate) -> Vec<u8> {
    Wav { hz: rate.hz(), samples: Vec::new() }.write()
}

fn duration(rate: Rate, samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(rate.hz()))
}

/// Sound is passed on in pieces of so many milliseconds.
const CHUNK_MS: usize = 100;
/// Pieces that may wait for the disk: twenty seconds.
const CHUNKS_MAX: usize = 200;
/// The header is renewed every second.
const CHUNKS_PER_HEADER: u32 = 10;
/// Names that are tried for a draft.
const DRAFTS_MAX: u32 = 100;
/// The sizes in a WAV file have 32 bits.
const SAMPLES_MAX: u64 = (u32::MAX as u64 - 36) / 2;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    fn reports() -> (Reports, Receiver<Report>) {
        let (tell, told): (Sender<Report>, _) = channel();
        (Reports::new(move |_, report| tell.send(report).unwrap()), told)
    }

    fn record(path: &Path, rate: Rate, sound: &[i16]) -> Report {
        let (reports, told) = reports();
        let (mut recording, writer) =
            Recording::start(CallKey(1), path.to_path_buf(), reports).unwrap();
        sound.chunks(rate.samples(10)).for_each(|frame| recording.hear(rate, frame));
        recording.end(rate);
        writer.join().unwrap();
        told.recv().unwrap()
    }

    #[test]
    fn a_recording_holds_what_was_heard_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let sound: Vec<i16> = (0..16_000 + 77).map(|n| n as i16).collect();
        let report = record(&path, Rate::Khz16, &sound);
        assert!(
            matches!(&report, Report::Recorded { length, missed: Duration::ZERO, .. }
                if length.as_millis() == 1_004),
            "{report:?}"
        );
        let wav = Wav::parse(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(wav, Wav { hz: 16_000, samples: sound });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_recording_of_nothing_is_a_file_without_sound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        record(&path, Rate::Khz8, &[]);
        let wav = Wav::parse(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(wav, Wav { hz: 8_000, samples: Vec::new() });
    }

    #[test]
    fn a_draft_can_be_played_at_any_moment_and_the_former_file_stays_until_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        fs::write(&path, b"former").unwrap();
        let mut draft = Draft::create(&path).unwrap();
        for second in 1..=3 {
            for _ in 0..10 {
                draft.append(&Chunk { rate: Rate::Khz8, samples: vec![5; 800] }).unwrap();
            }
            draft.write_header().unwrap();
            draft.append(&Chunk { rate: Rate::Khz8, samples: Vec::new() }).unwrap();
            let left = fs::read(folder.path().join("call.wav.part")).unwrap();
            assert_eq!(Wav::parse(&left).unwrap().samples.len(), 8_000 * second);
            assert_eq!(left.len(), 44 + 16_000 * second);
        }
        assert_eq!(fs::read(&path).unwrap(), b"former");
        // Killed here, the draft stays; the next recording does not touch it.
        drop(draft);
        record(&path, Rate::Khz8, &[9; 80]);
        assert_eq!(Wav::parse(&fs::read(&path).unwrap()).unwrap().samples, [9; 80]);
        assert!(folder.path().join("call.wav.part").exists());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_and_stops_nobody() {
        for path in ["/nowhere/call.wav", "/", "/proc/call.wav"] {
            let report = record(Path::new(path), Rate::Khz8, &[1; 8_000]);
            assert!(matches!(report, Report::RecordingFailed { .. }), "{path}: {report:?}");
        }
    }

    #[test]
    fn what_a_slow_disk_has_no_time_for_is_counted() {
        let (chunks, sound) = sync_channel(1);
        let missed = Arc::new(AtomicU64::new(0));
        let mut recording = Recording { chunks, filling: Vec::new(), missed: Arc::clone(&missed) };
        recording.hear(Rate::Khz8, &[1; 2_400]);
        recording.hear(Rate::Khz8, &[2; 800]);
        recording.end(Rate::Khz8);
        assert_eq!(missed.load(Ordering::Relaxed), 800);
        assert_eq!(sound.try_iter().count(), 1);
    }
}
