//! Deep Boltzmann machines in stages: stopped in any of them they go on to the same bits, and what they leave is whole.

use harmonium::Device;
use harmonium::jobs::dbm::{DbmJob, DbmSettings};
use harmonium::models::{DbmSpec, DeepBoltzmannMachine, Dropout, MeanField, UnitKind};
use harmonium::run::settings::resolve;

use super::train::{go_on, in_one_and_in_two};
use crate::models::deep::{Deep, some_v};
use crate::models::exact::{sigmoid, to_f32, to_f64};
use crate::models::support::{matrix, on_each, worst};

fn settings(text: &str) -> DbmSettings {
    resolve(vec![text.parse().unwrap()]).unwrap()
}

fn make(settings: DbmSettings) -> DbmJob {
    DbmJob::new(settings, &Device::cpu(), &mut go_on).unwrap()
}

/// Of every kind of stage. 80 cases are 4 updates an epoch: a level has 8 updates, a whole and a classifier 12.
#[test]
fn a_run_that_stops_in_any_stage_goes_on_to_the_same_bits() {
    let plain = "data = \"digits\"\nlayers = \"9,7\"\nlimit = 100\nbatch = 20\nepochs = 3\nvalidation = 0.2\n\
                 mean_field = 5\n";
    let levels = "pretrain = true\npretrain_batch = 20\npretrain_epochs = 2\n";
    let classes = "classifier = true\nclassifier_batch = 20\nclassifier_epochs = 3\n";
    for (more, at) in [
        (String::new(), 5),
        ("momentum = 0.5\nbinarize = \"resample\"".into(), 7),
        (levels.into(), 3),
        (format!("{levels}layers = \"9,7,5\""), 21),
        (format!("{levels}level_data = \"means\"\ncentered = true"), 20),
        (classes.into(), 15),
        (format!("{levels}{classes}dropout = 0.2"), 33),
        (format!("{classes}optimizer = \"lbfgs\"\n"), 13),
    ] {
        let text = match more.contains("layers") {
            true => format!("{}{more}", plain.replace("layers = \"9,7\"\n", "")),
            false => format!("{plain}{more}"),
        };
        in_one_and_in_two(make, settings(&text), at);
    }
}

/// The classifier's first layer gets vᵀW¹ + W²μ²: it gives what the next round of the mean field would.
#[test]
fn a_classifier_begins_with_the_mean_field() {
    for sizes in [vec![4, 3, 3], vec![3, 4, 3, 2]] {
        let deep = Deep::random(UnitKind::Bernoulli, &sizes, 1.0, 77);
        let v = some_v(&deep);
        let rows: Vec<Vec<f32>> = v.iter().map(|v| to_f32(v)).collect();
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            let spec = dbm.classifier_spec(3, Dropout::default());
            assert_eq!(spec.input, [1, 1, sizes[0] + sizes[2]]);
            let network = dbm.classifier(&spec, 1).unwrap();
            let how = MeanField::default();
            let seen = dbm.with_posterior(&matrix(device, &rows), how).unwrap();
            let posterior = dbm.posterior(&matrix(device, &rows), how).unwrap();
            let parameters: Vec<Vec<f64>> =
                network.layers().parameters().map(|p| to_f64(&p.value.to_vec().unwrap())).collect();
            let seen = to_f64(&seen.to_vec().unwrap());
            let mu2 = to_f64(&posterior.means(2).to_vec().unwrap());
            for (case, (v, x)) in v.iter().zip(seen.chunks(sizes[0] + sizes[2])).enumerate() {
                let means = &mu2[case * sizes[2]..(case + 1) * sizes[2]];
                assert_eq!(x, [v.as_slice(), means].concat());
                let first = |j: usize| {
                    let fed: f64 = x
                        .iter()
                        .enumerate()
                        .map(|(i, x)| x * parameters[0][i * sizes[1] + j])
                        .sum();
                    sigmoid(fed + parameters[1][j])
                };
                let mut all = vec![v.clone(), vec![0.0; sizes[1]], means.to_vec()];
                all.extend(sizes.get(3).map(|&n| vec![0.0; n]));
                let expected: Vec<f64> = deep.input(1, &all).into_iter().map(sigmoid).collect();
                assert!(worst(&(0..sizes[1]).map(first).collect::<Vec<_>>(), &expected) < 1e-6);
            }
            // Above it stand W² (twice where there is a third layer), and W³.
            let factor = if sizes.len() == 4 { 2.0 } else { 1.0 };
            let expected: Vec<f64> = deep.weights[1].iter().map(|w| factor * w).collect();
            assert_eq!(parameters[2], expected);
            assert_eq!(parameters[3], deep.biases[2]);
        });
    }
    let dbm = DeepBoltzmannMachine::from_spec(&Device::cpu(), &DbmSpec::new([4, 3, 2]), 1).unwrap();
    let other =
        DeepBoltzmannMachine::from_spec(&Device::cpu(), &DbmSpec::new([4, 3, 3]), 1).unwrap();
    assert!(dbm.classifier(&other.classifier_spec(3, Dropout::default()), 1).is_err());
}
