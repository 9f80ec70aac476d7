//! The pictures of a deep Boltzmann machine's run.

use super::job::DbmJob;
use super::sampling::{DeepSampling, run_chains};
use crate::error::Result;
use crate::jobs::rows::{for_picture, upload_rows};
use crate::jobs::stack::draw_levels;
use crate::models::UnitKind;
use crate::run::{self, Event, Finish, pictures};

/// Chains shown, and after how many sweeps.
const CHAINS: usize = 100;
const STEPS: u64 = 1000;
/// Cases of `reconstructions.png`.
const RECONSTRUCTIONS: usize = 40;

impl DbmJob {
    pub(super) fn draw(&self, end: &mut Finish<'_>) -> Result<()> {
        let (dbm, prepared) = (self.dbm()?, &self.prepared);
        let (preprocessing, kind) = (&prepared.preprocessing, prepared.units);
        let (image, width) = (prepared.image.map(|i| (i.height, i.width)), dbm.visible_count());
        let at = |name: &str| end.folder.join(name);

        let units = dbm.units(1).count();
        let filters = pictures::filters(&dbm.weights(1).to_vec()?, width, units, image)?;
        filters.save(at(run::FILTERS))?;
        let levels: Vec<_> = (1..=dbm.hidden_layers()).map(|layer| dbm.weights(layer)).collect();
        draw_levels(&levels, image)?.save(at(run::LEVELS))?;

        let mut samples =
            run_chains(dbm, &DeepSampling::pictures(CHAINS, STEPS, self.settings.seed))?;
        let range = for_picture(preprocessing, kind, &mut samples)?;
        pictures::sheet(&samples, width, image, range)?.save(at(run::SAMPLES))?;

        let (set, part) = prepared.shown();
        let cases = prepared.seen(set, part)?;
        let v = upload_rows(&self.device, &cases, 0, RECONSTRUCTIONS)?;
        let (mut originals, mut again) = (v.to_vec()?, dbm.reconstruct(&v)?.to_vec()?);
        for_picture(preprocessing, kind, &mut again)?;
        let range = for_picture(preprocessing, kind, &mut originals)?;
        pictures::reconstructions(&originals, &again, width, image, range)?
            .save(at(run::RECONSTRUCTIONS))?;
        for note in &filters.notes {
            end.observer.see(Event::Note(&format!("{}: {note}", run::FILTERS)));
        }
        if kind == UnitKind::Gaussian {
            let note = "note: scores are in the standardised space, pictures in the data's own";
            end.observer.see(Event::Note(note));
        }
        Ok(())
    }
}
