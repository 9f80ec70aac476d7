use harmonium::kernels::proof::Values;
use harmonium::kernels::sample;
use harmonium::kernels::sample::proof::{KINDS, Kind, case, published};
use harmonium::random::{Draw, normal_pair};
use harmonium::tensor::Tensor;
use harmonium::{Device, Error};

use super::{SIZES, assert_passed, on_gpus};

#[test]
fn the_published_vectors_are_exact_everywhere() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        assert_passed(device, published(device));
    }
}

#[test]
fn adapters_agree_with_the_cpu() {
    let draws = [
        Draw::new(1, 1),
        Draw::new(u64::MAX, u16::MAX).at_level(255).at((1 << 40) - 1).from_case(u32::MAX - 2),
    ];
    on_gpus(|gpu| {
        for draw in draws {
            for kind in KINDS {
                for columns in SIZES {
                    assert_passed(gpu, case(gpu, kind, [7, columns], &draw));
                }
                assert_passed(gpu, case(gpu, kind, [513, 259], &draw));
            }
            for values in Values::ALL {
                let kind = Kind::NormalAround(0.5, values);
                assert_passed(gpu, case(gpu, kind, [9, 31], &draw));
            }
        }
    });
}

#[test]
fn extreme_probabilities_are_certain() {
    let p = [0.0, 1.0, -1.0, 2.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0];
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let rows = 5000;
        let many: Vec<f32> = p.into_iter().cycle().take(rows * p.len()).collect();
        let t = Tensor::from_f32(device, &[rows, p.len()], &many).unwrap();
        let mut out = Tensor::for_output(device, &[rows, p.len()]).unwrap();
        sample::bernoulli(&Draw::new(3, 1), &t, &mut out).unwrap();
        for row in out.to_vec().unwrap().chunks(p.len()) {
            assert_eq!(row, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0], "{}", device.info());
        }
    }
}

#[test]
fn means_lie_within_the_monte_carlo_floor() {
    let [rows, columns] = [20_000, 8];
    let p = [0.01f32, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.001];
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let many: Vec<f32> = p.into_iter().cycle().take(rows * columns).collect();
        let t = Tensor::from_f32(device, &[rows, columns], &many).unwrap();
        let mut out = Tensor::for_output(device, &[rows, columns]).unwrap();
        sample::bernoulli(&Draw::new(17, 2), &t, &mut out).unwrap();
        let out = out.to_vec().unwrap();
        for (column, p) in p.into_iter().map(f64::from).enumerate() {
            let ones: f32 = out.iter().skip(column).step_by(columns).sum();
            let mean = f64::from(ones) / rows as f64;
            // Four standard errors of a proportion.
            let floor = 4.0 * (p * (1.0 - p) / rows as f64).sqrt();
            assert!((mean - p).abs() < floor, "{mean} for {p} on {}", device.info());
        }
    }
}

#[test]
fn uniform_numbers_fill_their_bins_evenly() {
    let [rows, columns] = [1000, 256];
    let bins = 64;
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let mut out = Tensor::for_output(device, &[rows, columns]).unwrap();
        sample::uniform(&Draw::new(23, 5), &mut out).unwrap();
        let mut counts = vec![0f64; bins];
        for u in out.to_vec().unwrap() {
            assert!((0.0..1.0).contains(&u));
            counts[(u * bins as f32) as usize] += 1.0;
        }
        let expected = (rows * columns) as f64 / bins as f64;
        let chi: f64 = counts.iter().map(|c| (c - expected).powi(2) / expected).sum();
        // χ² with 63 degrees of freedom: mean 63, deviation √126 ≈ 11.2; five deviations either way.
        assert!((7.0..119.0).contains(&chi), "{chi} on {}", device.info());
    }
}

#[test]
fn normal_numbers_have_the_moments_of_a_normal() {
    let [rows, columns] = [1000, 255];
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let mut out = Tensor::for_output(device, &[rows, columns]).unwrap();
        sample::gaussian(&Draw::new(29, 6), None, 1.0, &mut out).unwrap();
        let x = out.to_vec().unwrap();
        let moment = |k: i32| x.iter().map(|x| f64::from(*x).powi(k)).sum::<f64>() / x.len() as f64;
        // Five standard errors: the variances of x, x², x³, x⁴ are 1, 2, 15 and 96.
        for (k, expected, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let floor = 5.0 * f64::sqrt(variance / x.len() as f64);
            let found = moment(k);
            assert!((found - expected).abs() < floor, "{k}: {found} on {}", device.info());
        }
        // The two numbers of a pair, and neighbouring pairs, are uncorrelated.
        for lag in [1, 2] {
            let products = x.chunks(columns).flat_map(|row| {
                row.iter().zip(&row[lag..]).map(|(a, b)| f64::from(*a) * f64::from(*b))
            });
            let products: Vec<f64> = products.collect();
            let mean = products.iter().sum::<f64>() / products.len() as f64;
            let floor = 5.0 / (products.len() as f64).sqrt();
            assert!(mean.abs() < floor, "lag {lag}: {mean} on {}", device.info());
        }
    }
}

#[test]
fn normal_numbers_agree_with_the_built_in_functions() {
    let mut rng = harmonium::random::PhiloxRng::new(Draw::new(31, 7));
    let edges = [[0, 0], [u32::MAX, 0], [u32::MAX, u32::MAX], [0, u32::MAX], [1 << 31, 1 << 30]];
    let random = (0..20_000).map(|_| [rng.word(), rng.word()]);
    for [w0, w1] in edges.into_iter().chain(random) {
        let u1 = (f64::from(w0 >> 8) + 1.0) / 16_777_216.0;
        let u2 = f64::from(w1 >> 8) / 16_777_216.0;
        let r = (-2.0 * u1.ln()).sqrt();
        let expected =
            [r * (std::f64::consts::TAU * u2).cos(), r * (std::f64::consts::TAU * u2).sin()];
        for (found, expected) in normal_pair(w0, w1).into_iter().zip(expected) {
            let error = (f64::from(found) - expected).abs();
            assert!(error < 5e-6, "{found} for {expected} from {w0:#x} {w1:#x}");
        }
    }
}

#[test]
fn wrong_elements_are_refused() {
    let device = Device::cpu();
    let mut floats = Tensor::zeros(&device, &[2, 2]).unwrap();
    let mut words = Tensor::from_u32(&device, &[2, 2], &[0; 4]).unwrap();
    let draw = Draw::new(1, 1);
    for result in [sample::words(&draw, &mut floats), sample::uniform(&draw, &mut words)] {
        assert!(matches!(result, Err(Error::Shape { .. })));
    }
}
