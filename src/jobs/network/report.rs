//! The sections of a classifier's report, from the files of its folder alone.

use serde_json::{Map, Value};

use super::figures::{FIGURES, TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::data::PictureInput;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::{Trained, TrainedNetwork};
use crate::layers::LayerSpec;
use crate::models::network::OutputSpec;
use crate::models::{Network, NetworkSpec};
use crate::run::html::{self, escape, figure};
use crate::run::report::comparison::Compared;
use crate::run::report::{
    Section, count as plural, curves, grouped, is_distorted, panels, percent, picture,
    scores as score_table, text_of, write,
};
use crate::run::{CONFUSION, FILTERS, MISTAKES, Observer, Record};
use crate::training::{Figure, TRAIN_ERROR, TRAIN_LOSS};

/// How classifiers stand beside other models.
pub static COMPARED: Compared = Compared {
    models: &["lenet5", "lenet5-modern", "cnn"],
    figures: &FIGURES,
    sizes: &[("parameters", |r| {
        r.figure("parameters").map_or("–".into(), |n| format!("{n:.0}"))
    })],
    learner,
    scores: &[],
    note: "Parameters are those that are trained; wrong is the share of cases that the network of the epoch that was \
           kept classifies wrongly; the loss is the mean per case, comparable only for the same output units.",
};

/// The learner in short: `Adam`, `SGD 0.9, Nesterov`.
fn learner(record: &Record) -> String {
    match (record.setting("optimizer").as_deref(), record.setting("momentum")) {
        (Some("adam"), _) => "Adam".into(),
        (Some("sgd"), Some(momentum)) => match record.setting("nesterov").as_deref() {
            Some("true") => format!("SGD {momentum}, Nesterov"),
            _ => format!("SGD {momentum}"),
        },
        (optimizer, _) => optimizer.unwrap_or("–").into(),
    }
}

/// Writes the report of a finished run again. The same folder gives the same bytes.
///
/// # Errors
/// What opening the model gives; where a diagram or a picture cannot be drawn.
pub fn write_report(record: &Record, _: Option<&str>, _: &mut dyn Observer) -> Result<()> {
    write(record, &sections(record)?)
}

/// All sections.
pub fn sections(record: &Record) -> Result<Vec<Section>> {
    let trained = Trained::open(&record.path, &Device::cpu(), None)?
        .for_command::<TrainedNetwork>("report")?;
    let (network, spec) = (&trained.network, trained.network.spec());
    let panels = panels(&FIGURES, record);
    let mut sections = vec![
        Section::lead(&one_line(record, spec.output)),
        scores(record, spec),
        curves(&panels, "", "")?,
        layers(network, &trained.origin.input),
    ];
    sections.extend(pictures(record, spec)?);
    Ok(sections)
}

fn whole(record: &Record, key: &str) -> String {
    record.figure(key).map_or("?".into(), |n| grouped(n as usize))
}

fn is_true(record: &Record, key: &str) -> bool {
    record.summary.get(key).and_then(Value::as_bool) == Some(true)
}

/// The epoch whose parameters were kept, where it is not the last.
fn kept_epoch(record: &Record) -> Option<String> {
    let (best, last) = (record.figure("best_epoch")?, record.figure("epochs")?);
    (best < last).then(|| best.to_string())
}

fn one_line(record: &Record, output: OutputSpec) -> String {
    let model = match text_of(&record.summary, "model") {
        "lenet5" if output == OutputSpec::Softmax => "LeNet-5, published layers and softmax,",
        "lenet5" => "LeNet-5 as published",
        "lenet5-modern" => "LeNet-5 in today's form",
        "cnn" => "Convolutional network",
        other => other,
    };
    let epochs = plural(whole(record, "epochs"), "epoch");
    let (error, of) = [("test_error", "test error"), ("validation_error", "validation error")]
        .into_iter()
        .find(|(key, _)| record.figure(key).is_some())
        .unwrap_or(("train_error", "training error"));
    let mut line = format!(
        "{model} with {} parameters, {epochs}{} in {} s: {of} {}.",
        whole(record, "parameters"),
        if is_true(record, "stopped_early") { " (stopped early)" } else { "" },
        figure(record.figure("seconds")),
        percent(record.figure(error))
    );
    if let Some(epoch) = kept_epoch(record) {
        line += &format!(" Kept is the network of epoch {epoch}, the best on the cases held out.");
    }
    line
}

/// The loss, in words.
fn loss_words(output: OutputSpec) -> String {
    match output {
        OutputSpec::Softmax => "−ln p of the case's own class, in nats".into(),
        OutputSpec::Rbf { j } => format!(
            "y of the case's own class + ln(exp(−{j}) + Σ exp(−y)), y the squared distance from a class's bitmap"
        ),
    }
}

fn scores(record: &Record, spec: &NetworkSpec) -> Section {
    let cases = record.figure("test_cases").map_or("the test cases".into(), |n| {
        format!("the {} cases of the data's test part", grouped(n as usize))
    });
    // What the loss is, is said with the first of them.
    let losses = [&TRAIN_LOSS, &VALIDATION_LOSS, &TEST_LOSS];
    let first = losses.iter().find(|f| record.figure(f.key).is_some()).map(|f| f.key);
    let says = |figure: &Figure| match figure.key {
        key if Some(key) == first => {
            Some(format!("Mean per case of {}. {}", loss_words(spec.output), figure.says))
        }
        key if key == TEST_ERROR.key => {
            Some(format!("The share of {cases} that are classified wrongly."))
        }
        key if key == VALIDATION_ERROR.key => kept_epoch(record).map(|epoch| {
            format!("On the training cases held out, by which epoch {epoch} was chosen.")
        }),
        key if key == TRAIN_ERROR.key => Some(format!(
            "In the epoch that was kept, each case with the parameters of its batch's turn{}{}.",
            if is_distorted(record) { " and as it was distorted" } else { "" },
            if has_dropout(spec) { "; units are dropped" } else { "" }
        )),
        _ => None,
    };
    let mut more = Vec::new();
    if let Some(eval) = &record.eval {
        more.push(vec![
            "evaluated: error".to_string(),
            percent(record.evaluated("error")),
            format!(
                "Of {}, found by <code>harmonium eval</code>.",
                escape(&evaluated_on(record, eval))
            ),
        ]);
        more.push(vec![
            "evaluated: loss".to_string(),
            figure(record.evaluated("loss")),
            "The same mean, on these cases.".into(),
        ]);
    }
    score_table(record, &FIGURES, &says, more)
}

fn has_dropout(spec: &NetworkSpec) -> bool {
    spec.layers.iter().any(|layer| matches!(layer, LayerSpec::Dropout { .. }))
}

/// What `eval.json` is about, in words.
fn evaluated_on(record: &Record, eval: &Map<String, Value>) -> String {
    let cases = eval.get("cases").and_then(Value::as_u64).map_or(0, |n| n as usize);
    format!(
        "{} cases of {}, {} part{}",
        grouped(cases),
        text_of(eval, "data"),
        text_of(eval, "split"),
        record.weighed()
    )
}

/// The layers with their sizes.
pub(in crate::jobs) fn layers(network: &Network, input: &PictureInput) -> Section {
    let spec = network.spec();
    let sizes = |dims: &[usize]| dims.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    let [height, width] = input.size;
    let margin = match input.margin {
        [0, 0] => String::new(),
        [v, h] if v == h => format!(", {v} more on each side"),
        [v, h] => format!(", {v} more above and below, {h} left and right"),
    };
    let mut rows = vec![vec![
        "input".to_string(),
        format!(
            "pictures of {height}×{width} pixels{margin}; values from {} to {}",
            input.background, input.foreground
        )
        .replace('-', "−"),
        sizes(&spec.input),
        "–".into(),
    ]];
    let mut specs = spec.layers.iter().peekable();
    for stage in network.layers().stages() {
        // A flattening may be described, or come of itself before a linear layer.
        let flattens = stage.name == "flatten";
        let described = specs.peek().is_some_and(|spec| matches!(spec, LayerSpec::Flatten));
        let spec = if flattens && !described { None } else { specs.next() };
        let trained: usize = stage.parameters.iter().map(|p| p.trained).sum();
        rows.push(vec![
            escape(stage.name),
            spec.map_or("flattened".into(), |spec| escape(&spec.words())),
            sizes(stage.output),
            if stage.parameters.is_empty() { "–".into() } else { grouped(trained) },
        ]);
    }
    let output = match spec.output {
        OutputSpec::Softmax => "softmax".into(),
        OutputSpec::Rbf { j } => {
            format!("radial basis functions on the digits' bitmaps, fixed; j = {j}")
        }
    };
    let classes = spec.classes.to_string();
    rows.push(vec!["output".into(), output, classes, "–".into()]);
    rows.push(vec![
        "total".into(),
        String::new(),
        String::new(),
        format!("<b>{}</b>", grouped(network.trained())),
    ]);
    let table =
        html::table("layers", &["layer", "what it does", "output", "trained parameters"], &rows);
    Section::new("layers", "Layers", table)
}

/// Kernels, confusions and mistakes, as the run folder has them.
fn pictures(record: &Record, spec: &NetworkSpec) -> Result<Vec<Section>> {
    let cases = match &record.eval {
        Some(eval) => format!("Of {}, by harmonium eval", evaluated_on(record, eval)),
        None if record.figure("test_error").is_some() => "Of the test cases".into(),
        None if record.figure("validation_error").is_some() => "Of the cases held out".into(),
        None => "Of the training cases".into(),
    };
    let empty = |id, title: &str| Section::new(id, title, String::new());
    let mut sections = Vec::new();
    if spec.layers.iter().any(|layer| matches!(layer, LayerSpec::Conv(_))) {
        let words = "Those of the first convolution, map by map. White is positive, black negative, mid grey 0; all \
                     share one scale.";
        let alt = "Kernels of the first convolution";
        sections.push(picture(record, FILTERS, empty("filters", "Kernels"), words, alt)?);
    }
    let words = format!(
        "{cases}. A row for each true class, a column for each class that the network says; what is right is \
         blue, what is wrong red."
    );
    let alt = format!("Confusion matrix. {cases}");
    sections.push(picture(record, CONFUSION, empty("confusion", "Confusions"), &words, &alt)?);
    let words = format!(
        "{cases}: the true class, what the network says instead, and how probable it holds that to be."
    );
    let alt = format!("The worst mistakes. {cases}");
    sections.push(picture(record, MISTAKES, empty("mistakes", "Worst mistakes"), &words, &alt)?);
    Ok(sections)
}
