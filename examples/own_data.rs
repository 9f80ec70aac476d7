//! A machine of one's own measurements: trained, saved, opened again, applied to new cases, and trained further.
//!
//! ```text
//! cargo run --release --example own_data
//! ```

use std::path::Path;

use harmonium::data::{Cases, DataSet, Part, Preprocessing, Values};
use harmonium::jobs::rbm::Origin;
use harmonium::jobs::{Choice, Trained, TrainedRbm};
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::random::{Draw, PhiloxRng, uniform};
use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData};
use harmonium::{Device, Error, Result};

/// Values of a case: temperature in °C, pressure in hPa, humidity in %.
const WIDTH: usize = 3;
const HIDDEN: usize = 4;

fn main() -> Result<()> {
    let device = Device::auto();
    let path = std::env::temp_dir().join("weather.safetensors");
    train_and_save(&device, &path)?;

    // In another program, perhaps on another device:
    let machine = open(&device, &path)?;
    let (hidden, again) = apply(&machine, measured(5, 2)?)?;
    for (h, x) in hidden.chunks(HIDDEN).zip(again.chunks(WIDTH)) {
        println!("p(h|v) {h:.2?}, and back {x:.1?}");
    }
    let errors = go_on(machine, 10, &path)?;
    println!(
        "squared error per case (standardised): {:.3} before, {:.3} after",
        errors[0], errors[1]
    );
    Ok(())
}

/// Measurements `[cases, 3]`: what a program has in memory. Two kinds of weather, made up.
fn measured(cases: usize, seed: u64) -> Result<Cases> {
    let mut random = PhiloxRng::new(Draw::new(seed, 256));
    let mut next = || uniform(random.word());
    let mut values = Vec::with_capacity(cases * WIDTH);
    for _ in 0..cases {
        let weather = if next() < 0.5 { [24.0, 1022.0, 45.0] } else { [11.0, 996.0, 85.0] };
        values.extend(weather.map(|mean| mean + 6.0 * (next() - 0.5)));
    }
    Cases::new(Values::F32(values), cases, WIDTH)
}

/// Gaussian visible units want mean 0 and deviation 1: the preprocessing is fitted here, and saved with the machine.
pub fn train_and_save(device: &Device, path: &Path) -> Result<()> {
    let cases = measured(1000, 1)?;
    let preprocessing = Preprocessing::fit(&cases, None, true)?;
    let mut batches = ResidentData::prepare(device, cases, &preprocessing, 1, Part::Train)?;
    let rbm = Rbm::new(device, Units::gaussian(WIDTH), Units::bernoulli(HIDDEN), 1)?;
    let mut trainer = CdTrainer::new(rbm, config(30), &[0.0; WIDTH])?;
    for _ in 0..30 {
        trainer.epoch(&mut batches)?;
    }
    let origin = Origin { preprocessing, data: Some("weather".into()), ..Origin::default() };
    origin.file(&mut trainer.into_rbm())?.save(path)
}

fn config(epochs: u64) -> CdConfig {
    CdConfig::new(UnitKind::Gaussian, UnitKind::Bernoulli).learning_rate(0.01).epochs(epochs)
}

/// A file of any kind of model opens so; this program wants a machine.
pub fn open(device: &Device, path: &Path) -> Result<TrainedRbm> {
    match Trained::open(path, device, None)? {
        Trained::Rbm(machine) => Ok(machine),
        _ => Err(Error::setting("weather.safetensors", "holds no restricted Boltzmann machine")),
    }
}

/// p(h|v) `[cases, 4]` of new measurements, and what the machine makes of them, in their own units `[cases, 3]`.
pub fn apply(machine: &TrainedRbm, measurements: Cases) -> Result<(Vec<f32>, Vec<f32>)> {
    // `cases` does to the values what was done in training; `transform` and the others take what it gives.
    let chosen = machine.cases(&Choice::of_set(&DataSet::new("today", measurements)))?;
    let hidden = machine.transform(&chosen.cases)?;
    let mut again = machine.reconstruct(&chosen.cases)?.values;
    machine.for_picture(&mut again)?;
    Ok((hidden, again))
}

/// Trains it further, on new measurements: the squared error before and after.
pub fn go_on(machine: TrainedRbm, epochs: u64, path: &Path) -> Result<[f64; 2]> {
    let device = machine.rbm.device().clone();
    let cases = measured(1000, 3)?;
    let before = error(&machine)?;
    let TrainedRbm { rbm, origin, .. } = machine;
    let seen = &origin.preprocessing;
    let mut batches = ResidentData::prepare(&device, cases, seen, 2, Part::Train)?;
    let mut trainer = CdTrainer::new(rbm, config(epochs), &[0.0; WIDTH])?;
    for _ in 0..epochs {
        trainer.epoch(&mut batches)?;
    }
    origin.file(&mut trainer.into_rbm())?.save(path)?;
    Ok([before, error(&open(&device, path)?)?])
}

fn error(machine: &TrainedRbm) -> Result<f64> {
    let chosen = machine.cases(&Choice::of_set(&DataSet::new("test", measured(500, 4)?)))?;
    Ok(machine.reconstruct(&chosen.cases)?.error)
}
