use harmonium::Device;
use harmonium::kernels::proof::Values;
use harmonium::kernels::rbf::proof::case;
use harmonium::kernels::rbf::rbf;
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, everywhere, tensor};
use super::{LONG, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for dims in [
            [0, 3, 5],
            [3, 0, 5],
            [3, 5, 0],
            [1, 1, 1],
            [7, 3, 63],
            [13, 10, 84],
            [129, 65, 17],
            [2, 3, 513],
            [3, 2, 5003],
            [1, 2, 20_011],
        ] {
            assert_passed(gpu, case(gpu, dims, Values::Wide));
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, [11, 10, 21], values));
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for dims in [[5, 7, 19], [3, 2, 0], [3, 5, 1009]] {
            assert_passed(gpu, case(gpu, dims, Values::Wide));
        }
    });
}

/// Rows for teams of 64.
#[test]
fn long_rows_are_whole() {
    on_gpus(|gpu| {
        let d = 64 * LONG;
        let (x, w) = (ones(gpu, &[1, d]), Tensor::zeros(gpu, &[2, d]).unwrap());
        let mut y = stale(gpu, &[1, 2]);
        rbf(&x, &w, &mut y).unwrap();
        assert_eq!(y.to_vec().unwrap(), [d as f32; 2], "{}", gpu.info());
    });
}

#[test]
fn the_cpu_agrees_with_f64() {
    let device = Device::cpu();
    for [b, n, d] in [[1, 1, 1], [5, 3, 16], [4, 10, 84], [300, 10, 33]] {
        let (x, w) = (ordinary(1, b * d), ordinary(2, n * d));
        let mut y = Tensor::for_output(&device, &[b, n]).unwrap();
        rbf(&tensor(&device, &[b, d], &x), &tensor(&device, &[n, d], &w), &mut y).unwrap();
        for (at, y) in y.to_vec().unwrap().into_iter().enumerate() {
            let (x, w) = (&x[at / n * d..][..d], &w[at % n * d..][..d]);
            let squares = x.iter().zip(w).map(|(x, w)| (f64::from(*x) - f64::from(*w)).powi(2));
            let exact: f64 = squares.sum();
            assert_close(y, exact, (10.0 + d as f64 / 16.0) * 6e-8 * exact);
        }
    }
}

#[test]
fn a_small_distance_of_large_numbers_keeps_its_digits() {
    everywhere(|device| {
        let mut y = Tensor::for_output(device, &[1, 2]).unwrap();
        let x = tensor(device, &[1, 2], &[4096.0, -4096.0]);
        let w = tensor(device, &[2, 2], &[4096.0, -4096.0, 4096.0, -4096.5]);
        rbf(&x, &w, &mut y).unwrap();
        assert_eq!(y.to_vec().unwrap(), [0.0, 0.25], "{}", device.info());
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[4, 84]).unwrap();
    let w = Tensor::zeros(&device, &[10, 83]).unwrap();
    let mut y = Tensor::zeros(&device, &[4, 9]).unwrap();
    assert_refused(rbf(&x, &w, &mut y), &["rbf", "[4, 84]", "[10, 83]"]);
    let w = Tensor::zeros(&device, &[10, 84]).unwrap();
    assert_refused(rbf(&x, &w, &mut y), &["y is [4, 9], expected [4, 10]"]);
}
