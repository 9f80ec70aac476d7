//! `harmonium eval` of classifiers.

use std::time::Instant;

use serde::Serialize;

use super::finish::confusion_and_mistakes;
use super::open::Opened;
use super::prepare::Labelled;
use crate::cli::args::EvalOptions;
use crate::cli::open_device;
use crate::cli::print::out;
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::classification::predict;
use crate::run::{self, atomic};

/// What `--json` prints and a run's `eval.json` holds.
#[derive(Serialize)]
struct Report {
    /// The share of cases that are classified wrongly, in [0, 1].
    error: f64,
    /// How many.
    wrong: u64,
    /// The mean loss of a case.
    loss: f64,
    cases: usize,
    data: String,
    split: &'static str,
    parameters: usize,
    seconds: f64,
    device: DeviceInfo,
    harmonium: &'static str,
}

pub fn run(options: &EvalOptions) -> Result<()> {
    let of_machines = [
        ("exact", options.exact),
        ("ais", options.ais.is_some()),
        ("ais-grid", options.ais_grid.is_some()),
        ("exact-pseudo", options.exact_pseudo),
        ("visible", options.model.visible.is_some()),
    ];
    if let Some((name, _)) = of_machines.iter().find(|(_, given)| *given) {
        return Err(Error::setting(
            *name,
            "is about machines, which have likelihoods; a network has error and loss: leave it out",
        ));
    }
    let device = open_device(&options.device.device)?;
    let opened = Opened::open(&options.model.model, &device)?;
    let chosen = opened.choose(options.data.as_deref(), options.split, options.limit)?;
    let part = chosen.part_name();
    let Some(labels) = chosen.labels else {
        let detail = "has no labels, so nothing can be scored; `harmonium predict` needs none";
        return Err(Error::data(&chosen.data, detail));
    };
    let start = Instant::now();
    let labelled = Labelled { cases: chosen.cases, labels };
    let (network, input) = (&opened.network, &opened.file.input);
    let found = predict(network, &labelled.cases, input, Some(&labelled.labels))?;
    let scored = found.score(&labelled.labels)?;
    let report = Report {
        error: scored.error,
        wrong: scored.wrong,
        loss: scored.loss,
        cases: labelled.labels.len(),
        data: chosen.data,
        split: part,
        parameters: opened.network.trained(),
        seconds: start.elapsed().as_secs_f64(),
        device: device.info().clone(),
        harmonium: env!("CARGO_PKG_VERSION"),
    };
    let folder = match &options.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
            Some(folder.clone())
        }
        None => options.model.model.is_dir().then(|| options.model.model.clone()),
    };
    let json =
        serde_json::to_string_pretty(&report).map_err(|e| Error::data("eval", e.to_string()))?;
    if let Some(folder) = &folder {
        let path = folder.join(run::EVAL);
        atomic::write(&path, |file| file.write_all(format!("{json}\n").as_bytes()))?;
        let file = &opened.file;
        confusion_and_mistakes(folder, &file.input, &file.classes, &labelled, &found)?;
    }
    if options.json {
        out!("{json}");
        return Ok(());
    }
    let (wrong, cases) = (report.wrong, report.cases);
    out!("error: {:.2} % ({wrong} of {cases} cases)", 100.0 * report.error);
    out!("loss: {:.4} (mean per case)", report.loss);
    out!("cases: {}, {} part", report.data, report.split);
    match &folder {
        Some(folder) => {
            for file in [run::CONFUSION, run::CONFUSION_TABLE, run::MISTAKES, run::EVAL] {
                out!("  {}", folder.join(file).display());
            }
        }
        None => out!("with --out DIR the confusion matrix and the worst mistakes are written too"),
    }
    Ok(())
}
