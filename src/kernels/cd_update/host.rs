//! The update on the CPU: one product of both phases, and the weights' change on blocks of it.

use super::{Phases, Step};
use crate::device::{Cpu, HostBuffer, Rows, Strided, Term};
use crate::error::Result;

pub(super) fn on_cpu(
    cpu: &Cpu,
    phases: &Phases<'_>,
    step: Step,
    [i, j]: [usize; 2],
    weights: Option<&mut [f32]>,
    velocity: &mut [f32],
) -> Result<()> {
    let data = [phases.v0.host()?, phases.p0.host()?, phases.vk.host()?, phases.pk.host()?];
    let [v0, p0, vk, pk] = data.map(HostBuffer::f32);
    let [mu, lambda] = match phases.offsets {
        Some((mu, lambda)) => [Some(mu.host()?.f32()), Some(lambda.host()?.f32())],
        None => [None, None],
    };
    let scales = [step.rate * phases.scales[0], -step.rate * phases.scales[1]];
    let term = |v, p, scale| {
        let k = <[f32]>::len(v).checked_div(i).unwrap_or(0);
        let a = Strided { data: v, row_stride: 1, column_stride: i };
        let b = Strided { data: p, row_stride: j, column_stride: 1 };
        Term { scale, offset: lambda, ..Term::new(a, b, k) }
    };
    // Σ(v − μ)(p − λ)ᵀ = Σ v(p − λ)ᵀ − μ Σ(p − λ)ᵀ: so the zeros of v stay zeros, which are skipped.
    let sums = lambda.map(|lambda| weighed_sums([(p0, scales[0]), (pk, scales[1])], lambda));
    // Where they are infinite, they would cancel each other.
    let finite = sums.iter().flatten().all(|x| x.is_finite());
    let moved = mu.filter(|_| !finite).map(|mu| [v0, vk].map(|v| less(v, mu)));
    let [v0, vk] = moved.as_ref().map_or([v0, vk], |[v0, vk]| [v0, vk]);
    let mut terms = vec![term(v0, p0, scales[0]), term(vk, pk, scales[1])];
    if let (Some(mu), Some(sums), true) = (mu, &sums, finite) {
        let a = Strided { data: mu, row_stride: 1, column_stride: i };
        let b = Strided { data: sums, row_stride: j, column_stride: 1 };
        terms.push(Term { scale: -1.0, ..Term::new(a, b, 1) });
    }
    let shrink = step.rate * step.decay;
    let finish = |_: [usize; 2], sums: &mut [f32], [velocity, weights]: [&mut [f32]; 2]| {
        let Step { momentum, .. } = step;
        pulp::Arch::new().dispatch(Ascent { momentum, shrink, sums, velocity, weights });
    };
    let rows = |data| Rows { data, stride: j };
    let outputs = [Some(rows(velocity)), weights.map(rows)];
    cpu.product("cd_update", [i, j], &terms, outputs, &finish)
}

/// Σ scale·(p − λ) over the rows of both phases.
fn weighed_sums(phases: [(&[f32], f32); 2], lambda: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0; lambda.len()];
    for (p, scale) in phases {
        for row in p.chunks_exact(lambda.len().max(1)) {
            let less = row.iter().zip(lambda).map(|(p, l)| scale * (p - l));
            sums.iter_mut().zip(less).for_each(|(sum, x)| *sum += x);
        }
    }
    sums
}

/// The rows less an offset.
fn less(rows: &[f32], offset: &[f32]) -> Vec<f32> {
    rows.iter().zip(offset.iter().cycle()).map(|(x, o)| x - o).collect()
}

/// Δ = m·Δ + ηG − ηd·w and w += Δ, where there is a w.
struct Ascent<'a> {
    momentum: f32,
    shrink: f32,
    sums: &'a [f32],
    velocity: &'a mut [f32],
    weights: &'a mut [f32],
}

impl pulp::NullaryFnOnce for Ascent<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Ascent { momentum, shrink, sums, velocity, weights } = self;
        if momentum == 0.0 {
            velocity.copy_from_slice(sums);
        } else {
            velocity
                .iter_mut()
                .zip(sums)
                .for_each(|(change, sum)| *change = momentum * *change + sum);
        }
        for (w, change) in weights.iter_mut().zip(velocity) {
            *change -= shrink * *w;
            *w += *change;
        }
    }
}
