//! `harmonium sample`: what machines, deep ones among them, and deep belief nets draw.

use super::apply::{Shown, tell_space};
use super::args::SampleOptions;
use super::chains::counted;
use super::clamped::{self, Onto};
use super::class_rbm;
use super::deep;
use super::of_machines::{Needing, Needs};
use super::print::{self, out};
use super::scoring::stepping;
use super::states;
use super::targets::Format;
use super::{open_device, trained};
use crate::data::Part;
use crate::error::{Error, Result};
use crate::jobs::dbn::Dreaming;
use crate::jobs::rbm::{Keep, Passage, Rungs, Sampling, Watch};
use crate::jobs::{Trained, TrainedDbn, TrainedRbm};
use crate::models::Ladder;
use crate::random::{ChainDraw, ChainStreams};
use crate::run::npy;

pub fn sample(options: &SampleOptions) -> Result<()> {
    let reads = [
        ("the model", Some(options.model.model.as_path())),
        ("--init", options.init.as_deref()),
        ("--clamp", options.clamp.as_deref()),
    ];
    let format = Format::of(&options.out, true, &reads)?;
    let device = open_device(&options.device.device, &options.device.policy)?;
    let model = match trained::open_stack(&options.model, &device)? {
        Trained::Dbn(net) => return dream(options, &net, format),
        Trained::ClassRbm(machine) => return class_rbm::sample(options, &machine, format),
        Trained::Dbm(dbm) => return deep::sample(options, &dbm, format),
        other => other.for_command::<TrainedRbm>("sample")?,
    };
    options.refuse_but(
        &[Needs::Chains, Needs::Held, Needs::Machine],
        "this machine knows no classes",
    )?;
    let onto = Onto {
        units: model.rbm.visible(),
        image: model.image_shape(),
        seen: &|cases, name| model.seen(cases, name, Part::Test),
    };
    let held = clamped::held(options, &onto)?;
    let (init, count) = match &held {
        Some(held) => (None, held.chains(options.count)?),
        None => starts(options, &model)?,
    };
    let ladder = ladder(options, &model)?;
    let keep = match format {
        _ if options.average => Keep::Average,
        Format::Npy => Keep::States,
        Format::Png => Keep::Means,
    };
    let streams = if ladder.is_some() { ChainStreams::TEMPERING } else { ChainStreams::FREE };
    let sampling = Sampling {
        count,
        steps: options.steps,
        draw: ChainDraw::new(options.seed, streams),
        init: init.as_deref(),
        keep,
        held: held.as_ref().map(|held| &held.units),
        ladder: ladder.as_ref(),
        watch: Watch::default(),
    };
    let sampled =
        stepping(count, options.steps, |watch| model.sample(&Sampling { watch, ..sampling }))?;
    if format == Format::Npy {
        tell_space(model.standardized());
    }
    let range = |values: &mut [f32]| model.for_picture(values);
    let width = model.rbm.visible_count();
    let shown = Shown { width, image: model.image_shape(), range: &range };
    let mut values = sampled.values;
    shown.write(&options.out, format, &mut values)?;
    let steps = match &ladder {
        Some(ladder) => {
            let rounds = print::count(options.steps, "round");
            format!("{rounds} on {}", print::count(ladder.rungs().len(), "rung"))
        }
        None => print::count(options.steps, "Gibbs step"),
    };
    let held = held.map_or(String::new(), |held| held.words());
    out!("{} after {steps}{held}: {}", print::count(count, "chain"), options.out.display());
    if let Some(Passage { least: Some(least), round_trips }) = sampled.passage {
        let trips = match round_trips {
            0 => print::no_round_trip("--steps"),
            trips => print::count(trips, "round trip"),
        };
        out!("ladder: neighbours exchange at least {least:.2}, {trips}");
    }
    Ok(())
}

/// The ladder that is asked for.
fn ladder(options: &SampleOptions, model: &TrainedRbm) -> Result<Option<Ladder>> {
    let rungs = match options.pt {
        Some(count) => {
            Ladder::check_count("pt", count)?;
            Rungs::Tempered(count)
        }
        None if options.ptt => Rungs::Trajectory,
        None => return Ok(None),
    };
    if options.init.is_some() && options.clamp.is_none() {
        let detail = "gives the starting states of chains that run alone; those of a ladder start by their own biases: \
                      leave it out";
        return Err(Error::setting("init", detail));
    }
    model.ladder(rungs, None).map(Some)
}

/// Draws what a deep belief net dreams.
fn dream(options: &SampleOptions, model: &TrainedDbn, format: Format) -> Result<()> {
    options
        .refuse_but(&[Needs::Classes], "a deep belief net dreams freely, by its top's chains")?;
    let count = counted(options.count)?;
    let class = options.class.as_deref().map(|class| model.class(class)).transpose()?;
    let keep = if format == Format::Npy { Keep::States } else { Keep::Means };
    let draw = ChainDraw::new(options.seed, ChainStreams::DREAMS);
    let classes = class.map(|class| vec![class; count]);
    let mut dreams = stepping(count, options.steps, |watch| {
        model.dream(&Dreaming { count, classes, steps: options.steps, draw, keep, watch })
    })?;
    if format == Format::Npy {
        tell_space(model.standardized());
    }
    let range = |values: &mut [f32]| model.for_picture(values);
    let shown =
        Shown { width: model.net.visible_count(), image: model.image_shape(), range: &range };
    shown.write(&options.out, format, &mut dreams)?;
    let of = options.class.as_ref().map_or(String::new(), |class| format!(" of class {class}"));
    out!(
        "{}{of} after {} of the top: {}",
        print::count(count, "dream"),
        print::count(options.steps, "Gibbs step"),
        options.out.display()
    );
    Ok(())
}

/// The chains' starting states, if given, and how many chains.
fn starts(options: &SampleOptions, model: &TrainedRbm) -> Result<(Option<Vec<f32>>, usize)> {
    let width = model.rbm.visible_count();
    let Some(path) = &options.init else {
        return Ok((None, counted(options.count)?));
    };
    let matrix = npy::read(path)?;
    if matrix.columns != width || matrix.rows == 0 {
        return Err(Error::file(
            path,
            "shape",
            format!("[{}, {}], expected [chains, {width}]", matrix.rows, matrix.columns),
        ));
    }
    if options.count.is_some_and(|count| count != matrix.rows) {
        return Err(Error::setting(
            "count",
            format!("contradicts --init, which has {} rows; leave --count out", matrix.rows),
        ));
    }
    states::check(path, model.rbm.visible(), &matrix.values, &|_| true)?;
    Ok((Some(matrix.values), matrix.rows))
}
