//! Two neighbouring rungs of a ladder of machines exchange their states, chain by chain (Geyer 1991; Hukushima and
//! Nemoto 1996).
//!
//! With x the lower rung's states and y the upper one's, F and G their free energies, a chain exchanges with
//! probability min(1, exp Δ), Δ = F(x) + G(y) − F(y) − G(x), which leaves exp(−F(x) − G(y)) as it is. Taken as
//! (G(y) − F(y)) − (G(x) − F(x)): the two differences are also what it costs either state to move up, the works of
//! Bennett's acceptance ratio.

use rayon::prelude::*;

use super::{expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::random::{self, Draw};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("exchange", "philox", "exp");

/// Free energies of two rungs' states, `[C]` each.
#[derive(Debug, Clone, Copy)]
pub struct Energies<'a> {
    /// The lower rung's, of its own states: F(x).
    pub lower_own: &'a Tensor,
    /// The lower rung's, of the upper one's states: F(y).
    pub lower_other: &'a Tensor,
    /// The upper rung's, of its own states: G(y).
    pub upper_own: &'a Tensor,
    /// The upper rung's, of the lower one's states: G(x).
    pub upper_other: &'a Tensor,
}

/// The two rungs' states, `[C, I]` each.
#[derive(Debug)]
pub struct Neighbours<'a> {
    /// x.
    pub lower: &'a mut Tensor,
    /// y.
    pub upper: &'a mut Tensor,
    /// The lower one's number, counted from 0.
    pub pair: usize,
}

/// Where it is written down.
#[derive(Debug)]
pub struct Books<'a> {
    /// `[2R, C]` for R rungs, zeros at first. Rows 0 to R − 1: where a rung's state was last, 1 at the bottom, 2 at the
    /// top after the bottom, 0 at neither. Rows R to 2R − 2: how often each pair exchanged. Row 2R − 1: round trips,
    /// bottom to top to bottom.
    pub ledger: &'a mut Tensor,
    /// `[≥ row + 2, C]`: G(x) − F(x) and G(y) − F(y) from before the exchange.
    pub works: &'a mut Tensor,
    /// The row of the first.
    pub row: usize,
}

/// Exchanges the rows of `of` where a Metropolis step takes it, and keeps `books`. The random number of chain c is
/// that of row c and column `pair` of `draw`. Values move bit for bit. A Δ that is NaN exchanges nothing; with 0
/// chains there is nothing to do.
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn exchange(
    of: Neighbours<'_>,
    energies: Energies<'_>,
    draw: &Draw,
    books: Books<'_>,
) -> Result<()> {
    let op = "exchange";
    let device = of.lower.device().clone();
    let [chains, columns] = of.lower.shape().matrix(op, "the lower states")?;
    expect(op, "the lower states", of.lower, &device, &[chains, columns])?;
    expect(op, "the upper states", of.upper, &device, &[chains, columns])?;
    for (name, energy) in [
        ("the lower rung's own energy", energies.lower_own),
        ("the lower rung's other energy", energies.lower_other),
        ("the upper rung's own energy", energies.upper_own),
        ("the upper rung's other energy", energies.upper_other),
    ] {
        expect(op, name, energy, &device, &[chains])?;
    }
    let [rows, _] = books.ledger.shape().matrix(op, "the ledger")?;
    expect(op, "the ledger", books.ledger, &device, &[rows, chains])?;
    let [capacity, _] = books.works.shape().matrix(op, "the works")?;
    expect(op, "the works", books.works, &device, &[capacity, chains])?;
    let rungs = rows / 2;
    if rows % 2 != 0 || of.pair + 1 >= rungs {
        let detail = format!("the ledger is {}, and the pair is {}", books.ledger.shape(), of.pair);
        return Err(Error::shape(op, detail));
    }
    if books.row + 1 >= capacity {
        let detail =
            format!("the works are {}, with no row {}", books.works.shape(), books.row + 1);
        return Err(Error::shape(op, detail));
    }
    if chains * columns == 0 {
        return Ok(());
    }
    let count = (chains * columns) as u64;
    let cost = Cost { flops: count, bytes: 16 * count };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let [fx, fy] = [energies.lower_own.host()?.f32(), energies.lower_other.host()?.f32()];
            let [gy, gx] = [energies.upper_own.host()?.f32(), energies.upper_other.host()?.f32()];
            let (lower, upper) = (of.lower.host_mut()?.f32_mut(), of.upper.host_mut()?.f32_mut());
            let (ledger, works) = (books.ledger.host_mut()?.f32_mut(), books.works.host_mut()?);
            let works = &mut works.f32_mut()[books.row * chains..(books.row + 2) * chains];
            let mut book = HostBook { ledger, chains, rungs, pair: of.pair };
            cpu.run(op, cost, || {
                let mut taken = vec![false; chains];
                for (chain, taken) in taken.iter_mut().enumerate() {
                    let [up_x, up_y] = [gx[chain] - fx[chain], gy[chain] - fy[chain]];
                    let u = random::uniform(draw.word(chain as u32, of.pair as u32));
                    let gain = up_y - up_x;
                    // A NaN takes neither way; f32::min would drop it.
                    *taken = gain >= 0.0 || u < gain.exp();
                    (works[chain], works[chains + chain]) = (up_x, up_y);
                    book.keep(chain, *taken);
                }
                let rows = lower.par_chunks_mut(columns).zip(upper.par_chunks_mut(columns));
                rows.zip(taken).with_min_len(1 + 4096 / columns).for_each(|((x, y), taken)| {
                    if taken {
                        x.swap_with_slice(y);
                    }
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let ([k0, k1], [c0, c1]) = (draw.key(), draw.counter_words());
            let [chains_, columns_, pair, rungs_, row] =
                [chains, columns, of.pair, rungs, books.row].map(|n| n as u32);
            let params =
                [chains_, columns_, pair, rungs_, draw.first_case, row, k0, k1, c0, c1, 0, 0];
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[],
                params: bytemuck::bytes_of(&params),
                binds: &[
                    Bind::Read(energies.lower_own.gpu()?),
                    Bind::Read(energies.lower_other.gpu()?),
                    Bind::Read(energies.upper_own.gpu()?),
                    Bind::Read(energies.upper_other.gpu()?),
                    Bind::Update(of.lower.gpu()?),
                    Bind::Update(of.upper.gpu()?),
                    Bind::Update(books.ledger.gpu()?),
                    Bind::Update(books.works.gpu()?),
                ],
                loops: 0,
                groups: groups(chains * columns.div_ceil(4), gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

/// The CPU path's ledger.
struct HostBook<'a> {
    ledger: &'a mut [f32],
    chains: usize,
    rungs: usize,
    pair: usize,
}

impl HostBook<'_> {
    fn keep(&mut self, chain: usize, accepted: bool) {
        let at = |row: usize| row * self.chains + chain;
        let [low, high] = [at(self.pair), at(self.pair + 1)];
        if accepted {
            self.ledger.swap(low, high);
            self.ledger[at(self.rungs + self.pair)] += 1.0;
        }
        if self.pair == 0 {
            if self.ledger[low] == 2.0 {
                self.ledger[at(2 * self.rungs - 1)] += 1.0;
            }
            self.ledger[low] = 1.0;
        }
        if self.pair + 2 == self.rungs && self.ledger[high] == 1.0 {
            self.ledger[high] = 2.0;
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("exchange", &[&SHADER], standard, bench)
        .slip(["let gain = of_upper - of_lower;", "let gain = of_lower - of_upper;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in Values::ALL {
            out.push(case(device, [70, 37], [4, 1], values)?);
        }
        for (dims, place) in
            [([1, 1], [2, 0]), ([65, 4], [3, 1]), ([129, 5], [9, 7]), ([33, 130], [9, 0])]
        {
            out.push(case(device, dims, place, Values::Ordinary)?);
        }
        Ok(())
    }

    /// One call on `[chains, columns]` in a ladder of `rungs`, of the pair `pair`. Numbers move bit for bit and counts
    /// are whole; a chain is excused where exp Δ, of relative error 1e-5, is as near to the uniform number.
    pub fn case(
        device: &Device,
        [chains, columns]: [usize; 2],
        [rungs, pair]: [usize; 2],
        values: Values,
    ) -> Result<Outcome> {
        let mut inputs = Inputs::new((chains * 1009 + columns) as u64);
        let [fx, fy, gy, gx] = [0; 4].map(|_| inputs.values(values, chains));
        let [x, y] = [0; 2].map(|_| inputs.values(Values::Ordinary, chains * columns));
        let marks = inputs.below(3, rungs * chains).into_iter().map(|m| m as f32);
        let ledger: Vec<f32> = marks.chain(vec![5.0; rungs * chains]).collect();
        let draw = Draw::new(7, 301).at(11).from_case(3);
        let run = |device: &Device| {
            let energy = |values: &[f32]| Tensor::from_f32(device, &[chains], values);
            let state = |values: &[f32]| Tensor::from_f32(device, &[chains, columns], values);
            let (mut lower, mut upper) = (state(&x)?, state(&y)?);
            let mut ledger = Tensor::from_f32(device, &[2 * rungs, chains], &ledger)?;
            let mut works = Tensor::from_f32(device, &[4, chains], &vec![-3.0; 4 * chains])?;
            exchange(
                Neighbours { lower: &mut lower, upper: &mut upper, pair },
                Energies {
                    lower_own: &energy(&fx)?,
                    lower_other: &energy(&fy)?,
                    upper_own: &energy(&gy)?,
                    upper_other: &energy(&gx)?,
                },
                &draw,
                Books { ledger: &mut ledger, works: &mut works, row: 1 },
            )?;
            Ok([lower.to_vec()?, upper.to_vec()?, ledger.to_vec()?, works.to_vec()?])
        };
        let (expected, found) = both(device, run)?;
        let excused: Vec<bool> = (0..chains)
            .map(|c| {
                let gain =
                    (f64::from(gy[c]) - f64::from(fy[c])) - (f64::from(gx[c]) - f64::from(fx[c]));
                let u = f64::from(random::uniform(draw.word(c as u32, pair as u32)));
                // The differences' own errors move Δ.
                let size =
                    [fx[c], fy[c], gx[c], gy[c]].map(|e| f64::from(e).abs()).iter().sum::<f64>();
                let p = gain.min(0.0).exp();
                (u - p).abs() <= p * (1e-5 + 2.0 * EPSILON * size) + FLUSH
                    || (gain.abs() <= 2.0 * EPSILON * size)
            })
            .collect();
        let mut check = Check::default();
        for (name, k) in [("lower", 0), ("upper", 1)] {
            check.compare(name, &expected[k], &found[k], |i| {
                if excused[i / columns] { 10.0 } else { FLUSH }
            });
        }
        check.compare("ledger", &expected[2], &found[2], |i| {
            if excused[i % chains] { 3.0 } else { FLUSH }
        });
        check.compare("works", &expected[3], &found[3], |i| {
            let c = i % chains;
            let size = [fx[c], fy[c], gx[c], gy[c]].map(|e| f64::from(e).abs()).iter().sum::<f64>();
            // Either energy of a difference may be flushed.
            2.0 * EPSILON * size + 2.0 * FLUSH
        });
        let case = format!("[{chains}, {columns}], pair {pair} of {rungs} rungs, {values:?}");
        Ok(check.outcome("exchange", case))
    }

    /// A hundred chains of 784 units.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (chains, columns) = (100, 784);
        let energies = [1, 2, 3, 4].map(|seed| b.random(&[chains], seed));
        let [fx, fy, gy, gx] = energies;
        let (fx, fy, gy, gx) = (fx?, fy?, gy?, gx?);
        let (mut lower, mut upper) =
            (b.random(&[chains, columns], 5)?, b.random(&[chains, columns], 6)?);
        let (mut ledger, mut works) = (b.output(&[20, chains])?, b.output(&[2, chains])?);
        let draw = Draw::new(1, 301);
        b.case("100x784", chains * columns, || {
            exchange(
                Neighbours { lower: &mut lower, upper: &mut upper, pair: 3 },
                Energies { lower_own: &fx, lower_other: &fy, upper_own: &gy, upper_other: &gx },
                &draw,
                Books { ledger: &mut ledger, works: &mut works, row: 0 },
            )
        })
    }
}
