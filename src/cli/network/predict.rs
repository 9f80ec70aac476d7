//! `harmonium predict`.

use std::path::Path;

use super::super::apply::check_folder;
use super::super::args::PredictOptions;
use super::super::open_device;
use super::super::print::{count, out, tell};
use super::open::{Chosen, Opened};
use crate::data::{Cases, Values};
use crate::error::{Error, Result};
use crate::evaluation::classification::{Predictions, predict};
use crate::run::atomic;

/// The most classes that are listed for one picture.
const LISTED: usize = 10;

pub fn run(options: &PredictOptions) -> Result<()> {
    options.out.as_deref().map_or(Ok(()), check_out)?;
    let device = open_device(&options.device.device)?;
    let mut opened = Opened::open(&options.model, &device)?;
    let mut chosen = opened.choose(Some(&options.data), options.split, options.limit)?;
    if options.invert {
        chosen.cases = inverted(&chosen.cases, &opened)?;
    } else if is_bright(&chosen.cases, &opened) {
        tell(
            "note: the pictures' edges are bright; networks trained on MNIST expect light strokes on a dark \
             ground, and --invert turns them",
        );
    }
    let found = predict(&mut opened.network, &chosen.cases, &opened.file.input)?;
    let names = &opened.file.classes;
    match &options.out {
        Some(path) => {
            save(path, &found, &chosen, names)?;
            out!("{}: {}", count(chosen.cases.len(), "prediction"), path.display());
            if let Some(labels) = &chosen.labels {
                let wrong = found.predicted.iter().zip(labels).filter(|(p, l)| p != l).count();
                let percent = 100.0 * wrong as f64 / labels.len().max(1) as f64;
                out!("{wrong} of {} are wrong ({percent:.2} %)", labels.len());
            }
        }
        None if chosen.cases.len() == 1 => one(&found, &chosen, names)?,
        None => {
            let mut text = Vec::new();
            write(&mut text, &found, &chosen, names)
                .map_err(|e| Error::data("predict", e.to_string()))?;
            out!("{}", String::from_utf8_lossy(&text).trim_end());
        }
    }
    Ok(())
}

/// That the table can be written there is looked at before any work is done.
fn check_out(path: &Path) -> Result<()> {
    if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
        let detail = format!("{} does not end in .csv", path.display());
        return Err(Error::setting("out", detail));
    }
    check_folder(path)
}

/// The answer for one picture, most probable class first.
fn one(found: &Predictions, chosen: &Chosen, names: &[String]) -> Result<()> {
    let name = |class: u32| names.get(class as usize).map_or("none", String::as_str);
    out!("{}: {}", chosen.data, name(found.predicted[0]));
    let mut order: Vec<usize> = (0..found.classes).collect();
    order.sort_by(|&a, &b| found.probabilities[b].total_cmp(&found.probabilities[a]));
    let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    for &class in order.iter().take(LISTED) {
        let p = found.probabilities[class];
        let bar = "█".repeat((p * 40.0).round() as usize);
        out!("{:>width$}  {p:.4}  {bar}", names[class]);
    }
    if let Some(labels) = &chosen.labels {
        out!("true class: {}", name(labels[0]));
    }
    Ok(())
}

fn save(path: &Path, found: &Predictions, chosen: &Chosen, names: &[String]) -> Result<()> {
    atomic::write(path, |out| write(out, found, chosen, names).map_err(std::io::Error::other))
}

/// One line per case: its number, the predicted class, the true one where it is known, all probabilities.
fn write(
    out: &mut dyn std::io::Write,
    found: &Predictions,
    chosen: &Chosen,
    names: &[String],
) -> std::result::Result<(), csv::Error> {
    let name = |class: u32| names.get(class as usize).map_or("", String::as_str).to_string();
    let mut csv = csv::Writer::from_writer(out);
    let mut head = vec!["case".to_string(), "predicted".into()];
    head.extend(chosen.labels.is_some().then(|| "true".to_string()));
    head.extend(names.iter().map(|n| format!("p({n})")));
    csv.write_record(&head)?;
    for (case, p) in found.probabilities.chunks(found.classes).enumerate() {
        let mut line = vec![case.to_string(), name(found.predicted[case])];
        line.extend(chosen.labels.iter().map(|labels| name(labels[case])));
        line.extend(p.iter().map(|p| format!("{p:.6}")));
        csv.write_record(&line)?;
    }
    csv.flush()?;
    Ok(())
}

/// Whether most pictures have bright edges, within the margins that were added.
fn is_bright(cases: &Cases, opened: &Opened) -> bool {
    let input = &opened.file.input;
    let Ok([_, _, columns]) = input.shape() else { return false };
    let ([h, w], [top, left]) = (input.size, input.margin);
    let edge = |row: &[f32]| {
        let at = |r: usize, c: usize| row[(top + r) * columns + left + c];
        let rows = (0..w).map(|c| at(0, c) + at(h - 1, c)).sum::<f32>();
        let sides = (0..h).map(|r| at(r, 0) + at(r, w - 1)).sum::<f32>();
        (rows + sides) / (2 * (h + w)) as f32
    };
    let looked_at = cases.len().min(50);
    let bright = (0..looked_at).filter(|&i| edge(&cases.row(i)) > 0.6).count();
    2 * bright > looked_at
}

/// 1 − x, but for the margins, which are background.
fn inverted(cases: &Cases, opened: &Opened) -> Result<Cases> {
    let input = &opened.file.input;
    let [_, rows, columns] = input.shape()?;
    let [top, left] = input.margin;
    let mut values = cases.to_f32();
    for case in values.chunks_mut(rows * columns) {
        for r in top..rows - top {
            case[r * columns + left..(r + 1) * columns - left]
                .iter_mut()
                .for_each(|x| *x = 1.0 - *x);
        }
    }
    Cases::new(Values::F32(values), cases.len(), cases.width())
}
