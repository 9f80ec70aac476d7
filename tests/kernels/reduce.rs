use harmonium::Device;
use harmonium::kernels::proof::Values;
use harmonium::kernels::reduce::proof::{AXES, REDUCTIONS, case};
use harmonium::kernels::reduce::{Axis, Reduction, reduce};
use harmonium::tensor::Tensor;

use super::{LONG, assert_close, assert_passed, on_gpus, ones, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for what in REDUCTIONS {
            for axis in AXES {
                for [rows, columns] in [
                    [0, 0],
                    [0, 5],
                    [5, 0],
                    [1, 1],
                    [1, 63],
                    [64, 1],
                    [65, 3],
                    [97, 101],
                    // Around the 4,096 elements of one workgroup, and two passes of them.
                    [1, 4095],
                    [4096, 1],
                    [3, 4097],
                    [8193, 2],
                ] {
                    assert_passed(gpu, case(gpu, what, axis, [rows, columns], Values::Ordinary));
                }
                for values in [Values::Huge, Values::Subnormal, Values::NonFinite] {
                    assert_passed(gpu, case(gpu, what, axis, [11, 7], values));
                }
            }
        }
    });
}

#[test]
fn long_sums_are_whole() {
    on_gpus(|gpu| {
        let count = 64 * LONG;
        for (axis, dims) in [(Axis::Rows, [1, count]), (Axis::Columns, [count, 1])] {
            let sum = reduce(Reduction::Sum, axis, 1.0, &ones(gpu, &dims)).unwrap();
            assert_eq!(sum.to_vec().unwrap(), [count as f32], "{axis:?} on {}", gpu.info());
        }
    });
}

#[test]
fn one_sum_over_three_passes() {
    // More than 4,096² elements: 67 MB, ones, so that the sum is exact.
    let n = 4096 * 4096 + 5;
    on_gpus(|gpu| {
        let x = Tensor::from_f32(gpu, &[n], &vec![0.25; n]).unwrap();
        let sum = reduce(Reduction::Sum, Axis::All, 4.0, &x).unwrap().to_vec().unwrap();
        assert_eq!(sum, [(n as f32)], "{}", gpu.info());
    });
}

#[test]
fn nothing_reduces_to_the_neutral_element_and_nan_stays() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        let empty = Tensor::from_f32(device, &[2, 0], &[]).unwrap();
        let nan = Tensor::from_f32(device, &[2, 2], &[1.0, f32::NAN, 3.0, 4.0]).unwrap();
        let of = |what, x: &Tensor| reduce(what, Axis::Rows, 1.0, x).unwrap().to_vec().unwrap();
        assert_eq!(of(Reduction::Sum, &empty), [0.0, 0.0]);
        assert_eq!(of(Reduction::Max, &empty), [f32::NEG_INFINITY; 2]);
        assert_eq!(of(Reduction::Min, &empty), [f32::INFINITY; 2]);
        for what in [Reduction::Sum, Reduction::Max, Reduction::Min] {
            let y = of(what, &nan);
            assert!(y[0].is_nan() && y[1].is_finite(), "{what:?} {y:?} {}", device.info());
        }
        assert_eq!(of(Reduction::NonFinite, &nan), [1.0, 0.0]);
    }
}

#[test]
fn the_cpu_agrees_with_f64() {
    let device = Device::cpu();
    let [rows, columns] = [37, 53];
    let x = ordinary(3, rows * columns);
    let t = Tensor::from_f32(&device, &[rows, columns], &x).unwrap();
    let at = |r: usize, c: usize| f64::from(x[r * columns + c]);
    for axis in AXES {
        let (lines, length) = match axis {
            Axis::Rows => (rows, columns),
            Axis::Columns => (columns, rows),
            Axis::All => (1, rows * columns),
        };
        let element = |line: usize, e: usize| match axis {
            Axis::Rows => at(line, e),
            Axis::Columns => at(e, line),
            Axis::All => at(e / columns, e % columns),
        };
        for what in REDUCTIONS {
            let y = reduce(what, axis, 0.5, &t).unwrap().to_vec().unwrap();
            assert_eq!(y.len(), lines);
            for (line, y) in y.into_iter().enumerate() {
                let values = || (0..length).map(|e| element(line, e));
                let expected = match what {
                    Reduction::Sum => values().sum(),
                    Reduction::SumOfSquares => values().map(|x| x * x).sum(),
                    Reduction::Max => values().fold(f64::NEG_INFINITY, f64::max),
                    Reduction::Min => values().fold(f64::INFINITY, f64::min),
                    Reduction::NonFinite => 0.0,
                };
                // One rounding to f32.
                assert_close(y, 0.5 * expected, 1e-7 * expected.abs() + 1e-12);
            }
        }
    }
}
