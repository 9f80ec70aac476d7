//! The devices that the tests of models and training run on.

use std::sync::OnceLock;

use harmonium::{Device, Tensor};

/// The CPU path and every GPU that `vulkan` and `gl` find, opened once and named.
///
/// # Panics
/// With `HARMONIUM_REQUIRE_GPU=1` where one of them is missing.
pub fn devices() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let required = std::env::var("HARMONIUM_REQUIRE_GPU").is_ok_and(|v| v == "1");
        let mut devices = vec![Device::cpu()];
        for backend in ["vulkan", "gl"] {
            match Device::gpu(backend) {
                Ok(device) => devices.push(device),
                Err(e) if required => panic!("HARMONIUM_REQUIRE_GPU=1, and no {backend}: {e}"),
                Err(e) => println!("models and training are not tested on {backend}: {e}"),
            }
        }
        devices.iter().for_each(|device| println!("models and training on {}", device.info()));
        devices
    })
}

/// Runs a check on every device.
pub fn on_each(check: impl Fn(&Device)) {
    for device in devices() {
        println!("{}", device.info());
        check(device);
    }
}

/// A matrix `[rows, columns]` on a device.
pub fn matrix(device: &Device, rows: &[Vec<f32>]) -> Tensor {
    let flat: Vec<f32> = rows.concat();
    Tensor::from_f32(device, &[rows.len(), rows[0].len()], &flat).unwrap()
}

/// The greatest |a − b|, NaN where there is one.
pub fn worst(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |m, x| if x <= m { m } else { x })
}

/// Half the sum of |p − q|.
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    assert_eq!(p.len(), q.len());
    0.5 * p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>()
}

/// The relative frequencies of `count` states over independent chains differ from their probabilities p by
/// this total variation at most, but for one run in a thousand million: the mean of the total variation is below
/// ½ Σ √(p(1 − p)/n) (Jensen), and one chain moves it by 1/n at most, so that it exceeds its mean by t with
/// probability below exp(−2nt²) (McDiarmid 1989).
pub fn monte_carlo_floor(p: &[f64], n: usize) -> f64 {
    let n = n as f64;
    let mean = 0.5 * p.iter().map(|p| (p * (1.0 - p) / n).sqrt()).sum::<f64>();
    mean + (1e9f64.ln() / (2.0 * n)).sqrt()
}

#[test]
fn the_floor_lets_a_fair_die_pass_and_catches_a_loaded_one() {
    let (n, fair) = (60_000, [1.0 / 6.0; 6]);
    let mut rng = harmonium::random::PhiloxRng::new(harmonium::random::Draw::new(5, 900));
    let mut seen = [0.0; 6];
    (0..n).for_each(|_| seen[rng.below(6) as usize] += 1.0 / n as f64);
    assert!(total_variation(&seen, &fair) < monte_carlo_floor(&fair, n));
    let loaded = [0.2, 0.2, 0.15, 0.15, 0.15, 0.15];
    assert!(total_variation(&loaded, &fair) > monte_carlo_floor(&fair, n));
    assert!(worst(&[f64::NAN], &[0.0]).is_nan());
}
