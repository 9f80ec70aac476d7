//! `harmonium eval` and `sample` of deep Boltzmann machines.

use super::apply::{Format, Shown, tell_space};
use super::args::{EvalOptions, SampleOptions};
use super::chains::counted;
use super::likelihood;
use super::of_machines::{Needing, Needs};
use super::print::{self, out, warn};
use super::scoring::{annealing, choice, folder, print_json};
use super::trained;
use crate::error::Result;
use crate::jobs::dbm::DeepSampling;
use crate::jobs::rbm::Keep;
use crate::jobs::{self, TrainedDbm};
use crate::random::{ChainDraw, ChainStreams};

pub fn eval(options: &EvalOptions, model: &TrainedDbm) -> Result<()> {
    options.refuse_but(
        &[Needs::LogPartition],
        "a deep one is annealed over its layers of odd number, and its likelihood has a bound",
    )?;
    let reading = options.reading.reading();
    let evaluated = annealing(options, |config, progress| {
        model.evaluate(&choice(options, &reading), config, progress)
    })?;
    let found = &evaluated.evaluation;
    trained::notes(&found.notices);
    if found.bounded.mean_log_likelihood_bound.is_none() {
        warn(
            "the data are not 0 or 1, so a machine of Bernoulli units gives them no likelihood; binarise them in training \
             (--binarize)",
        );
    }
    if let Some(folder) = folder(options)? {
        jobs::save_evaluation(&folder, found)?;
        model.pictures(&evaluated, &folder)?;
    }
    if options.json {
        return print_json(found);
    }
    let exact = found.mean_log_likelihood.zip(found.mean_log_likelihood_std_error);
    likelihood::print_bounded(&found.bounded, exact)?;
    if let (Some(error), Some(wrong), Some(loss)) = (found.error, found.wrong, found.loss) {
        let (error, cases) = (100.0 * error, found.cases);
        out!("error: {error:.2} % ({wrong} of {cases} cases, by its classifier)");
        out!("loss: {loss:.4} (-ln p of the case's class, mean per case)");
    }
    let error = found.reconstruction_error;
    out!("reconstruction error: {error:.4} (squared, summed over the values of a case)");
    out!("mean field: {:.1} rounds per case", found.mean_field_rounds);
    let space = if found.standardized { ", in the standardised space" } else { "" };
    out!("cases: {} of {}, {} part{space}", found.cases, found.data, found.split);
    Ok(())
}

pub fn sample(options: &SampleOptions, model: &TrainedDbm, format: Format) -> Result<()> {
    options.refuse_but(
        &[Needs::Chains],
        "the chains of a deep machine start by its units' own biases and run freely",
    )?;
    let count = counted(options.count)?;
    let keep = match format {
        _ if options.average => Keep::Average,
        Format::Npy => Keep::States,
        Format::Png => Keep::Means,
    };
    let draw = ChainDraw::new(options.seed, ChainStreams::FREE);
    let mut samples = model.sample(&DeepSampling { count, steps: options.steps, draw, keep })?;
    if format == Format::Npy {
        tell_space(model.standardized());
    }
    let range = |values: &mut [f32]| model.for_picture(values);
    let shown =
        Shown { width: model.dbm.visible_count(), image: model.image_shape(), range: &range };
    shown.write(&options.out, format, &mut samples)?;
    out!(
        "{} after {}: {}",
        print::count(count, "chain"),
        print::count(options.steps, "sweep"),
        options.out.display()
    );
    Ok(())
}
