//! The exact learner against the gradient of the enumerated log-likelihood.

use harmonium::Device;
use harmonium::models::{UnitKind, Units};
use harmonium::training::{CdConfig, CdTrainer, Schedule};

use super::plain;
use crate::models::exact::{Exact, states, to_f64};
use crate::models::support::{matrix, on_each};

/// The mean ln p(v) of rows under a Bernoulli machine.
fn mean_log_likelihood(machine: &Exact, rows: &[Vec<f64>]) -> f64 {
    let free: f64 = rows.iter().map(|v| machine.free_energy_by_units(v)).sum();
    -free / rows.len() as f64 - machine.log_z()
}

/// ∂ mean ln p/∂(W, b, a) by central differences.
fn slopes(machine: &Exact, rows: &[Vec<f64>]) -> [Vec<f64>; 3] {
    let step = 1e-5;
    let slope = |change: &dyn Fn(&mut Exact, f64)| {
        let mut ends = [machine.clone(), machine.clone()];
        change(&mut ends[0], step);
        change(&mut ends[1], -step);
        (mean_log_likelihood(&ends[0], rows) - mean_log_likelihood(&ends[1], rows)) / (2.0 * step)
    };
    [
        (0..machine.w.len()).map(|k| slope(&|m, d| m.w[k] += d)).collect(),
        (0..machine.i).map(|k| slope(&|m, d| m.b[k] += d)).collect(),
        (0..machine.j).map(|k| slope(&|m, d| m.a[k] += d)).collect(),
    ]
}

fn rows() -> Vec<Vec<f64>> {
    [1usize, 6, 6, 29, 20].iter().map(|&s| states(5)[s].clone()).collect()
}

/// One update at rate 1 from `machine`: how W, b and a changed.
fn change(device: &Device, machine: &Exact, config: CdConfig) -> [Vec<f64>; 3] {
    let means = [0.25, 0.5, 0.75, 0.125, 0.5];
    let mut trainer = CdTrainer::new(machine.to_rbm(device), config, &means).unwrap();
    let rows: Vec<Vec<f32>> =
        rows().iter().map(|v| v.iter().map(|&x| x as f32).collect()).collect();
    trainer.update(&matrix(device, &rows), 1).unwrap();
    let now = trainer.rbm();
    let differ = |now: &harmonium::Tensor, before: &[f64]| {
        let now = to_f64(&now.to_vec().unwrap());
        now.iter().zip(before).map(|(x, y)| x - y).collect()
    };
    [
        differ(now.weights(), &machine.w),
        differ(now.visible_bias(), &machine.b),
        differ(now.hidden_bias(), &machine.a),
    ]
}

fn config() -> CdConfig {
    let base = plain(UnitKind::Bernoulli, 1.0);
    base.learning_rate(Schedule::constant(1.0)).exact_gradient(true)
}

#[test]
fn an_update_is_the_gradient_of_the_log_likelihood() {
    on_each(|device| {
        // The hidden layer is enumerated, then the visible one.
        for j in [3, 7] {
            let machine = Exact::random(UnitKind::Bernoulli, 5, j, 1.0, 40 + j as u64);
            let expected = slopes(&machine, &rows());
            for (found, expected) in change(device, &machine, config()).iter().zip(&expected) {
                for (f, e) in found.iter().zip(expected) {
                    assert!((f - e).abs() < 2e-6, "{f} is not {e}");
                }
            }
        }
    });
}

/// Centred: ΔW = ∇W − μ∇aᵀ − ∇b λᵀ with λ = ½ at the start, then b moves by ∇b − ΔW λ and a by ∇a − ΔWᵀμ.
#[test]
fn a_centred_update_is_the_enhanced_gradient() {
    let machine = Exact::random(UnitKind::Bernoulli, 5, 3, 1.0, 44);
    let [w, b, a] = slopes(&machine, &rows());
    let mu = [0.25, 0.5, 0.75, 0.125, 0.5];
    let enhanced: Vec<f64> =
        (0..15).map(|k| w[k] - mu[k / 3] * a[k % 3] - 0.5 * b[k / 3]).collect();
    let b: Vec<f64> =
        (0..5).map(|i| b[i] - 0.5 * enhanced[3 * i..3 * i + 3].iter().sum::<f64>()).collect();
    let a: Vec<f64> =
        (0..3).map(|j| a[j] - (0..5).map(|i| mu[i] * enhanced[3 * i + j]).sum::<f64>()).collect();
    on_each(|device| {
        let found = change(device, &machine, config().centered(true));
        for (found, expected) in found.iter().zip([&enhanced, &b, &a]) {
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 3e-6, "{f} is not {e}");
            }
        }
    });
}

#[test]
fn large_machines_are_refused() {
    let device = Device::cpu();
    let rbm = harmonium::models::Rbm::new(&device, Units::bernoulli(21), Units::bernoulli(21), 1)
        .unwrap();
    let Err(error) = CdTrainer::new(rbm, config(), &[0.5; 21]) else { panic!("21 units") };
    assert!(error.to_string().contains("21 units are too many to enumerate"), "{error}");
}
