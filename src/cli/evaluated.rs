//! What evaluations of every kind of model share.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::EvalOptions;
use super::print::out;
use crate::error::{Error, Result};
use crate::jobs;

/// Prints what was found as JSON.
pub fn print_json(evaluation: &impl Serialize) -> Result<()> {
    out!("{}", jobs::json(evaluation)?);
    Ok(())
}

/// Refuses what is asked of machines alone; `has` is what the model has instead of a likelihood.
pub fn refuse_of_machines(options: &EvalOptions, has: &str) -> Result<()> {
    let of_machines = [
        ("exact", options.exact),
        ("ais", options.ais.is_some()),
        ("ais-grid", options.ais_grid.is_some()),
        ("exact-pseudo", options.exact_pseudo),
        ("diagnostics", options.diagnostics),
        ("ladder", options.ladder.is_some()),
        ("visible", options.model.visible.is_some()),
    ];
    match of_machines.iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            let detail = format!("is about machines, which have likelihoods; {has}: leave it out");
            Err(Error::setting(*name, detail))
        }
        None => Ok(()),
    }
}

/// Where a network's pictures go: to --out, which is made, or into the run folder.
pub fn folder(options: &EvalOptions) -> Result<Option<PathBuf>> {
    let model: &Path = &options.model.model;
    match &options.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
            Ok(Some(folder.clone()))
        }
        None => Ok(model.is_dir().then(|| model.to_path_buf())),
    }
}
