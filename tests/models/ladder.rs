//! Ladders: exchanges keep the joint distribution of all rungs, and chains that exchange come to modes that plain ones
//! never see.

use harmonium::device::DeviceKind;
use harmonium::models::{Ladder, Rbm, UnitKind, Units};
use harmonium::{Device, Tensor};

use super::exact::{Exact, number, states};
use super::support::{monte_carlo_floor, on_each, total_variation, worst};

const CHAINS: usize = 10_000;

/// Three machines that differ much.
fn rungs() -> [Exact; 3] {
    [0.8, 1.6, 2.4].map(|scale| Exact::random(UnitKind::Bernoulli, 3, 2, scale, 60 + scale as u64))
}

/// Relative frequencies of the rungs' visible states taken together.
fn joint(rungs: &[&Tensor]) -> Vec<f64> {
    let rows: Vec<Vec<f32>> = rungs.iter().map(|v| v.to_vec().unwrap()).collect();
    let mut seen = vec![0.0; 1 << (3 * rungs.len())];
    for chain in 0..CHAINS {
        let state = rows.iter().fold(0, |at, v| at << 3 | number(&v[3 * chain..3 * chain + 3]));
        seen[state] += 1.0 / CHAINS as f64;
    }
    seen
}

/// The rungs are independent of each other where exchanges are right: p(v₀, v₁, v₂) = p₀(v₀) p₁(v₁) p₂(v₂). A wrong
/// sign in Δ, or an energy of the wrong rung, moves it by some 0.1.
#[test]
fn exchanges_keep_the_joint_distribution() {
    let machines = rungs();
    let p: Vec<Vec<f64>> = machines.iter().map(Exact::p_v).collect();
    let both = |a: &[f64], b: &[f64]| -> Vec<f64> {
        a.iter().flat_map(|x| b.iter().map(move |y| x * y)).collect()
    };
    let target = both(&both(&p[0], &p[1]), &p[2]);
    let bound = monte_carlo_floor(&target, CHAINS);
    on_each(|device| {
        let ladder = Ladder::new(machines.iter().map(|m| m.to_rbm(device)).collect()).unwrap();
        let mut chains = ladder.chains(CHAINS, 3).unwrap();
        for rounds in [30, 1] {
            chains.step(rounds as u64).unwrap();
            let all: Vec<&Tensor> = (0..3).map(|k| chains.at(k).unwrap()).collect();
            let distance = total_variation(&joint(&all), &target);
            println!("  total variation {distance:.4}, bound {bound:.4}");
            assert!(distance < bound);
        }
        // They do exchange, and not always.
        let swaps = chains.swaps().unwrap();
        assert!(swaps.acceptance.iter().all(|a| (0.1..0.98).contains(a)), "{swaps:?}");
        // The mean acceptance by enumeration: Σ p(v) p′(v′) min(1, p(v′) p′(v) / (p(v) p′(v′))).
        for (pair, found) in swaps.acceptance.iter().enumerate() {
            let [p, q] = [&p[pair], &p[pair + 1]];
            let exact: f64 = (0..8)
                .flat_map(|v| (0..8).map(move |w| (v, w)))
                .map(|(v, w)| (p[v] * q[w]).min(p[w] * q[v]))
                .sum();
            // Half of 31 rounds, the first few of which are not yet right.
            assert!((found - exact).abs() < 0.02, "pair {pair}: {found}, expected {exact}");
        }
        assert!(swaps.round_trips > 0 && swaps.rounds_per_trip > 4.0, "{swaps:?}");
    });
}

/// Two modes that no Gibbs step connects: all units 0 with weight 0.3, all units 1 with 0.7.
pub fn two_modes(i: usize) -> Exact {
    // Given h the units are 0 or 1 but for exp(−6); h follows the units.
    let (b, w) = (-6.0f32, 12.0f32);
    let weight = |x: f64| (1.0 + x.exp()).ln() * i as f64;
    let a = (weight(f64::from(b)) - weight(f64::from(b + w)) + (0.7f64 / 0.3).ln()) as f32;
    Exact {
        visible: UnitKind::Bernoulli,
        i,
        j: 1,
        w: vec![f64::from(w); i],
        b: vec![f64::from(b); i],
        a: vec![f64::from(a)],
    }
}

/// The same chains of the same length: alone they stay where they began, on a ladder they have the enumerated
/// distribution.
#[test]
fn tempering_finds_the_mode_that_plain_chains_never_see() {
    let exact = two_modes(8);
    let target = exact.p_v();
    assert!((target[255] - 0.7).abs() < 0.05 && (target[0] - 0.3).abs() < 0.05);
    let count = 1000;
    let bound = monte_carlo_floor(&target, count);
    let distance = |v: &Tensor| {
        let mut seen = vec![0.0; 256];
        v.to_vec().unwrap().chunks(8).for_each(|v| seen[number(v)] += 1.0 / count as f64);
        total_variation(&seen, &target)
    };
    // The arithmetic of GPUs is that of the test above.
    let rbm = exact.to_rbm(&Device::cpu());
    let mut plain = rbm.chains(count, 8).unwrap();
    plain.step(600).unwrap();
    let base = rbm.resting_bias().unwrap();
    let ladder = Ladder::tempered(&rbm, &base, 8).unwrap();
    let mut chains = ladder.chains(count, 8).unwrap();
    chains.step(600).unwrap();
    let (alone, tempered) = (distance(plain.visible()), distance(chains.visible()));
    println!("  total variation: alone {alone:.3}, tempered {tempered:.4}, bound {bound:.4}");
    println!("  {:?}", chains.swaps().unwrap());
    assert!(alone > 5.0 * bound && tempered < bound);
}

/// Each rung's free energy is that of the annealing path, for every kind of units: −((1 − β)b_A + βb)·v less
/// Σ softplus(β(a + vW)); for Gaussian visible units ½‖v − (1 − β)b_A − βb‖² instead.
#[test]
fn tempered_rungs_are_on_the_path_of_annealing() {
    let device = Device::cpu();
    for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
        let exact = Exact::random(visible, 4, 3, 1.2, 66);
        let base = [0.5f32, -1.0, 0.25, 2.0];
        let ladder = Ladder::tempered(&exact.to_rbm(&device), &base, 5).unwrap();
        let v = [1.0f64, 0.0, 1.0, 1.0];
        let at = Tensor::from_f32(&device, &[1, 4], &v.map(|x| x as f32)).unwrap();
        for (k, rung) in ladder.rungs().iter().enumerate() {
            let beta = k as f64 / 4.0;
            let bias: Vec<f64> =
                (0..4).map(|i| (1.0 - beta) * f64::from(base[i]) + beta * exact.b[i]).collect();
            let own: f64 = match visible {
                UnitKind::Gaussian => v.iter().zip(&bias).map(|(v, b)| 0.5 * (v - b).powi(2)).sum(),
                _ => -v.iter().zip(&bias).map(|(v, b)| v * b).sum::<f64>(),
            };
            let hidden: f64 = exact.field_h(&v).iter().map(|x| (beta * x).exp().ln_1p()).sum();
            let found = f64::from(rung.free_energy(&at).unwrap().to_vec().unwrap()[0]);
            assert!((found - own + hidden).abs() < 1e-5, "{visible} at {beta}: {found}");
        }
    }
}

/// Two equal rungs exchange always, and are what either is.
#[test]
fn equal_rungs_exchange_always() {
    let exact = Exact::random(UnitKind::Bernoulli, 5, 3, 1.0, 67);
    on_each(|device| {
        let ladder = Ladder::new(vec![exact.to_rbm(device), exact.to_rbm(device)]).unwrap();
        let mut chains = ladder.chains(50, 1).unwrap();
        chains.step(100).unwrap();
        let swaps = chains.swaps().unwrap();
        // Both energies of a state are the same numbers, so Δ is 0.
        assert_eq!(swaps.acceptance, [1.0]);
        // Every exchange of even rounds (of two rungs every other round) swaps the two states: there and back in four.
        assert!((swaps.rounds_per_trip - 4.0).abs() < 0.2, "{swaps:?}");
    });
}

#[test]
fn two_calls_are_one_and_the_seed_decides() {
    let device = Device::cpu();
    let rbm = Exact::random(UnitKind::Bernoulli, 12, 6, 0.7, 68).to_rbm(&device);
    let ladder = Ladder::tempered(&rbm, &[0.0; 12], 5).unwrap();
    let run = |seed, steps: &[u64]| {
        let mut chains = ladder.chains(30, seed).unwrap();
        steps.iter().for_each(|&n| chains.step(n).unwrap());
        (chains.visible().to_vec().unwrap(), chains.swaps().unwrap().round_trips)
    };
    assert_eq!(run(1, &[17]), run(1, &[3, 0, 14]));
    assert_ne!(run(1, &[17]).0, run(2, &[17]).0);
    assert_ne!(run(1, &[17]).0, run(1, &[16]).0);
}

/// Independent units and a strong machine exchange once in a while; what is put in between is as good a ladder as another:
/// its ends are what they were, and its top has the enumerated distribution.
#[test]
fn neighbours_that_exchange_too_seldom_get_machines_between_them() {
    let top = two_modes(8);
    let target = top.p_v();
    let mut bottom = top.clone();
    for values in [&mut bottom.w, &mut bottom.b, &mut bottom.a] {
        values.fill(0.0);
    }
    on_each(|device| {
        let ends = || vec![bottom.to_rbm(device), top.to_rbm(device)];
        // The distribution takes long, and its arithmetic is that of the tests above.
        let [count, rounds] =
            if device.info().kind == DeviceKind::Cpu { [1000, 300] } else { [200, 40] };
        let seen = |ladder: &Ladder| {
            let mut chains = ladder.chains(count, 5).unwrap();
            chains.step(rounds as u64).unwrap();
            let mut seen = vec![0.0; 256];
            let v = chains.visible().to_vec().unwrap();
            v.chunks(8).for_each(|v| seen[number(v)] += 1.0 / count as f64);
            (chains.swaps().unwrap().acceptance, total_variation(&seen, &target))
        };
        let before = seen(&Ladder::new(ends()).unwrap()).0;
        assert!(before[0] < 0.1, "{before:?}");
        let ladder = Ladder::new(ends()).unwrap().refined(0.25, 3).unwrap();
        let (after, distance) = seen(&ladder);
        println!("  {before:?} → {after:?}, total variation {distance:.4}");
        // 50 chains try ten times each: 0.25 is seen as 0.25 ± 0.02, correlated tries double that.
        assert!(after.len() > 1 && after.iter().all(|&a| a > 0.25 - 5.0 * 0.04), "{after:?}");
        assert!(rounds < 300 || distance < monte_carlo_floor(&target, count), "{distance}");
        let parts =
            |rbm: &Rbm| (rbm.weights().to_vec().unwrap(), rbm.hidden_bias().to_vec().unwrap());
        let rungs = ladder.rungs();
        for (end, rung) in ends().iter().zip([&rungs[0], &rungs[rungs.len() - 1]]) {
            assert_eq!(parts(end), parts(rung));
        }
    });
    let device = Device::cpu();
    let ladder = || Ladder::new(vec![bottom.to_rbm(&device), top.to_rbm(&device)]).unwrap();
    assert_eq!(ladder().refined(0.0, 1).unwrap().rungs().len(), 2);
    for share in [1.0, -0.1, f64::NAN] {
        let words = ladder().refined(share, 1).unwrap_err().to_string();
        assert!(words.contains("share below 1"), "{words}");
    }
}

/// With weights the resting bias is what the visible units get from hidden ones at ½.
#[test]
fn the_resting_bias_is_the_input_from_hidden_units_at_rest() {
    let exact = Exact::random(UnitKind::Bernoulli, 4, 3, 1.2, 69);
    let found = exact.to_rbm(&Device::cpu()).resting_bias().unwrap();
    let found: Vec<f64> = found.into_iter().map(f64::from).collect();
    assert!(worst(&found, &exact.field_v(&[0.5; 3])) < 1e-5);
    assert_eq!(states(1).len(), 2);
}

#[test]
fn ladders_of_unlike_machines_are_refused() {
    let device = Device::cpu();
    let rbm = |units, hidden| Rbm::new(&device, units, Units::bernoulli(hidden), 1).unwrap();
    let plain = || rbm(Units::bernoulli(4), 2);
    let words = |rungs| Ladder::new(rungs).unwrap_err().to_string();
    assert!(words(vec![plain()]).contains("1 rungs are outside [2, 1000]"));
    assert!(words(vec![plain(), rbm(Units::bernoulli(4), 3)]).contains("rung 1 has"));
    assert!(words(vec![plain(), rbm(Units::gaussian(4), 2)]).contains("gaussian"));
    assert!(Ladder::tempered(&plain(), &[0.0; 3], 4).is_err());
    assert!(Ladder::tempered(&plain(), &[0.0; 4], 1).is_err());
}
