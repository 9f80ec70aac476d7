//! What a Bernoulli draw promises: it fires where u < p for a u among the multiples of 2⁻²⁴ below 1, so with a
//! probability P of which |P − p| < 2⁻²⁴, and with p itself at 0 and at 1.

use harmonium::kernels::dropout::dropout;
use harmonium::kernels::gather::{Binarization, Selection, Transform, gather};
use harmonium::kernels::matmul::{Epilogue, Noise, Sampled, Transpose, matmul_sample};
use harmonium::kernels::sample;
use harmonium::random::{Draw, bernoulli, uniform};
use harmonium::{Device, Tensor};

/// The distance of two uniform numbers.
const STEP: f32 = 1.0 / 16_777_216.0;

/// By enumeration: each of the 2²⁴ numbers is as likely as any other.
#[test]
fn the_probability_errs_by_less_than_the_step_and_not_at_the_ends() {
    let p = [
        0.0,
        f32::from_bits(1),
        f32::MIN_POSITIVE,
        1e-12,
        STEP.next_down(),
        STEP,
        STEP.next_up(),
        1e-3,
        0.3,
        0.5,
        1.0 - STEP,
        1.0,
    ];
    let mut fired = [0u32; 12];
    for k in 0..1u32 << 24 {
        // The lower bits of a word are not looked at.
        let word = k << 8 | k & 0xff;
        fired.iter_mut().zip(p).for_each(|(n, p)| *n += bernoulli(word, p) as u32);
    }
    for (p, fired) in p.into_iter().zip(fired) {
        // In steps, which is exact: fired - 1 < p <= fired.
        let (p, fired) = (f64::from(p) / f64::from(STEP), f64::from(fired));
        assert!(p <= fired && fired - 1.0 < p, "{fired} times for {p}");
        assert!(fired == p || p.fract() != 0.0, "{fired} times for {p}");
    }
}

const DRAW: Draw =
    Draw { seed: 0x1234_5678_9abc, stream: 77, level: 0, step: 1 << 33, first_case: 9 };
const ROWS: usize = 67;
const COLUMNS: usize = 61;

/// The uniform number of every element.
fn uniforms() -> Vec<f32> {
    let cells = (0..ROWS * COLUMNS).map(|i| (i / COLUMNS, i % COLUMNS));
    cells.map(|(row, column)| uniform(DRAW.word(row as u32, column as u32))).collect()
}

/// What the kernels that draw from probabilities make of `p`.
fn drawn(device: &Device, p: &[f32]) -> [Vec<f32>; 3] {
    let dims = [ROWS, COLUMNS];
    let p = Tensor::from_f32(device, &dims, p).unwrap();
    let out = || Tensor::for_output(device, &dims).unwrap();
    let (mut sampled, mut gathered, mut product) = (out(), out(), out());
    sample::bernoulli(&DRAW, &p, &mut sampled).unwrap();
    let list: Vec<u32> = (0..ROWS as u32).collect();
    let indices = Tensor::from_u32(device, &[ROWS], &list).unwrap();
    let pick = Selection { indices: &indices, first_index: 0, rows: ROWS, first_row: 0 };
    let transform = Transform { binarize: Binarization::Sample(DRAW), ..Transform::default() };
    gather(&p, pick, &transform, &mut gathered).unwrap();
    // A product over nothing, to which p is added.
    let a = Tensor::from_f32(device, &[ROWS, 0], &[]).unwrap();
    let b = Tensor::from_f32(device, &[0, COLUMNS], &[]).unwrap();
    let epilogue = Epilogue { c: Some(&p), ..Epilogue::default() };
    let draws = Sampled::new(Noise::Bernoulli, &DRAW, &mut product);
    matmul_sample(&a, &b, Transpose::NN, &epilogue, draws).unwrap();
    [sampled, gathered, product].map(|t| t.to_vec().unwrap())
}

/// With p at an element's own number, at the next f32 above, and near both ends: on every device the draw is
/// `u < p`, of which the enumeration above says what it promises.
#[test]
fn every_kernel_draws_by_that_rule_to_the_last_bit() {
    let u = uniforms();
    // A subnormal number may count as 0.
    let above = |u: f32| u.next_up().max(f32::MIN_POSITIVE);
    let cases: [Vec<f32>; 5] = [
        u.clone(),
        u.iter().map(|u| above(*u)).collect(),
        u.iter().map(|u| u - STEP).collect(),
        vec![1e-12; u.len()],
        vec![1.0 - STEP; u.len()],
    ];
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        for p in &cases {
            let expected: Vec<f32> =
                u.iter().zip(p).map(|(u, p)| f32::from(u8::from(u < p))).collect();
            for (kernel, found) in ["sample", "gather", "matmul"].iter().zip(drawn(device, p)) {
                assert!(found == expected, "{kernel} on {}", device.info());
            }
        }
    }
}

/// Dropout has one probability for all: some elements' own, and the one a step above.
#[test]
fn dropout_keeps_by_that_rule_to_the_last_bit() {
    let u = uniforms();
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let x = Tensor::from_f32(device, &[ROWS, COLUMNS], &vec![1.0; u.len()]).unwrap();
        for own in u.iter().copied().filter(|u| *u > 0.5).take(9) {
            for keep in [own, own + STEP] {
                let mut y = Tensor::for_output(device, &[ROWS, COLUMNS]).unwrap();
                // Both differences are exact.
                dropout(&x, 1.0 - keep, &DRAW, &mut y).unwrap();
                let kept: Vec<bool> = y.to_vec().unwrap().iter().map(|y| *y != 0.0).collect();
                let expected: Vec<bool> = u.iter().map(|u| *u < keep).collect();
                assert!(kept == expected, "{keep} on {}", device.info());
            }
        }
    }
}
