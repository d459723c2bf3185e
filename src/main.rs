//! The program: parse, run, one line if it went wrong, exit status.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use symbreak::cli::Cli;

fn main() -> ExitCode {
    // Bad arguments end here, with status 2.
    let cli = Cli::parse();
    match cli.run() {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            ExitCode::from(failure.status)
        }
    }
}
