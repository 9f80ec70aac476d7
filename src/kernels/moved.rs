//! Parameters that one step of an optimiser moves together.

use super::expect;
use crate::device::{Device, GpuBuffer, PIECE};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A parameter, and what moves it.
#[derive(Debug)]
pub struct Moved<'a> {
    /// ∂L/∂value.
    pub gradient: &'a Tensor,
    /// What the optimiser keeps from step to step, in its own order.
    pub memories: Vec<&'a mut Tensor>,
    /// The parameter.
    pub value: &'a mut Tensor,
    /// Whether the step's weight decay is for it.
    pub decays: bool,
}

/// Parameters of one dispatch: their gradients, memories and values each lie in one buffer, in the same order, and those
/// that decay come first.
pub(super) struct Run<'a, const N: usize> {
    pub gradients: Vec<&'a GpuBuffer>,
    pub memories: [Vec<&'a GpuBuffer>; N],
    pub values: Vec<&'a GpuBuffer>,
    /// Elements from the first parameter's first to the last one's last, with what lies between.
    pub elements: usize,
    /// As many of them decay.
    pub decaying: usize,
    /// Elements of the parameters alone.
    pub counted: usize,
}

/// As few runs as these parameters, each with N memories, fall into in their order.
pub(super) fn runs<'a, const N: usize>(all: &'a [Moved<'_>]) -> Result<Vec<Run<'a, N>>> {
    all.chunk_by(|one, next| one.precedes(next)).map(Run::of).collect()
}

impl Moved<'_> {
    /// Checks all that is moved against its parameter, the memories under these names; `lacks` says how many there are to
    /// be. The device, if there is a parameter.
    pub(super) fn check(
        op: &'static str,
        all: &[Moved<'_>],
        (names, lacks): (&[&str], &'static str),
    ) -> Result<Option<Device>> {
        let Some(first) = all.first() else { return Ok(None) };
        let device = first.value.device().clone();
        for Moved { gradient, memories, value, .. } in all {
            let dims = value.shape().dims();
            expect(op, "w", value, &device, dims)?;
            expect(op, "the gradient", gradient, &device, dims)?;
            if memories.len() != names.len() {
                return Err(Error::shape(op, lacks));
            }
            for (memory, name) in memories.iter().zip(names) {
                expect(op, name, memory, &device, dims)?;
            }
        }
        Ok(Some(device))
    }

    /// Whether one dispatch can move both.
    fn precedes(&self, next: &Moved<'_>) -> bool {
        let one = |a: &Tensor, b: &Tensor| match (a.gpu(), b.gpu()) {
            (Ok(a), Ok(b)) => a.precedes(b),
            _ => false,
        };
        let memories = || self.memories.iter().zip(&next.memories).all(|(a, b)| one(a, b));
        (self.decays || !next.decays)
            && one(self.value, next.value)
            && one(self.gradient, next.gradient)
            && memories()
    }
}

impl<'a, const N: usize> Run<'a, N> {
    fn of(part: &'a [Moved<'_>]) -> Result<Self> {
        let lengths = || part.iter().map(|p| p.value.shape().len());
        let decaying = part.iter().take_while(|p| p.decays).count();
        let mut memories = [const { Vec::new() }; N];
        for (n, found) in memories.iter_mut().enumerate() {
            let memory = part.iter().filter_map(|p| p.memories.get(n));
            *found = memory.map(|memory| memory.gpu()).collect::<Result<_>>()?;
        }
        Ok(Run {
            gradients: part.iter().map(|p| p.gradient.gpu()).collect::<Result<_>>()?,
            memories,
            values: part.iter().map(|p| p.value.gpu()).collect::<Result<_>>()?,
            elements: reach(lengths()),
            decaying: reach(lengths().take(decaying)),
            counted: lengths().sum(),
        })
    }
}

/// Elements from the first to the last of tensors of these lengths that lie behind each other.
pub(super) fn reach(lengths: impl IntoIterator<Item = usize>) -> usize {
    let piece = PIECE as usize / 4;
    lengths.into_iter().fold(0, |end: usize, length| end.next_multiple_of(piece) + length)
}

#[doc(hidden)]
pub mod proof {
    use super::Moved;
    use crate::kernels::proof::*;
    use crate::tensor::house;

    /// How a step is made of some parameters.
    pub(crate) type Stepping<'a> = &'a dyn Fn(&mut [Moved<'_>]) -> Result<()>;

    /// Parameters that lie in one buffer, two of which decay: a step of all has the bits of steps of one by one.
    pub(crate) fn together(
        op: &'static str,
        device: &Device,
        memories: usize,
        step: Stepping<'_>,
    ) -> Result<Outcome> {
        let lengths = [65, 150, 1, 64];
        let run = |housed: bool| {
            let mut inputs = Inputs::new(7);
            let mut arrays = || {
                let values = lengths.map(|n| inputs.values(Values::Ordinary, n));
                // Mean squares are not negative.
                let array = |v: &Vec<f32>| {
                    let v: Vec<f32> = v.iter().map(|v| v.abs()).collect();
                    Tensor::from_f32(device, &[v.len()], &v)
                };
                let mut made = values.iter().map(array).collect::<Result<Vec<_>>>()?;
                if housed {
                    house(made.iter_mut().collect())?;
                }
                Ok(made)
            };
            let (gradients, mut values) = (arrays()?, arrays()?);
            let mut kept = (0..memories).map(|_| arrays()).collect::<Result<Vec<_>>>()?;
            let mut of_each = kept.iter_mut().map(|kept| kept.iter_mut()).collect::<Vec<_>>();
            let mut all = Vec::new();
            for (i, (gradient, value)) in gradients.iter().zip(&mut values).enumerate() {
                let memories = of_each.iter_mut().filter_map(Iterator::next).collect();
                all.push(Moved { gradient, memories, value, decays: i < 2 });
            }
            match housed {
                true => step(&mut all)?,
                false => all.chunks_mut(1).try_for_each(step)?,
            }
            kept.iter().flatten().chain(&values).map(Tensor::to_vec).collect::<Result<Vec<_>>>()
        };
        let mut check = Check::default();
        for (apart, together) in run(false)?.iter().zip(&run(true)?) {
            check.exact_f32("a step of all", apart, together);
        }
        Ok(check.outcome(op, format!("{lengths:?} in one buffer")))
    }
}
