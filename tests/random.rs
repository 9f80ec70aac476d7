//! Random numbers: that no two uses share any.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use harmonium::Device;
use harmonium::models::{Rbm, Units};
use harmonium::random::{ChainDraw, ChainStreams, Draw, PhiloxRng, philox4x32, stream};
use harmonium::training::{CdConfig, CdTrainer};
use rand::Rng;

/// Which files draw from which streams. A purpose with two files says why they never meet.
const USES: &[(&str, &[&str])] = &[
    // A run has pictures or sequences.
    (
        "stream::SHUFFLE",
        &["src/data/streams/order.rs", "src/training/batches.rs", "src/training/sequences.rs"],
    ),
    ("stream::WORDS", &["src/data/words.rs"]),
    // A machine at step 0, the layers of a network from step 1 on.
    (
        "stream::WEIGHTS",
        &[
            "src/layers/build.rs",
            "src/layers/sequential.rs",
            "src/models/autoencoder/mod.rs",
            "src/models/rbm.rs",
        ],
    ),
    ("stream::BINARIZE", &["src/data/preprocessing.rs"]),
    // A run has cases or sequences.
    ("stream::SPLIT", &["src/data/sequences.rs", "src/data/set.rs", "src/data/streams/mod.rs"]),
    ("stream::SCORES", &["src/jobs/rbm/probe.rs"]),
    ("stream::EVALUATION", &["src/jobs/dbn/evaluate.rs", "src/jobs/rbm/scored.rs"]),
    // Shapes alone matter in the pass before training, which nobody keeps.
    (
        "stream::DROPOUT",
        &[
            "src/training/backpropagation.rs",
            "src/training/class_rbm.rs",
            "src/training/minimizer.rs",
        ],
    ),
    ("stream::CORRUPTION", &["src/models/autoencoder/penalties.rs"]),
    ("stream::LEVELS", &["src/training/levels.rs"]),
    ("stream::SALT", &["src/models/autoencoder/penalties.rs"]),
    ("stream::AUGMENT", &["src/training/backpropagation.rs"]),
    // A machine of one kind or the other.
    ("ChainStreams::TRAINING", &["src/training/cd_phases.rs", "src/training/class_rbm.rs"]),
    ("ChainStreams::DEEP_TRAINING", &["src/training/dbm.rs"]),
    // What the library and the command `sample` call free chains.
    (
        "ChainStreams::FREE",
        &[
            "src/cli/class_rbm.rs",
            "src/cli/deep.rs",
            "src/cli/sample.rs",
            "src/models/chains.rs",
            "src/models/dbm/chains.rs",
        ],
    ),
    // The like on a ladder.
    ("ChainStreams::TEMPERING", &["src/cli/sample.rs", "src/models/ladder.rs"]),
    // The report shows the chains of `samples.png` on their way.
    ("ChainStreams::PICTURES", &["src/jobs/dbm/sampling.rs", "src/jobs/rbm/apply.rs"]),
    ("ChainStreams::ANNEALING", &["src/evaluation/ais.rs", "src/evaluation/deep_ais.rs"]),
    ("ChainStreams::REVERSE_ANNEALING", &["src/evaluation/ais.rs", "src/evaluation/deep_ais.rs"]),
    ("ChainStreams::DIAGNOSTICS", &["src/jobs/rbm/diagnostics.rs"]),
    ("ChainStreams::BURN_IN", &["src/jobs/rbm/partition.rs"]),
    ("ChainStreams::TRAJECTORY", &["src/training/ladder.rs"]),
    ("ChainStreams::REFINING", &["src/models/ladder.rs"]),
    ("ChainStreams::CLIMBING", &["src/evaluation/ladder.rs"]),
    (
        "ChainStreams::DREAMS",
        &["src/cli/sample.rs", "src/jobs/dbn/trained.rs", "src/models/dreams.rs"],
    ),
    ("ChainStreams::UP_DOWN", &["src/training/up_down.rs"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

/// Every stream that a file of `src` names in its code. `src/random/` declares them, and the room that compares
/// kernels with the CPU keeps no number.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        if name.starts_with("src/random/") || name.ends_with("/proof.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // A kernel's proof stands at the foot of its file.
        let code = text.split("pub mod proof {").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for room in ["stream::", "ChainStreams::"] {
                for (at, _) in line.match_indices(room) {
                    let rest = &line[at + room.len()..];
                    let stream: String =
                        rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
                    if !stream.is_empty() {
                        found.entry(format!("{room}{stream}")).or_default().insert(name.clone());
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_stream_serves_the_files_that_are_listed() {
    let expected: BTreeMap<String, BTreeSet<String>> = USES
        .iter()
        .map(|(name, files)| (name.to_string(), files.iter().map(|f| f.to_string()).collect()))
        .collect();
    assert_eq!(named(), expected);
    // And each that there is, is in the list.
    let all = stream::ALL.iter().map(|(name, _)| format!("stream::{name}"));
    let chains = ChainStreams::ALL.iter().map(|(name, _)| format!("ChainStreams::{name}"));
    assert_eq!(all.chain(chains).collect::<BTreeSet<_>>(), expected.into_keys().collect());
}

/// The draws of every purpose.
fn purposes() -> Vec<(String, Draw)> {
    let plain = stream::ALL.iter().map(|&(name, number)| (name.into(), Draw::new(1, number)));
    let chains = ChainStreams::ALL.iter().flat_map(|&(name, streams)| {
        let draw = ChainDraw::new(1, streams);
        [("start", draw.start()), ("hidden", draw.hidden()), ("visible", draw.visible())]
            .map(|(what, draw)| (format!("{name} {what}"), draw))
    });
    plain.chain(chains).collect()
}

/// Under one key a number is known by its counter: column block, case, and the two words looked at here. They tell
/// purpose, level and step apart, so that no two purposes, levels or steps share a number, whatever their cases.
#[test]
fn no_two_purposes_levels_or_steps_share_a_counter() {
    let mut seen: BTreeMap<[u32; 2], String> = BTreeMap::new();
    let steps = [0, 1, 2, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, (1 << 40) - 1];
    for (name, draw) in purposes() {
        assert!(draw.stream < 256, "{name}: numbers from 256 on are the caller's");
        for level in [0, 1, 2, 127, 128, 255] {
            for step in steps {
                let what = format!("{name} at level {level}, step {step}");
                let words = draw.at_level(level).at(step).counter_words();
                if let Some(other) = seen.insert(words, what.clone()) {
                    panic!("{what} and {other} share their numbers");
                }
            }
        }
    }
    assert_eq!(seen.len(), (stream::ALL.len() + 3 * ChainStreams::ALL.len()) * 6 * 10);
    // A caller's own streams, below 65,536, meet none of them.
    for own in [256, 901, u16::MAX] {
        for level in [0, 255] {
            for step in steps {
                let words = Draw::new(1, own).at_level(level).at(step).counter_words();
                assert!(!seen.contains_key(&words));
            }
        }
    }
}

#[test]
fn level_0_has_the_bits_of_version_0_1() {
    // [column / 4, case, low word of step, stream | high 16 bits of step << 16].
    let draw = Draw::new(0x1234_5678_9abc, 9).at((3 << 32) | 5).from_case(7);
    assert_eq!(draw.key(), [0x5678_9abc, 0x1234]);
    assert_eq!(draw.block(2, 11), philox4x32([11, 9, 5, 9 | 3 << 16], draw.key()));
    assert_eq!(draw.at_level(0), draw);
    assert_eq!(
        draw.at_level(4).block(2, 11),
        philox4x32([11, 9, 5, 9 | 3 << 16 | 4 << 24], draw.key())
    );
    let training = ChainDraw::new(1, ChainStreams::TRAINING);
    assert_eq!((training.hidden().stream, training.visible().stream), (1, 2));
}

/// A sequential generator stays in the row, step and level of its draw: 2³² blocks of a row are more than any caller
/// takes, and a draw of another case, step, level or stream begins where it never comes.
#[test]
fn a_generator_takes_the_words_of_its_row() {
    let draw = Draw::new(5, 700).at_level(3).at(9).from_case(40);
    let mut rng = PhiloxRng::new(draw);
    for n in 0..10_000 {
        assert_eq!(rng.word(), draw.word(0, n));
    }
    // Whatever way the words are taken.
    let mut rng = PhiloxRng::new(draw);
    rng.permutation(1000);
    rng.next_u64();
    let mut bytes = [0; 10];
    rng.fill_bytes(&mut bytes);
    let next = rng.word();
    let at = (0..4000).find(|&n| draw.word(0, n) == next).expect("a word of the row");
    assert!(at >= 999 + 2 + 3);
    let words = |draw: Draw| (0..1000).map(move |n| draw.word(0, n)).collect::<HashSet<u32>>();
    let own = words(draw);
    for other in [
        draw.from_case(41),
        draw.at(10),
        draw.at_level(4),
        Draw { stream: 701, ..draw },
        Draw { seed: 6, ..draw },
    ] {
        // Of 10⁶ pairs of independent words one in 4,000 runs would have a pair in common.
        assert!(own.is_disjoint(&words(other)), "{other:?}");
    }
}

/// Layers of a stack with one seed have their own weights and chains.
#[test]
fn equally_seeded_levels_share_nothing() {
    let device = Device::cpu();
    let (v, h) = (Units::bernoulli(12), Units::bernoulli(8));
    let weights = |level| {
        let rbm = Rbm::new_at_level(&device, v, h, 1, level).unwrap();
        rbm.weights().to_vec().unwrap()
    };
    assert_eq!(weights(0), Rbm::new(&device, v, h, 1).unwrap().weights().to_vec().unwrap());
    let bits = |w: Vec<f32>| w.into_iter().map(f32::to_bits).collect::<HashSet<_>>();
    assert!(bits(weights(0)).is_disjoint(&bits(weights(1))));
    let trained = |level| {
        let rbm = Rbm::new(&device, v, h, 1).unwrap();
        let config = CdConfig::default().learning_rate(1.0).level(level);
        let mut trainer = CdTrainer::new(rbm, config, &[]).unwrap();
        let data: Vec<f32> = (0..20 * 12).map(|k| (k % 5 % 2) as f32).collect();
        let v0 = harmonium::Tensor::from_f32(&device, &[20, 12], &data).unwrap();
        trainer.update(&v0, 1).unwrap();
        trainer.rbm().weights().to_vec().unwrap()
    };
    assert_eq!(trained(0), trained(0));
    assert_ne!(trained(0), trained(1));
}
