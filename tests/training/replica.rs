//! Whole updates against a copy in f64 that draws the same random numbers.

use harmonium::models::UnitKind;
use harmonium::random::{ChainDraw, ChainStreams, Draw, normal, uniform};
use harmonium::training::{CdConfig, CdTrainer, Schedule, Sparsity};

use super::{parameters, plain};
use crate::models::exact::{Exact, normals, sigmoid, to_f64};
use crate::models::support::{matrix, on_each, worst};

type Rows = Vec<Vec<f64>>;

/// The learner as the formulas have it. Centred, it holds the centred biases and moves them with the offsets, which
/// is the paper's own form (Melchior, Fischer and Wiskott 2016, algorithm 1), where the trainer keeps the machine
/// uncentred.
struct Replica {
    exact: Exact,
    config: CdConfig,
    velocity: [Vec<f64>; 3],
    mu: Vec<f64>,
    lambda: Vec<f64>,
    activity: Vec<f64>,
    chains: Option<Rows>,
    updates: u64,
}

fn column_means(x: &Rows) -> Vec<f64> {
    (0..x[0].len()).map(|k| x.iter().map(|row| row[k]).sum::<f64>() / x.len() as f64).collect()
}

impl Replica {
    fn new(exact: Exact, config: CdConfig, means: &[f32]) -> Self {
        let target = config.sparsity.map_or(0.0, |s| f64::from(s.target));
        let (i, j) = (exact.i, exact.j);
        let centered = config.centered;
        let mut replica = Replica {
            velocity: [vec![0.0; i * j], vec![0.0; i], vec![0.0; j]],
            mu: if centered { to_f64(means) } else { vec![0.0; i] },
            lambda: vec![if centered { 0.5 } else { 0.0 }; j],
            activity: vec![target; j],
            chains: None,
            updates: 0,
            exact,
            config,
        };
        replica.move_offsets([vec![0.0; i], vec![0.0; j]], 1.0);
        replica
    }

    /// b_c − b = Wλ, a_c − a = Wᵀμ; offsets that are moved from `from` carry the biases along. In `exact` the biases
    /// are the centred ones.
    fn move_offsets(&mut self, [mu, lambda]: [Vec<f64>; 2], sign: f64) {
        let j = self.exact.j;
        for (k, w) in self.exact.w.iter().enumerate() {
            self.exact.b[k / j] += sign * w * (self.lambda[k % j] - lambda[k % j]);
            self.exact.a[k % j] += sign * w * (self.mu[k / j] - mu[k / j]);
        }
    }

    /// W, b and a of the uncentred machine.
    fn machine(&self) -> Exact {
        let mut e = self.exact.clone();
        for (k, w) in self.exact.w.iter().enumerate() {
            e.b[k / e.j] -= w * self.lambda[k % e.j];
            e.a[k % e.j] -= w * self.mu[k / e.j];
        }
        e
    }

    fn draw(&self, s: u64) -> ChainDraw {
        let at = self.updates * (self.config.steps + 1) + s;
        ChainDraw::new(self.config.seed, ChainStreams::TRAINING).at(at)
    }

    fn mean_h(&self, v: &Rows) -> Rows {
        let machine = self.machine();
        v.iter().map(|v| machine.field_h(v).into_iter().map(sigmoid).collect()).collect()
    }

    fn sample_h(&self, v: &Rows, s: u64) -> Rows {
        bernoulli(&self.mean_h(v), &self.draw(s).hidden())
    }

    fn sample_v(&self, h: &Rows, s: u64) -> Rows {
        let machine = self.machine();
        let draw = self.draw(s).visible();
        let fields: Rows = h.iter().map(|h| machine.field_v(h)).collect();
        match machine.visible {
            UnitKind::Bernoulli => {
                let p = fields.iter().map(|x| x.iter().map(|x| sigmoid(*x)).collect()).collect();
                bernoulli(&p, &draw)
            }
            _ => {
                let noise = |r: usize, c: usize| {
                    f64::from(normal(draw.block(r as u32, c as u32 / 4), c as u32 % 4))
                };
                let row = |(r, x): (usize, &Vec<f64>)| -> Vec<f64> {
                    x.iter().enumerate().map(|(c, x)| x + noise(r, c)).collect()
                };
                fields.iter().enumerate().map(row).collect()
            }
        }
    }

    fn model_phase(&mut self, v0: &Rows) -> Rows {
        let k = self.config.steps;
        if !self.config.persistent {
            let mut h = self.sample_h(v0, 0);
            let mut v = Vec::new();
            for s in 1..=k {
                v = self.sample_v(&h, s);
                if s < k {
                    h = self.sample_h(&v, s);
                }
            }
            return v;
        }
        let start = || (0..self.config.batch).map(|c| v0[c % v0.len()].clone()).collect();
        let mut v = self.chains.take().unwrap_or_else(start);
        for s in 1..=k {
            v = self.sample_v(&self.sample_h(&v, s), s);
        }
        self.chains = Some(v.clone());
        v
    }

    fn update(&mut self, v0: &Rows, epoch: u64) {
        let rate = f64::from(self.config.learning_rate.at(epoch, self.config.epochs));
        let momentum = f64::from(self.config.momentum.at(epoch, self.config.epochs));
        let decay = f64::from(self.config.weight_decay);
        let mut p0 = self.mean_h(v0);
        let vk = self.model_phase(v0);
        let pk = self.mean_h(&vk);
        let means = [column_means(v0), column_means(&p0)];
        if let Some(s) = self.config.sparsity {
            let [target, cost, keep] = [s.target, s.cost, s.decay].map(f64::from);
            for (j, q) in self.activity.iter_mut().enumerate() {
                *q = keep * *q + (1.0 - keep) * means[1][j];
                p0.iter_mut().for_each(|row| row[j] += cost * (target - *q));
            }
        }
        let (i, j) = (self.exact.i, self.exact.j);
        let mut gradient = [vec![0.0; i * j], vec![0.0; i], vec![0.0; j]];
        for (v, p, sign) in [(v0, &p0, 1.0), (&vk, &pk, -1.0)] {
            let scale = sign / v.len() as f64;
            for (v, p) in v.iter().zip(p) {
                for k in 0..i * j {
                    let (x, y) = (v[k / j] - self.mu[k / j], p[k % j] - self.lambda[k % j]);
                    gradient[0][k] += scale * x * y;
                }
                (0..i).for_each(|k| gradient[1][k] += scale * v[k]);
                (0..j).for_each(|k| gradient[2][k] += scale * p[k]);
            }
        }
        let shrink = |k: usize, w: &f64| if k == 0 { decay * w } else { 0.0 };
        let targets = [&mut self.exact.w, &mut self.exact.b, &mut self.exact.a];
        for (k, target) in targets.into_iter().enumerate() {
            for (e, x) in target.iter_mut().enumerate() {
                let change = &mut self.velocity[k][e];
                *change = momentum * *change + rate * (gradient[k][e] - shrink(k, x));
                *x += *change;
            }
        }
        if self.config.centered {
            let before = [self.mu.clone(), self.lambda.clone()];
            let [v, h] = means;
            self.mu.iter_mut().zip(v).for_each(|(m, v)| *m = 0.99 * *m + 0.01 * v);
            self.lambda.iter_mut().zip(h).for_each(|(l, h)| *l = 0.99 * *l + 0.01 * h);
            self.move_offsets(before, 1.0);
        }
        self.updates += 1;
    }
}

fn bernoulli(p: &Rows, draw: &Draw) -> Rows {
    let on = |r: usize, c: usize, p: f64| {
        f64::from(u8::from(f64::from(uniform(draw.word(r as u32, c as u32))) < p))
    };
    let row =
        |(r, p): (usize, &Vec<f64>)| p.iter().enumerate().map(|(c, p)| on(r, c, *p)).collect();
    p.iter().enumerate().map(row).collect()
}

const BATCH: usize = 19;

/// Three batches, the last of them short.
fn batches(visible: UnitKind, i: usize) -> Vec<Rows> {
    let value = |z: f64| match visible {
        UnitKind::Bernoulli => f64::from(u8::from(z > 0.3)),
        _ => z,
    };
    let of = |seed, rows: usize| {
        normals(seed, rows * i).chunks(i).map(|z| z.iter().map(|&z| value(z)).collect()).collect()
    };
    vec![of(71, BATCH), of(72, BATCH), of(73, 7)]
}

fn configurations(visible: UnitKind) -> Vec<(&'static str, CdConfig)> {
    let base = plain(visible, 0.0)
        .learning_rate(Schedule::Steps(0.3, vec![(1, 0.2)]))
        .momentum(Schedule::Steps(0.5, vec![(1, 0.9)]))
        .weight_decay(0.05)
        .batch(BATCH)
        .seed(77);
    let sparsity = Some(Sparsity::new(0.1, 0.7).decay(0.8));
    vec![
        ("CD-1", base.clone()),
        ("CD-3", base.clone().steps(3)),
        ("PCD-1", base.clone().persistent(true)),
        ("PCD-2", base.clone().persistent(true).steps(2)),
        ("centred", base.clone().centered(true)),
        ("centred PCD-1", base.clone().centered(true).persistent(true)),
        ("sparse", base.clone().sparsity(sparsity)),
        ("sparse, centred", base.sparsity(sparsity).centered(true)),
    ]
}

#[test]
fn updates_are_those_of_a_copy_in_f64() {
    for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
        let exact = Exact::random(visible, 6, 5, 0.5, 70);
        let data = batches(visible, exact.i);
        let means = [0.2, 0.4, 0.6, 0.8, 0.3, 0.5];
        let mut all: Vec<Vec<f64>> = Vec::new();
        for (name, config) in configurations(visible) {
            let mut replica = Replica::new(exact.clone(), config.clone(), &means);
            (0..6).for_each(|u| replica.update(&data[u % 3], 1 + u as u64 / 3));
            let machine = replica.machine();
            let expected = [machine.w, machine.b, machine.a].concat();
            on_each(|device| {
                let rbm = exact.to_rbm(device);
                let mut trainer = CdTrainer::new(rbm, config.clone(), &means).unwrap();
                for u in 0..6 {
                    let rows: Vec<Vec<f32>> = data[u % 3]
                        .iter()
                        .map(|row| row.iter().map(|&x| x as f32).collect())
                        .collect();
                    trainer.update(&matrix(device, &rows), 1 + u as u64 / 3).unwrap();
                }
                let found = to_f64(&parameters(&trainer));
                let error = worst(&found, &expected);
                println!("  {visible}, {name}: {error:.1e}");
                // Each of six updates adds means of at most 19 products of numbers below 4, rounded about 19 + 8
                // times at 2⁻²⁴: 6·27·16·6e-8. One state drawn otherwise shows as rate/rows, 0.01 and more.
                assert!(error < 1.6e-4, "{visible}, {name}: {error}");
            });
            all.push(expected);
        }
        // No two configurations do the same, so that each is tested.
        for (k, a) in all.iter().enumerate() {
            assert!(all[..k].iter().all(|b| worst(a, b) > 1e-2), "{k}");
        }
    }
}

#[test]
fn offsets_alone_change_nothing() {
    let exact = Exact::random(UnitKind::Bernoulli, 6, 5, 1.5, 74);
    let config = plain(UnitKind::Bernoulli, 0.0).centered(true);
    let data = batches(UnitKind::Bernoulli, 6);
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let mut trainer = CdTrainer::new(rbm, config.clone(), &[0.9; 6]).unwrap();
        let before = [&exact.w[..], &exact.b, &exact.a].concat();
        for batch in &data {
            let rows: Vec<Vec<f32>> =
                batch.iter().map(|row| row.iter().map(|&x| x as f32).collect()).collect();
            trainer.update(&matrix(device, &rows), 1).unwrap();
        }
        assert_eq!(to_f64(&parameters(&trainer)), before);
    });
}
