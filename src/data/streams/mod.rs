//! Data sets that are read in pieces, since they need not fit in memory.
//!
//! [`Found`] are the files, opened and measured; [`Found::open`] reads all of it once and keeps a few cases; a [`Stream`]
//! gives the training cases window by window, to [`StreamedData`](crate::training::StreamedData).

mod held;
mod order;
mod part;
mod scan;
mod shard;
mod streaming;
mod windows;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::kind::Kind;
use super::reading::Reading;
use super::set::DataSet;
use super::{BUNDLED, file, folder, one_of_a_folder};
use crate::error::{Error, Result};
use crate::random::{Draw, PhiloxRng, stream};
use held::Decision;
pub(crate) use order::Window;
pub use part::Stream;
use part::{Inner, firsts};
use scan::{Picked, Scanned, Wanted, scan};
use shard::Shard;
pub(super) use shard::ShardFiles;
pub use streaming::Streaming;
pub(crate) use windows::WindowReader;

/// What part of the memory a window has: one is on the device, one is read, and while it is prepared there are two of it.
const WINDOW: u64 = 4;
/// And what part each of the sets has that stay in memory.
const KEPT: u64 = 12;
/// Cases of the training part that are kept, at most.
const SAMPLE: u64 = 10_000;

/// A source that can be streamed, opened and measured.
pub struct Found {
    name: String,
    train: Vec<Shard>,
    test: Vec<Shard>,
    reading: Reading,
    counted: bool,
    /// What is to be told of where it was found.
    note: Option<String>,
}

crate::error::opaque!(Found);

/// A streamed set and what of it stays in memory.
#[non_exhaustive]
#[derive(Debug)]
pub struct Streamed {
    /// All cases to learn from.
    pub train: Stream,
    /// Some of them, evenly spaced over the source: for means, scores and pictures.
    pub sample: DataSet,
    /// Those held out.
    pub validation: Option<DataSet>,
    /// The source's test part, or cases evenly spaced over it, as many as fit.
    pub test: Option<DataSet>,
    /// All of the test part.
    pub all_test: Option<Stream>,
}

impl Found {
    /// Looks whether a source can be streamed: a .npy or idx array or a table (also .gz), a folder of such in the naming of
    /// MNIST, or a folder of shards (`part-*.npy`).
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] for what cannot be opened or is damaged; shards of different widths.
    pub fn at(source: &str, reading: &Reading) -> Result<Option<Self>> {
        reading.check()?;
        let path = Path::new(source);
        if BUNDLED.contains(&source) {
            return Ok(None);
        }
        let labels_file = || reading.labels.clone().filter(|labels| Path::new(labels).is_file());
        let parts = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                let labels = labels_file().map(Into::into);
                Some(([vec![ShardFiles { cases: path.into(), labels }], vec![]], None))
            }
            Ok(metadata) if metadata.is_dir() => folder::stream_files(path, None, source, reading)?,
            _ => match one_of_a_folder(path) {
                Some((folder, set)) => folder::stream_files(folder, Some(&set), source, reading)?,
                None => None,
            },
        };
        let Some(([train, test], note)) = parts else { return Ok(None) };
        if train.iter().any(|files| !streams(&files.cases)) {
            return Ok(None);
        }
        let open = |files: Vec<ShardFiles>, reading: &Reading| -> Result<Vec<Shard>> {
            files.iter().map(|f| Shard::open(f, reading)).collect()
        };
        let train = open(train, reading)?;
        let columns = train.first().map_or(Vec::new(), Shard::columns);
        let by_train = reading.clone().or(&Reading::default().columns(columns));
        let found = Found {
            name: source.into(),
            train,
            test: open(test, &by_train)?,
            reading: reading.clone(),
            counted: false,
            note,
        };
        found.check_alike()?;
        Ok(Some(found))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its training cases take as they are held in memory, in bytes; of tables a guess.
    pub fn bytes(&self) -> u64 {
        self.train.iter().map(Shard::held_bytes).sum()
    }

    /// How many cases there are for training; of tables all is read for it.
    ///
    /// # Errors
    /// What reading gives.
    pub fn cases(&mut self) -> Result<usize> {
        if !self.counted {
            for shard in self.train.iter_mut().chain(&mut self.test) {
                shard.count()?;
            }
            self.counted = true;
        }
        let cases: usize = self.train.iter().map(|shard| shard.n).sum();
        if u32::try_from(cases).is_err() {
            let detail = format!("{cases} cases; at most 4294967295 are read, see --limit");
            return Err(Error::data(&self.name, detail));
        }
        Ok(cases)
    }

    /// How many cases there are for testing.
    ///
    /// # Errors
    /// What reading gives.
    pub fn test_cases(&mut self) -> Result<usize> {
        self.cases()?;
        Ok(self.test.iter().map(|shard| shard.n).sum())
    }

    /// That all files have cases of one kind.
    fn check_alike(&self) -> Result<()> {
        let all = || self.train.iter().chain(&self.test);
        let Some(first) = all().next() else { return Ok(()) };
        if let Some(other) = all().find(|shard| shard.axes() != first.axes()) {
            let detail = format!(
                "{}, and {} has {}; all files of a set have cases of one size",
                other.axes(),
                first.path().display(),
                first.axes()
            );
            return Err(Error::file(other.path(), "header", detail));
        }
        if let Some(other) = self.train.iter().find(|s| s.has_labels() != first.has_labels()) {
            let (with, without) = match first.has_labels() {
                true => (first, other),
                false => (other, first),
            };
            let detail = format!("no labels, and {} has some", with.path().display());
            return Err(Error::file(without.path(), "labels", detail));
        }
        Ok(())
    }

    /// Reads all of it once, and keeps what stays in memory.
    ///
    /// # Errors
    /// [`Error::File`] with the byte or line for wrong contents; [`Error::Setting`] for more cases held out than fit.
    pub fn open(mut self, how: &Streaming) -> Result<Streamed> {
        let n = self.cases()?;
        let limit = how.limit.map_or(n, |limit| limit.min(n));
        let width = self.train.first().map_or(1, Shard::width) as u64;
        let case = self.train.iter().map(Shard::case_bytes).max().unwrap_or(1);
        if case > how.memory / WINDOW {
            let detail = format!(
                "a case takes {case} bytes while it is read, more than a quarter of the memory for cases; use --memory {} \
                 or more",
                (case * WINDOW).div_ceil(1 << 20).to_string() + "MiB"
            );
            return Err(Error::setting("memory", detail));
        }
        // Numbers take four bytes, bytes one; which, the pass will say.
        let bytes = self.bytes().div_ceil(n.max(1) as u64).max(width);
        let room = match how.in_order {
            true => 1,
            false => (how.memory / KEPT / bytes).max(1) as usize,
        };
        let held = how.held_out(limit, room, &self.name)?;
        let held_out = chosen(limit, held, how.seed);
        let out: HashSet<u32> = held_out.iter().copied().collect();
        let count = room.min(SAMPLE as usize).min(limit - held) + held;
        let sample = spaced(limit, count).filter(|number| !out.contains(number)).collect();
        let wanted = Wanted {
            name: &self.name,
            cases: limit,
            held_out: held_out.clone(),
            sample,
            spread: how.spread,
        };
        let scanned = scan(&self.train, wanted)?;
        let test_cases: usize = self.test.iter().map(|shard| shard.n).sum();
        let of_test = match test_cases {
            0 => None,
            n => {
                let name = format!("{} (test)", self.name);
                let sample = spaced(n, room.min(n)).collect();
                Some(scan(
                    &self.test,
                    Wanted { name: &name, cases: n, held_out: vec![], sample, spread: how.spread },
                )?)
            }
        };
        self.finish(how, limit, held_out, scanned, of_test.map(|scanned| (scanned, test_cases)))
    }

    fn finish(
        self,
        how: &Streaming,
        limit: usize,
        held_numbers: Vec<u32>,
        scanned: Scanned,
        test: Option<(Scanned, usize)>,
    ) -> Result<Streamed> {
        let Scanned { seen, moments, mut counts, held_out, sample, checksum } = scanned;
        let image = seen.image;
        let mut decision = Decision::of(&seen, &self.name, &self.reading, how.unit_pictures);
        decision.notices.splice(0..0, self.note);
        if let Some((test, _)) = &test {
            counts.extend(&test.counts);
        }
        let labelled =
            self.train.first().is_some_and(Shard::has_labels) && !self.reading.no_labels();
        if labelled && counts.are_mixed() {
            let detail = "some labels are numbers and others are words";
            return Err(Error::data(&self.name, detail));
        }
        let (classes, notes) = match labelled {
            true => counts.classes(),
            false => Default::default(),
        };
        decision.notices.extend(notes.into_iter().map(|note| format!("{}: {note}", self.name)));
        let set = |picked: Picked, name: String| -> Result<Option<DataSet>> {
            let Some((cases, labels)) = picked.cases(&decision)? else { return Ok(None) };
            let mut set = DataSet::new(name, cases);
            (set.image, set.scale, set.one) = (image, decision.scale, decision.one);
            if let Some(labels) = labels.filter(|_| labelled) {
                set = set.labelled(classes.of(&labels), classes.names.clone())?;
            }
            Ok(Some(set))
        };
        let name = self.name.clone();
        let mut sample = set(sample, name.clone())?
            .ok_or_else(|| Error::data(&name, "no case is left to learn from; hold fewer out"))?;
        let validation = set(held_out, format!("{name} (validation)"))?;
        let of_test = format!("{name} (test)");
        let mut whole_test = None;
        let test = match test {
            None => None,
            Some((scanned, all)) => {
                let statistics = scanned.moments.statistics(&decision, &scanned.seen);
                whole_test = Some((scanned.checksum, statistics, all));
                let test = set(scanned.sample, of_test.clone())?;
                let kept = test.as_ref().map_or(0, |test| test.cases.len());
                if kept < all && !how.in_order {
                    decision.notices.push(format!(
                        "{name}: {kept} of the {all} test cases fit in the memory for cases, evenly spaced, and are scored"
                    ));
                }
                test
            }
        };
        sample.notices.clone_from(&decision.notices);
        sample.columns = self.train.first().map_or(Vec::new(), Shard::columns);
        let width = sample.cases.width();
        let stream = |shards: Vec<Shard>, name: String, (checksum, statistics, limit), held_out| {
            let (firsts, classes) = (firsts(&shards), classes.clone());
            let (memory, decision) = (how.memory, decision.clone());
            Stream::of(Inner {
                name,
                shards,
                firsts,
                limit,
                held_out,
                decision,
                classes,
                labelled,
                image,
                width,
                statistics,
                checksum,
                memory,
            })
        };
        let all_test = whole_test.map(|whole| stream(self.test, of_test, whole, vec![]));
        let statistics = moments.statistics(&decision, &seen);
        let train = stream(self.train, name, (checksum, statistics, limit), held_numbers);
        Ok(Streamed { train, sample, validation, test, all_test })
    }
}

/// Whether a file is one that streams; what cannot be opened is for its reader to say.
fn streams(path: &Path) -> bool {
    file::open(path).map_or(true, |(_, kind)| matches!(kind, Kind::Idx | Kind::Npy | Kind::Text))
}

/// So many numbers below `n`, ascending: a function of the seed, `n` and the count alone (Floyd's algorithm).
fn chosen(n: usize, count: usize, seed: u64) -> Vec<u32> {
    let mut rng = PhiloxRng::new(Draw::new(seed, stream::SPLIT).at(2));
    let mut chosen = HashSet::with_capacity(count);
    for last in n - count..n {
        let number = rng.below(last as u32 + 1);
        if !chosen.insert(number) {
            chosen.insert(last as u32);
        }
    }
    let mut chosen: Vec<u32> = chosen.into_iter().collect();
    chosen.sort_unstable();
    chosen
}

/// So many numbers below `n`, evenly spaced.
fn spaced(n: usize, count: usize) -> impl Iterator<Item = u32> {
    let count = count.min(n);
    (0..count).map(move |i| (i as u64 * n as u64 / count as u64) as u32)
}
