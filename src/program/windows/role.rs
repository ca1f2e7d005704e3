//! What this process may be beside the program at a console: the child of a control process, the service that the service manager
//! has started, or an administrator's word to that manager.

use super::detach::Ready;
use super::owner::Program;
use super::{fail, load, tell};
use httpd::mpm::{self, service};
use httpd::options::{self, Command, Verb};
use std::time::Duration;

/// How long `-w` keeps the console open.
const PAUSE: Duration = Duration::from_secs(30);

/// Plays such a role, if this process has one, and gives the exit code.
pub fn play(command: &Command) -> Option<i32> {
    match mpm::handed() {
        Ok(None) => {}
        Ok(Some(handed)) => {
            let done = Program::new(command.clone()).start_handed(handed);
            return Some(done.unwrap_or_else(|message| fail(&message)));
        }
        Err(error) => return Some(fail(&format!("httpd: {error}"))),
    }
    let code = speak(command)?;
    if code != 0 && command.wait {
        wait_for_reader();
    }
    Some(code)
}

/// The name of the service that is meant.
fn name(command: &Command) -> &str {
    command.service.as_deref().unwrap_or(service::USUAL_NAME)
}

/// What is for the service manager. A plain start, stop or restart is so if a service is named, or the usual one runs.
fn speak(command: &Command) -> Option<i32> {
    let name = name(command);
    let meant = || command.service.is_some() || service::runs(name);
    let verb = command.verb?;
    let outcome = match verb {
        Verb::RunService => return Some(run_as_service(name)),
        Verb::Install | Verb::Config => install(command, verb == Verb::Config),
        Verb::Uninstall => service::uninstall(name),
        Verb::Start if command.service.is_some() || service::is_installed(name) => {
            service::start(name)
        }
        Verb::Stop if meant() => service::stop(name),
        Verb::Restart if meant() => service::restart(name),
        _ => return None,
    };
    Some(match outcome {
        Ok(told) => {
            println!("{told}");
            0
        }
        Err(why) => fail(&format!("httpd: {why}")),
    })
}

/// Installs the service, or its options anew, and tells what is wrong with the configuration that it will read.
fn install(command: &Command, anew: bool) -> Result<String, String> {
    let root = super::load_options(command).root;
    let whole = Command {
        root: Some(root),
        ..command.clone()
    };
    let told = service::install(name(command), &whole.for_reading(), anew)?;
    if let Err(errors) = load(&whole, 0) {
        let errors = tell(&errors);
        eprintln!("{errors}\nThis must be mended before the service can be started.");
    }
    Ok(told)
}

fn run_as_service(name: &str) -> i32 {
    let shown = name.to_owned();
    let serve = move |words: Vec<String>, progress| {
        serve(&words, progress).unwrap_or_else(|why| {
            service::report(&shown, &why);
            1
        })
    };
    match service::run(name, serve) {
        Ok(()) => 0,
        Err(why) => fail(&format!("httpd: {why}")),
    }
}

fn serve(words: &[String], progress: service::Progress) -> Result<i32, String> {
    let command = options::parse("httpd", words)?;
    let loaded = load(&command, 0).map_err(|errors| tell(&errors))?;
    progress.step();
    let ready = Ready::service(progress);
    Program::new(command).tell_ready(ready).try_start(loaded)
}

/// `-w`: the console would close before anybody could read why nothing is served.
fn wait_for_reader() {
    eprintln!(
        "Note the errors above; press Enter to go on (or wait {} seconds).",
        PAUSE.as_secs()
    );
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        let _ = tell.send(());
    });
    let _ = told.recv_timeout(PAUSE);
}
