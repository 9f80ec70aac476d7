//! The score of given labels under a linear chain, and with ln Z the loss −ln p.

use super::cases::{Place, class_of};
use super::chain::{Chain, Messages, allowed, length_of, transition};
use super::slices::slices;
use super::{flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("chain_score", "exp", "chain");

/// `out[first_row + b] = start(y₀) + Σ_t u_t(y_t) + Σ_t A_{y_{t−1} y_t} + end(y_{L−1})` of each sequence's labels, or
/// with the messages of [`chain_forward`](super::chain_forward::chain_forward) ln Z minus that, which is −ln p(y). labels
/// `[B, T]`, whole numbers as f32; what stands behind a sequence's end has no say. An empty sequence has the score 0.
///
/// NaN where a label is none of the chain's. A labelling that is forbidden has a score below
/// [`IMPOSSIBLE`](super::chain::IMPOSSIBLE). Summed over blocks of positions; the other elements of `out` stay.
///
/// ```
/// use harmonium::kernels::Place;
/// use harmonium::kernels::chain::Chain;
/// use harmonium::kernels::chain_score::chain_score;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let scores = Tensor::from_f32(&device, &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0])?;
/// let transitions = Tensor::from_f32(&device, &[4, 2], &[0.1, 0.2, 0.3, 0.4, 10.0, 20.0, 30.0, 40.0])?;
/// let lengths = Tensor::from_f32(&device, &[1], &[2.0])?;
/// let chain = Chain { scores: &scores, transitions: &transitions, lengths: &lengths };
/// let labels = Tensor::from_f32(&device, &[1, 2], &[1.0, 0.0])?;
/// let mut score = Tensor::for_output(&device, &[1])?;
/// chain_score(&chain, &labels, None, Place::at(&mut score, 0))?;
/// assert!((score.to_vec()?[0] - (20.0 + 2.0 + 0.3 + 3.0 + 30.0)).abs() < 1e-5);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`chain_forward`](super::chain_forward::chain_forward), also where `out` has no room.
pub fn chain_score(
    chain: &Chain<'_>,
    labels: &Tensor,
    messages: Option<&Messages>,
    out: Place<'_>,
) -> Result<()> {
    let op = "chain_score";
    let [b, t, k] = chain.sizes(op)?;
    chain.check_labels(op, labels)?;
    if let Some(messages) = messages {
        messages.check(op, chain)?;
    }
    let to = out.check(op, "the score", Element::F32, chain.device(), b)?;
    let count = (b * t) as u64;
    let cost = Cost { flops: 2 * count + b as u64, bytes: 16 * count + 8 * b as u64 };
    match chain.device().backend() {
        Backend::Cpu(cpu) => {
            let (scores, transitions) =
                (chain.scores.host()?.f32(), chain.transitions.host()?.f32());
            let (lengths, labels) = (chain.lengths.host()?.f32(), labels.host()?.f32());
            let log_z = messages.map(|m| m.log_partition.host()).transpose()?.map(|z| z.f32());
            let out = &mut out.tensor.host_mut()?.f32_mut()[to];
            cpu.run(op, cost, || {
                for (b, out) in out.iter_mut().enumerate() {
                    let length = length_of(lengths[b], t);
                    let width = if chain.paired() { k * (k + 1) } else { k };
                    let places = b * t * width..(b * t + length) * width;
                    let score = score(&scores[places], transitions, &labels[b * t..][..length], k);
                    *out = log_z.map_or(score, |log_z| log_z[b] - score);
                }
            });
            Ok(())
        }
        Backend::Gpu(gpu) => slices(gpu, [t], 1).try_for_each(|slice| {
            let [range] = &slice.ranges;
            let [b, t, k, first] = [b, t, k, to.start].map(|n| n as u32);
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[
                    ("PAIRED", flag(chain.paired())),
                    ("LOSS", flag(messages.is_some())),
                    ("RESUMES", slice.resumes()),
                    ("PAUSES", slice.pauses()),
                ],
                params: bytemuck::bytes_of(&[b, t, k, first, range.start, range.end, 0, 0]),
                binds: &[
                    Bind::Read(chain.scores.gpu()?),
                    Bind::Read(chain.transitions.gpu()?),
                    Bind::Read(chain.lengths.gpu()?),
                    Bind::Read(labels.gpu()?),
                    match messages {
                        Some(messages) => Bind::Read(messages.log_partition.gpu()?),
                        None => Bind::Unused,
                    },
                    Bind::Update(out.tensor.gpu()?),
                ],
                loops: slice.loops,
                groups: groups(b as usize, gpu.size(&SHADER, "WORKGROUP")?),
                cost: slice.cost(cost),
            })
        }),
    }
}

/// Of one sequence, as long as its labels.
fn score(scores: &[f32], transitions: &[f32], labels: &[f32], k: usize) -> f32 {
    let mut sum = 0.0f64;
    let mut before = k;
    let width = (scores.len() / labels.len().max(1)).max(1);
    for (scores, &label) in scores.chunks_exact(width).zip(labels) {
        let Some(label) = class_of(label, k) else { return f32::NAN };
        // The first label has no transition of its position.
        let row = if before == k { &scores[..k] } else { scores };
        sum += f64::from(allowed(scores[label]));
        sum += f64::from(transition(transitions, row, k, [before, label]));
        before = label;
    }
    match labels.is_empty() {
        true => 0.0,
        false => (sum + f64::from(allowed(transitions[(k + 1) * k + before]))) as f32,
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::chain::proof::{FORMS, Form, Problem, TIMED, long};
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("chain_score", &[&SHADER], standard, bench)
        .slip(["if t + 1u == length", "if t + 2u == length"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for form in FORMS {
            for loss in [true, false] {
                out.push(case(device, form, loss, Values::Ordinary)?);
            }
            out.push(case(device, form, true, Values::NonFinite)?);
        }
        long(|form| case(device, form, true, Values::Ordinary), out)
    }

    /// One call.
    pub fn case(device: &Device, form: Form, loss: bool, values: Values) -> Result<Outcome> {
        let problem = Problem::new(form, values);
        let [b, t, _] = form.sizes;
        let run = |device: &Device| {
            let found = problem.on(device)?;
            let messages = found.passed()?;
            let mut out = Tensor::from_f32(device, &[b + 3], &vec![7.0; b + 3])?;
            let messages = loss.then_some(&messages);
            chain_score(&found.chain(), &found.labels, messages, Place::at(&mut out, 2))?;
            out.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        // ln Z has an error for each position; a sum of 2 T + 1 scores rounds as often.
        let terms = 2.0 * t as f64 + 2.0;
        check.compare("score", &expected, &found, |n| {
            terms * (problem.message() + EPSILON * f64::from(expected[n].abs()))
        });
        let how = if loss { " loss" } else { "" };
        Ok(check.outcome("chain_score", format!("{form}{how} {values:?}")))
    }

    /// Elements are positions.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for form in TIMED {
            let problem = Problem::new(form, Values::Ordinary).on(b.device)?;
            let mut out = b.output(&[form.sizes[0]])?;
            b.case(&form.to_string(), form.sizes[0] * form.sizes[1], || {
                chain_score(&problem.chain(), &problem.labels, None, Place::at(&mut out, 0))
            })?;
        }
        Ok(())
    }
}
