//! Conditional random fields against the enumeration of all labellings.

use harmonium::kernels::activation::Activation;
use harmonium::layers::{LayerSpec, Pass, Workspace};
use harmonium::models::network::Tally;
use harmonium::models::{Crf, CrfSpec, Decoding, Pairwise};
use harmonium::random::Draw;
use harmonium::tensor::Tensor;
use harmonium::{Device, Error};

use super::support::on_each;

const K: usize = 3;
const D: usize = 2;
const LENGTHS: [usize; 4] = [4, 1, 3, 4];
const T: usize = 4;

/// Numbers between −1 and 1 that look like nothing.
fn noise(n: usize, seed: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919 + seed * 104_729 + i * i * 31) % 2003) as f32 / 1001.5 - 1.0)
        .collect()
}

fn batch(device: &Device) -> [Tensor; 3] {
    let mut x = noise(LENGTHS.len() * T * D, 1);
    let mut labels: Vec<f32> =
        (0..LENGTHS.len() * T).map(|p| ((p * p + p / 3) % K) as f32).collect();
    for (sequence, &length) in LENGTHS.iter().enumerate() {
        let (own, end) = (sequence * T, (sequence + 1) * T);
        labels[own + length..end].fill(-1.0);
        x[(own + length) * D..end * D].fill(0.0);
    }
    let lengths: Vec<f32> = LENGTHS.iter().map(|&length| length as f32).collect();
    let new = |dims: &[usize], values: &[f32]| Tensor::from_f32(device, dims, values).unwrap();
    let b = LENGTHS.len();
    [new(&[b, T, D], &x), new(&[b, T], &labels), new(&[b], &lengths)]
}

/// All labellings of one sequence with their probabilities, from the layers' scores `[L, K]` or `[L, K + K²]`.
fn enumerated(scores: &[f32], length: usize, a: &[f32]) -> Vec<(Vec<u32>, f64)> {
    let width = scores.len() / length;
    let mut all: Vec<(Vec<u32>, f64)> = (0..K.pow(length as u32))
        .map(|number| {
            let labels: Vec<usize> = (0..length).map(|t| number / K.pow(t as u32) % K).collect();
            let mut score =
                f64::from(a[K * K + labels[0]]) + f64::from(a[(K + 1) * K + labels[length - 1]]);
            score += labels
                .iter()
                .enumerate()
                .map(|(t, &y)| f64::from(scores[t * width + y]))
                .sum::<f64>();
            score += labels.windows(2).map(|pair| f64::from(a[pair[0] * K + pair[1]])).sum::<f64>();
            if width > K {
                let own = |t: usize| scores[t * width + K + labels[t - 1] * K + labels[t]];
                score += (1..length).map(|t| f64::from(own(t))).sum::<f64>();
            }
            (labels.into_iter().map(|y| y as u32).collect(), score)
        })
        .collect();
    let most = all.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    let z: f64 = all.iter().map(|(_, score)| (score - most).exp()).sum();
    all.iter_mut().for_each(|(_, score)| *score = (*score - most).exp() / z);
    all
}

fn marginals(all: &[(Vec<u32>, f64)]) -> Vec<f64> {
    let mut p = vec![0.0; all[0].0.len() * K];
    for (labels, own) in all {
        labels.iter().enumerate().for_each(|(t, &y)| p[t * K + y as usize] += own);
    }
    p
}

/// A linear layer's scores of every position, in f64.
fn scores(x: &[f32], w: &[f32], b: &[f32]) -> Vec<f32> {
    let outputs = b.len();
    let inputs = w.len() / outputs;
    x.chunks_exact(inputs)
        .flat_map(|x| {
            (0..outputs).map(move |k| {
                let sum: f64 = x
                    .iter()
                    .enumerate()
                    .map(|(i, &x)| f64::from(x) * f64::from(w[i * outputs + k]))
                    .sum();
                (sum + f64::from(b[k])) as f32
            })
        })
        .collect()
}

fn values(crf: &Crf) -> [Vec<f32>; 3] {
    let layers: Vec<Vec<f32>> =
        crf.layers().parameters().map(|p| p.value.to_vec().unwrap()).collect();
    [layers[0].clone(), layers[1].clone(), crf.transitions().value.to_vec().unwrap()]
}

/// Weights that make labels depend on each other.
fn strengthen(crf: &mut Crf, seed: usize) {
    for (number, parameter) in crf.layers_mut().parameters_mut().enumerate() {
        let strong: Vec<f32> =
            noise(parameter.value.shape().len(), seed + number).iter().map(|x| 1.5 * x).collect();
        parameter.value.upload(&strong).unwrap();
    }
    let strong: Vec<f32> = noise((K + 2) * K, seed + 9).iter().map(|x| 2.0 * x).collect();
    crf.transitions_mut().value.upload(&strong).unwrap();
}

const BOTH: [Pairwise; 2] = [Pairwise::Constant, Pairwise::Features];

/// Both ways of decoding, the probability of what they say, and that they are two ways.
#[test]
fn what_is_read_is_what_enumeration_finds() {
    on_each(|device| {
        let [x, _, lengths] = batch(device);
        let values_of = x.to_vec().unwrap();
        let mut differ = 0;
        for (seed, pairwise) in (1..6).flat_map(|n| BOTH.map(|pairwise| (n, pairwise))) {
            let spec = CrfSpec::linear(D, K).pairwise(pairwise);
            let mut crf = Crf::new(device, &spec, 1).unwrap();
            strengthen(&mut crf, seed * 10);
            let [w, b, a] = values(&crf);
            let viterbi = crf.read(&x, &lengths, Decoding::Viterbi).unwrap();
            let posterior = crf.read(&x, &lengths, Decoding::Posterior).unwrap();
            for (sequence, &length) in LENGTHS.iter().enumerate() {
                let own = &values_of[sequence * T * D..][..length * D];
                let all = enumerated(&scores(own, &w, &b), length, &a);
                let exact = marginals(&all);
                for (found, exact) in viterbi.marginals[sequence].iter().zip(&exact) {
                    assert!((f64::from(*found) - exact).abs() < 1e-5, "{found} {exact}");
                }
                let best = all.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                assert_eq!(viterbi.labels[sequence], best.0);
                let largest: Vec<u32> = exact
                    .chunks_exact(K)
                    .map(|row| (0..K).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as u32)
                    .collect();
                assert_eq!(posterior.labels[sequence], largest);
                for read in [&viterbi, &posterior] {
                    let said = &read.labels[sequence];
                    let own = all.iter().find(|(labels, _)| labels == said).unwrap().1;
                    let found = f64::from(read.log_probabilities[sequence]);
                    assert!((found - own.ln()).abs() < 1e-4, "{found} {}", own.ln());
                }
                differ += usize::from(best.0 != largest);
            }
        }
        assert!(differ > 0, "nothing tells the two ways apart");
    });
}

/// What posterior decoding says may be forbidden as a whole: its probability is 0.
#[test]
fn a_labelling_that_is_forbidden_has_no_probability() {
    let device = Device::cpu();
    // Ends in 0 or 1; 0 follows 0 and 1, and 2 is nowhere: from 01, 10 and 11, with 00 forbidden.
    let spec = CrfSpec::linear(1, 3).forbidden(vec![[0, 0], [3, 2], [4, 2]]);
    let mut crf = Crf::new(&device, &spec, 1).unwrap();
    crf.layers_mut().parameters_mut().for_each(|p| {
        p.value.upload(&vec![0.0; p.value.shape().len()]).unwrap();
    });
    let mut a = vec![0.0; 15];
    // 01 and 10 are equally likely, and 11 hardly: at both positions 0 and 1 tie, and the first is said.
    a[4] = -20.0;
    crf.transitions_mut().value.upload(&a).unwrap();
    let x = Tensor::zeros(&device, &[1, 2, 1]).unwrap();
    let lengths = Tensor::from_f32(&device, &[1], &[2.0]).unwrap();
    let read = crf.read(&x, &lengths, Decoding::Viterbi).unwrap();
    assert!((read.log_probabilities[0] - 0.5f32.ln()).abs() < 1e-4, "{read:?}");
    let read = crf.read(&x, &lengths, Decoding::Posterior).unwrap();
    let p = &read.marginals[0];
    assert!((p[0] - 0.5).abs() < 1e-4 && (p[3] - 0.5).abs() < 1e-4, "{p:?}");
    if read.labels[0] == [0, 0] {
        assert_eq!(read.log_probabilities, [f32::NEG_INFINITY]);
    } else {
        assert!(read.log_probabilities[0].is_finite(), "{read:?}");
    }
}

/// The net above sees a position's values and the probabilities that the field below gives each label there.
#[test]
fn a_field_reads_the_probabilities_of_the_one_below() {
    on_each(|device| {
        for pairwise in BOTH {
            reads_below(device, pairwise);
        }
    });
}

fn reads_below(device: &Device, pairwise: Pairwise) {
    let [x, _, lengths] = batch(device);
    let below = CrfSpec::linear(D, K).pairwise(pairwise);
    let spec = CrfSpec::linear(D, K).above(below.clone());
    let values_below = below.values();
    let mut lower = Crf::new(device, &below, 1).unwrap();
    strengthen(&mut lower, 50);
    let [w0, b0, a0] = values(&lower);
    let mut crf = Crf::new(device, &spec, 2).unwrap();
    assert_eq!(
        crf.trained(),
        (D + 1) * values_below + (K + 2) * K + ((D + K) * K + K + (K + 2) * K)
    );
    crf.set_lower(lower).unwrap();
    strengthen(&mut crf, 70);
    let [w, b, a] = values(&crf);
    assert_eq!(w.len(), (D + K) * K);
    let read = crf.read(&x, &lengths, Decoding::Viterbi).unwrap();
    for wrong in [vec![1.0], vec![1.0; LENGTHS.len() + 1], vec![2.5; LENGTHS.len()]] {
        let wrong = Tensor::from_f32(crf.device(), &[wrong.len()], &wrong).unwrap();
        let text = crf.read(&x, &wrong, Decoding::Viterbi).unwrap_err().to_string();
        assert!(text.contains("lengths"), "{text}");
    }
    for wrong in [T as f32 + 1.0, -1.0, f32::NAN] {
        let mut all = lengths.to_vec().unwrap();
        all[1] = wrong;
        let wrong = Tensor::from_f32(crf.device(), &[all.len()], &all).unwrap();
        let text = crf.read(&x, &wrong, Decoding::Viterbi).unwrap_err().to_string();
        assert!(text.contains("sequence 1") && text.contains("from 0 to"), "{text}");
    }
    let all = x.to_vec().unwrap();
    for (sequence, &length) in LENGTHS.iter().enumerate() {
        let own = &all[sequence * T * D..][..length * D];
        let p = marginals(&enumerated(&scores(own, &w0, &b0), length, &a0));
        let seen: Vec<f32> = own
            .chunks_exact(D)
            .zip(p.chunks_exact(K))
            .flat_map(|(x, p)| x.iter().copied().chain(p.iter().map(|&p| p as f32)))
            .collect();
        let exact = marginals(&enumerated(&scores(&seen, &w, &b), length, &a));
        for (found, exact) in read.marginals[sequence].iter().zip(exact) {
            assert!((f64::from(*found) - exact).abs() < 1e-5, "{found} {exact}");
        }
    }
    let other = Crf::new(device, &CrfSpec::linear(D, K).forbidden(vec![[0, 1]]), 1).unwrap();
    assert!(matches!(crf.set_lower(other), Err(Error::Setting { .. })));
}

/// Its gradient is that of its own parameters, by central differences; the field below stays as it is.
#[test]
fn the_gradient_above_another_field() {
    on_each(|device| {
        let [x, labels, lengths] = batch(device);
        let spec = CrfSpec::linear(D, K)
            .layers(vec![
                LayerSpec::linear(4, Activation::Tanh),
                LayerSpec::linear(K, Activation::Identity),
            ])
            .above(CrfSpec::linear(D, K));
        let mut crf = Crf::new(device, &spec, 3).unwrap();
        let mut lower = Crf::new(device, &CrfSpec::linear(D, K), 4).unwrap();
        strengthen(&mut lower, 20);
        crf.set_lower(lower).unwrap();
        let b = LENGTHS.len();
        let new = || Tensor::zeros(device, &[b]).unwrap();
        let (mut loss, mut error, mut space) = (new(), new(), Workspace::new());
        let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
        let pass = Pass::Train(Draw::new(1, 9));
        crf.gradient(&x, [&labels, &lengths], pass, &mut tally, &mut space).unwrap();
        let gradients: Vec<Vec<f32>> = space.gradients().map(|g| g.to_vec().unwrap()).collect();
        assert_eq!(gradients.len(), 5, "the layers' and the chain's");
        for (number, gradient) in gradients.iter().take(4).enumerate() {
            assert!(gradient.iter().all(|g| g.is_finite()), "{number}: {gradient:?}");
            for (n, &found) in gradient.iter().enumerate() {
                let mut at = |step: f32| {
                    let parameter = crf.layers_mut().parameters_mut().nth(number).unwrap();
                    let before = parameter.value.to_vec().unwrap();
                    let mut moved = before.clone();
                    moved[n] += step;
                    parameter.value.upload(&moved).unwrap();
                    let (mut loss, mut error) = (new(), new());
                    let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
                    crf.score(&x, [&labels, &lengths], &mut tally, &mut Workspace::new()).unwrap();
                    let parameter = crf.layers_mut().parameters_mut().nth(number).unwrap();
                    parameter.value.upload(&before).unwrap();
                    let sum: f64 = loss.to_vec().unwrap().into_iter().map(f64::from).sum();
                    (f64::from(moved[n]), sum / b as f64)
                };
                let ((x0, low), (x1, high)) = (at(-2e-2), at(2e-2));
                let slope = (high - low) / (x1 - x0);
                assert!((slope - f64::from(found)).abs() < 2e-3, "{number} {n}: {found} {slope}");
            }
        }
    });
}

/// A mask of the 2²⁰ labels' transitions would take 4 TiB.
#[test]
fn more_labels_than_a_chain_may_have_are_refused_with_forbidden_transitions_too() {
    let device = Device::cpu();
    for labels in [3000, 1 << 20] {
        let spec = CrfSpec::linear(1, labels);
        let said = |spec: CrfSpec| Crf::new(&device, &spec, 1).map(drop).unwrap_err().to_string();
        assert_eq!(said(spec.clone().forbidden(vec![[0, 0]])), said(spec));
    }
}
