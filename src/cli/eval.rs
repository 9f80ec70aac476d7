//! `harmonium eval`.

use super::args::EvalOptions;
use super::class_rbm;
use super::deep::{self, Told};
use super::diagnostics;
use super::likelihood;
use super::of_machines::{Needing, Needs};
use super::print::{out, tell, warn};
use super::ranks::{device, together};
use super::scoring::{
    Asked, OF_CLASSES, annealing, check_per_case, folder, keep, print_json_of, write_cases,
};
use super::{sequences, trained};
use crate::error::{Error, Result};
use crate::jobs::{self, Trained, TrainedAutoencoder, TrainedDbn, TrainedNetwork, TrainedRbm};
use crate::ranks::Ranks;
use crate::run;

pub fn run(ranks: &Ranks, options: &EvalOptions) -> Result<()> {
    let device = device(ranks, &options.device)?;
    let model = together(ranks, trained::open(&options.model, &device))?;
    check_per_case(options, &model)?;
    if !matches!(model, Trained::Crf(_)) {
        options.decoding.refuse_of_cases()?;
    }
    match model {
        Trained::Rbm(machine) => eval_machine(ranks, options, &machine),
        Trained::Network(network) => eval_network(ranks, options, network),
        Trained::Autoencoder(autoencoder) => eval_autoencoder(ranks, options, &autoencoder),
        Trained::Dbn(net) => eval_dbn(ranks, options, &net),
        Trained::Crf(field) => sequences::eval(ranks, options, &field),
        Trained::Dbm(dbm) => deep::eval(ranks, options, &dbm),
        Trained::ClassRbm(machine) => class_rbm::eval(ranks, options, &machine),
    }
}

fn eval_machine(ranks: &Ranks, options: &EvalOptions, machine: &TrainedRbm) -> Result<()> {
    if options.out.is_some() && !options.diagnostics {
        let detail =
            "takes the pictures of a network's evaluation or of --diagnostics; leave it out";
        return Err(Error::setting("out", detail));
    }
    if options.diagnostics && options.weights.is_some() {
        let detail = "is of means and scores, and --diagnostics looks at every case once: ask for them one after the other";
        return Err(Error::setting("weights", detail));
    }
    let energy = machine.rbm.hidden().kind().has_energy();
    if !energy {
        options.refuse_but(
            &[Needs::Cases],
            "rectified hidden units have no energy, of which these come",
        )?;
    }
    if options.data.is_none() && machine.origin.data.is_none() {
        if !energy {
            let detail = "none are named, here or in the model, and without an energy cases alone can be scored; name some";
            return Err(Error::setting("data", detail));
        }
        if options.per_case.is_some() {
            let detail = "needs cases, and none are named, here or in the model; --data names some";
            return Err(Error::setting("per-case", detail));
        }
        tell(
            "note: no data are named, here or in the model: log Z alone, from a base of fair coins; --data \
             names some",
        );
    }
    let asked = Asked::of(options)?;
    let mut found = annealing((ranks, options), |config, progress| {
        machine.evaluate(&asked.choice(options), config, progress)
    })?;
    if options.diagnostics {
        found.diagnostics = Some(annealing((ranks, options), |config, progress| {
            machine.diagnose(&asked.choice(options), config, progress)
        })?);
    }
    if !ranks.is_first() {
        return Ok(());
    }
    trained::notes(&found.notices);
    if found.cases.is_some() && found.mean_log_likelihood.is_none() && energy {
        likelihood::warn_of_values("a machine");
    }
    if options.model.model.is_dir() {
        let folder = &options.model.model;
        keep(options, folder, &found, (&[], || found.ladder.draw(folder)))?;
    }
    let picture = match &found.diagnostics {
        Some(diagnostics) => match diagnostics::draw(diagnostics, folder(options)?.as_deref()) {
            // Nobody asked for the picture in the run's folder alone: figures are not lost for it.
            Err(error) if options.out.is_none() => {
                warn(format!("{error}; the diagnostics are told without their picture"));
                None
            }
            drawn => drawn?,
        },
        None => None,
    };
    if options.json {
        return print_json_of(&found, &found.each_case, options);
    }
    likelihood::print(&found, asked.by())?;
    if let Some(diagnostics) = &found.diagnostics {
        diagnostics::print(diagnostics, picture.as_deref())?;
    }
    write_cases(options, &found.each_case)
}

fn eval_dbn(ranks: &Ranks, options: &EvalOptions, net: &TrainedDbn) -> Result<()> {
    options.refuse_but(
        &[Needs::LogPartition, Needs::Climb, Needs::Cases],
        "a deep belief net's top is annealed, and its likelihood has a bound (harmonium export makes a machine of a level)",
    )?;
    let asked = Asked::of(options)?;
    let evaluated = annealing((ranks, options), |config, progress| {
        net.evaluate(&asked.choice(options), config, progress)
    })?;
    if !ranks.is_first() {
        return Ok(());
    }
    let found = &evaluated.evaluation;
    let by = asked.by();
    let told = Told { bounded: &found.bounded, scored: &found.scored, what: "a net", by };
    if !told.begin(options, &evaluated, &net.shown())? {
        return Ok(());
    }
    likelihood::print_bounded(&found.bounded, None)?;
    told.print_classes("free energies")?;
    told.print_cases(options)
}

fn eval_autoencoder(
    ranks: &Ranks,
    options: &EvalOptions,
    autoencoder: &TrainedAutoencoder,
) -> Result<()> {
    options.refuse_but(&[Needs::Cases], "an autoencoder has errors")?;
    if options.out.is_some() {
        let detail = "takes the pictures of a network's evaluation; an autoencoder has none";
        return Err(Error::setting("out", detail));
    }
    let asked = Asked::of(options)?;
    let found = autoencoder.evaluate_on(ranks, &asked.choice(options))?;
    if !ranks.is_first() {
        return Ok(());
    }
    trained::notes(&found.notices);
    if options.model.model.is_dir() {
        keep(options, &options.model.model, &found, (&[], || Ok(())))?;
    }
    if options.json {
        return print_json_of(&found, &found.each_case, options);
    }
    let (squared, by) = (found.squared_error, asked.by());
    out!("squared error: {squared:.4} (summed over values, mean over cases{by})");
    if let Some(nats) = found.cross_entropy {
        out!("cross-entropy: {nats:.4} nats (summed over values, mean over cases{by})");
    }
    out!("cases: {} of {}, {} part", found.cases, found.data, found.split);
    write_cases(options, &found.each_case)
}

fn eval_network(ranks: &Ranks, options: &EvalOptions, network: TrainedNetwork) -> Result<()> {
    let stack = jobs::stack_of(&options.model.model);
    let why = match stack != options.model.model {
        true => format!("a network has error and loss (its stack is {})", stack.display()),
        false => "a network has error and loss".into(),
    };
    options.refuse_but(&[Needs::Cases], &why)?;
    let asked = Asked::of(options)?;
    let evaluated = network.evaluate_on(ranks, &asked.choice(options))?;
    if !ranks.is_first() {
        return Ok(());
    }
    let found = &evaluated.evaluation;
    trained::notes(&found.notices);
    let folder = folder(options)?;
    let kept = match &folder {
        Some(folder) => {
            let draw = || evaluated.pictures(folder, &network.origin);
            keep(options, folder, found, (&OF_CLASSES, draw))?
        }
        None => false,
    };
    if options.json {
        return print_json_of(found, &found.each_case, options);
    }
    let (error, wrong, cases) = (100.0 * found.error, found.wrong, found.cases);
    let by = asked.by();
    out!("error: {error:.2} % ({wrong} of {cases} cases{by})");
    out!("loss: {:.4} (mean per case{by})", found.loss);
    out!("cases: {}, {} part", found.data, found.split);
    match &folder {
        Some(folder) if kept => {
            for file in OF_CLASSES.iter().chain(&[run::EVAL]) {
                out!("  {}", folder.join(file).display());
            }
        }
        Some(_) => {}
        None => out!("with --out DIR the confusion matrix and the worst mistakes are written too"),
    }
    write_cases(options, &found.each_case)
}
