//! Checkpoints: where a run's training stands, in two files that are written in turns, so that one whole
//! checkpoint is there at any instant.
//!
//! A checkpoint is a safetensors file: the arrays of a [`TrainerState`] as f32, and as metadata
//! `harmonium.checkpoint` = "1", `epoch`, `step` and their like, what the command keeps beside them, and
//! `harmonium.crc32`, the CRC-32 of all bytes after the length of the header with that value itself taken
//! as "00000000". A file whose CRC differs is not used.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::Dtype;

use super::files::CHECKPOINTS;
use super::tensor_file::{Reader, convert, header_bytes, write_values};
use crate::error::{Error, Result};
use crate::models::HostArray;
use crate::run::atomic;
use crate::training::{Clock, TrainerState};

pub(super) const FORMAT_KEY: &str = "harmonium.checkpoint";
const FORMAT: &str = "1";
const CRC_KEY: &str = "harmonium.crc32";
const NO_CRC: &str = "00000000";
/// The stage under way, counted from 0; absent in the first.
pub(super) const STAGE: &str = "stage";
const SETTINGS_KEY: &str = "settings";
const COUNTERS: [&str; 4] = ["epoch", "step", "epoch_steps", "epoch_cases"];

/// What a checkpoint holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where training stands.
    pub state: TrainerState,
    /// A fingerprint of the settings: see [`fingerprint`].
    pub settings: String,
    /// What the command keeps beside, under keys of its own.
    pub notes: BTreeMap<String, String>,
}

/// A short fingerprint of a text: its CRC-32 in hexadecimal digits.
pub fn fingerprint(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

impl Checkpoint {
    /// The stage under way, counted from 0.
    pub fn stage(&self) -> usize {
        self.notes.get(STAGE).and_then(|stage| stage.parse().ok()).unwrap_or(0)
    }

    /// How far the training is. After an epoch's last update the epoch may be over or not.
    fn place(&self) -> (usize, u64, u64) {
        (self.stage(), self.state.clock.updates, self.state.clock.epochs)
    }

    /// Writes the checkpoint, atomically.
    ///
    /// # Errors
    /// [`Error::File`] for a value that is not finite: an older file then stays. [`Error::Io`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let fail = |e: serde_json::Error| Error::file(path, "header", e.to_string());
        let mut tensors = Vec::new();
        for (name, HostArray { shape, values }) in &self.state.arrays {
            if !values.iter().all(|x| x.is_finite()) {
                let detail = "a value is not a finite f32; nothing was written";
                return Err(Error::file(path, format!("tensor {name}"), detail));
            }
            tensors.push((name.as_str(), shape.clone(), &values[..]));
        }
        let mut metadata = self.notes.clone();
        let clock = &self.state.clock;
        let counters = [clock.epochs, clock.updates, clock.epoch_updates, clock.epoch_cases];
        for (key, value) in COUNTERS.iter().zip(counters) {
            metadata.insert((*key).into(), value.to_string());
        }
        metadata.insert(FORMAT_KEY.into(), FORMAT.into());
        metadata.insert(SETTINGS_KEY.into(), self.settings.clone());
        metadata.insert(CRC_KEY.into(), NO_CRC.into());
        let mut crc = Crc(crc32fast::Hasher::new());
        let put = |header: &[u8], out: &mut dyn io::Write| {
            out.write_all(header)?;
            tensors.iter().try_for_each(|(_, _, values)| write_values(out, values))
        };
        let header = header_bytes(&metadata, &tensors).map_err(fail)?;
        put(&header, &mut crc).map_err(|e| Error::io("write", path, e))?;
        metadata.insert(CRC_KEY.into(), format!("{:08x}", crc.0.finalize()));
        let header = header_bytes(&metadata, &tensors).map_err(fail)?;
        atomic::write(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            put(&header, out)
        })
    }

    /// Reads and checks a checkpoint.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a file that is truncated, altered or of another kind.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let reader = Reader::open(path, &bytes)?;
        let mut notes = reader.metadata();
        let mut take = |key: &str| {
            notes.remove(key).ok_or_else(|| {
                Error::file(path, format!("metadata {key}"), "missing; this is no checkpoint")
            })
        };
        let format = take(FORMAT_KEY)?;
        if format != FORMAT {
            let detail =
                format!("format '{format}', this version reads '{FORMAT}'; use a newer harmonium");
            return Err(Error::file(path, format!("metadata {FORMAT_KEY}"), detail));
        }
        check_crc(path, &bytes, &take(CRC_KEY)?)?;
        let mut counters = [0; 4];
        for (key, counter) in COUNTERS.iter().zip(&mut counters) {
            let text = take(key)?;
            *counter = text.parse().map_err(|_| {
                Error::file(path, format!("metadata {key}"), format!("'{text}' is no number"))
            })?;
        }
        let settings = take(SETTINGS_KEY)?;
        let mut arrays = BTreeMap::new();
        for (name, info) in reader.header.tensors() {
            let bytes = reader.data.get(info.data_offsets.0..info.data_offsets.1);
            let (Some(bytes), Dtype::F32) = (bytes, info.dtype) else {
                return Err(Error::file(path, format!("tensor {name}"), "expected F32 values"));
            };
            let values = convert(bytes, f32::from_le_bytes);
            arrays.insert(name, HostArray { shape: info.shape.clone(), values });
        }
        let [epochs, updates, epoch_updates, epoch_cases] = counters;
        let state =
            TrainerState { clock: Clock { epochs, updates, epoch_updates, epoch_cases }, arrays };
        Ok(Checkpoint { state, settings, notes })
    }
}

/// Takes the CRC of what is written to it.
struct Crc(crc32fast::Hasher);

impl io::Write for Crc {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn check_crc(path: &Path, bytes: &[u8], stored: &str) -> Result<()> {
    let found = format!("\"{CRC_KEY}\":\"{stored}\"");
    let body = bytes.get(8..).unwrap_or_default();
    let at = body.windows(found.len()).position(|window| window == found.as_bytes());
    let mut crc = crc32fast::Hasher::new();
    if let Some(at) = at {
        crc.update(&body[..at]);
        crc.update(format!("\"{CRC_KEY}\":\"{NO_CRC}\"").as_bytes());
        crc.update(&body[at + found.len()..]);
    }
    let computed = format!("{:08x}", crc.finalize());
    if at.is_some() && computed == stored {
        return Ok(());
    }
    let detail = format!("the CRC-32 is {computed}, {stored} is recorded; the file was altered");
    Err(Error::file(path, "contents", detail))
}

/// The two checkpoints of a run.
#[derive(Debug)]
pub struct Checkpoints {
    paths: [PathBuf; 2],
    /// Which one is written next.
    next: usize,
}

/// What [`Checkpoints::open`] found.
#[derive(Debug)]
pub struct Found {
    /// The newest whole checkpoint; `None` where there is no file at all.
    pub newest: Option<(PathBuf, Checkpoint)>,
    /// Why the others were not used.
    pub refused: Vec<Error>,
}

impl Checkpoints {
    /// Those of a new run, none of which is written yet.
    pub fn new(folder: &Path) -> Self {
        Checkpoints { paths: CHECKPOINTS.map(|name| folder.join(name)), next: 0 }
    }

    /// Looks for the newest whole checkpoint. The next one will not be written over it.
    ///
    /// # Errors
    /// [`Error::Run`] where there are checkpoints and none is whole, with the reasons.
    pub fn open(folder: &Path) -> Result<(Self, Found)> {
        let mut checkpoints = Self::new(folder);
        let mut found = Found { newest: None, refused: Vec::new() };
        for (which, path) in checkpoints.paths.iter().enumerate() {
            match Checkpoint::load(path) {
                Ok(checkpoint) => {
                    let newest = found.newest.as_ref().map(|(_, newest)| newest.place());
                    if newest.is_none_or(|place| checkpoint.place() >= place) {
                        found.newest = Some((path.clone(), checkpoint));
                        checkpoints.next = 1 - which;
                    }
                }
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => found.refused.push(error),
            }
        }
        if found.newest.is_none() && !found.refused.is_empty() {
            let reasons: Vec<String> = found.refused.iter().map(Error::to_string).collect();
            return Err(Error::run(
                "checkpoints",
                format!("none can be used, so the run cannot go on: {}", reasons.join("; ")),
            ));
        }
        Ok((checkpoints, found))
    }

    /// Whether a run's folder has one, whole or not.
    pub fn are_in(folder: &Path) -> bool {
        CHECKPOINTS.iter().any(|name| folder.join(name).is_file())
    }

    /// Writes a checkpoint in place of the older one of the two.
    ///
    /// # Errors
    /// As [`Checkpoint::save`]; the newer one then stays as it is, and the older one too.
    pub fn write(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.save(&self.paths[self.next])?;
        self.next = 1 - self.next;
        Ok(())
    }
}
