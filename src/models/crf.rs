//! Deep conditional random fields: a net that reads each position of a sequence, and a linear chain that scores the
//! labels (Lafferty, McCallum and Pereira 2001; Peng, Bo and Xu 2009; Do and Artières 2010).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::Place;
use crate::kernels::chain::{Chain, FORBIDDEN, IMPOSSIBLE, Messages, Target};
use crate::kernels::chain_backward::chain_backward;
use crate::kernels::chain_forward::chain_forward;
use crate::kernels::chain_pairs::chain_pairs;
use crate::kernels::chain_score::chain_score;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::viterbi::viterbi;
use crate::layers::{Initialization, LayerSpec, Outgoing, Parameter, Pass, Sequential, Workspace};
use crate::tensor::Tensor;

use super::network::Tally;
use super::state::{Model, Visit};

/// A deep conditional random field as it is described: in a model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CrfSpec {
    /// A position's sizes, `[N]` or `[channels, height, width]`.
    pub input: Vec<usize>,
    /// How many labels, at least 1.
    pub labels: usize,
    /// Where weights start.
    #[serde(default)]
    pub initialization: Initialization,
    /// The layers, the same for every position; the last gives one value a label.
    pub layers: Vec<LayerSpec>,
    /// Transitions that must not be, as [before, after]; before = `labels` forbids a first label, `labels` + 1 a last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<[usize; 2]>,
}

impl CrfSpec {
    /// A chain on top of one linear layer: no net yet.
    pub fn linear(inputs: usize, labels: usize) -> Self {
        CrfSpec {
            input: vec![inputs],
            labels,
            initialization: Initialization::default(),
            layers: vec![LayerSpec::linear(labels, Default::default())],
            forbidden: Vec::new(),
        }
    }

    /// With these layers, the last of which gives one value a label.
    pub fn layers(self, layers: Vec<LayerSpec>) -> Self {
        CrfSpec { layers, ..self }
    }

    /// Where weights start.
    pub fn initialization(self, initialization: Initialization) -> Self {
        CrfSpec { initialization, ..self }
    }

    /// With transitions that must not be.
    pub fn forbidden(self, forbidden: Vec<[usize; 2]>) -> Self {
        CrfSpec { forbidden, ..self }
    }

    /// The scores that keep them out, `[K + 2, K]`.
    fn mask(&self) -> Result<Option<Vec<f32>>> {
        let k = self.labels;
        if self.forbidden.is_empty() {
            return Ok(None);
        }
        let mut mask = vec![0.0; (k + 2) * k];
        for &[before, after] in &self.forbidden {
            if before > k + 1 || after >= k {
                let detail =
                    format!("there is no transition {before} to {after} between {k} labels");
                return Err(Error::setting("forbidden", detail));
            }
            mask[before * k + after] = FORBIDDEN;
        }
        Ok(Some(mask))
    }
}

/// A deep conditional random field on a device. With u_t the layers' output at position t, transitions A, and scores of
/// the first label and of the last one,
///
/// score(y|x) = start(y₀) + Σ_t u_t(y_t) + Σ_t A_{y_{t−1} y_t} + end(y_{L−1}), p(y|x) = exp(score − ln Z).
///
/// Batches are padded: x is `[B, T, …]` with lengths `[B]`, and labels are `[B, T]`, −1 behind an end.
///
/// ```
/// use harmonium::models::{Crf, CrfSpec};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let crf = Crf::new(&device, &CrfSpec::linear(4, 3), 1)?;
/// assert_eq!(crf.trained(), 4 * 3 + 3 + (3 + 2) * 3);
/// let x = Tensor::from_f32(&device, &[2, 5, 4], &[0.5; 40])?;
/// let lengths = Tensor::from_f32(&device, &[2], &[5.0, 2.0])?;
/// let read = crf.read(&x, &lengths)?;
/// assert_eq!(read.labels[1].len(), 2);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct Crf {
    spec: CrfSpec,
    layers: Sequential,
    /// `[K + 2, K]`, as [`Chain::transitions`].
    transitions: Parameter,
    mask: Option<Tensor>,
}

/// What a field reads in a batch of sequences.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The labels of the largest probability together, of each sequence.
    pub labels: Vec<Vec<u32>>,
    /// ln p of those.
    pub log_probabilities: Vec<f32>,
    /// The probability of each label at each position, `[L, K]` of each sequence.
    pub marginals: Vec<Vec<f32>>,
}

impl Crf {
    /// Builds it; weights start from the seed, the chain at 0.
    ///
    /// # Errors
    /// [`Error::Setting`] and [`Error::Shape`], naming the layer, for what does not fit together;
    /// [`Error::OutOfMemory`].
    pub fn new(device: &Device, spec: &CrfSpec, seed: u64) -> Result<Self> {
        let start = spec.initialization;
        let layers = Sequential::new(device, &spec.input, &spec.layers, start, seed)?;
        let mask = match spec.mask()? {
            Some(mask) => Some(Tensor::from_f32(device, &[spec.labels + 2, spec.labels], &mask)?),
            None => None,
        };
        let k = spec.labels;
        if layers.output() != [k] {
            let detail = format!(
                "the last layer gives {:?}, and a chain of {k} labels expects [{k}]; end with a linear layer of {k} \
                 units",
                layers.output()
            );
            return Err(Error::setting("layers", detail));
        }
        let transitions = Parameter {
            name: "chain.transitions".into(),
            value: Tensor::zeros(device, &[k + 2, k])?,
            trained: (k + 2) * k - spec.forbidden.len(),
            decays: true,
            frozen: false,
        };
        let crf = Crf { spec: spec.clone(), layers, transitions, mask };
        // A chain of so many labels.
        let (scores, lengths) = (Tensor::zeros(device, &[0, 0, k])?, Tensor::zeros(device, &[0])?);
        crf.with_chain(&scores, &lengths, |chain| Messages::of(&chain)).map_err(|e| match e {
            Error::Shape { detail, .. } => Error::setting("labels", detail),
            other => other,
        })?;
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

    /// All parameters: the layers', then the chain's.
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

    /// How many numbers are trained; forbidden transitions are none.
    pub fn trained(&self) -> usize {
        self.layers.trained() + self.transitions.trained
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
        self.layers.forward(&self.positions(x)?, Pass::Evaluate, space)?;
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
        let x = self.positions(x)?;
        self.layers.forward(&x, pass, space)?;
        let Outgoing { value: scores, gradient } = space.outgoing()?;
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

    /// The labels, their probability, and those of every label at each position.
    ///
    /// # Errors
    /// [`Error::Data`] for a sequence that no allowed labelling has, by its number in the batch; [`Error::Shape`]; device
    /// errors.
    pub fn read(&self, x: &Tensor, lengths: &Tensor) -> Result<Reading> {
        let mut space = Workspace::new();
        self.layers.forward(&self.positions(x)?, Pass::Evaluate, &mut space)?;
        let scores = space.outgoing()?.value;
        let sizes = lengths.to_vec()?;
        self.with_chain(scores, lengths, |chain| {
            let (b, k) = (sizes.len(), self.spec.labels);
            let t = chain.scores.shape().len() / (b * k).max(1);
            let mut messages = Messages::of(&chain)?;
            chain_forward(&chain, &mut messages)?;
            let new = |dims: &[usize]| Tensor::for_output(self.device(), dims);
            let (mut path, mut best) = (new(&[b, t])?, new(&[b])?);
            viterbi(&chain, &mut path, &mut best)?;
            let mut marginals = new(&[b, t, k])?;
            chain_backward(&chain, &mut messages, Target::NONE, &mut marginals)?;
            let (path, best, marginals) = (path.to_vec()?, best.to_vec()?, marginals.to_vec()?);
            if let Some(sequence) = best.iter().position(|&score| score < IMPOSSIBLE) {
                let detail = format!(
                    "sequence {sequence} of the batch has {} positions, and every labelling of so many has a forbidden \
                     transition; forbid less",
                    sizes[sequence]
                );
                return Err(Error::data("labels", detail));
            }
            let log_z = messages.log_partition.to_vec()?;
            let length = |b: usize| (sizes[b] as usize).min(t);
            let own = |b: usize| path[b * t..][..length(b)].iter().map(|&label| label as u32);
            Ok(Reading {
                labels: (0..b).map(|b| own(b).collect()).collect(),
                log_probabilities: best.iter().zip(log_z).map(|(best, z)| best - z).collect(),
                marginals: (0..b).map(|b| marginals[b * t * k..][..length(b) * k].into()).collect(),
            })
        })
    }

    /// Cases as the layers take them: one row a position.
    fn positions(&self, x: &Tensor) -> Result<Tensor> {
        let &[b, t, ..] = x.shape().dims() else {
            let detail = format!("the batch is {}, expected [sequences, positions, …]", x.shape());
            return Err(Error::shape("conditional random field", detail));
        };
        let mut dims = vec![b * t];
        dims.extend(&self.spec.input);
        x.try_clone()?.reshape(&dims)
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
        self.parameters_mut().into_iter().try_for_each(|p| visit.array(&p.name, &mut p.value))
    }
}
