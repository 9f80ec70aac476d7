//! Small deep belief nets enumerated in f64, from the definition alone.

use harmonium::models::{DeepBeliefNet, Model, Rbm, UnitKind, Visit};
use harmonium::{Device, Tensor};

use super::exact::{dot, normals, sigmoid, states, to_f32};

/// A level: W and G `[I, J]`, b and a. The top's G is its W.
#[derive(Clone, Debug)]
pub struct Level {
    pub w: Vec<f64>,
    pub g: Vec<f64>,
    pub b: Vec<f64>,
    pub a: Vec<f64>,
}

/// A net of Bernoulli units; `classes` is 0 without labels.
#[derive(Clone, Debug)]
pub struct ExactNet {
    pub sizes: Vec<usize>,
    pub classes: usize,
    pub levels: Vec<Level>,
}

/// Π p(s) of Bernoulli units.
pub fn probability(means: &[f64], state: &[f64]) -> f64 {
    means.iter().zip(state).map(|(m, s)| if *s == 1.0 { *m } else { 1.0 - m }).product()
}

pub fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.into_iter().map(|e| e / sum).collect()
}

/// p·M.
pub fn through(p: &[f64], matrix: &[Vec<f64>]) -> Vec<f64> {
    let mut out = vec![0.0; matrix[0].len()];
    for (p, row) in p.iter().zip(matrix) {
        out.iter_mut().zip(row).for_each(|(out, m)| *out += p * m);
    }
    out
}

impl ExactNet {
    /// Weights N(0, 1.5²), biases N(0, 1); untied nets have generative weights of their own.
    pub fn random(sizes: &[usize], classes: usize, untied: bool, seed: u64) -> Self {
        let last = sizes.len() - 2;
        let levels = sizes.windows(2).enumerate().map(|(l, pair)| {
            let (i, j) = (pair[0] + if l == last { classes } else { 0 }, pair[1]);
            let z = normals(seed * 100 + l as u64, 2 * i * j + i + j);
            let weights = |from: usize| -> Vec<f64> {
                z[from..from + i * j].iter().map(|x| f64::from((1.5 * x) as f32)).collect()
            };
            let own = if untied && l < last { i * j } else { 0 };
            let biases = &z[2 * i * j..];
            let (b, a) = (biases[..i].to_vec(), biases[i..].to_vec());
            Level { w: weights(0), g: weights(own), b, a }
        });
        ExactNet { sizes: sizes.to_vec(), classes, levels: levels.collect() }
    }

    pub fn last(&self) -> usize {
        self.levels.len() - 1
    }

    pub fn to_net(&self, device: &Device) -> DeepBeliefNet {
        let tensor =
            |dims: &[usize], x: &[f64]| Tensor::from_f32(device, dims, &to_f32(x)).unwrap();
        let rbm = |(l, level): (usize, &Level)| {
            let kind = match l == self.last() && self.classes > 0 {
                true => UnitKind::Labelled(self.classes),
                false => UnitKind::Bernoulli,
            };
            let (i, j) = (level.b.len(), level.a.len());
            let (w, b, a) =
                (tensor(&[i, j], &level.w), tensor(&[i], &level.b), tensor(&[j], &level.a));
            Rbm::from_parts(kind, UnitKind::Bernoulli, w, b, a).unwrap()
        };
        let rbms = self.levels.iter().enumerate().map(rbm).collect();
        let mut net = DeepBeliefNet::new(rbms).unwrap();
        if self.levels.iter().any(|level| level.w != level.g) {
            net.untie().unwrap();
            let mut set = |name: &str, tensor: &mut Tensor| match name.strip_suffix(".generative.W")
            {
                Some(level) => {
                    let number: usize = level.trim_start_matches("level").parse().unwrap();
                    tensor.upload(&to_f32(&self.levels[number - 1].g))
                }
                None => Ok(()),
            };
            net.visit(&mut Visit::each(&mut set)).unwrap();
        }
        net
    }

    /// The inputs of the hidden units of `levels[l]`.
    pub fn field_up(&self, l: usize, below: &[f64]) -> Vec<f64> {
        let level = &self.levels[l];
        let j = level.a.len();
        let of = |k: usize| -> f64 {
            level.a[k] + below.iter().zip(level.w.chunks(j)).map(|(s, w)| s * w[k]).sum::<f64>()
        };
        (0..j).map(of).collect()
    }

    /// The inputs of the visible units of `levels[l]`, of the top's labels too.
    pub fn field_down(&self, l: usize, above: &[f64]) -> Vec<f64> {
        let level = &self.levels[l];
        level.g.chunks(level.a.len()).zip(&level.b).map(|(g, b)| b + dot(g, above)).collect()
    }

    pub fn up(&self, l: usize, below: &[f64]) -> Vec<f64> {
        self.field_up(l, below).into_iter().map(sigmoid).collect()
    }

    /// Without labels.
    pub fn down(&self, l: usize, above: &[f64]) -> Vec<f64> {
        let mut means: Vec<f64> = self.field_down(l, above).into_iter().map(sigmoid).collect();
        means.truncate(self.sizes[l]);
        means
    }

    /// The top's visible states: those of hᴸ⁻¹, each with every label.
    pub fn top_states(&self) -> Vec<Vec<f64>> {
        let label = |y: usize| (0..self.classes).map(move |k| f64::from(u8::from(k == y)));
        let labels = 0..self.classes.max(1);
        states(self.sizes[self.last()])
            .iter()
            .flat_map(|h| labels.clone().map(|y| h.iter().copied().chain(label(y)).collect()))
            .collect()
    }

    /// ln Σ over hᴸ of exp(−E), for any values of the top's visible layer.
    pub fn log_weight(&self, state: &[f64]) -> f64 {
        let own = dot(&self.levels[self.last()].b, state);
        let softplus = |x: &f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        own + self.field_up(self.last(), state).iter().map(softplus).sum::<f64>()
    }

    /// ln Z of the top.
    pub fn log_z(&self) -> f64 {
        self.top_states().iter().map(|s| self.log_weight(s).exp()).sum::<f64>().ln()
    }

    /// p over [`ExactNet::top_states`].
    pub fn top_distribution(&self) -> Vec<f64> {
        let log_z = self.log_z();
        self.top_states().iter().map(|s| (self.log_weight(s) - log_z).exp()).collect()
    }

    /// p(the top's visible state | hᴸ).
    pub fn visible_given(&self, h: &[f64], state: &[f64]) -> f64 {
        let last = self.last();
        let features = probability(&self.down(last, h), state);
        let label = softmax(&self.field_down(last, h)[self.sizes[last]..]);
        features * if self.classes > 0 { dot(&label, &state[self.sizes[last]..]) } else { 1.0 }
    }

    /// Of one Gibbs step between top states; where the label is clamped it is what it was.
    pub fn transition(&self, clamped: bool) -> Vec<Vec<f64>> {
        let (all, hidden) = (self.top_states(), states(self.sizes[self.last() + 1]));
        let classes = self.classes.max(1);
        let row = |(from, state): (usize, &Vec<f64>)| {
            let means = self.up(self.last(), state);
            let mut row = vec![0.0; all.len()];
            for h in &hidden {
                let p = probability(&means, h);
                for (to, next) in all.iter().enumerate() {
                    let to = if clamped { to - to % classes + from % classes } else { to };
                    row[to] += p * self.visible_given(h, next);
                }
            }
            row
        };
        all.iter().enumerate().map(row).collect()
    }

    /// Where chains start: the biases' own distribution.
    pub fn start(&self) -> Vec<f64> {
        let none = vec![0.0; self.sizes[self.last() + 1]];
        self.top_states().iter().map(|s| self.visible_given(&none, s)).collect()
    }

    /// p(hˡ | hˡ⁺¹), `[above, below]`.
    fn generation(&self, l: usize) -> Vec<Vec<f64>> {
        let below = states(self.sizes[l]);
        let row = |above: &Vec<f64>| {
            let means = self.down(l, above);
            below.iter().map(|s| probability(&means, s)).collect()
        };
        states(self.sizes[l + 1]).iter().map(row).collect()
    }

    /// From p(hˡ) to p(v).
    pub fn to_data(&self, p: &[f64], level: usize) -> Vec<f64> {
        (0..level).rev().fold(p.to_vec(), |p, l| through(&p, &self.generation(l)))
    }

    /// p(hᴸ⁻¹) of p over top states; of one class where one is given.
    pub fn features_of(&self, top: &[f64], class: Option<usize>) -> Vec<f64> {
        let of = |row: &[f64]| class.map_or_else(|| row.iter().sum(), |class| row[class]);
        let p: Vec<f64> = top.chunks(self.classes.max(1)).map(of).collect();
        let sum: f64 = p.iter().sum();
        p.into_iter().map(|p| p / sum).collect()
    }

    /// p(v).
    pub fn p_v(&self) -> Vec<f64> {
        self.to_data(&self.features_of(&self.top_distribution(), None), self.last())
    }

    /// E_q[ln p(v, h) − ln q(h | v)] over all paths.
    pub fn bound(&self, v: &[f64]) -> f64 {
        let top = self.features_of(&self.top_distribution(), None);
        self.bound_from(0, v, &top)
    }

    fn bound_from(&self, l: usize, state: &[f64], top: &[f64]) -> f64 {
        if l == self.last() {
            let at = states(state.len()).iter().position(|s| s == state).unwrap();
            return top[at].ln();
        }
        let means = self.up(l, state);
        let of = |h: &Vec<f64>| {
            let q = probability(&means, h);
            let p = probability(&self.down(l, h), state);
            q * (p.ln() - q.ln() + self.bound_from(l + 1, h, top))
        };
        states(self.sizes[l + 1]).iter().map(of).sum()
    }
}
