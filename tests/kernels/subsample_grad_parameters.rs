use harmonium::kernels::activation::Activation;
use harmonium::kernels::proof::Values;
use harmonium::kernels::subsample::output_size;
use harmonium::kernels::subsample_grad_parameters::proof::case;
use harmonium::kernels::subsample_grad_parameters::subsample_grad_parameters;
use harmonium::{Device, Tensor};

use super::pool2d::PICTURES;
use super::subsample::{SIZES, forward};
use super::{assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for size in SIZES {
            for dims in PICTURES {
                if output_size("test", size, [dims[2], dims[3]]).is_ok() {
                    assert_passed(gpu, case(gpu, size, dims, Values::Wide));
                }
            }
            for values in [Values::Ordinary, Values::Subnormal, Values::NonFinite] {
                assert_passed(gpu, case(gpu, size, [3, 2, 9, 16], values));
            }
        }
        // One chunk of windows and one more; three levels of sums.
        for dims in [[1, 3, 32, 32], [1, 2, 25, 41], [2, 1, 1024, 513]] {
            assert_passed(gpu, case(gpu, [1, 1], dims, Values::Ordinary));
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for size in [[2, 2], [3, 2], [1, 5], [9, 16]] {
            assert_passed(gpu, case(gpu, size, [3, 2, 9, 16], Values::Wide));
        }
    });
}

#[test]
fn large_windows_are_seen_to_their_end() {
    on_gpus(|gpu| {
        // Two windows of one channel and case.
        let [h, w] = [300, 301];
        let (x, dz) = (ones(gpu, &[1, 1, h, 2 * w]), ones(gpu, &[1, 1, 1, 2]));
        let (mut dcoefficient, mut dbias) = (stale(gpu, &[1]), stale(gpu, &[1]));
        subsample_grad_parameters(&x, &dz, [h, w], &mut dcoefficient, &mut dbias).unwrap();
        assert_eq!(dcoefficient.to_vec().unwrap(), [(2 * h * w) as f32], "{}", gpu.info());
        assert_eq!(dbias.to_vec().unwrap(), [2.0], "{}", gpu.info());
    });
}

/// dcoefficient and dbias.
fn backward(
    device: &Device,
    [x, dz]: [&[f32]; 2],
    dims: [usize; 4],
    size: [usize; 2],
) -> [Vec<f32>; 2] {
    let [b, c, h, w] = dims;
    let [oh, ow] = output_size("test", size, [h, w]).unwrap();
    let x = Tensor::from_f32(device, &dims, x).unwrap();
    let dz = Tensor::from_f32(device, &[b, c, oh, ow], dz).unwrap();
    let [mut dc, mut db] = [(); 2].map(|()| Tensor::from_f32(device, &[c], &vec![7.0; c]).unwrap());
    subsample_grad_parameters(&x, &dz, size, &mut dc, &mut db).unwrap();
    [dc.to_vec().unwrap(), db.to_vec().unwrap()]
}

#[test]
fn the_cpu_agrees_with_f64() {
    for size in SIZES {
        for [h, w] in [[3, 5], [6, 7], [28, 28], [70, 64]] {
            let [oh, ow] = [h / size[0], w / size[1]];
            let (x, dz) = (ordinary(5, 6 * h * w), ordinary(6, 6 * oh * ow));
            let [dc, db] = backward(&Device::cpu(), [&x, &dz], [2, 3, h, w], size);
            let mut expected = [[0.0f64; 4]; 3];
            for (at, dz) in dz.iter().enumerate() {
                let (plane, oy, ox) = (at / (oh * ow), at / ow % oh, at % ow);
                let pixels = (oy * size[0]..(oy + 1) * size[0])
                    .flat_map(|i| (ox * size[1]..(ox + 1) * size[1]).map(move |j| i * w + j));
                let values = || pixels.clone().map(|p| f64::from(x[plane * h * w + p]));
                let dz = f64::from(*dz);
                let [c, b, c_size, b_size] = &mut expected[plane % 3];
                *c += dz * values().sum::<f64>();
                *b += dz;
                *c_size += dz.abs() * values().map(f64::abs).sum::<f64>();
                *b_size += dz.abs();
            }
            for ((dc, db), [c, b, c_size, b_size]) in dc.iter().zip(&db).zip(expected) {
                assert_close(*dc, c, 2e-6 * c_size);
                assert_close(*db, b, 1e-6 * b_size);
            }
        }
    }
}

/// z is linear in the parameters: <z, dz> = <coefficient, dcoefficient> + <bias, dbias>.
#[test]
fn it_is_the_adjoint_of_subsampling() {
    for size in SIZES {
        let dims = [3, 4, 7, 10];
        let [oh, ow] = output_size("test", size, [7, 10]).unwrap();
        let (x, dz) = (ordinary(1, 12 * 70), ordinary(2, 12 * oh * ow));
        let (coefficient, bias) = (ordinary(3, 4), ordinary(4, 4));
        let z = forward([&x, &coefficient, &bias], dims, size, Activation::Identity);
        let [dc, db] = backward(&Device::cpu(), [&x, &dz], dims, size);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let (left, right) = (dot(&z, &dz), dot(&coefficient, &dc) + dot(&bias, &db));
        assert!((left - right).abs() < 1e-3 && left.abs() > 0.1, "{left} {right}");
    }
}

#[test]
fn sums_over_no_case_are_zero() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let found = backward(device, [&[], &[]], [0, 5, 4, 4], [2, 2]);
        assert_eq!(found, [vec![0.0; 5], vec![0.0; 5]], "{}", device.info());
        let found = backward(device, [&[], &[]], [3, 0, 4, 4], [2, 2]);
        assert_eq!(found, [Vec::<f32>::new(), Vec::new()], "{}", device.info());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (x, dz) = (zeros(&[2, 3, 5, 4]), zeros(&[2, 3, 2, 2]));
    let said = |size, [mut dc, mut db]: [Tensor; 2]| {
        subsample_grad_parameters(&x, &dz, size, &mut dc, &mut db).unwrap_err().to_string()
    };
    let text = said([2, 2], [zeros(&[4]), zeros(&[3])]);
    assert!(text.contains("dcoefficient is [4], expected [3]"), "{text}");
    let text = said([2, 2], [zeros(&[3]), zeros(&[2])]);
    assert!(text.contains("dbias is [2], expected [3]"), "{text}");
    let text = said([2, 1], [zeros(&[3]), zeros(&[3])]);
    assert!(text.contains("dz is [2, 3, 2, 2], expected [2, 3, 2, 4]"), "{text}");
}
