//! `harmonium transform`, `reconstruct` and `decode`: what trained models do with cases, and without.

use std::path::Path;

use super::args::{ApplyOptions, DecodeOptions};
use super::print::{self, out, tell};
use super::ranks::{device, together};
use super::targets::{Format, tell_replaced};
use super::{open_device, sequences, trained};
use crate::data::{Cases, Reading};
use crate::error::{Error, Result};
use crate::jobs::rbm::Reconstruction;
use crate::jobs::{Choice, Chosen, Pieces, SquaredError, Trained, TrainedAutoencoder, TrainedRbm};
use crate::ranks::Ranks;
use crate::run::npy::NpyFile;
use crate::run::{npy, pictures};

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
        tell_replaced(out);
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
}

/// What is read for these options.
fn reads(options: &ApplyOptions) -> [(&'static str, Option<&Path>); 3] {
    let [data, labels] = options.reading.reads(Some(&options.data));
    [("the model", Some(options.model.model.as_path())), data, labels]
}

fn choice<'a>(options: &'a ApplyOptions, reading: &'a Reading) -> Choice<'a> {
    let part = Some(options.split.into());
    let choice = options.reading.choice(Some(&options.data), reading);
    Choice { part, limit: options.limit, ..choice }
}

pub fn decode(options: &DecodeOptions) -> Result<()> {
    let reads = [("the model", Some(options.model.as_path())), ("decode", Some(&options.codes))];
    let format = Format::of(&options.out, true, &reads)?;
    let device = open_device(&options.device.device, &options.device.policy)?;
    let model =
        trained::open_at(&options.model, &device)?.for_command::<TrainedAutoencoder>("decode")?;
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

pub fn transform(ranks: &Ranks, options: &ApplyOptions) -> Result<()> {
    Format::of(&options.out, false, &reads(options))?;
    let device = device(ranks, &options.device)?;
    let reading = options.reading.reading();
    let (choice, level) = (choice(options, &reading), options.level);
    let of_layers = || match level {
        Some(_) => {
            let detail = "is of models of several layers; a machine has one: leave it out";
            Err(Error::setting("level", detail))
        }
        None => Ok(()),
    };
    match together(ranks, trained::open(&options.model, &device))? {
        Trained::Rbm(model) => {
            of_layers()?;
            let units = model.rbm.hidden_count();
            let give = |cases: &Cases| Ok((model.transform(cases)?, units));
            given((ranks, options), "p(h|v)", &model.pieces(&choice)?, &give)
        }
        Trained::Autoencoder(model) => {
            let give = |cases: &Cases| model.transform(cases, level);
            given((ranks, options), "codes", &model.pieces(&choice)?, &give)
        }
        Trained::Dbn(model) => {
            let give = |cases: &Cases| model.transform(cases, level);
            given((ranks, options), MEANS, &model.pieces(&choice)?, &give)
        }
        Trained::Network(model) => {
            let give = |cases: &Cases| model.transform(cases, level);
            let what = format!("what {} gives", model.layer_name(level)?);
            given((ranks, options), &what, &model.pieces(&choice)?, &give)
        }
        Trained::Dbm(model) => {
            let give = |cases: &Cases| model.transform(cases, level);
            given((ranks, options), MEANS, &model.pieces(&choice)?, &give)
        }
        Trained::Crf(field) => sequences::transform(ranks, options, &field),
        Trained::ClassRbm(model) => {
            of_layers()?;
            let units = model.machine.joint().hidden_count();
            let give = |cases: &Cases| Ok((model.transform(cases)?, units));
            given((ranks, options), MEANS, &model.pieces(&choice)?, &give)
        }
    }
}

const MEANS: &str = "means of hidden units";

/// What a model gives for cases, and how many values for each.
type Give<'a> = dyn Fn(&Cases) -> Result<(Vec<f32>, usize)> + 'a;

/// Writes what is given for each case, piece by piece; ranks take pieces by turns.
fn given(
    (ranks, options): (&Ranks, &ApplyOptions),
    what: &str,
    pieces: &Pieces<'_>,
    give: &Give<'_>,
) -> Result<()> {
    trained::notes(pieces.notices());
    let (n, mut width, mut file) = (pieces.cases(), 0, None);
    let mut make = |piece: &Chosen, _| {
        let (values, units) = give(&piece.cases)?;
        let mut bytes = (units as u64).to_le_bytes().to_vec();
        bytes.extend(bytemuck::cast_slice::<f32, u8>(&values));
        Ok(bytes)
    };
    pieces.by_turns(ranks, &mut make, &mut |made| {
        let Some((units, values)) = made.bytes.split_first_chunk() else { return Ok(()) };
        if !ranks.is_first() {
            return Ok(());
        }
        width = u64::from_le_bytes(*units) as usize;
        let open = match &mut file {
            Some(open) => open,
            None => {
                tell_replaced(&options.out);
                file.insert(NpyFile::create(&options.out, &[n, width])?)
            }
        };
        open.extend(&bytemuck::pod_collect_to_vec::<u8, f32>(values))
    })?;
    if !ranks.is_first() {
        return Ok(());
    }
    file.map_or(Ok(()), NpyFile::finish)?;
    let (cases, part) = (print::count(n, "case"), pieces.part_name());
    out!("{what} of {cases} ({part} part), [{n}, {width}]: {}", options.out.display());
    Ok(())
}

pub fn reconstruct(ranks: &Ranks, options: &ApplyOptions) -> Result<()> {
    let format = Format::of(&options.out, true, &reads(options))?;
    let device = device(ranks, &options.device)?;
    if options.level.is_some() {
        let detail = "is of `transform`; a case comes back through all layers: leave it out";
        return Err(Error::setting("level", detail));
    }
    let reading = options.reading.reading();
    let choice = choice(options, &reading);
    match together(ranks, trained::open_stack(&options.model, &device))? {
        Trained::Autoencoder(model) => {
            let range = |values: &mut [f32]| Ok(model.range(values));
            let (width, image) = (model.model.spec().inputs, model.image_shape());
            let shown = Shown { width, image, range: &range };
            let back = |cases: &Cases| model.reconstruct(cases);
            again((ranks, options, format), &model.pieces(&choice)?, &back, &shown)
        }
        Trained::Dbn(model) => {
            tell_space(model.standardized());
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.net.visible_count(), model.image_shape());
            let shown = Shown { width, image, range: &range };
            let back = |cases: &Cases| model.reconstruct(cases);
            again((ranks, options, format), &model.pieces(&choice)?, &back, &shown)
        }
        Trained::Dbm(model) => {
            tell_space(model.standardized());
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.dbm.visible_count(), model.image_shape());
            let shown = Shown { width, image, range: &range };
            let back = |cases: &Cases| model.reconstruct(cases);
            again((ranks, options, format), &model.pieces(&choice)?, &back, &shown)
        }
        Trained::ClassRbm(model) => {
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.machine.features(), model.image_shape());
            let shown = Shown { width, image, range: &range };
            let back = |cases: &Cases| model.reconstruct(cases);
            again((ranks, options, format), &model.pieces(&choice)?, &back, &shown)
        }
        other => {
            let model = other.for_command::<TrainedRbm>("reconstruct")?;
            tell_space(model.standardized());
            let range = |values: &mut [f32]| model.for_picture(values);
            let (width, image) = (model.rbm.visible_count(), model.image_shape());
            let shown = Shown { width, image, range: &range };
            let back = |cases: &Cases| model.reconstruct(cases);
            again((ranks, options, format), &model.pieces(&choice)?, &back, &shown)
        }
    }
}

/// What comes back of cases.
type Back<'a> = dyn Fn(&Cases) -> Result<Reconstruction> + 'a;

/// Writes and tells what came back of cases, piece by piece, or draws both; ranks take pieces by turns.
fn again(
    (ranks, options, format): (&Ranks, &ApplyOptions, Format),
    pieces: &Pieces<'_>,
    back: &Back<'_>,
    shown: &Shown<'_>,
) -> Result<()> {
    trained::notes(pieces.notices());
    let (n, out) = (pieces.cases(), &options.out);
    let mut error = SquaredError::default();
    let mut file = match format {
        Format::Npy if ranks.is_first() => {
            tell_replaced(out);
            Some(NpyFile::create(out, &[n, shown.width])?)
        }
        _ => None,
    };
    // Of a picture as many cases as may have room on it.
    let [mut originals, mut returned] = [Vec::new(), Vec::new()];
    let mut make = |piece: &Chosen, _| {
        Ok(bytemuck::cast_slice::<f32, u8>(&back(&piece.cases)?.values).to_vec())
    };
    pieces.by_turns(ranks, &mut make, &mut |mut made| {
        if !ranks.is_first() {
            return Ok(());
        }
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(&made.bytes);
        let piece = made.piece()?;
        let own = piece.cases.to_f32();
        error.add(&own, &values, piece.cases.len());
        match &mut file {
            Some(file) => file.extend(&values),
            None => {
                let room = (pictures::MOST_TILES * shown.width).saturating_sub(originals.len());
                let room = if pieces.are_streamed() { room } else { usize::MAX };
                originals.extend(own.into_iter().take(room));
                returned.extend(values.into_iter().take(room));
                Ok(())
            }
        }
    })?;
    if !ranks.is_first() {
        return Ok(());
    }
    match file {
        Some(file) => file.finish()?,
        None => {
            (shown.range)(&mut returned)?;
            let range = (shown.range)(&mut originals)?;
            let (width, image) = (shown.width, shown.image);
            let picture = pictures::reconstructions(&originals, &returned, width, image, range)?;
            trained::notes(&picture.notes);
            tell_replaced(out);
            picture.save(out)?;
        }
    }
    out!(
        "{} ({} part), reconstruction error {:.4} (squared, summed over {} values, mean over cases): {}",
        print::count(n, "case"),
        pieces.part_name(),
        error.mean(),
        shown.width,
        out.display()
    );
    Ok(())
}
