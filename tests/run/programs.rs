//! What programs ask of the library that the command never does: bad requests are errors, and models of one's own sets work.

use std::path::Path;

use harmonium::data::{
    Cases, DataSet, ImageShape, Part, PictureInput, Sequences, Values, load_sequences,
};
use harmonium::evaluation::scores::{hidden_activity, hidden_activity_of};
use harmonium::evaluation::sequences::Read;
use harmonium::jobs::class_rbm::ClassSampling;
use harmonium::jobs::crf::{CrfJob, CrfSettings, picture_of_readings, write_readings};
use harmonium::jobs::dbn::{self, Dreaming};
use harmonium::jobs::rbm::{EvaluationConfig, Keep, Origin, Watch};
use harmonium::jobs::{
    Choice, Trained, TrainedClassRbm, TrainedCrf, TrainedDbn, TrainedNetwork, TrainedRbm, network,
};
use harmonium::layers::LayerSpec;
use harmonium::models::{
    Clamp, ClassRbm, DbnSpec, Decoding, DeepBeliefNet, Network, NetworkSpec, Rbm, Units, labels,
};
use harmonium::random::{ChainDraw, ChainStreams};
use harmonium::ranks::Ranks;
use harmonium::run::readings::{ReadSequence, readings};
use harmonium::run::{End, Run, pictures, train};
use harmonium::training::{
    BackpropagationConfig, CdConfig, CdTrainer, Learner, ResidentData, Schedule, Treatment,
};
use harmonium::{Device, Error, Tensor};

use super::train::go_on;

fn machine() -> Rbm {
    Rbm::new(&Device::cpu(), Units::bernoulli(4), Units::bernoulli(3), 1).unwrap()
}

/// Six cases of four bits.
fn bits() -> DataSet {
    let values: Vec<f32> = (0..24).map(|k| f32::from(u8::from(k * 7 % 5 < 2))).collect();
    DataSet::new("bits", Cases::new(Values::F32(values), 6, 4).unwrap())
}

#[test]
fn a_set_is_scored_by_a_machine_of_no_known_data() {
    let trained = TrainedRbm::new(machine(), Origin::default());
    let set = bits();
    let config = EvaluationConfig::default();
    let found = trained.evaluate(&Choice::of_set(&set), &config, &mut |_| {}).unwrap();
    assert_eq!((found.cases, found.each_case.cases()), (Some(6), 6));
    assert!(found.mean_log_likelihood.is_some());
    let config = config.chains(10).burn_in(5);
    let seen = trained.diagnose(&Choice::of_set(&set), &config, &mut |_| {}).unwrap();
    assert!(seen.data.is_some());
}

#[test]
fn rows_of_a_table_that_are_all_alike_have_a_class() {
    let device = Device::cpu();
    let mut spec = NetworkSpec::new([1, 1, 3], 2);
    let layers = "[[layers]]\ntype = 'linear'\nunits = 2\n";
    let layers: std::collections::BTreeMap<String, Vec<LayerSpec>> =
        toml::from_str(layers).unwrap();
    spec.layers = layers["layers"].clone();
    let mut net = Network::new(&device, &spec, 3).unwrap();
    let input = PictureInput::unchanged([1, 3]);
    let classes = ["a", "b"].map(String::from).to_vec();
    let file = network::Origin::new(input, classes).file(&mut net).unwrap();
    let trained = TrainedNetwork::from_file(file, &device).unwrap();
    let set = bits();
    let same = PictureInput::unchanged([2, 2]).prepare(&set).unwrap();
    assert_eq!(same.to_f32(), set.cases.to_f32());
    let rows = vec![0.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    let cases = Cases::new(Values::F32(rows), 2, 3).unwrap();
    let found = trained.predict(&cases).unwrap().predicted;
    assert!(found.iter().all(|&class| class < 2), "{found:?}");
}

#[test]
fn what_there_is_not_is_refused() {
    let device = Device::cpu();
    let refused = |error: Error, words: &[&str]| {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    let origin = dbn::Origin {
        classes: ["a", "b", "c"].map(String::from).to_vec(),
        ..dbn::Origin::default()
    };
    let mut labelled = ClassRbm::new(&device, [4, 3], 5, 1).unwrap();
    let file = origin.file(&mut labelled).unwrap();
    let labelled = TrainedClassRbm::from_file(file, &device).unwrap();
    let draw = ChainDraw::new(1, ChainStreams::FREE);
    let watch = Watch::default();
    let sampling = ClassSampling {
        count: 1,
        classes: Some(vec![0, 3]),
        steps: 1,
        draw,
        keep: Keep::Means,
        watch,
    };
    refused(labelled.sample(&sampling).unwrap_err(), &["class: 3", "of the 3"]);

    let mut net = DeepBeliefNet::from_spec(&device, &DbnSpec::new([4, 3, 2]), 1).unwrap();
    let file = dbn::Origin::default().file(&mut net).unwrap();
    let net = TrainedDbn::from_file(file, &device).unwrap();
    let dreaming = Dreaming { keep: Keep::Average, ..Dreaming::pictures(2, 1, 1) };
    refused(net.dream(&dreaming).unwrap_err(), &["keep"]);

    let centred = CdConfig::default().centered(true);
    let error = CdTrainer::new(machine(), centred, &[0.5; 3]).unwrap_err();
    refused(error, &["3 data means for 4 visible units"]);
    let error = CdTrainer::new(machine(), CdConfig::default(), &[0.5; 5]).unwrap_err();
    refused(error, &["5 data means"]);

    let wrong = Clamp::of((Units::bernoulli(0), &device), &[], &[]);
    assert!(wrong.is_err());
    let states = Tensor::from_f32(&device, &[1, 4], &[0.0; 4]).unwrap();
    _ = labels::label(Units::labelled(5, 0), &states);
    assert!(pictures::rows(&[], 1, 4, None, (0.0, 1.0)).is_ok());
}

#[test]
fn a_single_case_may_be_a_vector() {
    let device = Device::cpu();
    let rbm = machine();
    let row = [1.0, 0.0, 1.0, 1.0];
    let [vector, matrix] =
        [&[4][..], &[1, 4]].map(|dims| Tensor::from_f32(&device, dims, &row).unwrap());
    let weighted = hidden_activity_of(&rbm, &vector, Some(&[2.0])).unwrap();
    assert_eq!(weighted, hidden_activity(&rbm, &matrix).unwrap());
    let weights = |v: &Tensor| {
        let config = CdConfig::default().exact_gradient(true);
        let mut trainer = CdTrainer::new(machine(), config, &[]).unwrap();
        trainer.update(v, 1).unwrap();
        trainer.rbm().weights().to_vec().unwrap()
    };
    assert_eq!(weights(&vector), weights(&matrix));
    let numbers = Tensor::from_u32(&device, &[3, 2], &[1, 2, 3, 4, 5, 6]).unwrap();
    assert_eq!(numbers.rows(1..3).unwrap().to_words().unwrap(), [3, 4, 5, 6]);
}

/// A run of a field, small enough for a test.
fn field(root: &Path) -> TrainedCrf {
    let mut settings = CrfSettings::of("words").unwrap();
    (settings.epochs, settings.limit) = (1, Some(60));
    settings.layers = "8".parse().unwrap();
    let mut job = CrfJob::new(settings, &Device::cpu(), &mut go_on).unwrap();
    let mut run = Run::create(&job, Some(&root.join("run")), false).unwrap();
    assert!(matches!(train(&mut job, &mut run, &mut go_on).unwrap(), End::Done(_)));
    let open = Trained::open(&root.join("run"), &Device::cpu(), None).unwrap();
    open.of_kind::<TrainedCrf>().unwrap()
}

#[test]
fn a_field_reads_sequences_of_a_program() {
    let root = tempfile::tempdir().unwrap();
    let field = field(root.path());
    let mut own = load_sequences("words").unwrap().test.unwrap();
    let named = field.evaluate(Some("words"), None, None, Decoding::default()).unwrap();
    // Labels that are counted another way, and are known by their names.
    own.classes.reverse();
    let last = own.classes.len() as u32 - 1;
    own.labels.iter_mut().flatten().for_each(|label| *label = last - *label);
    let own = field.prepared(own).unwrap();
    let alone = Ranks::alone();
    let found = field.evaluate_set(&alone, (own.clone(), Part::Test), Decoding::default()).unwrap();
    assert_eq!(found.evaluation.score, named.evaluation.score);
    assert_eq!(found.found, named.found);

    // What is read is of the sequences that it is shown with, or nothing is shown.
    let (_, shown) = picture_of_readings(&own, &found.found).unwrap();
    assert!(shown > 0);
    assert!(matches!(picture_of_readings(&own, &[]), Err(Error::Data { .. })));
    let mut unlabelled = own.clone();
    unlabelled.labels = Some(vec![]);
    assert!(write_readings(&mut Vec::new(), &unlabelled, &found.found).is_err());
    let short = vec![Read { labels: vec![], log_probability: 0.0, marginals: vec![] }; own.len()];
    assert!(write_readings(&mut Vec::new(), &own, &short).is_err());
    assert!(own.middle(usize::MAX).is_err() && own.middle(1 << 63).is_err());
    let mut none = Sequences::new("none", own.cases.select(&[]).unwrap(), vec![0]).unwrap();
    none.image = Some(ImageShape { height: 8, width: 8 });
    assert!(matches!(field.features(&none, 0, "none"), Err(Error::Setting { .. })));
    let one = ReadSequence {
        positions: vec![vec![0.0]],
        read: vec![],
        truth: None,
        probabilities: vec![],
        probability: 0.5,
    };
    assert!(matches!(readings("t", &[one], (1, 1), (0.0, 1.0)), Err(Error::Shape { .. })));
}

/// A rate that is set on the way counts from the next update on, as that of a schedule does.
#[test]
fn a_learning_rate_is_changed_between_epochs() {
    let trained = |rate: Schedule, later: Option<f32>| {
        let set = bits();
        let mut batches =
            ResidentData::new(&Device::cpu(), &set.cases, Treatment::default()).unwrap();
        let config = CdConfig::default().learning_rate(rate).batch(2);
        let mut trainer = CdTrainer::new(machine(), config, &[]).unwrap();
        trainer.epoch(&mut batches).unwrap();
        if let Some(later) = later {
            trainer.set_learning_rate(later).unwrap();
        }
        trainer.epoch(&mut batches).unwrap();
        trainer.into_rbm().weights().to_vec().unwrap()
    };
    let changed = trained(0.1.into(), Some(0.01));
    assert_ne!(trained(0.1.into(), None), changed);
    assert_ne!(trained(0.01.into(), None), changed);
    assert_eq!(trained(Schedule::Steps(0.1, vec![(1, 0.01)]), None), changed);
    let mut trainer = CdTrainer::new(machine(), CdConfig::default(), &[]).unwrap();
    let error = trainer.set_learning_rate(-1.0).unwrap_err().to_string();
    assert!(error.contains("learning-rate"), "{error}");
    assert_eq!(trainer.config().learning_rate.to_string(), "0.1");
    // Plain numbers are rates.
    assert_eq!(
        BackpropagationConfig::default().learning_rate(0.01).learning_rate.to_string(),
        "0.01"
    );
}

/// Services hold models in an `Arc`, and their threads ask them at once.
#[test]
fn models_and_learners_go_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Rbm>();
    shared::<Network>();
    shared::<DeepBeliefNet>();
    shared::<ClassRbm>();
    shared::<harmonium::models::DeepBoltzmannMachine>();
    shared::<harmonium::models::Autoencoder>();
    shared::<harmonium::models::Crf>();
    shared::<Trained>();
    shared::<Error>();
    fn sent<T: Send>() {}
    sent::<CdTrainer>();
    sent::<harmonium::training::Backpropagation>();
}
