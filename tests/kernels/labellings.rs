//! Batches of chains: what all labellings say of them, one by one in f64, and what the kernels say.

use harmonium::Device;
use harmonium::kernels::Place;
use harmonium::kernels::chain::{Chain, FORBIDDEN, IMPOSSIBLE, Messages, Target};
use harmonium::kernels::chain_backward::chain_backward;
use harmonium::kernels::chain_forward::chain_forward;
use harmonium::kernels::chain_pairs::chain_pairs;
use harmonium::kernels::chain_score::chain_score;
use harmonium::kernels::proof::{EPSILON, Inputs};
use harmonium::kernels::viterbi::viterbi;
use harmonium::tensor::Tensor;

use super::losses::tensor;
use super::{assert_close, ordinary};

/// A batch on the host.
#[derive(Clone)]
pub struct Case {
    pub sizes: [usize; 3],
    pub scores: Vec<f32>,
    /// The transitions of each position, `[B, T, K, K]`, if they have some.
    pub pairs: Option<Vec<f32>>,
    pub transitions: Vec<f32>,
    pub lengths: Vec<f32>,
    pub labels: Vec<f32>,
}

/// What enumeration says of one sequence.
pub struct Truth {
    pub log_z: f64,
    /// `[L, K]`.
    pub marginals: Vec<f64>,
    /// `[K + 2, K]`.
    pub pairs: Vec<f64>,
    /// Into each position, `[L, K, K]`.
    pub entering: Vec<f64>,
    /// The score of the best labelling, and all that have it.
    pub best: f64,
    pub ways: Vec<Vec<usize>>,
}

/// What the kernels say of a batch.
pub struct Found {
    pub log_z: Vec<f32>,
    pub marginals: Vec<f32>,
    /// `[B, T, K, K]`; none where positions have no transitions of their own.
    pub entering: Vec<f32>,
    pub pairs: Vec<f32>,
    pub labels: Vec<f32>,
    pub best: Vec<f32>,
    pub score: Vec<f32>,
    pub loss: Vec<f32>,
}

impl Case {
    /// Scores of up to `size` in magnitude; lengths as they come, the first T. Behind an end stands NaN.
    pub fn new(sizes: [usize; 3], size: f32, seed: u64) -> Self {
        let [b, t, k] = sizes;
        let scaled = |values: Vec<f32>| values.into_iter().map(|x| 0.5 * size * x).collect();
        let mut inputs = Inputs::new(seed);
        let mut lengths: Vec<f32> =
            inputs.below(t as u32 + 1, b).into_iter().map(|n| n as f32).collect();
        lengths[0] = t as f32;
        let labels = inputs.below(k as u32, b * t).into_iter().map(|n| n as f32).collect();
        let scores: Vec<f32> = scaled(ordinary(seed + 1, b * t * k));
        let transitions = scaled(ordinary(seed + 2, (k + 2) * k));
        let mut case = Case { sizes, scores, pairs: None, transitions, lengths, labels };
        case.spoil(f32::NAN);
        case
    }

    /// With transitions of its own at each position; those into a first position are NaN.
    pub fn paired(mut self, size: f32, seed: u64) -> Self {
        let [b, t, k] = self.sizes;
        let values = ordinary(seed + 3, b * t * k * k);
        self.pairs = Some(values.into_iter().map(|x| 0.5 * size * x).collect());
        self.spoil(f32::NAN);
        self
    }

    /// Puts something behind every end, and at the transitions into a first position.
    pub fn spoil(&mut self, with: f32) {
        let [b, t, k] = self.sizes;
        for b in 0..b {
            let at = b * t + self.lengths[b] as usize..(b + 1) * t;
            self.scores[at.start * k..at.end * k].fill(with);
            if let Some(pairs) = &mut self.pairs {
                pairs[at.start * k * k..at.end * k * k].fill(with);
                pairs[b * t * k * k..][..if t == 0 { 0 } else { k * k }].fill(with);
            }
            self.labels[at].fill(with);
        }
    }

    pub fn length(&self, b: usize) -> usize {
        self.lengths[b] as usize
    }

    pub fn score(&self, b: usize, labels: &[usize]) -> f64 {
        let [_, t, k] = self.sizes;
        let value = |x: f32| f64::from(x.max(FORBIDDEN));
        let mut sum = 0.0;
        let mut before = k;
        for (at, &label) in labels.iter().enumerate() {
            let own = match &self.pairs {
                Some(pairs) if at > 0 => pairs[((b * t + at) * k + before) * k + label],
                _ => 0.0,
            };
            sum += value(self.transitions[before * k + label] + own);
            sum += value(self.scores[(b * t + at) * k + label]);
            before = label;
        }
        if labels.is_empty() { 0.0 } else { sum + value(self.transitions[(k + 1) * k + before]) }
    }

    pub fn truth(&self, b: usize) -> Truth {
        let (k, length) = (self.sizes[2], self.length(b));
        let all: Vec<Vec<usize>> = (0..k.pow(length as u32))
            .map(|n| (0..length).map(|t| n / k.pow(t as u32) % k).collect())
            .collect();
        let scores: Vec<f64> = all.iter().map(|labels| self.score(b, labels)).collect();
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_z = best + scores.iter().map(|s| (s - best).exp()).sum::<f64>().ln();
        let mut truth = Truth {
            log_z,
            marginals: vec![0.0; length * k],
            pairs: vec![0.0; (k + 2) * k],
            entering: vec![0.0; length * k * k],
            best,
            ways: Vec::new(),
        };
        for (labels, score) in all.into_iter().zip(scores) {
            let p = (score - log_z).exp();
            let mut before = k;
            for (t, &label) in labels.iter().enumerate() {
                truth.marginals[t * k + label] += p;
                truth.pairs[before * k + label] += p;
                if t > 0 {
                    truth.entering[(t * k + before) * k + label] += p;
                }
                before = label;
            }
            if let Some(last) = labels.last() {
                truth.pairs[(k + 1) * k + last] += p;
            }
            if score == best {
                truth.ways.push(labels);
            }
        }
        truth
    }

    pub fn found(&self, device: &Device, observed: bool) -> Found {
        let [b, t, k] = self.sizes;
        let width = if self.pairs.is_some() { k + k * k } else { k };
        let scores = match &self.pairs {
            None => self.scores.clone(),
            Some(pairs) => {
                let rows = self.scores.chunks_exact(k).zip(pairs.chunks_exact(k * k));
                rows.flat_map(|(own, pairs)| [own, pairs].concat()).collect()
            }
        };
        let scores = tensor(device, &[b, t, width], &scores);
        let transitions = tensor(device, &[k + 2, k], &self.transitions);
        let lengths = tensor(device, &[b], &self.lengths);
        let labels = tensor(device, &[b, t], &self.labels);
        let chain = Chain { scores: &scores, transitions: &transitions, lengths: &lengths };
        let mut messages = Messages::of(&chain).unwrap();
        chain_forward(&chain, &mut messages).unwrap();
        let target = Target { labels: observed.then_some(&labels), scale: 1.0 };
        let new = |dims: &[usize]| Tensor::for_output(device, dims).unwrap();
        let (mut marginals, mut pairs) = (new(&[b, t, k]), new(&[k + 2, k]));
        // The transitions of each position beside the labels', and left out: the labels' are the same.
        let mut both = new(&[b, t, width]);
        chain_backward(&chain, &mut messages, target, &mut both).unwrap();
        chain_backward(&chain, &mut messages, target, &mut marginals).unwrap();
        let both = both.to_vec().unwrap();
        let rows = || both.chunks_exact(width);
        let own: Vec<f32> = rows().flat_map(|row| &row[..k]).copied().collect();
        assert_eq!(own, marginals.to_vec().unwrap());
        let entering = rows().flat_map(|row| &row[k..]).copied().collect();
        chain_pairs(&chain, &messages, target, &mut pairs).unwrap();
        let (mut path, mut best) = (new(&[b, t]), new(&[b]));
        viterbi(&chain, &mut path, &mut best).unwrap();
        let (mut score, mut loss) = (new(&[b]), new(&[b]));
        chain_score(&chain, &labels, None, Place::at(&mut score, 0)).unwrap();
        chain_score(&chain, &labels, Some(&messages), Place::at(&mut loss, 0)).unwrap();
        let values = |tensor: &Tensor| tensor.to_vec().unwrap();
        Found {
            log_z: values(&messages.log_partition),
            marginals: values(&marginals),
            entering,
            pairs: values(&pairs),
            labels: values(&path),
            best: values(&best),
            score: values(&score),
            loss: values(&loss),
        }
    }

    /// Some 30 roundings of numbers of the size of one position's scores, for each position; the allowed ones alone, and
    /// of those what `size` of them adds up to.
    pub fn tolerance(&self) -> f64 {
        let pairs = self.pairs.iter().flatten();
        let sizes = self.scores.iter().chain(&self.transitions).chain(pairs);
        let sizes = sizes.filter(|x| x.abs() < 1e29);
        let size = sizes.map(|x| f64::from(x.abs())).fold(1.0, f64::max);
        30.0 * EPSILON * (self.sizes[1] as f64 + 1.0) * (3.0 * size + 4.0)
    }

    /// Every number of the kernels against enumeration.
    pub fn check(&self, device: &Device) {
        let [b, t, k] = self.sizes;
        let found = self.found(device, false);
        let one = self.tolerance();
        let mut pairs = vec![0.0; (k + 2) * k];
        for b in 0..b {
            let (truth, length) = (self.truth(b), self.length(b));
            assert_close(found.log_z[b], truth.log_z, one);
            let marginals = &found.marginals[b * t * k..(b + 1) * t * k];
            for (&found, &exact) in marginals.iter().zip(&truth.marginals) {
                assert_close(found, exact, 2.0 * one);
            }
            assert!(marginals[length * k..].iter().all(|&m| m == 0.0), "behind the end");
            if self.pairs.is_some() {
                let entering = &found.entering[b * t * k * k..(b + 1) * t * k * k];
                for (&found, &exact) in entering.iter().zip(&truth.entering) {
                    assert_close(found, exact, 2.0 * one);
                }
                assert!(entering[length * k * k..].iter().all(|&p| p == 0.0), "behind the end");
                assert!(entering.iter().take(k * k).all(|&p| p == 0.0), "into the first");
            }
            pairs.iter_mut().zip(&truth.pairs).for_each(|(sum, p)| *sum += p);
            let labels = &found.labels[b * t..(b + 1) * t];
            assert!(labels[length..].iter().all(|&label| label == -1.0), "{labels:?}");
            let way: Vec<usize> = labels[..length].iter().map(|&label| label as usize).collect();
            assert!((self.score(b, &way) - truth.best).abs() <= one, "{way:?} {:?}", truth.ways);
            assert_close(found.best[b], truth.best, one);
            let given: Vec<usize> =
                self.labels[b * t..][..length].iter().map(|&label| label as usize).collect();
            let score = self.score(b, &given);
            if score > f64::from(IMPOSSIBLE) {
                assert_close(found.score[b], score, one);
                assert_close(found.loss[b], truth.log_z - score, 2.0 * one);
            } else {
                assert!(found.score[b] < IMPOSSIBLE && found.loss[b] > -IMPOSSIBLE);
            }
        }
        for (&found, &exact) in found.pairs.iter().zip(&pairs) {
            assert_close(found, exact, 2.0 * one * (b * t + 1) as f64);
        }
    }
}

pub fn small() -> impl Iterator<Item = Case> {
    let sizes = [[1, 1, 1], [3, 6, 1], [4, 1, 3], [5, 6, 2], [4, 5, 3], [3, 4, 5], [2, 0, 3]];
    let shared = sizes.into_iter().zip(1..).map(|(sizes, seed)| Case::new(sizes, 4.0, 10 * seed));
    let own = sizes.into_iter().zip(1..);
    shared.chain(own.map(|(sizes, seed)| Case::new(sizes, 4.0, 10 * seed).paired(3.0, seed)))
}
