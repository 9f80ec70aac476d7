//! A level of a stack as a machine's own file.

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::jobs::rbm::Origin;
use crate::jobs::stack::Trained as Level;
use crate::jobs::{Trained, dbn};
use crate::models::autoencoder::machine_units;
use crate::models::{Rbm, UnitKind};
use crate::run::{ModelFile, ModelKind};

impl Trained {
    /// Level `level`, counted from 1, of a deep belief net or of an autoencoder's encoder as the file of a machine; of
    /// a machine itself. The first level's says what is done to data; higher ones read what the level below gives.
    ///
    /// # Errors
    /// [`Error::Setting`] for a level that there is not, or that is no machine; [`Error::File`] for a network.
    pub fn level(self, level: usize) -> Result<ModelFile> {
        let outside = |levels: usize| {
            Error::setting("level", format!("{level} is outside 1 to {levels}, the model's levels"))
        };
        let at = level.checked_sub(1);
        match self {
            Trained::Rbm(mut machine) => match at {
                Some(0) => machine.origin.file(&mut machine.rbm),
                _ => Err(outside(1)),
            },
            Trained::Dbn(net) => {
                let origin = net.origin;
                let mut levels = net.net.into_levels();
                let found = at.filter(|&at| at < levels.len());
                let at = found.ok_or_else(|| outside(levels.len()))?;
                origin_of(at, &origin).file(&mut levels[at])
            }
            Trained::Autoencoder(model) => {
                let (spec, levels) = (model.model.spec(), Level::of_layers(&model.model)?);
                let count = levels.len();
                let found = at.and_then(|at| Some((at, levels.into_iter().nth(at)?)));
                let (at, found) = found.ok_or_else(|| outside(count))?;
                // Of the data's units an autoencoder says no more than its loss.
                let visible = match at.checked_sub(1) {
                    None if spec.loss
                        == crate::models::autoencoder::ReconstructionLoss::CrossEntropy =>
                    {
                        Some(UnitKind::Bernoulli)
                    }
                    None => Some(UnitKind::Gaussian),
                    Some(below) => machine_units(spec.activation(below)),
                };
                let hidden = machine_units(spec.activation(at));
                let (Some(visible), Some(hidden)) = (visible, hidden) else {
                    let detail =
                        format!("{level} has units of no machine: they must be sigmoid or linear");
                    return Err(Error::setting("level", detail));
                };
                let from = model.origin;
                let origin = dbn::Origin {
                    image: from.image,
                    seed: from.seed,
                    data: from.data,
                    reading: from.reading,
                    ..dbn::Origin::default()
                };
                let mut rbm: Rbm = found.machine([visible, hidden])?;
                origin_of(at, &origin).file(&mut rbm)
            }
            network => Err(network.refused_by("export", ModelKind::Dbn)),
        }
    }
}

/// What a level's file says beside the machine: the first level's has all that the stack's says of the data.
fn origin_of(level: usize, stack: &dbn::Origin) -> Origin {
    let seed = stack.seed;
    match level {
        0 => Origin {
            preprocessing: stack.preprocessing.clone(),
            image: stack.image,
            seed,
            data: stack.data.clone(),
            reading: stack.reading.clone(),
            ..Origin::default()
        },
        _ => Origin { seed, image: None::<ImageShape>, ..Origin::default() },
    }
}
