//! What a browser's thread, which cannot wait, still does at once.

use super::Device;
use crate::error::{Error, Result};

impl Device {
    /// `cpu`: a browser gives its GPU to asynchronous callers alone, and those have [`Device::select_async`].
    ///
    /// # Errors
    /// [`Error::NoAdapter`] for all else.
    pub fn select(selector: &str) -> Result<Self> {
        if selector.trim().eq_ignore_ascii_case("cpu") {
            return Ok(Self::cpu());
        }
        let found = "a browser opens its GPU for asynchronous callers alone; call Device::select_async, or name cpu";
        Err(Error::NoAdapter { asked: selector.into(), found: found.into() })
    }
}
