//! What every command that runs chains does.

use super::args::SampleOptions;
use crate::error::{Error, Result};

/// Chains where neither --count nor --init says.
const COUNT: usize = 64;

/// Refuses what is asked of single machines alone.
pub fn refuse_of_machines(options: &SampleOptions, detail: &str) -> Result<()> {
    let given = [
        ("init", options.init.is_some()),
        ("clamp", options.clamp.is_some()),
        ("average", options.average),
        ("pt", options.pt.is_some()),
        ("ptt", options.ptt),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Error::setting(*name, detail)),
        None => Ok(()),
    }
}

/// How many chains.
pub fn counted(count: Option<usize>) -> Result<usize> {
    let count = count.unwrap_or(COUNT);
    if count == 0 {
        return Err(Error::setting("count", "0 is too few; use at least 1"));
    }
    if u32::try_from(count).is_err() {
        let detail = format!("{count} is too many; draws are numbered up to {}", u32::MAX);
        return Err(Error::setting("count", detail));
    }
    Ok(count)
}
