//! The program: options, then what they ask for. Everything else is the library; `program` joins its parts.

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    httpd::os::memory::keep_freed_memory();
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let name = args.next().unwrap_or_else(|| "httpd".into());
    let args: Vec<String> = args.collect();
    match httpd::options::parse(&name, &args) {
        Ok(command) => ExitCode::from(program::run(command) as u8),
        Err(text) => {
            eprintln!("{}", text.trim_end());
            ExitCode::FAILURE
        }
    }
}
