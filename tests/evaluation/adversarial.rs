//! Adversarial accuracy against distances that are taken one by one, and where its value is known.

use harmonium::Tensor;
use harmonium::evaluation::adversarial::adversarial_accuracy;
use harmonium::random::{Draw, PhiloxRng};

use crate::models::exact::{normals, to_f32};
use crate::models::support::on_each;

fn bits(count: usize, width: usize, seed: u64) -> Vec<f32> {
    let mut rng = PhiloxRng::new(Draw::new(seed, 905));
    (0..count * width).map(|_| (rng.word() % 2) as f32).collect()
}

/// By definition, in f64.
fn shares(data: &[f32], samples: &[f32], width: usize) -> [f64; 2] {
    let rows = |x: &[f32]| -> Vec<Vec<f64>> {
        x.chunks(width).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
    };
    let (data, samples) = (rows(data), rows(samples));
    let distance =
        |x: &Vec<f64>, y: &Vec<f64>| -> f64 { x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum() };
    let share = |own: &[Vec<f64>], other: &[Vec<f64>]| -> f64 {
        let mut won = 0.0;
        for (at, x) in own.iter().enumerate() {
            let apart = own.iter().enumerate().filter(|(k, _)| *k != at);
            let near = apart.map(|(_, y)| distance(x, y)).fold(f64::INFINITY, f64::min);
            let far = other.iter().map(|y| distance(x, y)).fold(f64::INFINITY, f64::min);
            won += if far > near {
                1.0
            } else if far == near {
                0.5
            } else {
                0.0
            };
        }
        won / own.len() as f64
    };
    [share(&data, &samples), share(&samples, &data)]
}

#[test]
fn the_shares_are_those_of_single_distances() {
    on_each(|device| {
        let check = |data: &[f32], samples: &[f32], width: usize, near: f64| {
            let tensor =
                |x: &[f32]| Tensor::from_f32(device, &[x.len() / width, width], x).unwrap();
            let found = adversarial_accuracy(&tensor(data), &tensor(samples)).unwrap();
            let [of_data, of_samples] = shares(data, samples, width);
            assert!((found.data - of_data).abs() <= near, "{found:?}, expected {of_data}");
            assert!((found.samples - of_samples).abs() <= near, "{found:?}, expected {of_samples}");
            found
        };
        // Bits: exact, with many ties; more rows than are taken at once.
        for (count, width) in [(2, 3), (37, 5), (600, 9), (1100, 70)] {
            check(&bits(count, width, 1), &bits(count, width, 2), width, 1e-12);
        }
        // Real values: rounding may turn a few nearly equal distances round.
        let real = |seed| to_f32(&normals(seed, 300 * 20));
        check(&real(1), &real(2), 20, 2.0 / 300.0);
        // Where the value is known: copies, what lies elsewhere, and samples that are all alike.
        let data = bits(200, 40, 3);
        let copies = check(&data, &data, 40, 1e-12);
        assert_eq!([copies.data, copies.samples], [0.0, 0.0]);
        let away: Vec<f32> = data.iter().map(|x| x + 10.0).collect();
        let apart = check(&data, &away, 40, 1e-12);
        assert_eq!([apart.data, apart.samples], [1.0, 1.0]);
        let alike = check(&data, &vec![0.5; 200 * 40], 40, 1e-12);
        assert_eq!(alike.samples, 1.0);
        // The middle is nearer to most than their neighbours are.
        assert!(alike.data < 0.2, "{alike:?}");
    });
}

/// Of one distribution each share is ½ in expectation (but for one neighbour of 500); the share of 500 cases, of which
/// each depends on some ten others at most, lies within five of √(10/4/500) = 0.07 of it beyond doubt.
#[test]
fn one_distribution_gives_a_half() {
    let device = harmonium::Device::cpu();
    let tensor =
        |seed| Tensor::from_f32(&device, &[500, 6], &to_f32(&normals(seed, 3000))).unwrap();
    let found = adversarial_accuracy(&tensor(5), &tensor(6)).unwrap();
    assert!((found.data - 0.5).abs() < 0.1 && (found.samples - 0.5).abs() < 0.1, "{found:?}");
}

#[test]
fn cases_that_make_no_sense_are_refused() {
    let device = harmonium::Device::cpu();
    let tensor = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let words = |a: &[usize], b: &[usize]| {
        adversarial_accuracy(&tensor(a), &tensor(b)).unwrap_err().to_string()
    };
    assert!(words(&[3, 4], &[4, 4]).contains("as many of both"));
    assert!(words(&[3, 4], &[3, 5]).contains("as many of both"));
    assert!(words(&[1, 4], &[1, 4]).contains("2 at least"));
    let broken = Tensor::from_f32(&device, &[2, 1], &[f32::NAN, 1.0]).unwrap();
    let error = adversarial_accuracy(&broken, &tensor(&[2, 1])).unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
}
