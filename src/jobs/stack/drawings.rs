//! Pictures that the runs of several kinds have: what the units of every level answer to, and cases that come back.

use std::path::Path;

use super::data::Prepared;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::rows::{for_picture, upload_rows};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::models::UnitKind;
use crate::run::pictures::{self, stacked};
use crate::run::png_file::Picture;
use crate::run::{self, Event, Finish};
use crate::tensor::Tensor;

/// Cases of `reconstructions.png`.
const RECONSTRUCTIONS: usize = 40;
/// Units of a level that are shown.
const UNITS: usize = 60;

/// A sheet for each level: the weights of its strongest units, those of higher levels sent down through the weights of the
/// levels below, so that all are pictures of cases of `width` values. `weights` are those of the levels from the data upwards;
/// rows beyond what is below a level (of labels) are left out.
///
/// # Errors
/// Device errors; [`Error::Shape`](crate::Error::Shape) where levels do not fit.
pub fn levels(weights: &[&Tensor], width: usize, image: Option<(usize, usize)>) -> Result<Picture> {
    let mut parts = Vec::new();
    let mut below = width;
    for (level, w) in weights.iter().enumerate() {
        let [rows, units] = w.shape().matrix("draw levels", "the weights")?;
        let (reads, shown) = (below.min(rows), units.min(UNITS));
        let values = w.to_vec()?;
        let norms = pictures::column_norms(&values, units);
        let mut strongest: Vec<usize> = (0..units).collect();
        strongest.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
        strongest.truncate(shown);
        let lines = values.chunks(units.max(1)).take(reads);
        let own: Vec<f32> =
            lines.flat_map(|line| strongest.iter().map(move |&unit| line[unit])).collect();
        let mut down = Tensor::from_f32(w.device(), &[reads, shown], &own)?;
        for lower in weights[..level].iter().rev() {
            let rows = lower.shape().matrix("draw levels", "the weights")?[0];
            let mut next = Tensor::for_output(w.device(), &[rows, shown])?;
            matmul(lower, &down, Transpose::NN, &Epilogue::default(), &mut next)?;
            down = next;
        }
        let inputs = down.shape().matrix("draw levels", "the weights")?[0];
        let title = match shown < units {
            true => format!("level {}: the {shown} strongest of {units} units", level + 1),
            false => format!("level {}: {units} units", level + 1),
        };
        parts.push((title, pictures::filters(&down.to_vec()?, inputs, shown, image)?));
        below = units;
    }
    Ok(stacked(&parts))
}

impl Prepared {
    /// Draws cases, below each what `again` makes of it, into a run's folder.
    ///
    /// # Errors
    /// Device errors, [`Error::Io`](crate::Error::Io).
    pub fn draw_reconstructions(
        &self,
        device: &Device,
        folder: &Path,
        again: &dyn Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let (set, part) = self.shown();
        let v = upload_rows(device, &self.seen(set, part)?, 0, RECONSTRUCTIONS)?;
        let (mut originals, mut again) = (v.to_vec()?, again(&v)?.to_vec()?);
        for_picture(&self.preprocessing, self.units, &mut again)?;
        let range = for_picture(&self.preprocessing, self.units, &mut originals)?;
        let (image, width) = (self.image.map(|i| (i.height, i.width)), set.cases.width());
        let sheet = pictures::reconstructions(&originals, &again, width, image, range)?;
        sheet.save(folder.join(run::RECONSTRUCTIONS))
    }

    /// Tells what there is to know of a run's pictures.
    pub fn tell_of_pictures(&self, filters: &Picture, end: &mut Finish<'_>) {
        for note in &filters.notes {
            end.observer.see(Event::Note(&format!("{}: {note}", run::FILTERS)));
        }
        if self.units == UnitKind::Gaussian {
            let note = "note: scores are in the standardised space, pictures in the data's own";
            end.observer.see(Event::Note(note));
        }
    }
}
