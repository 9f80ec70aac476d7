//! Each kernel on every adapter against the CPU path, and the CPU path against plain f64 formulas.

mod activation;
mod activation_grad;
mod adam;
mod affine;
mod anneal;
mod argmax;
mod bias_update;
mod catalogue;
mod categorical;
mod cd_update;
mod chain;
mod chain_backward;
mod chain_forward;
mod chain_pairs;
mod chain_score;
mod columns;
mod conv2d;
mod conv2d_grad_input;
mod conv2d_grad_kernel;
mod convolution;
mod cross_entropy;
mod dot;
mod draws;
mod dropout;
mod elementwise;
mod error_count;
mod exchange;
mod gather;
mod gibbs_steps;
mod in_range;
mod labellings;
mod logistic_loss;
mod losses;
mod matmul;
mod multiply_add;
mod pool2d;
mod pool2d_grad_input;
mod rbf;
mod rbf_grad_input;
mod rbf_loss;
mod rectified;
mod reduce;
mod sample;
mod settle;
mod sgd;
mod softmax;
mod squared_error;
mod subsample;
mod subsample_grad_input;
mod subsample_grad_parameters;
mod verify;
mod viterbi;
mod windows;

use harmonium::Device;
use harmonium::error::Result;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::kernels::with_slices;
use harmonium::tensor::Tensor;
use harmonium::verify::Outcome;

use crate::support;

/// 0, 1, one around each tile size (16, 32, 64 and 128, 8 rows, 8 to 64 along K), and primes.
const SIZES: [usize; 18] = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 127, 128, 129];

/// Runs a test on every adapter.
fn on_gpus(test: impl Fn(&Device)) {
    support::gpus().iter().for_each(test);
}

/// Runs a test on every adapter with every kernel's loops in slices of a few iterations, so that small sizes
/// have many seams.
fn on_gpus_in_slices(test: impl Fn(&Device)) {
    for iterations in [1, 7, 50] {
        with_slices(iterations, || on_gpus(&test));
    }
}

/// More than the 65,535 iterations after which Mesa's software adapters end an invocation's loops, and not
/// a whole number of slices.
const LONG: usize = 100_003;

/// So many ones.
fn ones(device: &Device, dims: &[usize]) -> Tensor {
    Tensor::from_f32(device, dims, &vec![1.0; dims.iter().product()]).unwrap()
}

/// A tensor to be written, which holds what no result here is.
fn stale(device: &Device, dims: &[usize]) -> Tensor {
    Tensor::from_f32(device, dims, &vec![-77.0; dims.iter().product()]).unwrap()
}

#[track_caller]
fn assert_passed(device: &Device, outcome: Result<Outcome>) {
    match outcome {
        Ok(outcome) => assert!(outcome.passed(), "{}: {outcome:?}", device.info()),
        Err(error) => panic!("{}: {error}", device.info()),
    }
}

fn ordinary(seed: u64, n: usize) -> Vec<f32> {
    Inputs::new(seed).values(Values::Ordinary, n)
}

/// Asserts that two numbers agree to within `tolerance`.
#[track_caller]
fn assert_close(found: f32, expected: f64, tolerance: f64) {
    let error = (f64::from(found) - expected).abs();
    assert!(error <= tolerance, "{found} is {error:e} from {expected}, allowed {tolerance:e}");
}
