//! `harmonium eval --diagnostics`: what chains and samples say of a machine, drawn and told.

use std::path::{Path, PathBuf};

use super::print::out;
use crate::error::Result;
use crate::jobs::rbm::{Diagnostics, Time};
use crate::run::{self, curves};

/// Draws them into a folder, if there is one, and says where.
pub fn draw(found: &Diagnostics, folder: Option<&Path>) -> Result<Option<PathBuf>> {
    let Some(folder) = folder else { return Ok(None) };
    let path = folder.join(run::DIAGNOSTICS);
    curves::write_svg(&path, &found.panels())?;
    Ok(Some(path))
}

pub fn print(found: &Diagnostics, picture: Option<&Path>) -> Result<()> {
    let Diagnostics { chains, steps, burn_in, .. } = found;
    out!("{chains} chains from the biases, {burn_in} steps of burn-in and {steps} more:");
    for (what, time) in [("free energy", &found.free_energy), ("visible sum", &found.visible_sum)] {
        out!("  integrated autocorrelation time of the {what}: {}", words(time));
    }
    let told = |mean: f64, deviation: f64| format!("mean {mean:.3}, deviation {deviation:.3}");
    let samples = told(found.samples.mean, found.samples.deviation);
    match &found.data {
        Some(data) => {
            let data = told(data.mean, data.deviation);
            out!("  free energies: samples {samples}; data {data}");
        }
        None => out!("  free energies: samples {samples}"),
    }
    if let (Some(data), Some(samples), Some(cases)) = (
        found.adversarial_accuracy_data,
        found.adversarial_accuracy_samples,
        found.adversarial_cases,
    ) {
        out!(
            "  nearest neighbours of {cases} cases and {cases} samples: {:.1} % of the cases are next to a case, {:.1} % \
             of the samples next to a sample (50 % each where nothing tells them apart)",
            100.0 * data,
            100.0 * samples
        );
    }
    let values: Vec<String> =
        found.singular_values.iter().take(5).map(|value| format!("{value:.3}")).collect();
    let more = if found.singular_values.len() > 5 { ", …" } else { "" };
    out!("  singular values of W: {}{more}", values.join(", "));
    match picture {
        Some(path) => out!("  {}", path.display()),
        None => out!("  with --out DIR the histograms are drawn too"),
    }
    Ok(())
}

fn words(time: &Option<Time>) -> String {
    match time {
        None => "none, it never changes".into(),
        Some(t) if t.resolved => {
            format!("{:.1} steps, standard error {:.1} (window {})", t.time, t.std_error, t.window)
        }
        Some(t) => {
            format!("above {:.0} steps: the chains are too short to tell, or do not mix", t.time)
        }
    }
}
