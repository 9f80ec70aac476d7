//! The kernels of linear chains against all labellings, one by one, in f64.

use harmonium::Device;
use harmonium::kernels::Place;
use harmonium::kernels::chain::proof::Form;
use harmonium::kernels::chain::{Chain, FORBIDDEN, IMPOSSIBLE, Messages, Target};
use harmonium::kernels::chain_backward::chain_backward;
use harmonium::kernels::chain_forward::chain_forward;
use harmonium::kernels::chain_pairs::chain_pairs;
use harmonium::kernels::chain_score::chain_score;
use harmonium::kernels::viterbi::viterbi;
use harmonium::tensor::Tensor;

use super::labellings::{Case, Found, small};
use super::losses::{assert_refused, everywhere};
use super::{assert_close, on_gpus_in_slices, ordinary};

/// Sizes that the kernels' cases take, with the transitions that all positions share and with their own.
pub fn forms() -> impl Iterator<Item = Form> {
    let sizes = [[0, 3, 2], [2, 0, 2], [1, 1, 1], [7, 13, 26], [2, 5, 64], [2, 5, 65], [1, 3, 511]];
    // Numbers of their own for each of 511 labels' transitions are a million.
    let paired = sizes.into_iter().take(6).map(Form::paired);
    sizes.into_iter().map(Form::from).chain(paired)
}

/// Sizes for slices: few labels, and more than a workgroup.
pub fn seams() -> impl Iterator<Item = [Form; 2]> {
    let sizes = [[5, 11, 7], [2, 4, 67]];
    [sizes.map(Form::from), sizes.map(Form::paired)].into_iter()
}

#[test]
fn all_numbers_agree_with_enumeration() {
    everywhere(|device| small().for_each(|case| case.check(device)));
}

#[test]
fn in_slices_too() {
    on_gpus_in_slices(|device| small().for_each(|case| case.check(device)));
}

/// Weak scores hide a slip, and scores of ten thousand overflow what is not relative to the largest.
#[test]
fn scores_of_ten_thousand_are_numbers_like_others() {
    everywhere(|device| {
        for seed in 0..5 {
            Case::new([4, 5, 3], 1e4, seed).check(device);
            Case::new([4, 5, 3], 1e4, seed).paired(1e4, seed).check(device);
        }
        let mut case = Case::new([3, 4, 3], 4.0, 3);
        case.scores.iter_mut().for_each(|score| *score += 1e4);
        case.check(device);
    });
}

/// One transition in three; label 0 may always follow itself, begin and end.
#[test]
fn what_is_forbidden_has_no_probability_and_leaves_the_rest_whole() {
    everywhere(|device| {
        for (seed, never) in [(1, f32::NEG_INFINITY), (2, FORBIDDEN), (3, -3e38)] {
            let mut case = Case::new([4, 5, 4], 3.0, seed);
            for n in (0..case.transitions.len()).filter(|n| n % 4 != 0 && n % 3 == 0) {
                case.transitions[n] = never;
            }
            case.check(device);
            case.clone().paired(2.0, seed).check(device);
            let found = case.found(device, false);
            for (n, p) in found.pairs.iter().enumerate() {
                assert!((case.transitions[n] > FORBIDDEN) || *p == 0.0, "{n}: {p}");
            }
        }
    });
}

/// From label 0 to label 2 there is no way in one step: three positions that must begin and end so.
#[test]
fn a_sequence_that_no_allowed_labelling_has_is_told() {
    let never = f32::NEG_INFINITY;
    let mut case = Case::new([3, 4, 3], 1.0, 5);
    case.lengths = vec![4.0, 1.0, 2.0];
    case.labels = vec![0.0; 12];
    case.scores = ordinary(3, 36);
    case.spoil(f32::NAN);
    case.transitions.fill(0.0);
    // 0 → 1 → 2 is the only way, and stays nowhere.
    for (i, j) in [(0, 0), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)] {
        case.transitions[i * 3 + j] = never;
    }
    case.transitions[3 * 3..].copy_from_slice(&[0.0, never, never, never, never, 0.0]);
    everywhere(|device| {
        let found = case.found(device, false);
        for b in 0..3 {
            assert!(found.log_z[b] < IMPOSSIBLE && found.best[b] < IMPOSSIBLE, "{b}");
        }
        let mut three = case.clone();
        three.lengths = vec![3.0; 3];
        three.labels = vec![0.0; 12];
        three.scores = ordinary(3, 36);
        three.check(device);
        assert_eq!(three.found(device, false).labels, [0.0, 1.0, 2.0, -1.0].repeat(3));
    });
}

/// Among equal labellings that with the smaller label at the last position where they differ.
#[test]
fn ties_are_told_by_rule() {
    everywhere(|device| {
        for seed in 0..20 {
            let mut case = Case::new([3, 5, 3], 1.0, seed);
            let whole = |x: &mut f32| *x = (*x * 4.0).round();
            case.scores.iter_mut().for_each(whole);
            case.transitions.iter_mut().for_each(whole);
            let found = case.found(device, false);
            for b in 0..3 {
                let truth = case.truth(b);
                let first =
                    truth.ways.iter().min_by_key(|way| way.iter().rev().collect::<Vec<_>>());
                let expected: Vec<f32> = first.unwrap().iter().map(|&label| label as f32).collect();
                let length = case.length(b);
                assert_eq!(found.labels[b * 5..][..length], expected, "{:?}", truth.ways);
                assert_eq!(f64::from(found.best[b]), truth.best);
            }
        }
    });
}

/// The gradient of −Σ ln p(y) by central differences of enumerated probabilities.
#[test]
fn gradients_agree_with_finite_differences() {
    let case = Case::new([3, 4, 3], 3.0, 7).paired(2.0, 7);
    let loss = |case: &Case| -> f64 {
        let [b, t, _] = case.sizes;
        let one = |b: usize| {
            let labels = &case.labels[b * t..][..case.length(b)];
            let labels: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
            case.truth(b).log_z - case.score(b, &labels)
        };
        (0..b).map(one).sum()
    };
    // What f32 holds of a step is the step.
    let slope = |change: &dyn Fn(&mut Case, f32) -> f32| {
        let at = |step: f32| {
            let mut moved = case.clone();
            let to = change(&mut moved, step);
            (f64::from(to), loss(&moved))
        };
        let ((below, low), (above, high)) = (at(-1e-2), at(1e-2));
        (high - low) / (above - below)
    };
    everywhere(|device| {
        let found = case.found(device, true);
        for n in 0..case.transitions.len() {
            let exact = slope(&|case, step| {
                case.transitions[n] += step;
                case.transitions[n]
            });
            assert_close(found.pairs[n], exact, 2e-4);
        }
        for n in (0..case.scores.len()).filter(|&n| case.scores[n].is_finite()) {
            let exact = slope(&|case, step| {
                case.scores[n] += step;
                case.scores[n]
            });
            assert_close(found.marginals[n], exact, 2e-4);
        }
        let own = |case: &Case, n: usize| case.pairs.as_ref().unwrap()[n];
        for n in (0..found.entering.len()).filter(|&n| own(&case, n).is_finite()) {
            let exact = slope(&|case, step| {
                case.pairs.as_mut().unwrap()[n] += step;
                own(case, n)
            });
            assert_close(found.entering[n], exact, 2e-4);
        }
    });
}

/// Whatever stands behind a sequence's end, every bit of every result is the same.
#[test]
fn padding_never_leaks() {
    everywhere(|device| {
        let bits = |with: f32| {
            let mut case = Case::new([4, 5, 3], 3.0, 11);
            case.lengths = vec![5.0, 2.0, 0.0, 1.0];
            case.scores = ordinary(9, 60);
            case = case.paired(2.0, 12);
            case.spoil(with);
            let found = case.found(device, true);
            let Found { log_z, marginals, entering, pairs, labels, best, score, loss } = found;
            let all = [log_z, marginals, entering, pairs, labels, best, score, loss].concat();
            all.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let expected = bits(0.0);
        for with in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, 1.0] {
            assert_eq!(bits(with), expected, "{with} on {}", device.info());
        }
    });
}

/// 512 labels at equal scores, and 40,000 positions: numbers that are known without enumeration.
#[test]
fn many_labels_and_long_sequences_are_whole() {
    everywhere(|device| {
        let (t, k) = (3, 512);
        let mut case = Case::new([1, t, k], 1.0, 1);
        case.scores.fill(0.25);
        case.transitions.fill(-0.5);
        let found = case.found(device, false);
        let exact = t as f64 * ((k as f64).ln() + 0.25 - 0.5) - 0.5;
        assert_close(found.log_z[0], exact, 1e-4);
        assert!(found.marginals.iter().all(|&m| (m * 512.0 - 1.0).abs() < 1e-4));
        assert!(found.pairs[..k * k].iter().all(|&p| (p * 131_072.0 - 1.0).abs() < 1e-4));
        // A transition of 1, and two labels: every position adds ln(1 + e) of the labels' ratio.
        let t = 40_000;
        let mut case = Case::new([1, t, 2], 1.0, 1);
        case.scores = [0.0, 1.0].repeat(t);
        case.transitions.fill(0.0);
        let found = case.found(device, false);
        let each = (1.0 + 1f64.exp()).ln();
        assert_close(found.log_z[0], t as f64 * each, t as f64 * each * 1e-4);
        let p = 1f64.exp() / (1.0 + 1f64.exp());
        for at in [0, 1, t / 2, t - 1] {
            assert_close(found.marginals[2 * at + 1], p, 1e-3);
        }
        assert_close(found.pairs[3], p * p * (t as f64 - 1.0), 1e-3 * t as f64);
        assert!(found.labels.iter().all(|&label| label == 1.0));
        assert_close(found.best[0], t as f64, 0.0);
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (scores, transitions, lengths) = (zeros(&[2, 3, 4]), zeros(&[6, 4]), zeros(&[2]));
    let chain = Chain { scores: &scores, transitions: &transitions, lengths: &lengths };
    let mut messages = Messages::of(&chain).unwrap();
    let square = zeros(&[4, 4]);
    let wrong = Chain { transitions: &square, ..chain };
    let words = ["chain_forward", "the transitions is [4, 4], expected [6, 4]"];
    assert_refused(chain_forward(&wrong, &mut messages), &words);
    let flat = zeros(&[7, 4]);
    let wrong = Chain { scores: &flat, ..chain };
    let words = ["[7, 4]", "[sequences, positions, labels] for 2 sequences"];
    assert_refused(chain_forward(&wrong, &mut messages), &words);
    let (many, wide) = (zeros(&[1, 1, 513]), zeros(&[515, 513]));
    let one = zeros(&[1]);
    let wrong = Chain { scores: &many, transitions: &wide, lengths: &one };
    assert_refused(Messages::of(&wrong).map(drop), &["513 labels", "1 to 512"]);
    let mut score = zeros(&[2]);
    let words = ["the score is [2]", "2 cases from element 1"];
    let labels = zeros(&[2, 3]);
    assert_refused(chain_score(&chain, &labels, None, Place::at(&mut score, 1)), &words);
    let short = zeros(&[2, 2]);
    let target = Target::labels(&short, 1.0);
    let mut gradient = zeros(&[2, 3, 4]);
    let words = ["the labels is [2, 2], expected [2, 3]"];
    assert_refused(chain_backward(&chain, &mut messages, target, &mut gradient), &words);
    assert_refused(chain_pairs(&chain, &messages, Target::NONE, &mut gradient), &["[6, 4]"]);
    let mut path = zeros(&[2, 2]);
    assert_refused(viterbi(&chain, &mut path, &mut score), &["the labels is [2, 2]"]);
}
