//! `harmonium train`: one command for every kind of model.

use std::path::Path;
use std::process::ExitCode;

use super::log::{self, LogLevel};
use super::print::{count, out, tell, warn};
use super::progress::Terminal;
use super::ranks::{self, together};
use super::train_args::{HowOptions, TrainOptions};
use super::{interrupt, open_device, print_profile, spoken};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::ranks::Ranks;
use crate::run::settings::{Settings, read_file, resolve, resolve_asked, table};
use crate::run::{
    self, Checkpoint, Checkpoints, End, Event, Found, Job, Observer, Older, Run, Summary, train,
};
use crate::training::{Figure, Told};

/// How a kind of job is made from its settings.
type Make<J> = fn(<J as Job>::Settings, &Device, &mut dyn Observer) -> Result<J>;

/// Trains a model that `train` calls `kind`.
pub fn run<J: Job>(
    kind: &str,
    options: &TrainOptions<J::Settings>,
    make: Make<J>,
) -> Result<ExitCode> {
    trained(kind, options, make).map_err(|error| spoken::named(error, kind, options))
}

fn trained<J: Job>(
    kind: &str,
    options: &TrainOptions<J::Settings>,
    make: Make<J>,
) -> Result<ExitCode> {
    let how = &options.how;
    let quiet = if how.quiet { LogLevel::Error } else { LogLevel::Info };
    log::set_level(how.log_level.unwrap_or(quiet));
    interrupt::install()?;
    let ranks = ranks::join()?;
    let mut terminal = Terminal::default();
    let Some((settings, older)) = agreed::<J>(&ranks, (kind, options), &mut terminal)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let ranks = ranks.reproducible(settings.reproducible());
    if ranks.cuts() {
        together(&ranks, settings.check_shared())?;
    }
    let open = |selector: &str| open_device(selector, &how.policy);
    let (device, different) = ranks::device_of(&ranks, settings.device(), open)?;
    let mixed = different.is_some();
    if let Some(different) = different.filter(|_| !how.mixed_devices) {
        let detail = format!(
            "{different}, so their models would drift apart. Give all ranks one kind of device, or add --mixed-devices"
        );
        return Err(Error::setting("device", detail));
    }
    if mixed && settings.reproducible() {
        let detail = "makes the same bits on any number of ranks, and devices of different kinds do not: leave it or \
                      --mixed-devices out";
        return Err(Error::setting("reproducible", detail));
    }
    let ranks = ranks.mixed(mixed);
    ranks::introduce(
        &ranks,
        match (settings.reproducible(), mixed) {
            (true, _) => ", cut into 8 blocks",
            (_, true) => "; rank 0 makes the updates and sends what they change",
            _ => "",
        },
    );
    let mut job = together(&ranks, make(settings, &device, &mut terminal))?;
    together(&ranks, ranks::same_data(&ranks, &job))?;
    let run = match older {
        _ if !ranks.is_first() => Run::follow(&job, &ranks),
        None => Run::create(&job, how.out.as_deref(), how.force),
        Some(older) => older.take_up(&job, &mut terminal),
    };
    let mut run = together(&ranks, run)?.with_ranks(&ranks).finishing(how.finish);
    if !mixed {
        ranks::same_policy(&ranks, &device)?;
    }
    interrupt::wait_for_update();
    if !ranks.is_first() {
        return follow(&ranks, &mut job, &mut run);
    }
    tell(format!("run: {}", run.folder.path().display()));
    if how.profile {
        terminal.profile(&device);
    }
    let command = run::resuming(kind, run.folder.path());
    let interrupted = format!("interrupted; to go on: {command}");
    let mut watch = |event: Event<'_>| {
        // What is left are scores, pictures and the report, which a resumed run makes anew.
        let all_is_saved = matches!(event, Event::Over);
        let flow = terminal.see(event);
        if all_is_saved && flow == run::Flow::GoOn {
            interrupt::end_at_once(interrupted.clone());
        }
        flow
    };
    match train(&mut job, &mut run, &mut watch) {
        Ok(End::Done(summary)) => {
            print(how, &run, &summary)?;
            ranks::cost(&ranks, summary.seconds);
            match terminal.profiled() {
                Some(rows) if !how.quiet => print_profile(&device, rows?)?,
                _ => {}
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(End::Stopped) => {
            warn(format!("{interrupted}; with --finish it makes a model of what is learnt so far"));
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        Err(error) => {
            warn(match run.undone() {
                Some(undone) => undone.to_string(),
                None => what_stays(&error, run.folder.path(), (&command, job.stages()), how.finish),
            });
            ranks::fail(&ranks, &error);
            Err(error)
        }
    }
}

/// What an error leaves in the run's folder, and what may be done with it; `command` goes on from a checkpoint.
/// `finishing` was asked to make a model of the last one.
fn what_stays(
    error: &Error,
    folder: &Path,
    (command, stages): (&str, usize),
    finishing: bool,
) -> String {
    let path = folder.display();
    if !Checkpoints::are_in(folder) {
        return format!(
            "{path} has no checkpoint to go on from: begin again, with --force where the folder is to be the same"
        );
    }
    let stays = format!("the last good checkpoint and the metrics stay in {path}");
    match error {
        // It was written on the way to the divergence, where all was finite still.
        Error::Diverged { .. } if finishing => format!(
            "the parameters in {path}'s last checkpoint are finite, but too large for a model that could be scored: begin a \
             new run with a lower learning rate"
        ),
        // The same steps with the same settings end in the same way.
        Error::Diverged { .. } => {
            // The last stage alone leaves a model: of what it or a stage before it has learnt.
            let learnt = |of: &Checkpoint| {
                of.stage() + 1 == stages && (of.stage() > 0 || of.state.clock.epochs > 0)
            };
            let found = Checkpoints::open(folder).ok().and_then(|(_, found)| found.newest);
            let learnt = match found.is_some_and(|(_, newest)| learnt(&newest)) {
                true => format!(
                    ", or make a model of what was learnt by that checkpoint, and look whether its scores are sane: \
                     {command} --finish"
                ),
                false => String::new(),
            };
            format!(
                "{stays}; to go on from there would diverge again, since a run keeps its settings: begin a new one with other \
                 settings{learnt}"
            )
        }
        _ => format!("{stays}; to go on from there: {command}"),
    }
}

/// A rank that follows rank 0 to the end.
fn follow<J: Job>(ranks: &Ranks, job: &mut J, run: &mut Run) -> Result<ExitCode> {
    let mut watch = |_: Event<'_>| match interrupt::requested() {
        true => run::Flow::Stop,
        false => run::Flow::GoOn,
    };
    train(job, run, &mut watch).inspect_err(|error| ranks::fail(ranks, error))?;
    Ok(ExitCode::SUCCESS)
}

/// Settings, and the older run that goes on with them.
type Wanted<S> = (S, Option<Box<Older>>);

/// What is to be done, as rank 0 reads it from the command line and files; the older run is at rank 0 alone. `None`
/// where nothing is.
fn agreed<J: Job>(
    ranks: &Ranks,
    (kind, options): (&str, &TrainOptions<J::Settings>),
    terminal: &mut Terminal,
) -> Result<Option<Wanted<J::Settings>>> {
    let own = match ranks.is_first() {
        true => wanted::<J>(kind, options, terminal),
        false => Ok(None),
    };
    let own = together(ranks, own)?;
    if ranks.count() == 1 {
        return Ok(own);
    }
    let text = match &own {
        Some((settings, _)) => table(settings)?.to_string(),
        None => String::new(),
    };
    let told = ranks.tell(text.as_bytes())?;
    if ranks.is_first() {
        return Ok(own);
    }
    let told = String::from_utf8_lossy(&told).parse::<toml::Table>();
    let told = told.map_err(|e| Error::run("ranks", format!("rank 0 sent no settings: {e}")))?;
    match told.is_empty() {
        true => Ok(None),
        false => Ok(Some((resolve(vec![told])?, None))),
    }
}

/// What is asked for, and the older run that goes on with it. `None`, which is said, where it is finished.
fn wanted<J: Job>(
    kind: &str,
    options: &TrainOptions<J::Settings>,
    terminal: &mut Terminal,
) -> Result<Option<Wanted<J::Settings>>> {
    let how = &options.how;
    let model = [("model".to_string(), kind.into())];
    let mut layers = vec![toml::Table::from_iter(model)];
    if let Some(path) = &how.config {
        layers.push(read_file::<J::Settings>(path, kind)?.settings);
    }
    layers.push(options.asked.settings.clone());
    if !how.resume {
        return Ok(Some((resolve_asked::<J::Settings>(layers)?, None)));
    }
    let Some(path) = &how.out else {
        let detail = "which run? name its folder with --out DIR";
        return Err(Error::setting("--resume", detail));
    };
    match Run::find::<J::Settings>(path, kind, layers, terminal)? {
        Found::Unfinished(settings, older) => Ok(Some((settings, Some(older)))),
        Found::Finished(why) => {
            out!("{why}");
            // An interrupt may have come between the summary and the report.
            if !path.join(run::REPORT).is_file() {
                let report = format!("harmonium report {}", path.display());
                interrupt::end_at_once(format!("interrupted; to make its report: {report}"));
                super::report::write(path, None)?;
            }
            Ok(None)
        }
    }
}

/// The epochs of the last stage, after those of the stages before it.
fn epochs(summary: &Summary) -> String {
    let own = |of| count(of, "epoch");
    match &summary.stage {
        Some((_, last)) if *last < summary.epochs => {
            format!("{} after {} of earlier stages", own(*last), summary.epochs - last)
        }
        _ => own(summary.epochs),
    }
}

/// What the run came to: on one line with `--quiet`.
fn print(how: &HowOptions, run: &Run, summary: &Summary) -> Result<()> {
    let path = run.folder.path().display();
    if how.quiet {
        // Of what is told, all that the last cases came to: those of the test where there are any.
        let told = |told| {
            let own = summary.figures.iter().filter(move |(figure, _)| figure.told == told);
            own.filter_map(|(figure, _)| Some((figure, summary.figures.text(figure)?)))
                .collect::<Vec<_>>()
        };
        let told = [Told::Always, Told::AtTheEnd].map(told).into_iter().find(|own| !own.is_empty());
        let told = told.unwrap_or_default();
        let score: String = (told.iter())
            .filter(|(figure, _)| told.last().is_some_and(|(last, _)| last.of == figure.of))
            .map(|(figure, text)| format!(", {} {text}", figure.title()))
            .collect();
        out!("{path}: {} in {:.1} s{score}", epochs(summary), summary.seconds);
        return Ok(());
    }
    out!(
        "{}, {}{}, {} in {:.1} s ({:.0} cases/s)",
        summary.title,
        epochs(summary),
        if summary.stopped_early { " (stopped early)" } else { "" },
        count(summary.updates, "update"),
        summary.seconds,
        summary.cases_per_second
    );
    let told: Vec<(&Figure, String)> = summary
        .figures
        .iter()
        .filter(|(figure, _)| matches!(figure.told, Told::AtTheEnd | Told::Always))
        .filter_map(|(figure, _)| Some((figure, summary.figures.text(figure)?)))
        .collect();
    let mut names: Vec<&str> = Vec::new();
    for (figure, _) in &told {
        if names.contains(&figure.name) {
            continue;
        }
        names.push(figure.name);
        let own = told.iter().filter(|(f, _)| f.name == figure.name);
        let values: Vec<String> =
            own.map(|(f, text)| format!("{} {text}", f.of).trim_start().to_string()).collect();
        // What a classifier stands on was trained before it, and has no epoch of the classifier's.
        let classifies = summary.stage.as_ref().is_some_and(|(stage, _)| stage == "classifier");
        let of_kept = !classifies || ["error", "loss"].contains(&figure.name);
        let about = match summary.best_epoch.filter(|_| of_kept) {
            Some(epoch) => format!("epoch {epoch}"),
            None => figure.unit.to_string(),
        };
        out!("{}: {} ({about})", figure.name, values.join(", "));
    }
    for (name, file) in [
        ("model", run::MODEL),
        ("last epoch's model", run::LAST_MODEL),
        ("averaged parameters", run::AVERAGED),
        ("stack", run::DBN),
        ("classifier", run::CLASSIFIER),
        ("picture", run::FILTERS),
        ("picture", run::LEVELS),
        ("picture", run::SAMPLES),
        ("picture", run::RECONSTRUCTIONS),
        ("picture", run::CODES),
        ("picture", run::PLANE),
        ("picture", run::CURVES),
        ("picture", run::PRETRAINING),
        ("picture", run::CONFUSION),
        ("picture", run::MISTAKES),
        ("picture", run::READINGS),
        ("report", run::REPORT),
    ] {
        if run.folder.path().join(file).is_file() {
            out!("{name}: {path}/{file}");
        }
    }
    Ok(())
}

impl Observer for Terminal {
    fn see(&mut self, event: Event<'_>) -> run::Flow {
        match event {
            Event::Note(text) => tell(text),
            Event::Warning(text) => warn(text),
            Event::Stage { stage, done, cases } => self.stage(stage, done, cases),
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::Update(cases) => self.advance(cases),
            Event::Scored(figures) => self.score(figures),
            Event::Over => self.over(),
        }
        match interrupt::requested() {
            true => run::Flow::Stop,
            false => run::Flow::GoOn,
        }
    }
}
