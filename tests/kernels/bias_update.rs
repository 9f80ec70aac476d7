use harmonium::Device;
use harmonium::kernels::bias_update::proof::case;
use harmonium::kernels::bias_update::{BiasPhases, NEVER, Watch, bias_gradient, bias_update};
use harmonium::kernels::cd_update::Step;
use harmonium::kernels::proof::Values;
use harmonium::tensor::Tensor;

use super::{
    LONG, SIZES, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale,
};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for gradient in [false, true] {
            for n in SIZES {
                for [b, c] in [[1, 1], [10, 7], [0, 3], [3, 0]] {
                    let dims = [n, b, c];
                    assert_passed(gpu, case(gpu, gradient, dims, Values::Ordinary));
                }
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, gradient, [67, 31, 17], values));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for gradient in [false, true] {
            for dims in [[67, 31, 17], [5, 0, 9], [5, 9, 0], [5, 0, 0], [1, 1, 1]] {
                assert_passed(gpu, case(gpu, gradient, dims, Values::Ordinary));
            }
        }
    });
}

#[test]
fn sums_over_many_cases_are_whole() {
    on_gpus(|gpu| {
        let (x0, xk) = (ones(gpu, &[LONG, 3]), ones(gpu, &[LONG - 7, 3]));
        let mut gradient = stale(gpu, &[3]);
        let phases = BiasPhases { x0: &x0, xk: &xk, scales: [1.0, 0.5] };
        bias_gradient(&phases, &mut gradient).unwrap();
        let sum = LONG as f32 - 0.5 * (LONG - 7) as f32;
        assert_eq!(gradient.to_vec().unwrap(), [sum; 3], "{}", gpu.info());
    });
}

#[test]
fn the_cpu_agrees_with_the_formula() {
    let device = Device::cpu();
    let [n, b, c] = [300, 13, 7];
    let (x0, xk) = (ordinary(1, b * n), ordinary(2, c * n));
    let (bias, velocity) = (ordinary(3, n), ordinary(4, n));
    let upload = |dims: &[usize], x: &[f32]| Tensor::from_f32(&device, dims, x).unwrap();
    let (t0, tk) = (upload(&[b, n], &x0), upload(&[c, n], &xk));
    let phases = BiasPhases { x0: &t0, xk: &tk, scales: [0.5, 0.125] };
    let step = Step { rate: 0.1, momentum: 0.9, decay: 100.0 };
    let (mut tb, mut tv) = (upload(&[n], &bias), upload(&[n], &velocity));
    let mut status = Tensor::from_u32(&device, &[1], &[NEVER]).unwrap();
    bias_update(&phases, step, &mut tb, &mut tv, Watch::new(&mut status, 1)).unwrap();
    let (tb, tv) = (tb.to_vec().unwrap(), tv.to_vec().unwrap());
    for j in 0..n {
        let sum = |x: &[f32]| x.iter().skip(j).step_by(n).map(|&x| f64::from(x)).sum::<f64>();
        let gradient = 0.5 * sum(&x0) - 0.125 * sum(&xk);
        let change = 0.9 * f64::from(velocity[j]) + 0.1 * gradient;
        assert_close(tv[j], change, 1e-5);
        assert_close(tb[j], f64::from(bias[j]) + change, 1e-5);
    }
    assert_eq!(status.to_words().unwrap(), [NEVER]);
}

#[test]
fn the_watch_keeps_the_first_step_that_was_not_finite() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let n = 200;
            let good = Tensor::from_f32(device, &[2, n], &ordinary(1, 2 * n)).unwrap();
            let mut values = ordinary(2, 2 * n);
            values[n + 150] = bad;
            let broken = Tensor::from_f32(device, &[2, n], &values).unwrap();
            let mut bias = Tensor::zeros(device, &[n]).unwrap();
            let mut velocity = Tensor::zeros(device, &[n]).unwrap();
            let mut status = Tensor::from_u32(device, &[1], &[NEVER]).unwrap();
            let step = Step { rate: 0.1, momentum: 0.5, decay: 0.0 };
            for number in 1..=6 {
                let x0 = if number == 4 { &broken } else { &good };
                let phases = BiasPhases { x0, xk: &good, scales: [0.5, 0.5] };
                bias_update(
                    &phases,
                    step,
                    &mut bias,
                    &mut velocity,
                    Watch::new(&mut status, number),
                )
                .unwrap();
                let expected = if number < 4 { NEVER } else { 4 };
                let found = status.to_words().unwrap();
                assert_eq!(found, [expected], "step {number}, {bad}, {}", device.info());
            }
            let bias = bias.to_vec().unwrap();
            assert_eq!(bias.iter().filter(|b| !b.is_finite()).count(), 1);
        }
    }
}
