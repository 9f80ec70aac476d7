use harmonium::Device;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::kernels::softmax::proof::case;
use harmonium::kernels::softmax::softmax;
use harmonium::tensor::Tensor;

use super::{LONG, SIZES, assert_close, assert_passed, on_gpus, on_gpus_in_slices, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for columns in SIZES {
            for rows in [0, 1, 13] {
                assert_passed(gpu, case(gpu, [rows, columns], Values::Wide));
            }
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, [31, 300], values));
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for dims in [[1, 1], [5, 10], [3, 64], [7, 257], [2, 3001]] {
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, dims, values));
            }
        }
    });
}

/// Three loops by 64 invocations.
#[test]
fn long_rows_are_whole() {
    on_gpus(|gpu| {
        let n = 64 * LONG / 3;
        let x = Tensor::from_f32(gpu, &[1, n], &vec![3.0; n]).unwrap();
        let mut y = stale(gpu, &[1, n]);
        softmax(&x, &mut y).unwrap();
        let expected = 1.0 / n as f64;
        y.to_vec().unwrap().into_iter().for_each(|y| assert_close(y, expected, 1e-5 * expected));
    });
}

#[test]
fn rows_that_are_not_finite_become_nan_and_others_do_not() {
    const INF: f32 = f32::INFINITY;
    let rows = [
        [f32::NAN, 1.0, 2.0],
        [1.0, f32::NAN, 2.0],
        [1.0, 2.0, f32::NAN],
        [1.0, INF, 2.0],
        [-INF, -INF, -INF],
    ];
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        let mut x = rows.concat();
        x.extend([1.0, -INF, 1.0]);
        let t = Tensor::from_f32(device, &[6, 3], &x).unwrap();
        let mut y = Tensor::for_output(device, &[6, 3]).unwrap();
        softmax(&t, &mut y).unwrap();
        let y = y.to_vec().unwrap();
        assert!(y[..15].iter().all(|y| y.is_nan()), "{y:?} on {}", device.info());
        assert_eq!(y[15..], [0.5, 0.0, 0.5], "{}", device.info());
    }
}

#[test]
fn the_cpu_agrees_with_f64() {
    let device = Device::cpu();
    for values in [Values::Ordinary, Values::Wide, Values::Huge] {
        let x = Inputs::new(2).values(values, 20 * 37);
        let t = Tensor::from_f32(&device, &[20, 37], &x).unwrap();
        let mut y = Tensor::for_output(&device, &[20, 37]).unwrap();
        softmax(&t, &mut y).unwrap();
        for (x, y) in x.chunks(37).zip(y.to_vec().unwrap().chunks(37)) {
            let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let e: Vec<f64> =
                x.iter().map(|x| (f64::from(*x) - f64::from(largest)).exp()).collect();
            let sum: f64 = e.iter().sum();
            for ((y, e), x) in y.iter().zip(&e).zip(x) {
                // The difference is rounded to half a unit in its last place.
                let distance = f64::from(largest - x).min(104.0);
                assert_close(*y, e / sum, (distance + 60.0) * 6e-8 * e / sum + 1e-38);
            }
        }
    }
}
