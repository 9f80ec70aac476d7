use harmonium::Device;
use harmonium::kernels::Place;
use harmonium::kernels::anneal::proof::{FORMS, case};
use harmonium::kernels::anneal::{Chains, Draws, Hidden, anneal};
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::random::Draw;
use harmonium::tensor::Tensor;

use super::{LONG, SIZES, assert_passed, on_gpus, on_gpus_in_slices, ones, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for hidden in SIZES {
            for form in FORMS {
                let dims = [13, hidden, 31];
                assert_passed(gpu, case(gpu, dims, [0.25, 0.26], form, Values::Wide));
                assert_passed(gpu, case(gpu, dims, [0.0, 1.0], form, Values::Wide));
            }
        }
        for values in Values::ALL {
            for form in FORMS {
                assert_passed(gpu, case(gpu, [3, 300, 0], [0.5, 0.501], form, values));
            }
        }
        assert_passed(gpu, case(gpu, [0, 5, 5], [0.5, 0.6], FORMS[1], Values::Ordinary));
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for form in FORMS {
            for dims in [[3, 1031, 667], [5, 3, 0], [2, 67, 9]] {
                assert_passed(gpu, case(gpu, dims, [0.5, 0.75], form, Values::Ordinary));
            }
        }
    });
}

/// Visible units alone: I ones times ones, from temperature 0 to 1.
#[test]
fn many_units_all_count() {
    on_gpus(|gpu| {
        let visible = 64 * LONG;
        let (field, v) = (Tensor::zeros(gpu, &[1, 1]).unwrap(), ones(gpu, &[1, visible]));
        let tilt = ones(gpu, &[visible]);
        let chains = Chains { field: &field, v: &v, tilt: &tilt, hidden: Hidden::Gaussian };
        let mut increments = stale(gpu, &[1, 1]);
        anneal(&chains, [0.0, 1.0], Place::at(&mut increments, 0), None).unwrap();
        assert_eq!(increments.to_vec().unwrap(), [visible as f32], "{}", gpu.info());
    });
}

/// A group is one invocation's work, and cannot be cut.
#[test]
fn groups_too_large_for_a_software_adapter_are_refused_with_the_limit() {
    on_gpus(|gpu| {
        let field = ones(gpu, &[1, 9000]);
        let (v, tilt) = (ones(gpu, &[1, 1]), ones(gpu, &[1]));
        let hidden = Hidden::Softmax(9000);
        let chains = Chains { field: &field, v: &v, tilt: &tilt, hidden };
        let mut increments = stale(gpu, &[1, 1]);
        let result = anneal(&chains, [0.0, 1.0], Place::at(&mut increments, 0), None);
        if gpu.info().kind == harmonium::device::DeviceKind::Software {
            let text = result.unwrap_err().to_string();
            for word in ["9000 softmax states", "65,535", "7996 states at most", "--device cpu"] {
                assert!(text.contains(word), "{text}");
            }
        } else {
            result.unwrap();
        }
    });
}

/// ln of the sum over a hidden unit's or group's states at the inverse temperature β, in f64.
fn log_sum(hidden: Hidden, beta: f64, field: &[f32]) -> f64 {
    let x = field.iter().map(|&x| beta * f64::from(x));
    match hidden {
        Hidden::Bernoulli => x.map(|x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p()).sum(),
        Hidden::Gaussian => x.map(|x| 0.5 * x * x).sum(),
        Hidden::Softmax(states) => {
            let group = |x: &[f64]| x.iter().map(|x| x.exp()).sum::<f64>().ln();
            x.collect::<Vec<f64>>().chunks(states).map(group).sum()
        }
    }
}

/// The plain difference in f64 is right to 1e-16 of its size; the kernel must keep a step of 1e-5 to many digits,
/// where the plain difference in f32 keeps none.
#[test]
fn fine_steps_keep_their_digits() {
    let (width, from, to) = (500, 0.95f32, 0.950_01f32);
    let field: Vec<f32> =
        Inputs::new(5).values(Values::Ordinary, width).iter().map(|x| 10.0 * x).collect();
    let cpu = [Device::cpu()];
    for hidden in [Hidden::Bernoulli, Hidden::Gaussian, Hidden::Softmax(5)] {
        let exact =
            log_sum(hidden, f64::from(to), &field) - log_sum(hidden, f64::from(from), &field);
        for device in cpu.iter().chain(crate::support::gpus()) {
            let t = Tensor::from_f32(device, &[1, width], &field).unwrap();
            let v = Tensor::zeros(device, &[1, 1]).unwrap();
            let tilt = Tensor::zeros(device, &[1]).unwrap();
            let mut increments = Tensor::zeros(device, &[1, 1]).unwrap();
            let chains = Chains { field: &t, v: &v, tilt: &tilt, hidden };
            anneal(&chains, [from, to], Place::at(&mut increments, 0), None).unwrap();
            let found = f64::from(increments.to_vec().unwrap()[0]);
            // The slope of a step in β is at most |x|, of a Gaussian unit βx².
            let slope = |x: &f32| match hidden {
                Hidden::Gaussian => f64::from(x * x),
                _ => f64::from(x.abs()),
            };
            let sizes: f64 = field.iter().map(|x| slope(x) * f64::from(to - from)).sum();
            let error = (found - exact).abs();
            assert!(error < 2e-6 * sizes, "{hidden:?}: {found} {exact} on {}", device.info());
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (field, v, tilt) = (zeros(&[4, 3]), zeros(&[4, 5]), zeros(&[5]));
    let mut increments = zeros(&[2, 4]);
    let chains = Chains { field: &field, v: &v, tilt: &tilt, hidden: Hidden::Bernoulli };
    let past = anneal(&chains, [0.0, 1.0], Place::at(&mut increments, 2), None).unwrap_err();
    assert!(past.to_string().contains("expected [above 2, 4]"), "{past}");
    let short = zeros(&[4]);
    let wrong = Chains { tilt: &short, ..chains };
    assert!(anneal(&wrong, [0.0, 1.0], Place::at(&mut increments, 0), None).is_err());
    let mut h = zeros(&[4, 4]);
    let draw = Draw::new(1, 1);
    let sample = Some(Draws { beta: 1.0, draw: &draw, h: &mut h });
    assert!(anneal(&chains, [0.0, 1.0], Place::at(&mut increments, 0), sample).is_err());
}
