//! Bennett's ratio against a closed form, and ln Z by ladders against enumeration.

use harmonium::evaluation::ais::{AisConfig, Temperatures, ais, reverse_ais};
use harmonium::evaluation::bennett::{Bennett, bennett};
use harmonium::evaluation::ladder::{LadderConfig, climb, climb_and_sample};
use harmonium::evaluation::partition::exact_log_partition;
use harmonium::models::{Chains, Ladder, UnitKind};
use harmonium::random::{ChainDraw, ChainStreams};
use harmonium::ranks::Ranks;
use harmonium::{Device, Tensor};

use crate::models::exact::{Exact, normals};
use crate::models::ladder::two_modes;
use crate::models::support::{on_each, on_every};
use crate::training::ranks::on;

/// d ~ N(μ, σ²) under p is N(μ − σ², σ²) under p′ ∝ exp(−d)·p, and ln Z′/Z = σ²/2 − μ.
fn closed(mu: f64, sigma: f64, n: usize, seed: u64) -> [Vec<f32>; 2] {
    let z = normals(seed, 2 * n);
    let at = |mean: f64, z: &[f64]| z.iter().map(|z| (mean + sigma * z) as f32).collect();
    [at(mu, &z[..n]), at(mu - sigma * sigma, &z[n..])]
}

fn std_error(found: &Bennett) -> f64 {
    let n = found.influence.len() as f64;
    (n / (n - 1.0) * found.influence.iter().map(|s| s * s).sum::<f64>()).sqrt()
}

#[test]
fn bennetts_ratio_is_that_of_the_closed_form() {
    for (mu, sigma) in [(0.0, 0.3), (1.5, 1.0), (-40.0, 2.0), (300.0, 3.0)] {
        let exact = 0.5 * sigma * sigma - mu;
        let [lower, upper] = closed(mu, sigma, 200 * 50, 5);
        let found = bennett(&lower, &upper, 50).unwrap();
        let (off, error) = ((found.log_ratio - exact).abs(), std_error(&found));
        println!("N({mu}, {sigma}²): off by {off:.4}, standard error {error:.4}");
        assert!(off < 4.0 * error && error < 0.06, "{off} {error}");
        // Single exponential averages are worse, which is why it is not one.
        assert!(found.influence.iter().sum::<f64>().abs() < 1e-9);
    }
}

/// The stated error is that over seeds: its mean square over 300 sets against their spread, whose own relative error is
/// 1/√(2·300) = 4 %; five of these are allowed.
#[test]
fn the_error_of_bennetts_ratio_is_its_spread() {
    let exact = 0.5 * 1.5 * 1.5 - 2.0;
    let found: Vec<(f64, f64)> = (0..300)
        .map(|seed| {
            let [lower, upper] = closed(2.0, 1.5, 40 * 25, 1000 + seed);
            let found = bennett(&lower, &upper, 40).unwrap();
            (found.log_ratio - exact, std_error(&found).powi(2))
        })
        .collect();
    let spread = found.iter().map(|(off, _)| off * off).sum::<f64>() / 300.0;
    let stated = found.iter().map(|(_, variance)| variance).sum::<f64>() / 300.0;
    let ratio = (stated / spread).sqrt();
    assert!((ratio - 1.0).abs() < 5.0 * 0.041, "{ratio}");
}

/// Rounds that repeat what came before say nothing new: the error does not shrink.
#[test]
fn repeated_samples_do_not_shrink_the_error() {
    let [lower, upper] = closed(1.0, 1.0, 20 * 30, 9);
    let once = bennett(&lower, &upper, 20).unwrap();
    let eight = bennett(&lower.repeat(8), &upper.repeat(8), 20).unwrap();
    assert!((once.log_ratio - eight.log_ratio).abs() < 1e-9);
    assert!((std_error(&once) / std_error(&eight) - 1.0).abs() < 1e-9);
}

#[test]
fn samples_that_make_no_sense_are_refused() {
    let words = |lower: &[f32], upper: &[f32], chains| {
        bennett(lower, upper, chains).unwrap_err().to_string()
    };
    assert!(words(&[], &[], 1).contains("0 and 0 samples"));
    assert!(words(&[1.0; 4], &[1.0; 2], 2).contains("4 and 2 samples"));
    assert!(words(&[1.0; 4], &[1.0; 4], 3).contains("3 chains"));
    assert!(words(&[1.0, f32::NAN], &[1.0; 2], 2).contains("NaN"));
}

fn machines() -> [Exact; 2] {
    [
        Exact::random(UnitKind::Bernoulli, 8, 6, 1.2, 31),
        Exact::random(UnitKind::Gaussian, 5, 4, 0.6, 32),
    ]
}

fn tempered(machine: &Exact, device: &Device, rungs: usize) -> Ladder {
    let base: Vec<f32> = machine.b.iter().map(|b| 0.5 * *b as f32).collect();
    Ladder::tempered(&machine.to_rbm(device), &base, rungs).unwrap()
}

#[test]
fn climbing_finds_log_z_on_every_device() {
    on_every(|device| {
        for machine in machines() {
            let exact = exact_log_partition(&machine.to_rbm(device)).unwrap();
            let config = LadderConfig::default().chains(40).rounds(50, 200).seed(3);
            let ladder = tempered(&machine, device, 4);
            let mut told = Vec::new();
            let found = climb(&ladder, &config, |done| told.push(done)).unwrap();
            let off = (found.log_partition - exact).abs();
            println!("  {exact:.4}: off by {off:.4} ± {:.4}", found.std_error);
            assert!(off < 4.0 * found.std_error && found.std_error < 0.1);
            assert_eq!((told.first(), told.last()), (Some(&50), Some(&250)));
            // Each rung's too.
            for (rung, log_z) in ladder.rungs().iter().zip(&found.rungs) {
                let exact = exact_log_partition(rung).unwrap();
                assert!((log_z - exact).abs() < 4.0 * found.std_error + 1e-5, "{log_z} {exact}");
            }
        }
    });
}

/// Eleven ranks leave one without a chain; bits are those of one rank.
#[test]
fn a_ladder_that_ranks_climb_is_that_of_one() {
    on_each(|device| {
        for machine in machines() {
            let ladder = tempered(&machine, device, 4);
            let climbing = |ranks: &Ranks| {
                let config = LadderConfig::default().chains(10).rounds(13, 70).seed(3);
                let config = config.ranks(ranks.clone());
                let (climb, samples) = climb_and_sample(&ladder, &config, |_| ())?;
                Ok((climb, samples.to_vec()?))
            };
            let one = climbing(&Ranks::alone()).unwrap();
            assert!(one.0.swaps.acceptance.iter().all(|share| *share > 0.0));
            for count in [2, 3, 11] {
                for (rank, found) in on(count, climbing).into_iter().enumerate() {
                    assert_eq!(found.unwrap(), one, "rank {rank} of {count}, {}", device.info());
                }
            }
        }
    });
}

/// The stated interval is one of 95 %: of 100 seeds at least 88 hold ln Z (a true interval fails that once in 600
/// times), whatever the autocorrelation; and it is no wide one.
#[test]
fn the_interval_holds_log_z_in_at_least_88_of_100_seeds() {
    let device = Device::cpu();
    let machine = Exact::random(UnitKind::Bernoulli, 7, 5, 1.8, 33);
    let exact = exact_log_partition(&machine.to_rbm(&device)).unwrap();
    let ladder = tempered(&machine, &device, 4);
    let found: Vec<_> = (0..100)
        .map(|seed| {
            let config = LadderConfig::default().chains(30).rounds(100, 100).seed(seed);
            climb(&ladder, &config, |_| ()).unwrap()
        })
        .collect();
    let holds = found.iter().filter(|f| f.interval[0] < exact && exact < f.interval[1]).count();
    let spread =
        (found.iter().map(|f| (f.log_partition - exact).powi(2)).sum::<f64>() / 100.0).sqrt();
    let stated = (found.iter().map(|f| f.std_error.powi(2)).sum::<f64>() / 100.0).sqrt();
    println!("{holds} of 100 intervals hold log Z; spread {spread:.4}, stated {stated:.4}");
    assert!(holds >= 88);
    assert!((stated / spread - 1.0).abs() < 0.35, "{stated} {spread}");
}

/// Equal rungs: the ratio is 0 and costs nothing.
#[test]
fn equal_rungs_add_nothing() {
    let device = Device::cpu();
    let machine = Exact::random(UnitKind::Bernoulli, 5, 3, 1.0, 34);
    let mut bottom = machine.clone();
    bottom.w.fill(0.0);
    let rungs = [&bottom, &bottom, &machine, &machine].map(|m| m.to_rbm(&device));
    let ladder = Ladder::new(rungs.into()).unwrap();
    let config = LadderConfig::default().chains(20).rounds(50, 100);
    let found = climb(&ladder, &config, |_| ()).unwrap();
    assert_eq!(found.rungs[0], found.rungs[1]);
    assert_eq!(found.rungs[2], found.rungs[3]);
    assert_eq!((found.swaps.acceptance[0], found.swaps.acceptance[2]), (1.0, 1.0));
}

/// A machine of two modes that annealing from far away gets wrong by more than its errors say, and a ladder does not.
#[test]
fn a_ladder_is_right_where_annealing_is_sure_and_wrong() {
    let device = Device::cpu();
    let machine = two_modes(8);
    let rbm = machine.to_rbm(&device);
    let exact = exact_log_partition(&rbm).unwrap();
    // A base that lies in one of the modes, as data of one mode would give it.
    let base = [-6.0; 8];
    let config =
        AisConfig::new(base.into()).temperatures(Temperatures::linear(1000).unwrap()).chains(100);
    let annealed = ais(&rbm, &config, |_| ()).unwrap();
    let off = (annealed.log_partition - exact).abs();
    println!("AIS: off by {off:.4} ± {:.4}", annealed.std_error);
    let ladder = Ladder::tempered(&rbm, &rbm.resting_bias().unwrap(), 8).unwrap();
    let config = LadderConfig::default().chains(50).rounds(300, 1000);
    let climbed = climb(&ladder, &config, |_| ()).unwrap();
    let right = (climbed.log_partition - exact).abs();
    println!("ladder: off by {right:.4} ± {:.4}, {:?}", climbed.std_error, climbed.swaps);
    assert!(off > 5.0 * annealed.std_error && off > 0.5);
    assert!(right < 4.0 * climbed.std_error && climbed.std_error < 0.1);
}

/// Reverse annealing from samples of one mode misses the other's weight, and says so by no error; from a ladder's samples
/// it is right.
#[test]
fn reverse_annealing_is_as_good_as_its_samples() {
    let device = Device::cpu();
    let rbm = two_modes(8).to_rbm(&device);
    let exact = exact_log_partition(&rbm).unwrap();
    let base = rbm.resting_bias().unwrap();
    let config = AisConfig::new(base.clone()).temperatures(Temperatures::linear(300).unwrap());
    let off = |v: Tensor| {
        let found = reverse_ais(&rbm, &config, v, |_| ()).unwrap();
        ((found.log_partition - exact).abs(), found.std_error)
    };
    let mut alone = Chains::from_states(
        &rbm,
        Tensor::zeros(&device, &[400, 8]).unwrap(),
        ChainDraw::new(1, ChainStreams::FREE),
    )
    .unwrap();
    alone.step(500).unwrap();
    let ladder = Ladder::tempered(&rbm, &base, 8).unwrap();
    let climbing = LadderConfig::default().chains(400).rounds(300, 200);
    let (climbed, samples) = climb_and_sample(&ladder, &climbing, |_| ()).unwrap();
    assert_eq!(climbed, climb(&ladder, &climbing, |_| ()).unwrap());
    assert_eq!(samples.shape().dims(), [400, 8]);
    let [(far, sure), (near, error)] = [off(alone.into_visible()), off(samples)];
    println!("from one mode off by {far:.4} ± {sure:.4}, from the ladder {near:.4} ± {error:.4}");
    assert!(far > 5.0 * sure && far > 0.2);
    assert!(near < 4.0 * error && error < 0.15);
}

#[test]
fn ladders_that_begin_with_weights_are_refused() {
    let device = Device::cpu();
    let rung = |seed| Exact::random(UnitKind::Bernoulli, 4, 3, 1.0, seed).to_rbm(&device);
    let ladder = Ladder::new(vec![rung(1), rung(2)]).unwrap();
    let words = |config| climb(&ladder, &config, |_| ()).unwrap_err().to_string();
    assert!(words(LadderConfig::default()).contains("independent units"));
    let ladder = tempered(&machines()[0], &device, 3);
    let few = LadderConfig::default().chains(5);
    assert!(climb(&ladder, &few, |_| ()).unwrap_err().to_string().contains("at least 10"));
}
