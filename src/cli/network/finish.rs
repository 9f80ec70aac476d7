//! What a classifier's run leaves: models and pictures.

use std::collections::BTreeMap;
use std::path::Path;

use super::prepare::{Labelled, Prepared, resident};
use super::settings::Settings;
use super::train::Metrics;
use crate::data::PictureInput;
use crate::error::Result;
use crate::evaluation::classification::{ClassificationScore, Predictions, predict, score};
use crate::models::Network;
use crate::run::confusion::Confusion;
use crate::run::mistakes::{Mistake, mistakes};
use crate::run::report::classifier;
use crate::run::{self, NetworkFile, RunFolder, curves, pictures};
use crate::training::Backpropagation;

/// Writes the best network and the last one, leaves the best in the trainer, and scores it on the test cases.
pub fn models(
    folder: &RunFolder,
    trainer: &mut Backpropagation,
    settings: &Settings,
    prepared: &Prepared,
) -> Result<Option<ClassificationScore>> {
    let metadata = BTreeMap::from([
        ("harmonium.seed".to_string(), settings.training.seed.to_string()),
        ("harmonium.data".to_string(), settings.data.clone()),
    ]);
    let save = |network: &Network, path: std::path::PathBuf| {
        NetworkFile::of(network, prepared.input, prepared.classes.clone(), metadata.clone())?
            .save(&path)
    };
    if trainer.best_epoch().is_some() {
        save(trainer.network(), folder.path().join(run::LAST_MODEL))?;
        trainer.exchange_best();
    }
    save(trainer.network(), folder.model_path())?;
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

/// What is taken for what, as a picture and as a table, and the cases that are most wrong.
pub fn confusion_and_mistakes(
    folder: &Path,
    input: &PictureInput,
    names: &[String],
    part: &Labelled,
    found: &Predictions,
) -> Result<()> {
    let mut confusion = Confusion::new(names.to_vec());
    confusion.count(&part.labels, &found.predicted)?;
    confusion.picture()?.save(folder.join(run::CONFUSION))?;
    confusion.save_csv(folder.join(run::CONFUSION_TABLE))?;
    let wrong = found.mistakes(&part.labels)?;
    let pictures: Vec<Vec<f32>> = wrong.iter().map(|&case| part.cases.row(case)).collect();
    let shown: Vec<Mistake<'_>> = wrong
        .iter()
        .zip(&pictures)
        .map(|(&case, values)| {
            let predicted = found.predicted[case] as usize;
            Mistake {
                values,
                truth: &names[part.labels[case] as usize],
                predicted: names.get(predicted).map_or("none", String::as_str),
                probability: found
                    .probabilities
                    .get(case * found.classes + predicted)
                    .copied()
                    .unwrap_or(f32::NAN),
            }
        })
        .collect();
    let [_, height, width] = input.shape()?;
    mistakes(&shown, Some((height, width)), (0.0, 1.0))?.save(folder.join(run::MISTAKES))
}
