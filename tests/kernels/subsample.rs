use harmonium::kernels::activation::proof::{ACTIVATIONS, slope};
use harmonium::kernels::activation::{Activation, activate_in_place};
use harmonium::kernels::proof::Values;
use harmonium::kernels::subsample::proof::case;
use harmonium::kernels::subsample::{Parameters, output_size, subsample};
use harmonium::{Device, Tensor};

use super::pool2d::PICTURES;
use super::{assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale};

/// Windows that divide no picture of the tests, one pixel, and LeNet-5's.
pub(super) const SIZES: [[usize; 2]; 4] = [[2, 2], [1, 1], [3, 2], [1, 5]];

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for size in SIZES {
            for dims in PICTURES {
                if output_size("test", size, [dims[2], dims[3]]).is_ok() {
                    let f = Activation::ScaledTanh;
                    assert_passed(gpu, case(gpu, f, size, dims, Values::Wide));
                }
            }
        }
        for f in ACTIVATIONS {
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, f, [2, 3], [3, 2, 9, 16], values));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for size in [[2, 3], [3, 2], [1, 5], [9, 16]] {
            for f in ACTIVATIONS {
                assert_passed(gpu, case(gpu, f, size, [3, 2, 9, 16], Values::Wide));
            }
        }
    });
}

#[test]
fn large_windows_are_seen_to_their_end() {
    on_gpus(|gpu| {
        for [h, w] in [[300, 301], [1, 90_300]] {
            let (x, mut y) = (ones(gpu, &[1, 1, h, w]), stale(gpu, &[1, 1, 1, 1]));
            let (coefficient, bias) = (ones(gpu, &[1]), ones(gpu, &[1]));
            let parameters = Parameters { coefficient: &coefficient, bias: &bias };
            subsample(&x, [h, w], parameters, Activation::Identity, &mut y).unwrap();
            assert_eq!(y.to_vec().unwrap(), [(h * w + 1) as f32], "{}", gpu.info());
        }
    });
}

/// y on the CPU.
pub(super) fn forward(
    [x, coefficient, bias]: [&[f32]; 3],
    dims: [usize; 4],
    size: [usize; 2],
    f: Activation,
) -> Vec<f32> {
    let device = Device::cpu();
    let [b, c, h, w] = dims;
    let [oh, ow] = output_size("test", size, [h, w]).unwrap();
    let x = Tensor::from_f32(&device, &dims, x).unwrap();
    let coefficient = Tensor::from_f32(&device, &[c], coefficient).unwrap();
    let bias = Tensor::from_f32(&device, &[c], bias).unwrap();
    let mut y = Tensor::for_output(&device, &[b, c, oh, ow]).unwrap();
    let parameters = Parameters { coefficient: &coefficient, bias: &bias };
    subsample(&x, size, parameters, f, &mut y).unwrap();
    y.to_vec().unwrap()
}

#[test]
fn the_cpu_agrees_with_f64() {
    for size in SIZES {
        for [h, w] in [[3, 5], [6, 7], [28, 28]] {
            let dims = [2, 3, h, w];
            let x = ordinary(1, 6 * h * w);
            let (coefficient, bias) = (ordinary(2, 3), ordinary(3, 3));
            let y = forward([&x, &coefficient, &bias], dims, size, Activation::Tanh);
            let [oh, ow] = [h / size[0], w / size[1]];
            assert_eq!(y.len(), 6 * oh * ow);
            for (at, y) in y.iter().enumerate() {
                let (plane, oy, ox) = (at / (oh * ow), at / ow % oh, at % ow);
                let mut sum = 0.0;
                for i in oy * size[0]..(oy + 1) * size[0] {
                    for j in ox * size[1]..(ox + 1) * size[1] {
                        sum += f64::from(x[plane * h * w + i * w + j]);
                    }
                }
                let c = plane % 3;
                let z = f64::from(coefficient[c]) * sum + f64::from(bias[c]);
                assert_close(*y, z.tanh(), 4e-6 * slope(Activation::Tanh));
            }
        }
    }
}

#[test]
fn fused_is_unfused_bit_for_bit_on_the_cpu() {
    let dims = [5, 3, 9, 8];
    let (x, coefficient, bias) = (ordinary(1, 5 * 3 * 72), ordinary(2, 3), ordinary(3, 3));
    for f in ACTIVATIONS {
        let parts = [&x[..], &coefficient, &bias];
        let z = forward(parts, dims, [2, 2], Activation::Identity);
        let mut z = Tensor::from_f32(&Device::cpu(), &[z.len()], &z).unwrap();
        activate_in_place(f, &mut z).unwrap();
        assert_eq!(forward(parts, dims, [2, 2], f), z.to_vec().unwrap(), "{f:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let x = zeros(&[2, 3, 5, 4]);
    let (c3, c4) = (zeros(&[3]), zeros(&[4]));
    let mut y = zeros(&[2, 3, 2, 2]);
    let mut said = |size, coefficient: &Tensor, bias: &Tensor| {
        let parameters = Parameters { coefficient, bias };
        subsample(&x, size, parameters, Activation::Tanh, &mut y).unwrap_err().to_string()
    };
    assert!(said([2, 2], &c4, &c3).contains("the coefficient is [4], expected [3]"));
    assert!(said([2, 2], &c3, &c4).contains("the bias is [4], expected [3]"));
    assert!(said([1, 2], &c3, &c3).contains("y is [2, 3, 2, 2], expected [2, 3, 5, 2]"));
    assert!(said([6, 2], &c3, &c3).contains("a window that spans 6 does not fit the height of 5"));
    assert!(said([2, 0], &c3, &c3).contains("the width's size is 0"));
}
