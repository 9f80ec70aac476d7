//! `harmonium features`: what a network makes of one picture.

use super::args::FeaturesOptions;
use super::print::out;
use super::targets::{check_out, tell_replaced};
use super::{open_device, sequences, trained};
use crate::error::{Error, Result};
use crate::jobs::{self, Choice, Pieces, Trained, TrainedNetwork};

pub fn run(options: &FeaturesOptions) -> Result<()> {
    let [data, labels] = options.reading.reads(options.data.as_deref());
    check_out(&options.out, "png", &[("the model", Some(&options.model)), data, labels])?;
    let device = open_device(&options.device.device, &options.device.policy)?;
    let reading = options.reading.reading();
    let choice = options.reading.choice(options.data.as_deref(), &reading);
    let choice = Choice { part: options.split.map(Into::into), ..choice };
    let case = options.case;
    let one = |pieces: Pieces<'_>| {
        trained::notes(pieces.notices());
        let title = format!("{}, {} case {case}", pieces.data(), pieces.part_name());
        Ok::<_, Error>((pieces.case(case)?, title))
    };
    let (title, picture) = match trained::open_at(&jobs::classifier_of(&options.model), &device)? {
        Trained::Dbn(net) => {
            let (chosen, title) = one(net.pieces(&choice)?)?;
            (title.clone(), net.features(&chosen, 0, &title)?)
        }
        Trained::Dbm(dbm) => {
            let (chosen, title) = one(dbm.pieces(&choice)?)?;
            (title.clone(), dbm.features(&chosen, 0, &title)?)
        }
        Trained::Crf(field) => return sequences::features(options, &field),
        Trained::ClassRbm(model) => {
            let (chosen, title) = one(model.pieces(&choice)?)?;
            (title.clone(), model.features(&chosen, 0, &title)?)
        }
        other => {
            let model = other.for_command::<TrainedNetwork>("features")?;
            let (chosen, title) = one(model.pieces(&choice)?)?;
            (title.clone(), model.features(&chosen, 0, &title)?)
        }
    };
    tell_replaced(&options.out);
    picture.save(&options.out)?;
    out!("{title}: {}", options.out.display());
    Ok(())
}
