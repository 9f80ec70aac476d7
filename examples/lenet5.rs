//! Trains LeNet-5 as published on the bundled digits, distorted anew in each epoch, and says how it does on the
//! test part: `cargo run --release --example lenet5`. The first argument is the number of epochs.

use harmonium::data::{self, DataSet, PictureInput};
use harmonium::evaluation::classification::score;
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, lenet5};
use harmonium::training::{
    Augmentation, Backpropagation, BackpropagationConfig, Distortion, Learner, ResidentData,
    Schedule, Treatment,
};
use harmonium::{Device, Result};

/// A part of the data on the device: 28×28 pixels, 2 more on each side, values from −0.1 to 1.175.
fn resident(device: &Device, set: DataSet, input: &PictureInput) -> Result<ResidentData> {
    let cases = input.prepare(&set)?;
    let (mean, deviation) = input.spread();
    let width = cases.width();
    let standardize = Some((vec![mean; width], vec![deviation; width]));
    ResidentData::new(device, &cases, Treatment { standardize, resample: None })?
        .with_labels(&set.labels.unwrap_or_default())?
        .with_case_dims(&input.shape()?)
}

fn main() -> Result<()> {
    let epochs = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(30);
    let device = Device::from_env()?;
    println!("training on {}", device.info());
    println!("test error {:.2} %", 100.0 * train(&device, epochs)?);
    Ok(())
}

/// The share of the test digits that are classified wrongly after training.
pub fn train(device: &Device, epochs: u64) -> Result<f64> {
    let input = PictureInput::lenet5();
    let digits = data::load("digits")?;
    let mut train = resident(device, digits.train, &input)?;

    let spec = lenet5::published(OutputSpec::Rbf { j: lenet5::J }, 10);
    let network = Network::new(device, &spec, 1)?;
    assert_eq!(network.trained(), 60_000);
    let distortion = Distortion { shift: 1.0, rotate: 10.0, scale: 0.1, shear: 0.1 };
    let config = BackpropagationConfig::default()
        .epochs(epochs)
        .batch(50)
        .learning_rate(Schedule::Linear(2e-3, 2e-5))
        .augment(Augmentation { distortion, background: input.background, picture: None });
    let mut trainer = Backpropagation::new(network, config)?;
    for _ in 0..epochs {
        let report = trainer.epoch(&mut train)?;
        let figures: Vec<String> = report
            .figures
            .iter()
            .filter_map(|(figure, value)| {
                Some(format!("{} {}", figure.title(), figure.text(value?)))
            })
            .collect();
        println!("epoch {}: {}", report.epoch, figures.join(", "));
    }
    let Some(test) = digits.test else { return Ok(f64::NAN) };
    let mut test = resident(device, test, &input)?;
    Ok(score(trainer.network(), &mut test)?.error)
}
