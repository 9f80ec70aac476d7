//! `harmonium report`.

use std::path::Path;

use super::args::ReportOptions;
use super::print::out;
use super::progress::Terminal;
use crate::error::Result;
use crate::jobs;
use crate::run::{REPORT, Record};

pub fn run(options: &ReportOptions) -> Result<()> {
    write(&options.run, options.device.as_deref())
}

/// Writes the report of the run in `folder`, and says where it is.
pub fn write(folder: &Path, device: Option<&str>) -> Result<()> {
    let record = Record::load(folder)?;
    jobs::write_report(&record, device, &mut Terminal::default())?;
    out!("report: {}", folder.join(REPORT).display());
    Ok(())
}
