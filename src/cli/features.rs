//! `harmonium features`: what a network makes of one picture.

use super::args::FeaturesOptions;
use super::predict::check_out;
use super::print::out;
use super::{open_device, trained};
use crate::error::Result;
use crate::jobs::Choice;

pub fn run(options: &FeaturesOptions) -> Result<()> {
    check_out(&options.out, "png")?;
    let device = open_device(&options.device.device)?;
    let model = trained::open_at(&options.model, &device)?.network("features")?;
    let part = options.split.map(Into::into);
    let reading = options.reading.reading();
    let data = options.data.as_deref();
    let chosen = model.cases(&Choice { data, part, limit: None, reading: Some(&reading) })?;
    trained::notes(&chosen.notices);
    let case = options.case;
    let title = format!("{}, {} case {case}", chosen.data, chosen.part_name());
    model.features(&chosen, case, &title)?.save(&options.out)?;
    out!("{title}: {}", options.out.display());
    Ok(())
}
