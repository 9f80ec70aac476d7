//! The pictures of a deep belief net's run.

use super::job::DbnJob;
use super::settings::Purpose;
use super::trained::{Dreaming, dream};
use crate::error::Result;
use crate::jobs::rows::for_picture;
use crate::jobs::stack::draw_levels;
use crate::models::Rbm;
use crate::run::{self, Finish, pictures};

/// Dreams shown, and after how many Gibbs steps of the top.
const DREAMS: usize = 100;
const STEPS: u64 = 1000;
/// Of each class, where labels are joined; classes shown at most.
const OF_A_CLASS: usize = 10;
const CLASSES: usize = 20;

impl DbnJob {
    pub(super) fn draw(&self, end: &mut Finish<'_>) -> Result<()> {
        let (net, prepared) = (self.whole()?, &self.prepared);
        let (preprocessing, kind) = (&prepared.preprocessing, prepared.units);
        let (image, width) =
            (prepared.image.map(|i| (i.height, i.width)), prepared.train.cases.width());
        let at = |name: &str| end.folder.join(name);

        let weights = match self.network().and_then(|n| n.layers().parameters().next()) {
            Some(first) => first.value.to_vec()?,
            None => net.levels()[0].weights().to_vec()?,
        };
        // Of a single level with labels the weights have more rows than a case has values.
        let units = net.levels()[0].hidden_count();
        let filters = pictures::filters(&weights[..width * units], width, units, image)?;
        filters.save(at(run::FILTERS))?;
        let levels: Vec<_> = net.levels().iter().map(Rbm::weights).collect();
        draw_levels(&levels, width, image)?.save(at(run::LEVELS))?;

        let mut dreaming = Dreaming::pictures(DREAMS, STEPS, self.settings.seed);
        let mut columns = None;
        if let Some(classes) = net.classes() {
            let of_each = |class| std::iter::repeat_n(class, OF_A_CLASS);
            let classes: Vec<usize> = (0..classes.min(CLASSES)).flat_map(of_each).collect();
            (dreaming, columns) = (dreaming.of(classes), Some(OF_A_CLASS));
        }
        let mut dreams = dream(net, &dreaming)?;
        let range = for_picture(preprocessing, kind, &mut dreams)?;
        let sheet = match columns {
            Some(columns) => pictures::rows(&[&dreams], columns, width, image, range)?,
            None => pictures::sheet(&dreams, width, image, range)?,
        };
        sheet.save(at(run::SAMPLES))?;

        if self.settings.purpose() != Purpose::Classifier {
            prepared.draw_reconstructions(&self.device, end.folder, &|v| net.reconstruct(v))?;
        }
        prepared.tell_of_pictures(&filters, end);
        Ok(())
    }
}
