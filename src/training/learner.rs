//! What a run drives: anything that learns from batches, epoch by epoch.

use super::shares::{self, Shared, SharedBatch};
use super::state::{Clock, TrainerState};
use super::{Batch, BatchSource, Figures};
use crate::error::{Error, Result};
use crate::models::{Model, Units, Visit, state};
use crate::ranks::Ranks;
use crate::tensor::Tensor;

/// How an epoch's cases come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Of the cases' order.
    pub seed: u64,
    /// Cases per update.
    pub batch: usize,
}

/// What an epoch did.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochReport {
    /// Which, counted from 1.
    pub epoch: u64,
    /// Updates in it.
    pub updates: u64,
    /// Cases in it.
    pub cases: u64,
    /// What the learner measured on the way.
    pub figures: Figures,
}

/// Something that learns from batches: contrastive divergence, backpropagation.
///
/// ```
/// use harmonium::data;
/// use harmonium::models::{Rbm, Units};
/// use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Treatment};
/// let device = harmonium::Device::cpu();
/// let train = data::load("digits")?.train.cases;
/// let rbm = Rbm::new(&device, Units::bernoulli(train.width()), Units::bernoulli(8), 1)?;
/// let mut batches = ResidentData::new(&device, &train, Treatment::default())?;
/// let mut trainer = CdTrainer::new(rbm, CdConfig::default(), &train.means())?;
/// // Ten updates, then a stop; a trainer restored from this state goes on where this one stopped.
/// let mut left = 10;
/// let stopped = trainer.epoch_while(&mut batches, |_, _| {
///     left -= 1;
///     Ok(left > 0)
/// })?;
/// assert!(stopped.is_none());
/// assert_eq!(trainer.state()?.clock.updates, 10);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Loops of one's own
/// [`epoch`](Learner::epoch) and [`epoch_while`](Learner::epoch_while) call `begin_epoch`, `update` and `end_epoch` and move the
/// clock: a loop of one's own is a loop over them, with the learner at hand after each update (`set_learning_rate` of a trainer
/// between epochs). An implementation's `update` adds 1 to `clock.updates`; who calls `update` itself moves on `epoch_updates` and
/// `epoch_cases`, by which batches and tallies find their place.
///
/// # After an error
/// A learner that gave an error stands within an update: it is not trained further. Keep the [`state`](Learner::state) of an epoch's
/// end; after [`Error::OutOfMemory`] or [`Error::DeviceLost`] open a device, make model and learner with the same settings there, and
/// [`restore`](Learner::restore) it.
pub trait Learner {
    /// Where training stands.
    fn clock(&self) -> Clock;

    /// The same, to be moved on.
    fn clock_mut(&mut self) -> &mut Clock;

    /// How it wants its cases.
    fn order(&self) -> Order;

    /// The model that learns.
    fn model(&mut self) -> &mut dyn Model;

    /// Shows every array that the rest of training depends on, besides the model's own.
    ///
    /// # Errors
    /// Those of the visit.
    fn visit_memory(&mut self, visit: &mut Visit<'_>) -> Result<()>;

    /// Before an epoch's first batch, or before the first after a stop: whether the source fits.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Data`] where it does not.
    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()>;

    /// One update, which `clock.updates` counts. It is recorded, not waited for, except where the algorithm needs the host.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Data`] for a batch that does not fit; device errors.
    fn update(&mut self, batch: Batch<'_>) -> Result<()>;

    /// After an epoch's last batch: its one wait. What was measured on the way.
    ///
    /// # Errors
    /// [`Error::Diverged`] where something left the finite numbers; device errors.
    fn end_epoch(&mut self) -> Result<Figures>;

    /// The same learner where its batches can be shared among ranks; `None` where they cannot.
    fn shared(&mut self) -> Option<&mut dyn Shared> {
        None
    }

    /// One pass over the data, or the rest of one that was stopped.
    ///
    /// # Errors
    /// [`Error::Diverged`]; [`Error::Shape`] and [`Error::Data`] where the source does not fit; device errors.
    fn epoch(&mut self, source: &mut dyn BatchSource) -> Result<EpochReport>
    where
        Self: Sized,
    {
        match epoch(self, source, &mut |_, _| Ok(true))? {
            Some(report) => Ok(report),
            // Nothing stops it.
            None => Err(Error::run("epoch", "stopped without being asked to")),
        }
    }

    /// As [`Learner::epoch`], asking `go_on` after each update, with the learner and the number of the batch's
    /// cases. Where it says no, the epoch stops there and gives `None`; a later call, or one of a learner with this
    /// one's [state](Learner::state), goes on with the next batch.
    ///
    /// # Errors
    /// As [`Learner::epoch`], and those of `go_on`.
    fn epoch_while(
        &mut self,
        source: &mut dyn BatchSource,
        mut go_on: impl FnMut(&mut dyn Learner, usize) -> Result<bool>,
    ) -> Result<Option<EpochReport>>
    where
        Self: Sized,
    {
        epoch(self, source, &mut go_on)
    }

    /// The present state, read from the device; waits for all recorded updates.
    ///
    /// # Errors
    /// [`Error::Diverged`] where anything in it is not finite: such a state is worth nothing. Device errors.
    fn state(&mut self) -> Result<TrainerState>
    where
        Self: Sized,
    {
        let arrays = state::read(|v| visit(self, v))?;
        TrainerState { clock: self.clock(), arrays }.checked()
    }

    /// Takes up a state that [`Learner::state`] gave, of a learner with the same settings. On the same device
    /// training then goes on bit for bit as it would have.
    ///
    /// # Errors
    /// [`Error::Run`] where the state is of another model or of other settings: an array is missing, is one too
    /// many, or has another shape. The learner is then not to be used further.
    fn restore(&mut self, state: &TrainerState) -> Result<()>
    where
        Self: Sized,
    {
        state::write(&state.arrays, |v| visit(self, v))?;
        *self.clock_mut() = state.clock;
        Ok(())
    }
}

/// Shows every array of a learner: its model's and its own.
///
/// # Errors
/// Those of the visit.
pub fn visit(learner: &mut dyn Learner, visit: &mut Visit<'_>) -> Result<()> {
    learner.model().visit(visit)?;
    learner.visit_memory(visit)
}

/// One pass over the data, or the rest of one that was stopped; see [`Learner::epoch_while`].
///
/// # Errors
/// As there.
pub fn epoch(
    learner: &mut dyn Learner,
    source: &mut dyn BatchSource,
    go_on: &mut dyn FnMut(&mut dyn Learner, usize) -> Result<bool>,
) -> Result<Option<EpochReport>> {
    epoch_on(&Ranks::alone(), learner, source, go_on)
}

/// As [`epoch`], together with other ranks: each has the same model, the same source and the same order, and learns
/// from its share of every batch. What `go_on` decides must be the same on every rank ([`Ranks::agree`]).
///
/// # Errors
/// As [`epoch`]; [`Error::Setting`] for a learner that is not to be shared; [`Error::Run`] where another rank is gone, or
/// models of ranks differ at the end.
pub fn epoch_on(
    ranks: &Ranks,
    learner: &mut dyn Learner,
    source: &mut dyn BatchSource,
    go_on: &mut dyn FnMut(&mut dyn Learner, usize) -> Result<bool>,
) -> Result<Option<EpochReport>> {
    if !updates(ranks, learner, source, go_on)? {
        return Ok(None);
    }
    collect(ranks, learner)?;
    let figures = learner.end_epoch()?;
    if ranks.count() > 1 {
        let arrays = state::read(|v| visit(learner, v))?;
        shares::compare(ranks, learner.clock().epoch(), &arrays)?;
    }
    Ok(Some(finish(learner, figures)))
}

/// The updates of an epoch, or the rest of them: whether they are all done.
pub(super) fn updates(
    ranks: &Ranks,
    learner: &mut dyn Learner,
    source: &mut dyn BatchSource,
    go_on: &mut dyn FnMut(&mut dyn Learner, usize) -> Result<bool>,
) -> Result<bool> {
    if source.cases() == 0 {
        return Err(Error::data("training data", "there is no case; nothing can be learnt"));
    }
    learner.begin_epoch(source)?;
    let clock = learner.clock();
    begin(ranks, learner, source, clock)?;
    source.skip(clock.epoch_cases as usize)?;
    let mut room = None;
    loop {
        let rows = next(ranks, learner, source, &mut room)?;
        if rows == 0 {
            return Ok(true);
        }
        let clock = learner.clock_mut();
        clock.epoch_updates += 1;
        clock.epoch_cases += rows as u64;
        if ranks.are_mixed() {
            follow_update(ranks, learner)?;
        }
        if !go_on(learner, rows)? {
            return Ok(false);
        }
    }
}

/// Starts the epoch of `clock` from its first case.
pub(super) fn begin(
    ranks: &Ranks,
    learner: &mut dyn Learner,
    source: &mut dyn BatchSource,
    clock: Clock,
) -> Result<()> {
    let seed = learner.order().seed;
    source.start_epoch(seed, clock.epoch())?;
    if ranks.cuts() && shared(learner)?.prepare(source)? {
        source.start_epoch(seed, clock.epoch())?;
    }
    Ok(())
}

/// Learns from the next batch: how many cases it had, on all ranks; 0 where there is none. `room` is of what ranks sum.
pub(super) fn next(
    ranks: &Ranks,
    learner: &mut dyn Learner,
    source: &mut dyn BatchSource,
    room: &mut Option<Tensor>,
) -> Result<usize> {
    let size = learner.order().batch;
    if ranks.cuts() {
        let left = source.cases() - learner.clock().epoch_cases.min(source.cases() as u64) as usize;
        let rows = size.min(left);
        if rows > 0 {
            let clock = learner.clock();
            shared(learner)?.learn(&mut SharedBatch { ranks, clock, source, rows, room })?;
        }
        return Ok(rows);
    }
    let Some(batch) = source.next_batch(size)? else { return Ok(0) };
    let rows = batch.rows();
    learner.update(batch)?;
    Ok(rows)
}

/// The learner, where it can be shared.
fn shared(learner: &mut dyn Learner) -> Result<&mut dyn Shared> {
    let kind = learner.model().kind();
    let Some(shared) = learner.shared() else {
        let detail = format!(
            "this way of training a {kind} learns on one rank only: start it without mpirun and without --reproducible"
        );
        return Err(Error::setting("ranks", detail));
    };
    shared.check_shared()?;
    Ok(shared)
}

/// Brings together what each rank keeps of its own, so that all have all of it: before a checkpoint, and at an epoch's
/// end. Nothing for one rank.
///
/// # Errors
/// As [`Ranks::sum`]; device errors.
pub fn collect(ranks: &Ranks, learner: &mut dyn Learner) -> Result<()> {
    if ranks.count() == 1 { Ok(()) } else { shares::collect(ranks, shared(learner)?) }
}

/// Gives all ranks what rank 0 has: where training stands, the learner's arrays and those that `also` shows. Nothing for
/// one rank.
///
/// # Errors
/// As [`Ranks::gather`]; device errors.
pub fn follow_first(
    ranks: &Ranks,
    learner: &mut dyn Learner,
    also: &mut dyn FnMut(&mut dyn Learner, &mut Visit<'_>) -> Result<()>,
) -> Result<()> {
    if ranks.count() == 1 {
        return Ok(());
    }
    let mut both = |learner: &mut dyn Learner, v: &mut Visit<'_>| {
        visit(learner, v)?;
        also(learner, v)
    };
    if ranks.is_first() {
        let arrays = state::read(|v| both(learner, v))?;
        ranks.tell(&shares::encode(learner.clock(), &arrays))?;
        return Ok(());
    }
    let (clock, arrays) = shares::decode(&ranks.tell(&[])?)?;
    state::write(&arrays, |v| both(learner, v))?;
    *learner.clock_mut() = clock;
    Ok(())
}

/// Gives all ranks what rank 0's update changed; what each keeps of its own stays.
fn follow_update(ranks: &Ranks, learner: &mut dyn Learner) -> Result<()> {
    let mut kept = Vec::new();
    shared(learner)?.scattered(&mut |own, _| {
        kept.push(own.try_clone()?);
        Ok(())
    })?;
    follow_first(ranks, learner, &mut |_, _| Ok(()))?;
    let mut kept = kept.iter();
    shared(learner)?
        .scattered(&mut |own, _| kept.next().map_or(Ok(()), |before| own.copy_from(before)))
}

/// The report of an epoch that is done, and the clock at the next one's beginning.
pub(super) fn finish(learner: &mut dyn Learner, figures: Figures) -> EpochReport {
    let clock = learner.clock_mut();
    let report = EpochReport {
        epoch: clock.epoch(),
        updates: clock.epoch_updates,
        cases: clock.epoch_cases,
        figures,
    };
    *clock = Clock { epochs: clock.epoch(), updates: clock.updates, ..Clock::default() };
    report
}

/// The value of a rate as it was written: 0.1 and not 0.10000000149.
pub(super) fn rate(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// That a case has as many values as a machine has visible units, and that they can have them.
pub(super) fn check_cases(
    op: &'static str,
    source: &dyn BatchSource,
    visible: Units,
) -> Result<()> {
    let (found, width) = (source.width(), visible.count());
    if found != width {
        let detail =
            format!("the data have {found} values a case, the machine {width} visible units");
        return Err(Error::shape(op, detail));
    }
    match visible.kind().range() {
        Some(range) => source.contents().check_range(&format!("{} units", visible.kind()), range),
        None => Ok(()),
    }
}
