//! The one error type. Every message says what was asked, what was found and what to do.

use std::path::{Path, PathBuf};

/// What a fallible call of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong, in words a user can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes or element types that do not fit the operation.
    #[error("{op}: {detail}")]
    Shape {
        /// The operation that was asked for.
        op: &'static str,
        /// The shapes found, and what to do.
        detail: String,
    },

    /// A setting outside its range, or two settings that contradict each other.
    #[error("{name}: {detail}")]
    Setting {
        /// The setting, as the caller wrote it (`learning_rate`, `--hidden`).
        name: String,
        /// The value found, and the range.
        detail: String,
    },

    /// No adapter fits the request.
    #[error("no adapter for device '{asked}': {found}")]
    NoAdapter {
        /// The selector, as given.
        asked: String,
        /// What there is instead, and what to do.
        found: String,
    },

    /// A size above what the device can hold or bind.
    #[error("{op}: {what} needs {}, and {adapter} allows {}", amount(*asked, *bytes), amount(*limit, *bytes))]
    Limit {
        /// The operation that was asked for.
        op: &'static str,
        /// The thing that is too large.
        what: String,
        /// The size asked for.
        asked: u64,
        /// The largest size allowed.
        limit: u64,
        /// Whether both are bytes, and no numbers of things.
        bytes: bool,
        /// The device's name.
        adapter: String,
    },

    /// An allocation failed; the device still works.
    #[error(
        "{op}: {adapter} could not allocate {} ({detail}); use a smaller batch or model, or read the data in pieces (--stream)",
        amount(*bytes, true)
    )]
    OutOfMemory {
        /// The operation that was asked for.
        op: &'static str,
        /// The size asked for.
        bytes: u64,
        /// The device's name.
        adapter: String,
        /// The driver's words.
        detail: String,
    },

    /// The driver or wgpu refused work: a fault in this crate or in the driver.
    #[error(
        "{op}: {adapter} refused the work: {detail}; `harmonium verify --device ...` tells which kernels this device runs correctly"
    )]
    Device {
        /// The operation that was asked for.
        op: String,
        /// The device's name.
        adapter: String,
        /// The driver's words.
        detail: String,
    },

    /// A kernel did not write all of its result, or wrote behind it. `verify` and debug builds look for that.
    #[error(
        "{op}: {adapter} did not finish the kernel: {detail}; its results there cannot be trusted: use the CPU (`--device cpu`) or another adapter, and report this with the shapes"
    )]
    Unfinished {
        /// The operation that was asked for.
        op: &'static str,
        /// The device's name.
        adapter: String,
        /// What of the result was found.
        detail: String,
    },

    /// The device is gone (unplugged, reset or destroyed); open it again.
    #[error(
        "{adapter} was lost ({detail}); open the device again and resume from the last saved state"
    )]
    DeviceLost {
        /// The device's name.
        adapter: String,
        /// The driver's words.
        detail: String,
    },

    /// A tensor whose contents were never computed because a submission failed.
    #[error("the result of {op} was never computed: {detail}")]
    Poisoned {
        /// The operation that should have written the tensor.
        op: String,
        /// Why its submission failed.
        detail: String,
    },

    /// Two tensors of one operation live on different devices.
    #[error("{op}: {}", apart(left, right))]
    DeviceMismatch {
        /// The operation that was asked for.
        op: &'static str,
        /// One device.
        left: String,
        /// The other device.
        right: String,
    },

    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read`, `write`, `create` …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },

    /// A file whose contents are wrong.
    #[error("{}{place}: {detail}", before(path))]
    File {
        /// The file.
        path: PathBuf,
        /// Where in it: `byte 16`, `line 3`, `tensor W`.
        place: String,
        /// What was found, what was expected.
        detail: String,
    },

    /// Data that do not suit what is asked of them (an empty set, values outside the unit's range).
    #[error("{name}: {detail}")]
    Data {
        /// The data set.
        name: String,
        /// What was found, what to do.
        detail: String,
    },

    /// A run folder or a model that is not where, or not what, it should be.
    #[error("{what}: {detail}")]
    Run {
        /// `run folder` or `model`.
        what: &'static str,
        /// What was looked for, what was found, what to do.
        detail: String,
    },

    /// Training left the finite numbers.
    #[error(
        "training diverged at epoch {epoch}, step {step}: {what} is not finite; lower the learning rate{advice}"
    )]
    Diverged {
        /// Epoch, counted from 1.
        epoch: u64,
        /// Update within the epoch, counted from 1.
        step: u64,
        /// The first quantity that was not finite.
        what: String,
        /// Further advice, beginning with a comma or semicolon, or empty.
        advice: String,
    },
}

/// A number of things, or of bytes in a unit that people read: `2.0 GiB (2147483648 bytes)`.
fn amount(n: u64, bytes: bool) -> String {
    const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match UNITS.into_iter().find(|(bits, _)| bytes && n >> bits > 0) {
        Some((bits, unit)) => format!("{:.1} {unit} ({n} bytes)", n as f64 / (1u64 << bits) as f64),
        None if bytes => format!("{n} bytes"),
        None => n.to_string(),
    }
}

impl Error {
    /// The same about data, with what else may be done.
    pub(crate) fn or_else_say(self, advice: &str) -> Self {
        match self {
            Error::Data { name, detail } => {
                Error::Data { name, detail: format!("{detail}, {advice}") }
            }
            other => other,
        }
    }

    /// A shape error of operation `op`.
    pub fn shape(op: &'static str, detail: impl Into<String>) -> Self {
        Error::Shape { op, detail: detail.into() }
    }

    /// A setting outside its range.
    pub fn setting(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::Setting { name: name.into(), detail: detail.into() }
    }

    /// A run folder or model that does not suit the request.
    pub fn run(what: &'static str, detail: impl Into<String>) -> Self {
        Error::Run { what, detail: detail.into() }
    }

    /// A failed read, write or creation of `path`.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// Wrong contents of `path` at `place`.
    pub fn file(
        path: impl AsRef<Path>,
        place: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Error::File {
            path: path.as_ref().to_path_buf(),
            place: place.into(),
            detail: detail.into(),
        }
    }

    /// What is no JSON in `path`; `first` is the number of the line with which the text begins.
    pub(crate) fn json(path: impl AsRef<Path>, first: usize, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        // Its own place counts from the text's beginning, and would stand beside ours.
        let own = format!(" at line {line} column {column}");
        let detail = text.strip_suffix(&own).unwrap_or(&text);
        Self::file(path, format!("line {}, column {column}", first + line.max(1) - 1), detail)
    }

    /// Data that do not suit the request.
    pub fn data(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::Data { name: name.into(), detail: detail.into() }
    }
}

/// That two devices are different ones; the same adapter may have been opened twice.
fn apart(left: &str, right: &str) -> String {
    match left == right {
        true => format!(
            "tensors on two devices that are both {left}: the adapter was opened twice; open it once, and clone the Device"
        ),
        false => {
            format!("tensors on different devices: {left} and {right}; upload both to one device")
        }
    }
}

/// Debug of a type by its name alone, so that results of it can be unwrapped: what it holds is large, or has no form to
/// show.
macro_rules! opaque {
    ($name:ident<M>) => {
        impl<M> std::fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
    ($name:ident $(<$($life:lifetime),+>)?) => {
        impl std::fmt::Debug for $name $(<$($life),+>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use opaque;

/// What names a file before what is wrong in it: nothing where it is in memory alone.
fn before(path: &Path) -> String {
    match path.as_os_str().is_empty() {
        true => String::new(),
        false => format!("{}: ", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn sizes_have_units() {
        assert_eq!(amount(65536, false), "65536");
        assert_eq!(amount(1000, true), "1000 bytes");
        assert_eq!(amount(1536, true), "1.5 KiB (1536 bytes)");
        assert_eq!(amount(128 << 20, true), "128.0 MiB (134217728 bytes)");
        assert_eq!(amount(5 << 29, true), "2.5 GiB (2684354560 bytes)");
    }
}
