//! The lower bound of a deep belief net against ln p(v), by the enumeration of all units.

use harmonium::evaluation::ais::{AisConfig, Temperatures, ais};
use harmonium::evaluation::bound::lower_bound;
use harmonium::evaluation::partition::exact_log_partition;
use harmonium::models::{DbnSpec, DeepBeliefNet, Model, UnitKind, Visit};
use harmonium::random::Draw;
use harmonium::{Device, Tensor};

use crate::models::exact::{Exact, states, to_f32};
use crate::models::nets::{ExactNet, probability};
use crate::models::support::{matrix, on_each};

const DRAW: Draw = Draw::new(4, 300);

fn rows(device: &Device, all: &[Vec<f64>]) -> Tensor {
    matrix(device, &all.iter().map(|v| to_f32(v)).collect::<Vec<_>>())
}

/// For every v: the estimate is the enumerated bound, and that is not above ln p(v).
#[test]
fn the_bound_is_below_the_likelihood_of_every_case() {
    const SAMPLES: usize = 1000;
    for exact in [
        ExactNet::random(&[4, 3, 3], 0, false, 90),
        ExactNet::random(&[4, 3, 3], 3, true, 91),
        ExactNet::random(&[4, 3, 3, 2], 0, true, 92),
        ExactNet::random(&[3, 2, 3, 2], 2, false, 93),
    ] {
        let all = states(exact.sizes[0]);
        let log_p: Vec<f64> = exact.p_v().iter().map(|p| p.ln()).collect();
        let bounds: Vec<f64> = all.iter().map(|v| exact.bound(v)).collect();
        assert!(bounds.iter().zip(&log_p).all(|(bound, log_p)| bound <= &(log_p + 1e-12)));
        // Not because nothing is lost: with strong weights the gap shows.
        assert!(bounds.iter().zip(&log_p).any(|(bound, log_p)| log_p - bound > 0.1));
        on_each(|device| {
            let net = exact.to_net(device);
            let log_z = exact_log_partition(net.top()).unwrap();
            assert!((log_z - exact.log_z()).abs() < 1e-5);
            let v = rows(device, &all);
            let found = lower_bound(&net, &v, log_z, SAMPLES, &DRAW).unwrap();
            let mean = bounds.iter().sum::<f64>() / bounds.len() as f64;
            let off = (found.mean - mean).abs();
            println!("  {:?}: {} ± {}, exact {mean}", exact.sizes, found.mean, found.std_error);
            assert!(off < 5.0 * found.std_error && found.std_error < 0.06);
            // Each case alone: its error by its own share of samples is unknown; the cases' together says its size.
            let each = found.std_error * (bounds.len() as f64).sqrt();
            for (found, bound) in found.cases.iter().zip(&bounds) {
                assert!((found - bound).abs() < 8.0 * each.max(0.01), "{found} {bound}");
            }
            // The same draw gives the same numbers, however the cases are divided.
            let half = rows(device, &all[all.len() / 2..]);
            let later = DRAW.from_case(all.len() as u32 / 2);
            let again = lower_bound(&net, &half, log_z, SAMPLES, &later).unwrap();
            let own = &found.cases[all.len() / 2..];
            assert!(again.cases.iter().zip(own).all(|(x, y)| (x - y).abs() < 1e-4));
        });
    }
}

/// One level: nothing is random, and the bound is ln p(v), with its label summed out.
#[test]
fn of_one_level_it_is_the_likelihood() {
    for classes in [0, 3] {
        let exact = ExactNet::random(&[5, 4], classes, false, 94);
        let all = states(5);
        on_each(|device| {
            let net = exact.to_net(device);
            let log_z = exact_log_partition(net.top()).unwrap();
            let found = lower_bound(&net, &rows(device, &all), log_z, 10, &DRAW).unwrap();
            assert_eq!(found.std_error, 0.0);
            for (found, p) in found.cases.iter().zip(exact.p_v()) {
                // Inputs of some six terms below 5 in f32.
                assert!((found - p.ln()).abs() < 2e-5, "{found} {}", p.ln());
            }
        });
    }
}

/// A second level that is the first one turned over has the first one's p(h¹), so that the net is that machine and
/// recognition is exact: the bound is tight (Hinton, Osindero and Teh 2006).
#[test]
fn it_is_tight_where_recognition_is_exact() {
    let first = Exact::random(UnitKind::Bernoulli, 5, 4, 1.5, 95);
    let turned: Vec<f64> =
        (0..4).flat_map(|j| (0..5).map(move |i| (i, j))).map(|(i, j)| first.w[i * 4 + j]).collect();
    let log_p: Vec<f64> = first.p_v().iter().map(|p| p.ln()).collect();
    on_each(|device| {
        let second = Exact {
            visible: UnitKind::Bernoulli,
            i: 4,
            j: 5,
            w: turned.clone(),
            b: first.a.clone(),
            a: first.b.clone(),
        };
        let levels = vec![first.to_rbm(device), second.to_rbm(device)];
        let net = DeepBeliefNet::new(levels).unwrap();
        let log_z = exact_log_partition(net.top()).unwrap();
        let v = rows(device, &states(5));
        let found = lower_bound(&net, &v, log_z, 1000, &DRAW).unwrap();
        let mean = log_p.iter().sum::<f64>() / log_p.len() as f64;
        println!("  {} ± {}, ln p {mean}", found.mean, found.std_error);
        assert!((found.mean - mean).abs() < 5.0 * found.std_error && found.std_error < 0.01);
        // By annealing as well, to its own error.
        let config = AisConfig::new(to_f32(&second.b))
            .temperatures(Temperatures::linear(300).unwrap())
            .chains(200);
        let estimate = ais(net.top(), &config, |_| ()).unwrap();
        let annealed = lower_bound(&net, &v, estimate.log_partition, 100, &DRAW).unwrap();
        let error = annealed.std_error + estimate.std_error;
        assert!((annealed.mean - mean).abs() < 5.0 * error);
    });
}

/// Real data: ln Σ over h of p(h¹)·N(v; b + Wh¹, 1), and the bound of it.
#[test]
fn gaussian_data_have_their_density() {
    let spec = DbnSpec::new([2, 3, 2]).visible(UnitKind::Gaussian);
    let exact = ExactNet::random(&[2, 3, 2], 0, false, 96);
    let all: Vec<Vec<f64>> = [[0.3, -1.0], [2.0, 0.5], [-3.0, 4.0]].map(|v| v.to_vec()).to_vec();
    let p_h1 = exact.features_of(&exact.top_distribution(), None);
    let density = |v: &[f64], h: &[f64]| -> f64 {
        let mean = exact.field_down(0, h);
        let squares: f64 = v.iter().zip(&mean).map(|(v, m)| (v - m).powi(2)).sum();
        -0.5 * squares - std::f64::consts::TAU.ln()
    };
    on_each(|device| {
        let mut net = DeepBeliefNet::from_spec(device, &spec, 1).unwrap();
        let mut set = |name: &str, tensor: &mut Tensor| {
            let level = &exact.levels[usize::from(name.starts_with("level2"))];
            tensor.upload(&to_f32(match &name[7..] {
                "W" => &level.w,
                "b" => &level.b,
                _ => &level.a,
            }))
        };
        net.visit(&mut Visit::each(&mut set)).unwrap();
        let log_z = exact_log_partition(net.top()).unwrap();
        let found = lower_bound(&net, &rows(device, &all), log_z, 2000, &DRAW).unwrap();
        let mut mean = 0.0;
        for (v, found) in all.iter().zip(&found.cases) {
            let q = exact.up(0, v);
            let (mut bound, mut p) = (0.0, 0.0);
            for (h, own) in states(3).iter().zip(&p_h1) {
                let share = probability(&q, h);
                // Where a state has no share its logarithm does not count.
                let log_share = share.max(f64::MIN_POSITIVE).ln();
                bound += share * (density(v, h) - log_share + own.ln());
                p += own * density(v, h).exp();
            }
            assert!(bound <= p.ln() && *found <= p.ln() + 0.5, "{found} {bound} {}", p.ln());
            mean += bound / all.len() as f64;
        }
        println!("  {} ± {}, exact {mean}", found.mean, found.std_error);
        assert!((found.mean - mean).abs() < 5.0 * found.std_error + 1e-5);
    });
}

#[test]
fn a_dead_unit_stays_finite_and_what_is_not_is_refused() {
    let device = Device::cpu();
    let mut exact = ExactNet::random(&[4, 3, 3], 0, false, 97);
    // A hidden unit that never fires, one that always does, and a pixel that is always 0.
    exact.levels[0].a[0] = -1e4;
    exact.levels[0].a[1] = 1e4;
    exact.levels[0].b[2] = -1e3;
    let net = exact.to_net(&device);
    let log_z = exact_log_partition(net.top()).unwrap();
    let v = rows(&device, &states(4));
    let found = lower_bound(&net, &v, log_z, 5, &DRAW).unwrap();
    assert!(found.cases.iter().all(|x| x.is_finite()));
    let text = lower_bound(&net, &v, log_z, 1, &DRAW).unwrap_err().to_string();
    assert!(text.contains("draw at least 2"), "{text}");
    let text = lower_bound(&net, &v, f64::NAN, 2, &DRAW).unwrap_err().to_string();
    assert!(text.contains("not finite"), "{text}");
    let none = Tensor::zeros(&device, &[0, 4]).unwrap();
    assert!(lower_bound(&net, &none, log_z, 2, &DRAW).is_err());
    let wide = Tensor::zeros(&device, &[1, 5]).unwrap();
    let text = lower_bound(&net, &wide, log_z, 2, &DRAW).unwrap_err().to_string();
    assert!(text.contains("4 visible units"), "{text}");
}
