//! The devices that the tests of models and training run on.

use std::sync::OnceLock;

use harmonium::{Device, Tensor};

use crate::support;

/// The CPU path and every GPU, opened once.
///
/// # Panics
/// With `HARMONIUM_REQUIRE_GPU=1` where there is none.
pub fn devices() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    let gpus = || support::gpus().iter().cloned();
    DEVICES.get_or_init(|| std::iter::once(Device::cpu()).chain(gpus()).collect())
}

/// Runs a check on every device.
pub fn on_every(check: impl Fn(&Device)) {
    devices().iter().for_each(|device| named(device, &check));
}

/// Runs a check on the CPU and on one GPU. Where there are several, tests take turns, each on the one that its name chooses:
/// what they look at is the host's code over kernels, which are held against the CPU on every adapter.
/// `HARMONIUM_EVERY_ADAPTER=1` takes all.
pub fn on_each(check: impl Fn(&Device)) {
    on_turn().iter().for_each(|device| named(device, &check));
}

/// The devices of [`on_each`].
pub fn on_turn() -> Vec<Device> {
    let (cpu, gpus) = devices().split_at(1);
    let thread = std::thread::current();
    // The test's own thread has its name.
    let turn = crc32fast::hash(thread.name().unwrap_or_default().as_bytes()) as usize;
    let all = std::env::var_os("HARMONIUM_EVERY_ADAPTER").is_some_and(|value| value == "1");
    let chosen = |&(number, _): &(usize, &Device)| all || number == turn % gpus.len();
    let gpus = gpus.iter().enumerate().filter(chosen).map(|(_, gpu)| gpu);
    cpu.iter().chain(gpus).cloned().collect()
}

fn named(device: &Device, check: impl Fn(&Device)) {
    println!("{}", device.info());
    check(device);
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
