use harmonium::Device;
use harmonium::kernels::logistic_loss::logistic_loss;
use harmonium::kernels::logistic_loss::proof::case;
use harmonium::kernels::proof::Values;
use harmonium::kernels::{Losses, Place};
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, doubles, everywhere, slope, tensor};
use super::{LONG, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for columns in [0, 1, 2, 17, 97, 784, 5003] {
            for rows in [0, 1, 13] {
                assert_passed(gpu, case(gpu, [rows, columns], [true, true], Values::Wide));
            }
        }
        for values in [Values::Ordinary, Values::Subnormal, Values::NonFinite] {
            for form in [[true, true], [true, false], [false, true], [false, false]] {
                assert_passed(gpu, case(gpu, [131, 31], form, values));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for form in [[true, true], [true, false], [false, true], [false, false]] {
            assert_passed(gpu, case(gpu, [13, 784], form, Values::Wide));
            assert_passed(gpu, case(gpu, [13, 31], form, Values::NonFinite));
        }
    });
}

/// Rows for teams of 64: N units of σ(0) = ½ and targets of 1 have the loss N ln 2, and ¼ N squared.
#[test]
fn long_rows_are_whole() {
    on_gpus(|gpu| {
        let n = 64 * LONG;
        let (z, t) = (Tensor::zeros(gpu, &[1, n]).unwrap(), ones(gpu, &[1, n]));
        let (mut loss, mut squared) = (stale(gpu, &[1]), stale(gpu, &[1]));
        let mut dz = stale(gpu, &[1, n]);
        let out = Losses::at(&mut loss, 0).with_gradient(&mut dz, 2.0);
        logistic_loss(&z, &t, out, Some(Place::at(&mut squared, 0))).unwrap();
        let nats = n as f64 * std::f64::consts::LN_2;
        assert_close(loss.to_vec().unwrap()[0], nats, 1e-3 * nats);
        assert_eq!(squared.to_vec().unwrap(), [0.25 * n as f32], "{}", gpu.info());
        assert!(dz.to_vec().unwrap().iter().all(|&dz| dz == -1.0), "{}", gpu.info());
    });
}

/// By the definition, which loses its digits far from 0.
fn loss(z: &[f64], t: &[f64]) -> f64 {
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let each = |(z, t): (&f64, &f64)| -t * sigmoid(*z).ln() - (1.0 - t) * sigmoid(-z).ln();
    z.iter().zip(t).map(each).sum()
}

#[test]
fn the_cpu_agrees_with_f64_and_with_finite_differences() {
    let device = Device::cpu();
    for (rows, columns) in [(1, 1), (3, 2), (5, 97), (2000, 17)] {
        let (z, t) = (ordinary(1, rows * columns), ordinary(2, rows * columns));
        let t: Vec<f32> = t.iter().map(|t| t.abs().min(1.0)).collect();
        let scale = -1.3;
        let [mut found, mut squared] =
            [2, 5].map(|more| tensor(&device, &[rows + more], &vec![9.0; rows + more]));
        let mut dz = Tensor::for_output(&device, &[rows, columns]).unwrap();
        let (a, b) = (tensor(&device, &[rows, columns], &z), tensor(&device, &[rows, columns], &t));
        let out = Losses::at(&mut found, 1).with_gradient(&mut dz, scale);
        logistic_loss(&a, &b, out, Some(Place::at(&mut squared, 2))).unwrap();
        let [found, squared, dz] = [found, squared, dz].map(|t| t.to_vec().unwrap());
        assert_eq!([found[0], found[rows + 1], squared[1], squared[rows + 2]], [9.0; 4]);
        for r in 0..rows {
            let row = r * columns..(r + 1) * columns;
            let (z, t) = (doubles(&z[row.clone()]), doubles(&t[row.clone()]));
            let exact = loss(&z, &t);
            let steps = 10.0 + columns as f64 / 16.0;
            assert_close(found[r + 1], exact, steps * 6e-8 * (exact + columns as f64));
            let squares: f64 =
                z.iter().zip(&t).map(|(z, t)| (1.0 / (1.0 + (-z).exp()) - t).powi(2)).sum();
            assert_close(squared[r + 2], squares, steps * 4e-7 * (squares + 1.0));
            for i in [0, columns / 2, columns - 1] {
                let exact = f64::from(scale) * slope(&z, i, |z| loss(z, &t));
                assert_close(dz[row.start + i], exact, 1e-6);
            }
        }
    }
}

/// Where σ(z) is 0 or 1 in f32 the loss is still |z|, and its gradient 1.
#[test]
fn far_from_0_nothing_is_lost() {
    everywhere(|device| {
        let z = tensor(device, &[4, 1], &[1e4, -1e4, 1e4, -30.0]);
        let t = tensor(device, &[4, 1], &[0.0, 1.0, 1.0, 0.0]);
        let mut loss = Tensor::zeros(device, &[4]).unwrap();
        let mut dz = Tensor::zeros(device, &[4, 1]).unwrap();
        logistic_loss(&z, &t, Losses::at(&mut loss, 0).with_gradient(&mut dz, 2.0), None).unwrap();
        let (loss, dz) = (loss.to_vec().unwrap(), dz.to_vec().unwrap());
        assert_eq!((&loss[..3], &dz[..3]), (&[1e4, 1e4, 0.0][..], &[2.0, -2.0, 0.0][..]));
        assert!((loss[3] / 9.357_623e-14 - 1.0).abs() < 1e-4, "{} {}", device.info(), loss[3]);
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let z = Tensor::zeros(&device, &[4, 3]).unwrap();
    let t = Tensor::zeros(&device, &[3, 4]).unwrap();
    let [mut loss, mut squared] = [4, 4].map(|n| Tensor::zeros(&device, &[n]).unwrap());
    let words = ["logistic_loss", "the target is [3, 4], expected [4, 3]"];
    assert_refused(logistic_loss(&z, &t, Losses::at(&mut loss, 0), None), &words);
    let place = Some(Place::at(&mut squared, 2));
    let words = ["the squared error is [4]", "4 cases from element 2"];
    assert_refused(logistic_loss(&z, &z, Losses::at(&mut loss, 0), place), &words);
}
