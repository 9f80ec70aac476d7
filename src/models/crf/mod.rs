//! Deep conditional random fields: a net that reads each position of a sequence, and a linear chain that scores the
//! labels (Lafferty, McCallum and Pereira 2001; Peng, Bo and Xu 2009; Do and Artières 2010).

mod reading;
mod spec;

use std::collections::BTreeMap;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::Place;
use crate::kernels::chain::{Chain, Messages, Target};
use crate::kernels::chain_backward::chain_backward;
use crate::kernels::chain_forward::chain_forward;
use crate::kernels::chain_pairs::chain_pairs;
use crate::kernels::chain_score::chain_score;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::viterbi::viterbi;
use crate::layers::{LayerSpec, Outgoing, Parameter, Pass, Sequential, Workspace};
use crate::tensor::Tensor;

use super::labels::join;
use super::network::Tally;
use super::state::{Model, Visit};
pub use reading::{Decoding, Reading};
pub use spec::{CrfSpec, Pairwise};

/// A deep conditional random field on a device. With u_t the layers' output at position t, transitions A, and scores of
/// the first label and of the last one,
///
/// score(y|x) = start(y₀) + Σ_t u_t(y_t) + Σ_t A_{y_{t−1} y_t} + end(y_{L−1}), p(y|x) = exp(score − ln Z).
///
/// With [`Pairwise::Features`] the layers give K + K² values, and the transition into position t has a score of its own
/// beside A: A_ij + Σ_d U_ijd f_td + c_ij, with f_t the features that the last layer reads at t, and its weights U and
/// biases c. These weights start at 0. A batch then takes B·T·(K + K²) numbers, and as many for the gradient.
///
/// Where the description has a field below, the layers read a position's values with that field's probabilities of its labels
/// behind them (Yu, Wang and Deng 2010); the field below stays as it is when this one is trained.
///
/// Batches are padded: x is `[B, T, …]` with lengths `[B]`, and labels are `[B, T]`, −1 behind an end.
///
/// ```
/// use harmonium::models::{Crf, CrfSpec, Decoding};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let crf = Crf::new(&device, &CrfSpec::linear(4, 3), 1)?;
/// assert_eq!(crf.trained(), 4 * 3 + 3 + (3 + 2) * 3);
/// let x = Tensor::from_f32(&device, &[2, 5, 4], &[0.5; 40])?;
/// let lengths = Tensor::from_f32(&device, &[2], &[5.0, 2.0])?;
/// let read = crf.read(&x, &lengths, Decoding::Viterbi)?;
/// assert_eq!(read.labels[1].len(), 2);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct Crf {
    spec: CrfSpec,
    layers: Sequential,
    /// `[K + 2, K]`, as [`Chain::transitions`].
    transitions: Parameter,
    mask: Option<Tensor>,
    lower: Option<Box<Crf>>,
}

impl Crf {
    /// Builds it; weights start from the seed, the chain at 0.
    ///
    /// # Errors
    /// [`Error::Setting`] and [`Error::Shape`], naming the layer, for what does not fit together;
    /// [`Error::OutOfMemory`].
    pub fn new(device: &Device, spec: &CrfSpec, seed: u64) -> Result<Self> {
        let start = spec.initialization;
        let lower = match &spec.lower {
            Some(lower) if lower.input != spec.input => {
                let detail = format!(
                    "positions of {:?}, and the field below reads {:?}",
                    spec.input, lower.input
                );
                return Err(Error::setting("input", detail));
            }
            Some(lower) => Some(Box::new(Crf::new(device, lower, seed)?)),
            None => None,
        };
        let layers = Sequential::new(device, &spec.seen(), &spec.layers, start, seed)?;
        let (k, values) = (spec.labels, spec.values());
        if layers.output() != [values] {
            let detail = format!(
                "the last layer gives {:?}, and a chain of {k} labels{} expects [{values}]; end with a linear layer of \
                 {values} units",
                layers.output(),
                if values > k { " with scores of its own for each transition" } else { "" }
            );
            return Err(Error::setting("layers", detail));
        }
        let transitions = Parameter {
            name: "chain.transitions".into(),
            value: Tensor::zeros(device, &[k + 2, k])?,
            trained: ((k + 2) * k).saturating_sub(spec.forbidden.len()),
            decays: true,
            frozen: false,
        };
        let mut crf = Crf { spec: spec.clone(), layers, transitions, mask: None, lower };
        // A chain of so many labels.
        let (scores, lengths) =
            (Tensor::zeros(device, &[0, 0, values])?, Tensor::zeros(device, &[0])?);
        crf.with_chain(&scores, &lengths, |chain| Messages::of(&chain)).map_err(|e| match e {
            Error::Shape { detail, .. } => Error::setting("labels", detail),
            other => other,
        })?;
        // Only now: the mask of more labels than a chain may have fits nowhere.
        if let Some(mask) = spec.mask()? {
            crf.mask = Some(Tensor::from_f32(device, &[k + 2, k], &mask)?);
        }
        if spec.pairwise == Pairwise::Features {
            crf.forget_transitions()?;
        }
        Ok(crf)
    }

    /// Its description.
    pub fn spec(&self) -> &CrfSpec {
        &self.spec
    }

    /// The layers that read a position.
    pub fn layers(&self) -> &Sequential {
        &self.layers
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> &mut Sequential {
        &mut self.layers
    }

    /// The chain's scores, `[K + 2, K]`, as [`Chain::transitions`]; those of what is forbidden have no say.
    pub fn transitions(&self) -> &Parameter {
        &self.transitions
    }

    /// The same, to be changed: a chain that is frozen at 0 leaves each position to itself.
    pub fn transitions_mut(&mut self) -> &mut Parameter {
        &mut self.transitions
    }

    /// The field whose probabilities the layers read beside a position's values.
    pub fn lower(&self) -> Option<&Crf> {
        self.lower.as_deref()
    }

    /// Puts a field that is trained below.
    ///
    /// # Errors
    /// [`Error::Setting`] where it is not the one that the description has there.
    pub fn set_lower(&mut self, lower: Crf) -> Result<()> {
        if self.spec.lower.as_deref() != Some(&lower.spec) {
            return Err(Error::setting("lower", "another field than the description has below"));
        }
        self.lower = Some(Box::new(lower));
        Ok(())
    }

    /// All parameters that are trained here: the layers', then the chain's.
    pub(crate) fn parameters(&self) -> Vec<&Parameter> {
        self.layers.parameters().chain([&self.transitions]).collect()
    }

    /// The same, to be changed.
    pub(crate) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.layers.parameters_mut().chain([&mut self.transitions]).collect()
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.layers.device()
    }

    /// How many numbers are trained, those of a field below among them; forbidden transitions are none, save in a last layer
    /// that scores transitions.
    pub fn trained(&self) -> usize {
        let below = self.lower.as_ref().map_or(0, |lower| lower.trained());
        self.layers.trained() + self.transitions.trained + below
    }

    /// −ln p(y|x) of each sequence and how many of its labels are read wrongly, into `tally`. Labels as
    /// [`Batch::classes`](crate::training::Batch::classes) has them.
    ///
    /// # Errors
    /// [`Error::Shape`]; device errors.
    pub fn score(
        &self,
        x: &Tensor,
        [labels, lengths]: [&Tensor; 2],
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        self.layers.forward(&self.positions(x, lengths)?, Pass::Evaluate, space)?;
        let scores = space.outgoing()?.value;
        self.with_chain(scores, lengths, |chain| {
            let mut messages = Messages::of(&chain)?;
            chain_forward(&chain, &mut messages)?;
            tell(&chain, labels, &messages, tally)
        })
    }

    /// As [`Crf::score`], in a training pass, and [into the workspace](Workspace::gradients) the gradient of the
    /// batch's mean −ln p(y|x) with respect to every parameter, the chain's last.
    ///
    /// # Errors
    /// As [`Crf::score`].
    pub fn gradient(
        &self,
        x: &Tensor,
        [labels, lengths]: [&Tensor; 2],
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        // A position is a row: what is drawn from the batch's first sequence on begins at its first position.
        let pass = match (pass, x.shape().dims()) {
            (Pass::Train(draw), &[_, positions, ..]) => {
                Pass::Train(draw.from_case(draw.first_case.wrapping_mul(positions as u32)))
            }
            _ => pass,
        };
        let x = self.positions(x, lengths)?;
        self.layers.forward(&x, pass, space)?;
        let Outgoing { value: scores, gradient, .. } = space.outgoing()?;
        let mut pairs = Tensor::for_output(self.device(), self.transitions.value.shape().dims())?;
        self.with_chain(scores, lengths, |chain| {
            let target = Target::labels(labels, 1.0 / lengths.shape().len().max(1) as f32);
            let mut messages = Messages::of(&chain)?;
            chain_forward(&chain, &mut messages)?;
            chain_backward(&chain, &mut messages, target, gradient)?;
            chain_pairs(&chain, &messages, target, &mut pairs)?;
            tell(&chain, labels, &messages, tally)
        })?;
        self.layers.backward(&x, space)?;
        space.set_beside(pairs);
        Ok(())
    }

    /// The weights of the last layer that score transitions become 0.
    fn forget_transitions(&mut self) -> Result<()> {
        let (k, width) = (self.spec.labels, self.spec.values());
        let plain = match self.spec.layers.last() {
            Some(LayerSpec::Linear(last)) => !last.transposed,
            _ => false,
        };
        let weights =
            self.layers.parameters_mut().filter(|p| p.value.shape().dims().len() > 1).last();
        let (true, Some(weights)) = (plain, weights) else {
            let detail =
                "the last one scores transitions; end with a linear layer that is not transposed";
            return Err(Error::setting("layers", detail));
        };
        let mut values = weights.value.to_vec()?;
        values.chunks_exact_mut(width).for_each(|row| row[k..].fill(0.0));
        weights.value.upload(&values)
    }

    /// Cases as the layers take them: one row a position.
    fn positions(&self, x: &Tensor, lengths: &Tensor) -> Result<Tensor> {
        let [b, t] = batch_sizes(x)?;
        let sizes = |own: &[usize]| [&[b * t], own].concat();
        let (values, found) = (self.spec.input.iter().product::<usize>(), &x.shape().dims()[2..]);
        if found.iter().product::<usize>() != values {
            let detail = format!(
                "positions of {found:?}, and the field reads {:?} of each",
                self.spec.input
            );
            return Err(Error::shape("conditional random field", detail));
        }
        match &self.lower {
            None => x.try_clone()?.reshape(&sizes(&self.spec.input)),
            Some(lower) => {
                let values = [self.spec.input.iter().product()];
                let own = x.try_clone()?.reshape(&sizes(&values))?;
                join(&own, &lower.marginals(x, lengths)?)
            }
        }
    }

    /// What `work` makes of a batch's chain, forbidden transitions among its own.
    fn with_chain<T>(
        &self,
        scores: &Tensor,
        lengths: &Tensor,
        work: impl FnOnce(Chain<'_>) -> Result<T>,
    ) -> Result<T> {
        let own = &self.transitions.value;
        let Some(mask) = &self.mask else {
            return work(Chain { scores, transitions: own, lengths });
        };
        let mut transitions = Tensor::for_output(own.device(), own.shape().dims())?;
        elementwise(Elementwise::ADD, own, Some(mask), &mut transitions)?;
        work(Chain { scores, transitions: &transitions, lengths })
    }
}

impl Crf {
    /// Shows every array, those of a field below too, their names behind `before`.
    fn visit_as(&mut self, before: &str, visit: &mut Visit<'_>) -> Result<()> {
        for parameter in self.parameters_mut() {
            visit.array(&format!("{before}{}", parameter.name), &mut parameter.value)?;
        }
        match &mut self.lower {
            Some(lower) => lower.visit_as(&format!("{before}lower."), visit),
            None => Ok(()),
        }
    }
}

/// The sequences and the positions of a batch.
fn batch_sizes(x: &Tensor) -> Result<[usize; 2]> {
    match *x.shape().dims() {
        [b, t, ..] => Ok([b, t]),
        _ => {
            let detail = format!("the batch is {}, expected [sequences, positions, …]", x.shape());
            Err(Error::shape("conditional random field", detail))
        }
    }
}

/// Losses, and how many labels of the best labelling are not those observed.
fn tell(
    chain: &Chain<'_>,
    labels: &Tensor,
    messages: &Messages,
    tally: &mut Tally<'_>,
) -> Result<()> {
    chain_score(chain, labels, Some(messages), Place::at(&mut *tally.loss, tally.row))?;
    let dims = labels.shape().dims();
    let mut path = Tensor::for_output(labels.device(), dims)?;
    let mut best = Tensor::for_output(labels.device(), &dims[..1])?;
    viterbi(chain, &mut path, &mut best)?;
    // Whole numbers: (difference)², and what is above 1 is 1.
    elementwise_in_place(Elementwise::SquaredDifference, &mut path, Some(labels))?;
    elementwise_in_place(Elementwise::Clamp(0.0, 1.0), &mut path, None)?;
    let wrong = reduce(Reduction::Sum, Axis::Rows, 1.0, &path)?;
    tally.error.copy_part(tally.row, &wrong, 0..dims[0])
}

impl Model for Crf {
    fn kind(&self) -> &'static str {
        "crf"
    }

    fn description(&self) -> BTreeMap<String, String> {
        let spec = serde_json::to_string(&self.spec).unwrap_or_default();
        [("harmonium.crf".into(), spec)].into()
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        self.visit_as("", visit)
    }
}
