//! The pictures of an autoencoder's run.

use std::path::Path;

use super::Pca;
use super::classes::labels_of;
use super::job::AutoencoderJob;
use crate::data::Cases;
use crate::error::Result;
use crate::jobs::rows::upload_rows;
use crate::models::UnitKind;
use crate::run::scatter::{Points, scatter};
use crate::run::{self, Event, Finish, pictures};
use crate::tensor::Tensor;

/// Cases of `reconstructions.png`.
const RECONSTRUCTIONS: usize = 40;
/// Side of the grid of what the decoder makes of a plane of codes.
const PLANE: usize = 15;
/// Cases whose codes are shown.
const SCATTERED: usize = 2000;

impl AutoencoderJob {
    /// The cases that are shown: of the test part, else those held out, else those of training.
    fn shown(&self) -> &Cases {
        self.test.as_ref().or(self.validation.as_ref()).unwrap_or(&self.train)
    }

    pub(super) fn draw_reconstructions(&self, pca: Option<&Pca>, folder: &Path) -> Result<()> {
        let (x, image) =
            (upload_rows(&self.device, self.shown(), 0, RECONSTRUCTIONS)?, self.image_shape());
        let mut layers = vec![x.to_vec()?, self.whole()?.reconstruct(&x)?.to_vec()?];
        if let Some(pca) = pca {
            layers.push(pca.reconstruct(&x)?.to_vec()?);
        }
        let layers: Vec<&[f32]> = layers.iter().map(Vec::as_slice).collect();
        let range = self.range(layers[0]);
        pictures::rows(&layers, 20, self.spec.inputs, image, range)?
            .save(folder.join(run::RECONSTRUCTIONS))
    }

    /// The codes of the shown cases, by their classes where these are known.
    pub(super) fn draw_codes(&self, end: &mut Finish<'_>) -> Result<()> {
        let [train, held_out, test] = &self.classes.labels;
        let (cases, labels, of) = match (&self.test, &self.validation) {
            (Some(cases), _) => (cases, test, "test"),
            (None, Some(cases)) => (cases, held_out, "held-out"),
            (None, None) => (&self.train, train, "training"),
        };
        let x = upload_rows(&self.device, cases, 0, SCATTERED)?;
        let codes = self.whole()?.encode(&x)?.to_vec()?;
        let labels = labels_of(labels.as_ref(), &x);
        let points = Points { places: &codes, labels: &labels, names: &self.classes.names };
        let title = format!("Codes of {} {of} cases", codes.len() / 2);
        let picture = scatter(&title, &points)?;
        for note in &picture.notes {
            end.observer.see(Event::Note(&format!("{}: {note}", run::CODES)));
        }
        picture.save(end.folder.join(run::CODES))
    }

    /// What the decoder makes of a plane of codes, over the range in which 98 % of the shown cases' codes lie.
    pub(super) fn draw_plane(&self, folder: &Path) -> Result<()> {
        let whole = self.whole()?;
        let x = upload_rows(&self.device, self.shown(), 0, 2000)?;
        let codes = whole.encode(&x)?.to_vec()?;
        let axis = |k: usize| {
            let mut values: Vec<f32> = codes.iter().skip(k).step_by(2).copied().collect();
            values.sort_by(f32::total_cmp);
            let at = |share: f64| {
                values.get((share * (values.len().max(1) - 1) as f64) as usize).copied()
            };
            let (low, high) = (at(0.01).unwrap_or(-1.0), at(0.99).unwrap_or(1.0));
            move |step: usize| low + (high - low) * step as f32 / (PLANE - 1) as f32
        };
        let (across, up) = (axis(0), axis(1));
        let plane: Vec<f32> = (0..PLANE * PLANE)
            .flat_map(|at| [across(at % PLANE), up(PLANE - 1 - at / PLANE)])
            .collect();
        let plane = Tensor::from_f32(&self.device, &[PLANE * PLANE, 2], &plane)?;
        let values = whole.decode(&plane)?.to_vec()?;
        let range = self.range(&values);
        pictures::rows(&[&values], PLANE, self.spec.inputs, self.image_shape(), range)?
            .save(folder.join(run::PLANE))
    }

    pub(super) fn image_shape(&self) -> Option<(usize, usize)> {
        self.image.map(|i| (i.height, i.width))
    }

    /// What black and white are.
    fn range(&self, values: &[f32]) -> (f32, f32) {
        match self.units {
            UnitKind::Bernoulli => (0.0, 1.0),
            _ => run::robust_range(values),
        }
    }
}
