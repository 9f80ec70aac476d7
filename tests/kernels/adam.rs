use harmonium::Device;
use harmonium::kernels::adam::proof::case;
use harmonium::kernels::adam::{Adam, adam};
use harmonium::kernels::proof::Values;
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, doubles, everywhere, tensor};
use super::{assert_close, assert_passed, on_gpus, ordinary};

const STEP: Adam = Adam {
    learning_rate: 0.1,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.0,
    update: 1,
};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for update in [1, 2, 1 << 40] {
            for n in [0, 1, 63, 64, 65, 1009] {
                assert_passed(gpu, case(gpu, update, &[n], Values::Wide));
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, update, &[16, 6, 5, 5], values));
            }
        }
    });
}

/// By hand from the paper's algorithm: g = 1 gives a step of η. Then g = −2 makes m = 0.09 − 0.2 and
/// v = 0.000999 + 0.004, m̂ = −0.11 / 0.19, v̂ = 0.004999 / 0.001999: a step of 0.1 · 0.578947 / 1.581376.
/// With λ = 0.1 the weight shrinks to 0.99 of itself before each (PyTorch's AdamW).
#[test]
fn two_steps_by_hand() {
    everywhere(|device| {
        for (weight_decay, weights) in [(0.0, [0.9, 0.936_610_3]), (0.1, [0.89, 0.917_710_3])] {
            let mut w = tensor(device, &[1], &[1.0]);
            let [mut m, mut v] = [0; 2].map(|_| Tensor::zeros(device, &[1]).unwrap());
            for (update, (g, expected)) in (1..).zip([1.0, -2.0].into_iter().zip(weights)) {
                let step = Adam { weight_decay, update, ..STEP };
                adam(&step, &tensor(device, &[1], &[g]), &mut m, &mut v, &mut w).unwrap();
                assert_close(w.to_vec().unwrap()[0], expected, 3e-7);
            }
            assert_close(m.to_vec().unwrap()[0], -0.11, 1e-7);
            // 1 − 0.999 in f32 settings is off by 1.3e-5 of itself.
            assert_close(v.to_vec().unwrap()[0], 0.004_999, 1e-7);
        }
    });
}

#[test]
fn twenty_five_steps_agree_with_f64() {
    // On one thread, and on several.
    for n in [37, 40_009] {
        everywhere(|device| {
            let mut step = Adam { learning_rate: 0.01, weight_decay: 0.3, ..STEP };
            let [rate, beta1, beta2, epsilon, decay] =
                [step.learning_rate, step.beta1, step.beta2, step.epsilon, step.weight_decay]
                    .map(f64::from);
            let start = ordinary(1, n);
            let mut w = tensor(device, &[n], &start);
            let [mut m, mut v] = [0; 2].map(|_| Tensor::zeros(device, &[n]).unwrap());
            let mut exact = doubles(&start);
            let (mut means, mut squares) = (vec![0.0; n], vec![0.0; n]);
            for t in 1..=25 {
                step.update = t;
                let g = ordinary(1 + t, n);
                adam(&step, &tensor(device, &[n], &g), &mut m, &mut v, &mut w).unwrap();
                let corrections = [beta1, beta2].map(|beta| 1.0 - beta.powi(t as i32));
                let moments = means.iter_mut().zip(&mut squares);
                for ((w, (m, v)), g) in exact.iter_mut().zip(moments).zip(doubles(&g)) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    let step = *m / corrections[0] / ((*v / corrections[1]).sqrt() + epsilon);
                    *w -= rate * (step + decay * *w);
                }
            }
            // Each step is at most about η·1; 25 of them with 20 roundings, and those of w itself.
            for (w, exact) in w.to_vec().unwrap().iter().zip(&exact) {
                assert_close(*w, *exact, 25.0 * 1.2e-7 * (20.0 * rate + 2.0 * exact.abs()));
            }
            for (m, exact) in m.to_vec().unwrap().iter().zip(&means) {
                assert_close(*m, *exact, 25.0 * 1.2e-7);
            }
            for (v, exact) in v.to_vec().unwrap().iter().zip(&squares) {
                assert_close(*v, *exact, 25.0 * 3.0 * 1.2e-7 * exact);
            }
        });
    }
}

#[test]
fn no_gradient_moves_nothing_and_nan_stays_with_its_weight() {
    everywhere(|device| {
        let g = tensor(device, &[3], &[0.0, f32::NAN, 1.0]);
        let [mut m, mut v] = [0; 2].map(|_| Tensor::zeros(device, &[3]).unwrap());
        let mut w = tensor(device, &[3], &[0.5, 0.5, 0.5]);
        adam(&STEP, &g, &mut m, &mut v, &mut w).unwrap();
        let w = w.to_vec().unwrap();
        assert_eq!(w[0], 0.5, "{}", device.info());
        assert!(w[1].is_nan(), "{w:?} on {}", device.info());
        assert_close(w[2], 0.4, 1e-6);
    });
}

#[test]
fn what_is_out_of_range_is_refused() {
    let device = Device::cpu();
    let g = Tensor::zeros(&device, &[2, 3]).unwrap();
    let [mut m, mut v, mut w] = [0; 3].map(|_| g.try_clone().unwrap());
    for (step, words) in [
        (Adam { learning_rate: -0.1, ..STEP }, ["learning_rate: -0.1", "finite, 0 or more"]),
        (Adam { learning_rate: f32::NAN, ..STEP }, ["learning_rate: NaN", "finite"]),
        (Adam { beta1: 1.0, ..STEP }, ["beta1: 1", "at least 0, below 1"]),
        (Adam { beta2: -0.1, ..STEP }, ["beta2: -0.1", "at least 0, below 1"]),
        (Adam { beta2: f32::NAN, ..STEP }, ["beta2: NaN", "at least 0, below 1"]),
        (Adam { epsilon: 0.0, ..STEP }, ["epsilon: 0", "finite, above 0"]),
        (Adam { epsilon: f32::INFINITY, ..STEP }, ["epsilon: inf", "finite, above 0"]),
        (Adam { weight_decay: -1.0, ..STEP }, ["weight_decay: -1", "finite, 0 or more"]),
        (Adam { update: 0, ..STEP }, ["update: 0", "count from 1"]),
    ] {
        assert_refused(adam(&step, &g, &mut m, &mut v, &mut w), &words);
    }
    let mut long = Tensor::zeros(&device, &[7]).unwrap();
    assert_refused(
        adam(&STEP, &long, &mut m, &mut v, &mut w),
        &["adam", "the gradient is [7], expected [2, 3]"],
    );
    assert_refused(adam(&STEP, &g, &mut long, &mut v, &mut w), &["m is [7], expected [2, 3]"]);
    assert!(adam(&Adam { beta1: 0.0, beta2: 0.0, ..STEP }, &g, &mut m, &mut v, &mut w).is_ok());
}
