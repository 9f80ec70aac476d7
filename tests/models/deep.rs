//! Small deep machines enumerated in f64, from the definitions of energy and probability alone.

use harmonium::models::{DeepBoltzmannMachine, UnitKind};
use harmonium::{Device, Tensor};

use super::exact::{dot, normals, states, to_f32};

/// W¹ … Wᴸ and b, a¹ … aᴸ: exactly the f32 numbers that the device gets.
#[derive(Clone, Debug)]
pub struct Deep {
    pub visible: UnitKind,
    pub sizes: Vec<usize>,
    pub weights: Vec<Vec<f64>>,
    pub biases: Vec<Vec<f64>>,
}

/// ln Σ exp.
pub fn log_sum(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

impl Deep {
    /// Weights N(0, scale²), biases N(0, 1).
    pub fn random(visible: UnitKind, sizes: &[usize], scale: f64, seed: u64) -> Self {
        let round = |x: f64| f64::from(x as f32);
        let weights = sizes.windows(2).enumerate().map(|(l, pair)| {
            let z = normals(seed + 10 + l as u64, pair[0] * pair[1]);
            z.iter().map(|x| round(scale * x)).collect()
        });
        let biases = sizes.iter().enumerate().map(|(l, &n)| normals(seed + 20 + l as u64, n));
        let (weights, biases) = (weights.collect(), biases.collect());
        Deep { visible, sizes: sizes.into(), weights, biases }
    }

    pub fn to_dbm(&self, device: &Device) -> DeepBoltzmannMachine {
        let upload =
            |dims: &[usize], x: &[f64]| Tensor::from_f32(device, dims, &to_f32(x)).unwrap();
        let pairs = self.sizes.windows(2).zip(&self.weights);
        let weights = pairs.map(|(pair, w)| upload(pair, w)).collect();
        let biases = self.biases.iter().map(|b| upload(&[b.len()], b)).collect();
        DeepBoltzmannMachine::from_parts(self.visible, weights, biases).unwrap()
    }

    /// The input of a layer's units, their bias among it, given the states of all layers.
    pub fn input(&self, layer: usize, of: &[Vec<f64>]) -> Vec<f64> {
        let mut x = self.biases[layer].clone();
        for (unit, x) in x.iter_mut().enumerate() {
            if layer > 0 {
                let (w, n) = (&self.weights[layer - 1], self.sizes[layer]);
                *x +=
                    of[layer - 1].iter().enumerate().map(|(i, s)| s * w[i * n + unit]).sum::<f64>();
            }
            if layer + 1 < self.sizes.len() {
                let n = self.sizes[layer + 1];
                *x += dot(&self.weights[layer][unit * n..(unit + 1) * n], &of[layer + 1]);
            }
        }
        x
    }

    /// E of the states of all layers.
    pub fn energy(&self, of: &[Vec<f64>]) -> f64 {
        let mut energy = match self.visible {
            UnitKind::Gaussian => {
                0.5 * of[0].iter().zip(&self.biases[0]).map(|(v, b)| (v - b).powi(2)).sum::<f64>()
            }
            _ => -dot(&of[0], &self.biases[0]),
        };
        for l in 1..self.sizes.len() {
            energy -= dot(&of[l], &self.biases[l]);
            let n = self.sizes[l];
            for (i, s) in of[l - 1].iter().enumerate() {
                energy -= s * dot(&self.weights[l - 1][i * n..(i + 1) * n], &of[l]);
            }
        }
        energy
    }

    /// All states of the layers from the first on, h¹'s lowest.
    pub fn states_of(&self, first: usize) -> Vec<Vec<Vec<f64>>> {
        let bits: usize = self.sizes[first..].iter().sum();
        let split = |mut all: Vec<f64>| {
            let mut layers = Vec::new();
            for &n in &self.sizes[first..] {
                let rest = all.split_off(n);
                layers.push(all);
                all = rest;
            }
            layers
        };
        states(bits).into_iter().map(split).collect()
    }

    /// All states of the machine, of Bernoulli data.
    pub fn all(&self) -> Vec<Vec<Vec<f64>>> {
        assert_eq!(self.visible, UnitKind::Bernoulli);
        self.states_of(0)
    }

    /// ln Σ_h exp(−E(v, h)).
    pub fn log_weight(&self, v: &[f64]) -> f64 {
        let of = |h: Vec<Vec<f64>>| -self.energy(&[vec![v.to_vec()], h].concat());
        log_sum(&self.states_of(1).into_iter().map(of).collect::<Vec<_>>())
    }

    /// ln Z: a sum over all states; Gaussian data integrated, ∫ exp(−½‖v − b‖² + vᵀf) = (2π)^(I/2) exp(½‖b + f‖² − ½‖b‖²).
    pub fn log_partition(&self) -> f64 {
        if self.visible == UnitKind::Bernoulli {
            return log_sum(
                &states(self.sizes[0]).iter().map(|v| self.log_weight(v)).collect::<Vec<_>>(),
            );
        }
        let none = vec![0.0; self.sizes[0]];
        let square = |x: &[f64]| dot(x, x);
        let of = |h: Vec<Vec<f64>>| {
            let all = [vec![none.clone()], h].concat();
            let mean = self.input(0, &all);
            // At v = 0 the energy is that of the hidden layers and ½‖b‖².
            -self.energy(&all) + 0.5 * square(&mean)
        };
        let hidden: Vec<f64> = self.states_of(1).into_iter().map(of).collect();
        log_sum(&hidden) + 0.5 * self.sizes[0] as f64 * std::f64::consts::TAU.ln()
    }

    /// ln p(v).
    pub fn log_likelihood(&self, v: &[f64]) -> f64 {
        self.log_weight(v) - self.log_partition()
    }
}

/// Strong weights, two and three hidden layers, both kinds of data.
pub fn machines() -> Vec<Deep> {
    use UnitKind::{Bernoulli, Gaussian};
    vec![
        Deep::random(Bernoulli, &[4, 3, 3], 1.5, 700),
        Deep::random(Bernoulli, &[3, 4, 3, 2], 1.5, 800),
        Deep::random(Gaussian, &[3, 3, 2], 0.8, 900),
        Deep::random(Gaussian, &[2, 3, 2, 3], 0.8, 1000),
    ]
}

/// Some data: all states, or normal numbers.
pub fn some_v(deep: &Deep) -> Vec<Vec<f64>> {
    match deep.visible {
        UnitKind::Bernoulli => states(deep.sizes[0]),
        _ => normals(5, 6 * deep.sizes[0]).chunks(deep.sizes[0]).map(<[f64]>::to_vec).collect(),
    }
}
