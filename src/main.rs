//! The command `harmonium`.

use std::process::ExitCode;

fn main() -> ExitCode {
    harmonium::cli::main()
}
