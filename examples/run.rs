//! Trains a machine into a run folder, is stopped in the middle by its own observer, and goes on:
//! `cargo run --release --example run`. The first argument is the folder.

use std::path::Path;

use harmonium::jobs::rbm::{RbmJob, RbmSettings};
use harmonium::run::{End, Event, Flow, Found, Run, train};
use harmonium::{Device, Result};

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).unwrap_or("runs/example".into());
    train_in_two_parts(&Device::auto(), Path::new(&folder), 20)?;
    println!(
        "{folder}/report.html shows the run; `harmonium eval {folder}` says how good the machine is"
    );
    Ok(())
}

/// Trains a machine of 32 hidden units on the bundled digits for some epochs, in two parts. What `harmonium train
/// rbm` does is no more than this, with a progress bar for an observer.
pub fn train_in_two_parts(device: &Device, folder: &Path, epochs: u64) -> Result<()> {
    let mut settings = RbmSettings::of("digits")?;
    (settings.hidden, settings.epochs) = (32, epochs);

    // Stops at an update in the middle of the run.
    let mut updates = 0;
    let mut stopping = |event: Event<'_>| match event {
        Event::Update(_) => {
            updates += 1;
            if updates == 7 * epochs { Flow::Stop } else { Flow::GoOn }
        }
        event => tell(event),
    };
    let mut job = RbmJob::new(settings, device, &mut stopping)?;
    let mut run = Run::create(&job, Some(folder), true)?;
    if let End::Stopped = train(&mut job, &mut run, &mut stopping)? {
        println!("stopped; a checkpoint is written");
    }
    // The folder is locked as long as its run lives.
    drop(run);

    let Found::Unfinished(settings, older) = Run::find(folder, "rbm", Vec::new(), &mut tell)?
    else {
        println!("there is nothing left to do");
        return Ok(());
    };
    let mut job = RbmJob::new(settings, device, &mut tell)?;
    let mut run = older.take_up(&job, &mut tell)?;
    if let End::Done(summary) = train(&mut job, &mut run, &mut tell)? {
        println!("{}: {} epochs, {} updates", summary.title, summary.epochs, summary.updates);
    }
    Ok(())
}

/// Says what happens, and never stops.
fn tell(event: Event<'_>) -> Flow {
    match event {
        Event::Note(text) | Event::Warning(text) => println!("{text}"),
        Event::Scored(figures) => {
            let told = figures.iter().filter_map(|(figure, value)| Some((figure, value?)));
            let texts: Vec<String> = told
                .map(|(figure, value)| format!("{} {}", figure.key, figure.text(value)))
                .collect();
            println!("{}", texts.join(", "));
        }
        _ => {}
    }
    Flow::GoOn
}
