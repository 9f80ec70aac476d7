//! `harmonium report`.

use super::args::ReportOptions;
use super::print::out;
use super::progress::Terminal;
use crate::error::Result;
use crate::jobs;
use crate::run::{REPORT, Record};

pub fn run(options: &ReportOptions) -> Result<()> {
    let record = Record::load(&options.run)?;
    jobs::write_report(&record, options.device.as_deref(), &mut Terminal::default())?;
    out!("report: {}", options.run.join(REPORT).display());
    Ok(())
}
