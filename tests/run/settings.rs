//! Settings: layers, groups, what a checkpoint records.

use std::fs;

use harmonium::jobs::network::NetworkSettings;
use harmonium::jobs::rbm::RbmSettings;
use harmonium::models::UnitKind;
use harmonium::run::settings::{
    Default, Settings, check_same, first_changed, read_file, recorded, resolve,
};
use harmonium::training::CdConfig;
use toml::Table;

fn layer(text: &str) -> Table {
    text.parse().unwrap()
}

fn settings(layers: &[&str]) -> RbmSettings {
    resolve(layers.iter().map(|text| layer(text)).collect()).unwrap()
}

fn refused(layers: &[&str]) -> String {
    resolve::<RbmSettings>(layers.iter().map(|text| layer(text)).collect()).unwrap_err().to_string()
}

/// Each setting has a value, a name that is its option's, and a help that says what it is.
#[test]
fn every_declaration_is_whole() {
    declarations_are_whole(&settings(&[]));
    let lenet5 = vec![layer("model = \"lenet5\"")];
    declarations_are_whole(&resolve::<NetworkSettings>(lenet5).unwrap());
}

fn declarations_are_whole<S: Settings>(settings: &S) {
    let filled = harmonium::run::settings::table(settings).unwrap();
    for setting in S::declared() {
        assert!(!setting.name.is_empty() && setting.name != "run", "{}", setting.name);
        if !["model", "network", "input"].contains(&setting.name) {
            assert!(setting.help.len() > 5 && !setting.value.is_empty(), "{}", setting.name);
        }
        if let Default::Is(word) | Default::If(word, _) = setting.default {
            let value = (setting.parse)(word).expect(setting.name);
            setting.check(&value).expect(setting.name);
        }
        for other in [setting.requires].iter().filter(|name| !name.is_empty()) {
            assert!(S::declared().iter().any(|s| s.name == *other), "{other}");
        }
        // What has a default is recorded in its canonical form.
        if let Some(value) = filled.get(setting.name) {
            assert_eq!((setting.canonical)(value.clone()).as_ref(), Ok(value), "{}", setting.name);
        }
    }
}

/// The command trains as the library does where neither is told how.
#[test]
fn the_commands_defaults_are_the_librarys() {
    let bernoulli = settings(&["data = \"x.npy\""]).training();
    assert_eq!(bernoulli, CdConfig::default());
    let gaussian = settings(&["data = \"x.npy\"\nvisible = \"gaussian\""]).training();
    assert_eq!(gaussian, CdConfig::new(UnitKind::Gaussian, UnitKind::Bernoulli));
}

#[test]
fn later_layers_go_before_earlier_ones_and_groups_replace_each_other() {
    let s = settings(&["hidden = 5\npcd = 3", "hidden = 7"]);
    assert_eq!((s.hidden, s.cd, s.pcd), (7, None, Some(3)));
    let s = settings(&["exact_gradient = true\nhidden = 4", "cd = 5"]);
    assert_eq!((s.cd, s.exact_gradient), (Some(5), false));
    let s = settings(&["cd = 5\nhidden = 4", "exact_gradient = true"]);
    assert_eq!((s.cd, s.pcd, s.exact_gradient), (None, None, true));
    let s = settings(&["pcd = 5", "exact_gradient = false"]);
    assert_eq!((s.cd, s.pcd, s.exact_gradient), (None, Some(5), false));
    for both in
        ["cd = 1\npcd = 1", "cd = 1\nexact_gradient = true", "pcd = 2\nexact_gradient = true"]
    {
        assert!(refused(&[both]).contains("exclude each other"), "{both}");
        assert!(refused(&["hidden = 3", both]).contains("exclude each other"), "{both}");
    }
}

#[test]
fn a_setting_that_a_checkpoint_does_not_know_had_its_default() {
    let now = settings(&["hidden = 5"]);
    let whole: Table = recorded(&now).unwrap().parse().unwrap();
    for name in ["batch", "momentum", "score_every", "seed", "validation"] {
        let mut older = whole.clone();
        older.remove(name);
        let told = first_changed(&older.to_string(), &now, &Table::new()).unwrap();
        assert_eq!(told, None, "{name}");
        let mut changed = now.clone();
        match name {
            "batch" => changed.batch = 50,
            "momentum" => changed.momentum = "0.7".parse().unwrap(),
            "score_every" => changed.score_every = Some(2),
            "seed" => changed.seed = 9,
            _ => changed.validation = "5".parse().unwrap(),
        }
        let told = first_changed(&older.to_string(), &changed, &Table::new()).unwrap();
        assert_eq!(told, Some(name));
    }
    // Epochs may grow.
    let mut longer = now.clone();
    longer.epochs += 1;
    assert_eq!(first_changed(&recorded(&now).unwrap(), &longer, &Table::new()).unwrap(), None);
}

/// The fingerprints of 0.1 in its run folders: of the settings as they are, and of none else.
#[test]
fn fingerprints_of_0_1_are_read() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1");
    let checkpoint = |run: &str| {
        let path = root.join(run).join("checkpoint-a.safetensors");
        harmonium::run::Checkpoint::load(&path).unwrap().settings
    };
    for run in ["rbm", "gaussian"] {
        let file = read_file::<RbmSettings>(&root.join(run).join("config.toml"), "rbm").unwrap();
        let same: RbmSettings = resolve(vec![file.settings.clone()]).unwrap();
        let stored = checkpoint(run);
        assert_eq!(stored.len(), 8);
        assert_eq!(first_changed(&stored, &same, &file.settings).unwrap(), None, "{run}");
        let mut other = same.clone();
        other.hidden += 1;
        assert!(first_changed(&stored, &other, &file.settings).unwrap().is_some(), "{run}");
    }
    use harmonium::jobs::network::NetworkSettings;
    let path = root.join("cnn/config.toml");
    let file = read_file::<NetworkSettings>(&path, "cnn").unwrap();
    let same: NetworkSettings = resolve(vec![file.settings.clone()]).unwrap();
    assert_eq!(first_changed(&checkpoint("cnn"), &same, &file.settings).unwrap(), None);
    let mut other = same.clone();
    other.patience += 1;
    assert!(first_changed(&checkpoint("cnn"), &other, &file.settings).unwrap().is_some());
}

#[test]
fn settings_of_another_model_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    fs::write(&path, "model = \"cnn\"\nhidden = 3\n").unwrap();
    let error = read_file::<RbmSettings>(&path, "rbm").unwrap_err().to_string();
    assert!(
        error.contains("of cnn, not of rbm; they go with the command that trains cnn"),
        "{error}"
    );
}

#[test]
fn what_may_not_change_is_named_with_both_values() {
    let (before, mut now) = (settings(&["hidden = 5"]), settings(&["hidden = 5\nepochs = 300"]));
    check_same("run".as_ref(), &before, &now, &[]).unwrap();
    now.hidden = 6;
    let error = check_same("run".as_ref(), &before, &now, &[]).unwrap_err().to_string();
    assert!(error.contains("--hidden: 6 is asked for") && error.contains("has 5"), "{error}");
    let error = check_same("run".as_ref(), &now, &before, &[]).unwrap_err().to_string();
    assert!(error.contains("epochs may only grow"), "{error}");
}
