//! E and F of both kinds of visible units.

use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::{Device, Tensor};

use super::exact::{Exact, normals, states, to_f64};
use super::support::{matrix, on_each};

const EPSILON: f64 = f32::EPSILON as f64;

fn machine(visible: UnitKind) -> Exact {
    Exact::random(visible, 5, 4, 1.5, 11)
}

/// All states of Bernoulli units; real numbers, some large, for Gaussian ones.
fn visible_states(visible: UnitKind) -> Vec<Vec<f64>> {
    match visible {
        UnitKind::Bernoulli => states(5),
        _ => {
            let z = normals(12, 5 * 17);
            let scale = |case: usize| if case == 0 { 64.0 } else { 2.0 };
            let rows = z.chunks(5).enumerate();
            rows.map(|(case, z)| z.iter().map(|z| scale(case) * z).collect()).collect()
        }
    }
}

fn rows(x: &[Vec<f64>]) -> Vec<Vec<f32>> {
    x.iter().map(|row| row.iter().map(|&x| x as f32).collect()).collect()
}

#[test]
fn the_energy_is_its_definition() {
    for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
        let exact = machine(visible);
        let (mut all_v, mut all_h) = (Vec::new(), Vec::new());
        for v in visible_states(visible) {
            for h in states(exact.j) {
                all_v.push(v.clone());
                all_h.push(h);
            }
        }
        on_each(|device| {
            let rbm = exact.to_rbm(device);
            let (v, h) = (matrix(device, &rows(&all_v)), matrix(device, &rows(&all_h)));
            let found = to_f64(&rbm.energy(&v, &h).unwrap().to_vec().unwrap());
            for ((found, v), h) in found.iter().zip(&all_v).zip(&all_h) {
                let terms = exact.energy_terms(v, h);
                let (energy, magnitude) =
                    (terms.iter().sum::<f64>(), terms.iter().map(|x| x.abs()).sum::<f64>());
                // Every term is rounded once or twice and takes part in fewer than n sums.
                let bound = (terms.len() + 4) as f64 * EPSILON * magnitude;
                assert!(
                    (found - energy).abs() <= bound,
                    "{visible}: {found} is not {energy} ± {bound}"
                );
            }
        });
    }
}

#[test]
fn the_free_energy_sums_the_hidden_states() {
    for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
        let exact = machine(visible);
        let all_v = visible_states(visible);
        on_each(|device| {
            let v = matrix(device, &rows(&all_v));
            let found = to_f64(&exact.to_rbm(device).free_energy(&v).unwrap().to_vec().unwrap());
            for (found, v) in found.iter().zip(&all_v) {
                let free = exact.free_energy(v);
                let ones = vec![1.0; exact.j];
                let terms = exact.energy_terms(v, &ones);
                let magnitude = terms.iter().map(|x| x.abs()).sum::<f64>();
                // As for the energy; and a GPU's logarithm near 1 is within 2⁻²¹ (Vulkan's and WGSL's promise).
                let bound = (terms.len() + 8) as f64 * EPSILON * magnitude
                    + exact.j as f64 * 2f64.powi(-20);
                assert!(
                    (found - free).abs() <= bound,
                    "{visible}: {found} is not {free} ± {bound}"
                );
            }
        });
    }
}

#[test]
fn probabilities_from_free_energies_sum_to_one() {
    let exact = machine(UnitKind::Bernoulli);
    let log_z: f64 = states(exact.i)
        .iter()
        .flat_map(|v| states(exact.j).into_iter().map(move |h| (v.clone(), h)))
        .map(|(v, h)| (-exact.energy(&v, &h)).exp())
        .sum::<f64>()
        .ln();
    assert!((log_z - exact.log_z()).abs() < 1e-12);
    on_each(|device| {
        let v = matrix(device, &rows(&states(exact.i)));
        let free = exact.to_rbm(device).free_energy(&v).unwrap().to_vec().unwrap();
        let p: Vec<f64> = free.iter().map(|&f| (-f64::from(f) - log_z).exp()).collect();
        // An error δ of every F, bounded in the test above by 2e-5, is a relative one of each p.
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 5e-5, "{:?}", p.iter().sum::<f64>());
        for (p, expected) in p.iter().zip(exact.p_v()) {
            assert!((p - expected).abs() <= 5e-5 * expected, "{p} is not {expected}");
        }
    });
}

/// Hidden states of other sizes would be spread over cases or units.
#[test]
fn an_energy_is_of_as_many_hidden_states_as_cases() {
    let exact = machine(UnitKind::Bernoulli);
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let v = matrix(device, &vec![vec![1.0; 5]; 2]);
        for h in [[2, 1], [1, 4], [3, 4], [2, 3]] {
            let error = rbm.energy(&v, &Tensor::zeros(device, &h).unwrap()).unwrap_err();
            assert!(error.to_string().contains("h is"), "{error}");
        }
    });
}

/// Where memory holds the weights once, but not the host's copy beside them.
#[test]
#[cfg(target_os = "linux")]
fn weights_that_memory_does_not_hold_twice_are_refused() {
    const CHILD: &str = "HARMONIUM_TEST_LITTLE_MEMORY";
    if std::env::var_os(CHILD).is_none() {
        let name = "models::energy::weights_that_memory_does_not_hold_twice_are_refused";
        let test = std::env::current_exe().unwrap();
        let status = std::process::Command::new("sh")
            .args(["-c", "ulimit -v 1800000; exec \"$0\" \"$@\""])
            .arg(test)
            .args(["--exact", name])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", "1")
            .status()
            .unwrap();
        return assert!(status.success());
    }
    let units = Units::bernoulli(1 << 14);
    let error = Rbm::new(&Device::cpu(), units, units, 1).unwrap_err().to_string();
    assert_eq!(error, "rbm: 16384 × 16384 values do not fit in memory");
}
