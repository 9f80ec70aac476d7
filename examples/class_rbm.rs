//! A classification machine by the library alone: digits of which few have a label, learnt with the others and without.

use harmonium::data::{DataSet, Part, Preprocessing, load};
use harmonium::evaluation::classification::Predictions;
use harmonium::models::ClassRbm;
use harmonium::training::{
    BatchSource, ClassConfig, ClassObjective, ClassTrainer, FewLabels, Learner, ResidentData,
    Schedule,
};
use harmonium::{Device, Error, Result, Tensor};

fn resident(device: &Device, part: &DataSet) -> Result<ResidentData> {
    let cases = part.cases.clone();
    let plain = ResidentData::prepare(device, cases, &Preprocessing::default(), 1, Part::Train)?;
    plain.with_labels(part.labels.as_deref().unwrap_or_default())
}

/// Trains a machine on `labelled` cases, and on ln p(x) of `others` where there are some.
pub fn train(
    device: &Device,
    labelled: &DataSet,
    others: Option<&DataSet>,
    epochs: u64,
) -> Result<ClassRbm> {
    let mut machine = ClassRbm::new(device, [64, 10], 100, 1)?;
    machine.set_bias_from_means(&others.unwrap_or(labelled).cases.means())?;
    let config = ClassConfig::default()
        .objective(ClassObjective::Hybrid(0.1))
        .learning_rate(Schedule::Linear(0.1, 0.01))
        .unlabelled(others.is_some())
        .epochs(epochs);
    let batch = config.batch;
    let mut trainer = ClassTrainer::new(machine, config)?;
    let mut source: Box<dyn BatchSource> = match others {
        None => Box::new(resident(device, labelled)?),
        Some(others) => {
            Box::new(FewLabels::new(resident(device, labelled)?, resident(device, others)?, batch)?)
        }
    };
    for _ in 0..epochs {
        trainer.epoch(source.as_mut())?;
    }
    Ok(trainer.into_machine())
}

/// The share of cases whose most probable class is not theirs.
pub fn error(machine: &ClassRbm, part: &DataSet) -> Result<f64> {
    let x = Tensor::from_f32(machine.device(), &[part.cases.len(), 64], &part.cases.to_f32())?;
    let energies = machine.joint().class_free_energies(&x)?.to_vec()?;
    let labels = part.labels.as_deref().ok_or(Error::data("digits", "no labels"))?;
    Ok(Predictions::of_energies(&energies, 10, Some(labels))?.score(labels)?.error)
}

fn main() -> Result<()> {
    let device = Device::auto();
    let digits = load("digits")?;
    let test = digits.test.unwrap_or(digits.train.clone());
    let few = digits.train.select(&digits.train.balanced(50, 1)?, "fifty")?;
    let alone = error(&train(&device, &few, None, 800)?, &test)?;
    let with = error(&train(&device, &few, Some(&digits.train), 40)?, &test)?;
    println!(
        "50 labels alone: {:.1} % wrong; with 1,500 digits beside: {:.1} %",
        100.0 * alone,
        100.0 * with
    );
    Ok(())
}
