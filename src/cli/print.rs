//! What is printed: results on standard output, all else on standard error. Neither ever panics, as
//! `println!` does when the reader has gone.

use std::fmt::{Arguments, Display};
use std::io::{self, ErrorKind, Write};

use super::log::{LogLevel, tells};
use crate::error::{Error, Result};
pub use crate::run::report::count;

/// Prints a line of results, as `println!`, and returns from the calling function where that fails.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::print::line(format_args!($($text)*))? };
}
pub(super) use out;

/// One line of results. A reader that has seen enough (`| head`) is no failure: the work goes on, and the
/// exit code tells how it went.
pub fn line(text: Arguments<'_>) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("write", "standard output", e))
        }
        _ => Ok(()),
    }
}

/// Prints a line for the user that is no result, where the log level asks for such.
pub fn tell(text: impl Display) {
    if tells(LogLevel::Info) {
        say(text);
    }
}

/// A line that the user should look at.
pub fn warn(text: impl Display) {
    if tells(LogLevel::Warn) {
        say(format_args!("warning: {text}"));
    }
}

/// Prints a line on standard error, whatever the log level.
pub fn say(text: impl Display) {
    // Where nobody can be told, there is nobody to tell that either.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints an error as one paragraph: a driver's words may come with empty lines between them.
pub fn tell_error(error: &Error) {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    say(format_args!("error: {}", lines.join("\n")));
}

/// What chains on a ladder mean that no state has passed, and the option that gives them longer.
pub fn no_round_trip(option: &str) -> String {
    format!(
        "no round trip: chains never came from end to end, so modes may be missing; use more rounds ({option}) or rungs"
    )
}
