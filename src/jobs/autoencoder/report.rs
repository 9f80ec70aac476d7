//! The sections of an autoencoder's report, from the files of its folder alone.

use super::figures::FIGURES;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::stack::report::{confusions, evaluated, weights};
use crate::jobs::{Trained, TrainedAutoencoder, TunerName};
use crate::models::Autoencoder;
use crate::models::autoencoder::ReconstructionLoss;
use crate::run::html::{self, escape, figure};
use crate::run::report::comparison::Compared;
use crate::run::report::{Section, curves, grouped, panels, picture, scores, write};
use crate::run::{CODES, CONFUSION, Observer, PLANE, RECONSTRUCTIONS, Record};

/// How autoencoders stand beside other models.
pub static COMPARED: Compared = Compared {
    models: &["autoencoder"],
    figures: &FIGURES,
    sizes: &[("layers", |r| {
        let inputs = r.figure("visible_units").map_or("?".into(), |n| format!("{n:.0}"));
        format!("{inputs}-{}", r.setting("layers").unwrap_or_default().replace(',', "-"))
    })],
    learner,
    scores: &[],
    note: "Errors are squared, summed over the values of a case, the mean over cases; PCA's is that of as many principal \
           components as the code has units.",
};

/// The learner in short: `rbm, then Adam`.
fn learner(record: &Record) -> String {
    let setting = |key: &str| record.setting(key).unwrap_or_else(|| "–".into());
    let whole = setting("optimizer").parse().map_or("–", TunerName::words);
    match setting("pretrain").as_str() {
        "none" => whole.to_string(),
        how => format!("{how}, then {whole}"),
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
        .for_command::<TrainedAutoencoder>("report")?;
    let model = &trained.model;
    let panels = panels(&FIGURES, record);
    let mut sections = vec![
        Section::lead(&one_line(record)),
        scores(record, &FIGURES, &|_| None, evaluated(record, &EVALUATED)),
        curves(&panels, "", "")?,
        layers(model),
        picture(
            record,
            RECONSTRUCTIONS,
            Section::new("reconstructions", "Reconstructions", String::new()),
            "Cases of the test part (or held out), below each what comes back, and below that what as many principal \
             components give.",
            "Cases, their reconstructions and those of PCA",
        )?,
    ];
    sections.extend(weights(record, "level")?);
    if record.path.join(CONFUSION).is_file() {
        let words = "By the classifier on the code: rows are true classes, columns the answers.";
        sections.extend(confusions(record, words)?);
    }
    if model.spec().layers.last() == Some(&2) {
        sections.push(picture(
            record,
            CODES,
            Section::new("codes", "Codes", String::new()),
            "The codes of cases of the test part (or held out), each as its class where that is known.",
            "Codes by class",
        )?);
        sections.push(picture(
            record,
            PLANE,
            Section::new("plane", "The plane of codes", String::new()),
            "What the decoder makes of a grid of codes, over the range in which 98 % of the cases' codes lie: the first \
             unit grows to the right, the second upwards.",
            "Decoded codes on a grid",
        )?);
    }
    Ok(sections)
}

fn one_line(record: &Record) -> String {
    let title = COMPARED.sizes[0].1(record);
    let (error, pca) = (record.figure("test_squared_error"), record.figure("pca_squared_error"));
    let score = match error.or(record.figure("validation_squared_error")) {
        Some(error) => format!(": squared error {}", figure(Some(error))),
        None => String::new(),
    };
    let beside = pca.map_or(String::new(), |pca| format!(", PCA's {}", figure(Some(pca))));
    let seconds = figure(record.figure("seconds"));
    format!("Autoencoder {title}, {}, in {seconds} s{score}{beside}.", learner(record))
}

/// What `eval` finds.
const EVALUATED: [(&str, &str); 2] =
    [("squared_error", "evaluated: squared error"), ("cross_entropy", "evaluated: cross-entropy")];

/// The layers with their sizes.
fn layers(model: &Autoencoder) -> Section {
    let spec = model.spec();
    let n = spec.layers.len();
    let mut rows =
        vec![vec!["input".to_string(), String::new(), spec.inputs.to_string(), "–".into()]];
    let described = model.layers().stages().zip(spec.layer_specs()).enumerate();
    rows.extend(described.map(|(number, (stage, layer))| {
        let name = match number {
            i if i + 1 == n => "code".into(),
            i if i < n => format!("encoder {}", i + 1),
            i => format!("decoder {}", i + 1 - n),
        };
        let tied = spec.tied && number >= n;
        let parameters: usize =
            stage.parameters.iter().filter(|p| !(tied && p.decays)).map(|p| p.trained).sum();
        let more = if tied { ", weights tied" } else { "" };
        let units = stage.output.first().copied().unwrap_or(0).to_string();
        vec![name, format!("{}{more}", escape(&layer.words())), units, grouped(parameters)]
    }));
    let loss = match spec.loss {
        ReconstructionLoss::CrossEntropy => "logistic units, cross-entropy",
        ReconstructionLoss::SquaredError => "linear units, squared error",
    };
    rows.push(vec!["output".into(), loss.into(), spec.inputs.to_string(), "–".into()]);
    rows.push(vec![
        "total".into(),
        String::new(),
        String::new(),
        format!("<b>{}</b>", grouped(model.trained())),
    ]);
    let table =
        html::table("layers", &["layer", "what it does", "units", "trained parameters"], &rows);
    Section::new("layers", "Layers", table)
}
