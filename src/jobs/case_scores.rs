//! What an evaluation finds of each case.

use std::path::Path;

use crate::error::Result;
use crate::run::atomic;

/// What an evaluation finds of each case, a column of numbers a score: its figures are the means of these.
///
/// Cases that a model of the training data finds improbable, or brings back badly, are unlike those: sorted by such a column
/// they tell outliers.
///
/// ```
/// # use harmonium::{Device, data, jobs::{Choice, rbm::{EvaluationConfig, RbmJob, RbmSettings}}, run};
/// # let folder = std::env::temp_dir().join(format!("harmonium-cases-{}", std::process::id()));
/// # let mut settings = RbmSettings::of(data::digits()?.train)?;
/// # (settings.hidden, settings.epochs) = (8, 1);
/// # let observer = &mut |_: run::Event<'_>| run::Flow::GoOn;
/// # let mut job = RbmJob::new(settings, &Device::cpu(), observer)?;
/// # let mut new = run::Run::create(&job, Some(&folder), false)?;
/// # run::train(&mut job, &mut new, observer)?;
/// # drop(new);
/// use harmonium::jobs::{Trained, TrainedRbm};
/// let model = Trained::open(&folder, &Device::cpu(), None)?.of_kind::<TrainedRbm>()?;
/// let digits = data::digits()?.test.expect("digits have a test part");
/// let choice = Choice::of_set(&digits);
/// let found = model.evaluate(&choice, &EvaluationConfig::default(), &mut |_| {})?;
/// let errors = found.each_case.get("reconstruction_error").expect("every machine has one");
/// assert_eq!(errors.len(), 297);
/// found.each_case.write_csv(&folder.join("cases.csv"))?;
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseScores {
    files: Vec<String>,
    columns: Vec<(&'static str, Vec<f64>)>,
}

impl CaseScores {
    /// No score yet, of cases that come from these files; none where a case has no file of its own.
    pub(super) fn new(files: &[String]) -> Self {
        CaseScores { files: files.to_vec(), columns: Vec::new() }
    }

    /// The same with a score, where there is one.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, values: Option<Vec<f64>>) -> Self {
        self.columns.extend(values.map(|values| (name, values)));
        self
    }

    /// What the scores are called: as the evaluation's JSON calls their means, where it has them, without `mean_`.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }

    /// A score of each case, in their order; `None` where the evaluation has no such one.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find(|(known, _)| *known == name).map(|(_, values)| &values[..])
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.columns.first().map_or(0, |(_, values)| values.len())
    }

    /// Writes a line a case, atomically: its number, counted from 0, its file where each has one of its own, and its scores.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let named = !self.files.is_empty();
        atomic::write(path, |out| {
            let mut csv = csv::Writer::from_writer(out);
            let head = ["case"].into_iter().chain(named.then_some("file")).chain(self.names());
            csv.write_record(head)?;
            for case in 0..self.cases() {
                csv.write_field(case.to_string())?;
                if named {
                    csv.write_field(self.files.get(case).map_or("", String::as_str))?;
                }
                for (_, values) in &self.columns {
                    csv.write_field(values.get(case).map_or(String::new(), f64::to_string))?;
                }
                csv.write_record(None::<&[u8]>)?;
            }
            csv.flush()
        })
    }
}
