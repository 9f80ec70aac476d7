//! What `sample` and `eval` do with classification machines.

use super::apply::Shown;
use super::args::{EvalOptions, SampleOptions};
use super::chains::counted;
use super::likelihood::{over_cases, print_log_partition, warn_of_values};
use super::of_machines::{Needing, Needs};
use super::print::{self, out};
use super::scoring::{
    Asked, OF_CLASSES, annealing, folder, keep, print_json_of, stepping, write_cases,
};
use super::targets::Format;
use super::trained;
use crate::error::Result;
use crate::jobs::TrainedClassRbm;
use crate::jobs::class_rbm::ClassSampling;
use crate::jobs::rbm::Keep;
use crate::random::{ChainDraw, ChainStreams};
use crate::ranks::Ranks;

pub fn sample(options: &SampleOptions, model: &TrainedClassRbm, format: Format) -> Result<()> {
    let why = "a classification machine's chains run freely, or with --class from a label";
    options.refuse_but(&[Needs::Classes], why)?;
    let count = counted(options.count)?;
    let class = options.class.as_deref().map(|class| model.origin.class(class)).transpose()?;
    let mut samples = stepping(count, options.steps, |watch| {
        model.sample(&ClassSampling {
            count,
            classes: class.map(|class| vec![class; count]),
            steps: options.steps,
            draw: ChainDraw::new(options.seed, ChainStreams::FREE),
            keep: if format == Format::Npy { Keep::States } else { Keep::Means },
            watch,
        })
    })?;
    let range = |values: &mut [f32]| model.for_picture(values);
    let shown =
        Shown { width: model.machine.features(), image: model.image_shape(), range: &range };
    shown.write(&options.out, format, &mut samples)?;
    let of = options.class.as_ref().map_or(String::new(), |class| format!(" of class {class}"));
    out!(
        "{}{of} after {}: {}",
        print::count(count, "chain"),
        print::count(options.steps, "Gibbs step"),
        options.out.display()
    );
    Ok(())
}

pub fn eval(ranks: &Ranks, options: &EvalOptions, model: &TrainedClassRbm) -> Result<()> {
    let why = "a classification machine has errors and, with --exact or --ais, likelihoods";
    options.refuse_but(&[Needs::LogPartition, Needs::Cases], why)?;
    let likelihood = options.exact || options.ais.is_some() || options.ais_grid.is_some();
    let asked = Asked::of(options)?;
    let evaluated = annealing((ranks, options), |config, progress| {
        model.evaluate(&asked.choice(options), config, likelihood, progress)
    })?;
    if !ranks.is_first() {
        return Ok(());
    }
    let found = &evaluated.evaluation;
    trained::notes(&found.notices);
    if likelihood && found.mean_log_likelihood.is_none() {
        warn_of_values("a machine");
    }
    if let Some(folder) = folder(options)? {
        let draw = || model.pictures(&evaluated, &folder);
        keep(options, &folder, found, (&OF_CLASSES, draw))?;
    }
    if options.json {
        return print_json_of(found, &found.each_case, options);
    }
    let (error, wrong, cases) = (100.0 * found.error, found.wrong, found.cases);
    out!("error: {error:.2} % ({wrong} of {cases} cases)");
    out!("loss: {:.4} nats (-ln p of the case's class, exact, mean per case)", found.loss);
    let (free, error) = (found.mean_free_energy, found.mean_free_energy_std_error);
    out!("free energy: {free:.3} nats (mean per case, {})", over_cases(error));
    if let Some(z) = &found.log_partition {
        print_log_partition(z, None, found.trusted)?;
    }
    if let (Some(alone), Some(joint)) = (found.mean_log_likelihood, found.mean_joint_log_likelihood)
    {
        out!("mean log-likelihood: ln p(x) {alone:.3} nats per case, ln p(x, y) {joint:.3}");
    }
    let error = found.reconstruction_error;
    out!("reconstruction error: {error:.4} (squared, summed over the values of a case)");
    out!("cases: {cases} of {}, {} part{}", found.data, found.split, asked.by());
    if !likelihood {
        out!("with --exact or --ais N also log Z and likelihoods");
    }
    write_cases(options, &found.each_case)
}
