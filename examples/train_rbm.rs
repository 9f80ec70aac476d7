//! Trains a restricted Boltzmann machine on the bundled 8×8 digits and prints how well it reconstructs digits
//! that it has not seen.
//!
//! ```text
//! cargo run --release --example train_rbm
//! ```

use harmonium::data;
use harmonium::evaluation::scores::reconstruction_error;
use harmonium::models::{Rbm, Units};
use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Treatment};
use harmonium::{Device, Result, Tensor};

fn main() -> Result<()> {
    // A hardware GPU where there is one, else the CPU; HARMONIUM_DEVICE=vulkan chooses by hand.
    let device = Device::from_env()?;
    println!("training on {}", device.info());
    for (epoch, error) in train(&device, 10)?.iter().enumerate() {
        println!("epoch {epoch:2}: squared error per test digit {error:.3}");
    }
    Ok(())
}

/// The error on the test digits before training and after each epoch.
pub fn train(device: &Device, epochs: u64) -> Result<Vec<f64>> {
    let splits = data::load("digits")?;
    let train = splits.train.cases;
    let test = splits.test.map_or_else(|| train.clone(), |test| test.cases);
    let test = Tensor::from_f32(device, &[test.len(), test.width()], &test.to_f32())?;

    // 64 visible units, one for each pixel, and 100 hidden ones. Visible biases that match the mean
    // brightness of each pixel let the weights learn the rest.
    let mut rbm = Rbm::new(device, Units::bernoulli(train.width()), Units::bernoulli(100), 1)?;
    rbm.set_visible_bias_from_means(&train.means())?;

    // The data stay on the device; a kernel picks each minibatch there.
    let mut batches = ResidentData::new(device, &train, Treatment::default())?;
    // 1,500 digits are few: small batches make more updates of them.
    let config = CdConfig::default().epochs(epochs).batch(20);
    let mut trainer = CdTrainer::new(rbm, config, &train.means())?;

    let mut errors = vec![reconstruction_error(trainer.rbm(), &test)?];
    for _ in 0..epochs {
        trainer.epoch(&mut batches)?;
        errors.push(reconstruction_error(trainer.rbm(), &test)?);
    }
    Ok(errors)
}
