//! The progress bar of a training run, on a terminal only.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::log::{self, LogLevel};

/// One bar for the whole run.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    cases: u64,
}

impl Progress {
    pub fn new(epochs: u64, cases_per_epoch: u64) -> Self {
        // Hidden by indicatif where standard error is no terminal.
        let bar = match log::tells(LogLevel::Info) {
            true => ProgressBar::new(epochs.saturating_mul(cases_per_epoch)),
            false => ProgressBar::hidden(),
        };
        let style =
            ProgressStyle::with_template("{prefix} {wide_bar:.cyan/238} {msg} [{elapsed} < {eta}]");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Progress { bar, start: Instant::now(), cases: 0 }
    }

    /// Counts what an earlier process did.
    pub fn skip(&self, cases: u64) {
        self.bar.inc(cases);
        self.bar.reset_eta();
    }

    pub fn epoch(&self, epoch: u64, epochs: u64) {
        self.bar.set_prefix(format!("epoch {epoch}/{epochs}"));
    }

    pub fn advance(&mut self, cases: usize) {
        self.cases += cases as u64;
        self.bar.inc(cases as u64);
    }

    pub fn score(&self, text: &str) {
        let rate = self.cases as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        self.bar.set_message(format!("{rate:.0} cases/s, {text}"));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
