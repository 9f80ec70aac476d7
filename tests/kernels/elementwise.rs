use harmonium::Device;
use harmonium::kernels::elementwise::proof::{FUNCTIONS, Y, case};
use harmonium::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use harmonium::kernels::proof::Values;
use harmonium::tensor::Tensor;
use harmonium::{Error, Result};

use super::{SIZES, assert_passed, on_gpus};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for f in FUNCTIONS {
            for (y, in_place) in
                [(Y::Same, false), (Y::Same, true), (Y::Column, false), (Y::Row, false)]
            {
                for columns in SIZES {
                    let dims = [5, columns];
                    assert_passed(gpu, case(gpu, f, y, in_place, dims, Values::Ordinary));
                }
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, f, Y::Same, false, [41, 43], values));
            }
        }
    });
}

#[test]
fn every_function_by_hand_and_nan_stays() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        let x = Tensor::from_f32(device, &[2, 2], &[1.0, -2.0, 3.0, f32::NAN]).unwrap();
        let y = Tensor::from_f32(device, &[2, 1], &[2.0, 4.0]).unwrap();
        for (f, expected) in [
            (Elementwise::Combine(2.0, 3.0), [8.0, 2.0, 18.0]),
            (Elementwise::ADD, [3.0, 0.0, 7.0]),
            (Elementwise::SUBTRACT, [-1.0, -4.0, -1.0]),
            (Elementwise::Multiply, [2.0, -4.0, 12.0]),
            (Elementwise::Divide, [0.5, -1.0, 0.75]),
            (Elementwise::SquaredDifference, [1.0, 16.0, 1.0]),
            (Elementwise::Affine(2.0, 1.0), [3.0, -3.0, 7.0]),
            (Elementwise::Clamp(-1.0, 2.0), [1.0, -1.0, 2.0]),
        ] {
            let y = match f {
                Elementwise::Affine(..) | Elementwise::Clamp(..) => None,
                _ => Some(&y),
            };
            let mut out = Tensor::for_output(device, &[2, 2]).unwrap();
            elementwise(f, &x, y, &mut out).unwrap();
            let out = out.to_vec().unwrap();
            assert_eq!(out[..3], expected, "{f:?} on {}", device.info());
            assert!(out[3].is_nan(), "{f:?} on {}", device.info());
        }
    }
}

#[test]
fn limits_the_wrong_way_round_give_the_same_everywhere() {
    let x = [-1.0, 0.0, 0.5, 1.0, 2.0];
    let clamp = |device: &Device| -> Result<Vec<f32>> {
        let mut t = Tensor::from_f32(device, &[5], &x)?;
        elementwise_in_place(Elementwise::Clamp(1.0, 0.0), &mut t, None)?;
        t.to_vec()
    };
    let expected = clamp(&Device::cpu()).unwrap();
    on_gpus(|gpu| assert_eq!(clamp(gpu).unwrap(), expected, "{}", gpu.info()));
}

#[test]
fn wrong_calls_are_refused_with_the_shapes() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[2, 3]).unwrap();
    let y = Tensor::zeros(&device, &[2]).unwrap();
    let mut out = Tensor::zeros(&device, &[2, 3]).unwrap();
    let message = |r: Result<()>| match r {
        Err(error @ Error::Shape { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let text = message(elementwise(Elementwise::ADD, &x, Some(&y), &mut out));
    assert!(text.contains("[2]") && text.contains("[2, 3]"), "{text}");
    let text = message(elementwise(Elementwise::ADD, &x, None, &mut out));
    assert!(text.contains("needs y"), "{text}");
    let text = message(elementwise(Elementwise::Clamp(0.0, 1.0), &x, Some(&y), &mut out));
    assert!(text.contains("takes no y"), "{text}");
    let mut small = Tensor::zeros(&device, &[2, 2]).unwrap();
    let text = message(elementwise(Elementwise::ADD, &x, Some(&x), &mut small));
    assert!(text.contains("[2, 2]") && text.contains("[2, 3]"), "{text}");
    on_gpus(|gpu| {
        let there = Tensor::zeros(gpu, &[2, 3]).unwrap();
        let mut out = Tensor::zeros(gpu, &[2, 3]).unwrap();
        let error = elementwise(Elementwise::ADD, &there, Some(&x), &mut out).unwrap_err();
        assert!(matches!(error, Error::DeviceMismatch { .. }), "{error}");
    });
}
