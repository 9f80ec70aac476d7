//! What a model cannot learn from is refused before the first update: labels that are no class of it, values that its units
//! cannot have.

use harmonium::data::{Cases, Sequences, Values};
use harmonium::evaluation::classification;
use harmonium::kernels::activation::Activation;
use harmonium::layers::LayerSpec;
use harmonium::models::network::{NetworkSpec, OutputSpec};
use harmonium::models::{
    Autoencoder, AutoencoderSpec, ClassRbm, Crf, CrfSpec, DbmSpec, DeepBoltzmannMachine, Network,
    Rbm, UnitKind, Units,
};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, BatchSource, CdConfig, CdTrainer, ClassConfig,
    ClassTrainer, DbmConfig, DbmTrainer, FewLabels, Learner, LevelSource, Minimizer,
    MinimizerConfig, ResidentData, ResidentSequences, Treatment,
};
use harmonium::{Device, Result};

const CASES: usize = 6;
const WIDTH: usize = 4;

fn cases(values: &[f32]) -> Cases {
    let all = values.iter().copied().cycle().take(CASES * WIDTH).collect();
    Cases::new(Values::F32(all), CASES, WIDTH).unwrap()
}

fn source(values: &[f32]) -> ResidentData {
    ResidentData::new(&Device::cpu(), &cases(values), Treatment::default()).unwrap()
}

fn labelled(largest: u32) -> ResidentData {
    source(&[0.0, 0.5, 1.0]).with_labels(&[0, 1, 2, largest, 1, 0]).unwrap()
}

/// An epoch goes well with the first source; with the second it is refused in these words, and leaves the learner as it was.
fn refuses<L: Learner>(mut learner: L, [good, bad]: [&mut dyn BatchSource; 2], words: &[&str]) {
    let report = learner.epoch(good).unwrap();
    assert!(format!("{report:?}").len() < 500, "{report:?}");
    let text = learner.epoch(bad).unwrap_err().to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{word}: {text}"));
    let report = learner.epoch(good).unwrap();
    assert!(report.figures.iter().all(|(_, value)| value.is_none_or(f64::is_finite)));
}

fn network() -> Network {
    let spec = NetworkSpec::new([1, 2, 2], 3)
        .output(OutputSpec::Softmax)
        .layer(LayerSpec::linear(3, Activation::Identity));
    Network::new(&Device::cpu(), &spec, 1).unwrap()
}

#[test]
fn labels_that_are_no_class() {
    let words = ["class 3", "the classes 0 to 2", "labels count from 0"];
    let pictures = |largest| labelled(largest).with_case_dims(&[1, 2, 2]).unwrap();
    let config = BackpropagationConfig::default().batch(3);
    let trainer = Backpropagation::new(network(), config).unwrap();
    refuses(trainer, [&mut pictures(2), &mut pictures(3)], &words);
    let trainer = Minimizer::new(network(), MinimizerConfig::default()).unwrap();
    refuses(trainer, [&mut pictures(2), &mut pictures(3)], &words);
    let machine = ClassRbm::new(&Device::cpu(), [WIDTH, 3], 2, 1).unwrap();
    let trainer = ClassTrainer::new(machine, ClassConfig::default()).unwrap();
    refuses(trainer, [&mut labelled(2), &mut labelled(3)], &words);
    // Few labels among many cases, and labels joined to a level.
    let few = |largest| FewLabels::new(labelled(largest), source(&[0.5]), 4).unwrap();
    let machine = ClassRbm::new(&Device::cpu(), [WIDTH, 3], 2, 1).unwrap();
    let trainer = ClassTrainer::new(machine, ClassConfig::default().batch(4)).unwrap();
    refuses(trainer, [&mut few(2), &mut few(3)], &words);
    let joined = |largest| {
        let mut source = LevelSource::new(labelled(largest), None);
        source.join(3);
        source
    };
    let rbm = Rbm::new(&Device::cpu(), Units::labelled(WIDTH, 3), Units::bernoulli(2), 1).unwrap();
    let trainer = CdTrainer::new(rbm, CdConfig::default(), &[]).unwrap();
    refuses(trainer, [&mut joined(2), &mut joined(3)], &words);
    let text = classification::score(&network(), &mut pictures(3)).unwrap_err().to_string();
    assert!(text.contains("class 3"), "{text}");
}

#[test]
fn labels_of_sequences_that_are_no_class() {
    let source = |largest| {
        let mut sequences = Sequences::new("made", cases(&[0.5, 0.25]), vec![0, 2, 6]).unwrap();
        sequences.labels = Some(vec![0, 1, 2, largest, 1, 0]);
        ResidentSequences::new(&Device::cpu(), &sequences, &[WIDTH], 2).unwrap()
    };
    let crf = || Crf::new(&Device::cpu(), &CrfSpec::linear(WIDTH, 3), 1).unwrap();
    let trainer = Backpropagation::new(crf(), BackpropagationConfig::default()).unwrap();
    refuses(trainer, [&mut source(2), &mut source(3)], &["class 3", "the classes 0 to 2"]);
}

#[test]
fn values_that_units_cannot_have() {
    let greys = [0.0, 127.5, 255.0];
    let machine = |kind| {
        let rbm =
            Rbm::new(&Device::cpu(), Units::new(kind, WIDTH).unwrap(), Units::bernoulli(2), 1);
        let config = CdConfig::new(kind, UnitKind::Bernoulli).learning_rate(0.001);
        CdTrainer::new(rbm.unwrap(), config, &[]).unwrap()
    };
    let words = ["run from 0 to 255", "bernoulli units take those in [0, 1]", "scale them"];
    refuses(machine(UnitKind::Bernoulli), [&mut source(&[0.0, 1.0]), &mut source(&greys)], &words);
    let words = ["from -1.5 to 1", "spin units take those in [-1, 1]"];
    refuses(
        machine(UnitKind::Spin),
        [&mut source(&[-1.0, 1.0]), &mut source(&[-1.5, 1.0])],
        &words,
    );
    machine(UnitKind::Gaussian).epoch(&mut source(&[-3.0, 5.0])).unwrap();
    let dbm = DeepBoltzmannMachine::from_spec(&Device::cpu(), &DbmSpec::new([WIDTH, 3, 2]), 1);
    let trainer = DbmTrainer::new(dbm.unwrap(), DbmConfig::default(), &[0.5; WIDTH]).unwrap();
    refuses(trainer, [&mut source(&[0.0, 1.0]), &mut source(&greys)], &["in [0, 1]"]);
    let autoencoder =
        Autoencoder::new(&Device::cpu(), &AutoencoderSpec::new(WIDTH, &[2]), 1).unwrap();
    let trainer = Backpropagation::new(autoencoder, BackpropagationConfig::default()).unwrap();
    refuses(trainer, [&mut source(&[0.0, 1.0]), &mut source(&greys)], &["cross-entropy", "[0, 1]"]);
}

#[test]
fn values_that_are_drawn_are_probabilities() -> Result<()> {
    let drawn = Treatment { resample: Some(1), ..Treatment::default() };
    ResidentData::new(&Device::cpu(), &cases(&[0.0, 1.0]), drawn.clone())?;
    let error = ResidentData::new(&Device::cpu(), &cases(&[0.0, 2.0]), drawn).unwrap_err();
    assert!(error.to_string().contains("[0, 1]"), "{error}");
    Ok(())
}
