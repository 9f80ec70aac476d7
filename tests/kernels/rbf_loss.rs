use harmonium::Device;
use harmonium::kernels::Losses;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::kernels::rbf_loss::proof::case;
use harmonium::kernels::rbf_loss::rbf_loss;
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, doubles, everywhere, slope, tensor};
use super::{LONG, assert_close, assert_passed, on_gpus, on_gpus_in_slices, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for columns in [0, 1, 2, 10, 1000, 20_011] {
            for rows in [0, 1, 13] {
                assert_passed(gpu, case(gpu, [rows, columns], (true, 0.1), Values::Wide));
            }
        }
        for values in Values::ALL {
            for j in [1.0, 1e6, -1e6] {
                assert_passed(gpu, case(gpu, [131, 31], (true, j), values));
            }
            assert_passed(gpu, case(gpu, [5, 1021], (false, 0.1), values));
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for dims in [[5, 10], [7, 1000], [100, 1]] {
            for gradient in [false, true] {
                assert_passed(gpu, case(gpu, dims, (gradient, 0.5), Values::Wide));
                assert_passed(gpu, case(gpu, dims, (gradient, 0.5), Values::NonFinite));
            }
        }
    });
}

/// Rows for teams of 64 and three loops: N equal distances d and a floor far above give ln N, and the slopes
/// −1/N, but for the class's.
#[test]
fn long_rows_are_seen_to_their_end() {
    on_gpus(|gpu| {
        let n = 64 * LONG / 3;
        let (y, class) = (tensor(gpu, &[1, n], &vec![0.25; n]), n / 2);
        let classes = tensor(gpu, &[1], &[class as f32]);
        let (mut loss, mut dy) = (stale(gpu, &[1]), stale(gpu, &[1, n]));
        let out = Losses::at(&mut loss, 0).with_gradient(&mut dy, n as f32);
        rbf_loss(&y, &classes, 1e3, out).unwrap();
        assert_close(loss.to_vec().unwrap()[0], (n as f64).ln(), 1e-5);
        for (i, dy) in dy.to_vec().unwrap().into_iter().enumerate() {
            let expected = if i == class { n as f64 - 1.0 } else { -1.0 };
            assert_close(dy, expected, 1e-5 * expected.abs());
        }
    });
}

/// y_D + ln(e^−j + Σ e^−y), as it is published: it overflows where distances are large.
fn loss(y: &[f64], class: usize, j: f64) -> f64 {
    y[class] + ((-j).exp() + y.iter().map(|y| (-y).exp()).sum::<f64>()).ln()
}

#[test]
fn the_cpu_agrees_with_f64_and_with_finite_differences() {
    let device = Device::cpu();
    for (rows, columns, j) in [(1, 1, 0.0), (9, 2, 1.0), (20, 10, -2.0), (1500, 10, 5.0)] {
        let mut inputs = Inputs::new(5);
        let y: Vec<f32> =
            inputs.values(Values::Ordinary, rows * columns).iter().map(|y| 4.0 * y.abs()).collect();
        let classes: Vec<f32> =
            inputs.below(columns as u32, rows).into_iter().map(|c| c as f32).collect();
        let scale = 0.3;
        let mut found = Tensor::zeros(&device, &[rows]).unwrap();
        let mut dy = Tensor::for_output(&device, &[rows, columns]).unwrap();
        let t = tensor(&device, &[rows, columns], &y);
        let c = tensor(&device, &[rows], &classes);
        rbf_loss(&t, &c, j, Losses::at(&mut found, 0).with_gradient(&mut dy, scale)).unwrap();
        let (found, dy) = (found.to_vec().unwrap(), dy.to_vec().unwrap());
        for (r, (y, dy)) in y.chunks(columns).zip(dy.chunks(columns)).enumerate() {
            let (y, class) = (doubles(y), classes[r] as usize);
            let exact = loss(&y, class, j.into());
            assert_close(found[r], exact, 1.2e-7 * 30.0 * (1.0 + exact.abs()));
            for (i, dy) in dy.iter().enumerate() {
                let exact = f64::from(scale) * slope(&y, i, |y| loss(y, class, j.into()));
                assert_close(*dy, exact, 1.2e-7 * 30.0 * exact.abs() + 1e-9);
            }
        }
    }
}

#[test]
fn large_distances_and_far_j_do_not_overflow() {
    everywhere(|device| {
        let y = [1e6, 2e6, 0.0, 1e6, 1e6, 1e6, 3e38, 0.0, 1000.0, 1001.0];
        let y = tensor(device, &[5, 2], &y);
        let classes = tensor(device, &[5], &[0.0, 1.0, 1.0, 0.0, 0.0]);
        let run = |j: f32| {
            let mut loss = Tensor::zeros(device, &[5]).unwrap();
            let mut dy = Tensor::zeros(device, &[5, 2]).unwrap();
            rbf_loss(&y, &classes, j, Losses::at(&mut loss, 0).with_gradient(&mut dy, 1.0))
                .unwrap();
            (loss.to_vec().unwrap(), dy.to_vec().unwrap())
        };
        // A near j: every distance is far above it.
        let (loss, dy) = run(1.0);
        let expected = [999_999.0, 1e6 + (1.0 + (-1f64).exp()).ln(), 999_999.0, 3e38, 999.0];
        for (found, expected) in loss.iter().zip(expected) {
            assert_close(*found, expected, 2e-7 * expected);
        }
        assert_eq!(dy[0..2], [1.0, 0.0], "{}", device.info());
        assert_eq!(dy[4..6], [0.0, 1.0], "{}", device.info());
        // A far j: only the distances count.
        let (loss, dy) = run(1e9);
        let expected = [0.0, 1e6, 2f64.ln(), 3e38, (1.0 + (-1f64).exp()).ln()];
        for (found, expected) in loss.iter().zip(expected) {
            assert_close(*found, expected, 2e-6 * expected);
        }
        assert_eq!(dy[0..8], [0.0, 0.0, -1.0, 1.0, -0.5, 0.5, 1.0, -1.0], "{}", device.info());
        let p = 1.0 / (1.0 + 1f64.exp());
        assert_close(dy[8], p, 1e-6);
        assert_close(dy[9], -p, 1e-6);
        // j far below: the same as no other class.
        let (loss, dy) = run(-1e6);
        assert_close(loss[0], 2e6, 1.0);
        assert_eq!(dy[0..2], [1.0, 0.0], "{}", device.info());
    });
}

#[test]
fn what_has_no_loss_is_nan() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    everywhere(|device| {
        let y = [NAN, 1.0, 1.0, NAN, -INF, 1.0, 1.0, 2.0, 1.0, 2.0, INF, 1.0, 1.0, INF];
        let y = tensor(device, &[7, 2], &y);
        let classes = tensor(device, &[7], &[0.0, 0.0, 1.0, 2.0, NAN, 0.0, 0.0]);
        let mut loss = tensor(device, &[9], &[9.0; 9]);
        let mut dy = Tensor::zeros(device, &[7, 2]).unwrap();
        rbf_loss(&y, &classes, 1.0, Losses::at(&mut loss, 1).with_gradient(&mut dy, 1.0)).unwrap();
        let (loss, dy) = (loss.to_vec().unwrap(), dy.to_vec().unwrap());
        assert!(loss[1..6].iter().all(|l| l.is_nan()), "{loss:?} on {}", device.info());
        assert!(dy[..10].iter().all(|d| d.is_nan()), "{dy:?} on {}", device.info());
        assert_eq!([loss[0], loss[6], loss[8]], [9.0, INF, 9.0]);
        // e^−1 of the other class and e^−j: one half each.
        assert_eq!(dy[10..], [1.0, -0.5, 0.5, 0.0], "{}", device.info());
        assert_close(loss[7], 2f64.ln(), 1e-6);
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let y = Tensor::zeros(&device, &[4, 3]).unwrap();
    let classes = Tensor::zeros(&device, &[4]).unwrap();
    let mut loss = Tensor::zeros(&device, &[6]).unwrap();
    for j in [f32::NAN, f32::INFINITY] {
        assert_refused(rbf_loss(&y, &classes, j, Losses::at(&mut loss, 0)), &["j: ", "finite"]);
    }
    assert_refused(
        rbf_loss(&y, &classes, 1.0, Losses::at(&mut loss, 3)),
        &["rbf_loss", "the loss is [6]", "4 cases", "element 3"],
    );
    assert_refused(rbf_loss(&y, &y, 1.0, Losses::at(&mut loss, 0)), &["the classes is [4, 3]"]);
}
