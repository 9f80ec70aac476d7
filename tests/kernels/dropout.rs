use harmonium::kernels::dropout::dropout;
use harmonium::kernels::dropout::proof::case;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::kernels::sample;
use harmonium::random::{Draw, stream};
use harmonium::{Device, Error, Tensor};

use super::{SIZES, assert_passed, on_gpus, ordinary};

const DRAW: Draw = Draw::new(u64::MAX - 3, stream::DROPOUT).at(1 << 39).from_case(u32::MAX - 2);

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for columns in SIZES {
            for rate in [0.0, 0.5, 0.9] {
                assert_passed(gpu, case(gpu, rate, &[7, columns], &DRAW, Values::Wide));
            }
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, 0.3, &[513, 259], &DRAW, values));
        }
        for dims in [&[][..], &[65], &[3, 5, 7], &[0, 5, 7], &[5, 3, 4, 7]] {
            assert_passed(gpu, case(gpu, 0.3, dims, &DRAW, Values::Ordinary));
        }
    });
}

/// What stays is what a Bernoulli draw with the probability 1 − rate gives.
#[test]
fn the_bits_are_those_of_the_sampling_kernel() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        for (rate, dims, [rows, columns]) in [
            (0.25f32, &[9, 3, 2, 5][..], [9, 30]),
            (0.5, &[31, 17], [31, 17]),
            (0.9, &[40], [40, 1]),
            (f32::EPSILON / 2.0, &[3, 4], [3, 4]),
        ] {
            let x = ordinary(1, rows * columns);
            let t = Tensor::from_f32(device, dims, &x).unwrap();
            let mut y = Tensor::for_output(device, dims).unwrap();
            dropout(&t, rate, &DRAW, &mut y).unwrap();
            let keep = 1.0 - rate;
            let p = vec![keep; rows * columns];
            let p = Tensor::from_f32(device, &[rows, columns], &p).unwrap();
            let mut mask = Tensor::for_output(device, &[rows, columns]).unwrap();
            sample::bernoulli(&DRAW, &p, &mut mask).unwrap();
            let y = y.to_vec().unwrap();
            for ((y, x), mask) in y.iter().zip(&x).zip(mask.to_vec().unwrap()) {
                let expected = mask * ((1.0 / keep) * x);
                assert!((y - expected).abs() <= f32::EPSILON * expected.abs(), "{y} {expected}");
            }
        }
    }
}

#[test]
fn rate_zero_copies() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let mut x = Inputs::new(3).values(Values::NonFinite, 5 * 33);
        x[7] = -0.0;
        let t = Tensor::from_f32(device, &[5, 33], &x).unwrap();
        let mut y = Tensor::for_output(device, &[5, 33]).unwrap();
        dropout(&t, 0.0, &DRAW, &mut y).unwrap();
        let bits: Vec<u32> = x.iter().map(|x| x.to_bits()).collect();
        assert_eq!(y.to_words().unwrap(), bits, "{}", device.info());
    }
}

#[test]
fn the_mean_is_kept_and_steps_differ() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let n = 40_000;
        let x = Tensor::from_f32(device, &[200, 200], &vec![1.0; n]).unwrap();
        let mut before = Vec::new();
        for (step, rate) in [(0, 0.2), (1, 0.2), (2, 0.8)] {
            let mut y = Tensor::for_output(device, &[200, 200]).unwrap();
            dropout(&x, rate, &Draw::new(5, stream::DROPOUT).at(step), &mut y).unwrap();
            let y = y.to_vec().unwrap();
            let mean = y.iter().map(|y| f64::from(*y)).sum::<f64>() / n as f64;
            let rate = f64::from(rate);
            // Four standard errors of the mean of a proportion over 1 − rate.
            let floor = 4.0 * (rate / (1.0 - rate) / n as f64).sqrt();
            assert!((mean - 1.0).abs() < floor, "{mean} at {rate} on {}", device.info());
            assert_ne!(y, before);
            before = y;
        }
    }
}

#[test]
fn rates_outside_their_range_are_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[2, 2]).unwrap();
    let mut y = Tensor::zeros(&device, &[2, 2]).unwrap();
    for rate in [1.0, -0.1, 2.0, f32::NAN, f32::INFINITY] {
        let error = dropout(&x, rate, &DRAW, &mut y).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
        assert_eq!(error.to_string(), format!("dropout: the rate is {rate}; use one in [0, 1)"));
    }
    let mut y = Tensor::zeros(&device, &[2, 3]).unwrap();
    let error = dropout(&x, 0.5, &DRAW, &mut y).unwrap_err();
    assert_eq!(error.to_string(), "dropout: y is [2, 3], expected [2, 2]");
}
