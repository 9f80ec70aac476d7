//! The settings of `train class-rbm`.

use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::Data;
use crate::jobs::settings::{
    ARRAY, BinarizeHow, DATA, DEVICE, LABELS, LIMIT, MACHINE_DECAY, MACHINE_RATE, MEMORY, Memory,
    PCD, REPRODUCIBLE, SCALE, SEED, STREAM, VALIDATION, Validation, WEIGHTS, flag, of_data, text,
    whole, word,
};
use crate::jobs::stack::Request;
use crate::jobs::stack::settings::DROPOUT;
use crate::models::UnitKind;
use crate::run::settings::{Default, LastStage, Setting, Settings, setting_values, settings};
use crate::training::{ClassConfig, ClassObjective, Schedule, ranges};

setting_values!(ClassObjective);

settings! {
    /// The settings of a classification machine's training.
    pub struct ClassRbmSettings {
        model: String = Setting { default: Default::Is("class-rbm"), ..Setting::NEW };
        data: Data = DATA;
        labels: Option<String> = LABELS;
        array: Option<String> = ARRAY;
        scale: Option<f32> = SCALE;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String> = WEIGHTS;
        objective: ClassObjective = Setting {
            value: "WHAT",
            help: "generative (ln p(x, y), by contrastive divergence), discriminative (ln p(y|x), exactly), or hybrid:ALPHA: \
                   ln p(y|x) + ALPHA ln p(x, y)",
            default: Default::Is("hybrid:0.01"),
            ..Setting::NEW
        };
        hidden: usize = Setting {
            value: "N",
            help: "Hidden units",
            range: Some(Interval::COUNT),
            default: Default::By("500; bundled digits 200", |t| {
                whole(if text(t, "data") == "digits" { 200 } else { 500 })
            }),
            ..Setting::NEW
        };
        labelled: Option<usize> = Setting {
            value: "N",
            help: "Use the labels of N training cases only, as many of each class, those held out among them; of all others \
                   ALPHA (generative: 1) times ln p(x) is increased, and discriminative learning passes them over",
            range: Some(Interval::COUNT),
            default: Default::None("all"),
            ..Setting::NEW
        };
        cd: Option<u64> = Setting {
            value: "K",
            help: "CD-K: the generative part's model term after K Gibbs steps from the data",
            default: Default::If("1", |t| !t.contains_key("pcd") && text(t, "objective") != "discriminative"),
            range: Some(ranges::STEPS),
            group: "model's term",
            ..Setting::NEW
        };
        pcd: Option<u64> = PCD;
        centered: bool = flag("Centre the states of both layers in the gradient");
        epochs: u64 = Setting {
            value: "N",
            help: "Passes over the training cases (with --labelled over those without a label)",
            default: Default::By("30; bundled digits 100", |t| {
                whole(if text(t, "data") == "digits" { 100 } else { 30 })
            }),
            range: Some(Interval::COUNT),
            grows: true,
            ..Setting::NEW
        };
        batch: usize = Setting {
            value: "N",
            help: "Cases per update; with --labelled half of them have labels, where there are so many",
            range: Some(ranges::BATCH),
            default: Default::Is("100"),
            ..Setting::NEW
        };
        learning_rate: Schedule = Setting {
            default: Default::By("0.05..0.005; generative 0.05..0.001; bundled digits 0.3..0.03, generative 0.1..0.005", |t| {
                let digits = text(t, "data") == "digits";
                word(match (text(t, "objective") == "generative", digits) {
                    (true, true) => "0.1..0.005",
                    (true, false) => "0.05..0.001",
                    (false, true) => "0.3..0.03",
                    (false, false) => "0.05..0.005",
                })
            }),
            ..MACHINE_RATE
        };
        momentum: Schedule = Setting {
            value: "X",
            help: "A number or a schedule",
            range: Some(ranges::MEMORY),
            default: Default::Is("0.9"),
            ..Setting::NEW
        };
        weight_decay: f32 = Setting { default: Default::Is("0"), ..MACHINE_DECAY };
        #[serde(default, skip_serializing_if = "is_zero")]
        sparsity: f32 = Setting {
            value: "X",
            help: "Draw hidden biases down by this beside their gradient, so that units are seldom on (sparse machines of \
                   Larochelle and Bengio 2008): try 0.0002; 0.002 was too much on MNIST",
            range: Some(ranges::COST),
            default: Default::Is("0"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "is_zero")]
        input_dropout: f32 = Setting {
            help: "Share of the input's values that are dropped in each update; the others count so much more",
            default: Default::Is("0"),
            ..DROPOUT
        };
        binarize: BinarizeHow = Setting {
            value: "HOW",
            help: "Make bits of values in [0, 1]: a threshold in (0, 1], sample (drawn once), resample (drawn in each \
                   epoch), none: train on the values as probabilities",
            default: Default::Is("none"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stream: bool = STREAM;
        #[serde(default, skip_serializing_if = "Memory::is_default")]
        memory: Memory = MEMORY;
        limit: Option<usize> = LIMIT;
        validation: Validation = Setting {
            help: "Hold out this fraction (below 1) or number of training cases with labels; the machine that is best on \
                   them is kept; 0 holds out none and keeps the last",
            ..VALIDATION
        };
        patience: u64 = Setting {
            value: "N",
            help: "Stop once so many epochs brought no better machine on the cases held out; 0 never stops",
            default: Default::Is("0"),
            ..Setting::NEW
        };
        seed: u64 = Setting { help: "Of weights, order, states and noise", ..SEED };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reproducible: bool = REPRODUCIBLE;
        device: String = DEVICE;
    }
}

/// Runs from before such a setting lack it.
fn is_zero(x: &f32) -> bool {
    *x == 0.0
}

of_data!(ClassRbmSettings);

impl Settings for ClassRbmSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        let refuse = |setting: &str, detail: &str| Err(Error::setting(setting, detail));
        if self.patience > 0 && self.validation == Validation::None {
            let detail = "stops by the error on cases held out, and --validation 0 holds out none";
            return refuse("patience", detail);
        }
        let given = [("cd", self.cd.is_some()), ("pcd", self.pcd.is_some())];
        if let Some((setting, _)) = given.iter().find(|(_, given)| *given)
            && self.objective == ClassObjective::Discriminative
        {
            let detail =
                "is about the generative part, and discriminative learning has none; leave it out";
            return refuse(setting, detail);
        }
        if self.weights.is_some() && self.learns_unlabelled() {
            let detail = "are of all cases, and with --labelled the few that have labels come round more often than the \
                          others; leave one of both out";
            return refuse("weights", detail);
        }
        if self.learns_unlabelled() && self.batch < 2 {
            return refuse(
                "batch",
                "1, and with --labelled a batch has cases with labels and others; use 2 at least",
            );
        }
        self.training().check()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn reproducible(&self) -> bool {
        self.reproducible
    }

    fn last_stage(&self) -> LastStage {
        LastStage::of(self.epochs, Some(self.learning_rate.clone()))
    }
}

impl ClassRbmSettings {
    /// What it asks of its data.
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            data: &self.data,
            reading: self.reading(),
            weights: self.weights.as_deref(),
            visible: Some(UnitKind::Bernoulli),
            binarize: self.binarize.0,
            stream: self.stream,
            memory: self.memory,
            limit: self.limit,
            validation: self.validation,
            labelled: self.labelled,
            with_labels: true,
            seed: self.seed,
            what: "classification machine",
            without_labels: None,
        }
    }

    /// Whether cases without a label are learnt from.
    pub fn learns_unlabelled(&self) -> bool {
        self.labelled.is_some() && self.objective != ClassObjective::Discriminative
    }

    /// How the machine is trained.
    pub fn training(&self) -> ClassConfig {
        ClassConfig::default()
            .objective(self.objective)
            .learning_rate(self.learning_rate.clone())
            .momentum(self.momentum.clone())
            .weight_decay(self.weight_decay)
            .sparsity(self.sparsity)
            .input_dropout(self.input_dropout)
            .batch(self.batch)
            .epochs(self.epochs)
            .steps(self.cd.or(self.pcd).unwrap_or(1))
            .persistent(self.pcd.is_some())
            .centered(self.centered)
            .unlabelled(self.learns_unlabelled())
            .seed(self.seed)
    }
}
