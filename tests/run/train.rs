//! The loop, driven by a program: stopped and gone on, over several stages.

use std::fs;
use std::path::Path;

use harmonium::data::{self, Cases, Values};
use harmonium::jobs::crf::CrfSettings;
use harmonium::jobs::network::{NetworkKind, NetworkSettings};
use harmonium::jobs::rbm::{RbmJob, RbmSettings};
use harmonium::models::{Rbm, Units};
use harmonium::run::report::Section;
use harmonium::run::{
    About, End, Event, Facts, Finish, Flow, Found, Job, Keep, ModelFile, Observer, Record, Run,
    RunRecord, Stage, train,
};
use harmonium::training::{
    Better, CdConfig, CdTrainer, Figure, Figures, LEARNING_RATE, Learner, MOMENTUM, ResidentData,
    Treatment,
};
use harmonium::{Device, Result};

/// Stops at this update, counted from 1.
fn stopping(at: u64) -> impl FnMut(Event<'_>) -> Flow {
    let mut updates = 0;
    move |event| match event {
        Event::Update(_) => {
            updates += 1;
            if updates == at { Flow::Stop } else { Flow::GoOn }
        }
        _ => Flow::GoOn,
    }
}

pub fn go_on(_: Event<'_>) -> Flow {
    Flow::GoOn
}

/// The metrics without what a clock says.
pub fn metrics(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let mut lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in lines.iter_mut().filter_map(|line| line.as_object_mut()) {
        line.remove("seconds");
        line.remove("cases_per_second");
    }
    lines
}

fn same(left: &Path, right: &Path) {
    assert_eq!(metrics(left), metrics(right));
    let model = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert!(model(left) == model(right), "the models differ");
}

/// Runs a job to its end in one go, and in another folder stopped after `at` updates and taken up again.
pub fn in_one_and_in_two<J: Job>(make: impl Fn(J::Settings) -> J, settings: J::Settings, at: u64)
where
    J::Settings: Clone,
{
    let root = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| root.path().join(name));
    let mut job = make(settings.clone());
    let mut run = Run::create(&job, Some(&whole), false).unwrap();
    assert!(matches!(train(&mut job, &mut run, &mut go_on).unwrap(), End::Done(_)));

    let mut job = make(settings);
    let kind = job.about().kind;
    let mut run = Run::create(&job, Some(&broken), false).unwrap();
    let end = train(&mut job, &mut run, &mut stopping(at)).unwrap();
    assert!(matches!(end, End::Stopped));
    drop(run);
    let found = Run::find::<J::Settings>(&broken, kind, Vec::new(), &mut go_on).unwrap();
    let Found::Unfinished(settings, older) = found else { panic!("nothing to go on with") };
    let mut job = make(settings);
    let mut run = older.take_up(&job, &mut go_on).unwrap();
    assert!(matches!(train(&mut job, &mut run, &mut go_on).unwrap(), End::Done(_)));
    drop(run);
    same(&whole, &broken);
    let found = Run::find::<J::Settings>(&broken, kind, Vec::new(), &mut go_on).unwrap();
    assert!(matches!(found, Found::Finished(_)));
}

fn few(epochs: u64) -> RbmSettings {
    let mut settings = RbmSettings::of("digits").unwrap();
    (settings.hidden, settings.limit, settings.batch) = (8, Some(100), 20);
    settings.epochs = epochs;
    settings
}

#[test]
fn a_program_stops_a_run_and_goes_on() {
    let make = |settings| RbmJob::new(settings, &Device::cpu(), &mut go_on).unwrap();
    in_one_and_in_two(make, few(4), 13);
}

#[test]
fn a_wish_to_stop_is_heeded_whatever_event_it_answers() {
    for (at, epochs) in [("scored", 2), ("epoch", 1), ("note", 0)] {
        let root = tempfile::tempdir().unwrap();
        let (mut scored, mut updates) = (0, 0);
        let mut observer = |event: Event<'_>| {
            let now = match event {
                Event::Scored(_) => {
                    scored += 1;
                    at == "scored" && scored == epochs
                }
                Event::Epoch(epoch) => at == "epoch" && epoch == epochs + 1,
                Event::Stage { .. } => at == "note",
                Event::Update(_) => {
                    updates += 1;
                    false
                }
                _ => false,
            };
            if now { Flow::Stop } else { Flow::GoOn }
        };
        let mut job = RbmJob::new(few(4), &Device::cpu(), &mut go_on).unwrap();
        let mut run = Run::create(&job, Some(root.path()), false).unwrap();
        assert!(matches!(train(&mut job, &mut run, &mut observer).unwrap(), End::Stopped));
        // One update of five after it was said.
        assert_eq!((scored, updates), (epochs, 5 * epochs + 1), "{at}");
    }
}

#[test]
fn settings_that_could_not_be_read_back_begin_no_run() {
    let root = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut RbmSettings), word: &str| {
        let mut settings = few(1);
        change(&mut settings);
        let made = RbmJob::new(settings, &Device::cpu(), &mut go_on);
        let begun = made.and_then(|job| Run::create(&job, Some(&root.path().join("run")), false));
        let text = begun.expect_err("it began").to_string();
        assert!(text.contains(word), "{word}: {text}");
        assert!(!root.path().join("run").exists());
    };
    assert_eq!(CrfSettings::of("words").unwrap().model, "crf");
    let network = NetworkSettings::of(NetworkKind::Lenet5, "digits").unwrap();
    assert_eq!((network.model.name(), network.data.name()), ("lenet5", "digits"));
    assert!(NetworkSettings::of(NetworkKind::Cnn, "digits").is_err());
    refused(&|s| s.epochs = 0, "epochs");
    refused(&|s| s.score_every = Some(0), "score-every");
    refused(&|s| (s.cd, s.pcd) = (Some(1), Some(1)), "exclude each other");
    refused(&|s| s.model = "lenet5".into(), "lenet5");
}

#[test]
fn every_stage_is_stopped_and_gone_on_with() {
    // Stage 1 has 15 updates, stage 2 has 10 more.
    for at in [1, 7, 15, 16, 21] {
        in_one_and_in_two(Stack::new, few(3), at);
    }
}

#[test]
fn an_observer_sees_everything_in_order() {
    let root = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let mut watching = |event: Event<'_>| {
        seen.push(match event {
            Event::Note(_) => "note".to_string(),
            Event::Warning(_) => "warning".into(),
            Event::Stage { stage, done, cases } => format!("{} {done} {cases}", stage.name),
            Event::Epoch(epoch) => format!("epoch {epoch}"),
            Event::Update(cases) => format!("{cases}"),
            Event::Scored(figures) => format!("scored {}", figures.get("weight").is_some()),
            Event::Over => "over".into(),
        });
        Flow::GoOn
    };
    let mut settings = few(1);
    settings.batch = 60;
    let mut job = Stack::new(settings);
    let mut run = Run::create(&job, Some(root.path()), false).unwrap();
    train(&mut job, &mut run, &mut watching).unwrap();
    let expected = "lower 0 100,epoch 1,60,40,scored true,upper 0 100,epoch 1,60,40,scored true,epoch 2,60,40,scored true,over";
    assert_eq!(seen.join(","), expected);
    // Lines are counted over both stages, which they name.
    let lines = metrics(root.path());
    let told: Vec<(u64, &str)> = lines
        .iter()
        .map(|l| (l["epoch"].as_u64().unwrap(), l["stage"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(1, "lower"), (2, "upper"), (3, "upper")]);
    let summary = fs::read_to_string(root.path().join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((&summary["epochs"], &summary["updates"]), (&3.into(), &6.into()));
}

/// A stack of two machines: the second learns from the first one's hidden means, two epochs for each epoch of the first.
struct Stack {
    settings: RbmSettings,
    cases: Cases,
    device: Device,
    record: RunRecord,
    stage: Option<(CdTrainer, ResidentData)>,
}

static WEIGHT: Figure = Figure {
    key: "weight",
    name: "largest weight",
    better: Better::Neither,
    says: "The largest weight.",
    ..Figure::NEW
};
static FIGURES: [&Figure; 3] = [&LEARNING_RATE, &MOMENTUM, &WEIGHT];

impl Stack {
    fn new(settings: RbmSettings) -> Self {
        let device = Device::cpu();
        let cases = data::load(settings.data.name()).unwrap().train.cases.limit(100);
        let record = RunRecord::new(&device, [Some((&cases, &[])), None]);
        Stack { settings, cases, device, record, stage: None }
    }

    fn rbm(&self) -> &Rbm {
        self.stage.as_ref().unwrap().0.rbm()
    }
}

impl Job for Stack {
    type Settings = RbmSettings;

    fn about(&self) -> About<'_, RbmSettings> {
        About {
            kind: "rbm",
            settings: &self.settings,
            data: self.settings.data.name(),
            record: &self.record,
            device: &self.device,
            figures: &FIGURES,
        }
    }

    fn stages(&self) -> usize {
        2
    }

    fn begin(&mut self, stage: usize) -> Result<Stage> {
        let epochs = self.settings.epochs;
        let (cases, hidden, epochs) = match (stage, self.stage.take()) {
            (0, _) => (self.cases.clone(), 6, epochs),
            (_, lower) => {
                let lower = lower.unwrap().0.into_rbm();
                let all = ResidentData::new(&self.device, &self.cases, Treatment::default())?;
                let h = lower.mean_h_from_v(&all.head(100)?)?.to_vec()?;
                (Cases::new(Values::F32(h), 100, 6)?, 3, 2 * epochs)
            }
        };
        let visible = Units::bernoulli(cases.width());
        let level = stage as u8;
        let rbm = Rbm::new_at_level(&self.device, visible, Units::bernoulli(hidden), 1, level)?;
        let config = CdConfig::default().epochs(epochs).batch(self.settings.batch).level(level);
        let source = ResidentData::new(&self.device, &cases, Treatment::default())?;
        self.stage = Some((CdTrainer::new(rbm, config, &cases.means())?, source));
        let name = ["lower", "upper"][stage].to_string();
        Ok(Stage { name, epochs, keep: Keep::Last })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn harmonium::training::BatchSource)> {
        let (trainer, source) = self.stage.as_mut().unwrap();
        Ok((trainer, source))
    }

    fn score(&mut self, _: u64, _: bool) -> Result<Figures> {
        let w = self.rbm().weights().to_vec()?;
        let largest = w.iter().fold(0.0, |m: f64, w| m.max(f64::from(w.abs())));
        Ok(Figures::new().with(&WEIGHT, largest))
    }

    fn facts(&self) -> Facts {
        Facts { title: "stack".into(), numbers: Vec::new() }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        ModelFile::of(self.stage.as_mut().unwrap().0.model())?.save(path)
    }

    fn finish(&mut self, _: &mut Finish<'_>) -> Result<Figures> {
        Ok(Figures::new())
    }

    fn report(&mut self, _: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        Ok(vec![Section::lead("A stack.")])
    }
}
