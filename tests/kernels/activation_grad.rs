use harmonium::kernels::activation::Activation;
use harmonium::kernels::activation::proof::ACTIVATIONS;
use harmonium::kernels::activation_grad::activation_grad;
use harmonium::kernels::activation_grad::proof::case;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::{Device, Tensor};

use super::{SIZES, assert_close, assert_passed, on_gpus, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for f in ACTIVATIONS {
            for n in SIZES {
                assert_passed(gpu, case(gpu, f, n, Values::Wide));
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, f, 4099, values));
            }
        }
    });
}

fn gradient(device: &Device, f: Activation, y: &[f32], dy: &[f32]) -> Vec<f32> {
    let y = Tensor::from_f32(device, &[y.len()], y).unwrap();
    let mut dy = Tensor::from_f32(device, &[dy.len()], dy).unwrap();
    activation_grad(f, &y, &mut dy).unwrap();
    dy.to_vec().unwrap()
}

/// The slope at an output y, in f64.
fn slope(f: Activation, y: f64) -> f64 {
    const A: f64 = 1.7159;
    match f {
        Activation::Identity => 1.0,
        Activation::Sigmoid => y * (1.0 - y),
        Activation::Tanh => 1.0 - y * y,
        Activation::Relu => f64::from(u8::from(y > 0.0)),
        Activation::Softplus => -(-y).exp_m1(),
        Activation::ScaledTanh => 2.0 / 3.0 * (A - y * y / A),
    }
}

#[test]
fn the_cpu_agrees_with_f64() {
    for f in ACTIVATIONS {
        for values in [Values::Ordinary, Values::Wide, Values::Subnormal] {
            let x = Inputs::new(7).values(values, 3000);
            let dy = ordinary(8, 3000);
            let mut y = x.clone();
            f.apply_slice(&mut y);
            let found = gradient(&Device::cpu(), f, &y, &dy);
            for ((found, y), dy) in found.iter().zip(&y).zip(&dy) {
                let expected = slope(f, f64::from(*y)) * f64::from(*dy);
                // 1.7159 is not a f32: near saturation its rounding counts.
                let height = if f == Activation::ScaledTanh { 2e-7 } else { 0.0 };
                assert_close(*found, expected, 1e-6 * expected.abs() + height + 1e-37);
            }
        }
    }
}

/// Through the activation itself: (f(x + h) − f(x − h)) / 2h in f64.
#[test]
fn it_is_the_slope_of_the_activation() {
    let exact = |f: Activation, x: f64| match f {
        Activation::Identity => x,
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Relu => x.max(0.0),
        Activation::Softplus => x.exp().ln_1p(),
        Activation::ScaledTanh => 1.7159 * (2.0 / 3.0 * x).tanh(),
    };
    for f in ACTIVATIONS {
        let x = ordinary(5, 500);
        let mut y = x.clone();
        f.apply_slice(&mut y);
        let found = gradient(&Device::cpu(), f, &y, &vec![1.0; 500]);
        for (found, x) in found.iter().zip(x) {
            let (x, h) = (f64::from(x), 1e-5);
            assert_close(*found, (exact(f, x + h) - exact(f, x - h)) / (2.0 * h), 2e-6);
        }
    }
}

#[test]
fn nan_spreads_and_saturation_gives_zero() {
    const NAN: f32 = f32::NAN;
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        for f in ACTIVATIONS.into_iter().filter(|f| *f != Activation::Identity) {
            let found = gradient(device, f, &[NAN, 0.5, 0.5], &[1.0, NAN, 1.0]);
            assert!(found[0].is_nan() && found[1].is_nan(), "{f:?} {found:?} {}", device.info());
            assert!(found[2].is_finite());
            // What the ends of the line are mapped to.
            let ends = [f.apply(f32::NEG_INFINITY), f.apply(1e30)];
            let [low, high] = gradient(device, f, &ends, &[3.0, 3.0])[..] else { panic!() };
            let linear = matches!(f, Activation::Relu | Activation::Softplus);
            assert_eq!(
                [low, high],
                [0.0, if linear { 3.0 } else { 0.0 }],
                "{f:?} {}",
                device.info()
            );
        }
        let found = gradient(device, Activation::Identity, &[NAN, 2.0], &[1.0, -0.0]);
        assert_eq!(found, [1.0, -0.0]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let y = Tensor::zeros(&device, &[3, 4]).unwrap();
    let mut dy = Tensor::zeros(&device, &[4, 3]).unwrap();
    let error = activation_grad(Activation::Tanh, &y, &mut dy).unwrap_err().to_string();
    assert_eq!(error, "activation_grad: dy is [4, 3], expected [3, 4]");
}
