//! The pictures of a deep Boltzmann machine's run.

use super::job::DbmJob;
use super::sampling::{DeepSampling, run_chains};
use crate::error::Result;
use crate::jobs::rows::for_picture;
use crate::jobs::stack::draw_levels;
use crate::run::{self, Finish, pictures};

/// Chains shown, and after how many sweeps.
const CHAINS: usize = 100;
const STEPS: u64 = 1000;

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
        draw_levels(&levels, width, image)?.save(at(run::LEVELS))?;

        let mut samples =
            run_chains(dbm, &DeepSampling::pictures(CHAINS, STEPS, self.settings.seed))?;
        let range = for_picture(preprocessing, kind, &mut samples)?;
        pictures::sheet(&samples, width, image, range)?.save(at(run::SAMPLES))?;

        prepared.draw_reconstructions(&self.device, end.folder, &|v| dbm.reconstruct(v))?;
        prepared.tell_of_pictures(&filters, end);
        Ok(())
    }
}
