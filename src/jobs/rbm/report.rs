//! The sections of a machine's report, which needs the model, and for some of it the data.

use super::data::Prepared;
use super::figures::FIGURES;
use super::settings::RbmSettings;
use super::trained::Origin;
use super::{Sampling, run_chains, upload_rows};
use super::{likelihoods, mixing};
use crate::data::{Cases, Part};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::scores;
use crate::jobs::{Trained, TrainedRbm};
use crate::models::{Rbm, UnitKind};
use crate::run::html::{self, escape, figure};
use crate::run::report::comparison::Compared;
use crate::run::report::{
    Section, count as plural, curves, panels, scores as score_table, text_of, with_error, write,
};
use crate::run::{CONFIG, Event, Observer, Record, pictures, png_file::Picture, settings};
use crate::training::Figure;

/// Cases over which the hidden units' use is taken.
const CASES: usize = 2000;
/// Filters shown.
const FILTERS: usize = 240;
/// Chains shown, and after how many Gibbs steps.
const CHAINS: usize = 12;
const STEPS: [u64; 4] = [1, 10, 100, 1000];
/// Cases reconstructed.
const RECONSTRUCTIONS: usize = 24;
const BINS: usize = 20;

/// How machines stand beside other models.
pub static COMPARED: Compared = Compared {
    models: &["rbm"],
    figures: &FIGURES,
    sizes: &[("units", |r| {
        let whole = |key: &str| r.figure(key).map_or("–".into(), |n| format!("{n:.0}"));
        format!("{}+{}", whole("visible_units"), whole("hidden_units"))
    })],
    learner,
    scores: &[("log-likelihood", |r| match r.evaluated("mean_log_likelihood") {
        Some(score) => {
            let error = r.evaluated("mean_log_likelihood_std_error");
            let of = r.judged_on().map_or(String::new(), |of| format!("; {of}"));
            format!("{} ({}{of})", with_error(Some(score), error), r.method())
        }
        None => "–".into(),
    })],
    note: "Units are visible + hidden; errors squared, summed over visible units, mean over cases; likelihoods in nats \
           per case, ± the standard error over cases.",
};

/// The learner in short: `CD-1`, `PCD-5, centred`.
fn learner(record: &Record) -> String {
    let is = |key: &str| record.config.get(key).and_then(toml::Value::as_bool) == Some(true);
    let mut text = match (is("exact_gradient"), record.setting("pcd"), record.setting("cd")) {
        (true, ..) => "exact gradient".to_string(),
        (_, Some(k), _) => format!("PCD-{k}"),
        (_, _, Some(k)) => format!("CD-{k}"),
        _ => "CD".into(),
    };
    if let Some(temperatures) = record.setting("pt") {
        text += &format!(", {temperatures} temperatures");
    }
    if is("ptt") {
        text += ", along its trajectory";
    }
    if is("centered") {
        text += ", centred";
    }
    text
}

/// A machine, and where it comes from.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    pub rbm: &'a Rbm,
    pub origin: &'a Origin,
}

/// Writes the report of a finished run again, from its files and, where they are at hand, its data. `device` is
/// where, if not where the run was.
///
/// # Errors
/// What reading the folder gives; device errors.
pub fn write_report(
    record: &Record,
    device: Option<&str>,
    observer: &mut dyn Observer,
) -> Result<()> {
    let file = settings::read_file::<RbmSettings>(&record.path.join(CONFIG), "rbm")?;
    let mut own: RbmSettings = settings::resolve(vec![file.settings])?;
    let device = Device::select(device.unwrap_or(&own.device))?;
    observer.see(Event::Note(&format!("device: {}", device.info())));
    let model = Trained::open(&record.path, &device, None)?.for_command::<TrainedRbm>("report")?;
    let prepared = Prepared::load(&mut own, observer).map_err(|e| e.to_string());
    let prepared = prepared.as_ref().map_err(Clone::clone);
    let prepared = prepared.and_then(|p| checked(record, &model.rbm, p));
    if let Err(why) = &prepared {
        let note = format!("note: the report leaves out what needs the data: {why}");
        observer.see(Event::Note(&note));
    }
    let machine = Machine { rbm: &model.rbm, origin: &model.origin };
    write(record, &sections(record, machine, prepared)?)
}

/// The data, if they are those that the run was trained on.
fn checked<'a>(
    record: &Record,
    rbm: &Rbm,
    prepared: &'a Prepared,
) -> std::result::Result<&'a Prepared, String> {
    let (width, visible) = (prepared.train.width(), rbm.visible_count());
    if width != visible {
        return Err(format!("they now have {width} values a case, and the model {visible}"));
    }
    let (now, then) = (prepared.cases(), record.figure("training_cases"));
    if then.is_some_and(|then| then != now as f64) {
        return Err(format!(
            "they have changed: {now} training cases, {} in the run",
            then.unwrap_or(0.0)
        ));
    }
    Ok(prepared)
}

/// All sections. `prepared` are the data, or why there are none.
pub fn sections(
    record: &Record,
    machine: Machine<'_>,
    prepared: std::result::Result<&Prepared, String>,
) -> Result<Vec<Section>> {
    let units = match &prepared {
        Ok(prepared) => Some(Units::of(machine, prepared)?),
        Err(_) => None,
    };
    let why = prepared.as_ref().err().map_or("", String::as_str);
    let panels = panels(&FIGURES, record);
    let (histograms, below) = match &units {
        Some(_) if machine.rbm.hidden().kind() == UnitKind::Rectified => {
            let text = "Rectified units are not on or off: there is no histogram of probabilities.";
            (String::new(), format!("<p class=\"quiet\">{text}</p>\n"))
        }
        Some(units) => (units.histograms(machine.rbm.hidden_count())?, String::new()),
        None => (String::new(), missing("The histogram of hidden activations is", why)),
    };
    let mut sections = vec![Section::lead(&one_line(record)), likelihoods::section(record)];
    sections.extend(mixing::section(record)?);
    sections.extend([
        score_table(record, &FIGURES, &|figure| in_space(record, figure), Vec::new()),
        curves(&panels, &histograms, &below)?,
        filters(machine, units.as_ref())?,
        reconstructions(machine, prepared)?,
        samples(machine)?,
    ]);
    Ok(sections)
}

fn one_line(record: &Record) -> String {
    let count = |key: &str| record.figure(key).map_or("?".into(), |n| n.to_string());
    let line = format!(
        "{} with {} visible and {} hidden units, {}, {} in {} s",
        text_of(&record.summary, "model").to_uppercase(),
        count("visible_units"),
        count("hidden_units"),
        learner(record),
        plural(count("epochs"), "epoch"),
        figure(record.figure("seconds"))
    );
    let score = if let Some(likelihood) = record.evaluated("mean_log_likelihood") {
        let method = record.method();
        format!("log-likelihood {} nats per case ({method} log Z)", figure(Some(likelihood)))
    } else if let Some(score) = record.figure("pseudo_log_likelihood") {
        format!("pseudo-likelihood {} nats per case", figure(Some(score)))
    } else {
        format!("reconstruction error {}", figure(record.figure("reconstruction_error")))
    };
    format!("{line}: {score}.")
}

/// What a reconstruction error is, where it is one of standardised values.
fn in_space(record: &Record, figure: &Figure) -> Option<String> {
    let standardized = record.summary.get("standardized").and_then(serde_json::Value::as_bool);
    let own = figure.name == "reconstruction error" && standardized == Some(true);
    own.then(|| format!("{} In the standardised space of the training data.", escape(figure.says)))
}

fn missing(what: &str, why: &str) -> String {
    format!(
        "<p class=\"warn\">{what} left out: the data are not at hand ({}). A relative path counts from the \
         folder in which the command runs.</p>\n",
        escape(why)
    )
}

/// How the hidden units are used on training cases.
struct Units {
    cases: String,
    /// All p(h|v).
    probabilities: Vec<f32>,
    /// Each unit's mean.
    activities: Vec<f64>,
}

impl Units {
    fn of(machine: Machine<'_>, prepared: &Prepared) -> Result<Self> {
        let all = prepared.cases();
        let cases = machine.treated(prepared, Part::Train, CASES)?;
        let v = upload_rows(machine.rbm.device(), &cases, 0, CASES)?;
        Ok(Units {
            cases: match cases.len() {
                n if prepared.stream.is_some() => format!("{n} of the {all} training cases"),
                n if n < all => format!("the first {n} of {all} training cases"),
                n => format!("the {n} training cases"),
            },
            probabilities: machine.rbm.mean_h_from_v(&v)?.to_vec()?,
            activities: scores::hidden_activity(machine.rbm, &v)?,
        })
    }

    fn histograms(&self, hidden: usize) -> Result<String> {
        let note =
            format!("All p(h|v) of {} and {hidden} hidden units, after training.", self.cases);
        let axes = ("p(h|v)", "cases × units");
        let bins = binned(self.probabilities.iter().map(|&p| f64::from(p)));
        let first = html::histogram("Hidden activations", axes, &bins, &note)?;
        let note = format!("How often each hidden unit is on, over {}.", self.cases);
        let axes = ("mean p(h|v)", "hidden units");
        let bins = binned(self.activities.iter().copied());
        Ok(first + &html::histogram("Use of hidden units", axes, &bins, &note)?)
    }
}

impl Machine<'_> {
    /// Some cases of the prepared data as the machine sees them.
    fn treated(&self, prepared: &Prepared, part: Part, count: usize) -> Result<Cases> {
        let cases = match part {
            Part::Train => &prepared.train,
            _ => prepared.shown().0,
        };
        let cases = cases.clone().limit(count);
        prepared.preprocessing.apply_for_evaluation(cases, self.origin.seed, part)
    }

    fn for_picture(&self, values: &mut [f32]) -> Result<(f32, f32)> {
        self.origin.for_picture(self.rbm.visible().kind(), values)
    }
}

fn filters(machine: Machine<'_>, units: Option<&Units>) -> Result<Section> {
    let (rbm, image) = (machine.rbm, machine.origin.image_shape());
    let (visible, hidden) = (rbm.visible_count(), rbm.hidden_count());
    let w = rbm.weights().to_vec()?;
    let norms = pictures::column_norms(&w, hidden);
    let activity = units.map(|u| &u.activities);
    let order = activity.unwrap_or(&norms);
    let mut numbers: Vec<usize> = (0..hidden).collect();
    numbers.sort_by(|&i, &j| order[j].total_cmp(&order[i]));
    let mut out = String::from("<p class=\"quiet\">");
    out += &match units {
        Some(units) => format!(
            "The weights of each hidden unit, sorted by use: the number is its mean p(h|v) over {}.",
            escape(&units.cases)
        ),
        None => "The weights of each hidden unit, sorted by their norm, since the data that would tell the units' \
                 use are not at hand."
            .into(),
    };
    if hidden > FILTERS {
        out += &format!(" The first {FILTERS} of {hidden} units.");
    }
    out += " White is positive, black negative, mid grey 0; all share one scale.</p>\n";
    out += match image {
        Some(_) => "<div class=\"filters\">\n",
        None => "<div class=\"filters strips\">\n",
    };
    let scale = pictures::shared_scale(&w);
    for &unit in numbers.iter().take(FILTERS) {
        let weights: Vec<f32> = (0..visible).map(|i| w[i * hidden + unit]).collect();
        let picture = pictures::tile(&weights, image, (-scale, scale))?;
        let (alt, caption) = match activity.map(|a| a[unit]) {
            Some(x) => (format!("Weights of unit {unit}, mean activity {x:.3}"), format!("{x:.3}")),
            None => (format!("Weights of unit {unit}"), format!("#{unit}")),
        };
        out += &format!(
            "<figure title=\"unit {unit}\">{}<figcaption>{caption}</figcaption></figure>\n",
            html::image(&picture, &alt)?
        );
    }
    Ok(Section::new("filters", "Filters", out + "</div>\n"))
}

fn reconstructions(
    machine: Machine<'_>,
    prepared: std::result::Result<&Prepared, String>,
) -> Result<Section> {
    let section = |body| Section::new("reconstructions", "Reconstructions", body);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return Ok(section(missing("Reconstructions are", &why))),
    };
    let (_, part, name) = prepared.shown();
    let shown = machine.treated(prepared, part, RECONSTRUCTIONS)?;
    let v = upload_rows(machine.rbm.device(), &shown, 0, RECONSTRUCTIONS)?;
    let (mut originals, mut again) = (v.to_vec()?, machine.rbm.reconstruct(&v)?.to_vec()?);
    machine.for_picture(&mut again)?;
    let range = machine.for_picture(&mut originals)?;
    let width = machine.rbm.visible_count();
    let both: Picture =
        pictures::rows(&[&originals, &again], CHAINS, width, machine.origin.image_shape(), range)?;
    let what = format!("The first {} {name} cases", shown.len());
    Ok(section(format!(
        "<p class=\"quiet\">{}: each original, and right below it v → p(h|v) → mean of v, without noise.</p>\n<div class=\"wide\">{}</div>\n",
        escape(&what),
        html::image(&both, &format!("{what}, each above its reconstruction"))?
    )))
}

fn samples(machine: Machine<'_>) -> Result<Section> {
    let mut out = String::from(
        "<p class=\"quiet\">The same independent chains, further and further from their start, in which each visible \
         unit is drawn by its bias alone. Shown are the visible units' means in the last step.</p>\n<div class=\"steps\">\n",
    );
    let mut before = 0;
    for steps in STEPS {
        // Draws are counted, so these are the same chains each time.
        let mut means =
            run_chains(machine.rbm, &Sampling::pictures(CHAINS, steps, machine.origin.seed))?;
        let range = machine.for_picture(&mut means)?;
        let width = machine.rbm.visible_count();
        let picture =
            pictures::rows(&[&means], CHAINS, width, machine.origin.image_shape(), range)?;
        let plural = if steps == 1 { "step" } else { "steps" };
        let further = match before {
            0 => String::new(),
            _ => format!(" <span class=\"quiet\">(+{})</span>", steps - before),
        };
        out += &format!(
            "<div>{steps} Gibbs {plural}{further}</div>{}\n",
            html::image(&picture, &format!("Samples after {steps} Gibbs {plural}"))?
        );
        before = steps;
    }
    Ok(Section::new("samples", "Samples", out + "</div>\n"))
}

/// How many values fall into each bin of [0, 1].
fn binned(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut bins = vec![0.0; BINS];
    for value in values.filter(|v| v.is_finite()) {
        bins[((value * BINS as f64) as usize).min(BINS - 1)] += 1.0;
    }
    bins
}
