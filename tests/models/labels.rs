//! Features with their class: the posterior of the class, and draws of features and label together.

use harmonium::models::labels::{features, join, label, one_hot};
use harmonium::models::{Rbm, Units};
use harmonium::random::Draw;
use harmonium::{Device, Tensor};

use super::exact::{states, to_f32, to_f64};
use super::pairs::Pair;
use super::support::{matrix, monte_carlo_floor, on_each, total_variation, worst};

/// p(class | features) from the energy of every state.
fn posterior(pair: &Pair, x: &[f64], classes: usize) -> Vec<f64> {
    let weight = |k: usize| -> f64 {
        let mut v = x.to_vec();
        v.extend((0..classes).map(|c| f64::from(u8::from(c == k))));
        pair.hs.iter().map(|h| (-pair.energy(&v, h)).exp()).sum()
    };
    let weights: Vec<f64> = (0..classes).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

#[test]
fn the_posterior_of_the_class_is_exact() {
    let pair = Pair::new(Units::labelled(4, 3), Units::bernoulli(5), 2.0, 71);
    let all = states(4);
    let expected: Vec<f64> = all.iter().flat_map(|x| posterior(&pair, x, 3)).collect();
    on_each(|device| {
        let x = matrix(device, &all.iter().map(|x| to_f32(x)).collect::<Vec<_>>());
        let rbm = pair.to_rbm(device);
        let found = to_f64(&rbm.class_probabilities(&x).unwrap().to_vec().unwrap());
        // Free energies of a dozen terms below 20 round at 2⁻²⁴: some 3e-5 at most.
        assert!(worst(&found, &expected) < 3e-5, "{}", worst(&found, &expected));
        // Without the features' own term, which no class changes.
        let energies = to_f64(&rbm.class_free_energies(&x).unwrap().to_vec().unwrap());
        for k in 0..3 {
            let class = Tensor::from_f32(device, &[16], &[k as f32; 16]).unwrap();
            let whole = rbm.free_energy(&join(&x, &one_hot(&class, 3).unwrap()).unwrap()).unwrap();
            for (row, whole) in whole.to_vec().unwrap().iter().enumerate() {
                let own: f64 = all[row].iter().zip(&pair.b).map(|(x, b)| x * b).sum();
                let off = f64::from(*whole) + own - energies[row * 3 + k];
                assert!(off.abs() < 1e-4, "{row} {k}: {off}");
            }
        }
    });
    let device = Device::cpu();
    let plain = Rbm::new(&device, Units::bernoulli(4), Units::bernoulli(2), 1).unwrap();
    let x = Tensor::zeros(&device, &[1, 4]).unwrap();
    let text = plain.class_probabilities(&x).unwrap_err().to_string();
    assert!(text.contains("no label; join one"), "{text}");
}

/// All of v given h at once: that the label shares no number with a feature.
#[test]
fn features_and_label_are_drawn_independently() {
    const CASES: usize = 40_000;
    let pair = Pair::new(Units::labelled(3, 3), Units::bernoulli(2), 1.0, 72);
    let h = [1.0, 0.0];
    let p = pair.v_given_h(&h);
    on_each(|device| {
        let given = matrix(device, &vec![vec![1.0, 0.0]; CASES]);
        let v = pair.to_rbm(device).sample_v_from_h(&given, &Draw::new(5, 300)).unwrap();
        let v = v.to_vec().unwrap();
        let mut seen = vec![0.0; p.len()];
        for v in v.chunks(6) {
            let v = to_f64(v);
            let at = pair.vs.iter().position(|state| *state == v).expect("a state");
            seen[at] += 1.0 / CASES as f64;
        }
        let (off, bound) = (total_variation(&seen, &p), monte_carlo_floor(&p, CASES));
        println!("  total variation {off:.4}, bound {bound:.4}");
        assert!(off < bound);
    });
}

#[test]
fn labels_are_joined_and_parted() {
    on_each(|device| {
        let units = Units::labelled(2, 4);
        let classes = Tensor::from_f32(device, &[4], &[0.0, 3.0, 4.0, -1.0]).unwrap();
        let ones = one_hot(&classes, 4).unwrap();
        let expected = [1., 0., 0., 0., 0., 0., 0., 1., 0., 0., 0., 0., 0., 0., 0., 0.];
        assert_eq!(ones.to_vec().unwrap(), expected);
        let x = matrix(device, &[vec![0.5, 1.0], vec![0.0, 0.25], vec![2.0, 3.0], vec![4.0, 5.0]]);
        let both = join(&x, &ones).unwrap();
        assert_eq!(features(units, &both).unwrap().to_vec().unwrap(), x.to_vec().unwrap());
        assert_eq!(label(units, &both).unwrap().to_vec().unwrap(), expected);
        let few = one_hot(&Tensor::zeros(device, &[3]).unwrap(), 4).unwrap();
        assert!(join(&x, &few).unwrap_err().to_string().contains("3 labels for 4 cases"));
    });
}

#[test]
fn more_classes_than_a_tensor_holds_are_refused() {
    for rows in [0, 3] {
        let classes = Tensor::zeros(&Device::cpu(), &[rows]).unwrap();
        for count in [1 << 31, usize::MAX] {
            let error = one_hot(&classes, count).unwrap_err().to_string();
            assert!(error.contains("more than 2147483647 elements"), "{error}");
        }
    }
}
