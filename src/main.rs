//! Parses arguments, builds the runtime, returns an exit code.

use std::process::ExitCode;

use clap::Parser;
use tenantd::cli::{self, Cli};
use tikv_jemallocator::Jemalloc;

/// Listings are many small objects that come and go.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that went away has no use for the message.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { cli::WRONG } else { cli::DONE });
        }
    };
    // Whoever installed a provider before made the same choice.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tenantd: the runtime does not start: {error}");
            return ExitCode::from(cli::FAILED);
        }
    };
    match runtime.block_on(cli::run(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::from(cli::DONE),
        Err(error) => {
            eprintln!("tenantd: {}", cli::explain(&error));
            ExitCode::from(cli::code_of(&error))
        }
    }
}
