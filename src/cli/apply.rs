//! `harmonium sample`, `transform`, `reconstruct` and `decode`: what trained machines and autoencoders do.

use std::io;
use std::path::Path;

use super::args::{ApplyOptions, DecodeOptions, SampleOptions};
use super::print::{self, out, tell};
use super::{open_device, trained};
use crate::data::{Cases, Reading};
use crate::error::{Error, Result};
use crate::jobs::rbm::{Keep, Reconstruction, Sampling};
use crate::jobs::{Choice, Trained, TrainedAutoencoder, TrainedRbm};
use crate::models::UnitKind;
use crate::random::{ChainDraw, ChainStreams};
use crate::run::{npy, pictures};

/// Chains where neither --count nor --init says.
const COUNT: usize = 64;

/// What a result is written as.
#[derive(Clone, Copy, PartialEq)]
pub enum Format {
    Npy,
    Png,
}

impl Format {
    /// What `path` asks for. That it can be written there is looked at before any work is done.
    pub fn of(path: &Path, png: bool) -> Result<Self> {
        check_folder(path)?;
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("npy") => Ok(Format::Npy),
            Some("png") if png => Ok(Format::Png),
            _ => Err(Error::setting(
                "out",
                format!("{} must end in .npy{}", path.display(), if png { " or .png" } else { "" }),
            )),
        }
    }
}

/// That the folder of a result is there.
pub fn check_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => {
            let detail = format!("the folder {} does not exist", folder.display());
            Err(Error::io("write", path, io::Error::new(io::ErrorKind::NotFound, detail)))
        }
    }
}

pub fn sample(options: &SampleOptions) -> Result<()> {
    let format = Format::of(&options.out, true)?;
    let device = open_device(&options.device.device)?;
    let model = trained::open(&options.model, &device)?.machine("sample")?;
    let (init, count) = starts(options, &model)?;
    let keep = if format == Format::Npy { Keep::States } else { Keep::Means };
    let steps = options.steps;
    let draw = ChainDraw::new(options.seed, ChainStreams::FREE);
    let sampling = Sampling { count, steps, draw, init: init.as_deref(), keep };
    let mut samples = model.sample(&sampling)?;
    let width = model.rbm.visible_count();
    match format {
        Format::Npy => {
            tell_space(&model);
            npy::write(&options.out, &samples, count, width)?;
        }
        Format::Png => {
            let range = model.for_picture(&mut samples)?;
            let picture = pictures::sheet(&samples, width, model.image_shape(), range)?;
            trained::notes(&picture.notes);
            picture.save(&options.out)?;
        }
    }
    out!(
        "{} after {}: {}",
        print::count(count, "chain"),
        print::count(steps, "Gibbs step"),
        options.out.display()
    );
    Ok(())
}

/// The chains' starting states, if given, and how many chains.
fn starts(options: &SampleOptions, model: &TrainedRbm) -> Result<(Option<Vec<f32>>, usize)> {
    let width = model.rbm.visible_count();
    let Some(path) = &options.init else {
        let count = options.count.unwrap_or(COUNT);
        if count == 0 {
            return Err(Error::setting("count", "0 is too few; use at least 1"));
        }
        if u32::try_from(count).is_err() {
            let detail = format!("{count} is too many; draws are numbered up to {}", u32::MAX);
            return Err(Error::setting("count", detail));
        }
        return Ok((None, count));
    };
    let matrix = npy::read(path)?;
    if matrix.columns != width || matrix.rows == 0 {
        return Err(Error::file(
            path,
            "shape",
            format!("[{}, {}], expected [chains, {width}]", matrix.rows, matrix.columns),
        ));
    }
    if options.count.is_some_and(|count| count != matrix.rows) {
        return Err(Error::setting(
            "count",
            format!("contradicts --init, which has {} rows; leave --count out", matrix.rows),
        ));
    }
    if model.rbm.visible().kind() == UnitKind::Bernoulli
        && let Some(at) = matrix.values.iter().position(|x| !(0.0..=1.0).contains(x))
    {
        return Err(Error::file(
            path,
            format!("row {}, column {}", at / width, at % width),
            format!("{} is outside [0, 1], the range of Bernoulli units", matrix.values[at]),
        ));
    }
    Ok((Some(matrix.values), matrix.rows))
}

/// Refuses a level where there are none.
fn refuse_level(options: &ApplyOptions) -> Result<()> {
    match options.level {
        None => Ok(()),
        Some(_) => {
            let detail = "is of an autoencoder's `transform`; leave it out";
            Err(Error::setting("level", detail))
        }
    }
}

fn choice<'a>(options: &'a ApplyOptions, reading: &'a Reading) -> Choice<'a> {
    let ApplyOptions { data, split, limit, .. } = options;
    let part = Some((*split).into());
    Choice { data: Some(data), part, limit: *limit, reading: Some(reading) }
}

/// Sends cases through an autoencoder and back.
fn reconstruct_again(
    options: &ApplyOptions,
    model: &TrainedAutoencoder,
    format: Format,
) -> Result<()> {
    let reading = options.reading.reading();
    let chosen = model.cases(&choice(options, &reading))?;
    trained::notes(&chosen.notices);
    let (cases, width) = (chosen.cases, model.model.spec().inputs);
    let found = model.reconstruct(&cases)?;
    match format {
        Format::Npy => npy::write(&options.out, &found.values, cases.len(), width)?,
        Format::Png => {
            let originals = cases.to_f32();
            let (range, image) = (model.range(&originals), model.image_shape());
            let picture =
                pictures::reconstructions(&originals, &found.values, width, image, range)?;
            trained::notes(&picture.notes);
            picture.save(&options.out)?;
        }
    }
    let (n, out) = (print::count(cases.len(), "case"), options.out.display());
    let error = found.error;
    out!("{n}, squared error {error:.4} (summed over {width} values, mean over cases): {out}");
    Ok(())
}

pub fn decode(options: &DecodeOptions) -> Result<()> {
    let format = Format::of(&options.out, true)?;
    let device = open_device(&options.device.device)?;
    let model = trained::open_at(&options.model, &device)?.autoencoder("decode")?;
    let codes = npy::read(&options.codes)?;
    let values = model.decode(&codes.values, codes.columns)?;
    let (rows, width) = (codes.rows, model.model.spec().inputs);
    match format {
        Format::Npy => npy::write(&options.out, &values, rows, width)?,
        Format::Png => {
            let range = model.range(&values);
            let picture = pictures::sheet(&values, width, model.image_shape(), range)?;
            trained::notes(&picture.notes);
            picture.save(&options.out)?;
        }
    }
    out!("{} decoded, [{rows}, {width}]: {}", print::count(rows, "code"), options.out.display());
    Ok(())
}

/// The cases that were asked for.
fn cases(options: &ApplyOptions, model: &TrainedRbm) -> Result<Cases> {
    let reading = options.reading.reading();
    let chosen = model.cases(&choice(options, &reading))?;
    trained::notes(&chosen.notices);
    Ok(chosen.cases)
}

/// Says so where numbers are in the standardised space.
fn tell_space(model: &TrainedRbm) {
    if model.standardized() {
        tell(
            "note: the values are in the standardised space of the training data (mean 0, deviation 1)",
        );
    }
}

pub fn transform(options: &ApplyOptions) -> Result<()> {
    Format::of(&options.out, false)?;
    let device = open_device(&options.device.device)?;
    let (what, values, n, units) = match trained::open(&options.model, &device)? {
        Trained::Autoencoder(model) => {
            let cases = model.cases(&choice(options, &options.reading.reading()))?;
            trained::notes(&cases.notices);
            let (values, units) = model.transform(&cases.cases, options.level)?;
            ("codes", values, cases.cases.len(), units)
        }
        other => {
            let model = other.machine("transform")?;
            refuse_level(options)?;
            let cases = cases(options, &model)?;
            ("p(h|v)", model.transform(&cases)?, cases.len(), model.rbm.hidden_count())
        }
    };
    npy::write(&options.out, &values, n, units)?;
    let out = options.out.display();
    out!("{what} of {}, [{n}, {units}]: {out}", print::count(n, "case"));
    Ok(())
}

pub fn reconstruct(options: &ApplyOptions) -> Result<()> {
    let format = Format::of(&options.out, true)?;
    let device = open_device(&options.device.device)?;
    refuse_level(options)?;
    let model = match trained::open(&options.model, &device)? {
        Trained::Autoencoder(model) => return reconstruct_again(options, &model, format),
        other => other.machine("reconstruct")?,
    };
    let cases = cases(options, &model)?;
    let Reconstruction { values: mut again, error } = model.reconstruct(&cases)?;
    let width = cases.width();
    tell_space(&model);
    match format {
        Format::Npy => npy::write(&options.out, &again, cases.len(), width)?,
        Format::Png => {
            let mut originals = cases.to_f32();
            model.for_picture(&mut again)?;
            let range = model.for_picture(&mut originals)?;
            let picture =
                pictures::reconstructions(&originals, &again, width, model.image_shape(), range)?;
            trained::notes(&picture.notes);
            picture.save(&options.out)?;
        }
    }
    out!(
        "{}, reconstruction error {error:.4} (squared, summed over {width} units, mean over cases): {}",
        print::count(cases.len(), "case"),
        options.out.display()
    );
    Ok(())
}
