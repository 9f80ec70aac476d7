use harmonium::Device;
use harmonium::kernels::proof::Values;
use harmonium::kernels::sgd::proof::case;
use harmonium::kernels::sgd::{Sgd, sgd};
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, doubles, everywhere, tensor};
use super::{assert_close, assert_passed, on_gpus, ordinary};

const STEP: Sgd = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0 };

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for nesterov in [false, true] {
            for n in [0, 1, 63, 64, 65, 1009] {
                assert_passed(gpu, case(gpu, nesterov, &[n], Values::Wide));
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, nesterov, &[16, 6, 5, 5], values));
            }
        }
    });
}

/// By hand from PyTorch's formula with g = 1 throughout: the velocities are 1, 1.9 and 2.71; with Nesterov
/// the directions are 1 + 0.9·1, 1 + 0.9·1.9 and 1 + 0.9·2.71.
#[test]
fn three_steps_by_hand() {
    everywhere(|device| {
        for (nesterov, weights) in [(false, [0.9, 0.71, 0.439]), (true, [0.81, 0.539, 0.1951])] {
            let g = tensor(device, &[1], &[1.0]);
            let mut velocity = Tensor::zeros(device, &[1]).unwrap();
            let mut w = tensor(device, &[1], &[1.0]);
            for (expected, v) in weights.into_iter().zip([1.0, 1.9, 2.71]) {
                sgd(&Sgd { nesterov, ..STEP }, &g, &mut velocity, &mut w).unwrap();
                assert_close(velocity.to_vec().unwrap()[0], v, 1e-6);
                assert_close(w.to_vec().unwrap()[0], expected, 1e-6);
            }
        }
    });
}

#[test]
fn twenty_five_steps_agree_with_f64() {
    // On one thread, and on several.
    for n in [37, 40_009] {
        everywhere(|device| {
            for nesterov in [false, true] {
                let step = Sgd { nesterov, weight_decay: 0.05, ..STEP };
                let [rate, momentum, decay] =
                    [step.learning_rate, step.momentum, step.weight_decay].map(f64::from);
                let start = ordinary(1, n);
                let mut w = tensor(device, &[n], &start);
                let mut velocity = Tensor::zeros(device, &[n]).unwrap();
                let (mut exact, mut speed) = (doubles(&start), vec![0.0; n]);
                for t in 0..25 {
                    let g = ordinary(2 + t, n);
                    sgd(&step, &tensor(device, &[n], &g), &mut velocity, &mut w).unwrap();
                    for ((w, v), g) in exact.iter_mut().zip(&mut speed).zip(doubles(&g)) {
                        let g = g + decay * *w;
                        *v = momentum * *v + g;
                        *w -= rate * if nesterov { g + momentum * *v } else { *v };
                    }
                }
                let found = [w.to_vec().unwrap(), velocity.to_vec().unwrap()];
                // Magnitudes stay below 20; 25 steps of 8 roundings each, which the momentum keeps for 10.
                for (w, exact) in found[0].iter().zip(&exact) {
                    assert_close(*w, *exact, 1e-4);
                }
                for (v, exact) in found[1].iter().zip(&speed) {
                    assert_close(*v, *exact, 1e-4);
                }
            }
        });
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let device = Device::cpu();
    let g = Tensor::zeros(&device, &[2, 3]).unwrap();
    let (mut v, mut w) = (g.try_clone().unwrap(), g.try_clone().unwrap());
    for (step, words) in [
        (Sgd { learning_rate: -0.1, ..STEP }, ["learning_rate: -0.1", "finite, 0 or more"]),
        (Sgd { learning_rate: f32::NAN, ..STEP }, ["learning_rate: NaN", "finite"]),
        (Sgd { learning_rate: f32::INFINITY, ..STEP }, ["learning_rate: inf", "finite"]),
        (Sgd { momentum: 1.0, ..STEP }, ["momentum: 1", "at least 0, below 1"]),
        (Sgd { momentum: -0.1, ..STEP }, ["momentum: -0.1", "at least 0, below 1"]),
        (Sgd { momentum: f32::NAN, ..STEP }, ["momentum: NaN", "at least 0, below 1"]),
        (Sgd { weight_decay: -1.0, ..STEP }, ["weight_decay: -1", "finite, 0 or more"]),
    ] {
        assert_refused(sgd(&step, &g, &mut v, &mut w), &words);
    }
    let long = Tensor::zeros(&device, &[7]).unwrap();
    assert_refused(
        sgd(&STEP, &long, &mut v, &mut w),
        &["sgd", "the gradient is [7], expected [2, 3]"],
    );
    let mut long = long;
    assert_refused(sgd(&STEP, &g, &mut long, &mut w), &["the velocity is [7], expected [2, 3]"]);
    assert!(sgd(&Sgd { learning_rate: 0.0, momentum: 0.0, ..STEP }, &g, &mut v, &mut w).is_ok());
}
