//! What no score can be made of is refused, and says why.

use harmonium::evaluation::ais::{AisConfig, ais};
use harmonium::evaluation::classification::Predictions;
use harmonium::evaluation::deep_ais::deep_ais;
use harmonium::evaluation::ladder::{LadderConfig, climb};
use harmonium::evaluation::partition::exact_log_partition;
use harmonium::evaluation::scores::pseudo_log_likelihood_of;
use harmonium::evaluation::spectrum::singular_values;
use harmonium::models::{DbmSpec, DeepBoltzmannMachine, Ladder, Rbm, UnitKind, Units};
use harmonium::random::Draw;
use harmonium::{Device, Result, Tensor};

fn rbm(device: &Device) -> Rbm {
    Rbm::new(device, Units::bernoulli(3), Units::bernoulli(2), 1).unwrap()
}

fn said<T>(found: Result<T>, words: &str) {
    let error = found.map(drop).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn chains_and_rounds_without_end_are_refused_at_once() {
    let device = Device::cpu();
    let rbm = rbm(&device);
    for chains in [1 << 23, 1 << 28, usize::MAX] {
        let config = AisConfig::new(vec![0.0; 3]).chains(chains);
        said(ais(&rbm, &config, |_| ()), "are too many; 8388607 is the most");
        let dbm = DeepBoltzmannMachine::from_spec(&device, &DbmSpec::new([2, 3, 2]), 1).unwrap();
        said(deep_ais(&dbm, &config, |_| ()), "are too many; 8388607 is the most");
    }
    let ladder = Ladder::tempered(&rbm, &[0.0; 3], 3).unwrap();
    for rounds in [[u64::MAX, 2], [2, u64::MAX], [0, Draw::STEPS]] {
        let config = LadderConfig::default().rounds(rounds[0], rounds[1]);
        said(climb(&ladder, &config, |_| ()), "allows 1099511627776");
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let device = Device::cpu();
    let v = Tensor::zeros(&device, &[4, 3]).unwrap();
    let draw = Draw::new(1, 300);
    let of = |weights| pseudo_log_likelihood_of(&rbm(&device), &v, 2, &draw, weights);
    said(of(Some(&[1.0])), "weights: 1 for 4 cases");
    assert!(of(Some(&[1.0; 4])).is_ok());
    said(Predictions::of_energies(&[1.0, 2.0, 3.0], 2, None), "3 are no whole rows of 2 classes");
    said(Predictions::of_energies(&[1.0, 2.0], 0, None), "2 are no whole rows of 0 classes");
    for dims in [[0, 2], [2, 0]] {
        assert!(singular_values(&Tensor::zeros(&device, &dims).unwrap()).unwrap().is_empty());
    }
}

#[test]
fn no_log_z_is_found_of_parameters_that_are_not_finite() {
    let device = Device::cpu();
    let zeros = |n| Tensor::zeros(&device, &[n]).unwrap();
    for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
        for bad in [f32::NAN, f32::INFINITY] {
            let w = Tensor::from_f32(&device, &[3, 2], &[bad; 6]).unwrap();
            let rbm = Rbm::from_parts(visible, UnitKind::Bernoulli, w, zeros(3), zeros(2));
            said(exact_log_partition(&rbm.unwrap()), "too large or not finite");
        }
    }
}
