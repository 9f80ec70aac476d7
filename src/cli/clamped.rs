//! What `sample` holds: a mask with its values, or a picture of which some pixels are unknown.

use std::path::Path;

use super::args::SampleOptions;
use super::chains::counted;
use super::print;
use super::states;
use crate::data::{self, Cases, Image, Values};
use crate::error::{Error, Result};
use crate::jobs::rbm::Held;
use crate::models::Units;
use crate::run::npy;

/// The grey of pixels that are unknown, 127 of 255.
const UNKNOWN: f32 = 127.0 / 255.0;

/// Units that are held, and how many rows there are of them.
pub struct Given {
    pub units: Held,
    /// 1, or one a chain.
    pub rows: usize,
    width: usize,
}

impl Given {
    /// How many chains: as many as rows, or of one row as many as are asked for.
    pub fn chains(&self, asked: Option<usize>) -> Result<usize> {
        let rows = self.rows;
        if rows == 1 {
            return counted(asked);
        }
        match asked {
            Some(count) if count != rows => Err(Error::setting(
                "count",
                format!(
                    "contradicts --init and --clamp, which have {rows} rows; leave --count out"
                ),
            )),
            _ => Ok(rows),
        }
    }

    /// For the end of a sentence.
    pub fn words(&self) -> String {
        let held = self.units.mask.iter().filter(|held| **held).count();
        let width = self.width;
        match self.units.mask.len() == width {
            true => format!(", {held} of {} held", print::count(width, "unit")),
            false => {
                format!(", {held} of {} held in all", print::count(self.units.mask.len(), "unit"))
            }
        }
    }
}

/// The model whose units are held.
pub struct Onto<'a> {
    /// The data's units.
    pub units: Units,
    /// (height, width) of a case.
    pub image: Option<(usize, usize)>,
    /// Values as the model sees them, by their name.
    pub seen: &'a dyn Fn(Cases, &str) -> Result<Cases>,
}

/// What --clamp and --init hold.
pub fn held(options: &SampleOptions, model: &Onto<'_>) -> Result<Option<Given>> {
    let Some(path) = &options.clamp else { return Ok(None) };
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    match (extension.as_deref(), &options.init) {
        (Some("npy"), Some(init)) => by_mask(path, init, model).map(Some),
        (Some("npy"), None) => {
            let detail =
                "a mask says which units are held, not where: give their values with --init V.npy";
            Err(Error::setting("clamp", detail))
        }
        (_, Some(_)) => {
            let detail = "a picture gives the values that are held itself: leave --init out, or give a mask as .npy";
            Err(Error::setting("init", detail))
        }
        (_, None) => by_picture(path, model).map(Some),
    }
}

fn by_mask(path: &Path, init: &Path, model: &Onto<'_>) -> Result<Given> {
    let width = model.units.count();
    let array = data::read_array(path)?;
    let length = array.values.len();
    let single = length == width;
    let rows = array.dims.first().copied().unwrap_or(1);
    if length == 0 || !(single || array.dims.len() > 1 && rows * width == length) {
        let detail = format!("{:?}, expected [{width}] or [chains, {width}]", array.dims);
        return Err(Error::file(path, "shape", detail));
    }
    let mask: Vec<bool> = array.values.iter().map(|&x| x != 0.0).collect();
    let values = npy::read(init)?;
    let fits = single || values.rows == 1 || values.rows == rows;
    if values.columns != width || values.rows == 0 || !fits {
        let detail = match single {
            true => format!("[{}, {}], expected [chains, {width}]", values.rows, values.columns),
            false => format!(
                "[{}, {}], expected [{rows}, {width}], as {} has, or [1, {width}]",
                values.rows,
                values.columns,
                path.display()
            ),
        };
        return Err(Error::file(init, "shape", detail));
    }
    // Of a value that serves several chains: whether one of them is held at it.
    let span = if values.rows == 1 { width } else { length };
    let is_held = |at: usize| {
        let at = if single { at % width } else { at };
        mask.iter().skip(at).step_by(span).any(|&held| held)
    };
    states::check(init, model.units, &values.values, &is_held)?;
    let rows = values.rows.max(if single { 1 } else { rows });
    Ok(Given { units: Held { mask, values: values.values }, rows, width })
}

fn by_picture(path: &Path, model: &Onto<'_>) -> Result<Given> {
    let picture = Image::load(path)?;
    let (width, shape) = (model.units.count(), picture.shape);
    if model.image != Some((shape.height, shape.width)) {
        let expected = match model.image {
            Some((height, width)) => format!("the machine's are {width}x{height}"),
            None => {
                "the machine has no pictures: give a mask with --clamp MASK.npy --init V.npy".into()
            }
        };
        let detail = format!("{}x{} pixels; {expected}", shape.width, shape.height);
        return Err(Error::file(path, "size", detail));
    }
    let values = picture.luma();
    let opaque = |at: usize| picture.alpha.as_ref().is_none_or(|alpha| alpha[at] >= 0.5);
    // Half a step of 8 bits either way: other depths have no 127.
    let grey = |at: usize| (values[at] - UNKNOWN).abs() < 0.5 / 255.0;
    let mask: Vec<bool> = (0..values.len()).map(|at| opaque(at) && !grey(at)).collect();
    if mask.iter().all(|&held| held) {
        let detail = "no pixel is unknown, so there is nothing to draw; paint what is missing grey 127, or make it \
                      transparent";
        return Err(Error::file(path, "pixels", detail));
    }
    let cases = Cases::new(Values::F32(values), 1, width)?;
    let values = (model.seen)(cases, &path.display().to_string())?.to_f32();
    Ok(Given { units: Held { mask, values }, rows: 1, width })
}
