//! From a linear chain's first position to its last: messages, and ln Z.

use rayon::prelude::*;

use super::chain::{
    Chain, Exponentials, Messages, Over, Steps, allowed, largest, length_of, log_sum,
};
use super::slices::slices;
use super::{flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("chain_forward", "exp", "chain");

/// For each sequence of a batch, with the scores u `[B, T, K]` and the transitions A,
///
/// forward₀(j) = u₀(j) + start(j), forward_t(j) = u_t(j) + ln Σ_i exp(forward_{t−1}(i) − offset_{t−1} + A_ij),
/// (with transitions of its own at each position A_ij + their scores there), offset_t = max_j forward_t(j), the last offset = ln Σ_j exp(forward_{L−1}(j) − offset_{L−1} + end(j)),
///
/// and ln Z = Σ offsets, over all labellings of its L positions; into `messages` (forward, offsets, `log_partition`).
/// Behind a sequence's end messages and offsets are 0; an empty sequence has one labelling, and ln Z = 0.
///
/// Scores of [`FORBIDDEN`](super::chain::FORBIDDEN) and below keep labellings out; where none is left ln Z is below
/// [`IMPOSSIBLE`](super::chain::IMPOSSIBLE). NaN propagates, and +∞ ends in NaN. Up to
/// [`MOST_LABELS`](super::chain::MOST_LABELS) labels. Errors of messages are some ε of the scores at one position, not of
/// ln Z; ln Z is summed over blocks of positions. Rabiner 1989, in log space.
///
/// ```
/// use harmonium::kernels::chain::{Chain, Messages};
/// use harmonium::kernels::chain_forward::chain_forward;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// // Two sequences of two labels, of lengths 2 and 1; nothing prefers any labelling: 4 and 2 of them.
/// let scores = Tensor::zeros(&device, &[2, 2, 2])?;
/// let transitions = Tensor::zeros(&device, &[4, 2])?;
/// let lengths = Tensor::from_f32(&device, &[2], &[2.0, 1.0])?;
/// let chain = Chain { scores: &scores, transitions: &transitions, lengths: &lengths };
/// let mut messages = Messages::of(&chain)?;
/// chain_forward(&chain, &mut messages)?;
/// let found = messages.log_partition.to_vec()?;
/// assert!((found[0] - 4f32.ln()).abs() < 1e-6 && (found[1] - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also for more labels than there may be,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn chain_forward(chain: &Chain<'_>, messages: &mut Messages) -> Result<()> {
    let op = "chain_forward";
    let [b, t, k] = chain.sizes(op)?;
    messages.check(op, chain)?;
    let count = (b * t * k) as u64;
    let bytes = 8 * count + 4 * (k * k) as u64 + chain.pair_bytes([b, t, k]);
    let cost = Cost { flops: count * (4 * k as u64 + 2), bytes };
    match chain.device().backend() {
        Backend::Cpu(cpu) => {
            let (scores, transitions) =
                (chain.scores.host()?.f32(), chain.transitions.host()?.f32());
            let lengths = chain.lengths.host()?.f32();
            let Messages { forward, offsets, log_partition, .. } = messages;
            let forward = forward.host_mut()?.f32_mut();
            let offsets = offsets.host_mut()?.f32_mut();
            let log_partition = log_partition.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                if t == 0 {
                    offsets.fill(0.0);
                    return log_partition.fill(0.0);
                }
                let steps = Steps::new(transitions, k, Over::Before, chain.paired());
                let width = steps.width();
                let rows = forward.par_chunks_mut(t * k).zip(offsets.par_chunks_mut(t + 1));
                rows.zip(log_partition).enumerate().for_each(|(b, ((forward, offsets), log_z))| {
                    let length = length_of(lengths[b], t);
                    let scores = &scores[b * t * width..][..length * width];
                    *log_z = sequence(&steps, scores, forward, offsets);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let each = k.div_ceil(gpu.size(&SHADER, "WORKGROUP")? as usize) as u64;
            let step = (each + 1) * (2 * k as u64 + 3) + k as u64 + 3;
            slices(gpu, [t], step).try_for_each(|slice| {
                let [range] = &slice.ranges;
                let sizes = [b, t, k, range.start as usize, range.end as usize, 0, 0, 0];
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[
                        ("PAIRED", flag(chain.paired())),
                        ("RESUMES", slice.resumes()),
                        ("PAUSES", slice.pauses()),
                    ],
                    params: bytemuck::bytes_of(&sizes.map(|n| n as u32)),
                    binds: &[
                        Bind::Read(chain.scores.gpu()?),
                        Bind::Read(chain.transitions.gpu()?),
                        Bind::Read(chain.lengths.gpu()?),
                        slice.output(messages.forward.gpu()?),
                        slice.output(messages.offsets.gpu()?),
                        slice.output(messages.log_partition.gpu()?),
                    ],
                    loops: slice.loops,
                    groups: groups(b, 1),
                    cost: slice.cost(cost),
                })
            })
        }
    }
}

/// One sequence, as long as its scores; gives ln Z.
fn sequence(steps: &Steps<'_>, scores: &[f32], forward: &mut [f32], offsets: &mut [f32]) -> f32 {
    let (k, width) = (steps.labels, steps.width());
    let (starts, ends) = steps.transitions[k * k..].split_at(k);
    let (mut message, mut sums, mut own) = (vec![0.0; k], vec![0.0; k], Exponentials::default());
    offsets.fill(0.0);
    let (mut log_z, length) = (0.0f64, scores.len() / width);
    forward[length * k..].fill(0.0);
    let rows = scores.chunks_exact(width).zip(forward.chunks_exact_mut(k));
    for (t, (scores, out)) in rows.enumerate() {
        match t {
            0 => out.copy_from_slice(starts),
            _ => steps.into(scores, &mut own).step(&message, &mut sums, out),
        }
        out.iter_mut().zip(scores).for_each(|(out, score)| *out = allowed(allowed(*out) + score));
        let most = largest(out.iter().copied());
        message.iter_mut().zip(&*out).for_each(|(message, out)| *message = out - most);
        offsets[t] = most;
        log_z += f64::from(most);
    }
    if length > 0 {
        let ending = log_sum(message.iter().zip(ends).map(|(m, end)| m + allowed(*end)));
        if let Some(last) = offsets.last_mut() {
            *last = ending;
        }
        log_z += f64::from(ending);
    }
    log_z as f32
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::chain::proof::{FORMS, Form, Problem, TIMED, long};
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("chain_forward", &[&SHADER], standard, bench)
        .slip(["largest + log_of(sum)", "largest + 1.001 * log_of(sum)"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for form in FORMS {
            for values in [Values::Ordinary, Values::Wide, Values::NonFinite] {
                out.push(case(device, form, values)?);
            }
        }
        long(|form| case(device, form, Values::Ordinary), out)
    }

    /// One call.
    pub fn case(device: &Device, form: Form, values: Values) -> Result<Outcome> {
        let problem = Problem::new(form, values);
        let run = |device: &Device| {
            let found = problem.on(device)?;
            let mut messages = Messages::of(&found.chain())?;
            chain_forward(&found.chain(), &mut messages)?;
            let Messages { forward, offsets, log_partition, .. } = messages;
            Ok([forward.to_vec()?, offsets.to_vec()?, log_partition.to_vec()?])
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        let one = problem.message();
        check.compare("forward", &expected[0], &found[0], |_| one);
        check.compare("offsets", &expected[1], &found[1], |_| one);
        let t = form.sizes[1] as f64 + 1.0;
        // T offsets, and the roundings of their sum.
        check.compare("ln Z", &expected[2], &found[2], |b| {
            t * one + EPSILON * t * f64::from(expected[2][b].abs())
        });
        Ok(check.outcome("chain_forward", format!("{form} {values:?}")))
    }

    /// Elements are scores.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for form in TIMED {
            let problem = Problem::new(form, Values::Ordinary).on(b.device)?;
            let mut messages = Messages::of(&problem.chain())?;
            b.case(&form.to_string(), form.sizes.iter().product(), || {
                chain_forward(&problem.chain(), &mut messages)
            })?;
        }
        Ok(())
    }
}
