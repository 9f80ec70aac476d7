//! Clamped sampling: the others' distribution given the held units, against enumeration.

use harmonium::models::{Clamp, Ladder, Rbm, UnitKind, Units};
use harmonium::{Device, Tensor};

use super::deep::Deep;
use super::exact::{Exact, number, states};
use super::support::{monte_carlo_floor, on_each, total_variation, worst};

const CHAINS: usize = 4000;
/// Units 1 and 3 of 5 are held, at 1 and at 0.
const HELD: [bool; 5] = [false, true, false, true, false];
const VALUES: [f32; 5] = [f32::NAN, 1.0, f32::NAN, 0.0, f32::NAN];

fn machine() -> Exact {
    Exact::random(UnitKind::Bernoulli, 5, 4, 1.5, 47)
}

/// p(v | the held units), over all states of v.
fn given(exact: &Exact) -> Vec<f64> {
    let fits = |v: &Vec<f64>| v[1] == 1.0 && v[3] == 0.0;
    let all = states(exact.i);
    let p: Vec<f64> =
        exact.p_v().iter().zip(&all).map(|(p, v)| if fits(v) { *p } else { 0.0 }).collect();
    let sum: f64 = p.iter().sum();
    p.into_iter().map(|p| p / sum).collect()
}

fn clamp(rbm: &Rbm) -> Clamp {
    Clamp::new(rbm, &HELD, &VALUES.repeat(CHAINS)).unwrap()
}

fn frequencies(v: &Tensor) -> Vec<f64> {
    let mut seen = vec![0.0; 1 << 5];
    v.to_vec().unwrap().chunks(5).for_each(|v| seen[number(v)] += 1.0 / CHAINS as f64);
    seen
}

/// The chains forget their start at the rate of the second largest eigenvalue; 60 steps of a machine whose plain chains
/// need some ten are beyond any doubt, and the tolerance is the Monte Carlo one alone.
#[test]
fn clamped_chains_have_the_enumerated_conditional_distribution() {
    let exact = machine();
    let target = given(&exact);
    let bound = monte_carlo_floor(&target, CHAINS);
    // The test can fail: the machine's own distribution is another one.
    assert!(total_variation(&exact.p_v(), &target) > 5.0 * bound);
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let mut chains = rbm.chains(CHAINS, 5).unwrap().clamped(clamp(&rbm)).unwrap();
        // Held from the start on.
        assert!(chains.visible().to_vec().unwrap().chunks(5).all(|v| v[1] == 1.0 && v[3] == 0.0));
        chains.step(60).unwrap();
        let distance = total_variation(&frequencies(chains.visible()), &target);
        println!("  total variation {distance:.4}, bound {bound:.4}");
        assert!(distance < bound);
        // And on a ladder, each of whose rungs is clamped.
        let ladder = Ladder::tempered(&rbm, &[0.0; 5], 3).unwrap();
        let mut chains = ladder.chains(CHAINS, 5).unwrap().clamped(clamp(&rbm)).unwrap();
        chains.step(40).unwrap();
        let distance = total_variation(&frequencies(chains.visible()), &target);
        println!("  on a ladder {distance:.4}, bound {bound:.4}");
        assert!(distance < bound);
    });
}

/// The same of a deep machine, whose layers of even number are drawn together: two and three hidden layers.
#[test]
fn clamped_deep_chains_have_the_enumerated_conditional_distribution() {
    for deep in [
        Deep::random(UnitKind::Bernoulli, &[5, 3, 3], 1.2, 49),
        Deep::random(UnitKind::Bernoulli, &[5, 3, 2, 2], 1.2, 50),
    ] {
        let p: Vec<f64> = states(5).iter().map(|v| deep.log_weight(v)).collect();
        let of_all = |keep: &dyn Fn(&[f64]) -> bool| {
            let largest = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let kept = states(5).into_iter().zip(&p);
            let kept: Vec<f64> =
                kept.map(|(v, log)| if keep(&v) { (log - largest).exp() } else { 0.0 }).collect();
            let sum: f64 = kept.iter().sum();
            kept.into_iter().map(|p| p / sum).collect::<Vec<f64>>()
        };
        let (target, free) = (of_all(&|v| v[1] == 1.0 && v[3] == 0.0), of_all(&|_| true));
        let bound = monte_carlo_floor(&target, CHAINS);
        assert!(total_variation(&free, &target) > 5.0 * bound);
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            let values = VALUES.repeat(CHAINS);
            let clamp = Clamp::of((dbm.units(0), device), &HELD, &values).unwrap();
            let mut chains = dbm.chains(CHAINS, 8).unwrap().clamped(clamp).unwrap();
            chains.step(80).unwrap();
            let distance = total_variation(&frequencies(chains.visible()), &target);
            println!("  total variation {distance:.4}, bound {bound:.4}");
            assert!(distance < bound);
            let means = chains.means().unwrap().to_vec().unwrap();
            assert!(means.chunks(5).all(|v| v[1] == 1.0 && v[3] == 0.0));
        });
    }
}

/// Averaged means of one chain estimate E[v | held]: over 4,000 chains of 20 steps their error is below that of as many
/// states, five standard deviations of which are allowed; and that of the averages is smaller by far.
#[test]
fn averaged_means_are_the_conditional_means() {
    let exact = machine();
    let target = given(&exact);
    let mean =
        |unit: usize| -> f64 { states(5).iter().zip(&target).map(|(v, p)| p * v[unit]).sum() };
    let expected: Vec<f64> = (0..5).map(mean).collect();
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let mut chains = rbm.chains(CHAINS, 6).unwrap().clamped(clamp(&rbm)).unwrap();
        chains.step(40).unwrap();
        let averages = chains.average(20).unwrap().to_vec().unwrap();
        let found: Vec<f64> = (0..5)
            .map(|unit| {
                let column = averages.iter().skip(unit).step_by(5);
                column.map(|&x| f64::from(x)).sum::<f64>() / CHAINS as f64
            })
            .collect();
        let bound = 5.0 * (0.25 / CHAINS as f64).sqrt();
        assert!(worst(&found, &expected) < bound, "{found:?}, expected {expected:?}");
        // The held units are what they are held at.
        assert_eq!([found[1], found[3]], [1.0, 0.0]);
    });
}

/// Gaussian visible units: v given the held ones is, given h, normal and independent; E[v | held] by enumerating h.
#[test]
fn clamped_gaussian_units_have_the_conditional_mean() {
    let exact = Exact::random(UnitKind::Gaussian, 3, 4, 0.6, 48);
    let held = [true, false, false];
    let x = 0.75;
    // p(h | v₀ = x) ∝ exp(aᵀh) N(x; b₀ + W₀h, 1) × the integral over the other units.
    let hidden = states(4);
    let fields: Vec<Vec<f64>> = hidden.iter().map(|h| exact.field_v(h)).collect();
    let weights: Vec<f64> = hidden
        .iter()
        .zip(&fields)
        .map(|(h, field)| {
            let own: f64 = exact.a.iter().zip(h).map(|(a, h)| a * h).sum();
            // exp(−½(x − b)² + x(Wh)) of the held one, exp(½(f² − b²)) of each free one.
            let pull = x * (field[0] - exact.b[0]);
            let free: f64 = (1..3).map(|i| 0.5 * (field[i].powi(2) - exact.b[i].powi(2))).sum();
            (own + pull + free).exp()
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    let mean = |i: usize| weights.iter().zip(&fields).map(|(w, f)| w * f[i]).sum::<f64>() / sum;
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let clamp = Clamp::new(&rbm, &held, &[x as f32, 0.0, 0.0].repeat(CHAINS)).unwrap();
        let mut chains = rbm.chains(CHAINS, 7).unwrap().clamped(clamp).unwrap();
        chains.step(40).unwrap();
        let averages = chains.average(10).unwrap().to_vec().unwrap();
        for unit in 1..3 {
            let column: Vec<f64> =
                averages.iter().skip(unit).step_by(3).map(|&x| f64::from(x)).collect();
            let found = column.iter().sum::<f64>() / CHAINS as f64;
            let deviation =
                (column.iter().map(|x| (x - found).powi(2)).sum::<f64>() / CHAINS as f64).sqrt();
            let bound = 5.0 * deviation / (CHAINS as f64).sqrt();
            assert!((found - mean(unit)).abs() < bound, "{found}, expected {}", mean(unit));
            // The free mean is another one.
            assert!((mean(unit) - exact.b[unit]).abs() > bound);
        }
    });
}

#[test]
fn clamps_that_make_no_sense_are_refused() {
    let device = Device::cpu();
    let rbm = |units| Rbm::new(&device, units, Units::bernoulli(2), 1).unwrap();
    let words = |found: harmonium::Result<Clamp>| found.unwrap_err().to_string();
    let plain = rbm(Units::bernoulli(4));
    assert!(words(Clamp::new(&plain, &[true; 3], &[0.0; 4])).contains("mask of 3"));
    assert!(words(Clamp::new(&plain, &[true; 4], &[0.0; 6])).contains("6 values"));
    let broken = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, f32::INFINITY, 0.0];
    assert!(words(Clamp::new(&plain, &[true; 4], &broken)).contains("row 1 holds unit 2 at inf"));
    assert!(Clamp::new(&plain, &[true, true, false, true], &broken).is_ok());
    // A group is one choice.
    let grouped = rbm(Units::softmax(2, 3));
    let mask = |text: &str| text.chars().map(|c| c == '1').collect::<Vec<_>>();
    assert!(Clamp::new(&grouped, &mask("000111"), &[0.0; 6]).is_ok());
    assert!(words(Clamp::new(&grouped, &mask("000110"), &[0.0; 6])).contains("group 1"));
    let labelled = rbm(Units::labelled(2, 3));
    assert!(Clamp::new(&labelled, &mask("10111"), &[0.0; 5]).is_ok());
    assert!(words(Clamp::new(&labelled, &mask("10100"), &[0.0; 5])).contains("group 0"));
    // Other chains than those it was made for.
    let clamp = Clamp::new(&plain, &[true; 4], &[0.0; 8]).unwrap();
    assert!(plain.chains(3, 1).unwrap().clamped(clamp).is_err());
}
