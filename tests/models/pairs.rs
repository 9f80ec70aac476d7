//! Every pair of kinds of units, from the energy alone: discrete states are summed, Gaussian ones integrated by a sum
//! over a grid, which for such smooth functions is exact to many digits. Nothing of the models' formulas is used.

use harmonium::evaluation::ais::{AisConfig, Temperatures, ais, reverse_ais};
use harmonium::evaluation::partition::{can_enumerate, exact_log_partition};
use harmonium::models::exact::expectations;
use harmonium::models::{Chains, Rbm, UnitKind, Units};
use harmonium::random::{ChainDraw, ChainStreams, Draw, PhiloxRng};
use harmonium::{Device, Tensor};

use super::exact::{dot, normals, to_f32, to_f64};
use super::support::{matrix, on_each, worst};

/// A machine, and all that its energy says.
pub struct Pair {
    pub visible: UnitKind,
    pub hidden: UnitKind,
    pub w: Vec<f64>,
    pub b: Vec<f64>,
    pub a: Vec<f64>,
    pub vs: Vec<Vec<f64>>,
    pub hs: Vec<Vec<f64>>,
    /// p(v, h) times the cells' sizes, `[vs, hs]`.
    pub joint: Vec<f64>,
    pub log_z: f64,
}

const STEP: f64 = 0.2;
const END: f64 = 12.0;

/// The states of a layer, or points of a grid over them.
fn points(kind: UnitKind, count: usize) -> Vec<Vec<f64>> {
    if let UnitKind::Labelled(classes) = kind {
        let labels = points(UnitKind::Softmax(classes), classes);
        let beside = |x: &Vec<f64>| labels.iter().map(|l| [&x[..], l].concat()).collect::<Vec<_>>();
        return points(UnitKind::Bernoulli, count - classes).iter().flat_map(beside).collect();
    }
    let axis: Vec<Vec<f64>> = match kind {
        UnitKind::Labelled(_) | UnitKind::Bernoulli => vec![vec![0.0], vec![1.0]],
        UnitKind::Spin => vec![vec![-1.0], vec![1.0]],
        UnitKind::Rectified => panic!("rectified units have no energy"),
        UnitKind::Gaussian => {
            (0..=(2.0 * END / STEP) as usize).map(|k| vec![k as f64 * STEP - END]).collect()
        }
        UnitKind::Softmax(n) => {
            (0..n).map(|k| (0..n).map(|i| f64::from(u8::from(i == k))).collect()).collect()
        }
    };
    let mut all = vec![Vec::new()];
    while all[0].len() < count {
        all = all
            .iter()
            .flat_map(|head: &Vec<f64>| axis.iter().map(|x| [&head[..], x].concat()))
            .collect();
    }
    all
}

impl Pair {
    pub fn new(visible: Units, hidden: Units, scale: f64, seed: u64) -> Self {
        let (i, j) = (visible.count(), hidden.count());
        let z = normals(seed, i * j + i + j);
        let w: Vec<f64> = z[..i * j].iter().map(|x| f64::from((scale * x) as f32)).collect();
        let (b, a) = (z[i * j..i * j + i].to_vec(), z[i * j + i..].to_vec());
        let (visible, hidden) = (visible.kind(), hidden.kind());
        let (vs, hs) = (points(visible, i), points(hidden, j));
        let mut pair = Pair { visible, hidden, w, b, a, vs, hs, joint: Vec::new(), log_z: 0.0 };
        let energies: Vec<f64> =
            pair.vs.iter().flat_map(|v| pair.hs.iter().map(|h| pair.energy(v, h))).collect();
        let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = energies.iter().map(|e| (least - e).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let gaussians = |kind, n| if kind == UnitKind::Gaussian { n as f64 } else { 0.0 };
        let cells = (gaussians(visible, i) + gaussians(hidden, j)) * STEP.ln();
        pair.log_z = sum.ln() - least + cells;
        pair.joint = weights.into_iter().map(|w| w / sum).collect();
        pair
    }

    /// E(v, h), as MODELS.md has it.
    pub fn energy(&self, v: &[f64], h: &[f64]) -> f64 {
        let j = h.len();
        let product: f64 = v.iter().zip(self.w.chunks(j)).map(|(v, w)| v * dot(w, h)).sum();
        let own_v = match self.visible {
            UnitKind::Gaussian => {
                0.5 * v.iter().zip(&self.b).map(|(v, b)| (v - b).powi(2)).sum::<f64>()
            }
            _ => -dot(&self.b, v),
        };
        let own_h = match self.hidden {
            UnitKind::Gaussian => 0.5 * dot(h, h) - dot(&self.a, h),
            _ => -dot(&self.a, h),
        };
        own_v + own_h - product
    }

    pub fn to_rbm(&self, device: &Device) -> Rbm {
        let tensor =
            |dims: &[usize], x: &[f64]| Tensor::from_f32(device, dims, &to_f32(x)).unwrap();
        let (i, j) = (self.b.len(), self.a.len());
        let (b, a) = (tensor(&[i], &self.b), tensor(&[j], &self.a));
        Rbm::from_parts(self.visible, self.hidden, tensor(&[i, j], &self.w), b, a).unwrap()
    }

    pub fn name(&self) -> String {
        format!("{} - {}", self.visible, self.hidden)
    }

    /// p(h | v) over the points of h, for any v.
    pub fn h_given_v(&self, v: &[f64]) -> Vec<f64> {
        normalized(self.hs.iter().map(|h| -self.energy(v, h)).collect())
    }

    /// p(v | h) over the points of v.
    pub fn v_given_h(&self, h: &[f64]) -> Vec<f64> {
        normalized(self.vs.iter().map(|v| -self.energy(v, h)).collect())
    }

    /// −ln Σ or ∫ over h of exp(−E(v, h)).
    fn free_energy(&self, v: &[f64]) -> f64 {
        let energies: Vec<f64> = self.hs.iter().map(|h| self.energy(v, h)).collect();
        let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
        let cell = match self.hidden {
            UnitKind::Gaussian => self.a.len() as f64 * STEP.ln(),
            _ => 0.0,
        };
        least - energies.iter().map(|e| (least - e).exp()).sum::<f64>().ln() - cell
    }

    /// ⟨v⟩, ⟨h⟩ and ⟨v hᵀ⟩ under weights over all pairs of points.
    pub fn moments(&self, joint: &[f64]) -> [Vec<f64>; 3] {
        let (i, j) = (self.b.len(), self.a.len());
        let (mut v, mut h, mut vh) = (vec![0.0; i], vec![0.0; j], vec![0.0; i * j]);
        for (row, x) in joint.chunks(self.hs.len()).zip(&self.vs) {
            let weight: f64 = row.iter().sum();
            let mut mean = vec![0.0; j];
            for (p, y) in row.iter().zip(&self.hs) {
                mean.iter_mut().zip(y).for_each(|(m, y)| *m += p * y);
            }
            v.iter_mut().zip(x).for_each(|(sum, x)| *sum += weight * x);
            h.iter_mut().zip(&mean).for_each(|(sum, m)| *sum += m);
            for (k, x) in x.iter().enumerate() {
                vh[k * j..][..j].iter_mut().zip(&mean).for_each(|(sum, m)| *sum += x * m);
            }
        }
        [v, h, vh]
    }

    /// Exact samples of v, `[count, I]`.
    fn samples(&self, count: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut rng = PhiloxRng::new(Draw::new(seed, 902));
        let marginal: Vec<f64> = self.joint.chunks(self.hs.len()).map(|r| r.iter().sum()).collect();
        let mut sums = 0.0;
        let cumulative: Vec<f64> = marginal
            .iter()
            .map(|p| {
                sums += p;
                sums
            })
            .collect();
        (0..count)
            .map(|_| {
                let u = f64::from(rng.word()) / 2f64.powi(32) * sums;
                let at = cumulative.partition_point(|&c| c <= u).min(self.vs.len() - 1);
                to_f32(&self.vs[at])
            })
            .collect()
    }

    /// Some visible states: all where they are few, else some of the likelier half of the grid.
    pub fn some_v(&self) -> Vec<Vec<f64>> {
        let inside = |v: &&Vec<f64>| v.iter().all(|x| x.abs() < 4.0);
        let inner: Vec<&Vec<f64>> = self.vs.iter().filter(inside).collect();
        inner.iter().step_by(1 + inner.len() / 40).map(|v| v.to_vec()).collect()
    }
}

fn normalized(logs: Vec<f64>) -> Vec<f64> {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|l| (l - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

pub fn mean_of(p: &[f64], states: &[Vec<f64>]) -> Vec<f64> {
    (0..states[0].len()).map(|k| p.iter().zip(states).map(|(p, s)| p * s[k]).sum()).collect()
}

fn rows(x: &[Vec<f64>]) -> Vec<Vec<f32>> {
    x.iter().map(|row| to_f32(row)).collect()
}

/// Every pair of kinds, each layer once the smaller one.
pub fn pairs() -> Vec<Pair> {
    let (b, g, s, l) = (Units::bernoulli, Units::gaussian, Units::softmax, Units::labelled);
    [
        (b(4), b(3), 1.5),
        (b(3), s(2, 3), 1.5),
        (b(7), s(1, 3), 1.0),
        (s(2, 3), b(2), 1.5),
        (s(1, 3), b(5), 1.5),
        (s(2, 2), s(1, 5), 1.5),
        (g(2), b(3), 0.8),
        (g(2), s(2, 3), 0.8),
        (b(4), g(2), 0.8),
        (s(2, 3), g(2), 0.8),
        (g(2), g(1), 0.4),
        (g(1), g(2), 0.4),
        (l(3, 3), b(3), 1.5),
        (l(2, 3), b(6), 1.0),
        (l(1, 2), s(1, 3), 0.5),
        (l(2, 3), g(2), 0.8),
        (Units::spin(4), b(3), 1.0),
        (Units::spin(3), b(5), 1.0),
        (Units::spin(4), s(2, 3), 0.8),
        (Units::spin(3), g(2), 0.5),
    ]
    .into_iter()
    .enumerate()
    .map(|(k, (v, h, scale))| Pair::new(v, h, scale, 600 + k as u64))
    .collect()
}

#[test]
fn log_z_and_expectations_are_exact() {
    for pair in pairs() {
        let [v, h, vh] = pair.moments(&pair.joint);
        on_each(|device| {
            let rbm = pair.to_rbm(device);
            assert!(can_enumerate(&rbm));
            let found = exact_log_partition(&rbm).unwrap();
            assert!((found - pair.log_z).abs() < 1e-9, "{}: {found} {}", pair.name(), pair.log_z);
            let found = expectations(&rbm).unwrap();
            assert!((found.log_partition - pair.log_z).abs() < 1e-9, "{}", pair.name());
            let errors = [worst(&found.v, &v), worst(&found.h, &h), worst(&found.vh, &vh)];
            assert!(errors.iter().all(|e| *e < 1e-8), "{}: {errors:?}", pair.name());
        });
    }
}

#[test]
fn energies_and_means_are_those_of_the_definition() {
    for pair in pairs() {
        let all_v = pair.some_v();
        let free: Vec<f64> = all_v.iter().map(|v| pair.free_energy(v)).collect();
        let means: Vec<f64> =
            all_v.iter().flat_map(|v| mean_of(&pair.h_given_v(v), &pair.hs)).collect();
        let some_h: Vec<Vec<f64>> = (0..all_v.len())
            .map(|k| pair.hs[k * 37 % pair.hs.len()].iter().map(|x| x.clamp(-3.0, 3.0)).collect())
            .collect();
        let energies: Vec<f64> =
            all_v.iter().zip(&some_h).map(|(v, h)| pair.energy(v, h)).collect();
        let back: Vec<f64> =
            some_h.iter().flat_map(|h| mean_of(&pair.v_given_h(h), &pair.vs)).collect();
        on_each(|device| {
            let rbm = pair.to_rbm(device);
            let (v, h) = (matrix(device, &rows(&all_v)), matrix(device, &rows(&some_h)));
            let read = |t: Tensor| to_f64(&t.to_vec().unwrap());
            // Sums of at most 24 terms below 50 in magnitude, each rounded a few times at 2⁻²⁴: 24·50·6e-8·2; means
            // are below 12, of fields with such errors.
            let bound = 1.5e-4;
            for (what, found, expected) in [
                ("F", rbm.free_energy(&v), &free),
                ("E", rbm.energy(&v, &h), &energies),
                ("mean of h", rbm.mean_h_from_v(&v), &means),
                ("mean of v", rbm.mean_v_from_h(&h), &back),
            ] {
                let error = worst(&read(found.unwrap()), expected);
                assert!(error < bound, "{}: {what} errs by {error}", pair.name());
            }
        });
    }
}

/// By how many standard errors the means over rows miss `expected` at worst. What is so rare that it was not met, or
/// once, has an error of one case.
fn deviations(rows: &[Vec<f64>], expected: &[f64]) -> f64 {
    let n = rows.len() as f64;
    let one = |k: usize| {
        let mean = rows.iter().map(|r| r[k]).sum::<f64>() / n;
        let variance = rows.iter().map(|r| (r[k] - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean - expected[k]).abs() / (variance / n).sqrt().max(1.0 / n)
    };
    (0..expected.len()).map(one).fold(0.0, f64::max)
}

/// Chains that start in the exact distribution stay there: ⟨v⟩, ⟨h⟩ and ⟨v hᵀ⟩ after three steps.
#[test]
fn chains_keep_the_exact_distribution() {
    for pair in pairs() {
        let start = pair.samples(20_000, 7);
        let expected = pair.moments(&pair.joint).concat();
        let after = |device: &Device, rbm: &Rbm| {
            let draw = ChainDraw::new(3, ChainStreams::FREE);
            let mut chains = Chains::from_states(rbm, matrix(device, &start), draw).unwrap();
            chains.step(3).unwrap();
            let v = to_f64(&chains.visible().to_vec().unwrap());
            let h = to_f64(&chains.hidden().to_vec().unwrap());
            let (i, j) = (rbm.visible_count(), rbm.hidden_count());
            let row = |(v, h): (&[f64], &[f64])| {
                let both = v.iter().flat_map(|v| h.iter().map(move |h| v * h));
                v.iter().chain(h).copied().chain(both).collect::<Vec<f64>>()
            };
            deviations(&v.chunks(i).zip(h.chunks(j)).map(row).collect::<Vec<_>>(), &expected)
        };
        on_each(|device| {
            let off = after(device, &pair.to_rbm(device));
            println!("  {}: {off:.2} standard errors", pair.name());
            // Some forty deviates exceed five standard errors once in 40,000 runs; the seeds are fixed.
            assert!(off < 5.0, "{}: {off}", pair.name());
        });
        // Wrong on purpose: a hidden bias off by 0.3.
        let device = Device::cpu();
        let mut wrong = pair.to_rbm(&device);
        let mut a = to_f32(&pair.a);
        a[0] += 0.3;
        wrong.set_hidden_bias(Tensor::from_f32(&device, &[a.len()], &a).unwrap()).unwrap();
        assert!(after(&device, &wrong) > 5.0, "{}", pair.name());
    }
}

#[test]
fn annealing_finds_log_z_both_ways() {
    for pair in pairs() {
        on_each(|device| {
            let rbm = pair.to_rbm(device);
            let config = AisConfig::new(pair.b.iter().map(|b| (0.5 * b) as f32).collect())
                .temperatures(Temperatures::linear(300).unwrap())
                .chains(200)
                .seed(4);
            let v = matrix(device, &pair.samples(200, 9));
            for (way, estimate) in [
                ("forward", ais(&rbm, &config, |_| ()).unwrap()),
                ("reverse", reverse_ais(&rbm, &config, v, |_| ()).unwrap()),
            ] {
                let off = (estimate.log_partition - pair.log_z).abs();
                assert!(
                    off < 4.0 * estimate.std_error && estimate.std_error < 0.2,
                    "{} {way}: {} ± {}, exact {}",
                    pair.name(),
                    estimate.log_partition,
                    estimate.std_error,
                    pair.log_z
                );
            }
        });
    }
}

#[test]
fn two_gaussian_layers_without_a_distribution_are_refused() {
    let device = Device::cpu();
    let machine = |w: &[f32]| {
        let w = Tensor::from_f32(&device, &[2, 2], w).unwrap();
        let zeros = || Tensor::zeros(&device, &[2]).unwrap();
        Rbm::from_parts(UnitKind::Gaussian, UnitKind::Gaussian, w, zeros(), zeros()).unwrap()
    };
    // Singular values 0.99 and 0; then 1.01, and exactly 1.
    let good = machine(&[0.495; 4]);
    // ln Z = 2 ln 2π − ½ ln(1 − 0.99²).
    let expected = 2.0 * std::f64::consts::TAU.ln() - 0.5 * (1.0 - 0.99f64.powi(2)).ln();
    assert!((exact_log_partition(&good).unwrap() - expected).abs() < 1e-5);
    let config = AisConfig::new(vec![0.0; 2])
        .temperatures(Temperatures::linear(10).unwrap())
        .chains(4)
        .seed(1);
    assert!(ais(&good, &config, |_| ()).is_ok());
    for w in [[0.505; 4], [1.0, 0.0, 0.0, 0.5], [3.0, -1.0, 2.0, 5.0], [f32::NAN; 4]] {
        let rbm = machine(&w);
        let v = Tensor::zeros(&device, &[4, 2]).unwrap();
        for error in [
            exact_log_partition(&rbm).unwrap_err(),
            expectations(&rbm).unwrap_err(),
            ais(&rbm, &config, |_| ()).unwrap_err(),
            reverse_ais(&rbm, &config, v, |_| ()).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains("spectral norm of W is not below 1"), "{text}");
        }
    }
}

#[test]
fn kinds_keep_their_words() {
    for (kind, word) in [
        (UnitKind::Bernoulli, "bernoulli"),
        (UnitKind::Gaussian, "gaussian"),
        (UnitKind::Spin, "spin"),
        (UnitKind::Softmax(10), "softmax:10"),
        (UnitKind::Labelled(10), "bernoulli+softmax:10"),
    ] {
        assert_eq!(kind.to_string(), word);
        assert_eq!(word.parse::<UnitKind>().unwrap(), kind);
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{word}\""));
        assert_eq!(serde_json::from_str::<UnitKind>(&format!("\"{word}\"")).unwrap(), kind);
    }
    for word in ["softmax", "softmax:0", "softmax:-1", "bernoulli+softmax:0", "Bernoulli", ""] {
        assert!(word.parse::<UnitKind>().is_err(), "{word}");
    }
}

#[test]
fn layers_that_cannot_be_are_refused() {
    let device = Device::cpu();
    let (some, groups) = (Units::bernoulli(3), Units::softmax(2, 3));
    assert!(Rbm::new(&device, groups, some, 1).is_ok());
    for wrong in [
        Units::bernoulli(0),
        Units::gaussian(0),
        Units::softmax(0, 3),
        Units::softmax(3, 0),
        Units::softmax(usize::MAX, 3),
        Units::labelled(0, 3),
        Units::labelled(3, 0),
    ] {
        for (v, h) in [(wrong, some), (some, wrong)] {
            let text = Rbm::new(&device, v, h, 1).unwrap_err().to_string();
            assert!(
                !text.contains(&usize::MAX.to_string()) || wrong.choices() == usize::MAX,
                "{text}"
            );
        }
    }
    assert!(Units::new(UnitKind::Softmax(3), 7).is_err());
    assert!(Units::new(UnitKind::Softmax(0), 7).is_err());
    for (classes, count) in [(0, 7), (7, 7), (8, 7)] {
        assert!(Units::new(UnitKind::Labelled(classes), count).is_err(), "{classes} of {count}");
    }
    assert_eq!(Units::new(UnitKind::Labelled(3), 7).unwrap(), Units::labelled(4, 3));
    let text = Rbm::new(&device, some, Units::labelled(3, 2), 1).unwrap_err().to_string();
    assert!(text.contains("join the label to the visible layer"), "{text}");
    let text = Rbm::new(&device, some, Units::spin(3), 1).unwrap_err().to_string();
    assert!(text.contains("spins are visible units"), "{text}");
    assert!(Rbm::new(&device, Units::spin(0), some, 1).is_err());
}

/// What would make a score or a sampler read past a tensor: no machine has it.
#[test]
fn parameters_keep_their_shapes() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let of = |i: usize, j: usize| {
        let [b, a] = [zeros(&[i]), zeros(&[j])];
        Rbm::from_parts(UnitKind::Bernoulli, UnitKind::Bernoulli, zeros(&[i, j]), b, a)
    };
    assert!(of(3, 2).is_ok());
    for (i, j) in [(0, 2), (3, 0), (0, 0)] {
        let text = of(i, j).unwrap_err().to_string();
        assert!(text.contains("at least 1"), "{i} {j}: {text}");
    }
    let (some, groups) = (UnitKind::Bernoulli, UnitKind::Softmax(2));
    assert!(Rbm::from_parts(groups, some, zeros(&[3, 2]), zeros(&[3]), zeros(&[2])).is_err());
    assert!(Rbm::from_parts(some, groups, zeros(&[3, 2]), zeros(&[3]), zeros(&[2])).is_ok());
    let mut rbm = of(3, 2).unwrap();
    for dims in [&[2, 2][..], &[3, 1], &[2, 3], &[6], &[0, 2]] {
        assert!(rbm.set_weights(zeros(dims)).is_err(), "{dims:?}");
    }
    for n in [0, 1, 2, 4] {
        assert!(rbm.set_visible_bias(zeros(&[n])).is_err(), "{n}");
        assert!(n == 2 || rbm.set_hidden_bias(zeros(&[n])).is_err(), "{n}");
    }
    let words = Tensor::from_u32(&device, &[3, 2], &[0; 6]).unwrap();
    assert!(rbm.set_weights(words).is_err());
    rbm.set_weights(Tensor::from_f32(&device, &[3, 2], &[1.0; 6]).unwrap()).unwrap();
    assert_eq!(rbm.weights().to_vec().unwrap(), [1.0; 6]);
    // States of another width are refused by whatever takes them.
    let narrow = zeros(&[4, 2]);
    assert!(Chains::from_states(&rbm, narrow, ChainDraw::new(1, ChainStreams::FREE)).is_err());
    assert!(
        rbm.free_energy(&zeros(&[4, 2])).is_err() && rbm.mean_v_from_h(&zeros(&[4, 3])).is_err()
    );
}
