//! What the layers of a field make of sequences.

use super::trained::TrainedCrf;
use crate::data::{ImageShape, Sequences};
use crate::error::{Error, Result};
use crate::evaluation::sequences::{at_once, by_turns};
use crate::jobs::rows::layer_at;
use crate::layers::LayerSpec;
use crate::models::{Crf, Decoding};
use crate::ranks::Ranks;
use crate::run::features::{LayerPicture, Maps, features};
use crate::run::pictures::column_norms;
use crate::run::png_file::Picture;
use crate::training::{Batch, ResidentSequences};

/// Units of the first layer whose weights are shown.
const KERNELS: usize = 60;
/// Values of a row that are shown.
const COLUMNS: usize = 960;

impl TrainedCrf {
    /// What layer `level` gives for each position, all sequences one after another, `[positions, values]`, and how many
    /// values these are. Layers are counted from 1 as the field describes them, those that drop units left out; where it is
    /// not given it is the last hidden one, or of a linear chain the only one, whose values are the labels' scores, and perhaps their transitions'.
    ///
    /// # Errors
    /// [`Error::Setting`] for a layer that there is not; device errors.
    pub fn transform(&self, set: &Sequences, level: Option<usize>) -> Result<(Vec<f32>, usize)> {
        self.transform_on(&Ranks::alone(), set, level)
    }

    /// The same by ranks, which take sequences by turns; all of them have the result.
    ///
    /// # Errors
    /// As [`TrainedCrf::transform`], at any rank.
    pub fn transform_on(
        &self,
        ranks: &Ranks,
        set: &Sequences,
        level: Option<usize>,
    ) -> Result<(Vec<f32>, usize)> {
        let (at, units) = layer_at(self.crf.layers(), level, ("field", false))?;
        Ok((given((ranks, &self.crf), &mut self.resident(set)?, (at, units))?, units))
    }

    /// What every layer makes of one of the sequences, a row for each position; the chain; and the probability of each label
    /// at each position: on a sheet with this title.
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no such sequence; where it cannot be drawn; device errors.
    pub fn features(&self, set: &Sequences, sequence: usize, title: &str) -> Result<Picture> {
        if sequence >= set.len() {
            let there = match set.len().checked_sub(1) {
                Some(last) => format!("they are 0 to {last}"),
                None => "there is none at all".into(),
            };
            let detail = format!("there is no sequence {sequence}; {there}");
            return Err(Error::setting("case", detail));
        }
        let one = set.select(&set.name, |s| s == sequence)?;
        let (positions, width) = (one.cases.len(), one.cases.width());
        let values = one.cases.to_f32();
        let input = match one.image {
            Some(ImageShape { height, width }) => Maps { count: positions, height, width, values },
            None => rows(width, &values),
        };
        let mut resident = self.resident(&one)?;
        let mut layers = Vec::new();
        let specs =
            self.crf.spec().layers.iter().filter(|spec| !matches!(spec, LayerSpec::Flatten));
        let stages = self.crf.layers().stages().enumerate();
        let pairs = stages.filter(|(_, stage)| stage.name != "flatten").zip(specs);
        for ((at, stage), spec) in pairs.filter(|((_, stage), _)| !stage.parameters.is_empty()) {
            let units = stage.output.iter().product();
            let values = given((&Ranks::alone(), &self.crf), &mut resident, (at, units))?;
            let kernels = if layers.is_empty() { self.kernels(width)? } else { None };
            layers.push(LayerPicture {
                title: format!("{}: {}, a row for each position", stage.name, spec.words()),
                kernels,
                inputs: 1,
                maps: rows(units, &values),
            });
        }
        let labels = self.crf.spec().labels;
        let chain = self.crf.transitions().value.to_vec()?;
        layers.push(LayerPicture {
            title: "chain: a row for the label before (then: first, last)".into(),
            maps: rows(labels, &chain),
            ..LayerPicture::default()
        });
        for read in self.read(&one, Decoding::Viterbi)? {
            layers.push(LayerPicture {
                title: "probability of each label, a row for each position".into(),
                maps: rows(labels, &read.marginals),
                ..LayerPicture::default()
            });
        }
        features(title, &input, &layers, None)
    }

    /// The weights of the strongest units of the first layer, where positions of so many values are pictures.
    fn kernels(&self, width: usize) -> Result<Option<Maps>> {
        let first = self.crf.layers().parameters().next();
        let (Some(weights), Some(image)) = (first, self.origin.image) else { return Ok(None) };
        let &[_, units] = weights.value.shape().dims() else { return Ok(None) };
        let side = 2 * self.origin.window + 1;
        let values = weights.value.to_vec()?;
        let own = &values[..width * side * units];
        let norms = column_norms(own, units);
        let mut strongest: Vec<usize> = (0..units).collect();
        strongest.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
        strongest.truncate(KERNELS);
        let of = |&unit: &usize| own.iter().skip(unit).step_by(units).copied();
        Ok(Some(Maps {
            count: strongest.len(),
            height: image.height * side,
            width: image.width,
            values: strongest.iter().flat_map(of).collect(),
        }))
    }
}

/// Rows of so many values as one picture, as many columns as fit.
fn rows(width: usize, values: &[f32]) -> Maps {
    let shown = width.min(COLUMNS);
    let own = values.chunks_exact(width.max(1));
    Maps {
        count: 1,
        height: own.len(),
        width: shown,
        values: own.flat_map(|row| &row[..shown]).copied().collect(),
    }
}

/// What a stage of a field's layers gives for each position, without what stands behind the ends.
fn given(
    (ranks, crf): (&Ranks, &Crf),
    source: &mut ResidentSequences,
    (at, units): (usize, usize),
) -> Result<Vec<f32>> {
    let rows = at_once(crf, source);
    let mut all = Vec::with_capacity(source.positions() * units);
    let mut make = |batch: Batch<'_>| {
        let lengths = batch.sequences()?;
        let values = crf.values_of(at, batch.cases, lengths)?.to_vec()?;
        let sizes = lengths.to_vec()?;
        let each = values.len() / sizes.len().max(1);
        let own = values.chunks_exact(each.max(1)).zip(sizes);
        let own = own.flat_map(|(own, length)| &own[..length as usize * units]);
        Ok(own.flat_map(|value| value.to_ne_bytes()).collect())
    };
    by_turns(ranks, (source, rows), &mut make, &mut |made| {
        all.extend(bytemuck::pod_collect_to_vec::<u8, f32>(&made));
        Ok(())
    })?;
    Ok(all)
}
