//! What the tests of losses, choices and optimisers share.

use harmonium::Device;
use harmonium::error::Result;
use harmonium::kernels::argmax::Extreme;
use harmonium::kernels::argmax::proof::EXTREMES;
use harmonium::kernels::proof::Values;
use harmonium::tensor::Tensor;
use harmonium::verify::Outcome;

use super::{assert_passed, on_gpus, on_gpus_in_slices};

/// Runs a test on the CPU path and on every adapter.
pub fn everywhere(test: impl Fn(&Device)) {
    test(&Device::cpu());
    on_gpus(test);
}

/// Cases of a choice from each row, in slices of the rows.
pub fn choices_in_slices(case: impl Fn(&Device, [usize; 2], Extreme, Values) -> Result<Outcome>) {
    on_gpus_in_slices(|gpu| {
        for extreme in EXTREMES {
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, [101, 10], extreme, values));
            }
            assert_passed(gpu, case(gpu, [13, 1009], extreme, Values::NonFinite));
        }
    });
}

/// The slope of f along coordinate i, by central differences.
pub fn slope(x: &[f64], i: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    let at = |step: f64| {
        let mut x = x.to_vec();
        x[i] += step;
        f(&x)
    };
    (at(1e-5) - at(-1e-5)) / 2e-5
}

pub fn doubles(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

pub fn tensor(device: &Device, dims: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_f32(device, dims, values).unwrap()
}

/// Asserts an error whose message holds all these words.
#[track_caller]
pub fn assert_refused(result: Result<()>, words: &[&str]) {
    let message = result.expect_err("it should be refused").to_string();
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}
