//! `harmonium predict`.

use super::args::PredictOptions;
use super::print::{count, out, tell};
use super::targets::check_out;
use super::{open_device, sequences, trained};
use crate::error::{Error, Result};
use crate::evaluation::classification::Predictions;
use crate::jobs::network::write_table;
use crate::jobs::{self, Choice, Chosen, Trained, TrainedNetwork};
use crate::run::atomic;

/// The most classes that are listed for one picture.
const LISTED: usize = 10;

pub fn run(options: &PredictOptions) -> Result<()> {
    options.out.as_deref().map_or(Ok(()), |out| check_out(out, "csv"))?;
    let device = open_device(&options.device.device)?;
    let model = trained::open_at(&jobs::classifier_of(&options.model), &device)?;
    if !matches!(model, Trained::Crf(_)) {
        options.read.refuse_of_cases()?;
    }
    let part = options.split.map(Into::into);
    let reading = options.reading.reading();
    let data = Some(options.data.as_str());
    let choice = Choice { data, part, limit: options.limit, reading: Some(&reading) };
    let (chosen, found, names) = match model {
        Trained::Dbn(net) => {
            if options.invert {
                let detail =
                    "is of networks; a deep belief net takes its cases as they are: leave it out";
                return Err(Error::setting("invert", detail));
            }
            let chosen = net.cases(&choice)?;
            trained::notes(&chosen.notices);
            let found = net.predict(&chosen.cases, None)?;
            (chosen, found, net.origin.classes)
        }
        Trained::Dbm(dbm) => {
            if options.invert {
                let detail = "is of networks; a deep Boltzmann machine takes its cases as they are: leave it out";
                return Err(Error::setting("invert", detail));
            }
            let chosen = dbm.cases(&choice)?;
            trained::notes(&chosen.notices);
            let found = dbm.predict(&chosen.cases, None)?;
            (chosen, found, dbm.origin.classes)
        }
        Trained::Crf(field) => return sequences::predict(options, &field),
        Trained::ClassRbm(model) => {
            if options.invert {
                let detail = "is of networks; a machine takes its cases as they are: leave it out";
                return Err(Error::setting("invert", detail));
            }
            let chosen = model.cases(&choice)?;
            trained::notes(&chosen.notices);
            let found = model.predict(&chosen.cases, None)?;
            (chosen, found, model.origin.classes)
        }
        other => by_network(options, other.network("predict")?, &choice)?,
    };
    let (names, labels) = (&names, chosen.labels.as_deref());
    match &options.out {
        Some(path) => {
            atomic::write(path, |out| write_table(out, names, &found, labels))?;
            out!("{}: {}", count(chosen.cases.len(), "prediction"), path.display());
            if let Some(labels) = labels {
                let wrong = found.wrong(labels)?.len();
                let percent = 100.0 * wrong as f64 / labels.len().max(1) as f64;
                out!("{wrong} of {} are wrong ({percent:.2} %)", labels.len());
            }
        }
        None if chosen.cases.len() == 1 => one(&found, &chosen, names)?,
        None => {
            let mut text = Vec::new();
            write_table(&mut text, names, &found, labels)
                .map_err(|e| Error::data("predict", e.to_string()))?;
            out!("{}", String::from_utf8_lossy(&text).trim_end());
        }
    }
    Ok(())
}

/// What a network says of cases, with the names of its classes.
fn by_network(
    options: &PredictOptions,
    model: TrainedNetwork,
    choice: &Choice<'_>,
) -> Result<(Chosen, Predictions, Vec<String>)> {
    let mut chosen = model.cases(choice)?;
    trained::notes(&chosen.notices);
    let bright = model.is_bright(&chosen.cases);
    if options.invert {
        chosen.cases = model.inverted(&chosen.cases)?;
    } else if bright && chosen.ground_chosen {
        // The ground is white because it was chosen so: nobody is contradicted.
        chosen.cases = model.inverted(&chosen.cases)?;
        tell(
            "note: the white ground was turned into a black one, as networks trained on MNIST expect",
        );
    } else if bright {
        tell(
            "note: the pictures' edges are bright; networks trained on MNIST expect light strokes on a dark \
             ground, and --invert turns them",
        );
    }
    let found = model.predict(&chosen.cases)?;
    tell_blank(&model, &chosen)?;
    Ok((chosen, found, model.origin.classes))
}

/// Pictures without contrast have no class: a single one is refused, among others they are counted.
fn tell_blank(model: &TrainedNetwork, chosen: &Chosen) -> Result<()> {
    let (blank, cases) = (model.blank(&chosen.cases).len(), chosen.cases.len());
    if blank > 0 && cases == 1 {
        let detail = "all pixels are alike, so it shows nothing that has a class";
        return Err(Error::data(&chosen.data, detail));
    }
    if blank > 0 {
        tell(format_args!(
            "note: of {cases} pictures {blank} have pixels that are all alike, and get no class"
        ));
    }
    Ok(())
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
