//! What a level of a stack learns from: the cases as the levels below give them, computed on the device batch by batch
//! and never kept.

use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::sample::bernoulli;
use crate::models::labels::{join, one_hot};
use crate::random::{Draw, stream};
use crate::tensor::Tensor;

use super::source::{Batch, BatchSource, Contents};

/// A level that is trained: h = f(vW + a).
#[derive(Debug)]
pub struct LowerLevel {
    weights: Tensor,
    bias: Tensor,
    f: Activation,
}

impl LowerLevel {
    /// Of weights `[N, M]` and the bias `[M]` of what the level gives.
    ///
    /// # Errors
    /// [`Error::Shape`] where they do not fit each other.
    pub fn new(weights: Tensor, bias: Tensor, f: Activation) -> Result<Self> {
        let units = weights.shape().matrix("a level", "its weights")?[1];
        if bias.shape().dims() != [units] {
            let detail = format!("{units} units, and a bias of {}", bias.shape());
            return Err(Error::shape("a level", detail));
        }
        Ok(LowerLevel { weights, bias, f })
    }

    /// `[N, M]`.
    pub fn weights(&self) -> &Tensor {
        &self.weights
    }

    /// Of what the level gives, `[M]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// Weights and bias.
    pub fn into_parts(self) -> (Tensor, Tensor) {
        (self.weights, self.bias)
    }

    fn units(&self) -> usize {
        self.bias.shape().len()
    }

    fn up(&self, v: &Tensor, h: &mut Tensor) -> Result<()> {
        let epilogue =
            Epilogue { bias1: Some(&self.bias), activation: self.f, ..Epilogue::default() };
        matmul(v, &self.weights, Transpose::NN, &epilogue, h)
    }
}

/// Sends a batch up through levels, by their means.
///
/// # Errors
/// [`Error::Shape`] where it does not fit the first; device errors.
pub fn means_above(levels: &[LowerLevel], v: &Tensor) -> Result<Tensor> {
    let mut h = v.try_clone()?;
    for level in levels {
        let rows = h.shape().matrix("a level", "the batch")?[0];
        let mut up = Tensor::for_output(h.device(), &[rows, level.units()])?;
        level.up(&h, &mut up)?;
        h = up;
    }
    Ok(h)
}

/// The cases of a source as the levels above it give them: means, or states drawn from the means of sigmoid units, anew
/// in each epoch. What is kept on the device is one batch of each level.
#[derive(Debug)]
pub struct LevelSource<S> {
    source: S,
    levels: Vec<LowerLevel>,
    /// Where states are drawn: the seed.
    sampled: Option<u64>,
    batches: Vec<Tensor>,
    states: Option<Tensor>,
    /// Classes whose labels are joined to what the levels give.
    classes: Option<usize>,
    joined: Option<Tensor>,
    epoch: u64,
    /// The epoch's next case.
    at: usize,
}

impl<S: BatchSource> LevelSource<S> {
    /// The source itself, as long as there is no level. `sampled` is the seed of the states that levels give, else they
    /// give means.
    pub fn new(source: S, sampled: Option<u64>) -> Self {
        LevelSource {
            source,
            levels: Vec::new(),
            sampled,
            batches: Vec::new(),
            states: None,
            classes: None,
            joined: None,
            epoch: 0,
            at: 0,
        }
    }

    /// Puts a level that is trained on top.
    ///
    /// # Errors
    /// [`Error::Shape`] where it reads another number of values than what is below it gives.
    pub fn push(&mut self, level: LowerLevel) -> Result<()> {
        let (reads, width) = (level.weights.shape().dims()[0], self.features());
        if reads != width {
            let detail = format!("it reads {reads} values, and {width} come from below");
            return Err(Error::shape("a level", detail));
        }
        self.levels.push(level);
        self.batches.clear();
        Ok(())
    }

    /// The levels.
    pub fn levels(&self) -> &[LowerLevel] {
        &self.levels
    }

    /// Joins the label of each case, one of so many classes, to what the levels give
    /// ([`labels::join`](crate::models::labels::join)).
    pub fn join(&mut self, classes: usize) {
        self.classes = Some(classes);
    }

    /// Takes all levels and labels away: the cases themselves come again.
    pub fn clear(&mut self) -> Vec<LowerLevel> {
        self.batches.clear();
        (self.states, self.classes, self.joined) = (None, None, None);
        std::mem::take(&mut self.levels)
    }

    /// What is below the levels.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }
}

impl<S: BatchSource> LevelSource<S> {
    /// Values of a case without its label.
    fn features(&self) -> usize {
        self.levels.last().map_or(self.source.width(), LowerLevel::units)
    }
}

impl<S: BatchSource> BatchSource for LevelSource<S> {
    fn cases(&self) -> usize {
        self.source.cases()
    }

    fn width(&self) -> usize {
        self.features() + self.classes.unwrap_or(0)
    }

    fn is_weighted(&self) -> bool {
        self.source.is_weighted()
    }

    fn contents(&self) -> Contents {
        let of_source = self.source.contents();
        // What levels give is theirs to know.
        let range = of_source.range.filter(|_| self.levels.is_empty());
        Contents { range, ..of_source }
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        if let Some(classes) = self.classes {
            self.source.contents().check_classes(classes)?;
        }
        (self.epoch, self.at) = (epoch, 0);
        self.source.start_epoch(seed, epoch)
    }

    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        let LevelSource { source, levels, sampled, batches, states, classes, joined, epoch, at } =
            self;
        let Some(batch) = source.next_batch(rows)? else { return Ok(None) };
        let rows = batch.rows();
        let first = *at;
        *at += rows;
        if levels.is_empty() && classes.is_none() {
            return Ok(Some(batch));
        }
        if batches.first().is_none_or(|b| b.shape().dims()[0] != rows) {
            let sized =
                |l: &LowerLevel| Tensor::for_output(batch.cases.device(), &[rows, l.units()]);
            *batches = levels.iter().map(sized).collect::<Result<_>>()?;
        }
        for (number, level) in levels.iter().enumerate() {
            let (below, above) = batches.split_at_mut(number);
            let Some(h) = above.first_mut() else { break };
            let given = match below.last() {
                None => batch.cases,
                Some(means) => states.as_ref().unwrap_or(means),
            };
            level.up(given, h)?;
            *states = None;
            if let (Some(seed), Activation::Sigmoid) = (*sampled, level.f) {
                // A case's states are drawn by its place in the epoch, so that a run that goes on draws the same.
                let draw = Draw::new(seed, stream::LEVELS).at_level(number as u8).at(*epoch);
                let mut drawn = Tensor::for_output(h.device(), h.shape().dims())?;
                bernoulli(&draw.from_case(first as u32), h, &mut drawn)?;
                *states = Some(drawn);
            }
        }
        let mut cases = states.as_ref().or(batches.last()).unwrap_or(batch.cases);
        if let Some(count) = *classes {
            let label = one_hot(batch.labelled()?, count)?;
            cases = joined.insert(join(cases, &label)?);
        }
        Ok(Some(Batch { cases, ..batch }))
    }

    fn skip(&mut self, cases: usize) -> Result<()> {
        self.at += cases;
        self.source.skip(cases)
    }
}
