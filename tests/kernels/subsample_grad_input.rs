use harmonium::kernels::activation::Activation;
use harmonium::kernels::proof::Values;
use harmonium::kernels::subsample::output_size;
use harmonium::kernels::subsample_grad_input::proof::case;
use harmonium::kernels::subsample_grad_input::subsample_grad_input;
use harmonium::{Device, Tensor};

use super::pool2d::PICTURES;
use super::subsample::{SIZES, forward};
use super::{assert_passed, on_gpus, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for size in SIZES {
            for dims in PICTURES {
                if output_size("test", size, [dims[2], dims[3]]).is_ok() {
                    assert_passed(gpu, case(gpu, size, dims, Values::Wide));
                }
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, size, [3, 2, 9, 16], values));
            }
        }
    });
}

/// dx on the CPU.
fn backward(dz: &[f32], coefficient: &[f32], dims: [usize; 4], size: [usize; 2]) -> Vec<f32> {
    let device = Device::cpu();
    let [b, c, h, w] = dims;
    let [oh, ow] = output_size("test", size, [h, w]).unwrap();
    let dz = Tensor::from_f32(&device, &[b, c, oh, ow], dz).unwrap();
    let coefficient = Tensor::from_f32(&device, &[c], coefficient).unwrap();
    let mut dx = Tensor::from_f32(&device, &dims, &vec![7.0; b * c * h * w]).unwrap();
    subsample_grad_input(&dz, size, &coefficient, &mut dx).unwrap();
    dx.to_vec().unwrap()
}

#[test]
fn the_cpu_agrees_with_the_definition() {
    for size in SIZES {
        for [h, w] in [[3, 5], [6, 7], [28, 28]] {
            let [oh, ow] = [h / size[0], w / size[1]];
            let (dz, coefficient) = (ordinary(5, 6 * oh * ow), ordinary(6, 3));
            let dx = backward(&dz, &coefficient, [2, 3, h, w], size);
            for (at, dx) in dx.iter().enumerate() {
                let (plane, oy, ox) = (at / (h * w), at / w % h / size[0], at % w / size[1]);
                let inside = oy < oh && ox < ow;
                let expected = if inside {
                    coefficient[plane % 3] * dz[(plane * oh + oy) * ow + ox]
                } else {
                    0.0
                };
                assert_eq!(*dx, expected, "{size:?}, {h} x {w}, {at}");
            }
        }
    }
}

/// <A x, dz> = <x, A'dz>, with the bias 0 and no activation.
#[test]
fn it_is_the_adjoint_of_subsampling() {
    for size in SIZES {
        let dims = [3, 4, 7, 10];
        let [oh, ow] = output_size("test", size, [7, 10]).unwrap();
        let (x, dz) = (ordinary(1, 12 * 70), ordinary(2, 12 * oh * ow));
        let coefficient = ordinary(3, 4);
        let z = forward([&x, &coefficient, &[0.0; 4]], dims, size, Activation::Identity);
        let dx = backward(&dz, &coefficient, dims, size);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let (left, right) = (dot(&z, &dz), dot(&x, &dx));
        assert!((left - right).abs() < 1e-3 && left.abs() > 0.1, "{left} {right}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (dz, mut dx) = (zeros(&[2, 3, 2, 2]), zeros(&[2, 3, 5, 4]));
    let mut said = |size, coefficient: &Tensor| {
        subsample_grad_input(&dz, size, coefficient, &mut dx).unwrap_err().to_string()
    };
    assert!(said([2, 2], &zeros(&[4])).contains("the coefficient is [4], expected [3]"));
    assert!(said([1, 2], &zeros(&[3])).contains("dz is [2, 3, 2, 2], expected [2, 3, 5, 2]"));
    assert!(said([6, 2], &zeros(&[3])).contains("a window that spans 6"));
}
