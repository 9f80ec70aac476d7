//! What every command that runs chains does.

use crate::error::{Error, Result};

/// Chains where neither --count nor --init says.
const COUNT: usize = 64;

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
