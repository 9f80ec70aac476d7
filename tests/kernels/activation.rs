use harmonium::Device;
use harmonium::kernels::activation::proof::{ACTIVATIONS, case};
use harmonium::kernels::activation::{Activation, activate};
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::tensor::Tensor;

use super::{SIZES, assert_close, assert_passed, on_gpus};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for f in ACTIVATIONS {
            for n in SIZES.into_iter().chain([1009]) {
                assert_passed(gpu, case(gpu, f, n % 2 == 1, n, Values::Wide));
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, f, false, 4099, values));
            }
        }
    });
}

#[test]
fn limits_nan_and_infinities() {
    let x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 88.8, -88.8, 0.0];
    let expected: [(Activation, [f64; 7]); 5] = [
        (Activation::Sigmoid, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.5]),
        (Activation::Tanh, [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0]),
        (Activation::Relu, [f64::INFINITY, 0.0, 1e30, 0.0, 88.8, 0.0, 0.0]),
        (Activation::Softplus, [f64::INFINITY, 0.0, 1e30, 0.0, 88.8, 0.0, 2f64.ln()]),
        (Activation::ScaledTanh, [1.7159, -1.7159, 1.7159, -1.7159, 1.7159, -1.7159, 0.0]),
    ];
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for (f, expected) in expected {
            let t = Tensor::from_f32(device, &[x.len()], &x).unwrap();
            let mut y = Tensor::for_output(device, &[x.len()]).unwrap();
            activate(f, &t, &mut y).unwrap();
            let y = y.to_vec().unwrap();
            assert!(y[0].is_nan(), "{f:?} of NaN is {} on {}", y[0], device.info());
            for (y, expected) in y[1..].iter().zip(expected) {
                let same = f64::from(*y) == expected
                    || (f64::from(*y) - expected).abs() <= 1e-6 * expected.abs().max(1.0);
                assert!(same, "{f:?} gave {y}, expected {expected} on {}", device.info());
            }
        }
    }
}

#[test]
fn the_cpu_agrees_with_f64() {
    for &x in &Inputs::new(1).values(Values::Wide, 2000) {
        let wide = f64::from(x);
        // Two roundings of exp, one of the sum, one of the quotient; exp(−|x|) passes on |x|/2 units of
        // its argument's representation only, which is exact.
        let sigmoid = 1.0 / (1.0 + (-wide).exp());
        assert_close(Activation::Sigmoid.apply(x), sigmoid, 3e-7 * sigmoid + 1e-38);
        assert_close(Activation::Tanh.apply(x), wide.tanh(), 3e-7 * wide.tanh().abs());
        let softplus = wide.max(0.0) + (-wide.abs()).exp().ln_1p();
        assert_close(Activation::Softplus.apply(x), softplus, 3e-7 * softplus + 1e-38);
        let scaled = 1.7159 * (wide * (2.0 / 3.0)).tanh();
        assert_close(Activation::ScaledTanh.apply(x), scaled, 3e-7 * scaled.abs());
        assert_eq!(Activation::Relu.apply(x), x.max(0.0));
        assert_eq!(Activation::Identity.apply(x), x);
    }
}

/// LeNet-5's function goes through (±1, ±1).
#[test]
fn the_scaled_tanh_is_one_at_one() {
    assert_close(Activation::ScaledTanh.apply(1.0), 1.0, 1e-4);
    assert_close(Activation::ScaledTanh.apply(-1.0), -1.0, 1e-4);
}

#[test]
fn slices_are_as_single_values() {
    for f in ACTIVATIONS {
        for values in Values::ALL {
            let x = Inputs::new(3).values(values, 1003);
            let mut slice = x.clone();
            f.apply_slice(&mut slice);
            for (x, y) in x.iter().zip(slice) {
                let single = f.apply(*x);
                // Which of its signs a NaN has is the compiler's choice.
                assert!(
                    single.to_bits() == y.to_bits() || single.is_nan() && y.is_nan(),
                    "{f:?} of {x:e}: {single:e}, {y:e}"
                );
            }
        }
    }
}
