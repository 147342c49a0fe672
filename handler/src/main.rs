//! `bootstrap`: a Lambda function under a Runtime API, a tool for a person elsewhere.

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    if std::env::args_os().len() == 1 && std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return runtime.block_on(handler::lambda::run());
    }
    runtime.block_on(handler::cli::run(std::env::args_os().skip(1)))
}
