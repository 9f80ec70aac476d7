//! From a linear chain's last position to its first: messages, and the marginals of its labels.

use rayon::prelude::*;

use super::chain::{
    Chain, Exponentials, Messages, Over, Steps, Target, allowed, expect_positions, largest,
    length_of,
};
use super::slices::slices;
use super::{flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("chain_backward", "exp", "chain");

/// After [`chain_forward`](super::chain_forward::chain_forward) of the same batch, with
/// β_{L−1}(j) = end(j) − the last offset and β_t(i) = ln Σ_j exp(A_ij + backward_{t+1}(j)),
///
/// backward_t(j) = u_t(j) + β_t(j) − offset_t into `messages`, and `gradient = scale · (p(y_t = j) − [y_t = j])`,
/// p(y_t = j) = exp(forward_t(j) − offset_t + β_t(j)): the gradient of −scale · ln p(y) with respect to the scores, or
/// without observed labels the marginals themselves. Behind a sequence's end messages and gradient are 0. gradient
/// of the scores' sizes; where these have transitions of each position, that of label j behind label i is at K + i·K + j of
/// a position, `scale · (p(y_{t−1} = i, y_t = j) − [y_{t−1} = i, y_t = j])`, 0 at the first one; a gradient `[B, T, K]` leaves
/// them out.
///
/// A marginal errs by some ε of the scores of one position, and by up to T·ε of itself. NaN propagates to the messages
/// before it. The marginals of a sequence without an allowed labelling mean nothing.
///
/// ```
/// use harmonium::kernels::chain::{Chain, Messages, Target};
/// use harmonium::kernels::chain_backward::chain_backward;
/// use harmonium::kernels::chain_forward::chain_forward;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// // Label 1 follows label 0 and cannot come first: of two positions the labellings 0 0 and 0 1 are left.
/// let scores = Tensor::zeros(&device, &[1, 2, 2])?;
/// let never = f32::NEG_INFINITY;
/// let transitions =
///     Tensor::from_f32(&device, &[4, 2], &[0.0, 0.0, 0.0, 0.0, 0.0, never, 0.0, 0.0])?;
/// let lengths = Tensor::from_f32(&device, &[1], &[2.0])?;
/// let chain = Chain { scores: &scores, transitions: &transitions, lengths: &lengths };
/// let mut messages = Messages::of(&chain)?;
/// chain_forward(&chain, &mut messages)?;
/// let mut marginals = Tensor::for_output(&device, &[1, 2, 2])?;
/// chain_backward(&chain, &mut messages, Target::NONE, &mut marginals)?;
/// assert_eq!(marginals.to_vec()?, [1.0, 0.0, 0.5, 0.5]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`chain_forward`](super::chain_forward::chain_forward).
pub fn chain_backward(
    chain: &Chain<'_>,
    messages: &mut Messages,
    target: Target<'_>,
    gradient: &mut Tensor,
) -> Result<()> {
    let op = "chain_backward";
    let [b, t, k] = chain.sizes(op)?;
    messages.check(op, chain)?;
    let pairs = chain.paired() && gradient.shape().dims().last() != Some(&k);
    let width = if pairs { k + k * k } else { k };
    expect_positions(op, "the gradient", gradient, chain.device(), [b, t, width])?;
    let Target { labels, scale } = target;
    if let Some(labels) = labels {
        chain.check_labels(op, labels)?;
    }
    let count = (b * t * k) as u64;
    let work = if pairs { 6 } else { 4 };
    let moved = chain.pair_bytes([b, t, k]) * if pairs { 2 } else { 1 };
    let bytes = 16 * count + 4 * (k * k) as u64 + moved;
    let cost = Cost { flops: count * (work * k as u64 + 6), bytes };
    match chain.device().backend() {
        Backend::Cpu(cpu) => {
            let (scores, transitions) =
                (chain.scores.host()?.f32(), chain.transitions.host()?.f32());
            let lengths = chain.lengths.host()?.f32();
            let labels = labels.map(Tensor::host).transpose()?.map(|labels| labels.f32());
            let forward = messages.forward.host()?.f32();
            let offsets = messages.offsets.host()?.f32();
            let backward = messages.backward.host_mut()?.f32_mut();
            let gradient = gradient.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                let steps = Steps::new(transitions, k, Over::After, chain.paired());
                let row = |width: usize| (t * width).max(1);
                let rows = backward.par_chunks_mut(row(k));
                let rows = rows.zip(gradient.par_chunks_mut(row(width)));
                rows.enumerate().for_each(|(b, (backward, gradient))| {
                    let length = length_of(lengths[b], t);
                    let places = |width: usize| b * t * width..(b * t + length) * width;
                    let given = Given {
                        scores: &scores[places(steps.width())],
                        forward: &forward[places(k)],
                        offsets: &offsets[b * (t + 1)..][..t + 1],
                        labels: labels.map(|labels| &labels[b * t..][..length]),
                        scale,
                    };
                    sequence(&steps, &given, backward, gradient);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let each = k.div_ceil(gpu.size(&SHADER, "WORKGROUP")? as usize) as u64;
            let step = (each + 1) * ((work / 2) * k as u64 + 3) + 3;
            slices(gpu, [t], step).try_for_each(|slice| {
                let [range] = &slice.ranges;
                let sizes = [b, t, k, range.start as usize, range.end as usize];
                let [b, t, k, begin, end] = sizes.map(|n| n as u32);
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[
                        ("OBSERVED", flag(labels.is_some())),
                        ("PAIRED", flag(chain.paired())),
                        ("PAIRS", flag(pairs)),
                        ("RESUMES", slice.resumes()),
                    ],
                    params: bytemuck::bytes_of(&[b, t, k, begin, end, scale.to_bits(), 0, 0]),
                    binds: &[
                        Bind::Read(chain.scores.gpu()?),
                        Bind::Read(chain.transitions.gpu()?),
                        Bind::Read(chain.lengths.gpu()?),
                        match labels {
                            Some(labels) => Bind::Read(labels.gpu()?),
                            None => Bind::Unused,
                        },
                        Bind::Read(messages.forward.gpu()?),
                        Bind::Read(messages.offsets.gpu()?),
                        slice.output(messages.backward.gpu()?),
                        slice.output(gradient.gpu()?),
                    ],
                    loops: slice.loops,
                    groups: groups(b as usize, 1),
                    cost: slice.cost(cost),
                })
            })
        }
    }
}

/// What there is of a sequence, up to its end.
struct Given<'a> {
    scores: &'a [f32],
    forward: &'a [f32],
    offsets: &'a [f32],
    labels: Option<&'a [f32]>,
    scale: f32,
}

fn sequence(steps: &Steps<'_>, given: &Given<'_>, backward: &mut [f32], gradient: &mut [f32]) {
    let (k, width) = (steps.labels, steps.width());
    let length = given.scores.len() / width;
    // Of the gradient: of labels alone, or of transitions too.
    let wide = if gradient.len() / k == backward.len() / k { k } else { width };
    backward[length * k..].fill(0.0);
    gradient[length * wide..].fill(0.0);
    // β, and the messages of the position behind relative to the largest of them.
    let (mut behind, mut message, mut sums) = (vec![0.0; k], vec![0.0; k], vec![0.0; k]);
    let mut own = Exponentials::default();
    let ending = given.offsets.last().copied().unwrap_or(0.0);
    let ends = &steps.transitions[(k + 1) * k..];
    behind.iter_mut().zip(ends).for_each(|(behind, end)| *behind = allowed(*end) - ending);
    for t in (0..length).rev() {
        let place = t * k..(t + 1) * k;
        let offset = given.offsets[t];
        let forward = &given.forward[place.clone()];
        if t + 1 < length {
            let next = &backward[place.end..][..k];
            let most = largest(next.iter().copied());
            message.iter_mut().zip(next).for_each(|(message, next)| *message = next - most);
            let into = steps.into(&given.scores[(t + 1) * width..][..width], &mut own);
            into.step(&message, &mut sums, &mut behind);
            behind.iter_mut().for_each(|behind| *behind += most);
            if wide > k {
                let out = &mut gradient[(t + 1) * wide + k..][..k * k];
                given.pairs(t, into, [forward, next], out);
            }
        }
        let (labels, pairs) = gradient[t * wide..][..wide].split_at_mut(k);
        if t == 0 {
            pairs.fill(0.0);
        }
        let rows = labels.iter_mut().zip(&mut backward[place]);
        let scores = given.scores[t * width..].iter().zip(forward);
        for (j, (((gradient, out), (score, forward)), behind)) in
            rows.zip(scores).zip(&behind).enumerate()
        {
            let seen = given.labels.is_some_and(|labels| labels[t] == j as f32);
            let marginal = (forward - offset + behind).exp();
            *gradient = given.scale * (marginal - f32::from(u8::from(seen)));
            *out = allowed(score + behind - offset);
        }
    }
}

impl Given<'_> {
    /// The part of the transitions from position t into the one behind it.
    fn pairs(&self, t: usize, into: &Exponentials, [forward, next]: [&[f32]; 2], out: &mut [f32]) {
        let (k, offset) = (forward.len(), self.offsets[t]);
        for (i, (row, forward)) in out.chunks_exact_mut(k).zip(forward).enumerate() {
            for (j, (out, next)) in row.iter_mut().zip(next).enumerate() {
                // The way back has them the other way round.
                let score = into.scores[j * k + i];
                *out = self.scale * (forward - offset + score + next).exp();
            }
        }
        let observed = self.labels.map(|labels| [labels[t], labels[t + 1]]);
        let label = |value: f32| super::cases::class_of(value, k);
        if let Some([Some(i), Some(j)]) = observed.map(|pair| pair.map(label)) {
            out[i * k + j] -= self.scale;
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::chain::proof::{Form, Problem, TIMED, with_labels_and_without};
    use crate::kernels::chain_forward::chain_forward;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("chain_backward", &[&SHADER], standard, bench)
        .slip(["behind - offset", "behind - 0.999 * offset"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        with_labels_and_without(device, case, out)
    }

    /// One call.
    pub fn case(device: &Device, form: Form, observed: bool, values: Values) -> Result<Outcome> {
        let problem = Problem::new(form, values);
        let [b, t, _] = form.sizes;
        let scale = 0.37;
        let run = |device: &Device| {
            let found = problem.on(device)?;
            let mut messages = Messages::of(&found.chain())?;
            chain_forward(&found.chain(), &mut messages)?;
            let mut gradient = Tensor::for_output(device, &[b, t, form.width()])?;
            let labels = observed.then_some(&found.labels);
            let target = Target { labels, scale };
            chain_backward(&found.chain(), &mut messages, target, &mut gradient)?;
            Ok([messages.backward.to_vec()?, gradient.to_vec()?])
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        // Errors of the offsets of all positions behind are in a message.
        let one = problem.message() * (form.sizes[1] as f64 + 1.0);
        check.compare("backward", &expected[0], &found[0], |_| one);
        check
            .compare("gradient", &expected[1], &found[1], |_| f64::from(scale) * 2.0 * one + FLUSH);
        let how = if observed { "" } else { " marginals" };
        Ok(check.outcome("chain_backward", format!("{form}{how} {values:?}")))
    }

    /// Elements are scores.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for form in TIMED {
            let problem = Problem::new(form, Values::Ordinary).on(b.device)?;
            let mut messages = problem.passed()?;
            let mut gradient = b.output(&[form.sizes[0], form.sizes[1], form.width()])?;
            let target = Target::labels(&problem.labels, 0.1);
            b.case(&form.to_string(), form.sizes.iter().product(), || {
                chain_backward(&problem.chain(), &mut messages, target, &mut gradient)
            })?;
        }
        Ok(())
    }
}
