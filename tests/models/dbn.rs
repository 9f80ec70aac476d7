//! Deep belief nets against the enumeration of all their units.

use harmonium::models::{
    Arrays, DbnSpec, DeepBeliefNet, Dreams, Dropout, Model, Pass, Rbm, UnitKind, Units, state,
};
use harmonium::random::{ChainDraw, ChainStreams, Draw};
use harmonium::{Device, Tensor};

use super::exact::{number, states, to_f32, to_f64};
use super::nets::{ExactNet, probability, softmax, through};
use super::support::{matrix, monte_carlo_floor, on_each, total_variation, worst};

const CASES: usize = 40_000;

/// Tied and untied, with and without labels, one to three levels.
fn nets() -> Vec<ExactNet> {
    vec![
        ExactNet::random(&[4, 3], 0, false, 80),
        ExactNet::random(&[4, 3], 3, false, 81),
        ExactNet::random(&[4, 3, 3], 0, false, 82),
        ExactNet::random(&[4, 3, 3], 2, true, 83),
        ExactNet::random(&[3, 4, 3, 3], 3, true, 84),
    ]
}

fn frequencies(values: &Tensor, width: usize) -> Vec<f64> {
    let mut seen = vec![0.0; 1 << width];
    let values = values.to_vec().unwrap();
    values.chunks(width).for_each(|row| seen[number(row)] += 1.0 / CASES as f64);
    seen
}

/// Refuses samples that are further from p than chance brings them.
#[track_caller]
fn assert_drawn_from(what: &str, seen: &[f64], p: &[f64]) {
    let (off, bound) = (total_variation(seen, p), monte_carlo_floor(p, CASES));
    println!("  {what}: total variation {off:.4}, bound {bound:.4}");
    assert!(off < bound, "{what}: {off}, bound {bound}");
}

/// And sees what is wrong on purpose.
#[track_caller]
fn assert_not_drawn_from(seen: &[f64], p: &[f64]) {
    assert!(total_variation(seen, p) > 2.0 * monte_carlo_floor(p, CASES), "it sees nothing");
}

#[test]
fn means_pass_as_defined() {
    for exact in nets() {
        let (all, last) = (states(exact.sizes[0]), exact.last());
        let up = |v: &Vec<f64>| {
            let mut steps = vec![v.clone()];
            for l in 0..=last {
                let mut below = steps[l].clone();
                if l == last && exact.classes > 0 {
                    below.extend(posterior(&exact, &steps[l]));
                }
                steps.push(exact.up(l, &below));
            }
            steps
        };
        let steps: Vec<_> = all.iter().map(up).collect();
        let back = |steps: &Vec<Vec<f64>>| {
            (0..=last).rev().fold(steps[last + 1].clone(), |h, l| exact.down(l, &h))
        };
        let reconstructed: Vec<f64> = steps.iter().flat_map(back).collect();
        on_each(|device| {
            let net = exact.to_net(device);
            let v = matrix(device, &all.iter().map(|v| to_f32(v)).collect::<Vec<_>>());
            for level in 0..=last + 1 {
                let found = to_f64(&net.up_means(&v, level).unwrap().to_vec().unwrap());
                let expected: Vec<f64> = steps.iter().flat_map(|s| s[level].clone()).collect();
                // A slope of ¼ of sums of up to 7 terms below 6, a few 2⁻²⁴ each, level after level.
                assert!(worst(&found, &expected) < 1e-5, "{:?} level {level}", exact.sizes);
            }
            let found = to_f64(&net.reconstruct(&v).unwrap().to_vec().unwrap());
            assert!(worst(&found, &reconstructed) < 1e-5, "{:?}", exact.sizes);
            if exact.classes > 0 {
                let found = to_f64(&net.class_probabilities(&v).unwrap().to_vec().unwrap());
                let expected: Vec<f64> =
                    steps.iter().flat_map(|s| posterior(&exact, &s[last])).collect();
                assert!(worst(&found, &expected) < 3e-5, "{:?}", exact.sizes);
            }
        });
    }
}

/// p(label | hᴸ⁻¹) by the sums over hᴸ.
fn posterior(exact: &ExactNet, h: &[f64]) -> Vec<f64> {
    let of = |y: usize| {
        let label = (0..exact.classes).map(|k| f64::from(u8::from(k == y)));
        exact.log_weight(&h.iter().copied().chain(label).collect::<Vec<_>>())
    };
    softmax(&(0..exact.classes).map(of).collect::<Vec<_>>())
}

#[test]
fn samples_pass_as_enumerated() {
    let exact = ExactNet::random(&[3, 4, 3, 3], 3, true, 84);
    let mut tied = exact.clone();
    tied.levels.iter_mut().for_each(|level| level.g = level.w.clone());
    // Down from one state of h² ; up from one v to h³, the label drawn on the way.
    let h2 = &states(3)[5];
    let p_of = |exact: &ExactNet| {
        let mut p = vec![0.0; 8];
        p[5] = 1.0;
        exact.to_data(&p, 2)
    };
    let v = &states(3)[3];
    let spread = |p: &[f64], l: usize, joined: bool| {
        let width = exact.sizes[l];
        let mut out = vec![0.0; 1 << exact.sizes[l + 1]];
        for (p, state) in p.iter().zip(states(width)) {
            let labels = if joined { posterior(&exact, &state) } else { vec![1.0] };
            for (y, own) in labels.iter().enumerate() {
                let mut below = state.clone();
                if joined {
                    below.extend((0..exact.classes).map(|k| f64::from(u8::from(k == y))));
                }
                let means = exact.up(l, &below);
                let to = states(exact.sizes[l + 1]);
                out.iter_mut().zip(to).for_each(|(o, s)| *o += p * own * probability(&means, &s));
            }
        }
        out
    };
    let mut here = vec![0.0; 8];
    here[3] = 1.0;
    let up = [(0, false), (1, false), (2, true)].iter().fold(here, |p, s| spread(&p, s.0, s.1));
    on_each(|device| {
        let net = exact.to_net(device);
        let rows = |state: &Vec<f64>| matrix(device, &vec![to_f32(state); CASES]);
        let draw = Draw::new(3, 300);
        let down = net.down(&rows(h2), 2, Pass::Samples(&draw)).unwrap();
        assert_drawn_from("down", &frequencies(&down, 3), &p_of(&exact));
        assert_not_drawn_from(&frequencies(&down, 3), &p_of(&tied));
        let found = net.up(&rows(v), 3, &draw).unwrap();
        assert_drawn_from("up", &frequencies(&found, 3), &up);
        // The means at the end are those of the samples.
        let means = net.down(&rows(h2), 2, Pass::MeansAtTheEnd(&draw)).unwrap();
        let h1 = net.generation(2, &rows(h2)).unwrap().sample(&draw.at_level(2)).unwrap();
        let expected = net.generation(1, &h1).unwrap().mean().unwrap();
        assert_eq!(means.to_vec().unwrap(), expected.to_vec().unwrap());
    });
}

/// After any number of steps dreams have the distribution that the chain's exact matrix gives, and in the end the net's.
#[test]
fn dreams_are_the_nets_distribution() {
    for exact in nets() {
        let transition = exact.transition(false);
        let classes = exact.classes.max(1);
        let after = |steps: u64| (0..steps).fold(exact.start(), |p, _| through(&p, &transition));
        // p(v, y): each label's own part of the top's states passed down.
        let joint = |top: &[f64]| -> Vec<f64> {
            let of = |y: usize| {
                let own: Vec<f64> = top.iter().skip(y).step_by(classes).copied().collect();
                exact.to_data(&own, exact.last())
            };
            (0..classes).flat_map(of).collect()
        };
        let mut steps = 1;
        while total_variation(&after(steps), &exact.top_distribution()) > 1e-3 {
            steps += 1;
            assert!(steps < 300, "a top that does not mix tests nothing");
        }
        let off = |found: &[f64], p: &[f64]| total_variation(found, p);
        on_each(|device| {
            let net = exact.to_net(device);
            let mut dreams = net.dreams(CASES, 5).unwrap();
            let mut seen = Vec::new();
            for more in [2, steps.saturating_sub(2).max(1)] {
                dreams.step(more).unwrap();
                let (v, labels) = (dreams.samples().unwrap(), dreams.labels().unwrap());
                seen = vec![0.0; classes << exact.sizes[0]];
                let labels = labels.to_vec().unwrap();
                for (row, v) in v.to_vec().unwrap().chunks(exact.sizes[0]).enumerate() {
                    let own = labels.chunks(classes).nth(row);
                    let y = own.and_then(|l| l.iter().position(|l| *l == 1.0)).unwrap_or(0);
                    seen[(y << exact.sizes[0]) + number(v)] += 1.0 / CASES as f64;
                }
                if more == 2 {
                    let p = joint(&after(2));
                    assert_drawn_from("after two steps", &seen, &p);
                }
            }
            let p = joint(&exact.top_distribution());
            let bound = 1e-3 + monte_carlo_floor(&p, CASES);
            println!("  after {steps}: {:.4}, bound {bound:.4}", off(&seen, &p));
            assert!(off(&seen, &p) < bound);
            // The means of the last layer agree with its samples on the whole.
            let (means, samples) = (dreams.means().unwrap(), dreams.samples().unwrap());
            let average = |t: Tensor| {
                let x = t.to_vec().unwrap();
                let of = |i: usize| -> f64 {
                    x.iter().skip(i).step_by(exact.sizes[0]).map(|x| f64::from(*x)).sum::<f64>()
                };
                (0..exact.sizes[0]).map(|i| of(i) / CASES as f64).collect::<Vec<_>>()
            };
            // Five standard errors of a coin.
            assert!(worst(&average(means), &average(samples)) < 2.5 / (CASES as f64).sqrt());
        });
    }
}

#[test]
fn dreams_of_a_class_are_those_given_the_class() {
    for exact in nets().into_iter().filter(|exact| exact.classes > 0) {
        let transition = exact.transition(true);
        for class in [0, exact.classes - 1] {
            let mut p = vec![0.0; transition.len()];
            // The features begin as they do freely, the label at its class.
            for (own, free) in p.chunks_mut(exact.classes).zip(exact.start().chunks(exact.classes))
            {
                own[class] = free.iter().sum();
            }
            let given = exact.features_of(&exact.top_distribution(), Some(class));
            let mut steps = 0;
            while total_variation(&exact.features_of(&p, None), &given) > 1e-3 {
                p = through(&p, &transition);
                steps += 1;
                assert!(steps < 300, "a top that does not mix tests nothing");
            }
            let expected = exact.to_data(&exact.features_of(&p, None), exact.last());
            let other = exact.features_of(&exact.top_distribution(), Some(1 - class.min(1)));
            let other = exact.to_data(&other, exact.last());
            on_each(|device| {
                let net = exact.to_net(device);
                let mut dreams = net.dreams_of(&vec![class; CASES], 6).unwrap();
                dreams.step(steps).unwrap();
                let seen = frequencies(&dreams.samples().unwrap(), exact.sizes[0]);
                assert_drawn_from(&format!("class {class}"), &seen, &expected);
                if total_variation(&expected, &other) > 4.0 * monte_carlo_floor(&other, CASES) {
                    assert_not_drawn_from(&seen, &other);
                }
                let label = dreams.labels().unwrap().to_vec().unwrap();
                let own = |l: &[f32]| l[class] == 1.0 && l.iter().sum::<f32>() == 1.0;
                assert!(label.chunks(exact.classes).all(own));
            });
        }
    }
}

/// Three equal layers of fair coins under one draw: whatever two layers would share would agree.
#[test]
fn equally_seeded_levels_share_no_draws() {
    on_each(|device| {
        let mut levels = Vec::new();
        for _ in 0..3 {
            let zeros = |dims: &[usize]| Tensor::zeros(device, dims).unwrap();
            let (own, b, a) = (UnitKind::Bernoulli, zeros(&[8]), zeros(&[8]));
            levels.push(Rbm::from_parts(own, own, zeros(&[8, 8]), b, a).unwrap());
        }
        let net = DeepBeliefNet::new(levels).unwrap();
        let draw = Draw::new(1, 300);
        let coins = Tensor::zeros(device, &[5000, 8]).unwrap();
        let mut drawn: Vec<Vec<f32>> =
            (1..=3).map(|l| net.up(&coins, l, &draw).unwrap().to_vec().unwrap()).collect();
        let mut dreams =
            Dreams::start(&net, 5000, ChainDraw::new(1, ChainStreams::DREAMS)).unwrap();
        drawn.push(dreams.visible().to_vec().unwrap());
        dreams.step(1).unwrap();
        drawn.push(dreams.visible().to_vec().unwrap());
        drawn.push(dreams.hidden().to_vec().unwrap());
        drawn.push(dreams.samples().unwrap().to_vec().unwrap());
        let numbers = ChainDraw::new(1, ChainStreams::DREAMS).at(1).visible();
        let features = dreams.visible();
        let h1 = net.generation(2, features).unwrap().sample(&numbers.at_level(2)).unwrap();
        drawn.push(h1.to_vec().unwrap());
        for (k, x) in drawn.iter().enumerate() {
            for y in &drawn[..k] {
                let same = x.iter().zip(y).filter(|(x, y)| x == y).count() as f64;
                // 40,000 coins: six standard deviations of a half.
                assert!((same / 40_000.0 - 0.5).abs() < 0.015, "{k}: {same}");
            }
        }
    });
}

#[test]
fn its_arrays_and_description_make_it_again() {
    let device = Device::cpu();
    for exact in nets() {
        let mut net = exact.to_net(&device);
        let arrays: Arrays = state::read(|visit| net.visit(visit)).unwrap();
        let untied = exact.levels.iter().any(|level| level.w != level.g);
        assert_eq!(arrays.contains_key("level1.generative.W"), untied);
        assert!(["level1.W", "level1.b", "level1.a"].iter().all(|name| arrays.contains_key(*name)));
        let count = 3 * exact.levels.len() + if untied { exact.last() } else { 0 };
        assert_eq!(arrays.len(), count);
        assert_eq!(net.kind(), "dbn");
        let spec: DbnSpec = serde_json::from_str(&net.description()["harmonium.dbn"]).unwrap();
        assert_eq!(spec, net.spec());
        assert_eq!((&spec.units, spec.untied), (&exact.sizes, untied));
        let mut again = DeepBeliefNet::from_spec(&device, &spec, 9).unwrap();
        assert_eq!(again.spec(), spec);
        state::write(&arrays, |visit| again.visit(visit)).unwrap();
        let found = state::read(|visit| again.visit(visit)).unwrap();
        assert_eq!(found, arrays);
        let v = Tensor::zeros(&device, &[2, exact.sizes[0]]).unwrap();
        let means = |net: &DeepBeliefNet| net.reconstruct(&v).unwrap().to_vec().unwrap();
        assert_eq!(means(&again), means(&net));
    }
    let spec = DbnSpec::new([64, 30, 20]).classes(10).visible(UnitKind::Gaussian);
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(text, r#"{"visible":"gaussian","units":[64,30,20],"classes":10,"untied":false}"#);
    // The levels of one seed begin with weights of their own.
    let net = DeepBeliefNet::from_spec(&device, &DbnSpec::new([6, 6, 6]), 1).unwrap();
    let weights = |l: usize| net.levels()[l].weights().to_vec().unwrap();
    assert!(weights(0).iter().zip(&weights(1)).all(|(x, y)| x != y));
    let plain = Rbm::new(&device, Units::bernoulli(6), Units::bernoulli(6), 1).unwrap();
    assert_eq!(weights(0), plain.weights().to_vec().unwrap());
}

#[test]
fn generative_weights_are_those_of_a_directed_level() {
    let device = Device::cpu();
    let mut net = DeepBeliefNet::from_spec(&device, &DbnSpec::new([4, 3, 2]), 1).unwrap();
    let ones = |dims: &[usize]| {
        let count: usize = dims.iter().product();
        Tensor::from_f32(&device, dims, &vec![1.0; count]).unwrap()
    };
    let h = ones(&[1, 3]);
    net.set_generative_weights(1, ones(&[4, 3])).unwrap();
    assert!(net.spec().untied);
    let down = net.down(&h, 1, Pass::Means).unwrap().to_vec().unwrap();
    assert!(down.iter().all(|p| (p - 1.0 / (1.0 + (-3f32).exp())).abs() < 1e-6), "{down:?}");
    for level in [0, 2, 3] {
        let error = net.set_generative_weights(level, ones(&[3, 2])).unwrap_err().to_string();
        assert!(error.contains("is no directed one"), "{error}");
    }
    let error = net.set_generative_weights(1, ones(&[3, 4])).unwrap_err().to_string();
    assert!(error.contains("[3, 4]") && error.contains("[4, 3]"), "{error}");
}

/// Real data at the bottom: their mean is b + Gh and their variance 1.
#[test]
fn gaussian_data_are_drawn_around_their_means() {
    let spec = DbnSpec::new([2, 3, 2]).visible(UnitKind::Gaussian);
    on_each(|device| {
        let net = DeepBeliefNet::from_spec(device, &spec, 3).unwrap();
        let h = matrix(device, &vec![vec![1.0, 0.0, 1.0]; CASES]);
        let means = net.down(&h, 1, Pass::Means).unwrap().to_vec().unwrap();
        let v = net.down(&h, 1, Pass::Samples(&Draw::new(2, 300))).unwrap().to_vec().unwrap();
        let w = net.levels()[0].weights().to_vec().unwrap();
        for i in 0..2 {
            assert!((means[i] - w[i * 3] - w[i * 3 + 2]).abs() < 1e-6);
            let x: Vec<f64> = v.iter().skip(i).step_by(2).map(|x| f64::from(*x)).collect();
            let mean = x.iter().sum::<f64>() / CASES as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / CASES as f64;
            // Five standard errors of the mean 1/√n, of the variance √(2/n).
            assert!((mean - f64::from(means[i])).abs() < 0.025, "{mean}");
            assert!((variance - 1.0).abs() < 0.036, "{variance}");
        }
    });
}

#[test]
fn nets_that_cannot_be_are_refused() {
    let device = Device::cpu();
    let (b, g, s, l) = (Units::bernoulli, Units::gaussian, Units::softmax, Units::labelled);
    let net = |levels: &[(Units, Units)]| {
        let levels = levels.iter().map(|(v, h)| Rbm::new(&device, *v, *h, 1).unwrap()).collect();
        DeepBeliefNet::new(levels)
    };
    assert!(net(&[(g(4), b(3)), (l(3, 2), b(5))]).is_ok());
    for (levels, said) in [
        (&[][..], "at least one machine"),
        (
            &[(b(4), b(3)), (b(4), b(2))],
            "level 2 has 4 bernoulli visible units above 3 hidden ones",
        ),
        (&[(b(4), b(3)), (g(3), b(2))], "level 2 has 3 gaussian visible units"),
        (&[(b(4), b(3)), (l(2, 2), b(2))], "level 2 has 4 bernoulli+softmax:2 visible"),
        (&[(l(4, 2), b(3)), (b(3), b(2))], "level 1 has bernoulli+softmax:2 visible units"),
        (&[(s(2, 2), b(3))], "level 1 has softmax:2 visible units"),
        (&[(b(4), g(3))], "level 1 has gaussian hidden units"),
    ] {
        let text = net(levels).unwrap_err().to_string();
        assert!(text.contains(said), "{text}");
    }
    let plain = net(&[(b(4), b(3)), (b(3), b(2))]).unwrap();
    let v = Tensor::zeros(&device, &[1, 4]).unwrap();
    for (error, said) in [
        (plain.up_means(&v, 3).unwrap_err(), "3, and the levels are 1 to 2"),
        (plain.recognition(0, &v).unwrap_err(), "0, and the levels are 1 to 2"),
        (plain.class_probabilities(&v).unwrap_err(), "no label; join one"),
        (plain.dreams_of(&[0], 1).unwrap_err(), "trained without labels"),
        (
            plain.up_means(&Tensor::zeros(&device, &[1, 5]).unwrap(), 1).unwrap_err(),
            "5 values a row",
        ),
    ] {
        assert!(error.to_string().contains(said), "{error}");
    }
    let labelled = net(&[(b(4), b(3)), (l(3, 2), b(2))]).unwrap();
    let text = labelled.dreams_of(&[0, 2], 1).unwrap_err().to_string();
    assert!(text.contains("2, and the classes are 0 to 1"), "{text}");
    let bad = DbnSpec::new([4, 3]).classes(2).visible(UnitKind::Gaussian);
    let text = DeepBeliefNet::from_spec(&device, &bad, 1).unwrap_err().to_string();
    assert!(text.contains("use more levels"), "{text}");
    assert!(DeepBeliefNet::from_spec(&device, &DbnSpec::new([4]), 1).is_err());
    assert!(DeepBeliefNet::from_spec(&device, &DbnSpec::new(vec![1; 400]), 1).is_err());
    for (input, hidden, words) in [(f32::NAN, 0.0, "rate: NaN"), (0.0, -3.0, "rate: -3")] {
        let spec = DbnSpec::new([4, 3, 2]).classifier([1, 2, 2], 2, Dropout { input, hidden });
        let text = plain.classifier(&spec, 1).map(drop).unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
    }
}
