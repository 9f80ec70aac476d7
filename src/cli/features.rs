//! `harmonium features`: what a network makes of one picture.

use super::args::FeaturesOptions;
use super::print::out;
use super::targets::check_out;
use super::{open_device, sequences, trained};
use crate::error::Result;
use crate::jobs::{self, Choice, Chosen, Trained};

pub fn run(options: &FeaturesOptions) -> Result<()> {
    check_out(&options.out, "png")?;
    let device = open_device(&options.device.device)?;
    let part = options.split.map(Into::into);
    let reading = options.reading.reading();
    let data = options.data.as_deref();
    let choice = Choice { data, part, limit: None, reading: Some(&reading) };
    let case = options.case;
    let title = |chosen: &Chosen| format!("{}, {} case {case}", chosen.data, chosen.part_name());
    let (title, picture) = match trained::open_at(&jobs::classifier_of(&options.model), &device)? {
        Trained::Dbn(net) => {
            let chosen = trained::ready(net.cases(&choice)?);
            (title(&chosen), net.features(&chosen, case, &title(&chosen))?)
        }
        Trained::Dbm(dbm) => {
            let chosen = trained::ready(dbm.cases(&choice)?);
            (title(&chosen), dbm.features(&chosen, case, &title(&chosen))?)
        }
        Trained::Crf(field) => return sequences::features(options, &field),
        Trained::ClassRbm(model) => {
            let chosen = trained::ready(model.cases(&choice)?);
            (title(&chosen), model.features(&chosen, case, &title(&chosen))?)
        }
        other => {
            let model = other.network("features")?;
            let chosen = trained::ready(model.cases(&choice)?);
            (title(&chosen), model.features(&chosen, case, &title(&chosen))?)
        }
    };
    picture.save(&options.out)?;
    out!("{title}: {}", options.out.display());
    Ok(())
}
