//! What a classifier's run leaves: models and pictures.

use super::prepare::Prepared;
use super::settings::Settings;
use super::train::Metrics;
use crate::error::Result;
use crate::evaluation::classification::{ClassificationScore, predict, score};
use crate::jobs::network::{Origin, confusion_and_mistakes, resident};
use crate::models::Network;
use crate::run::report::classifier;
use crate::run::{self, RunFolder, curves, pictures};
use crate::training::Backpropagation;

/// Writes the best network and the last one, leaves the best in the trainer, and scores it on the test cases.
pub fn models(
    folder: &RunFolder,
    trainer: &mut Backpropagation,
    settings: &Settings,
    prepared: &Prepared,
) -> Result<Option<ClassificationScore>> {
    let origin = Origin {
        seed: settings.training.seed,
        data: Some(settings.data.clone()),
        ..Origin::new(prepared.input, prepared.classes.clone())
    };
    if trainer.best_epoch().is_some() {
        origin.file(trainer.network_mut())?.save(folder.path().join(run::LAST_MODEL))?;
        trainer.exchange_best();
    }
    origin.file(trainer.network_mut())?.save(folder.model_path())?;
    let Some(test) = &prepared.test else { return Ok(None) };
    let network = trainer.network_mut();
    let device = network.device().clone();
    let spec = network.spec().clone();
    let mut source = resident(&device, test, &prepared.input, &spec, &settings.data)?;
    score(network, &mut source).map(Some)
}

/// Draws curves, kernels, and of the test cases (else of those held out, else of the training cases) confusion
/// and mistakes.
pub fn pictures(
    folder: &RunFolder,
    network: &mut Network,
    prepared: &Prepared,
    (lines, distorted): (&[Metrics], bool),
) -> Result<()> {
    let held_out = prepared.test.as_ref().or(prepared.validation.as_ref());
    let shown = held_out.unwrap_or(&prepared.train);
    let found = predict(network, &shown.cases, &prepared.input)?;
    confusion_and_mistakes(folder.path(), &prepared.input, &prepared.classes, shown, &found)?;
    let points = |key: &str| {
        let pick: fn(&Metrics) -> Option<f64> = match key {
            "train_error" => |m| Some(m.train_error),
            "train_loss" => |m| Some(m.train_loss),
            "validation_error" => |m| m.validation_error,
            _ => |m| m.validation_loss,
        };
        lines.iter().filter_map(|m| Some((m.epoch as f64, pick(m)?))).collect()
    };
    let panels: Vec<_> = classifier::panels(points, distorted).into_iter().map(|p| p.0).collect();
    curves::write_svg(folder.picture_path(run::CURVES), &panels)?;
    if let Some(kernel) = network.layers().parameters().find(|p| p.name.ends_with(".kernel"))
        && let &[_, _, height, width] = kernel.value.shape().dims()
    {
        let values = kernel.value.to_vec()?;
        let scale = pictures::shared_scale(&values);
        let image = Some((height, width));
        pictures::sheet(&values, height * width, image, (-scale, scale))?
            .save(folder.picture_path(run::FILTERS))?;
    }
    Ok(())
}
