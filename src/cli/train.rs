//! `harmonium train`: one command for every kind of model.

use std::process::ExitCode;

use super::log::{self, LogLevel};
use super::print::{count, out, tell, warn};
use super::progress::Terminal;
use super::train_args::{HowOptions, TrainOptions};
use super::{interrupt, open_device, print_profile};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::run::settings::{Settings, read_file, resolve};
use crate::run::{self, End, Event, Found, Job, Observer, Run, Summary, train};
use crate::training::{Figure, Told};

/// How a kind of job is made from its settings.
type Make<J> = fn(<J as Job>::Settings, &Device, &mut dyn Observer) -> Result<J>;

/// Trains a model that `train` calls `kind`.
pub fn run<J: Job>(
    kind: &str,
    options: &TrainOptions<J::Settings>,
    make: Make<J>,
) -> Result<ExitCode> {
    let how = &options.how;
    let quiet = if how.quiet { LogLevel::Error } else { LogLevel::Info };
    log::set_level(how.log_level.unwrap_or(quiet));
    interrupt::install()?;
    let mut terminal = Terminal::default();
    let asked = options.asked.settings.clone();
    let model = [("model".to_string(), kind.into())];
    let mut layers = vec![toml::Table::from_iter(model)];
    if let Some(path) = &how.config {
        layers.push(read_file::<J::Settings>(path, kind)?.settings);
    }
    layers.push(asked);
    let (settings, older) = match how.resume {
        false => (resolve::<J::Settings>(layers)?, None),
        true => {
            let Some(path) = &how.out else {
                let detail = "which run? name its folder with --out DIR";
                return Err(Error::setting("--resume", detail));
            };
            match Run::find::<J::Settings>(path, kind, layers, &mut terminal)? {
                Found::Unfinished(settings, older) => (settings, Some(older)),
                Found::Finished(why) => {
                    out!("{why}");
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    };
    let device = open_device(settings.device())?;
    let mut job = make(settings, &device, &mut terminal)?;
    let mut run = match older {
        None => Run::create(&job, how.out.as_deref(), how.force)?,
        Some(older) => older.take_up(&job, &mut terminal)?,
    };
    interrupt::wait_for_update();
    tell(format!("run: {}", run.folder.path().display()));
    if how.profile {
        terminal.profile(&device);
    }
    let path = run.folder.path().display().to_string();
    let command = format!("harmonium train {kind} --resume --out {path}");
    match train(&mut job, &mut run, &mut terminal) {
        Ok(End::Done(summary)) => {
            print(how, &run, &summary)?;
            match terminal.profiled() {
                Some(rows) if !how.quiet => print_profile(&device, rows?)?,
                _ => {}
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(End::Stopped) => {
            warn(format!("interrupted; to go on: {command}"));
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        Err(error) => {
            let saved = "the last good checkpoint and the metrics stay in";
            warn(format!("{saved} {path}; to go on from there: {command}"));
            Err(error)
        }
    }
}

/// What the run came to: on one line with `--quiet`.
fn print(how: &HowOptions, run: &Run, summary: &Summary) -> Result<()> {
    let path = run.folder.path().display();
    if how.quiet {
        let told = [Told::Always, Told::AtTheEnd].into_iter().find_map(|told| {
            let own = summary.figures.iter().filter(|(figure, _)| figure.told == told);
            own.filter_map(|(figure, _)| Some((figure, summary.figures.text(figure)?))).last()
        });
        let score =
            told.map_or(String::new(), |(figure, text)| format!(", {} {text}", figure.title()));
        out!("{path}: {} in {:.1} s{score}", count(summary.epochs, "epoch"), summary.seconds);
        return Ok(());
    }
    out!(
        "{}, {}{}, {} in {:.1} s ({:.0} cases/s)",
        summary.title,
        count(summary.epochs, "epoch"),
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
        let about = match summary.best_epoch {
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
