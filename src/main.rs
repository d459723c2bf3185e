//! The program: parse, run, one line if it went wrong, exit status.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use symbreak::cli::Cli;

fn main() -> ExitCode {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Mesa's layer that sorts adapters by the window system would complain on standard error that there is
        // none. Nothing here has a window, and adapters are sorted by their type.
        #[allow(unsafe_code, reason = "the loader of the drivers asks nothing but the environment")]
        // SAFETY: this is the first thing the program does; no other thread reads the environment.
        unsafe {
            std::env::set_var("NODEVICE_SELECT", "1")
        };
    }
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
