use harmonium::kernels::proof::Values;
use harmonium::kernels::rectified::proof::case;
use harmonium::kernels::rectified::{mean, sample};
use harmonium::random::Draw;
use harmonium::tensor::Tensor;
use harmonium::{Device, Error};

use super::{SIZES, assert_close, assert_passed, on_gpus};
use crate::models::support::devices;

/// Inputs on both sides of where noise matters, and between.
const X: [f32; 12] = [-19.0, -6.0, -3.0, -1.5, -0.5, -0.01, 0.0, 0.3, 1.0, 2.5, 6.0, 90.0];

/// √σ(x).
fn deviation(x: f64) -> f64 {
    (1.0 / (1.0 + (-x).exp())).sqrt()
}

/// The integral over normal z of f(x + √σ(x)·z) where that is above 0, by Simpson's rule: f is smooth there.
fn integral(x: f64, f: impl Fn(f64) -> f64) -> f64 {
    let s = deviation(x);
    let (low, high, steps) = ((-x / s).clamp(-12.0, 12.0), 12.0, 4000);
    let width = (high - low) / f64::from(steps);
    let at = |k: i32| {
        let z = low + width * f64::from(k);
        f(x + s * z) * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
    };
    let weight = |k: i32| match k {
        0 => 1.0,
        k if k == steps => 1.0,
        k => f64::from(2 + 2 * (k % 2)),
    };
    (0..=steps).map(|k| weight(k) * at(k)).sum::<f64>() * width / 3.0
}

#[test]
fn adapters_agree_with_the_cpu() {
    let draws = [
        Draw::new(1, 1),
        Draw::new(u64::MAX, u16::MAX).at_level(255).at((1 << 40) - 1).from_case(u32::MAX - 2),
    ];
    on_gpus(|gpu| {
        for draw in [None, Some(&draws[0]), Some(&draws[1])] {
            for columns in SIZES {
                assert_passed(gpu, case(gpu, draw, [7, columns], Values::Ordinary));
            }
            assert_passed(gpu, case(gpu, draw, [513, 259], Values::Wide));
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, draw, [9, 31], values));
            }
        }
    });
}

#[test]
fn means_are_those_of_the_integral() {
    for device in devices() {
        let x = Tensor::from_f32(device, &[1, X.len()], &X).unwrap();
        let mut out = Tensor::for_output(device, &[1, X.len()]).unwrap();
        mean(&x, &mut out).unwrap();
        for (found, x) in out.to_vec().unwrap().into_iter().zip(X.map(f64::from)) {
            // Φ errs by 7.5e-8, the rest by some units of its terms, x and √σ(x).
            let tolerance = 1e-7 * x.abs() + 64.0 * f64::from(f32::EPSILON) * (1.0 + x.abs());
            assert_close(found, integral(x, |y| y), tolerance);
        }
    }
}

#[test]
fn samples_have_the_moments_of_the_integral() {
    let rows = 40_000;
    for device in devices() {
        let many: Vec<f32> = X.into_iter().cycle().take(rows * X.len()).collect();
        let x = Tensor::from_f32(device, &[rows, X.len()], &many).unwrap();
        let mut out = Tensor::for_output(device, &[rows, X.len()]).unwrap();
        sample(&Draw::new(17, 2), &x, &mut out).unwrap();
        let out = out.to_vec().unwrap();
        for (column, x) in X.into_iter().map(f64::from).enumerate() {
            let own: Vec<f64> = out[column..].iter().step_by(X.len()).map(|&y| y.into()).collect();
            assert!(own.iter().all(|&y| y >= 0.0));
            // How often it is on, how much in the mean, and the mean square: each within five standard errors.
            for power in 0..3 {
                let found = own.iter().filter(|&&y| y > 0.0).map(|y| y.powi(power)).sum::<f64>()
                    / rows as f64;
                let moment = |power: i32| integral(x, |y| y.powi(power));
                let variance = moment(2 * power) - moment(power).powi(2);
                let floor = 5.0 * (variance.max(0.0) / rows as f64).sqrt() + 1e-4;
                let expected = moment(power);
                assert!((found - expected).abs() < floor, "{x}, {power}: {found}, {expected}");
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_and_nothing_overflows() {
    let x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, -20.1, f32::MIN_POSITIVE];
    for device in devices() {
        let given = Tensor::from_f32(device, &[1, x.len()], &x).unwrap();
        for drawn in [false, true] {
            let mut out = Tensor::for_output(device, &[1, x.len()]).unwrap();
            match drawn {
                true => sample(&Draw::new(1, 1), &given, &mut out).unwrap(),
                false => mean(&given, &mut out).unwrap(),
            }
            let out = out.to_vec().unwrap();
            assert!(out[0].is_nan() && out[1] == f32::INFINITY, "{out:?} on {}", device.info());
            assert_eq!((out[2], out[3], out[4], out[5]), (0.0, 1e30, 0.0, 0.0));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[2, 3]).unwrap();
    let mut narrow = Tensor::zeros(&device, &[2, 2]).unwrap();
    assert!(matches!(mean(&x, &mut narrow), Err(Error::Shape { .. })));
    let draw = Draw::new(1, 1);
    assert!(matches!(sample(&draw, &x, &mut narrow), Err(Error::Shape { .. })));
    for dims in [[0, 3], [2, 0]] {
        let [x, mut out] = [0, 1].map(|_| Tensor::zeros(&device, &dims).unwrap());
        mean(&x, &mut out).unwrap();
        sample(&draw, &x, &mut out).unwrap();
    }
}
