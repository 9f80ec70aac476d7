use harmonium::Device;
use harmonium::evaluation::partition::{MOST_ENUMERATED, can_enumerate, exact_log_partition};
use harmonium::models::exact::{MOST, expectations, log_partition};
use harmonium::models::{Rbm, UnitKind, Units};

use crate::models::exact::{Exact, dot, states};
use crate::models::support::on_each;

/// ln Z of a Gaussian machine: for each h the integral over v is (2π)^(I/2) exp(aᵀh + bᵀWh + ½‖Wh‖²).
fn gaussian_log_z(machine: &Exact) -> f64 {
    let terms: Vec<f64> = states(machine.j)
        .iter()
        .map(|h| {
            let wh: Vec<f64> =
                (0..machine.i).map(|i| dot(&machine.w[i * machine.j..][..machine.j], h)).collect();
            dot(&machine.a, h) + dot(&machine.b, &wh) + 0.5 * dot(&wh, &wh)
        })
        .collect();
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest
        + terms.iter().map(|t| (t - largest).exp()).sum::<f64>().ln()
        + 0.5 * machine.i as f64 * std::f64::consts::TAU.ln()
}

#[test]
fn either_layer_gives_the_sum_over_all_states() {
    on_each(|device| {
        // More hidden units, more visible units, as many, and more than one task of 2¹⁰ states.
        for (i, j) in [(1, 1), (3, 7), (7, 3), (5, 5), (12, 13), (13, 11)] {
            let machine = Exact::random(UnitKind::Bernoulli, i, j, 1.5, (i * 100 + j) as u64);
            let found = exact_log_partition(&machine.to_rbm(device)).unwrap();
            assert!(
                (found - machine.log_z()).abs() < 1e-10,
                "{i} {j}: {found} {}",
                machine.log_z()
            );
        }
        for (i, j) in [(1, 1), (9, 3), (3, 11)] {
            let machine = Exact::random(UnitKind::Gaussian, i, j, 0.7, (i * 100 + j) as u64);
            let found = exact_log_partition(&machine.to_rbm(device)).unwrap();
            assert!((found - gaussian_log_z(&machine)).abs() < 1e-10, "{i} {j}: {found}");
        }
    });
}

/// One dimension can be integrated by a sum over a fine grid: nothing of the formula is used.
#[test]
fn a_gaussian_machine_agrees_with_quadrature() {
    let machine = Exact::random(UnitKind::Gaussian, 1, 3, 1.0, 8);
    let found = exact_log_partition(&machine.to_rbm(&Device::cpu())).unwrap();
    let step = 1e-3;
    let sum: f64 =
        (-30_000..30_000).map(|k| (-machine.free_energy(&[f64::from(k) * step])).exp()).sum();
    assert!((found - (sum * step).ln()).abs() < 1e-9, "{found} {}", (sum * step).ln());
}

/// More than 512 units in the layer that is summed out, with fields that overflow a plain product.
#[test]
fn wide_layers_and_strong_fields_do_not_overflow() {
    let machine = Exact::random(UnitKind::Bernoulli, 1500, 4, 40.0, 3);
    let found = exact_log_partition(&machine.to_rbm(&Device::cpu())).unwrap();
    let terms: Vec<f64> = states(4)
        .iter()
        .map(|h| {
            let fields = (0..1500).map(|i| machine.b[i] + dot(&machine.w[i * 4..][..4], h));
            let softplus = fields.map(|x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p());
            dot(&machine.a, h) + softplus.sum::<f64>()
        })
        .collect();
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exact = largest + terms.iter().map(|t| (t - largest).exp()).sum::<f64>().ln();
    assert!(found.is_finite() && (found - exact).abs() < 1e-9 * exact, "{found} {exact}");
}

#[test]
fn machines_that_are_too_large_are_refused() {
    let device = Device::cpu();
    let large = MOST_ENUMERATED + 1;
    let rbm = Rbm::new(&device, Units::bernoulli(large), Units::bernoulli(large), 1).unwrap();
    assert!(!can_enumerate(&rbm));
    let error = exact_log_partition(&rbm).unwrap_err().to_string();
    assert!(error.contains("25 units are too many to enumerate, 24 is the most"), "{error}");
    // A Gaussian machine's visible layer cannot be enumerated, however small.
    let rbm = Rbm::new(&device, Units::gaussian(2), Units::bernoulli(large), 1).unwrap();
    assert!(!can_enumerate(&rbm) && exact_log_partition(&rbm).is_err());
    assert!(can_enumerate(
        &Rbm::new(&device, Units::bernoulli(2), Units::bernoulli(large), 1).unwrap()
    ));
}

/// ∂ ln Z/∂W = ⟨v hᵀ⟩ and so on: the expectations are the gradient of ln Z, taken here by central differences
/// of the enumeration from the definitions.
#[test]
fn expectations_are_the_gradient_of_log_z() {
    let device = Device::cpu();
    for (visible, i, j) in [
        (UnitKind::Bernoulli, 3, 4),
        (UnitKind::Bernoulli, 4, 3),
        (UnitKind::Bernoulli, 11, 12),
        (UnitKind::Gaussian, 3, 2),
    ] {
        let machine = Exact::random(visible, i, j, 1.0, (10 * i + j) as u64);
        let found = expectations(&machine.to_rbm(&device)).unwrap();
        let log_z = |m: &Exact| match visible {
            UnitKind::Bernoulli => m.log_z(),
            _ => gaussian_log_z(m),
        };
        assert!((found.log_partition - log_z(&machine)).abs() < 1e-10);
        let step = 1e-5;
        let slope = |change: &dyn Fn(&mut Exact, f64)| {
            let mut ends = [machine.clone(), machine.clone()];
            change(&mut ends[0], step);
            change(&mut ends[1], -step);
            (log_z(&ends[0]) - log_z(&ends[1])) / (2.0 * step)
        };
        // Every weight of small machines, a few of the large one.
        for at in (0..i * j).step_by(1 + i * j / 20) {
            let expected = slope(&|m, d| m.w[at] += d);
            assert!((found.vh[at] - expected).abs() < 1e-7, "vh {at}: {} {expected}", found.vh[at]);
        }
        for at in 0..j {
            let expected = slope(&|m, d| m.a[at] += d);
            assert!((found.h[at] - expected).abs() < 1e-7, "h {at}: {} {expected}", found.h[at]);
        }
        for at in 0..i {
            let expected = slope(&|m, d| m.b[at] += d);
            // A Gaussian energy has −½b² beside b·v, so its slope is ⟨v⟩ − b.
            let own = match visible {
                UnitKind::Bernoulli => 0.0,
                _ => machine.b[at],
            };
            let found = found.v[at] - own;
            assert!((found - expected).abs() < 1e-7, "v {at}: {found} {expected}");
        }
    }
}

/// Any number of states, past the count's 64 bits too, is refused with its size, and nothing is waited for.
#[test]
fn states_beyond_counting_are_refused() {
    let device = Device::cpu();
    for units in [MOST + 1, 63, 64, 73, 74, 75, 128, 200] {
        let layer = Units::bernoulli(units);
        let rbm = Rbm::new(&device, layer, layer, 1).unwrap();
        for error in [log_partition(&rbm).unwrap_err(), expectations(&rbm).unwrap_err()] {
            let text = error.to_string();
            let said = format!("{units} units are too many to enumerate, {MOST} is the most");
            assert!(text.contains(&said), "{text}");
        }
    }
    let groups = Rbm::new(&device, Units::softmax(40, 5), Units::softmax(50, 4), 1).unwrap();
    let text = log_partition(&groups).unwrap_err().to_string();
    assert!(text.contains("40 groups of 5 states, or 93 binary units, are too many"), "{text}");
}

/// The memory that `expectations` takes over what the process has, in a process of its own: the sums of every task
/// of a machine of 20 and 784 units were 128 MB.
#[test]
#[cfg(target_os = "linux")]
fn expectations_keep_a_few_sums_at_a_time() {
    const CHILD: &str = "HARMONIUM_TEST_EXPECTATIONS";
    let peak = || -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    if std::env::var_os(CHILD).is_none() {
        let name = "evaluation::partition::expectations_keep_a_few_sums_at_a_time";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, "1")
            .status()
            .unwrap();
        return assert!(status.success());
    }
    // Two groups of 300 states make 300 tasks, whose sums would be 300 · 600 · 32 · 8 bytes: 46 MB; 32 are 5 MB.
    let device = Device::cpu();
    let rbm = Rbm::new(&device, Units::softmax(2, 300), Units::bernoulli(32), 1).unwrap();
    let before = peak();
    expectations(&rbm).unwrap();
    let more = peak().saturating_sub(before);
    assert!(more < 15_000, "{more} KB");
}
