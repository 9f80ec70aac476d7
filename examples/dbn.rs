//! A deep belief net by the library alone: two machines, one on the other; dreams, and a classifier that begins with
//! them.

use harmonium::evaluation::classification::score;
use harmonium::kernels::activation::Activation;
use harmonium::models::{DbnSpec, DeepBeliefNet, Dropout, Network, Rbm, Units};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, CdConfig, CdTrainer, Learner, LevelSource, LowerLevel,
    ResidentData, Treatment,
};
use harmonium::{Device, Result, data};

/// Values of a digit, and the units of two hidden layers.
const SIZES: [usize; 3] = [64, 100, 60];

fn resident(device: &Device, set: &data::DataSet) -> Result<ResidentData> {
    ResidentData::new(device, &set.cases, Treatment::default())?
        .with_labels(set.labels.as_deref().unwrap_or_default())
}

/// Trains level by level: each machine learns from states of the units below, drawn anew in each epoch.
pub fn stack(device: &Device, epochs: u64) -> Result<DeepBeliefNet> {
    let digits = data::load("digits")?.train;
    let mut source = LevelSource::new(resident(device, &digits)?, Some(1));
    let mut machines = Vec::new();
    for (level, pair) in SIZES.windows(2).enumerate() {
        let [visible, hidden] = [pair[0], pair[1]].map(Units::bernoulli);
        let rbm = Rbm::new_at_level(device, visible, hidden, 1, level as u8)?;
        let config = CdConfig::default().batch(50).level(level as u8);
        let mut trainer = CdTrainer::new(rbm, config, &vec![0.5; pair[0]])?;
        for _ in 0..epochs {
            trainer.epoch(&mut source)?;
        }
        let rbm = trainer.into_rbm();
        let (weights, bias) = (rbm.weights().try_clone()?, rbm.hidden_bias().try_clone()?);
        source.push(LowerLevel::new(weights, bias, Activation::Sigmoid)?)?;
        machines.push(rbm);
    }
    DeepBeliefNet::new(machines)
}

/// The same layers with softmax over ten classes on top, trained by backpropagation.
pub fn classifier(device: &Device, net: &DeepBeliefNet, epochs: u64) -> Result<Network> {
    let spec = DbnSpec::new(SIZES).classifier([1, 8, 8], 10, Dropout::default());
    let mut train = resident(device, &data::load("digits")?.train)?.with_case_dims(&[1, 8, 8])?;
    let config = BackpropagationConfig::default();
    let mut trainer = Backpropagation::new(net.classifier(&spec, 1)?, config)?;
    for _ in 0..epochs {
        trainer.epoch(&mut train)?;
    }
    Ok(trainer.into_network())
}

/// The share of the test cases that a network gets wrong.
pub fn error(device: &Device, network: &Network) -> Result<f64> {
    let digits = data::load("digits")?;
    let test = digits.test.unwrap_or(digits.train);
    Ok(score(network, &mut resident(device, &test)?.with_case_dims(&[1, 8, 8])?)?.error)
}

fn main() -> Result<()> {
    let device = Device::auto();
    let net = stack(&device, 40)?;
    let mut dreams = net.dreams(3, 1)?;
    dreams.step(500)?;
    println!("three dreams, {:?} values", dreams.means()?.shape().dims());
    let network = classifier(&device, &net, 30)?;
    println!("wrong in test: {:.1} %", 100.0 * error(&device, &network)?);
    Ok(())
}
