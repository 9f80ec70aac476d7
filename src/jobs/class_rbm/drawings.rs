//! The pictures of a classification machine's run.

use super::job::ClassRbmJob;
use super::trained::{ClassSampling, sample};
use crate::error::Result;
use crate::jobs::rbm::{Keep, Sampling, Watch};
use crate::jobs::rows::{for_picture, upload_rows};
use crate::models::UnitKind;
use crate::run::{self, Event, Finish, pictures};

/// Gibbs steps of the samples; samples of a class, and classes shown at most.
const STEPS: u64 = 1000;
const OF_A_CLASS: usize = 10;
const CLASSES: usize = 20;
/// Cases of `reconstructions.png`.
const RECONSTRUCTIONS: usize = 40;

impl ClassRbmJob {
    pub(super) fn draw(&self, end: &mut Finish<'_>) -> Result<()> {
        let (machine, prepared) = (self.machine(), &self.prepared);
        let preprocessing = &prepared.preprocessing;
        let (image, width) = (prepared.image.map(|i| (i.height, i.width)), machine.features());
        let at = |name: &str| end.folder.join(name);
        let range = |values: &mut [f32]| for_picture(preprocessing, UnitKind::Bernoulli, values);

        let (weights, hidden) =
            (machine.joint().weights().to_vec()?, machine.joint().hidden_count());
        // Behind the rows of the features are those of the classes.
        let filters = pictures::filters(&weights[..width * hidden], width, hidden, image)?;
        for note in &filters.notes {
            end.observer.see(Event::Note(&format!("{}: {note}", run::FILTERS)));
        }
        filters.save(at(run::FILTERS))?;

        let of_each = |class| std::iter::repeat_n(class, OF_A_CLASS);
        let classes = (0..machine.classes().min(CLASSES)).flat_map(of_each);
        let draw = Sampling::pictures(0, STEPS, self.settings.seed).draw;
        let (classes, watch) = (Some(classes.collect()), Watch::default());
        let keep = Keep::Means;
        let sampling = ClassSampling { count: 0, classes, steps: STEPS, draw, keep, watch };
        let mut samples = sample(machine, &sampling)?;
        let scale = range(&mut samples)?;
        pictures::rows(&[&samples], OF_A_CLASS, width, image, scale)?.save(at(run::SAMPLES))?;

        let (set, part) = prepared.shown();
        let cases = prepared.seen(set, part)?;
        let x = upload_rows(machine.device(), &cases, 0, RECONSTRUCTIONS)?;
        let (mut originals, mut again) = (x.to_vec()?, machine.reconstruct(&x)?.to_vec()?);
        range(&mut again)?;
        let scale = range(&mut originals)?;
        pictures::reconstructions(&originals, &again, width, image, scale)?
            .save(at(run::RECONSTRUCTIONS))
    }
}
