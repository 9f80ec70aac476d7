use harmonium::Device;
use harmonium::kernels::Place;
use harmonium::kernels::anneal::proof::case;
use harmonium::kernels::anneal::{Chains, Hidden, anneal};
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::random::Draw;
use harmonium::tensor::Tensor;

use super::{SIZES, assert_passed, on_gpus};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for hidden in SIZES {
            for samples in [false, true] {
                let dims = [13, hidden, 31];
                assert_passed(gpu, case(gpu, dims, [0.25, 0.26], samples, Values::Wide));
                assert_passed(gpu, case(gpu, dims, [0.0, 1.0], samples, Values::Wide));
            }
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, [3, 300, 0], [0.5, 0.501], true, values));
        }
        assert_passed(gpu, case(gpu, [0, 5, 5], [0.5, 0.6], true, Values::Ordinary));
    });
}

/// The plain difference in f64 is right to 1e-16 of the softplus; the kernel must keep a step of 1e-5 to
/// many digits, where the plain difference in f32 keeps none.
#[test]
fn fine_steps_keep_their_digits() {
    let (hidden, from, to) = (500, 0.95f32, 0.950_01f32);
    let field: Vec<f32> =
        Inputs::new(5).values(Values::Ordinary, hidden).iter().map(|x| 10.0 * x).collect();
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let exact: f64 = field
        .iter()
        .map(|&x| softplus(f64::from(to) * f64::from(x)) - softplus(f64::from(from) * f64::from(x)))
        .sum();
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        let t = Tensor::from_f32(device, &[1, hidden], &field).unwrap();
        let v = Tensor::zeros(device, &[1, 1]).unwrap();
        let tilt = Tensor::zeros(device, &[1]).unwrap();
        let mut increments = Tensor::zeros(device, &[1, 1]).unwrap();
        let chains = Chains { field: &t, v: &v, tilt: &tilt };
        anneal(&chains, [from, to], Place::at(&mut increments, 0), None).unwrap();
        let found = f64::from(increments.to_vec().unwrap()[0]);
        let sizes: f64 = field.iter().map(|x| f64::from(x.abs()) * f64::from(to - from)).sum();
        assert!((found - exact).abs() < 2e-6 * sizes, "{found} {exact} on {}", device.info());
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (field, v, tilt) = (zeros(&[4, 3]), zeros(&[4, 5]), zeros(&[5]));
    let mut increments = zeros(&[2, 4]);
    let chains = Chains { field: &field, v: &v, tilt: &tilt };
    let past = anneal(&chains, [0.0, 1.0], Place::at(&mut increments, 2), None).unwrap_err();
    assert!(past.to_string().contains("expected [above 2, 4]"), "{past}");
    let short = zeros(&[4]);
    let wrong = Chains { tilt: &short, ..chains };
    assert!(anneal(&wrong, [0.0, 1.0], Place::at(&mut increments, 0), None).is_err());
    let mut h = zeros(&[4, 4]);
    let draw = Draw::new(1, 1);
    let sample = Some(Hidden { beta: 1.0, draw: &draw, h: &mut h });
    assert!(anneal(&chains, [0.0, 1.0], Place::at(&mut increments, 0), sample).is_err());
}
