//! `harmonium transform`, `reconstruct` and `decode`: what trained models do with cases, and without.

use std::path::Path;

use super::args::{ApplyOptions, DecodeOptions};
use super::print::{self, out, tell};
use super::targets::check_folder;
use super::{open_device, sequences, trained};
use crate::data::Reading;
use crate::error::{Error, Result};
use crate::jobs::rbm::Reconstruction;
use crate::jobs::{Choice, Chosen, Trained};
use crate::run::{npy, pictures};

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

/// Brings values to the data's own scale, and says what black and white are.
type Range<'a> = dyn Fn(&mut [f32]) -> Result<(f32, f32)> + 'a;

/// How a model's values are shown: the width of a row, as a picture, and what black and white are, which may bring the
/// values to the data's own scale.
pub struct Shown<'a> {
    pub width: usize,
    pub image: Option<(usize, usize)>,
    pub range: &'a Range<'a>,
}

impl Shown<'_> {
    /// Writes rows as they are, or as pictures.
    pub fn write(&self, out: &Path, format: Format, values: &mut [f32]) -> Result<()> {
        match format {
            Format::Npy => npy::write(out, values, values.len() / self.width.max(1), self.width),
            Format::Png => {
                let range = (self.range)(values)?;
                let picture = pictures::sheet(values, self.width, self.image, range)?;
                trained::notes(&picture.notes);
                picture.save(out)
            }
        }
    }

    /// Writes what came back of rows, or pictures of both.
    fn write_pairs(
        &self,
        out: &Path,
        format: Format,
        originals: &mut [f32],
        again: &mut [f32],
    ) -> Result<()> {
        match format {
            Format::Npy => npy::write(out, again, again.len() / self.width.max(1), self.width),
            Format::Png => {
                (self.range)(again)?;
                let range = (self.range)(originals)?;
                let picture =
                    pictures::reconstructions(originals, again, self.width, self.image, range)?;
                trained::notes(&picture.notes);
                picture.save(out)
            }
        }
    }
}

fn choice<'a>(options: &'a ApplyOptions, reading: &'a Reading) -> Choice<'a> {
    let ApplyOptions { data, split, limit, .. } = options;
    let part = Some((*split).into());
    Choice { data: Some(data), part, limit: *limit, reading: Some(reading) }
}

pub fn decode(options: &DecodeOptions) -> Result<()> {
    let format = Format::of(&options.out, true)?;
    let device = open_device(&options.device.device)?;
    let model = trained::open_at(&options.model, &device)?.autoencoder("decode")?;
    let codes = npy::read(&options.codes)?;
    let mut values = model.decode(&codes.values, codes.columns)?;
    let (rows, width) = (codes.rows, model.model.spec().inputs);
    let range = |values: &mut [f32]| Ok(model.range(values));
    let shown = Shown { width, image: model.image_shape(), range: &range };
    shown.write(&options.out, format, &mut values)?;
    out!("{} decoded, [{rows}, {width}]: {}", print::count(rows, "code"), options.out.display());
    Ok(())
}

/// Says so where numbers are in the standardised space.
pub fn tell_space(standardized: bool) {
    if standardized {
        tell(
            "note: the values are in the standardised space of the training data (mean 0, deviation 1)",
        );
    }
}

pub fn transform(options: &ApplyOptions) -> Result<()> {
    Format::of(&options.out, false)?;
    let device = open_device(&options.device.device)?;
    let reading = options.reading.reading();
    let (choice, level) = (choice(options, &reading), options.level);
    let (what, (values, units), n) = match trained::open(&options.model, &device)? {
        Trained::Machine(model) => {
            if level.is_some() {
                let detail = "is of models of several layers; a machine has one: leave it out";
                return Err(Error::setting("level", detail));
            }
            let cases = trained::ready(model.cases(&choice)?).cases;
            ("p(h|v)", (model.transform(&cases)?, model.rbm.hidden_count()), cases.len())
        }
        Trained::Autoencoder(model) => {
            let cases = trained::ready(model.cases(&choice)?).cases;
            ("codes", model.transform(&cases, level)?, cases.len())
        }
        Trained::Dbn(model) => {
            let cases = trained::ready(model.cases(&choice)?).cases;
            ("means of hidden units", model.transform(&cases, level)?, cases.len())
        }
        Trained::Network(model) => {
            let cases = trained::ready(model.cases(&choice)?).cases;
            ("what a layer gives", model.transform(&cases, level)?, cases.len())
        }
        Trained::Dbm(model) => {
            let cases = trained::ready(model.cases(&choice)?).cases;
            ("means of hidden units", model.transform(&cases, level)?, cases.len())
        }
        Trained::Crf(field) => return sequences::transform(options, &field),
        Trained::ClassRbm(model) => {
            if level.is_some() {
                let detail = "is of models of several layers; a machine has one: leave it out";
                return Err(Error::setting("level", detail));
            }
            let cases = trained::ready(model.cases(&choice)?).cases;
            let hidden = model.machine.joint().hidden_count();
            ("means of hidden units", (model.transform(&cases)?, hidden), cases.len())
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
    if options.level.is_some() {
        let detail = "is of `transform`; a case comes back through all layers: leave it out";
        return Err(Error::setting("level", detail));
    }
    let reading = options.reading.reading();
    let choice = choice(options, &reading);
    match trained::open_stack(&options.model, &device)? {
        Trained::Autoencoder(model) => {
            let chosen = model.cases(&choice)?;
            let found = model.reconstruct(&chosen.cases)?;
            let range = |values: &mut [f32]| Ok(model.range(values));
            let (width, image) = (model.model.spec().inputs, model.image_shape());
            again(options, format, (&chosen, found), &Shown { width, image, range: &range })
        }
        Trained::Dbn(model) => {
            let chosen = model.cases(&choice)?;
            let found = model.reconstruct(&chosen.cases)?;
            tell_space(model.standardized());
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.net.visible_count(), model.image_shape());
            again(options, format, (&chosen, found), &Shown { width, image, range: &range })
        }
        Trained::Dbm(model) => {
            let chosen = model.cases(&choice)?;
            let found = model.reconstruct(&chosen.cases)?;
            tell_space(model.standardized());
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.dbm.visible_count(), model.image_shape());
            again(options, format, (&chosen, found), &Shown { width, image, range: &range })
        }
        Trained::ClassRbm(model) => {
            let chosen = model.cases(&choice)?;
            let found = model.reconstruct(&chosen.cases)?;
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.machine.features(), model.image_shape());
            again(options, format, (&chosen, found), &Shown { width, image, range: &range })
        }
        other => {
            let model = other.machine("reconstruct")?;
            let chosen = model.cases(&choice)?;
            let found = model.reconstruct(&chosen.cases)?;
            tell_space(model.standardized());
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.rbm.visible_count(), model.image_shape());
            again(options, format, (&chosen, found), &Shown { width, image, range: &range })
        }
    }
}

/// Writes and tells what came back of cases.
fn again(
    options: &ApplyOptions,
    format: Format,
    (chosen, found): (&Chosen, Reconstruction),
    shown: &Shown<'_>,
) -> Result<()> {
    trained::notes(&chosen.notices);
    let Reconstruction { mut values, error } = found;
    let mut originals = chosen.cases.to_f32();
    shown.write_pairs(&options.out, format, &mut originals, &mut values)?;
    out!(
        "{}, reconstruction error {error:.4} (squared, summed over {} values, mean over cases): {}",
        print::count(chosen.cases.len(), "case"),
        shown.width,
        options.out.display()
    );
    Ok(())
}
