//! Small machines enumerated in f64, from the definitions of energy and probability alone.

use harmonium::models::{Rbm, UnitKind};
use harmonium::random::{Draw, PhiloxRng, normal_pair};
use harmonium::{Device, Tensor};

/// W `[I, J]`, b, a: exactly the f32 numbers that the device gets.
#[derive(Clone, Debug)]
pub struct Exact {
    pub visible: UnitKind,
    pub i: usize,
    pub j: usize,
    pub w: Vec<f64>,
    pub b: Vec<f64>,
    pub a: Vec<f64>,
}

/// Standard normal numbers of a seed, rounded to f32.
pub fn normals(seed: u64, count: usize) -> Vec<f64> {
    let mut rng = PhiloxRng::new(Draw::new(seed, 901));
    (0..count).map(|_| f64::from(normal_pair(rng.word(), rng.word())[0])).collect()
}

pub fn to_f32(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

pub fn to_f64(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// All 2ⁿ states, unit 0 as the lowest bit.
pub fn states(n: usize) -> Vec<Vec<f64>> {
    (0..1usize << n).map(|s| (0..n).map(|k| ((s >> k) & 1) as f64).collect()).collect()
}

/// The number of a state in [`states`].
pub fn number(state: &[f32]) -> usize {
    state.iter().enumerate().map(|(k, &x)| usize::from(x == 1.0) << k).sum()
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

impl Exact {
    /// Weights N(0, scale²), biases N(0, 1).
    pub fn random(visible: UnitKind, i: usize, j: usize, scale: f64, seed: u64) -> Self {
        let z = normals(seed, i * j + i + j);
        let round = |x: f64| f64::from(x as f32);
        Exact {
            visible,
            i,
            j,
            w: z[..i * j].iter().map(|x| round(scale * x)).collect(),
            b: z[i * j..i * j + i].to_vec(),
            a: z[i * j + i..].to_vec(),
        }
    }

    pub fn to_rbm(&self, device: &Device) -> Rbm {
        let upload =
            |dims: &[usize], x: &[f64]| Tensor::from_f32(device, dims, &to_f32(x)).unwrap();
        let w = upload(&[self.i, self.j], &self.w);
        let (b, a) = (upload(&[self.i], &self.b), upload(&[self.j], &self.a));
        Rbm::from_parts(self.visible, UnitKind::Bernoulli, w, b, a).unwrap()
    }

    pub fn of(rbm: &Rbm) -> Self {
        let read = |t: &Tensor| to_f64(&t.to_vec().unwrap());
        Exact {
            visible: rbm.visible().kind(),
            i: rbm.visible_count(),
            j: rbm.hidden_count(),
            w: read(rbm.weights()),
            b: read(rbm.visible_bias()),
            a: read(rbm.hidden_bias()),
        }
    }

    /// The terms of E(v, h): their sum is the energy, the sum of their magnitudes bounds its rounding.
    pub fn energy_terms(&self, v: &[f64], h: &[f64]) -> Vec<f64> {
        let mut terms = Vec::new();
        for (i, v) in v.iter().enumerate() {
            terms.extend((0..self.j).map(|j| -v * self.w[i * self.j + j] * h[j]));
            terms.push(match self.visible {
                UnitKind::Bernoulli => -self.b[i] * v,
                _ => 0.5 * (v - self.b[i]).powi(2),
            });
        }
        terms.extend(self.a.iter().zip(h).map(|(a, h)| -a * h));
        terms
    }

    pub fn energy(&self, v: &[f64], h: &[f64]) -> f64 {
        self.energy_terms(v, h).iter().sum()
    }

    /// −ln Σ_h exp(−E(v, h)): no use is made of the units' independence.
    pub fn free_energy(&self, v: &[f64]) -> f64 {
        let energies: Vec<f64> = states(self.j).iter().map(|h| self.energy(v, h)).collect();
        let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
        least - energies.iter().map(|e| (least - e).exp()).sum::<f64>().ln()
    }

    /// The same in the form that is quick, for machines with more hidden units.
    pub fn free_energy_by_units(&self, v: &[f64]) -> f64 {
        let own = match self.visible {
            UnitKind::Bernoulli => -dot(&self.b, v),
            _ => 0.5 * v.iter().zip(&self.b).map(|(v, b)| (v - b).powi(2)).sum::<f64>(),
        };
        own - self.field_h(v).iter().map(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()).sum::<f64>()
    }

    /// p(v, h) of a Bernoulli machine, `[2ᴵ][2ᴶ]`.
    pub fn joint(&self) -> Vec<Vec<f64>> {
        assert_eq!(self.visible, UnitKind::Bernoulli);
        let hidden = states(self.j);
        let weight: Vec<Vec<f64>> = states(self.i)
            .iter()
            .map(|v| hidden.iter().map(|h| (-self.energy(v, h)).exp()).collect())
            .collect();
        let z: f64 = weight.iter().flatten().sum();
        weight.into_iter().map(|row| row.into_iter().map(|p| p / z).collect()).collect()
    }

    /// ln Z of a Bernoulli machine.
    pub fn log_z(&self) -> f64 {
        assert_eq!(self.visible, UnitKind::Bernoulli);
        let free: Vec<f64> = states(self.i).iter().map(|v| self.free_energy_by_units(v)).collect();
        let least = free.iter().copied().fold(f64::INFINITY, f64::min);
        free.iter().map(|f| (least - f).exp()).sum::<f64>().ln() - least
    }

    /// p(v), from the joint distribution.
    pub fn p_v(&self) -> Vec<f64> {
        self.joint().iter().map(|row| row.iter().sum()).collect()
    }

    /// a + vᵀW.
    pub fn field_h(&self, v: &[f64]) -> Vec<f64> {
        (0..self.j)
            .map(|j| self.a[j] + (0..self.i).map(|i| v[i] * self.w[i * self.j + j]).sum::<f64>())
            .collect()
    }

    /// b + Wh.
    pub fn field_v(&self, h: &[f64]) -> Vec<f64> {
        (0..self.i).map(|i| self.b[i] + dot(&self.w[i * self.j..(i + 1) * self.j], h)).collect()
    }

    /// The Gibbs step's matrix T(v → v′) = Σ_h p(h | v) p(v′ | h), both conditionals from the joint.
    pub fn transition(&self) -> Vec<Vec<f64>> {
        let joint = self.joint();
        let p_h: Vec<f64> =
            (0..1 << self.j).map(|h| joint.iter().map(|row| row[h]).sum()).collect();
        joint
            .iter()
            .map(|row| {
                let p_v: f64 = row.iter().sum();
                joint
                    .iter()
                    .map(|to| (0..p_h.len()).map(|h| row[h] / p_v * to[h] / p_h[h]).sum())
                    .collect()
            })
            .collect()
    }
}

/// p·T.
pub fn step(p: &[f64], transition: &[Vec<f64>]) -> Vec<f64> {
    let column = |to: usize| p.iter().zip(transition).map(|(p, row)| p * row[to]).sum();
    (0..p.len()).map(column).collect()
}
