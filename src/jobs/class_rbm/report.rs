//! The sections of a classification machine's report, from the files of its folder alone.

use super::figures::FIGURES;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::stack::report::MISTAKEN;
use crate::jobs::{Trained, TrainedClassRbm, stack};
use crate::run::html::{self, figure};
use crate::run::report::comparison::Compared;
use crate::run::report::{Section, curves, grouped, panels, percent, picture, scores, write};
use crate::run::{CONFUSION, FILTERS, MISTAKES, Observer, RECONSTRUCTIONS, Record, SAMPLES};

/// How classification machines stand beside other models.
pub static COMPARED: Compared = Compared {
    models: &["class-rbm"],
    figures: &FIGURES,
    sizes: &[("hidden", |r| r.setting("hidden").unwrap_or_default())],
    learner,
    scores: &[("log-likelihood", |r| figure(r.evaluated("mean_log_likelihood")))],
    note: "Wrong is the share of cases that p(y|x) classifies wrongly; it is exact.",
};

fn learner(record: &Record) -> String {
    let objective = record.setting("objective").unwrap_or_default();
    let how = match (record.setting("cd"), record.setting("pcd")) {
        (_, Some(steps)) => format!("{objective}, PCD-{steps}"),
        (Some(steps), None) => format!("{objective}, CD-{steps}"),
        (None, None) => objective,
    };
    let centred = record.setting("centered").is_some_and(|yes| yes == "true");
    if centred { format!("{how}, centred") } else { how }
}

/// Writes the report of a finished run again. The same folder gives the same bytes.
///
/// # Errors
/// Where a diagram or a picture cannot be drawn.
pub fn write_report(record: &Record, _: Option<&str>, _: &mut dyn Observer) -> Result<()> {
    write(record, &sections(record)?)
}

/// All sections.
pub fn sections(record: &Record) -> Result<Vec<Section>> {
    let trained = Trained::open(&record.path, &Device::cpu(), None)?
        .for_command::<TrainedClassRbm>("report")?;
    let panels = panels(&FIGURES, record);
    let shown = |file, section: (&'static str, &str), words, alternative| {
        picture(record, file, Section::new(section.0, section.1, String::new()), words, alternative)
    };
    Ok(vec![
        Section::lead(&one_line(record)),
        scores(record, &FIGURES, &|_| None, evaluated(record)),
        curves(&panels, "", "")?,
        sizes(&trained),
        shown(
            CONFUSION,
            ("confusion", "What is taken for what"),
            "Of the test cases (or held out). Rows are true classes, columns the answers.",
            "Confusion matrix",
        )?,
        shown(MISTAKES, ("mistakes", "Worst mistakes"), MISTAKEN, "Mistakes")?,
        shown(
            SAMPLES,
            ("samples", "Samples of each class"),
            "A row for each class: means after 1,000 Gibbs steps, the label held. A machine that learnt to classify alone \
             draws nothing that looks like its data.",
            "Samples",
        )?,
        shown(
            RECONSTRUCTIONS,
            ("reconstructions", "Reconstructions"),
            "Cases of the test part (or held out), below each what comes back through the hidden units.",
            "Reconstructions",
        )?,
        shown(
            FILTERS,
            ("filters", "Filters"),
            "Each tile is a hidden unit's weights: grey is 0, white positive, black negative, all on one scale.",
            "Weights",
        )?,
    ])
}

/// What the machine is made of.
fn sizes(trained: &TrainedClassRbm) -> Section {
    let machine = &trained.machine;
    let [values, classes] = [machine.features(), machine.classes()];
    let hidden = machine.joint().hidden_count();
    let row = |what: &str, units: usize, parameters: usize| {
        vec![what.to_string(), grouped(units), grouped(parameters)]
    };
    let rows = [
        row("values of a case", values, values * hidden + values),
        row("classes", classes, classes * hidden + classes),
        row("hidden units", hidden, hidden),
        row("total", values + classes + hidden, (values + classes) * (hidden + 1) + hidden),
    ];
    let table = html::table("layers", &["layer", "units", "weights and biases"], &rows);
    Section::new("sizes", "The machine", table)
}

fn one_line(record: &Record) -> String {
    let keys = [("test_error", "test"), ("validation_error", "validation")];
    let found = keys.into_iter().find(|(key, _)| record.figure(key).is_some());
    let score = found
        .map_or(String::new(), |(key, of)| format!(": {of} error {}", percent(record.figure(key))));
    let few = record.setting("labelled").map_or(String::new(), |n| format!(", {n} labels"));
    let hidden = record.setting("hidden").unwrap_or_default();
    let (by, seconds) = (learner(record), figure(record.figure("seconds")));
    format!("Classification machine of {hidden} hidden units, {by}{few}, in {seconds} s{score}.")
}

/// What `eval` found.
fn evaluated(record: &Record) -> Vec<Vec<String>> {
    let of = |key: &str| record.evaluated(key);
    let says = "Found by <code>harmonium eval</code>.";
    let error = of("error").map(|error| ("evaluated: error", percent(Some(error))));
    let numbers = [
        ("loss", "evaluated: −ln p of the class, nats"),
        ("mean_free_energy", "evaluated: free energy, nats"),
        ("log_partition", "evaluated: log Z"),
        ("mean_log_likelihood", "evaluated: ln p(x), nats"),
        ("mean_joint_log_likelihood", "evaluated: ln p(x, y), nats"),
    ];
    let error = error.map(|(name, value)| vec![name.into(), value, says.into()]);
    error.into_iter().chain(stack::report::evaluated(record, &numbers)).collect()
}
