//! Spins are Bernoulli units under v = (s + 1)/2, and Potts machines have gauges.

use harmonium::evaluation::partition::exact_log_partition;
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::training::{CdConfig, CdTrainer, Schedule};
use harmonium::{Device, Tensor};

use super::exact::{dot, to_f32, to_f64};
use super::pairs::Pair;
use super::support::{matrix, on_each, worst};

fn rows(states: &[Vec<f64>]) -> Vec<Vec<f32>> {
    states.iter().map(|v| to_f32(v)).collect()
}

/// ln p of some visible states.
fn log_p(rbm: &Rbm, states: &[Vec<f64>]) -> Vec<f64> {
    let free = rbm.free_energy(&matrix(rbm.device(), &rows(states))).unwrap();
    let log_z = exact_log_partition(rbm).unwrap();
    to_f64(&free.to_vec().unwrap()).into_iter().map(|free| -free - log_z).collect()
}

#[test]
fn spins_are_bernoulli_units_seen_otherwise() {
    // Parameters are multiples of 2⁻⁷, so that those of the other machine are exact.
    let mut pair = Pair::new(Units::spin(5), Units::bernoulli(4), 0.5, 91);
    let all = [&mut pair.w, &mut pair.b, &mut pair.a];
    all.into_iter().flatten().for_each(|x| *x = (*x * 128.0).round() / 128.0);
    let bits: Vec<Vec<f64>> =
        pair.vs.iter().map(|s| s.iter().map(|s| (s + 1.0) / 2.0).collect()).collect();
    on_each(|device| {
        let spins = pair.to_rbm(device);
        let tensor =
            |dims: &[usize], x: Vec<f64>| Tensor::from_f32(device, dims, &to_f32(&x)).unwrap();
        let a = (0..4).map(|j| pair.a[j] - (0..5).map(|i| pair.w[i * 4 + j]).sum::<f64>());
        let double = |x: &[f64]| x.iter().map(|x| 2.0 * x).collect::<Vec<f64>>();
        let of_bits = Rbm::from_parts(
            UnitKind::Bernoulli,
            UnitKind::Bernoulli,
            tensor(&[5, 4], double(&pair.w)),
            tensor(&[5], double(&pair.b)),
            tensor(&[4], a.collect()),
        )
        .unwrap();
        let (found, expected) = (log_p(&spins, &pair.vs), log_p(&of_bits, &bits));
        let off = worst(&found, &expected);
        // Free energies of both below 16 round at 2⁻²¹ at the most.
        assert!(off < 1e-6, "{off}");
        let sum: f64 = found.iter().map(|p| p.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    });
}

#[test]
fn a_gauge_moves_no_probability() {
    for (visible, hidden) in
        [(Units::softmax(2, 3), Units::bernoulli(3)), (Units::softmax(1, 4), Units::gaussian(2))]
    {
        let pair = Pair::new(visible, hidden, 1.0, 92);
        on_each(|device| {
            let mut rbm = pair.to_rbm(device);
            let before = (log_p(&rbm, &pair.vs), rbm.weights().to_vec().unwrap());
            rbm.zero_sum().unwrap();
            let after = (log_p(&rbm, &pair.vs), rbm.weights().to_vec().unwrap());
            // Free energies below 20 round at 2⁻²⁰.
            let off = worst(&before.0, &after.0);
            assert!(off < 2e-5, "{off}");
            assert_ne!(before.1, after.1);
            let (states, j) = (visible.kind().to_string(), hidden.count());
            let k: usize = states.trim_start_matches("softmax:").parse().unwrap();
            for group in to_f64(&after.1).chunks(k * j) {
                for unit in 0..j {
                    let ones = vec![1.0; k];
                    let own: Vec<f64> = (0..k).map(|state| group[state * j + unit]).collect();
                    assert!(dot(&own, &ones).abs() < 1e-6);
                }
            }
            let b = to_f64(&rbm.visible_bias().to_vec().unwrap());
            assert!(b.chunks(k).all(|b| b.iter().sum::<f64>().abs() < 1e-6));
        });
    }
    let device = Device::cpu();
    let mut plain = Rbm::new(&device, Units::bernoulli(3), Units::bernoulli(2), 1).unwrap();
    assert!(plain.zero_sum().unwrap_err().to_string().contains("no gauge"));
}

/// A centred learner keeps the plain parameters: where its offsets move and nothing is learnt, not a bit of them changes;
/// and the machine that it has learnt is the same in the zero-sum gauge.
#[test]
fn neither_offsets_nor_a_gauge_move_a_centred_machine() {
    let pair = Pair::new(Units::softmax(2, 3), Units::bernoulli(3), 1.0, 93);
    let cases: Vec<Vec<f32>> = rows(&pair.vs)[..7].to_vec();
    on_each(|device| {
        let bits = |rbm: &Rbm| {
            let all = [rbm.weights(), rbm.visible_bias(), rbm.hidden_bias()];
            all.map(|t| t.to_vec().unwrap())
                .concat()
                .iter()
                .map(|x| x.to_bits())
                .collect::<Vec<_>>()
        };
        let config = |rate: f32| {
            CdConfig::default()
                .centered(true)
                .batch(cases.len())
                .learning_rate(Schedule::constant(rate))
                .momentum(Schedule::constant(0.0))
                .weight_decay(0.0)
        };
        let v = matrix(device, &cases);
        let trainer = |rate: f32| CdTrainer::new(pair.to_rbm(device), config(rate), &[0.3; 6]);
        let mut still = trainer(0.0).unwrap();
        let before = bits(still.rbm());
        for _ in 0..5 {
            still.update(&v, 1).unwrap();
        }
        assert_eq!(bits(still.rbm()), before);
        let mut learns = trainer(0.2).unwrap();
        for _ in 0..50 {
            learns.update(&v, 1).unwrap();
        }
        let mut rbm = learns.into_rbm();
        assert_ne!(bits(&rbm), before);
        let learnt = log_p(&rbm, &pair.vs);
        let sum: f64 = learnt.iter().map(|p| p.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        rbm.zero_sum().unwrap();
        // Free energies below 40 round at 2⁻¹⁹.
        let off = worst(&learnt, &log_p(&rbm, &pair.vs));
        assert!(off < 4e-5, "{off}");
    });
}
