//! Autoencoders in stages: stopped in any of them they go on to the same bits; levels read what those below give.

use harmonium::data::{self, Cases, Values};
use harmonium::jobs::autoencoder::{AutoencoderJob, AutoencoderSettings, Pca};
use harmonium::kernels::activation::Activation;
use harmonium::models::{Rbm, Units};
use harmonium::run::settings::resolve;
use harmonium::training::{
    Batch, BatchSource, LevelSource, LowerLevel, ResidentData, Treatment, means_above,
};
use harmonium::{Device, Tensor};

use super::train::{go_on, in_one_and_in_two};

fn settings(more: &str) -> AutoencoderSettings {
    let text = format!(
        "data = \"digits\"\nlayers = \"8,5,2\"\nlimit = 100\nbatch = 20\npretrain_batch = 20\npretrain_epochs = 2\nepochs = 3\n\
         validation = 0\n{more}"
    );
    resolve(vec![text.parse().unwrap()]).unwrap()
}

/// Of every kind of level, with means and with samples. Levels have 10 updates each, the whole has 15.
#[test]
fn a_run_that_stops_in_any_level_goes_on_to_the_same_bits() {
    let make = |settings| AutoencoderJob::new(settings, &Device::cpu(), &mut go_on).unwrap();
    for (more, at) in [
        ("", 4),
        ("level_data = \"samples\"", 13),
        ("pretrain_pcd = 1\nlevel_data = \"samples\"", 17),
        ("pretrain = \"autoencoder\"\nnoise = \"mask:0.3\"", 13),
        ("noise = \"gaussian:0.1\"\noptimizer = \"sgd\"", 30),
        ("tied = true\ncode = \"sigmoid\"", 37),
        ("pretrain = \"none\"", 7),
    ] {
        in_one_and_in_two(make, settings(more), at);
    }
}

/// What has no covariance in f32 has no components either: it says so, and does not search for ever.
#[test]
fn components_of_huge_values_are_left_out() {
    let fit = |scale: f32| {
        let values: Vec<f32> = (0..60).map(|i| scale * (i * 37 % 11) as f32).collect();
        let cases = Cases::new(Values::F32(values), 20, 3).unwrap();
        Pca::fit(&Device::cpu(), &cases, 3).unwrap().map(|pca| pca.error(&cases).unwrap())
    };
    assert!(fit(1e30).is_none());
    // As many components as values lose nothing.
    assert!(fit(0.1).unwrap() < 1e-9);
}

/// Components of weighted cases are those of repeated ones.
#[test]
fn components_and_their_error_are_by_weights() {
    let rows: Vec<Vec<f32>> =
        (0..12).map(|k| (0..4).map(|j| ((k * k + 5 * j * k + j) % 13) as f32).collect()).collect();
    let of = |picked: &[usize]| {
        let values = picked.iter().flat_map(|&k| rows[k].clone()).collect();
        Cases::new(Values::F32(values), picked.len(), 4).unwrap()
    };
    let all: Vec<usize> = (0..12).collect();
    let repeated: Vec<usize> = all.iter().flat_map(|&k| vec![k; k % 3]).collect();
    let weights = all.iter().map(|&k| (k % 3) as f32).collect();
    let (alike, repeated) = (of(&all), of(&repeated));
    let weighted = alike.clone().with_weights(weights).unwrap();
    let error = |fitted: &Cases, scored: &Cases| {
        Pca::fit(&Device::cpu(), fitted, 2).unwrap().unwrap().error(scored).unwrap()
    };
    let expected = error(&repeated, &repeated);
    // Squares of numbers below 13, summed over four values, in f32.
    assert!((error(&weighted, &weighted) - expected).abs() < 1e-3);
    assert!((error(&weighted, &alike) - error(&repeated, &alike)).abs() < 1e-3);
    assert!((error(&alike, &repeated) - expected).abs() > 0.1);
    assert!((error(&repeated, &alike) - expected).abs() > 0.1);
}

/// All batches of an epoch, one below the other.
fn epoch(source: &mut dyn BatchSource, number: u64, rows: usize) -> Vec<f32> {
    source.start_epoch(1, number).unwrap();
    let mut all = Vec::new();
    while let Some(Batch { cases, .. }) = source.next_batch(rows).unwrap() {
        all.extend(cases.to_vec().unwrap());
    }
    all
}

#[test]
fn a_level_reads_what_those_below_give() {
    let train = data::load("digits").unwrap().train.cases.limit(50);
    let check = |device: &Device| {
        let machine = |visible: usize, hidden: usize, seed| {
            let units = [visible, hidden].map(Units::bernoulli);
            let mut rbm = Rbm::new(device, units[0], units[1], seed).unwrap();
            let strong: Vec<f32> =
                rbm.weights().to_vec().unwrap().iter().map(|w| 40.0 * w).collect();
            rbm.set_weights(Tensor::from_f32(device, &[visible, hidden], &strong).unwrap())
                .unwrap();
            rbm
        };
        let (first, second) = (machine(64, 9, 1), machine(9, 4, 2));
        let level = |rbm: &Rbm| {
            let copies =
                (rbm.weights().try_clone().unwrap(), rbm.hidden_bias().try_clone().unwrap());
            LowerLevel::new(copies.0, copies.1, Activation::Sigmoid).unwrap()
        };
        let source = |sampled| {
            let resident = ResidentData::new(device, &train, Treatment::default()).unwrap();
            LevelSource::new(resident, sampled)
        };
        let plain = epoch(&mut source(None), 3, 20);
        let mut means = source(None);
        means.push(level(&first)).unwrap();
        means.push(level(&second)).unwrap();
        assert_eq!((means.cases(), means.width()), (50, 4));
        let v = Tensor::from_f32(device, &[50, 64], &plain).unwrap();
        let expected = second.mean_h_from_v(&first.mean_h_from_v(&v).unwrap()).unwrap();
        let expected = expected.to_vec().unwrap();
        assert_eq!(means_above(means.levels(), &v).unwrap().to_vec().unwrap(), expected);
        // A batch's product may be summed in another order than the whole one's.
        let near = |found: &[f32]| {
            found.len() == expected.len()
                && found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5)
        };
        assert!(near(&epoch(&mut means, 3, 20)), "{}", device.info());

        // Samples are bits, others in another epoch, the same for a batch that is reached by skipping.
        let mut samples = source(Some(1));
        samples.push(level(&first)).unwrap();
        let drawn = epoch(&mut samples, 3, 20);
        assert!(drawn.iter().all(|&s| s == 0.0 || s == 1.0));
        assert!(drawn == epoch(&mut samples, 3, 20) && drawn != epoch(&mut samples, 4, 20));
        samples.start_epoch(1, 3).unwrap();
        samples.skip(20).unwrap();
        let second_batch = samples.next_batch(20).unwrap().unwrap().cases.to_vec().unwrap();
        assert_eq!(second_batch, drawn[20 * 9..40 * 9]);
        // Their mean is the level's: 450 draws, five deviations.
        let p = first.mean_h_from_v(&v).unwrap().to_vec().unwrap();
        let (sum, mean): (f32, f32) = (drawn.iter().sum(), p.iter().sum());
        let deviation = p.iter().map(|p| p * (1.0 - p)).sum::<f32>().sqrt();
        assert!((sum - mean).abs() < 5.0 * deviation, "{sum} {mean} {deviation}");
        samples.push(level(&second)).unwrap();
        assert_eq!(epoch(&mut samples, 3, 20).len(), 50 * 4);
        let wrong = samples.push(level(&first)).err().unwrap().to_string();
        assert!(wrong.contains("it reads 64 values, and 4 come from below"), "{wrong}");
    };
    check(&Device::cpu());
    crate::support::gpus().iter().for_each(check);
}
