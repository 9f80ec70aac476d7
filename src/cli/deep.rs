//! `harmonium eval` and `sample` of deep Boltzmann machines.

use super::apply::{self, tell_space};
use super::args::{EvalOptions, SampleOptions};
use super::chains::counted;
use super::clamped::{self, Onto};
use super::likelihood;
use super::of_machines::{Needing, Needs};
use super::print::{self, out};
use super::scoring::{
    Asked, OF_CLASSES, annealing, folder, keep, print_json_of, stepping, write_cases,
};
use super::targets::Format;
use super::trained;
use serde::Serialize;

use crate::data::Part;
use crate::error::Result;
use crate::jobs::TrainedDbm;
use crate::jobs::dbm::{Bounded, DeepSampling, Evaluated, Scored};
use crate::jobs::network::Shown;
use crate::jobs::rbm::Keep;
use crate::random::{ChainDraw, ChainStreams};
use crate::ranks::Ranks;

pub fn eval(ranks: &Ranks, options: &EvalOptions, model: &TrainedDbm) -> Result<()> {
    options.refuse_but(
        &[Needs::LogPartition, Needs::Cases],
        "a deep one is annealed over its layers of odd number, and its likelihood has a bound",
    )?;
    let asked = Asked::of(options)?;
    let evaluated = annealing((ranks, options), |config, progress| {
        model.evaluate(&asked.choice(options), config, progress)
    })?;
    if !ranks.is_first() {
        return Ok(());
    }
    let found = &evaluated.evaluation;
    let by = asked.by();
    let told = Told { bounded: &found.bounded, scored: &found.scored, what: "a machine", by };
    if !told.begin(options, &evaluated, &model.shown())? {
        return Ok(());
    }
    let exact = found.mean_log_likelihood.map(|mean| (mean, found.mean_log_likelihood_std_error));
    likelihood::print_bounded(&found.bounded, exact)?;
    told.print_classes("its classifier")?;
    out!("mean field: {:.1} rounds per case", found.mean_field_rounds);
    told.print_cases(options)
}

/// What is told of an evaluation of any deep model.
pub struct Told<'a> {
    pub bounded: &'a Bounded,
    pub scored: &'a Scored,
    /// `a machine`, or `a net`.
    pub what: &'static str,
    /// How means are taken.
    pub by: &'static str,
}

impl Told<'_> {
    /// Notes, files and, where that is asked for, JSON; whether words are to follow.
    pub fn begin<E: Serialize>(
        &self,
        options: &EvalOptions,
        evaluated: &Evaluated<E>,
        shown: &Shown<'_>,
    ) -> Result<bool> {
        trained::notes(&self.scored.notices);
        if self.bounded.mean_log_likelihood_bound.is_none() {
            likelihood::warn_of_values(self.what);
        }
        if let Some(folder) = folder(options)? {
            let draw = || {
                self.bounded.ladder.draw(&folder)?;
                evaluated.pictures(shown, &folder)
            };
            let drawn = if self.scored.error.is_some() { &OF_CLASSES[..] } else { &[] };
            keep(options, &folder, &evaluated.evaluation, (drawn, draw))?;
        }
        if options.json {
            print_json_of(&evaluated.evaluation, &self.scored.each_case, options)?;
        }
        Ok(!options.json)
    }

    /// Errors of classes that were found by `what`, and of reconstructions.
    pub fn print_classes(&self, what: &str) -> Result<()> {
        let found = self.scored;
        if let (Some(error), Some(wrong), Some(loss)) = (found.error, found.wrong, found.loss) {
            let (error, cases, by) = (100.0 * error, found.cases, self.by);
            out!("error: {error:.2} % ({wrong} of {cases} cases, by {what}{by})");
            out!("loss: {loss:.4} (-ln p of the case's class, mean per case)");
        }
        let error = found.reconstruction_error;
        out!("reconstruction error: {error:.4} (squared, summed over the values of a case)");
        Ok(())
    }

    /// What it was found on.
    pub fn print_cases(&self, options: &EvalOptions) -> Result<()> {
        let found = self.scored;
        let space = if found.standardized { ", in the standardised space" } else { "" };
        out!("cases: {} of {}, {} part{space}{}", found.cases, found.data, found.split, self.by);
        write_cases(options, &found.each_case)
    }
}

pub fn sample(options: &SampleOptions, model: &TrainedDbm, format: Format) -> Result<()> {
    options.refuse_but(
        &[Needs::Chains, Needs::Held],
        "the chains of a deep machine start by its units' own biases",
    )?;
    let onto = Onto {
        units: model.dbm.units(0),
        image: model.image_shape(),
        seen: &|cases, _| {
            let origin = &model.origin;
            origin.preprocessing.apply_for_evaluation(cases, origin.seed, Part::Test)
        },
    };
    let held = clamped::held(options, &onto)?;
    let count =
        held.as_ref().map_or_else(|| counted(options.count), |h| h.chains(options.count))?;
    let keep = match format {
        _ if options.average => Keep::Average,
        Format::Npy => Keep::States,
        Format::Png => Keep::Means,
    };
    let draw = ChainDraw::new(options.seed, ChainStreams::FREE);
    let units = held.as_ref().map(|held| &held.units);
    let mut samples = stepping(count, options.steps, |watch| {
        model.sample(&DeepSampling { count, steps: options.steps, draw, keep, held: units, watch })
    })?;
    if format == Format::Npy {
        tell_space(model.standardized());
    }
    let range = |values: &mut [f32]| model.for_picture(values);
    let shown = apply::Shown {
        width: model.dbm.visible_count(),
        image: model.image_shape(),
        range: &range,
    };
    shown.write(&options.out, format, &mut samples)?;
    out!(
        "{} after {}{}: {}",
        print::count(count, "chain"),
        print::count(options.steps, "sweep"),
        held.map_or(String::new(), |held| held.words()),
        options.out.display()
    );
    Ok(())
}
