//! The training of a restricted Boltzmann machine: one stage of contrastive divergence.

use std::path::Path;

use super::data::Prepared;
use super::figures::{
    AVERAGED_LOG_LIKELIHOOD, AVERAGED_PSEUDO_LIKELIHOOD, AVERAGED_TEST_ERROR, FIGURES,
    LOG_LIKELIHOOD, PSEUDO_LIKELIHOOD, TEST_ERROR,
};
use super::probe::Probe;
use super::settings::RbmSettings;
use super::trained::Origin;
use super::{Sampling, ladder, report, run_chains, upload_rows};
use crate::data::Part;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::loading::Source;
use crate::models::{Rbm, Units};
use crate::run::report::Section;
use crate::run::{
    self, About, Event, Facts, Finish, Job, Keep, Observer, Record, RunRecord, Stage, pictures,
};
use crate::training::{BatchSource, CdTrainer, Figures, Learner, RUNGS, SWAP_ACCEPTANCE};

/// Epochs of a run that are scored at least, if it has as many.
const POINTS: u64 = 10;

/// Chains and Gibbs steps of `samples.png`.
const SAMPLES: usize = 100;
const SAMPLE_STEPS: u64 = 1000;
/// Cases of `reconstructions.png`.
const RECONSTRUCTIONS: usize = 40;

/// A restricted Boltzmann machine's training.
pub struct RbmJob {
    settings: RbmSettings,
    device: Device,
    prepared: Prepared,
    record: RunRecord,
    probe: Probe,
    trainer: CdTrainer,
    batches: Source,
    interval: u64,
    /// Epochs from one point of a short run's curves to the next.
    points: u64,
    spectrum_interval: u64,
}

crate::error::opaque!(RbmJob);

impl RbmJob {
    /// Loads the data and builds machine and learner.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`] where the values do not suit the units, [`Error::Limit`] and
    /// [`Error::OutOfMemory`] for what is too large.
    pub fn new(
        mut settings: RbmSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let prepared = Prepared::load(&mut settings, observer)?;
        let seed = settings.seed;
        let batches = prepared.learnt(device, &settings)?;
        let probe = Probe::new(device, seed, &prepared)?;
        if settings.score_every.is_some() && !probe.has_likelihood() {
            let note = format!(
                "note: --score-every tells no likelihoods: the cases that are scored lie between the states of {} units (--binarize \
                 makes bits)",
                settings.visible
            );
            observer.see(Event::Note(&note));
        }
        let visible = Units::new(settings.visible, prepared.train.width())?;
        let mut rbm =
            Rbm::new(device, visible, Units::new(settings.hidden_units, settings.hidden)?, seed)?;
        rbm.set_visible_bias_from_means(&probe.train_means)?;
        let training = settings.training();
        let interval = probe.interval(batches.cases(), training.steps);
        let points = settings.epochs.div_ceil(POINTS).max(1);
        let spectrum_interval = Probe::spectrum_interval(&rbm, batches.cases(), training.steps);
        let trainer = CdTrainer::new(rbm, training, &probe.train_means)?;
        let parts = [Some(&prepared.train), prepared.validation.as_ref()];
        let record = RunRecord::new(device, parts.map(|part| part.map(|cases| (cases, &[][..]))))
            .streamed(prepared.stream.as_ref());
        let device = device.clone();
        Ok(RbmJob {
            settings,
            device,
            prepared,
            record,
            probe,
            trainer,
            batches,
            interval,
            points,
            spectrum_interval,
        })
    }

    /// The machine as it stands.
    pub fn rbm(&self) -> &Rbm {
        self.trainer.rbm()
    }

    fn origin(&self) -> Origin {
        Origin {
            preprocessing: self.prepared.stored.clone(),
            image: self.prepared.image,
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: self.prepared.reading.clone(),
            ..Origin::default()
        }
    }
}

impl Job for RbmJob {
    type Settings = RbmSettings;

    fn about(&self) -> About<'_, RbmSettings> {
        About {
            kind: "rbm",
            settings: &self.settings,
            data: self.settings.data.name(),
            record: &self.record,
            device: &self.device,
            figures: &FIGURES,
        }
    }

    fn begin(&mut self, _: usize) -> Result<Stage> {
        Ok(Stage { name: "rbm".into(), epochs: self.settings.epochs, keep: Keep::Last })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        Ok((&mut self.trainer, &mut self.batches))
    }

    fn score(&mut self, epoch: u64, last: bool) -> Result<Figures> {
        let rbm = self.trainer.rbm();
        let mut figures = Figures::new();
        if last || epoch.is_multiple_of(self.interval) || epoch.is_multiple_of(self.points) {
            figures = self.probe.scores(rbm, epoch).map_err(|e| match e {
                Error::Diverged { epoch, what, advice, .. } => {
                    let step = self.batches.cases().div_ceil(self.settings.batch) as u64;
                    Error::Diverged { epoch, step, what, advice }
                }
                e => e,
            })?;
        }
        if last || epoch.is_multiple_of(self.spectrum_interval) {
            figures.extend(&Probe::spectrum(rbm)?);
        }
        let likelihood = self.settings.score_every.is_some_and(|every| epoch.is_multiple_of(every));
        if likelihood {
            figures.extend(&self.probe.likelihood(rbm, epoch)?);
        }
        if let Some(averaged) = self.trainer.averaged()?.filter(|_| last || likelihood) {
            if last {
                let found = self.probe.scores(&averaged, epoch)?.get(PSEUDO_LIKELIHOOD.key);
                figures = figures.with(&AVERAGED_PSEUDO_LIKELIHOOD, found);
            }
            if likelihood {
                let found = self.probe.likelihood(&averaged, epoch)?.get(LOG_LIKELIHOOD.key);
                figures = figures.with(&AVERAGED_LOG_LIKELIHOOD, found);
            }
        }
        Ok(figures)
    }

    fn facts(&self) -> Facts {
        let rbm = self.trainer.rbm();
        let (visible, hidden) = (rbm.visible_count(), rbm.hidden_count());
        let space = if self.settings.standardize { " of standardised values" } else { "" };
        let plural = if hidden == 1 { "" } else { "s" };
        Facts {
            title: format!("rbm with {visible} visible and {hidden} hidden unit{plural}{space}"),
            numbers: vec![
                ("visible_units", visible.into()),
                ("hidden_units", hidden.into()),
                ("standardized", self.settings.standardize.into()),
            ],
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        self.origin().file(self.trainer.model())?.save(path)
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let rbm = self.trainer.rbm();
        let test = match &self.prepared.test {
            Some(test) => Some(self.probe.error(rbm, test, Part::Test)?),
            None => None,
        };
        let trajectory = self.trainer.trajectory();
        let mut rungs = None;
        if !trajectory.is_empty() {
            let kept = trajectory.len() + 1;
            let all = ladder::save(end.folder, trajectory, rbm, self.settings.seed)?;
            if all > kept {
                end.observer.see(Event::Note(&format!(
                    "{}: neighbours of the {kept} machines that were kept exchanged too seldom, so {} were put between them",
                    run::LADDER,
                    all - kept
                )));
            }
            rungs = Some(all as f64);
        }
        let origin = self.origin();
        let mut averaged_test = None;
        if let Some(mut averaged) = self.trainer.averaged()? {
            origin.file(&mut averaged)?.save(end.folder.join(run::AVERAGED))?;
            let test = self.prepared.test.as_ref();
            averaged_test =
                test.map(|test| self.probe.error(&averaged, test, Part::Test)).transpose()?;
        }
        let (image, width) = (origin.image_shape(), rbm.visible_count());
        let at = |name: &str| end.folder.join(name);
        let filters =
            pictures::filters(&rbm.weights().to_vec()?, width, rbm.hidden_count(), image)?;
        for note in &filters.notes {
            end.observer.see(Event::Note(&format!("{}: {note}", run::FILTERS)));
        }
        filters.save(at(run::FILTERS))?;

        let (seed, kind) = (origin.seed, rbm.visible().kind());
        let sampling = Sampling::pictures(SAMPLES, SAMPLE_STEPS, seed);
        let mut samples = run_chains(rbm, &sampling)?;
        let scale = origin.for_picture(kind, &mut samples)?;
        pictures::sheet(&samples, width, image, scale)?.save(at(run::SAMPLES))?;

        let (shown, part, _) = self.prepared.shown();
        let shown = shown.clone().limit(RECONSTRUCTIONS);
        let shown = self.prepared.preprocessing.apply_for_evaluation(shown, seed, part)?;
        let v = upload_rows(&self.device, &shown, 0, RECONSTRUCTIONS)?;
        let (mut originals, mut again) = (v.to_vec()?, rbm.reconstruct(&v)?.to_vec()?);
        origin.for_picture(kind, &mut again)?;
        let scale = origin.for_picture(kind, &mut originals)?;
        pictures::reconstructions(&originals, &again, width, image, scale)?
            .save(at(run::RECONSTRUCTIONS))?;

        end.write_curves(&FIGURES, false)?;
        let scores = Figures::new().with(&TEST_ERROR, test);
        Ok(scores.with(&AVERAGED_TEST_ERROR, averaged_test).with(&RUNGS, rungs))
    }

    fn report(&mut self, record: &Record, observer: &mut dyn Observer) -> Result<Vec<Section>> {
        if let Some(advice) = ladder::advice(&self.settings, record.figure(SWAP_ACCEPTANCE.key)) {
            observer.see(Event::Note(&advice));
        }
        let (rbm, origin) = (self.trainer.rbm(), &self.origin());
        report::sections(record, report::Machine { rbm, origin }, Ok(&self.prepared))
    }
}
