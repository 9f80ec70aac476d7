//! `harmonium predict`.

use std::cell::{Cell, OnceCell};
use std::io::Write;

use super::args::PredictOptions;
use super::print::{count, out, tell};
use super::ranks::{device, together};
use super::targets::{check_out, tell_replaced};
use super::{sequences, trained};
use crate::error::{Error, Result};
use crate::evaluation::classification::Predictions;
use crate::jobs::network::write_table;
use crate::jobs::{self, Choice, Chosen, Pieces, Trained, TrainedNetwork};
use crate::ranks::Ranks;
use crate::run::atomic::AtomicFile;

/// The most classes that are listed for one picture.
const LISTED: usize = 10;

pub fn run(ranks: &Ranks, options: &PredictOptions) -> Result<()> {
    let [data, labels] = options.reading.reads(Some(&options.data));
    let reads = [("the model", Some(options.model.as_path())), data, labels];
    options.out.as_deref().map_or(Ok(()), |out| check_out(out, "csv", &reads))?;
    let device = device(ranks, &options.device)?;
    let model = trained::open_at(&jobs::classifier_of(&options.model), &device);
    let model = together(ranks, model)?;
    if !matches!(model, Trained::Crf(_)) {
        options.read.refuse_of_cases()?;
    }
    let reading = options.reading.reading();
    let choice = options.reading.choice(Some(&options.data), &reading);
    let choice = Choice { part: options.split.map(Into::into), limit: options.limit, ..choice };
    match model {
        Trained::Dbn(net) => {
            refuse_invert(options, "a deep belief net")?;
            let say = |piece: &Chosen, _| net.predict(&piece.cases, None);
            told((ranks, options), &net.pieces(&choice)?, &net.origin.classes, &say)
        }
        Trained::Dbm(dbm) => {
            refuse_invert(options, "a deep Boltzmann machine")?;
            let say = |piece: &Chosen, _| dbm.predict(&piece.cases, None);
            told((ranks, options), &dbm.pieces(&choice)?, &dbm.origin.classes, &say)
        }
        Trained::Crf(field) => sequences::predict(ranks, options, &field),
        Trained::ClassRbm(model) => {
            refuse_invert(options, "a machine")?;
            let say = |piece: &Chosen, _| model.predict(&piece.cases, None);
            told((ranks, options), &model.pieces(&choice)?, &model.origin.classes, &say)
        }
        other => {
            let model = other.for_command::<TrainedNetwork>("predict")?;
            if !model.takes_pictures() {
                refuse_invert(options, "a network of a table's rows")?;
            }
            let pieces = model.pieces(&choice)?;
            let (inverted, blank) = (OnceCell::new(), Cell::new(0));
            let say = |piece: &Chosen, first| {
                // The first pictures tell it for all.
                let inverted = match (inverted.get(), first) {
                    (Some(found), _) => found,
                    (None, 0) => inverted.get_or_init(|| is_inverted(options, &model, piece)),
                    (None, _) => {
                        let begin = pieces.begin()?;
                        inverted.get_or_init(|| is_inverted(options, &model, &begin))
                    }
                };
                let turned = inverted.then(|| model.inverted(&piece.cases)).transpose()?;
                let cases = turned.as_ref().unwrap_or(&piece.cases);
                blank.set(blank.get() + model.blank(cases).len());
                if blank.get() > 0 && pieces.cases() == 1 {
                    let detail = "all pixels are alike, so it shows nothing that has a class";
                    return Err(Error::data(&piece.data, detail));
                }
                model.predict(cases)
            };
            told((ranks, options), &pieces, &model.origin.classes, &say)?;
            let blank: usize = ranks
                .agreed(Ok(blank.get().to_le_bytes().to_vec()))?
                .iter()
                .map(|bytes| number(bytes))
                .sum();
            let cases = pieces.cases();
            if blank > 0 {
                tell(format_args!(
                    "note: of {cases} pictures {blank} have pixels that are all alike, and get no class"
                ));
            }
            Ok(())
        }
    }
}

fn refuse_invert(options: &PredictOptions, model: &str) -> Result<()> {
    if !options.invert {
        return Ok(());
    }
    let detail =
        format!("is of networks of pictures; {model} takes its cases as they are: leave it out");
    Err(Error::setting("invert", detail))
}

/// What a model says of cases.
type Say<'a> = dyn Fn(&Chosen, usize) -> Result<Predictions> + 'a;

/// A number as a rank sent it.
fn number(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes) as usize)
}

/// Writes what is said of each case, piece by piece; of a single one in words. Ranks take pieces by turns.
fn told(
    (ranks, options): (&Ranks, &PredictOptions),
    pieces: &Pieces<'_>,
    names: &[String],
    say: &Say<'_>,
) -> Result<()> {
    trained::notes(pieces.notices());
    let cases = pieces.cases();
    let (mut wrong, mut file) = (None, None);
    // How many of a piece are wrong, and one more, where that is known; then the lines of the table.
    let mut make = |piece: &Chosen, first| {
        let (found, labels) = (say(piece, first)?, piece.labels.as_deref());
        let wrong = labels.map(|labels| found.wrong(labels)).transpose()?;
        let mut bytes = wrong.map_or(0, |wrong| wrong.len() as u64 + 1).to_le_bytes().to_vec();
        match options.out.is_none() && cases == 1 {
            true => one(&found, piece, names)?,
            false => write_table(&mut bytes, names, &found, (labels, &piece.files), first)
                .map_err(|e| Error::data("predict", e.to_string()))?,
        }
        Ok(bytes)
    };
    pieces.by_turns(ranks, &mut make, &mut |made| {
        let lines = made.bytes.get(size_of::<u64>()..).unwrap_or_default();
        if let Some(more) = number(&made.bytes).checked_sub(1) {
            *wrong.get_or_insert(0) += more;
        }
        match &options.out {
            _ if !ranks.is_first() || lines.is_empty() => Ok(()),
            Some(path) => {
                let open = match &mut file {
                    Some(open) => open,
                    None => {
                        tell_replaced(path);
                        file.insert(AtomicFile::create(path)?)
                    }
                };
                open.write(|out: &mut dyn Write| out.write_all(lines))
            }
            None => {
                out!("{}", String::from_utf8_lossy(lines).trim_end());
                Ok(())
            }
        }
    })?;
    if !ranks.is_first() {
        return Ok(());
    }
    let Some(path) = &options.out else { return Ok(()) };
    file.map_or(Ok(()), AtomicFile::finish)?;
    out!("{}: {}", count(cases, "prediction"), path.display());
    if let Some(wrong) = wrong {
        let percent = 100.0 * wrong as f64 / cases.max(1) as f64;
        out!("{wrong} of {cases} are wrong ({percent:.2} %)");
    }
    Ok(())
}

/// Whether pictures are turned, black into white, by the first of them; says so.
fn is_inverted(options: &PredictOptions, model: &TrainedNetwork, piece: &Chosen) -> bool {
    let bright = model.is_bright(&piece.cases);
    if options.invert {
        return true;
    }
    if bright && piece.ground_chosen {
        // The ground is white because it was chosen so: nobody is contradicted.
        tell(
            "note: the white ground was turned into a black one, as networks trained on MNIST expect",
        );
    } else if bright {
        tell(
            "note: the pictures' edges are bright; networks trained on MNIST expect light strokes on a dark \
             ground, and --invert turns them",
        );
    }
    bright && piece.ground_chosen
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
