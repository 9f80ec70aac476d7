//! `harmonium report`, and the report at the end of training: the contents come from the run folder's files, so
//! that both give the same page.

use std::path::Path;

use super::apply::Keep;
use super::args::{HowOptions, ModelOption, ReportOptions, TrainRbmOptions};
use super::config::Settings;
use super::model::{self, LoadedModel};
use super::print::{out, tell};
use super::train::{self, Prepared};
use super::{apply, open_device};
use crate::data::{Cases, Part};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::scores;
use crate::random::{ChainDraw, ChainStreams};
use crate::run::report::{Contents, DataParts, Filter, classifier, page};
use crate::run::{CONFIG, REPORT, Record, atomic, pictures};

/// Cases over which the hidden units' use is taken.
const CASES: usize = 2000;
/// Filters shown.
const FILTERS: usize = 240;
/// Chains shown, and after how many Gibbs steps.
const CHAINS: usize = 12;
const STEPS: [u64; 4] = [1, 10, 100, 1000];
/// Cases reconstructed.
const RECONSTRUCTIONS: usize = 24;
const BINS: usize = 20;

pub fn run(options: &ReportOptions) -> Result<()> {
    let record = Record::load(&options.run)?;
    if record.is_network() {
        write_network(&record)?;
        out!("report: {}", options.run.join(REPORT).display());
        return Ok(());
    }
    let settings = Settings::resolve(&TrainRbmOptions {
        device: options.device.clone(),
        how: HowOptions { config: Some(options.run.join(CONFIG)), ..HowOptions::default() },
        ..TrainRbmOptions::default()
    })?;
    let device = open_device(&settings.device)?;
    let prepared = train::prepare(&settings).map_err(|e| e.to_string());
    write(&record, &device, prepared.as_ref().map_err(Clone::clone))?;
    out!("report: {}", options.run.join(REPORT).display());
    Ok(())
}

/// Writes the report of a classifier's finished run; it takes no more than the folder's files.
pub fn write_network(record: &Record) -> Result<()> {
    let page = classifier::page(record)?;
    atomic::write(&record.path.join(REPORT), |out| out.write_all(page.as_bytes()))
}

/// Writes the report of a machine's finished run.
pub fn write(
    record: &Record,
    device: &Device,
    prepared: std::result::Result<&Prepared, String>,
) -> Result<()> {
    let page = page(record, &contents(record, device, prepared)?)?;
    atomic::write(&record.path.join(REPORT), |out| out.write_all(page.as_bytes()))
}

fn contents(
    record: &Record,
    device: &Device,
    prepared: std::result::Result<&Prepared, String>,
) -> Result<Contents> {
    let model = LoadedModel::open(&model_option(&record.path), device)?;
    match prepared.and_then(|p| checked(record, &model, p)) {
        Ok(prepared) => {
            let (parts, units) = activity(&model, prepared)?;
            from_model(&model, Some(&units), Ok(parts))
        }
        Err(why) => {
            tell(format!("note: the report leaves out what needs the data: {why}"));
            from_model(&model, None, Err(why))
        }
    }
}

fn model_option(run: &Path) -> ModelOption {
    ModelOption { model: run.to_path_buf(), visible: None }
}

/// The data, if they are those that the run was trained on.
fn checked<'a>(
    record: &Record,
    model: &LoadedModel,
    prepared: &'a Prepared,
) -> std::result::Result<&'a Prepared, String> {
    let (width, visible) = (prepared.train.width(), model.rbm.visible_count());
    if width != visible {
        return Err(format!("they now have {width} values a case, and the model {visible}"));
    }
    let (now, then) = (prepared.train.len(), record.figure("training_cases"));
    if then.is_some_and(|then| then != now as f64) {
        return Err(format!(
            "they have changed: {now} training cases, {} in the run",
            then.unwrap_or(0.0)
        ));
    }
    Ok(prepared)
}

fn from_model(
    model: &LoadedModel,
    activity: Option<&[f64]>,
    data: std::result::Result<DataParts, String>,
) -> Result<Contents> {
    let (rbm, image) = (&model.rbm, model.image_shape());
    let (visible, hidden) = (rbm.visible_count(), rbm.hidden_count());
    let w = rbm.w.to_vec()?;
    let norms = pictures::column_norms(&w, hidden);
    let order = activity.unwrap_or(&norms);
    let mut units: Vec<usize> = (0..hidden).collect();
    units.sort_by(|&i, &j| order[j].total_cmp(&order[i]));
    let scale = pictures::shared_scale(&w);
    let filter = |&unit: &usize| {
        let weights: Vec<f32> = (0..visible).map(|i| w[i * hidden + unit]).collect();
        let picture = pictures::tile(&weights, image, (-scale, scale))?;
        Ok(Filter { unit, activity: activity.map(|a| a[unit]), picture })
    };
    let draw = ChainDraw::new(model.seed, ChainStreams::PICTURES);
    let samples = STEPS.iter().map(|&steps| {
        // Draws are counted, so these are the same chains each time.
        let mut means = apply::run_chains(rbm, CHAINS, steps, draw, None, Keep::Means)?;
        let range = model.for_picture(&mut means)?;
        Ok((steps, pictures::rows(&[&means], CHAINS, visible, image, range)?))
    });
    Ok(Contents {
        filters: units.iter().take(FILTERS).map(filter).collect::<Result<_>>()?,
        hidden_units: hidden,
        images: image.is_some(),
        samples: samples.collect::<Result<_>>()?,
        data,
    })
}

/// What the data say, and each hidden unit's mean activity.
fn activity(model: &LoadedModel, prepared: &Prepared) -> Result<(DataParts, Vec<f64>)> {
    let (rbm, seed) = (&model.rbm, model.seed);
    let treated = |cases: &Cases, part, count| {
        let cases = cases.clone().limit(count);
        model.preprocessing.apply_for_evaluation(cases, seed, part)
    };
    let all = prepared.train.len();
    let cases = treated(&prepared.train, Part::Train, CASES)?;
    let v = model::upload_rows(rbm.device(), &cases, 0, CASES)?;
    let units = scores::hidden_activity(rbm, &v)?;
    let values = rbm.mean_h_from_v(&v)?.to_vec()?;

    let (shown, part, name) = match (&prepared.test, &prepared.validation) {
        (Some(test), _) => (test, Part::Test, "test"),
        (None, Some(validation)) => (validation, Part::Validation, "validation"),
        (None, None) => (&prepared.train, Part::Train, "training"),
    };
    let shown = treated(shown, part, RECONSTRUCTIONS)?;
    let v = model::upload_rows(rbm.device(), &shown, 0, RECONSTRUCTIONS)?;
    let (mut originals, mut again) = (v.to_vec()?, rbm.reconstruct(&v)?.to_vec()?);
    model.for_picture(&mut again)?;
    let range = model.for_picture(&mut originals)?;
    let (width, image) = (rbm.visible_count(), model.image_shape());
    let parts = DataParts {
        cases: match cases.len() {
            n if n < all => format!("the first {n} of {all} training cases"),
            n => format!("the {n} training cases"),
        },
        probabilities: binned(values.iter().map(|&p| f64::from(p))),
        activities: binned(units.iter().copied()),
        reconstructions: pictures::rows(&[&originals, &again], CHAINS, width, image, range)?,
        reconstructed: format!("The first {} {name} cases", shown.len()),
    };
    Ok((parts, units))
}

/// How many values fall into each bin of [0, 1].
fn binned(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut bins = vec![0.0; BINS];
    for value in values.filter(|v| v.is_finite()) {
        bins[((value * BINS as f64) as usize).min(BINS - 1)] += 1.0;
    }
    bins
}

/// Reads the run that training has just written, and writes its report.
pub fn finish(folder: &Path, device: &Device, prepared: &Prepared) -> Result<()> {
    write(&Record::load(folder)?, device, Ok::<_, String>(prepared))
}
