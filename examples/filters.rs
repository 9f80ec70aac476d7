//! Filters a picture with 32 oriented kernels of 16×16: a map for each, and the edges that it answers to.
//!
//! ```text
//! cargo run --release --example filters
//! ```

use std::f64::consts::PI;

use harmonium::data::{self, ImageShape};
use harmonium::models::filters::{Edges, FilterBank, FilterMaps};
use harmonium::{Device, Result};

const SIDE: usize = 16;
const DIRECTIONS: usize = 8;

fn main() -> Result<()> {
    let device = Device::from_env()?;
    println!("filtering on {}", device.info());
    let maps = filter(&device, &picture()?)?;
    println!("{} maps of {}", maps.count, maps.shape);
    println!("direction of the change   wave of 6 pixels   of 12 pixels");
    for (direction, strengths) in strengths(&maps).iter().enumerate() {
        let degrees = 180.0 * direction as f64 / DIRECTIONS as f64;
        println!("{degrees:>22}°   {:>16.4}   {:>12.4}", strengths[0], strengths[1]);
    }
    // maps.values is [32, 241, 241]; `harmonium::run::pictures::map_sheet` draws it.
    Ok(())
}

/// A wardrobe of 256×256: sixteen of the bundled pictures, enlarged and put side by side.
pub fn picture() -> Result<Vec<f32>> {
    let square = |side| ImageShape { height: side, width: side };
    let fashion = data::load("fashion")?.train.cases.limit(16);
    let tiles = data::resize(&fashion, square(28), square(64))?.to_f32();
    let pixel = |at: usize| {
        let (y, x) = (at / 256, at % 256);
        tiles[(y / 64 * 4 + x / 64) * 64 * 64 + y % 64 * 64 + x % 64]
    };
    Ok((0..256 * 256).map(pixel).collect())
}

/// Gabor's kernels: waves under a bell, in 8 directions, of 2 lengths and in 2 phases. Each sums to 0, so
/// that an even surface gives nothing.
pub fn kernels() -> Vec<f32> {
    let mut kernels = Vec::new();
    for direction in (0..DIRECTIONS).map(|k| PI * k as f64 / DIRECTIONS as f64) {
        for (length, phase) in [(6.0, 0.0), (6.0, PI / 2.0), (12.0, 0.0), (12.0, PI / 2.0)] {
            let value = |at: usize| {
                let (x, y) = ((at % SIDE) as f64 - 7.5, (at / SIDE) as f64 - 7.5);
                let along = x * direction.cos() + y * direction.sin();
                let bell = (-(x * x + y * y) / (2.0 * 3.5 * 3.5)).exp();
                (bell, bell * (2.0 * PI * along / length + phase).cos())
            };
            let (bells, waves): (Vec<f64>, Vec<f64>) = (0..SIDE * SIDE).map(value).unzip();
            let excess = waves.iter().sum::<f64>() / bells.iter().sum::<f64>();
            kernels
                .extend(bells.iter().zip(waves).map(|(bell, wave)| (wave - excess * bell) as f32));
        }
    }
    kernels
}

/// 32 maps of 241×241.
pub fn filter(device: &Device, picture: &[f32]) -> Result<FilterMaps> {
    let square = |side| ImageShape { height: side, width: side };
    let mut bank = FilterBank::new(kernels(), 4 * DIRECTIONS, square(SIDE))?;
    bank.normalize()?; // by Σ|k|: these kernels sum to 0
    bank.apply(device, picture, square(256), Edges::Valid)
}

/// For each direction and length the mean √(even² + odd²): how much of such edges there is, wherever the
/// wave's phase.
pub fn strengths(maps: &FilterMaps) -> Vec<[f64; 2]> {
    let pixels = maps.shape.height * maps.shape.width;
    let energy = |pair: &[f32]| {
        let (even, odd) = pair.split_at(pixels);
        even.iter().zip(odd).map(|(a, b)| f64::from(a.hypot(*b))).sum::<f64>() / pixels as f64
    };
    let directions = maps.values.chunks(4 * pixels);
    directions.map(|four| [energy(&four[..2 * pixels]), energy(&four[2 * pixels..])]).collect()
}
