//! The data of a training: loaded whole, or, where they do not fit or it is asked for, read in pieces.

use std::path::Path;

use super::data::Data;
use super::settings::{Memory, Validation};
use crate::data::{
    self, Binarize, DataSet, Found, Holdout, Preprocessing, Reading, Splits, Stream, Streaming,
};
use crate::error::{Error, Result};
use crate::run::{Event, Observer};
use crate::training::BatchSource;

/// Where training cases come from.
pub type Source = Box<dyn BatchSource>;

/// What a training says of its data.
pub struct Wish<'a> {
    pub data: &'a Data,
    pub reading: Reading,
    /// A file of the weights of the training cases.
    pub weights: Option<&'a str>,
    /// Whether it is to be read in pieces even where it fits.
    pub stream: bool,
    /// How many bytes cases may take.
    pub memory: Memory,
    /// Whether pictures of numbers up to 255 or 65,535 come into [0, 1].
    pub unit_pictures: bool,
    /// Whether columns are to be standardised.
    pub standardize: bool,
    pub limit: Option<usize>,
    pub validation: Validation,
    pub seed: u64,
    /// Settings that need all cases in memory, with whether they are asked for.
    pub whole: &'a [(&'static str, bool)],
}

/// What was loaded, before cases are held out.
pub struct Loaded {
    /// All training cases; of a stream those that stay in memory.
    pub train: DataSet,
    pub test: Option<DataSet>,
    streamed: Option<(Stream, Option<DataSet>)>,
}

/// The parts.
pub struct Divided {
    pub train: DataSet,
    pub validation: Option<DataSet>,
    pub stream: Option<Stream>,
    /// How many were held out; never [`Validation::Auto`].
    pub split: Validation,
}

/// The source, if it is to be read in pieces: that is asked for, or it takes more than `memory`.
///
/// # Errors
/// [`Error::Setting`] where it is asked for and the source is not read so; what opening gives then.
pub(super) fn found(
    data: &str,
    reading: &Reading,
    stream: bool,
    memory: Memory,
) -> Result<Option<Found>> {
    let found = Found::at(data, reading);
    if !stream {
        // What cannot be opened is for the reader of whole sets to say.
        return Ok(found.ok().flatten().filter(|found| found.bytes() > memory.bytes()));
    }
    found?.map(Some).ok_or_else(|| {
        let detail = format!(
            "{data} is not read in pieces: .npy and idx arrays and .csv tables are, plain or .gz, folders of them in MNIST's \
             naming, and folders of shards (part-*.npy, labels-*.npy)"
        );
        Error::setting("stream", detail)
    })
}

impl Wish<'_> {
    /// Loads it, and tells the observer what is worth saying.
    ///
    /// # Errors
    /// What reading gives; [`Error::Setting`] for what a stream cannot do.
    pub fn load(&self, observer: &mut dyn Observer) -> Result<Loaded> {
        let found = match (self.data.is_in_memory(), self.stream) {
            (true, true) => {
                let detail =
                    format!("{} is in memory already, and is not read in pieces", self.data);
                return Err(Error::setting("stream", detail));
            }
            (true, false) => None,
            (false, _) => found(self.data.name(), &self.reading, self.stream, self.memory)?,
        };
        let loaded = match found {
            Some(found) => self.streamed(found, observer)?,
            None => {
                let Splits { mut train, test } =
                    self.data.load(&self.reading, self.unit_pictures)?;
                if let Some(path) = self.weights {
                    let weights = data::read_weights(Path::new(path))?;
                    // It is the file of the weights that is wrong.
                    train = train.with_weights(weights).map_err(|e| match e {
                        Error::Data { detail, .. } => {
                            Error::data(format!("weights {path}"), detail)
                        }
                        other => other,
                    })?;
                }
                Loaded { train, test, streamed: None }
            }
        };
        for notice in &loaded.train.notices {
            observer.see(Event::Note(&format!("note: {notice}")));
        }
        Ok(loaded)
    }

    fn streamed(&self, mut found: Found, observer: &mut dyn Observer) -> Result<Loaded> {
        let why = match self.stream {
            true => "read in pieces".to_string(),
            false => format!("more than --memory {}, so that it is read in pieces", self.memory),
        };
        let weights = [("weights", self.weights.is_some())];
        if let Some((name, _)) = weights.iter().chain(self.whole).find(|(_, asked)| *asked) {
            let detail = format!(
                "needs all cases in memory, and {} is {why}; leave it out, or raise --memory",
                self.data
            );
            return Err(Error::setting(*name, detail));
        }
        let size = Memory::words(found.bytes());
        observer.see(Event::Note(&format!(
            "note: {}: {size}, {why}; first all is read once",
            self.data
        )));
        let cases = found.cases()?;
        let cases = self.limit.map_or(cases, |limit| limit.min(cases));
        let mut how = Streaming::new(self.memory.bytes())
            .seed(self.seed)
            .unit_pictures(self.unit_pictures)
            .spread(self.standardize);
        if let Some(limit) = self.limit {
            how = how.limit(limit);
        }
        how = match (self.validation, self.validation.of(cases)) {
            (Validation::Auto, Validation::Some(holdout)) => how.holdout_at_most(holdout),
            (_, Validation::Some(holdout)) => how.holdout(holdout),
            _ => how,
        };
        let streamed = found.open(&how)?;
        Ok(Loaded {
            train: streamed.sample,
            test: streamed.test,
            streamed: Some((streamed.train, streamed.validation)),
        })
    }
}

/// That some case of a part counts.
pub(super) fn counts(part: &DataSet) -> Result<()> {
    let cases = &part.cases;
    if !cases.has_weights() || (0..cases.len()).any(|case| cases.weight(case) > 0.0) {
        return Ok(());
    }
    let detail = format!(
        "all {} cases of a part weigh 0, those learnt from or those held out, so that nothing can be learnt or scored \
         there; hold out others (--validation, --seed), or none (--validation 0)",
        cases.len()
    );
    Err(Error::setting("weights", detail))
}

impl Loaded {
    /// Whether it is read in pieces.
    pub fn is_streamed(&self) -> bool {
        self.streamed.is_some()
    }

    /// That all training cases lie in [0, 1].
    ///
    /// # Errors
    /// [`Error::Data`].
    pub fn check_unit_interval(&self, name: &str) -> Result<()> {
        match &self.streamed {
            Some((stream, _)) => stream.check_unit_interval(name),
            None => self.train.cases.check_unit_interval(name),
        }
    }

    /// Holds cases out.
    ///
    /// # Errors
    /// [`Error::Setting`] where nothing would be left on one side.
    pub fn divide(self, validation: Validation, seed: u64) -> Result<(Divided, Option<DataSet>)> {
        let divided = match self.streamed {
            Some((stream, validation)) => {
                let held = |set: &DataSet| Validation::Some(Holdout::Count(set.cases.len()));
                let split = validation.as_ref().map_or(Validation::None, held);
                Divided { train: self.train, validation, stream: Some(stream), split }
            }
            None => {
                let split = validation.of(self.train.cases.len());
                let (train, validation) = split.split(self.train, seed)?;
                [Some(&train), validation.as_ref()].into_iter().flatten().try_for_each(counts)?;
                Divided { train, validation, stream: None, split }
            }
        };
        Ok((divided, self.test))
    }
}

impl Divided {
    /// Preprocessing fitted to all training cases.
    ///
    /// # Errors
    /// As [`Preprocessing::fit`].
    pub fn fit(&self, binarize: Option<Binarize>, standardize: bool) -> Result<Preprocessing> {
        match &self.stream {
            Some(stream) => stream.fit(binarize, standardize),
            None => Preprocessing::fit(&self.train.cases, binarize, standardize),
        }
    }

    /// How many cases there are to learn from.
    pub fn cases(&self) -> usize {
        self.stream.as_ref().map_or(self.train.cases.len(), Stream::len)
    }
}
