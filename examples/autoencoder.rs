//! A deep autoencoder by the library alone: two machines are trained one on the other, unrolled, and trained as a whole
//! (Hinton and Salakhutdinov 2006).

use harmonium::data;
use harmonium::kernels::activation::Activation;
use harmonium::models::autoencoder::Level;
use harmonium::models::{Autoencoder, AutoencoderSpec, Rbm, UnitKind, Units};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, CdConfig, CdTrainer, Learner, LevelSource, LowerLevel,
    ResidentData, Schedule, TRAIN_SQUARED_ERROR, Treatment,
};
use harmonium::{Device, Result};

const HIDDEN: usize = 64;
const CODE: usize = 2;

/// The squared errors of the whole, one for each of its epochs, and the trained autoencoder.
pub fn train(device: &Device, level_epochs: u64, epochs: u64) -> Result<(Vec<f64>, Autoencoder)> {
    let digits = data::load("digits")?.train.cases;
    let width = digits.width();
    let resident = ResidentData::new(device, &digits, Treatment::default())?;
    // What a level learns from is computed from the levels below, batch by batch.
    let mut source = LevelSource::new(resident, None);

    let mut first = Rbm::new(device, Units::bernoulli(width), Units::bernoulli(HIDDEN), 1)?;
    first.set_visible_bias_from_means(&digits.means())?;
    let config = CdConfig::default().epochs(level_epochs).batch(50);
    let mut trainer = CdTrainer::new(first, config, &digits.means())?;
    for _ in 0..level_epochs {
        trainer.epoch(&mut source)?;
    }
    let first = trainer.into_rbm();
    let copies = (first.weights().try_clone()?, first.hidden_bias().try_clone()?);
    source.push(LowerLevel::new(copies.0, copies.1, Activation::Sigmoid)?)?;

    // A linear code: the units of its machine are Gaussian.
    let code = Units::new(UnitKind::Gaussian, CODE)?;
    let second = Rbm::new_at_level(device, Units::bernoulli(HIDDEN), code, 1, 1)?;
    let config = CdConfig::new(UnitKind::Bernoulli, UnitKind::Gaussian);
    let config = config.epochs(level_epochs).batch(50).level(1);
    let mut trainer = CdTrainer::new(second, config, &[0.5; HIDDEN])?;
    for _ in 0..level_epochs {
        trainer.epoch(&mut source)?;
    }
    let second = trainer.into_rbm();

    let spec = AutoencoderSpec::new(width, &[HIDDEN, CODE]);
    let levels = [Level::from(&first), Level::from(&second)];
    let whole = Autoencoder::unrolled(device, &spec, &levels)?;
    source.clear();
    let config = BackpropagationConfig::default()
        .epochs(epochs)
        .batch(50)
        .learning_rate(Schedule::Linear(0.01, 0.0005));
    let mut trainer = Backpropagation::new(whole, config)?;
    let mut errors = Vec::new();
    for _ in 0..epochs {
        let report = trainer.epoch(&mut source)?;
        errors.extend(report.figures.get(TRAIN_SQUARED_ERROR.key));
    }
    Ok((errors, trainer.into_network()))
}

fn main() -> Result<()> {
    let device = Device::auto();
    let (errors, whole) = train(&device, 10, 60)?;
    let (first, last) = (errors[0], errors[errors.len() - 1]);
    println!(
        "squared error of a digit, from 2 numbers: {first:.3} after an epoch, {last:.3} at the end"
    );
    let test = data::load("digits")?.test.map(|test| test.cases.limit(3).to_f32());
    let test = test.unwrap_or_default();
    let x = harmonium::Tensor::from_f32(&device, &[test.len() / 64, 64], &test)?;
    println!("codes of three digits: {:.2?}", whole.encode(&x)?.to_vec()?);
    Ok(())
}
