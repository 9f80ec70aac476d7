//! Deep belief nets in stages: stopped in any of them they go on to the same bits, begin with what others trained, and
//! train where random weights do not.

use std::collections::BTreeMap;
use std::fs;

use harmonium::data;
use harmonium::jobs::Trained;
use harmonium::jobs::dbn::{DbnJob, DbnSettings};
use harmonium::models::labels::{join, one_hot};
use harmonium::models::{DbnSpec, DeepBeliefNet, Dropout};
use harmonium::run::settings::resolve;
use harmonium::run::{DBN, End, ModelFile, Run, train};
use harmonium::training::{BatchSource, LevelSource, ResidentData, Treatment};
use harmonium::{Device, Tensor};

use super::train::{go_on, in_one_and_in_two};

fn settings(text: &str) -> DbnSettings {
    resolve(vec![text.parse().unwrap()]).unwrap()
}

fn make(settings: DbnSettings) -> DbnJob {
    DbnJob::new(settings, &Device::cpu(), &mut go_on).unwrap()
}

/// Of every kind of stage. 80 cases are 4 updates an epoch: a level has 8 updates, a whole 12.
#[test]
fn a_run_that_stops_in_any_stage_goes_on_to_the_same_bits() {
    let plain = "data = \"digits\"\nlayers = \"9,7,6\"\nlimit = 100\nbatch = 20\npretrain_batch = 20\n\
                 pretrain_epochs = 2\nepochs = 3\nvalidation = 0.2\n";
    for (more, at) in [
        ("", 3),
        ("level_data = \"means\"", 13),
        ("pretrain_pcd = 1", 22),
        ("pretrain_centered = true\njoin_labels = true", 14),
        ("dropout = 0.2\ninput_dropout = 0.1", 30),
        ("compare_random = true\noptimizer = \"sgd\"", 5),
        ("compare_random = true\nfreeze = 1", 15),
        ("labelled = 50\ncompare_random = true", 37),
        ("join_labels = true", 21),
        ("join_labels = true\nlabelled = 50", 18),
        ("join_labels = true\nup_down = true", 31),
        ("up_down = true\nbinarize = \"resample\"", 28),
        ("no_classifier = true", 23),
        ("optimizer = \"cg\"", 33),
        ("optimizer = \"lbfgs\"", 30),
    ] {
        in_one_and_in_two(make, settings(&format!("{plain}{more}")), at);
    }
    let wide = plain.replace("9,7,6", "9,70");
    let wide = format!("{wide}pretrain_transposed = true\njoin_labels = true\n");
    in_one_and_in_two(make, settings(&wide), 12);
}

/// The course's point. Eight layers of sigmoid units learn nothing to speak of from random weights: more than half of
/// their own training cases stay wrong. The same layers, trained one by one first, get nearly all of them right.
#[test]
fn eight_layers_train_after_greedy_pretraining_and_not_without() {
    let root = tempfile::tempdir().unwrap();
    let mut job = make(settings(
        "data = \"digits\"\nlayers = \"80,80,80,80,80,80,80,80\"\nlimit = 500\nbatch = 20\npretrain_batch = 20\n\
         pretrain_epochs = 40\nepochs = 40\nlearning_rate = \"0.002..0.0001\"\nvalidation = 0\n\
         compare_random = true\nlevel_data = \"samples\"",
    ));
    let mut run = Run::create(&job, Some(&root.path().join("run")), false).unwrap();
    assert!(matches!(train(&mut job, &mut run, &mut go_on).unwrap(), End::Done(_)));
    let text = fs::read_to_string(root.path().join("run/metrics.jsonl")).unwrap();
    let mut last = BTreeMap::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(error) = line["train_error"].as_f64() {
            last.insert(line["stage"].as_str().unwrap().to_string(), error);
        }
    }
    assert!(last["from random weights"] > 0.5, "{last:?}");
    assert!(last["whole"] < 0.05, "{last:?}");
    assert!(root.path().join("run/pretraining.svg").is_file());
}

/// The classifier's hidden layers give what the net's levels give, until it is trained.
#[test]
fn a_classifier_begins_as_the_net_that_it_was() {
    let check = |device: &Device| {
        let spec = DbnSpec::new([6, 5, 4]);
        let mut net = DeepBeliefNet::from_spec(device, &spec, 3).unwrap();
        net = DeepBeliefNet::new(
            net.into_levels()
                .into_iter()
                .map(|mut rbm| {
                    let a: Vec<f32> =
                        (0..rbm.hidden_count()).map(|j| 0.3 - 0.2 * j as f32).collect();
                    rbm.set_hidden_bias(Tensor::from_f32(device, &[a.len()], &a).unwrap()).unwrap();
                    let w: Vec<f32> =
                        rbm.weights().to_vec().unwrap().iter().map(|w| 90.0 * w).collect();
                    let dims = [rbm.visible_count(), rbm.hidden_count()];
                    rbm.set_weights(Tensor::from_f32(device, &dims, &w).unwrap()).unwrap();
                    rbm
                })
                .collect(),
        )
        .unwrap();
        let dropped = Dropout { input: 0.2, hidden: 0.5 };
        let network = net.classifier(&spec.classifier([1, 2, 3], 3, dropped), 1).unwrap();
        let v = Tensor::from_f32(
            device,
            &[2, 6],
            &[1., 0., 1., 1., 0., 0., 0.2, 0.9, 0., 1., 0.5, 0.4],
        );
        let v = v.unwrap();
        let x = v.try_clone().unwrap().reshape(&[2, 1, 2, 3]).unwrap();
        // Softmax of the last layer's scores, made by hand of the net's means.
        let h = net.up_means(&v, 2).unwrap().to_vec().unwrap();
        let parameters: Vec<Vec<f32>> =
            network.layers().parameters().map(|p| p.value.to_vec().unwrap()).collect();
        let [.., w, b] = &parameters[..] else { panic!("no layers") };
        let scores = network.scores(&x).unwrap().to_vec().unwrap();
        for (case, h) in h.chunks(4).enumerate() {
            for class in 0..3 {
                let expected: f32 =
                    b[class] + h.iter().enumerate().map(|(j, h)| h * w[3 * j + class]).sum::<f32>();
                let found = scores[3 * case + class];
                assert!((found - expected).abs() < 1e-5, "{found} {expected} {}", device.info());
            }
        }
        let labelled = DbnSpec::new([6, 5]).classes(3);
        let net = DeepBeliefNet::from_spec(device, &labelled, 1).unwrap();
        let refused = net.classifier(&labelled.classifier([1, 2, 3], 3, dropped), 1);
        assert!(refused.err().unwrap().to_string().contains("joined to the top"));
    };
    check(&Device::cpu());
    crate::support::gpus().iter().for_each(check);
}

/// What a level with labels reads: features, then a one where the class is.
#[test]
fn labels_are_joined_to_what_levels_give() {
    let digits = data::load("digits").unwrap().train.limit(30);
    let labels = digits.labels.clone().unwrap();
    let check = |device: &Device| {
        let resident = ResidentData::new(device, &digits.cases, Treatment::default()).unwrap();
        let resident = resident.with_labels(&labels).unwrap();
        let mut source = LevelSource::new(resident, None);
        source.join(10);
        assert_eq!(source.width(), 74);
        source.start_epoch(1, 0).unwrap();
        let batch = source.next_batch(12).unwrap().unwrap();
        let (rows, classes) = (batch.cases.to_vec().unwrap(), batch.labelled().unwrap());
        let classes = classes.to_vec().unwrap();
        for (row, class) in rows.chunks(74).zip(&classes) {
            let label: Vec<f32> =
                (0..10).map(|k| if k as f32 == *class { 1.0 } else { 0.0 }).collect();
            assert_eq!(row[64..], label);
        }
        let features: Vec<f32> = rows.chunks(74).flat_map(|row| row[..64].to_vec()).collect();
        let features = Tensor::from_f32(device, &[12, 64], &features).unwrap();
        let label = one_hot(&Tensor::from_f32(device, &[12], &classes).unwrap(), 10).unwrap();
        assert_eq!(join(&features, &label).unwrap().to_vec().unwrap(), rows);
    };
    check(&Device::cpu());
    crate::support::gpus().iter().for_each(check);
}

/// Levels from another run stay what they were; frozen layers do too.
#[test]
fn a_run_begins_with_what_another_trained() {
    let root = tempfile::tempdir().unwrap();
    let device = Device::cpu();
    let plain = "data = \"digits\"\nlimit = 60\nbatch = 20\npretrain_batch = 20\npretrain_epochs = 2\nepochs = 2\n";
    let run = |name: &str, more: &str| {
        let mut job = make(settings(&format!("{plain}{more}")));
        let path = root.path().join(name);
        let mut run = Run::create(&job, Some(&path), false).unwrap();
        assert!(matches!(train(&mut job, &mut run, &mut go_on).unwrap(), End::Done(_)));
        path
    };
    let first = run("first", "layers = \"9,7\"");
    let from = format!("from = {:?}\n", first.to_str().unwrap());
    let longer = run("longer", &format!("{from}layers = \"9,7,5\"\nfreeze = 2"));
    let [before, after] = [&first, &longer].map(|run| ModelFile::load(run.join(DBN)).unwrap());
    for name in ["level1.W", "level1.a", "level1.b", "level2.W", "level2.a", "level2.b"] {
        assert_eq!(before.tensors[name], after.tensors[name], "{name}");
    }
    let Trained::Network(network) = Trained::open(&longer, &device, None).unwrap() else {
        panic!("no network")
    };
    let parameters: Vec<Vec<f32>> =
        network.network.layers().parameters().map(|p| p.value.to_vec().unwrap()).collect();
    assert_eq!(parameters[0], after.tensors["level1.W"].values);
    assert_eq!(parameters[3], after.tensors["level2.a"].values);
    assert_ne!(parameters[4], after.tensors["level3.W"].values);
    // A shorter one takes what it needs.
    let shorter = run("shorter", &format!("{from}layers = \"9\""));
    let short = ModelFile::load(shorter.join(DBN)).unwrap();
    assert_eq!(short.tensors["level1.W"], before.tensors["level1.W"]);
    let refused = |more: &str| {
        let settings = settings(&format!("{plain}{from}{more}"));
        DbnJob::new(settings, &device, &mut go_on).err().unwrap().to_string()
    };
    let wrong = refused("layers = \"9,8\"");
    assert!(wrong.contains("its level 2 is 9-7, sigmoid, and that asked for is 9-8"), "{wrong}");
    let wrong = refused("layers = \"9,7\"\nno_classifier = true");
    assert!(wrong.contains("nothing is left to train"), "{wrong}");
    let wrong = refused("layers = \"9\"\nvisible = \"gaussian\"");
    assert!(wrong.contains("its visible units are bernoulli"), "{wrong}");
}
