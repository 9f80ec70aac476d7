//! Machines with rectified hidden units: their conditionals, and what is refused because they have no energy.

use harmonium::evaluation::ais::{AisConfig, ais};
use harmonium::evaluation::partition::exact_log_partition;
use harmonium::evaluation::scores::{
    exact_pseudo_log_likelihoods, free_energies, pseudo_log_likelihood, reconstruction_errors,
};
use harmonium::kernels::rectified;
use harmonium::models::{Chains, Ladder, Rbm, UnitKind, Units};
use harmonium::random::{ChainDraw, ChainStreams, Draw};
use harmonium::training::{CdConfig, CdTrainer};
use harmonium::{Device, Error, Tensor};

use super::exact::{normals, to_f64};
use super::support::on_each;

/// `count` units of a kind below three rectified ones.
fn machine(device: &Device, visible: UnitKind, count: usize) -> Rbm {
    let tensor = |dims: &[usize], seed| {
        let n = dims.iter().product();
        let values: Vec<f32> = normals(seed, n).into_iter().map(|x| x as f32).collect();
        Tensor::from_f32(device, dims, &values).unwrap()
    };
    let [w, b, a] = [tensor(&[count, 3], 1), tensor(&[count], 2), tensor(&[3], 3)];
    Rbm::from_parts(visible, UnitKind::Rectified, w, b, a).unwrap()
}

/// Hidden means and samples are those of a + vᵀW; visible ones are those of any machine, given what is not 0 or 1.
#[test]
fn conditionals_are_of_the_inputs() {
    on_each(|device| {
        let rbm = machine(device, UnitKind::Gaussian, 4);
        let [w, a, b] = [rbm.weights(), rbm.hidden_bias(), rbm.visible_bias()]
            .map(|t| to_f64(&t.to_vec().unwrap()));
        let v = [[0.5f32, -1.0, 2.0, 0.0], [1.5, 1.0, -0.5, 0.25]];
        let given = Tensor::from_f32(device, &[2, 4], v.as_flattened()).unwrap();
        let x: Vec<f32> = v
            .iter()
            .flat_map(|v| {
                (0..3).map(|j| (0..4).map(|i| f64::from(v[i]) * w[i * 3 + j]).sum::<f64>() + a[j])
            })
            .map(|x| x as f32)
            .collect();
        let inputs = Tensor::from_f32(device, &[2, 3], &x).unwrap();
        let (draw, out) = (Draw::new(5, 9), || Tensor::for_output(device, &[2, 3]).unwrap());
        let [mut mean, mut sample] = [out(), out()];
        rectified::mean(&inputs, &mut mean).unwrap();
        rectified::sample(&draw, &inputs, &mut sample).unwrap();
        let close = |found: &Tensor, expected: &[f64], tolerance: f64| {
            for (f, e) in found.to_vec().unwrap().iter().zip(expected) {
                assert!((f64::from(*f) - e).abs() < tolerance, "{f} {e}");
            }
        };
        // Inputs of five terms below 8.
        let (means, samples) = (to_f64(&mean.to_vec().unwrap()), to_f64(&sample.to_vec().unwrap()));
        close(&rbm.mean_h_from_v(&given).unwrap(), &means, 1e-5);
        close(&rbm.sample_h_from_v(&given, &draw).unwrap(), &samples, 1e-4);
        let back: Vec<f64> = (0..2)
            .flat_map(|r| {
                let means = &means[r * 3..(r + 1) * 3];
                let (w, b) = (&w, &b);
                (0..4).map(move |i| b[i] + (0..3).map(|j| w[i * 3 + j] * means[j]).sum::<f64>())
            })
            .collect();
        close(&rbm.reconstruct(&given).unwrap(), &back, 1e-4);
    });
}

#[test]
fn what_needs_an_energy_is_refused_with_the_reason() {
    let device = Device::cpu();
    let rbm = machine(&device, UnitKind::Bernoulli, 4);
    let v = Tensor::from_f32(&device, &[1, 4], &[1.0, 0.0, 1.0, 1.0]).unwrap();
    let h = Tensor::zeros(&device, &[1, 3]).unwrap();
    let config = || CdConfig::new(UnitKind::Bernoulli, UnitKind::Rectified);
    let train =
        |config| CdTrainer::new(machine(&device, UnitKind::Bernoulli, 4), config, &[0.5; 4]);
    let refused = [
        rbm.energy(&v, &h).map(drop),
        rbm.free_energy(&v).map(drop),
        free_energies(&rbm, &v).map(drop),
        exact_log_partition(&rbm).map(drop),
        ais(&rbm, &AisConfig::new(vec![0.0; 4]), |_| ()).map(drop),
        pseudo_log_likelihood(&rbm, &v, 2, &Draw::new(1, 1)).map(drop),
        exact_pseudo_log_likelihoods(&rbm, &v).map(drop),
        Ladder::tempered(&rbm, &[0.0; 4], 3).map(drop),
        train(config().persistent(true).tempering(3)).map(drop),
        train(config().trajectory(true)).map(drop),
        train(config().exact_gradient(true)).map(drop),
    ];
    for (number, result) in refused.into_iter().enumerate() {
        let Err(Error::Setting { .. }) = &result else { panic!("{number}: {result:?}") };
        let text = result.unwrap_err().to_string();
        for part in ["hidden-units", "rectified", "no energy", "no log Z"] {
            assert!(text.contains(part), "{number}: {text}");
        }
    }
    // What needs none is not.
    assert!(reconstruction_errors(&rbm, &v).unwrap()[0].is_finite());
    let mut chains = Chains::start(&rbm, 5, ChainDraw::new(1, ChainStreams::FREE)).unwrap();
    chains.step(20).unwrap();
    assert!(chains.visible().to_vec().unwrap().iter().all(|&v| v == 0.0 || v == 1.0));
    assert!(train(config()).is_ok());
}

#[test]
fn rectified_units_are_hidden_ones() {
    let device = Device::cpu();
    let units = Units::new(UnitKind::Rectified, 4).unwrap();
    assert_eq!((units.count(), "rectified".parse().unwrap()), (4, UnitKind::Rectified));
    assert_eq!(UnitKind::Rectified.to_string(), "rectified");
    let error = Rbm::new(&device, units, Units::bernoulli(2), 1).unwrap_err().to_string();
    assert!(error.contains("visible") && error.contains("hidden ones"), "{error}");
    assert!(Rbm::new(&device, Units::bernoulli(2), units, 1).is_ok());
}
