//! `harmonium sample`, `transform` and `reconstruct`: what a trained machine does.

use std::path::Path;

use super::args::{ApplyOptions, SampleOptions};
use super::model::{LoadedModel, upload_rows};
use super::{open_device, tell};
use crate::data::Cases;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::{Rbm, VisibleKind};
use crate::random::{Draw, stream};
use crate::run::{npy, pictures};
use crate::tensor::Tensor;

/// Cases or chains on the device at once.
const ROWS: usize = 4096;
/// Chains where neither --count nor --init says.
const COUNT: usize = 64;

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Npy,
    Png,
}

impl Format {
    fn of(path: &Path, png: bool) -> Result<Self> {
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

/// The chains' last states and last means.
pub struct Samples {
    pub states: Vec<f32>,
    pub means: Vec<f32>,
}

/// Runs `count` chains for `steps` steps, from `init` or from the biases' marginal.
pub fn run_chains(
    rbm: &Rbm,
    count: usize,
    steps: u64,
    seed: u64,
    init: Option<&[f32]>,
) -> Result<Samples> {
    let (device, width) = (rbm.device(), rbm.visible_count());
    let mut samples = Samples { states: Vec::new(), means: Vec::new() };
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        let draw = Draw::new(seed, stream::CHAINS).from_case(first as u32);
        let mut v = match init {
            Some(init) => {
                let span = first * width..(first + rows) * width;
                Tensor::from_f32(device, &[rows, width], &init[span])?
            }
            None => rbm.sample_start(rows, &draw)?,
        };
        let mut h = Tensor::for_output(device, &[rows, rbm.hidden_count()])?;
        rbm.gibbs(&mut v, &mut h, steps.saturating_sub(1), &draw)?;
        if steps == 0 {
            samples.means.extend(v.to_vec()?);
        } else {
            // The last step, whose means are kept.
            let last = draw.at(steps - 1);
            let mut mean = Tensor::for_output(device, &[rows, width])?;
            let hidden = Draw { stream: stream::HIDDEN, ..last };
            rbm.sample_h_from_v(&v, &hidden, None, &mut h)?;
            let visible = Draw { stream: stream::VISIBLE, ..last };
            rbm.sample_v_from_h(&h, &visible, Some(&mut mean), &mut v)?;
            samples.means.extend(mean.to_vec()?);
        }
        samples.states.extend(v.to_vec()?);
    }
    Ok(samples)
}

pub fn sample(options: &SampleOptions) -> Result<()> {
    let format = Format::of(&options.out, true)?;
    let device = open_device(&options.device.device)?;
    let model = LoadedModel::open(&options.model, &device)?;
    let (init, count) = starts(options, &model)?;
    let samples = run_chains(&model.rbm, count, options.steps, options.seed, init.as_deref())?;
    let width = model.rbm.visible_count();
    match format {
        Format::Npy => {
            model.tell_space();
            npy::write(&options.out, &samples.states, count, width)?;
        }
        Format::Png => {
            let mut means = samples.means;
            let range = model.for_picture(&mut means)?;
            let picture = pictures::sheet(&means, width, model.image_shape(), range)?;
            picture.notes.iter().for_each(tell);
            picture.save(&options.out)?;
        }
    }
    println!("{} chains after {} Gibbs steps: {}", count, options.steps, options.out.display());
    Ok(())
}

/// The chains' starting states, if given, and how many chains.
fn starts(options: &SampleOptions, model: &LoadedModel) -> Result<(Option<Vec<f32>>, usize)> {
    let width = model.rbm.visible_count();
    let Some(path) = &options.init else {
        let count = options.count.unwrap_or(COUNT);
        if count == 0 {
            return Err(Error::setting("count", "0 is too few; use at least 1"));
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
    if model.rbm.visible() == VisibleKind::Bernoulli
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

pub fn transform(options: &ApplyOptions) -> Result<()> {
    Format::of(&options.out, false)?;
    let device = open_device(&options.device.device)?;
    let model = LoadedModel::open(&options.model, &device)?;
    let cases = model.cases(&options.data, options.split, options.limit)?;
    let hidden = map_rows(&device, &cases, |v| model.rbm.mean_h_from_v(v))?;
    npy::write(&options.out, &hidden, cases.len(), model.rbm.hidden_count())?;
    println!(
        "p(h|v) of {} cases, [{}, {}]: {}",
        cases.len(),
        cases.len(),
        model.rbm.hidden_count(),
        options.out.display()
    );
    Ok(())
}

pub fn reconstruct(options: &ApplyOptions) -> Result<()> {
    let format = Format::of(&options.out, true)?;
    let device = open_device(&options.device.device)?;
    let model = LoadedModel::open(&options.model, &device)?;
    let mut cases = model.cases(&options.data, options.split, options.limit)?;
    if format == Format::Png {
        cases = cases.limit(pictures::MOST_TILES);
    }
    let mut again = map_rows(&device, &cases, |v| model.rbm.reconstruct(v))?;
    let mut originals = cases.to_f32();
    let squares = originals.iter().zip(&again).map(|(a, b)| f64::from(a - b).powi(2));
    let error = squares.sum::<f64>() / cases.len().max(1) as f64;
    let width = cases.width();
    model.tell_space();
    match format {
        Format::Npy => npy::write(&options.out, &again, cases.len(), width)?,
        Format::Png => {
            model.for_picture(&mut again)?;
            let range = model.for_picture(&mut originals)?;
            let picture =
                pictures::reconstructions(&originals, &again, width, model.image_shape(), range)?;
            picture.notes.iter().for_each(tell);
            picture.save(&options.out)?;
        }
    }
    println!(
        "{} cases, reconstruction error {error:.4} (squared, summed over {width} units, mean over cases): {}",
        cases.len(),
        options.out.display()
    );
    Ok(())
}

/// Applies `f` to all cases, some at a time.
fn map_rows(
    device: &Device,
    cases: &Cases,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Vec<f32>> {
    let mut out = Vec::new();
    for first in (0..cases.len()).step_by(ROWS) {
        out.extend(f(&upload_rows(device, cases, first, ROWS)?)?.to_vec()?);
    }
    Ok(out)
}
