//! The Gibbs sampler's stationary distribution against enumeration.

use harmonium::models::{DbnSpec, DeepBeliefNet, Ladder, Rbm, UnitKind, Units};
use harmonium::random::{ChainDraw, ChainStreams, Draw};
use harmonium::{Device, Tensor};

use super::exact::{Exact, dot, normals, number, sigmoid, states, step, to_f64};
use super::support::{matrix, monte_carlo_floor, on_each, total_variation};

const CHAINS: usize = 40_000;
const SEED: u64 = 4;

fn free() -> ChainDraw {
    ChainDraw::new(SEED, ChainStreams::FREE)
}

fn machine() -> Exact {
    Exact::random(UnitKind::Bernoulli, 4, 3, 2.5, 43)
}

/// How many steps bring the chains from b's marginal to within 1e-3 of the stationary distribution, by powers of
/// the exact transition matrix.
fn burn_in(exact: &Exact) -> u64 {
    let (transition, target) = (exact.transition(), exact.p_v());
    let marginal = |v: &Vec<f64>| -> f64 {
        v.iter().zip(&exact.b).map(|(v, b)| sigmoid(if *v == 1.0 { *b } else { -b })).product()
    };
    let mut p: Vec<f64> = states(exact.i).iter().map(marginal).collect();
    let mut steps = 0;
    while total_variation(&p, &target) > 1e-3 {
        p = step(&p, &transition);
        steps += 1;
        assert!(steps < 200, "a machine that does not mix tests nothing");
    }
    steps
}

/// Relative frequencies of the joint states (v, h), h being the one that v was drawn from.
fn joint_frequencies(v: &Tensor, h: &Tensor, i: usize, j: usize) -> Vec<f64> {
    let (v, h) = (v.to_vec().unwrap(), h.to_vec().unwrap());
    let mut seen = vec![0.0; 1 << (i + j)];
    for (v, h) in v.chunks(i).zip(h.chunks(j)) {
        seen[number(v) << j | number(h)] += 1.0 / CHAINS as f64;
    }
    seen
}

/// The marginal of v.
fn visible_part(joint: &[f64], j: usize) -> Vec<f64> {
    joint.chunks(1 << j).map(|row| row.iter().sum()).collect()
}

fn run(device: &Device, rbm: &Rbm, steps: u64) -> (Tensor, Tensor) {
    let mut v = rbm.sample_start(CHAINS, &free().start()).unwrap();
    let mut h = Tensor::zeros(device, &[CHAINS, rbm.hidden_count()]).unwrap();
    rbm.gibbs(&mut v, &mut h, steps, &free()).unwrap();
    (v, h)
}

#[test]
fn chains_reach_the_enumerated_distribution() {
    let exact = machine();
    let (joint, marginal) = (exact.joint().concat(), exact.p_v());
    let steps = burn_in(&exact);
    on_each(|device| {
        let (v, h) = run(device, &exact.to_rbm(device), steps);
        let seen = joint_frequencies(&v, &h, exact.i, exact.j);
        let distance = total_variation(&visible_part(&seen, exact.j), &marginal);
        let bound = 1e-3 + monte_carlo_floor(&marginal, CHAINS);
        println!("  p(v): total variation {distance:.4} after {steps} steps, bound {bound:.4}");
        assert!(distance < bound);
        let distance = total_variation(&seen, &joint);
        let bound = 1e-3 + monte_carlo_floor(&joint, CHAINS);
        println!("  p(v, h): {distance:.4}, bound {bound:.4}");
        assert!(distance < bound);
    });
}

/// The bounds above mean something: samplers that are wrong on purpose exceed them.
#[test]
fn wrong_samplers_are_caught() {
    let exact = machine();
    let (joint, marginal) = (exact.joint().concat(), exact.p_v());
    let steps = burn_in(&exact);
    let device = &Device::cpu();
    let rbm = exact.to_rbm(device);
    let v_bound = 1e-3 + monte_carlo_floor(&marginal, CHAINS);
    let joint_bound = 1e-3 + monte_carlo_floor(&joint, CHAINS);

    for dropped in ["b", "a"] {
        let mut wrong = exact.clone();
        if dropped == "b" { &mut wrong.b } else { &mut wrong.a }.fill(0.0);
        let (v, h) = run(device, &wrong.to_rbm(device), steps);
        let seen = joint_frequencies(&v, &h, exact.i, exact.j);
        let distance = total_variation(&visible_part(&seen, exact.j), &marginal);
        println!("bias {dropped} dropped: {distance:.4}, bound {v_bound:.4}");
        assert!(distance > 2.0 * v_bound);
    }

    // p(h | v) one step stale: h belongs to the v of the step before.
    let (mut v, mut h) = run(device, &rbm, steps);
    let stale = v.try_clone().unwrap();
    rbm.gibbs(&mut v, &mut h, 1, &free().at(steps)).unwrap();
    rbm.h_from_v(&stale).sample_into(&Draw::new(SEED, 903), &mut h).unwrap();
    let seen = joint_frequencies(&v, &h, exact.i, exact.j);
    let distance = total_variation(&seen, &joint);
    println!("stale p(h | v): {distance:.4}, bound {joint_bound:.4}");
    assert!(distance > 2.0 * joint_bound);

    // The same random numbers in every step.
    let (mut v, mut h) = run(device, &rbm, 0);
    for _ in 0..steps {
        rbm.gibbs(&mut v, &mut h, 1, &free()).unwrap();
    }
    let seen = joint_frequencies(&v, &h, exact.i, exact.j);
    let distance = total_variation(&visible_part(&seen, exact.j), &marginal);
    println!("numbers reused: {distance:.4}, bound {v_bound:.4}");
    assert!(distance > v_bound);
}

#[test]
fn chains_do_not_depend_on_how_they_are_divided() {
    let exact = machine();
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let draw = free();
        let start: Vec<Vec<f32>> = vec![vec![1.0, 0.0, 1.0, 0.0]; 10];
        let (mut v, mut h) =
            (matrix(device, &start), Tensor::zeros(device, &[10, exact.j]).unwrap());
        rbm.gibbs(&mut v, &mut h, 7, &draw).unwrap();
        let whole = v.to_vec().unwrap();
        // The last six chains alone, in 3 + 4 steps.
        let mut v = matrix(device, &start[4..]);
        let mut h = Tensor::zeros(device, &[6, exact.j]).unwrap();
        rbm.gibbs(&mut v, &mut h, 3, &draw.from_chain(4)).unwrap();
        rbm.gibbs(&mut v, &mut h, 4, &draw.at(3).from_chain(4)).unwrap();
        assert_eq!(v.to_vec().unwrap(), whole[4 * exact.i..]);
    });
}

/// Mean and covariance (row-major) of v in a Gaussian machine: a mixture of N(b + Wh, 1) with weights
/// p(h) ∝ exp(aᵀh + bᵀWh + ½‖Wh‖²).
fn mixture(exact: &Exact) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let hidden = states(exact.j);
    let means: Vec<Vec<f64>> = hidden.iter().map(|h| exact.field_v(h)).collect();
    let weight: Vec<f64> = hidden
        .iter()
        .zip(&means)
        .map(|(h, m)| (dot(&exact.a, h) + 0.5 * (dot(m, m) - dot(&exact.b, &exact.b))).exp())
        .collect();
    let z: f64 = weight.iter().sum();
    let p: Vec<f64> = weight.iter().map(|w| w / z).collect();
    let n = exact.i;
    let mean: Vec<f64> =
        (0..n).map(|i| p.iter().zip(&means).map(|(p, m)| p * m[i]).sum()).collect();
    let covariance = (0..n * n)
        .map(|k| {
            let (x, y) = (k / n, k % n);
            let spread = |(p, m): (&f64, &Vec<f64>)| p * (m[x] - mean[x]) * (m[y] - mean[y]);
            p.iter().zip(&means).map(spread).sum::<f64>() + f64::from(u8::from(x == y))
        })
        .collect();
    (p, mean, covariance)
}

/// By how many standard errors the sample's means and covariances miss the exact ones at worst.
fn worst_deviation(v: &[f64], mean: &[f64], covariance: &[f64]) -> f64 {
    let n = mean.len();
    let count = (v.len() / n) as f64;
    let mut worst = 0.0f64;
    let mut look = |exact: f64, of: &dyn Fn(&[f64]) -> f64| {
        let (mut sum, mut squares) = (0.0, 0.0);
        v.chunks(n).for_each(|case| {
            let x = of(case) - exact;
            sum += x;
            squares += x * x;
        });
        let miss = sum / count;
        worst = worst.max(miss.abs() / ((squares / count - miss * miss) / count).sqrt());
    };
    for x in 0..n {
        look(mean[x], &|case| case[x]);
        for y in 0..=x {
            look(covariance[x * n + y], &|case| (case[x] - mean[x]) * (case[y] - mean[y]));
        }
    }
    worst
}

/// Six standard errors: fourteen normal deviates exceed that once in 10⁸ runs.
const DEVIATIONS: f64 = 6.0;

#[test]
fn gaussian_chains_keep_the_mixtures_moments() {
    let exact = Exact::random(UnitKind::Gaussian, 4, 3, 1.0, 43);
    let (p, mean, covariance) = mixture(&exact);
    // Chains start in the exact distribution, so that no burn-in is argued about: it must stay.
    let hidden = states(exact.j);
    let uniform = Draw::new(SEED, 904);
    let noise = normals(44, CHAINS * exact.i);
    let mut start = Vec::new();
    for (chain, noise) in noise.chunks(exact.i).enumerate() {
        let mut u = f64::from(uniform.word(chain as u32, 0)) / 2f64.powi(32);
        let state = p.iter().position(|p| {
            u -= p;
            u < 0.0
        });
        let field = exact.field_v(&hidden[state.unwrap_or(p.len() - 1)]);
        start.push(field.iter().zip(noise).map(|(m, z)| (m + z) as f32).collect::<Vec<f32>>());
    }
    assert!(worst_deviation(&to_f64(&start.concat()), &mean, &covariance) < DEVIATIONS);
    let after = |device: &Device, machine: &Exact| {
        let (mut v, mut h) =
            (matrix(device, &start), Tensor::zeros(device, &[CHAINS, exact.j]).unwrap());
        let draw = free();
        machine.to_rbm(device).gibbs(&mut v, &mut h, 20, &draw).unwrap();
        worst_deviation(&to_f64(&v.to_vec().unwrap()), &mean, &covariance)
    };
    on_each(|device| {
        let deviation = after(device, &exact);
        println!("  worst of 14 moments: {deviation:.2} standard errors");
        assert!(deviation < DEVIATIONS);
    });
    // Wrong on purpose: 5 % of the visible bias missing, the sign of one hidden bias turned.
    let mut wrong = exact.clone();
    wrong.b.iter_mut().for_each(|b| *b *= 0.95);
    assert!(after(&Device::cpu(), &wrong) > DEVIATIONS);
    let mut wrong = exact.clone();
    wrong.a[0] *= -1.0;
    assert!(after(&Device::cpu(), &wrong) > DEVIATIONS);
}

/// Beyond the counter's 40 bits of steps the same numbers would come again.
#[test]
fn more_steps_than_the_counter_has_are_refused() {
    let rbm = Rbm::new(&Device::cpu(), Units::bernoulli(3), Units::bernoulli(2), 1).unwrap();
    let mut chains = rbm.chains(2, 1).unwrap();
    chains.step(1).unwrap();
    let error = chains.step(Draw::STEPS).unwrap_err().to_string();
    assert!(error.contains("steps") && error.contains("1099511627776"), "{error}");
    // Averages are refused before the first of their steps.
    assert!(chains.average(u64::MAX).is_err());
    let rungs = Ladder::tempered(&rbm, &[0.0; 3], 2).unwrap();
    let mut chains = rungs.chains(2, 1).unwrap();
    assert!(chains.step(Draw::STEPS).is_err() && chains.average(u64::MAX).is_err());
    let spec = DbnSpec::new([3, 2, 2]).classes(2);
    let net = DeepBeliefNet::from_spec(&Device::cpu(), &spec, 1).unwrap();
    assert!(net.dreams_of(&[1], 1).unwrap().step(Draw::STEPS + 1).is_err());
    let [here, beyond] = [0, Draw::STEPS].map(|step| free().at(step).hidden().word(0, 0));
    assert_eq!(here, beyond, "the limit is where they do");
}
