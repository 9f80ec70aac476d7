use harmonium::Device;
use harmonium::kernels::Losses;
use harmonium::kernels::cross_entropy::cross_entropy;
use harmonium::kernels::cross_entropy::proof::case;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, doubles, everywhere, slope, tensor};
use super::{LONG, assert_close, assert_passed, on_gpus, on_gpus_in_slices, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        // Rows by one invocation and by teams up to a whole workgroup, on each kind of adapter.
        for columns in [0, 1, 2, 10, 97, 513, 1000, 5003, 20_011] {
            for rows in [0, 1, 13] {
                assert_passed(gpu, case(gpu, [rows, columns], true, Values::Wide));
            }
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, [131, 31], true, values));
            assert_passed(gpu, case(gpu, [5, 1021], false, values));
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for dims in [[5, 10], [7, 1000], [100, 1]] {
            for gradient in [false, true] {
                assert_passed(gpu, case(gpu, dims, gradient, Values::Wide));
                assert_passed(gpu, case(gpu, dims, gradient, Values::NonFinite));
            }
        }
    });
}

/// Rows for teams of 64 and three loops: N equal scores have the loss ln N, and the slopes 1/N, but for the
/// class's.
#[test]
fn long_rows_are_seen_to_their_end() {
    on_gpus(|gpu| {
        let n = 64 * LONG / 3;
        let (x, class) = (tensor(gpu, &[1, n], &vec![0.25; n]), n / 2);
        let classes = tensor(gpu, &[1], &[class as f32]);
        let (mut loss, mut dx) = (stale(gpu, &[1]), stale(gpu, &[1, n]));
        let out = Losses::at(&mut loss, 0).with_gradient(&mut dx, n as f32);
        cross_entropy(&x, &classes, out).unwrap();
        assert_close(loss.to_vec().unwrap()[0], (n as f64).ln(), 1e-5);
        for (i, dx) in dx.to_vec().unwrap().into_iter().enumerate() {
            let expected = if i == class { 1.0 - n as f64 } else { 1.0 };
            assert_close(dx, expected, 1e-5 * expected.abs());
        }
    });
}

/// ln Σ exp(x − x_D), plainly.
fn loss(x: &[f64], class: usize) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|x| (x - largest).exp()).sum();
    largest - x[class] + sum.ln()
}

#[test]
fn the_cpu_agrees_with_f64_and_with_finite_differences() {
    let device = Device::cpu();
    for (rows, columns) in [(1, 1), (3, 2), (20, 10), (2, 1000), (1500, 11)] {
        let mut inputs = Inputs::new(3);
        let x: Vec<f32> =
            inputs.values(Values::Ordinary, rows * columns).iter().map(|x| 3.0 * x).collect();
        let classes: Vec<f32> =
            inputs.below(columns as u32, rows).into_iter().map(|c| c as f32).collect();
        let scale = 0.7;
        let mut found = Tensor::zeros(&device, &[rows]).unwrap();
        let mut alone = Tensor::zeros(&device, &[rows]).unwrap();
        let mut dx = Tensor::for_output(&device, &[rows, columns]).unwrap();
        let t = tensor(&device, &[rows, columns], &x);
        let c = tensor(&device, &[rows], &classes);
        cross_entropy(&t, &c, Losses::at(&mut found, 0).with_gradient(&mut dx, scale)).unwrap();
        cross_entropy(&t, &c, Losses::at(&mut alone, 0)).unwrap();
        let (found, dx) = (found.to_vec().unwrap(), dx.to_vec().unwrap());
        for (f, a) in found.iter().zip(alone.to_vec().unwrap()) {
            assert!((f - a).abs() <= 1e-6 * (1.0 + f), "{f} {a}");
        }
        for (r, (x, dx)) in x.chunks(columns).zip(dx.chunks(columns)).enumerate() {
            let (x, class) = (doubles(x), classes[r] as usize);
            let exact = loss(&x, class);
            // Differences up to 12, rounded; the exponential's 3 units; 16 partial sums.
            let steps = 20.0 + columns as f64 / 16.0;
            assert_close(found[r], exact, 1.2e-7 * steps * (1.0 + exact));
            for i in [0, columns / 2, columns - 1, class] {
                let exact = f64::from(scale) * slope(&x, i, |x| loss(x, class));
                assert_close(dx[i], exact, 1.2e-7 * steps * exact.abs() + 1e-9);
            }
        }
    }
}

#[test]
fn a_loss_near_zero_keeps_its_digits() {
    everywhere(|device| {
        let x = tensor(device, &[2, 2], &[20.0, 0.0, 8.0, 0.0]);
        let classes = tensor(device, &[2], &[0.0, 0.0]);
        let mut loss = Tensor::zeros(device, &[2]).unwrap();
        let mut dx = Tensor::zeros(device, &[2, 2]).unwrap();
        cross_entropy(&x, &classes, Losses::at(&mut loss, 0).with_gradient(&mut dx, 1.0)).unwrap();
        let (loss, dx) = (loss.to_vec().unwrap(), dx.to_vec().unwrap());
        for (i, x) in [20.0f64, 8.0].into_iter().enumerate() {
            let exact = (-x).exp().ln_1p();
            // The exponential errs by up to 3 + 2x units.
            assert_close(loss[i], exact, (10.0 + 3.0 * x) * 1.2e-7 * exact);
            let p = 1.0 / (1.0 + x.exp());
            assert_close(dx[2 * i], -p, (10.0 + 3.0 * x) * 1.2e-7 * p);
            assert_close(dx[2 * i + 1], p, (10.0 + 3.0 * x) * 1.2e-7 * p);
        }
    });
}

#[test]
fn what_has_no_loss_is_nan_and_other_rows_and_elements_stay() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    let bad = [
        ([NAN, 1.0, 2.0], 0.0),
        ([NAN, 1.0, 2.0], 1.0),
        ([1.0, 2.0, NAN], 0.0),
        ([1.0, 2.0, INF], 0.0),
        ([1.0, 2.0, INF], 2.0),
        ([-INF, -INF, -INF], 1.0),
        ([1.0, 2.0, 3.0], 3.0),
        ([1.0, 2.0, 3.0], -1.0),
        ([1.0, 2.0, 3.0], 0.5),
        ([1.0, 2.0, 3.0], NAN),
        ([1.0, 2.0, 3.0], INF),
        ([1.0, 2.0, 3.0], 4.0e9),
    ];
    everywhere(|device| {
        let mut x: Vec<f32> = bad.iter().flat_map(|(row, _)| *row).collect();
        let mut classes: Vec<f32> = bad.iter().map(|(_, class)| *class).collect();
        x.extend([5.0, -INF, 5.0, -INF, 1.0, -INF]);
        classes.extend([-0.0, 0.0]);
        let n = classes.len();
        let (x, classes) = (tensor(device, &[n, 3], &x), tensor(device, &[n], &classes));
        let mut loss = tensor(device, &[n + 3], &vec![9.0; n + 3]);
        let mut dx = Tensor::zeros(device, &[n, 3]).unwrap();
        cross_entropy(&x, &classes, Losses::at(&mut loss, 1).with_gradient(&mut dx, 1.0)).unwrap();
        let (loss, dx) = (loss.to_vec().unwrap(), dx.to_vec().unwrap());
        let k = bad.len();
        assert!(loss[1..=k].iter().all(|l| l.is_nan()), "{loss:?} on {}", device.info());
        assert!(dx[..3 * k].iter().all(|d| d.is_nan()), "{dx:?} on {}", device.info());
        assert_close(loss[k + 1], 2f64.ln(), 1e-6);
        assert_eq!(dx[3 * k..], [-0.5, 0.0, 0.5, -1.0, 1.0, 0.0], "{}", device.info());
        assert_eq!(loss[k + 2], INF);
        assert_eq!([loss[0], loss[k + 3], loss[k + 4]], [9.0; 3]);
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[4, 3]).unwrap();
    let classes = Tensor::zeros(&device, &[4]).unwrap();
    let mut loss = Tensor::zeros(&device, &[6]).unwrap();
    assert_refused(
        cross_entropy(&x, &classes, Losses::at(&mut loss, 3)),
        &["cross_entropy", "the loss is [6]", "4 cases", "element 3"],
    );
    assert_refused(
        cross_entropy(&x, &classes, Losses::at(&mut loss, usize::MAX)),
        &["no room for 4 cases"],
    );
    let mut words = Tensor::for_indices(&device, &[6]).unwrap();
    assert_refused(
        cross_entropy(&x, &classes, Losses::at(&mut words, 0)),
        &["the loss has U32 elements"],
    );
    assert_refused(
        cross_entropy(&x, &loss, Losses::at(&mut words, 0)),
        &["the classes is [6], expected [4]"],
    );
    let mut dx = Tensor::zeros(&device, &[3, 4]).unwrap();
    assert_refused(
        cross_entropy(&x, &classes, Losses::at(&mut loss, 0).with_gradient(&mut dx, 1.0)),
        &["dx is [3, 4], expected [4, 3]"],
    );
    assert!(cross_entropy(&x, &classes, Losses::at(&mut loss, 2)).is_ok());
}
