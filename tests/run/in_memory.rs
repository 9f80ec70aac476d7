//! Trainings on sets that a program has in memory.

use std::fs;
use std::path::Path;

use harmonium::data::{
    Cases, DataSet, ImageShape, SequenceSplits, Splits, Values, load, load_sequences,
};
use harmonium::jobs::autoencoder::{AutoencoderJob, AutoencoderSettings};
use harmonium::jobs::class_rbm::{ClassRbmJob, ClassRbmSettings};
use harmonium::jobs::crf::{CrfJob, CrfSettings};
use harmonium::jobs::dbm::{DbmJob, DbmSettings};
use harmonium::jobs::dbn::{DbnJob, DbnSettings};
use harmonium::jobs::network::{NetworkJob, NetworkKind, NetworkSettings};
use harmonium::jobs::rbm::{RbmJob, RbmSettings};
use harmonium::jobs::{Choice, Data, Layers, Trained, Validation};
use harmonium::run::{End, Job, ModelFile, Run, train};
use harmonium::{Device, Error, Result};

use super::train::{go_on, in_one_and_in_two, metrics};

/// Trains; the run's folder.
fn run<J: Job>(job: Result<J>, root: &Path, name: &str) -> std::path::PathBuf {
    let (mut job, folder) = (job.unwrap(), root.join(name));
    let mut run = Run::create(&job, Some(&folder), false).unwrap();
    assert!(matches!(train(&mut job, &mut run, &mut go_on).unwrap(), End::Done(_)));
    folder
}

/// That what is learnt from `there` is what is learnt from a source of the same cases, and that the reports show both.
fn alike<J: Job>(job: impl Fn(bool) -> Result<J>) {
    let root = tempfile::tempdir().unwrap();
    let [named, there] = [("named", false), ("there", true)]
        .map(|(name, in_memory)| run(job(in_memory), root.path(), name));
    assert_eq!(metrics(&named), metrics(&there));
    let tensors = |run: &Path| {
        let file = ModelFile::load(run.join("model.safetensors"));
        file.unwrap().tensors
    };
    assert!(tensors(&named) == tensors(&there));
    let report = |run: &Path| fs::read_to_string(run.join("report.html")).unwrap();
    let pictures = |run: &Path| report(run).matches("<img").count();
    assert!(report(&there).contains("memory:"));
    assert_eq!(pictures(&named), pictures(&there));
}

fn digits() -> Splits {
    load("digits").unwrap()
}

/// The bundled digits, by their name or in memory.
fn data(in_memory: bool) -> Data {
    if in_memory { digits().into() } else { "digits".into() }
}

/// A short training. Some defaults go by the name of the bundled data, so that these settings begin with it.
macro_rules! short {
    ($settings:expr, $data:expr) => {{
        let mut settings = $settings.unwrap();
        (settings.epochs, settings.batch, settings.limit) = (2, 20, Some(100));
        settings.data = $data;
        settings
    }};
}

#[test]
fn sets_in_memory_are_learnt_as_files_are() {
    let device = &Device::cpu();
    alike(|there| RbmJob::new(short!(RbmSettings::of("digits"), data(there)), device, &mut go_on));
    alike(|there| {
        ClassRbmJob::new(short!(ClassRbmSettings::of("digits"), data(there)), device, &mut go_on)
    });
    alike(|there| {
        let settings = NetworkSettings::of(NetworkKind::Lenet5Modern, "digits");
        NetworkJob::new(short!(settings, data(there)), device, &mut go_on)
    });
    let layers = || "12,6".parse::<Layers>().unwrap();
    alike(|there| {
        let mut settings = short!(DbnSettings::of("digits"), data(there));
        (settings.layers, settings.pretrain_epochs, settings.pretrain_batch) = (layers(), 1, 20);
        DbnJob::new(settings, device, &mut go_on)
    });
    alike(|there| {
        let mut settings = short!(AutoencoderSettings::of("digits"), data(there));
        (settings.layers, settings.pretrain_epochs, settings.pretrain_batch) = (layers(), 1, 20);
        settings.pretrain_learning_rate = Some("0.01".parse().unwrap());
        AutoencoderJob::new(settings, device, &mut go_on)
    });
    alike(|there| {
        let mut settings = short!(DbmSettings::of("digits"), data(there));
        settings.layers = layers();
        settings.learning_rate = Some("0.01".parse().unwrap());
        DbmJob::new(settings, device, &mut go_on)
    });
    alike(|there| {
        let words = || load_sequences("words").unwrap();
        let data = if there { Data::from(words()) } else { "words".into() };
        let mut settings = short!(CrfSettings::of("words"), data);
        settings.layers = "12".parse().unwrap();
        CrfJob::new(settings, device, &mut go_on)
    });
}

/// A program that goes on says what it had in memory again.
#[test]
fn a_run_goes_on_with_the_same_sets_and_with_no_others() {
    let given = Data::from(digits());
    let mut settings = short!(RbmSettings::of("digits"), given.clone());
    (settings.hidden, settings.epochs) = (8, 4);
    let make = |mut settings: RbmSettings| {
        settings.data = given.clone();
        RbmJob::new(settings, &Device::cpu(), &mut go_on).unwrap()
    };
    in_one_and_in_two(make, settings.clone(), 13);

    // Without them there is nothing to learn from, and the name says why.
    settings.data = given.name().into();
    let error = RbmJob::new(settings, &Device::cpu(), &mut go_on).unwrap_err().to_string();
    assert!(error.contains("in the memory of the program") && error.contains("--data"), "{error}");
    let error = load_sequences("memory:words").unwrap_err().to_string();
    assert!(error.contains("in the memory of the program"), "{error}");
}

#[test]
fn a_model_of_what_was_in_memory_is_opened_and_scored() {
    let root = tempfile::tempdir().unwrap();
    let device = &Device::cpu();
    let settings = short!(ClassRbmSettings::of("digits"), data(true));
    let run = run(ClassRbmJob::new(settings, device, &mut go_on), root.path(), "run");
    let Trained::ClassRbm(machine) = Trained::open(&run, device, None).unwrap() else {
        panic!("it is no classification machine")
    };
    let test = digits().test.unwrap();
    let of_set = machine.cases(&Choice::of_set(&test)).unwrap().cases;
    assert_eq!(of_set, machine.cases(&Choice::of("digits")).unwrap().cases);
    let error = machine.cases(&Choice::default()).unwrap_err().to_string();
    assert!(error.contains("name a file of such cases (--data)"), "{error}");
}

/// Four cases of four values.
fn four() -> DataSet {
    let values =
        vec![0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.5, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    DataSet::new("four", Cases::new(Values::F32(values), 4, 4).unwrap())
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let refused = |data: Data, change: &dyn Fn(&mut ClassRbmSettings), words: &[&str]| {
        let mut settings = ClassRbmSettings::of(data).unwrap();
        settings.validation = Validation::None;
        change(&mut settings);
        let error = ClassRbmJob::new(settings, &Device::cpu(), &mut go_on).unwrap_err();
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        error
    };
    let as_it_is = |_: &mut ClassRbmSettings| {};
    let named = |labels: Vec<u32>| {
        let mut set = four();
        (set.labels, set.classes) = (Some(labels), vec!["a".into(), "b".into()]);
        set
    };
    refused(named(vec![0, 1]).into(), &as_it_is, &["four", "2 labels", "4 cases"]);
    refused(named(vec![0, 1, 2, 0]).into(), &as_it_is, &["label 2 is 2", "2 classes"]);
    let image = ImageShape { height: 2, width: 3 };
    refused(named(vec![0, 1, 1, 0]).image(image).into(), &as_it_is, &["2×3", "4 values"]);
    let mut columns = named(vec![0, 1, 1, 0]);
    columns.columns = vec!["x".into()];
    refused(columns.into(), &as_it_is, &["1 columns", "4 values"]);

    let mut test = named(vec![0, 1, 1, 0]);
    test.classes.reverse();
    let pair = |test| Data::from(Splits { train: named(vec![0, 1, 1, 0]), test: Some(test) });
    refused(pair(test), &as_it_is, &["its classes are not those of four"]);
    let wide = DataSet::new("wide", Cases::new(Values::F32(vec![0.0; 10]), 2, 5).unwrap());
    refused(pair(wide), &as_it_is, &["wide", "5 values", "four has 4"]);

    let sound = || Data::from(named(vec![0, 1, 1, 0]));
    let error = refused(sound(), &|s| s.scale = Some(2.0), &["in memory", "its scale already"]);
    assert!(matches!(error, Error::Setting { .. }));
    refused(sound(), &|s| s.stream = true, &["stream", "in memory already"]);
    refused(sound(), &|s| s.labels = Some("none".into()), &["has no labels"]);

    // Classes without names have their numbers for names.
    let mut settings = ClassRbmSettings::of(four().labelled(vec![0, 2, 1, 0], vec![]).unwrap());
    let settings = settings.as_mut().unwrap();
    (settings.validation, settings.hidden) = (Validation::None, 2);
    let job = ClassRbmJob::new(settings.clone(), &Device::cpu(), &mut go_on).unwrap();
    assert_eq!(job.machine().classes(), 3);

    // Those of both parts, up to the largest of either; a label for none would be billions.
    let unnamed = |labels: Vec<u32>| four().labelled(labels, vec![]).unwrap();
    let parts = |test| Splits { train: unnamed(vec![0, 2, 1, 0]), test: Some(test) };
    let mut settings = ClassRbmSettings::of(parts(unnamed(vec![0, 1, 1, 3]))).unwrap();
    (settings.validation, settings.hidden) = (Validation::None, 2);
    let job = ClassRbmJob::new(settings, &Device::cpu(), &mut go_on).unwrap();
    assert_eq!(job.machine().classes(), 4);
    refused(unnamed(vec![0, 1, 1, u32::MAX]).into(), &as_it_is, &["4294967295 is too large"]);

    // Of sequences too.
    let words = || load_sequences("words").unwrap();
    let mut turned = words();
    turned.test.as_mut().unwrap().classes.reverse();
    let settings = CrfSettings::of(turned).unwrap();
    let error = CrfJob::new(settings, &Device::cpu(), &mut go_on).unwrap_err().to_string();
    assert!(error.contains("its classes are not those of"), "{error}");
    let mut unnamed = words();
    unnamed.train.classes.clear();
    unnamed.test.as_mut().unwrap().classes.clear();
    let settings = CrfSettings::of(unnamed).unwrap();
    assert!(CrfJob::new(settings, &Device::cpu(), &mut go_on).is_ok());

    let mut words = words();
    words.train.starts[1] = 0;
    let broken = SequenceSplits { train: words.train, test: None };
    let settings = CrfSettings::of(broken).unwrap();
    let error = CrfJob::new(settings, &Device::cpu(), &mut go_on).unwrap_err().to_string();
    assert!(error.contains("must rise from 0"), "{error}");
}
