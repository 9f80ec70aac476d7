use harmonium::Device;
use harmonium::kernels::Losses;
use harmonium::kernels::proof::Values;
use harmonium::kernels::squared_error::proof::case;
use harmonium::kernels::squared_error::squared_error;
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, doubles, everywhere, slope, tensor};
use super::{LONG, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for columns in [0, 1, 2, 17, 97, 513, 784, 5003, 20_011] {
            for rows in [0, 1, 13] {
                assert_passed(gpu, case(gpu, [rows, columns], true, Values::Wide));
            }
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, [131, 31], true, values));
            assert_passed(gpu, case(gpu, [131, 31], false, values));
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for dims in [[5, 37], [13, 784], [3, 0]] {
            for gradient in [false, true] {
                assert_passed(gpu, case(gpu, dims, gradient, Values::Wide));
            }
        }
    });
}

/// Rows for teams of 64.
#[test]
fn long_rows_are_whole() {
    on_gpus(|gpu| {
        let d = 64 * LONG;
        let (x, t) = (ones(gpu, &[1, d]), Tensor::zeros(gpu, &[1, d]).unwrap());
        let (mut loss, mut dx) = (stale(gpu, &[1]), stale(gpu, &[1, d]));
        squared_error(&x, &t, Losses::at(&mut loss, 0).with_gradient(&mut dx, 0.5)).unwrap();
        assert_eq!(loss.to_vec().unwrap(), [d as f32], "{}", gpu.info());
        assert!(dx.to_vec().unwrap().iter().all(|&dx| dx == 1.0), "{}", gpu.info());
    });
}

fn loss(x: &[f64], t: &[f64]) -> f64 {
    x.iter().zip(t).map(|(x, t)| (x - t).powi(2)).sum::<f64>()
}

#[test]
fn the_cpu_agrees_with_f64_and_with_finite_differences() {
    let device = Device::cpu();
    for (rows, columns) in [(1, 1), (3, 2), (5, 97), (2000, 17), (3, 9001)] {
        let (x, t) = (ordinary(1, rows * columns), ordinary(2, rows * columns));
        let scale = -1.3;
        let mut found = tensor(&device, &[rows + 2], &vec![9.0; rows + 2]);
        let mut dx = Tensor::for_output(&device, &[rows, columns]).unwrap();
        let dims = [rows, columns];
        let (a, b) = (tensor(&device, &dims, &x), tensor(&device, &dims, &t));
        squared_error(&a, &b, Losses::at(&mut found, 1).with_gradient(&mut dx, scale)).unwrap();
        let (found, dx) = (found.to_vec().unwrap(), dx.to_vec().unwrap());
        assert_eq!([found[0], found[rows + 1]], [9.0; 2]);
        for r in 0..rows {
            let row = r * columns..(r + 1) * columns;
            let (x, t) = (doubles(&x[row.clone()]), doubles(&t[row.clone()]));
            let exact = loss(&x, &t);
            // 16 partial sums.
            let steps = 10.0 + columns as f64 / 16.0;
            assert_close(found[r + 1], exact, steps * 6e-8 * exact);
            for i in [0, columns / 2, columns - 1] {
                let exact = f64::from(scale) * slope(&x, i, |x| loss(x, &t));
                assert_close(dx[row.start + i], exact, 4e-7 * exact.abs() + 1e-9);
            }
        }
    }
}

#[test]
fn nothing_has_no_error_and_nan_stays() {
    everywhere(|device| {
        let empty = tensor(device, &[3, 0], &[]);
        let mut loss = tensor(device, &[4], &[9.0; 4]);
        squared_error(&empty, &empty, Losses::at(&mut loss, 1)).unwrap();
        assert_eq!(loss.to_vec().unwrap(), [9.0, 0.0, 0.0, 0.0], "{}", device.info());
        let x = tensor(device, &[3, 2], &[1.0, f32::NAN, 1.0, f32::INFINITY, 1.0, 2.0]);
        let t = tensor(device, &[3, 2], &[0.0, 0.0, 0.0, f32::INFINITY, 3.0, 2.0]);
        let mut dx = Tensor::zeros(device, &[3, 2]).unwrap();
        squared_error(&x, &t, Losses::at(&mut loss, 0).with_gradient(&mut dx, 1.0)).unwrap();
        let (loss, dx) = (loss.to_vec().unwrap(), dx.to_vec().unwrap());
        assert!(loss[0].is_nan() && loss[1].is_nan() && dx[1].is_nan() && dx[3].is_nan());
        assert_eq!([dx[0], dx[2], dx[4], dx[5]], [2.0, 2.0, -4.0, 0.0], "{}", device.info());
        assert_eq!(loss[2..], [4.0, 0.0]);
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[4, 3]).unwrap();
    let t = Tensor::zeros(&device, &[3, 4]).unwrap();
    let mut loss = Tensor::zeros(&device, &[4]).unwrap();
    assert_refused(
        squared_error(&x, &t, Losses::at(&mut loss, 0)),
        &["squared_error", "the target is [3, 4], expected [4, 3]"],
    );
    assert_refused(
        squared_error(&x, &x, Losses::at(&mut loss, 1)),
        &["the loss is [4]", "4 cases from element 1"],
    );
}
