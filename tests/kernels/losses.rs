//! What the tests of losses, choices and optimisers share.

use harmonium::Device;
use harmonium::error::Result;
use harmonium::tensor::Tensor;

use super::on_gpus;

/// Runs a test on the CPU path and on every adapter.
pub fn everywhere(test: impl Fn(&Device)) {
    test(&Device::cpu());
    on_gpus(test);
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
