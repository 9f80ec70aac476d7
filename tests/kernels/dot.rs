use harmonium::kernels::Place;
use harmonium::kernels::dot::proof::case;
use harmonium::kernels::dot::{dot, dots, partial_sums};
use harmonium::kernels::proof::Values;
use harmonium::tensor::Tensor;
use harmonium::{Device, Error};

use super::losses::{assert_refused, doubles, everywhere, tensor};
use super::{assert_close, assert_passed, on_gpus, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for n in [0, 1, 63, 64, 65, 4095, 4096, 4097, 10_007] {
            assert_passed(gpu, case(gpu, n, Values::Wide));
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, 101, values));
        }
    });
}

/// Each partial sum against f64, and the whole product, which is added on the host.
#[test]
fn sums_agree_with_f64() {
    for n in [1, 7, 8, 9, 4095, 4096, 4097, 40_009] {
        let (x, y) = (ordinary(1, n), ordinary(2, n));
        let products: Vec<f64> =
            doubles(&x).into_iter().zip(doubles(&y)).map(|(x, y)| x * y).collect();
        everywhere(|device| {
            let (x, y) = (tensor(device, &[n], &x), tensor(device, &[n], &y));
            let mut partials = Tensor::zeros(device, &[partial_sums(n)]).unwrap();
            dot(&x, &y, Place::at(&mut partials, 0)).unwrap();
            let found = partials.to_vec().unwrap();
            let sizes = products.chunks(4096).map(|c| c.iter().map(|p| p.abs()).sum::<f64>());
            // (64 + 9) roundings at most of what a chunk adds up.
            let bound = |size: f64| 73.0 * 1.2e-7 * size;
            for ((found, chunk), size) in found.iter().zip(products.chunks(4096)).zip(sizes) {
                assert_close(*found, chunk.iter().sum(), bound(size));
            }
            let whole = dots(&[(&x, &y), (&x, &x)]).unwrap();
            let expected: f64 = products.iter().sum();
            let size: f64 = products.iter().map(|p| p.abs()).sum();
            assert!((whole[0] - expected).abs() <= bound(size), "{whole:?}, expected {expected}");
            assert!(whole[1] > 0.0);
        });
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let [x, y] = [2, 3].map(|n| Tensor::zeros(&device, &[n]).unwrap());
    let mut out = Tensor::zeros(&device, &[1]).unwrap();
    assert_refused(dot(&x, &y, Place::at(&mut out, 0)), &["dot", "y is [3], expected [2]"]);
    assert_refused(dot(&x, &x, Place::at(&mut out, 1)), &["partials is [1]", "no room"]);
    assert_eq!(dots(&[]).unwrap(), [0.0; 0]);
    let nothing = Tensor::zeros(&device, &[0]).unwrap();
    assert_eq!(dots(&[(&nothing, &nothing)]).unwrap(), [0.0]);
    on_gpus(|gpu| {
        let there = Tensor::zeros(gpu, &[2]).unwrap();
        let error = dots(&[(&x, &there)]).unwrap_err();
        assert!(matches!(error, Error::DeviceMismatch { .. }), "{error}");
    });
}
