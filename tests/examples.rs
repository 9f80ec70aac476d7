//! The examples do what they say.

use harmonium::data::{Cases, Values};

use crate::models::support::{monte_carlo_floor, on_each, total_variation};

#[path = "../examples/autoencoder.rs"]
#[allow(dead_code)]
mod autoencoder;
#[path = "../examples/class_rbm.rs"]
#[allow(dead_code)]
mod class_rbm;
#[path = "../examples/crf.rs"]
#[allow(dead_code)]
mod crf;
#[path = "../examples/dbm.rs"]
#[allow(dead_code)]
mod dbm;
#[path = "../examples/dbn.rs"]
#[allow(dead_code)]
mod dbn;
#[path = "../examples/exact_sets.rs"]
#[allow(dead_code)]
pub mod exact_sets;
#[path = "../examples/filters.rs"]
#[allow(dead_code)]
mod filters;
#[path = "../examples/gibbs.rs"]
#[allow(dead_code)]
mod gibbs;
#[path = "../examples/lenet5.rs"]
#[allow(dead_code)]
mod lenet5;
#[path = "../examples/own_data.rs"]
#[allow(dead_code)]
mod own_data;
#[path = "../examples/run.rs"]
#[allow(dead_code)]
mod run;
#[path = "../examples/train_rbm.rs"]
#[allow(dead_code)]
mod train_rbm;

/// Two kinds of weather that lie apart: some hidden units tell them apart, what comes back is in the data's own units, and a
/// machine of its own bits goes on learning.
#[test]
fn a_machine_of_own_measurements_is_saved_opened_and_trained_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weather.safetensors");
    on_each(|device| {
        own_data::train_and_save(device, &path).unwrap();
        let machine = own_data::open(device, &path).unwrap();
        let warm = [24.0, 1022.0, 45.0];
        let values = [warm, [11.0, 996.0, 85.0]].concat();
        let cases = Cases::new(Values::F32(values.clone()), 2, 3).unwrap();
        let (hidden, again) = own_data::apply(&machine, cases).unwrap();
        let (one, other) = hidden.split_at(hidden.len() / 2);
        assert!(one.iter().zip(other).any(|(a, b)| (a - b).abs() > 0.5), "{hidden:?}");
        for (x, again) in values.iter().zip(&again) {
            assert!((x - again).abs() < 10.0, "{values:?} {again}");
        }
        let [before, after] = own_data::go_on(machine, 5, &folder.path().join("2")).unwrap();
        assert!(before < 1.5 && after < before + 0.05, "{before} {after}");
    });
}

#[test]
fn gibbs_samples_what_it_computes() {
    on_each(|device| {
        let (sampled, exact): (Vec<f64>, Vec<f64>) =
            gibbs::compare(device, 20_000).unwrap().into_iter().unzip();
        assert!((exact.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(total_variation(&sampled, &exact) < monte_carlo_floor(&exact, 20_000));
    });
}

/// The sets' optima are the published ones, and no learner passes them; each gets well above fair coins.
#[test]
fn exact_sets_are_learnt_up_to_their_optima() {
    use exact_sets::{HOWS, bars_and_stripes, best, labelled_shifter, optimum};
    for (set, coins, published, updates) in [
        (bars_and_stripes(3), 9.0, -41.59, 2000),
        (bars_and_stripes(4), 16.0, -108.13, 2000),
        (labelled_shifter(), 19.0, -5102.43, 500),
    ] {
        let best_possible = optimum(&set.rows);
        assert!(
            (best_possible - published).abs() < 0.005,
            "{best_possible}, published {published}"
        );
        let start = set.rows.len() as f64 * coins * 0.5f64.ln();
        for how in HOWS {
            let reached = best(&set, how, 1, updates).unwrap();
            println!("{}: {reached:.2} between {start:.2} and {best_possible:.2}", how.name);
            assert!(reached < best_possible + 0.005);
            assert!(reached > start + 0.02 * (best_possible - start), "{}: {reached}", how.name);
        }
    }
}

/// On every device: the bound lies below the likelihood, annealing finds ln Z, and what is learnt shows. Independent bits
/// have some −28 nats.
#[test]
fn a_deep_machine_knows_its_likelihood() {
    on_each(|device| {
        let found = dbm::evaluate(device, &dbm::train(device, 12).unwrap()).unwrap();
        assert!(found.bound < found.likelihood && found.bound > found.likelihood - 3.0);
        assert!(found.likelihood > -26.0, "{} on {}", found.likelihood, device.info());
        let off = (found.annealed - found.log_partition).abs();
        assert!(off < 4.0 * found.annealed_error, "{off} ± {}", found.annealed_error);
    });
}

#[test]
fn the_autoencoder_learns_from_its_levels() {
    on_each(|device| {
        let (errors, whole) = autoencoder::train(device, 5, 20).unwrap();
        assert!(errors[19] < 0.8 * errors[0] && errors[19] < 3.6, "{errors:?}");
        assert_eq!(whole.trained(), 2 * (64 * 64 + 64 * 2) + 64 + 2 + 64 + 64);
    });
}

/// Fifty labels: what the machine learns of the other digits helps it to tell them apart.
#[test]
fn digits_without_labels_help_few_with_some() {
    let digits = harmonium::data::load("digits").unwrap();
    let few = digits.train.select(&digits.train.balanced(50, 1).unwrap(), "few").unwrap();
    let test = digits.test.unwrap();
    let device = harmonium::Device::cpu();
    let error = |machine| class_rbm::error(&machine, &test).unwrap();
    let alone = error(class_rbm::train(&device, &few, None, 800).unwrap());
    let with = error(class_rbm::train(&device, &few, Some(&digits.train), 40).unwrap());
    // 297 cases: two standard errors of a share of 0.3 are 0.05.
    assert!(with < alone && with < 0.4, "{with} with the others, {alone} alone");
}

/// On every device. A quarter of the pictures show nothing, and nine in ten of those are misread by whatever sees each
/// position by itself: 0.225, less three deviations 0.19.
#[test]
fn a_chain_reads_what_its_net_cannot() {
    let words = harmonium::data::load_sequences("words").unwrap();
    let (train, test) = (words.train.select("few", |s| s < 300).unwrap(), words.test.unwrap());
    on_each(|device| {
        let error =
            |chained| crf::error(&crf::train(device, &train, chained, 4).unwrap(), &test).unwrap();
        let (with, without) = (error(true), error(false));
        assert!(with < 0.19 && without > 0.19, "{with} {without} on {}", device.info());
    });
}

/// On every device. Chance is 0.9, and a net of which only the last layer learns stays above a half.
#[test]
fn the_deep_belief_net_becomes_a_classifier() {
    on_each(|device| {
        let net = dbn::stack(device, 10).unwrap();
        let network = dbn::classifier(device, &net, 10).unwrap();
        let error = dbn::error(device, &network).unwrap();
        assert!(error < 0.35, "{error} on {}", device.info());
    });
}

#[test]
fn train_rbm_learns() {
    on_each(|device| {
        let errors = train_rbm::train(device, 3).unwrap();
        assert_eq!(errors.len(), 4);
        assert!(errors[3] < 0.8 * errors[0], "{errors:?}");
    });
}

#[test]
fn run_is_stopped_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    run::train_in_two_parts(&harmonium::Device::cpu(), &path, 4).unwrap();
    let summary = std::fs::read_to_string(path.join("summary.json")).unwrap();
    assert!(summary.contains("\"epochs\": 4"), "{summary}");
    assert!(path.join("report.html").is_file());
}

/// Four passes over 1,500 digits gave 0.24 on the CPU, 30 give 0.05; chance is 0.9.
#[test]
fn lenet5_learns() {
    on_each(|device| {
        let error = lenet5::train(device, 4).unwrap();
        assert!(error < 0.4, "{error}");
    });
}

/// The course's case: 32 kernels of 16×16 on a picture of 256×256.
#[test]
fn filters_make_a_map_for_each_kernel() {
    let picture = filters::picture().unwrap();
    assert_eq!(picture.len(), 256 * 256);
    let kernels = filters::kernels();
    assert_eq!(kernels.len(), 32 * 16 * 16);
    on_each(|device| {
        let maps = filters::filter(device, &picture).unwrap();
        assert_eq!((maps.planes, maps.count), (1, 32));
        assert_eq!((maps.shape.height, maps.shape.width), (241, 241));
        assert_eq!(maps.values.len(), 32 * 241 * 241);
        // Pixels all over each map, by the formula.
        for (o, kernel) in kernels.chunks(256).enumerate() {
            let absolute: f64 = kernel.iter().map(|k| f64::from(k.abs())).sum();
            for (i, j) in
                [(0, 0), (0, 240), (240, 0), (240, 240), (17, 203), (100 + o, 120 - 2 * o)]
            {
                let terms = (0..256).map(|at| {
                    let x = picture[(i + at / 16) * 256 + j + at % 16];
                    f64::from(kernel[at]) / absolute * f64::from(x)
                });
                let expected: f64 = terms.sum();
                let found = f64::from(maps.values[o * 241 * 241 + i * 241 + j]);
                // 256 products, whose sizes sum to 1 at most, in f32.
                let bound = 256.0 * f64::from(f32::EPSILON);
                assert!((found - expected).abs() <= bound, "map {o}, {i} {j}: {found} {expected}");
            }
        }
        // Clothes have upright and level edges, more than slanted ones.
        let strengths = filters::strengths(&maps);
        assert_eq!(strengths.len(), 8);
        let [upright, slanted, level] = [0, 2, 4].map(|direction| strengths[direction][0]);
        assert!(upright > slanted && level > slanted, "{strengths:?}");
    });
}
