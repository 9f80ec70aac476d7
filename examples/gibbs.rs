//! Samples a machine that is small enough to know everything about: 3 visible and 2 hidden units. The
//! frequencies of its 8 visible states are printed beside their exact probabilities.
//!
//! ```text
//! cargo run --release --example gibbs
//! ```

use harmonium::models::{Rbm, UnitKind};
use harmonium::{Device, Result, Tensor};

fn main() -> Result<()> {
    let device = Device::from_env()?;
    println!("sampling on {}", device.info());
    println!("  v    sampled    exact");
    for (state, (sampled, exact)) in compare(&device, 100_000)?.iter().enumerate() {
        let [v0, v1, v2] = units(state);
        println!("{v0} {v1} {v2}   {sampled:.4}    {exact:.4}");
    }
    Ok(())
}

/// The three units of a state's number.
fn units(state: usize) -> [f32; 3] {
    [0, 1, 2].map(|unit| ((state >> unit) & 1) as f32)
}

/// (relative frequency over `count` Gibbs chains, exact probability) of each of the 8 visible states.
pub fn compare(device: &Device, count: usize) -> Result<Vec<(f64, f64)>> {
    let w = Tensor::from_f32(device, &[3, 2], &[2.0, -1.0, 2.0, 1.5, -1.0, 2.0])?;
    let b = Tensor::from_f32(device, &[3], &[-0.5, 0.0, 0.5])?;
    let a = Tensor::from_f32(device, &[2], &[-1.0, -0.5])?;
    let rbm = Rbm::from_parts(UnitKind::Bernoulli, UnitKind::Bernoulli, w, b, a)?;

    // p(v) = exp(−F(v))/Z, and with 8 states Z is a sum of 8 terms.
    let states: Vec<f32> = (0..8).flat_map(units).collect();
    let free_energy = rbm.free_energy(&Tensor::from_f32(device, &[8, 3], &states)?)?.to_vec()?;
    let weights: Vec<f64> = free_energy.iter().map(|&f| (-f64::from(f)).exp()).collect();
    let z: f64 = weights.iter().sum();

    // Independent chains, all moved at once: v → h → v → …, 50 times.
    let mut chains = rbm.chains(count, 1)?;
    chains.step(50)?;

    let mut seen = [0usize; 8];
    for v in chains.visible().to_vec()?.chunks(3) {
        seen[(0..3).map(|unit| usize::from(v[unit] == 1.0) << unit).sum::<usize>()] += 1;
    }
    Ok(seen.iter().zip(weights).map(|(&n, w)| (n as f64 / count as f64, w / z)).collect())
}
