//! The progress bar of a training run, on a terminal only.

use web_time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::log::{self, LogLevel};
use crate::device::{Device, ProfileRow};
use crate::error::Result;
use crate::run::Stage;
use crate::training::{Figures, Told};

/// What the command shows of a run while it goes on: one bar for a stage.
pub struct Terminal {
    bar: ProgressBar,
    start: Instant,
    cases: u64,
    epochs: u64,
    /// The device whose kernels are timed from the first epoch on, and then their times.
    profiled: Option<Device>,
    timing: bool,
    rows: Option<Result<Vec<ProfileRow>>>,
}

impl Default for Terminal {
    fn default() -> Self {
        Terminal {
            bar: ProgressBar::hidden(),
            start: Instant::now(),
            cases: 0,
            epochs: 0,
            profiled: None,
            timing: false,
            rows: None,
        }
    }
}

impl Terminal {
    /// The device's kernels are to be timed, from the first epoch until training is over: neither the warm-up nor
    /// pictures and report.
    pub fn profile(&mut self, device: &Device) {
        self.profiled = Some(device.clone());
    }

    /// What the kernels of training took.
    pub fn profiled(&mut self) -> Option<Result<Vec<ProfileRow>>> {
        self.rows.take()
    }

    pub fn stage(&mut self, stage: &Stage, done: u64, cases: usize) {
        let all = stage.epochs.saturating_mul(cases as u64);
        // Hidden by indicatif where standard error is no terminal.
        self.bar = match log::tells(LogLevel::Info) {
            true => ProgressBar::new(all),
            false => ProgressBar::hidden(),
        };
        // Lines that do not fit are cut off: one that wraps is drawn again and again.
        let style = ProgressStyle::with_template(
            "{prefix} {wide_bar:.cyan/238} [{elapsed} < {eta}]\n{wide_msg}",
        );
        if let Ok(style) = style {
            self.bar.set_style(style.progress_chars("━╸─"));
        }
        self.bar.inc(done.saturating_mul(cases as u64));
        self.bar.reset_eta();
        (self.start, self.cases, self.epochs) = (Instant::now(), 0, stage.epochs);
    }

    pub fn epoch(&mut self, epoch: u64) {
        if let Some(device) = self.profiled.as_ref().filter(|_| !self.timing) {
            self.timing = true;
            self.rows = device.start_profile().err().map(Err);
        }
        let rate = match self.cases {
            0 => String::new(),
            cases => {
                let seconds = self.start.elapsed().as_secs_f64().max(1e-9);
                format!(", {:.0} cases/s", cases as f64 / seconds)
            }
        };
        self.bar.set_prefix(format!("epoch {epoch}/{}{rate}", self.epochs));
    }

    pub fn advance(&mut self, cases: usize) {
        self.cases += cases as u64;
        self.bar.inc(cases as u64);
    }

    pub fn score(&self, figures: &Figures) {
        let told = |told: &[Told]| -> Vec<String> {
            let own = figures.iter().filter(|(figure, _)| told.contains(&figure.told));
            own.filter_map(|(f, _)| Some(format!("{} {}", f.title(), figures.text(f)?))).collect()
        };
        let mut texts = told(&[Told::Always, Told::Meanwhile]);
        if texts.is_empty() {
            texts = told(&[Told::AtTheEnd]);
        }
        if !texts.is_empty() {
            self.bar.set_message(texts.join(", "));
        }
    }

    /// Takes the bar away; what is timed was training.
    pub fn over(&mut self) {
        self.bar.finish_and_clear();
        if self.rows.is_none() {
            self.rows = self.profiled.take().map(|device| device.profile());
        }
    }
}
