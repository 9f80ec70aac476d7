use harmonium::Device;
use harmonium::kernels::proof::Values;
use harmonium::kernels::rbf_grad_input::proof::case;
use harmonium::kernels::rbf_grad_input::rbf_grad_input;
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, doubles, slope, tensor};
use super::{LONG, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for dims in
            [[0, 3, 5], [3, 0, 5], [3, 5, 0], [1, 1, 1], [7, 3, 63], [13, 10, 84], [129, 65, 17]]
        {
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
        for dims in [[5, 7, 19], [3, 0, 2], [3, 100, 8]] {
            assert_passed(gpu, case(gpu, dims, Values::Wide));
        }
    });
}

#[test]
fn many_centres_all_count() {
    on_gpus(|gpu| {
        let (x, w) = (ones(gpu, &[2, 3]), Tensor::zeros(gpu, &[LONG, 3]).unwrap());
        let (dy, mut dx) = (ones(gpu, &[2, LONG]), stale(gpu, &[2, 3]));
        rbf_grad_input(&dy, &x, &w, &mut dx).unwrap();
        assert_eq!(dx.to_vec().unwrap(), [2.0 * LONG as f32; 6], "{}", gpu.info());
    });
}

#[test]
fn the_cpu_agrees_with_finite_differences_of_a_weighted_sum_of_distances() {
    let device = Device::cpu();
    for [b, n, d] in [[1, 1, 1], [3, 2, 5], [4, 10, 84], [150, 10, 33]] {
        let (dy, x, w) = (ordinary(1, b * n), ordinary(2, b * d), ordinary(3, n * d));
        let mut dx = Tensor::for_output(&device, &[b, d]).unwrap();
        rbf_grad_input(
            &tensor(&device, &[b, n], &dy),
            &tensor(&device, &[b, d], &x),
            &tensor(&device, &[n, d], &w),
            &mut dx,
        )
        .unwrap();
        let (dy, x, w) = (doubles(&dy), doubles(&x), doubles(&w));
        for (case, dx) in dx.to_vec().unwrap().chunks(d).enumerate() {
            let dy = &dy[case * n..][..n];
            let x = &x[case * d..][..d];
            let whole = |x: &[f64]| -> f64 {
                let distance =
                    |w: &[f64]| x.iter().zip(w).map(|(x, w)| (x - w).powi(2)).sum::<f64>();
                dy.iter().zip(w.chunks(d)).map(|(dy, w)| dy * distance(w)).sum()
            };
            for i in [0, d / 2, d - 1] {
                let terms =
                    dy.iter().zip(w.chunks(d)).map(|(dy, w)| (2.0 * dy * (x[i] - w[i])).abs());
                // Each sum runs over n terms; the difference of f64 numbers up to 1e4 adds 1e-7.
                let allowed = (n as f64 + 3.0) * 6e-8 * terms.sum::<f64>() + 1e-6;
                assert_close(dx[i], slope(x, i, whole), allowed);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[4, 84]).unwrap();
    let w = Tensor::zeros(&device, &[10, 84]).unwrap();
    let dy = Tensor::zeros(&device, &[4, 9]).unwrap();
    let mut dx = Tensor::zeros(&device, &[4, 84]).unwrap();
    assert_refused(
        rbf_grad_input(&dy, &x, &w, &mut dx),
        &["rbf_grad_input", "dy is [4, 9], expected [4, 10]"],
    );
    let dy = Tensor::zeros(&device, &[4, 10]).unwrap();
    assert_refused(rbf_grad_input(&dy, &x, &x, &mut dx), &["dy is [4, 10], expected [4, 4]"]);
    let mut dx = Tensor::zeros(&device, &[4, 83]).unwrap();
    assert_refused(rbf_grad_input(&dy, &x, &w, &mut dx), &["dx is [4, 83], expected [4, 84]"]);
}
