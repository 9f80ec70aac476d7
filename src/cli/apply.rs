//! `harmonium sample`, `transform` and `reconstruct`: what a trained machine does.

use std::io;
use std::path::Path;

use super::args::{ApplyOptions, SampleOptions};
use super::model::{LoadedModel, upload_rows};
use super::open_device;
use super::print::{self, out, tell};
use crate::data::Cases;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::{Chains, Rbm, UnitKind};
use crate::random::{ChainDraw, ChainStreams};
use crate::run::{npy, pictures};
use crate::tensor::Tensor;

/// Cases or chains on the device at once.
const ROWS: usize = 4096;
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

/// What of the chains' ends is kept.
#[derive(Clone, Copy, PartialEq)]
pub enum Keep {
    States,
    Means,
}

/// Runs `count` chains for `steps` steps, from `init` or from the biases' marginal.
pub fn run_chains(
    rbm: &Rbm,
    count: usize,
    steps: u64,
    draw: ChainDraw,
    init: Option<&[f32]>,
    keep: Keep,
) -> Result<Vec<f32>> {
    let (device, width) = (rbm.device(), rbm.visible_count());
    let mut kept = room(count, width)?;
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        let draw = draw.from_chain(first as u32);
        let mut chains = match init {
            Some(init) => {
                let span = first * width..(first + rows) * width;
                let v = Tensor::from_f32(device, &[rows, width], &init[span])?;
                Chains::from_states(rbm, v, draw)?
            }
            None => Chains::start(rbm, rows, draw)?,
        };
        chains.step(steps)?;
        // Before the first step there are no means.
        kept.extend(match keep {
            Keep::Means if steps > 0 => chains.means()?.to_vec()?,
            _ => chains.visible().to_vec()?,
        });
    }
    Ok(kept)
}

/// An empty array with room for `count` rows.
fn room(count: usize, width: usize) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    let whole = count.checked_mul(width);
    match whole.is_some_and(|n| values.try_reserve_exact(n).is_ok()) {
        true => Ok(values),
        false => Err(Error::data(
            "result",
            format!("{count} rows of {width} values do not fit in memory; ask for fewer"),
        )),
    }
}

pub fn sample(options: &SampleOptions) -> Result<()> {
    let format = Format::of(&options.out, true)?;
    let device = open_device(&options.device.device)?;
    let model = LoadedModel::open(&options.model, &device)?;
    let (init, count) = starts(options, &model)?;
    let keep = if format == Format::Npy { Keep::States } else { Keep::Means };
    let (steps, seed) = (options.steps, options.seed);
    let draw = ChainDraw::new(seed, ChainStreams::FREE);
    let mut samples = run_chains(&model.rbm, count, steps, draw, init.as_deref(), keep)?;
    let width = model.rbm.visible_count();
    match format {
        Format::Npy => {
            model.tell_space();
            npy::write(&options.out, &samples, count, width)?;
        }
        Format::Png => {
            let range = model.for_picture(&mut samples)?;
            let picture = pictures::sheet(&samples, width, model.image_shape(), range)?;
            picture.notes.iter().for_each(|n| tell(format_args!("note: {n}")));
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
fn starts(options: &SampleOptions, model: &LoadedModel) -> Result<(Option<Vec<f32>>, usize)> {
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

pub fn transform(options: &ApplyOptions) -> Result<()> {
    Format::of(&options.out, false)?;
    let device = open_device(&options.device.device)?;
    let model = LoadedModel::open(&options.model, &device)?;
    let cases = model.cases(&options.data, options.split, options.limit)?;
    let hidden = map_rows(&device, &cases, |v| model.rbm.mean_h_from_v(v))?;
    npy::write(&options.out, &hidden, cases.len(), model.rbm.hidden_count())?;
    out!(
        "p(h|v) of {}, [{}, {}]: {}",
        print::count(cases.len(), "case"),
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
    let cases = model.cases(&options.data, options.split, options.limit)?;
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
            picture.notes.iter().for_each(|n| tell(format_args!("note: {n}")));
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
