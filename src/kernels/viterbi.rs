//! The best labels of sequences under a linear chain.

use rayon::prelude::*;

use super::chain::{Chain, allowed, larger, largest, length_of, transition};
use super::slices::slices;
use super::{expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("viterbi", "exp", "chain");

/// `labels` are those of the largest score that a labelling of each sequence has, and `score` is that score; of equal
/// ones that with the smaller label at the last position where they differ. labels `[B, T]`, whole numbers as f32, −1
/// behind a sequence's end; score `[B]`, 0 of an empty sequence (Viterbi 1967).
///
/// Where no labelling is allowed the score is below [`IMPOSSIBLE`](super::chain::IMPOSSIBLE), and NaN where a number
/// that has a say is NaN: the labels mean nothing then. Numbers are relative to the best of each position, so whether
/// two are equal is told to within some ε of the scores at one position.
///
/// ```
/// use harmonium::kernels::chain::Chain;
/// use harmonium::kernels::viterbi::viterbi;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// // Position 1 prefers label 0 a little, and label 1 follows label 1 gladly.
/// let scores = Tensor::from_f32(&device, &[1, 3, 2], &[0.0, 5.0, 1.0, 0.0, 0.0, 5.0])?;
/// let transitions = Tensor::from_f32(&device, &[4, 2], &[0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0])?;
/// let lengths = Tensor::from_f32(&device, &[1], &[3.0])?;
/// let chain = Chain { scores: &scores, transitions: &transitions, lengths: &lengths };
/// let mut labels = Tensor::for_output(&device, &[1, 3])?;
/// let mut score = Tensor::for_output(&device, &[1])?;
/// viterbi(&chain, &mut labels, &mut score)?;
/// assert_eq!((labels.to_vec()?, score.to_vec()?), (vec![1.0; 3], vec![14.0]));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`chain_forward`](super::chain_forward::chain_forward).
pub fn viterbi(chain: &Chain<'_>, labels: &mut Tensor, score: &mut Tensor) -> Result<()> {
    let op = "viterbi";
    let [b, t, k] = chain.sizes(op)?;
    let device = chain.device();
    chain.check_labels(op, labels)?;
    expect(op, "the score", score, device, &[b])?;
    let count = (b * t * k) as u64;
    // The way back is nothing beside the way there.
    let bytes = 12 * count + 4 * (k * k) as u64 + chain.pair_bytes([b, t, k]);
    let cost = Cost { flops: count * (2 * k as u64 + 1), bytes };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let (scores, transitions) =
                (chain.scores.host()?.f32(), chain.transitions.host()?.f32());
            let lengths = chain.lengths.host()?.f32();
            let labels = labels.host_mut()?.f32_mut();
            let score = score.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                if t == 0 {
                    return score.fill(0.0);
                }
                let rows = labels.par_chunks_mut(t).zip(score).enumerate();
                rows.for_each(|(b, (labels, score))| {
                    let length = length_of(lengths[b], t);
                    labels[length..].fill(-1.0);
                    let width = if chain.paired() { k * (k + 1) } else { k };
                    let scores = &scores[b * t * width..][..length * width];
                    *score = sequence(scores, transitions, k, &mut labels[..length]);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let workgroup = gpu.size(&SHADER, "WORKGROUP")?;
            let each = k.div_ceil(workgroup as usize) as u64;
            let best = Tensor::for_output(device, &[b, t, k])?;
            let before = Tensor::for_indices(device, &[b, t, k])?;
            let last = Tensor::for_indices(device, &[b])?;
            let pass = |number: u32, step: u64, size: u32| {
                slices(gpu, [t], step).try_for_each(|slice| {
                    let [range] = &slice.ranges;
                    let there = number == 1;
                    let sizes = [b, t, k, range.start as usize, range.end as usize, 0, 0, 0];
                    let first = |bind| if there { bind } else { Bind::Unused };
                    gpu.record(Command {
                        op,
                        shader: &SHADER,
                        constants: &[
                            ("PASS", number),
                            ("PAIRED", flag(chain.paired())),
                            ("RESUMES", slice.resumes()),
                            ("PAUSES", slice.pauses()),
                        ],
                        params: bytemuck::bytes_of(&sizes.map(|n| n as u32)),
                        binds: &[
                            first(Bind::Read(chain.scores.gpu()?)),
                            first(Bind::Read(chain.transitions.gpu()?)),
                            Bind::Read(chain.lengths.gpu()?),
                            first(slice.output(best.gpu()?)),
                            match there {
                                true => slice.output(before.gpu()?),
                                false => Bind::Read(before.gpu()?),
                            },
                            first(slice.output(score.gpu()?)),
                            match (there, slice.last) {
                                (true, true) => Bind::Write(last.gpu()?),
                                (true, false) => Bind::Unused,
                                (false, _) => Bind::Read(last.gpu()?),
                            },
                            match there {
                                true => Bind::Unused,
                                false => slice.output(labels.gpu()?),
                            },
                        ],
                        loops: slice.loops,
                        groups: groups(b, size),
                        cost: if there { slice.cost(cost) } else { Cost { flops: 0, bytes: 0 } },
                    })
                })
            };
            pass(1, (each + 1) * (k as u64 + 2) + k as u64 + 2, 1)?;
            pass(2, 1, workgroup)
        }
    }
}

/// The best labels of one sequence, as long as its scores; gives their score.
fn sequence(scores: &[f32], transitions: &[f32], k: usize, labels: &mut [f32]) -> f32 {
    let (starts, ends) = transitions[k * k..].split_at(k);
    let mut message: Vec<f32> = starts.iter().map(|start| allowed(*start)).collect();
    let mut arriving = message.clone();
    let length = labels.len();
    let width = (scores.len() / length.max(1)).max(1);
    let mut before = vec![0u32; length * k];
    let mut total = 0.0f64;
    for (t, scores) in scores.chunks_exact(width).enumerate() {
        if t > 0 {
            let before = &mut before[t * k..][..k];
            for (i, message) in message.iter().enumerate() {
                for (j, (arriving, before)) in arriving.iter_mut().zip(&mut *before).enumerate() {
                    let other = message + transition(transitions, scores, k, [i, j]);
                    step(other, i, (arriving, before));
                }
            }
        }
        arriving.iter_mut().zip(scores).for_each(|(a, score)| *a = allowed(*a + score));
        let most = largest(arriving.iter().copied());
        message.iter_mut().zip(&arriving).for_each(|(message, a)| *message = a - most);
        total += f64::from(most);
    }
    let Some(end) = length.checked_sub(1) else { return 0.0 };
    let (mut best, mut way) = (0.0, 0);
    for (i, (message, end)) in message.iter().zip(ends).enumerate() {
        step(message + allowed(*end), i, (&mut best, &mut way));
    }
    for t in (0..=end).rev() {
        labels[t] = way as f32;
        way = before[t * k + way as usize];
    }
    (total + f64::from(best)) as f32
}

/// What arrives at a label by way of `i` beside what arrived by the ways before.
fn step(other: f32, i: usize, (arriving, before): (&mut f32, &mut u32)) {
    if i == 0 {
        (*arriving, *before) = (other, 0);
        return;
    }
    if other > *arriving {
        *before = i as u32;
    }
    if !arriving.is_nan() {
        *arriving = larger(*arriving, other);
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::Place;
    use crate::kernels::chain::proof::{FORMS, Form, Problem, TIMED, long};
    use crate::kernels::chain_score::chain_score;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("viterbi", &[&SHADER], standard, bench)
        .slip(["if other > arriving { way = i; }", "if other >= arriving { way = i - 1u; }"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for form in FORMS {
            for values in [Values::Ordinary, Values::Wide] {
                out.push(case(device, form, values)?);
            }
        }
        long(|form| case(device, form, Values::Ordinary), out)
    }

    /// One call: the labels found have to be worth the score that the CPU finds.
    pub fn case(device: &Device, form: Form, values: Values) -> Result<Outcome> {
        let problem = Problem::new(form, values);
        let [b, t, _] = form.sizes;
        let run = |device: &Device| {
            let found = problem.on(device)?;
            let mut labels = Tensor::for_output(device, &[b, t])?;
            let mut score = Tensor::for_output(device, &[b])?;
            viterbi(&found.chain(), &mut labels, &mut score)?;
            Ok([labels.to_vec()?, score.to_vec()?])
        };
        let (expected, [labels, score]) = both(device, run)?;
        let cpu = Device::cpu();
        let on_cpu = problem.on(&cpu)?;
        let given = Tensor::from_f32(&cpu, &[b, t], &labels)?;
        let mut worth = Tensor::for_output(&cpu, &[b])?;
        chain_score(&on_cpu.chain(), &given, None, Place::at(&mut worth, 0))?;
        let mut check = Check::default();
        let terms = 2.0 * t as f64 + 2.0;
        let bound =
            |n: usize| terms * (problem.message() + EPSILON * f64::from(expected[1][n].abs()));
        check.compare("score", &expected[1], &score, bound);
        check.compare("the labels' score", &expected[1], &worth.to_vec()?, bound);
        let ends = |labels: &[f32]| labels.iter().map(|x| u32::from(*x < 0.0)).collect::<Vec<_>>();
        check.exact("behind the end", &ends(&expected[0]), &ends(&labels));
        Ok(check.outcome("viterbi", format!("{form} {values:?}")))
    }

    /// Elements are scores.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for form in TIMED {
            let problem = Problem::new(form, Values::Ordinary).on(b.device)?;
            let [mut labels, mut score] =
                [b.output(&form.sizes[..2])?, b.output(&form.sizes[..1])?];
            b.case(&form.to_string(), form.sizes.iter().product(), || {
                viterbi(&problem.chain(), &mut labels, &mut score)
            })?;
        }
        Ok(())
    }
}
