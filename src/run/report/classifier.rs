//! The page of a classifier's run, from the files of its folder alone.

use serde_json::{Map, Value};

use super::{panel, settings, text_of};
use crate::data::PictureInput;
use crate::error::Result;
use crate::layers::LayerSpec;
use crate::models::network::OutputSpec;
use crate::models::{Network, NetworkSpec};
use crate::run::curves::Panel;
use crate::run::html::{self, escape, figure};
use crate::run::png_file::Picture;
use crate::run::record::Record;
use crate::run::{CONFUSION, FILTERS, MISTAKES};

/// A diagram: (title, unit, the end of the keys in `metrics.jsonl`, what to multiply by, what it says).
type Curve = (&'static str, &'static str, &'static str, f64, &'static str);

pub(super) const CURVES: [Curve; 2] = [
    (
        "Error",
        "wrong cases, %",
        "error",
        100.0,
        "The share of cases that are classified wrongly. A training curve that falls while that of \
         validation rises means overfitting.",
    ),
    (
        "Loss",
        "mean per case",
        "loss",
        1.0,
        "What training makes small. Losses of different output units are not to be compared.",
    ),
];
/// The beginnings of the keys, and what they are called.
pub(super) const PARTS: [(&str, &str); 2] = [("train", "training"), ("validation", "validation")];

/// A line of `metrics.jsonl`, scaled: (epoch, value).
pub(super) fn scaled(mut points: Vec<(f64, f64)>, scale: f64) -> Vec<(f64, f64)> {
    points.iter_mut().for_each(|(_, y)| *y *= scale);
    points
}

/// Error and loss over epochs, and what each says. `points` gives what `metrics.jsonl` has under a key;
/// `distorted` says whether the training cases were.
pub fn panels(
    points: impl Fn(&str) -> Vec<(f64, f64)>,
    distorted: bool,
) -> Vec<(Panel, &'static str)> {
    let mut panels = Vec::new();
    for (title, unit, key, scale, what) in CURVES {
        let lines = PARTS.iter().map(|&(part, name)| {
            let name = if distorted && part == "train" { "training (distorted)" } else { name };
            (name.to_string(), scaled(points(&format!("{part}_{key}")), scale))
        });
        panels.extend(panel(title, unit, lines).map(|panel| (panel, what)));
    }
    panels
}

/// The page of a run and its network, which sees pictures as `input` says. The same folder gives the same bytes.
///
/// # Errors
/// Where a diagram or a picture cannot be drawn.
pub fn page(record: &Record, network: &Network, input: &PictureInput) -> Result<String> {
    let spec = network.spec();
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(&record.name),
        escape(&one_line(record, spec.output))
    );
    body += &scores(record, spec);
    body += &curves(record)?;
    body += &layers(network, input);
    body += &pictures(record, spec)?;
    body += &settings(record);
    body += &format!(
        "<footer>Made by harmonium {} from the files of the run folder; <code>harmonium report RUN</code> makes it again.</footer>\n",
        escape(text_of(&record.summary, "harmonium"))
    );
    Ok(html::document(&format!("{} – harmonium", record.name), &body))
}

/// A share as a percentage; a dash for none.
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        Some(share) if share.is_finite() => format!("{:.2} %", 100.0 * share),
        _ => "–".into(),
    }
}

/// 60000 as 60,000.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let each = digits.chars().enumerate();
    each.flat_map(|(at, c)| comma(at).then_some(',').into_iter().chain([c])).collect()
}

fn whole(record: &Record, key: &str) -> String {
    record.figure(key).map_or("?".into(), |n| grouped(n as usize))
}

fn is_true(record: &Record, key: &str) -> bool {
    record.summary.get(key).and_then(Value::as_bool) == Some(true)
}

fn is_distorted(record: &Record) -> bool {
    record.setting("augment").is_some_and(|augment| augment != "none")
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
    let epochs = match record.figure("epochs") {
        Some(1.0) => "1 epoch".into(),
        _ => format!("{} epochs", whole(record, "epochs")),
    };
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

fn scores(record: &Record, spec: &NetworkSpec) -> String {
    let loss = format!("Mean per case of {}", loss_words(spec.output));
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut add = |name: &str, value: String, what: String| {
        if value != "–" {
            rows.push([name.into(), value, what]);
        }
    };
    let cases = record.figure("test_cases").map_or("the test cases".into(), |n| {
        format!("the {} cases of the data's test part", grouped(n as usize))
    });
    let figures = |part: &str| {
        let [error, loss] = ["error", "loss"].map(|key| record.figure(&format!("{part}_{key}")));
        (percent(error), figure(loss))
    };
    let (error, mean) = figures("test");
    add("test error", error, format!("The share of {cases} that are classified wrongly."));
    let first = format!("{loss}.");
    let same = |what: &str| format!("The same mean, {what}.");
    let is_first = mean == "–";
    add("test loss", mean, first.clone());
    let (error, mean) = figures("validation");
    let chose = match kept_epoch(record) {
        Some(epoch) => format!(", by which epoch {epoch} was chosen"),
        None => String::new(),
    };
    add("validation error", error, format!("On the training cases held out{chose}."));
    let what = if is_first { first.clone() } else { same("on the cases held out") };
    let is_first = is_first && mean == "–";
    add("validation loss", mean, what);
    let (error, mean) = figures("train");
    let distorted = if is_distorted(record) { " and as it was distorted" } else { "" };
    add(
        "training error",
        error,
        format!(
            "In the epoch that was kept, each case with the parameters of its batch's turn{distorted}{}.",
            if has_dropout(spec) { "; units are dropped" } else { "" }
        ),
    );
    add("training loss", mean, if is_first { first } else { same("in the same epoch") });
    add(
        "seconds",
        figure(record.figure("seconds")),
        "Of training, without reading data, validation and pictures.".into(),
    );
    add(
        "cases per second",
        figure(record.figure("cases_per_second")),
        "Training cases seen a second.".into(),
    );
    if let Some(eval) = &record.eval {
        add(
            "evaluated: error",
            percent(record.evaluated("error")),
            format!("Of {}, found by <code>harmonium eval</code>.", escape(&evaluated_on(eval))),
        );
        add("evaluated: loss", figure(record.evaluated("loss")), same("on these cases"));
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    let table = html::table("figures", &["number", "value", "what it is"], &rows);
    format!("<section id=\"scores\">\n<h2>Scores at the end</h2>\n{table}</section>\n")
}

fn has_dropout(spec: &NetworkSpec) -> bool {
    spec.layers.iter().any(|layer| matches!(layer, LayerSpec::Dropout { .. }))
}

/// What `eval.json` is about, in words.
fn evaluated_on(eval: &Map<String, Value>) -> String {
    let cases = eval.get("cases").and_then(Value::as_u64).map_or(0, |n| n as usize);
    format!(
        "{} cases of {}, {} part",
        grouped(cases),
        text_of(eval, "data"),
        text_of(eval, "split")
    )
}

fn curves(record: &Record) -> Result<String> {
    let panels = panels(|key| record.points(key), is_distorted(record));
    let mut out =
        String::from("<section id=\"curves\">\n<h2>Learning curves</h2>\n<div class=\"grid\">\n");
    for (panel, what) in &panels {
        out += &html::diagram(panel, what)?;
    }
    Ok(out + "</div>\n</section>\n")
}

/// The layers with their sizes.
fn layers(network: &Network, input: &PictureInput) -> String {
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
    format!("<section id=\"layers\">\n<h2>Layers</h2>\n{table}</section>\n")
}

/// Kernels, confusions and mistakes, as the run folder has them.
fn pictures(record: &Record, spec: &NetworkSpec) -> Result<String> {
    let cases = match &record.eval {
        Some(eval) => format!("Of {}, by harmonium eval", evaluated_on(eval)),
        None if record.figure("test_error").is_some() => "Of the test cases".into(),
        None if record.figure("validation_error").is_some() => "Of the cases held out".into(),
        None => "Of the training cases".into(),
    };
    let mut out = String::new();
    if spec.layers.iter().any(|layer| matches!(layer, LayerSpec::Conv { .. })) {
        out += &section(
            record,
            (FILTERS, "filters", "Kernels"),
            "Those of the first convolution, map by map. White is positive, black negative, mid grey 0; all share one \
             scale.",
            "Kernels of the first convolution",
        )?;
    }
    let words = format!(
        "{cases}. A row for each true class, a column for each class that the network says; what is right is \
         blue, what is wrong red."
    );
    let alt = format!("Confusion matrix. {cases}");
    out += &section(record, (CONFUSION, "confusion", "Confusions"), &words, &alt)?;
    let words = format!(
        "{cases}: the true class, what the network says instead, and how probable it holds that to be."
    );
    let alt = format!("The worst mistakes. {cases}");
    out += &section(record, (MISTAKES, "mistakes", "Worst mistakes"), &words, &alt)?;
    Ok(out)
}

/// A section with a picture of the run folder, or a word that there is none.
fn section(
    record: &Record,
    (name, id, title): (&str, &str, &str),
    words: &str,
    alt: &str,
) -> Result<String> {
    let path = record.path.join(name);
    let content = match path.is_file() {
        true => format!(
            "<p class=\"quiet\">{}</p>\n<div class=\"card\">{}</div>\n",
            escape(words),
            html::image(&Picture::load(&path)?, alt)?
        ),
        false => format!(
            "<p class=\"warn\">Left out: {name} is not in the run folder. <code>harmonium eval RUN</code> draws \
             confusions and mistakes again.</p>\n"
        ),
    };
    Ok(format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{content}</section>\n"))
}
