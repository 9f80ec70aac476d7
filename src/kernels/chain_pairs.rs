//! The marginals of neighbouring labels of linear chains, summed over a batch: the transitions' gradient.

use rayon::prelude::*;

use super::chain::{
    Chain, Exponentials, Messages, Over, SMALL, Steps, Target, allowed, length_of, transition,
};
use super::slices::slices;
use super::{expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("chain_pairs", "exp", "chain");

/// After [`chain_backward`](super::chain_backward::chain_backward) of the same batch, with sums over all its sequences
/// and positions,
///
/// `gradient[i][j] = scale · Σ (p(y_{t−1} = i, y_t = j) − [y_{t−1} = i, y_t = j])`,
/// p(y_{t−1} = i, y_t = j) = exp(forward_{t−1}(i) − offset_{t−1} + A_ij + backward_t(j));
///
/// row K likewise of first labels and row K + 1 of last ones: the gradient of −scale · Σ ln p(y) with respect to the
/// transitions. gradient `[K + 2, K]`. Summed in f32, in a fixed order. NaN propagates.
///
/// ```
/// use harmonium::kernels::chain::{Chain, Messages, Target};
/// use harmonium::kernels::chain_backward::chain_backward;
/// use harmonium::kernels::chain_forward::chain_forward;
/// use harmonium::kernels::chain_pairs::chain_pairs;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let (scores, transitions) = (Tensor::zeros(&device, &[1, 3, 2])?, Tensor::zeros(&device, &[4, 2])?);
/// let lengths = Tensor::from_f32(&device, &[1], &[3.0])?;
/// let chain = Chain { scores: &scores, transitions: &transitions, lengths: &lengths };
/// let mut messages = Messages::of(&chain)?;
/// chain_forward(&chain, &mut messages)?;
/// let mut gradient = Tensor::for_output(&device, &[1, 3, 2])?;
/// chain_backward(&chain, &mut messages, Target::NONE, &mut gradient)?;
/// let mut pairs = Tensor::for_output(&device, &[4, 2])?;
/// chain_pairs(&chain, &messages, Target::NONE, &mut pairs)?;
/// // Two transitions of a quarter each way; half of the sequences begin with each label, half end with it.
/// let expected = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
/// assert!(pairs.to_vec()?.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`chain_forward`](super::chain_forward::chain_forward).
pub fn chain_pairs(
    chain: &Chain<'_>,
    messages: &Messages,
    target: Target<'_>,
    gradient: &mut Tensor,
) -> Result<()> {
    let op = "chain_pairs";
    let [b, t, k] = chain.sizes(op)?;
    messages.check(op, chain)?;
    expect(op, "the gradient", gradient, chain.device(), &[k + 2, k])?;
    let Target { labels, scale } = target;
    if let Some(labels) = labels {
        chain.check_labels(op, labels)?;
    }
    let count = (b * t * k) as u64;
    let bytes = 8 * count + 8 * (k * k) as u64 + chain.pair_bytes([b, t, k]);
    let cost = Cost { flops: 4 * count * k as u64, bytes };
    match chain.device().backend() {
        Backend::Cpu(cpu) => {
            let transitions = chain.transitions.host()?.f32();
            let batch = Batch {
                scores: chain.scores.host()?.f32(),
                lengths: chain.lengths.host()?.f32(),
                labels: labels.map(Tensor::host).transpose()?.map(|labels| labels.f32()),
                forward: messages.forward.host()?.f32(),
                offsets: messages.offsets.host()?.f32(),
                backward: messages.backward.host()?.f32(),
                positions: t,
            };
            let gradient = gradient.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                let steps = Steps::new(transitions, k, Over::Before, chain.paired());
                // As many parts whatever the threads: the order of the sum is fixed.
                let sequences: Vec<usize> = (0..b).collect();
                let parts = sequences.par_chunks(b.div_ceil(32).max(4));
                let sums: Vec<Sums> = parts.map(|part| batch.sums(&steps, part)).collect();
                gradient.fill(0.0);
                for Sums { products, others } in &sums {
                    for (n, (gradient, other)) in gradient.iter_mut().zip(others).enumerate() {
                        let product = match products.get(n) {
                            Some(product) => product * steps.shared().rows[n],
                            None => 0.0,
                        };
                        *gradient += product + other;
                    }
                }
                gradient.iter_mut().for_each(|gradient| *gradient *= scale);
            });
            Ok(())
        }
        Backend::Gpu(gpu) => slices(gpu, [b, t], 1).try_for_each(|slice| {
            let [sequences, positions] = &slice.ranges;
            let [b, t, k] = [b, t, k].map(|n| n as u32);
            let scale = scale.to_bits();
            let ranges = [sequences.start, sequences.end, positions.start, positions.end];
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[
                    ("PAIRED", flag(chain.paired())),
                    ("OBSERVED", flag(labels.is_some())),
                    ("RESUMES", slice.resumes()),
                    ("PAUSES", slice.pauses()),
                ],
                params: bytemuck::bytes_of(&[[b, t, k, scale], ranges]),
                binds: &[
                    match chain.paired() {
                        true => Bind::Read(chain.scores.gpu()?),
                        false => Bind::Unused,
                    },
                    Bind::Read(chain.transitions.gpu()?),
                    Bind::Read(chain.lengths.gpu()?),
                    match labels {
                        Some(labels) => Bind::Read(labels.gpu()?),
                        None => Bind::Unused,
                    },
                    Bind::Read(messages.forward.gpu()?),
                    Bind::Read(messages.offsets.gpu()?),
                    Bind::Read(messages.backward.gpu()?),
                    slice.output(gradient.gpu()?),
                ],
                loops: slice.loops,
                groups: groups(((k + 2) * k) as usize, gpu.size(&SHADER, "WORKGROUP")?),
                cost: slice.cost(cost),
            })
        }),
    }
}

struct Batch<'a> {
    scores: &'a [f32],
    lengths: &'a [f32],
    labels: Option<&'a [f32]>,
    forward: &'a [f32],
    offsets: &'a [f32],
    backward: &'a [f32],
    positions: usize,
}

/// Of some sequences: what is still to be multiplied by the exponentials of the transitions that all positions share,
/// `[K, K]`, and the rest.
struct Sums {
    products: Vec<f32>,
    others: Vec<f32>,
}

impl Batch<'_> {
    fn sums(&self, steps: &Steps<'_>, sequences: &[usize]) -> Sums {
        let (k, width, transitions) = (steps.labels, steps.width(), steps.transitions);
        let shared = if steps.paired() { 0 } else { k * k };
        let mut sums = Sums { products: vec![0.0; shared], others: vec![0.0; (k + 2) * k] };
        let (mut before, mut behind) = (vec![0.0; k], vec![0.0; k]);
        for &b in sequences {
            let length = length_of(self.lengths[b], self.positions);
            let offsets = &self.offsets[b * (self.positions + 1)..][..self.positions + 1];
            let row = |values: &[f32], t: usize| (b * self.positions + t) * k..values.len();
            let (starts, ends) = transitions[k * k..].split_at(k);
            for t in 0..length {
                let forward = &self.forward[row(self.forward, t)][..k];
                let backward = &self.backward[row(self.backward, t)][..k];
                if t == 0 {
                    let sums = sums.others[k * k..].iter_mut().zip(starts);
                    sums.zip(backward).for_each(|((s, a), m)| *s += (allowed(*a) + m).exp());
                } else if steps.paired() {
                    let row = &self.scores[(b * self.positions + t) * width..][..width];
                    for (n, sum) in sums.others[..k * k].iter_mut().enumerate() {
                        let (i, j) = (n / k, n % k);
                        let score = transition(transitions, row, k, [i, j]);
                        *sum += (before[i] + score + backward[j]).exp();
                    }
                } else {
                    steps.shared().add_pairs([&before, backward], &mut behind, &mut sums);
                }
                before.iter_mut().zip(forward).for_each(|(before, f)| *before = f - offsets[t]);
                if t + 1 == length {
                    let ending = offsets[self.positions];
                    let sums = sums.others[(k + 1) * k..].iter_mut().zip(ends);
                    sums.zip(&before)
                        .for_each(|((s, a), m)| *s += (m + allowed(*a) - ending).exp());
                }
            }
            if let Some(labels) = self.labels {
                observe(&labels[b * self.positions..][..length], k, &mut sums.others);
            }
        }
        sums
    }
}

/// Takes away what was observed.
fn observe(labels: &[f32], k: usize, sums: &mut [f32]) {
    let label = |value: f32| super::cases::class_of(value, k);
    let mut take = |i: usize, j: usize| sums[i * k + j] -= 1.0;
    if let Some(first) = labels.first().and_then(|&first| label(first)) {
        take(k, first);
    }
    for pair in labels.windows(2) {
        if let [Some(i), Some(j)] = [label(pair[0]), label(pair[1])] {
            take(i, j);
        }
    }
    if let Some(last) = labels.last().and_then(|&last| label(last)) {
        take(k + 1, last);
    }
}

impl Exponentials {
    /// Adds the marginals of two neighbouring positions. Where a factor is so large that what is small beside it would be
    /// lost, term by term.
    fn add_pairs(&self, [before, backward]: [&[f32]; 2], behind: &mut [f32], sums: &mut Sums) {
        let k = before.len();
        let most = -SMALL.ln();
        for (j, (behind, message)) in behind.iter_mut().zip(backward).enumerate() {
            let exponent = message + self.most[j];
            *behind = if exponent <= most { exponent.exp() } else { 0.0 };
            if exponent <= most {
                continue;
            }
            for (i, before) in before.iter().enumerate() {
                let score = self.scores[i * k + j];
                sums.others[i * k + j] += (before + score + message).exp();
            }
        }
        for (row, before) in sums.products.chunks_exact_mut(k).zip(before) {
            let weight = before.exp();
            row.iter_mut().zip(&*behind).for_each(|(sum, behind)| *sum += weight * behind);
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::chain::proof::{Form, Problem, TIMED, with_labels_and_without};
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("chain_pairs", &[&SHADER], standard, bench)
        .slip(["if t == 0u { return 0.0; }", "if t == 1u { return 0.0; }"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        with_labels_and_without(device, case, out)
    }

    /// One call.
    pub fn case(device: &Device, form: Form, observed: bool, values: Values) -> Result<Outcome> {
        let problem = Problem::new(form, values);
        let [b, t, k] = form.sizes;
        let scale = 0.37;
        let run = |device: &Device| {
            let found = problem.on(device)?;
            let messages = found.passed()?;
            let mut gradient = Tensor::for_output(device, &[k + 2, k])?;
            let labels = observed.then_some(&found.labels);
            chain_pairs(&found.chain(), &messages, Target { labels, scale }, &mut gradient)?;
            gradient.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        // Each of B·T marginals, at most 1, has the errors of the messages of all positions; their sum rounds.
        let terms = (b * t) as f64;
        let one = problem.message() * (t as f64 + 2.0) + EPSILON * terms;
        check.compare("gradient", &expected, &found, |_| {
            f64::from(scale) * 2.0 * terms * one + FLUSH
        });
        let how = if observed { "" } else { " marginals" };
        Ok(check.outcome("chain_pairs", format!("{form}{how} {values:?}")))
    }

    /// Elements are scores.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for form in TIMED {
            let problem = Problem::new(form, Values::Ordinary).on(b.device)?;
            let messages = problem.passed()?;
            let k = form.sizes[2];
            let mut gradient = b.output(&[k + 2, k])?;
            let target = Target::labels(&problem.labels, 0.1);
            b.case(&form.to_string(), form.sizes.iter().product(), || {
                chain_pairs(&problem.chain(), &messages, target, &mut gradient)
            })?;
        }
        Ok(())
    }
}
