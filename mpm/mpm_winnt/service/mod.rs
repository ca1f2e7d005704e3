//! The server as a service of Windows: installed, configured, started, stopped, and run by the service manager. The options
//! that it was installed with are kept in the registry, and stand before those of its command line.

mod system;

use std::io;
use std::time::{Duration, Instant};

use super::names;
use super::system::Event;
pub use system::report;
use system::{
    live, Hands, Service, Teller, SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STOPPED,
    SERVICE_STOP_PENDING,
};

/// The service's name where `-n` gives none: Apache's.
pub const USUAL_NAME: &str = "Apache2.4";

/// The value in the registry that has the options.
const OPTIONS: &str = "ConfigArgs";

/// What a start and a stop may last, in milliseconds: as long as children have for it, and some more.
const LASTS: u32 = 40_000;

/// How long a command waits for the service to do what it was told.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);

/// Exit code of a service that failed: what the manager shows is "the service could not be started".
const FAILED: u32 = 1066;

/// The name by which the manager knows a service that is shown as `shown`: that without blanks.
fn name_of(shown: &str) -> String {
    shown.split_whitespace().collect()
}

/// Whether there is a service of this name.
pub fn is_installed(shown: &str) -> bool {
    Service::open(&name_of(shown)).is_ok()
}

/// Whether it runs, or is about to.
pub fn runs(shown: &str) -> bool {
    let state = Service::open(&name_of(shown)).and_then(|service| service.state());
    state.is_ok_and(|state| state != SERVICE_STOPPED)
}

/// Installs the service with these options, or with `anew` replaces the options of the one that is there.
pub fn install(shown: &str, options: &[String], anew: bool) -> Result<String, String> {
    let name = name_of(shown);
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let command = format!("\"{}\" -k runservice -n \"{name}\"", program.display());
    let done = match anew {
        true => Service::open(&name).and_then(|service| service.change(shown, &command)),
        false => Service::create(&name, shown, &command).map(drop),
    };
    let what = if anew { "configured" } else { "installed" };
    done.map_err(|error| format!("the service '{shown}' cannot be {what}: {error}"))?;
    system::keep(&name, OPTIONS, options)
        .map_err(|error| format!("the options of the service '{shown}' cannot be kept: {error}"))?;
    Ok(format!("The service '{shown}' is {what}."))
}

/// Removes the service, after it was stopped.
pub fn uninstall(shown: &str) -> Result<String, String> {
    let service = open(shown)?;
    if runs(shown) {
        stop(shown)?;
    }
    let done = service.delete();
    done.map_err(|error| format!("the service '{shown}' cannot be removed: {error}"))?;
    Ok(format!("The service '{shown}' is removed."))
}

/// Has the manager start the service, and waits until it runs.
pub fn start(shown: &str) -> Result<String, String> {
    let service = open(shown)?;
    if runs(shown) {
        return Ok(format!("The service '{shown}' already runs."));
    }
    let done = service.start();
    done.map_err(|error| format!("the service '{shown}' cannot be started: {error}"))?;
    match settle(&service, SERVICE_START_PENDING) {
        Ok(SERVICE_RUNNING) => Ok(format!("The service '{shown}' runs.")),
        _ => Err(format!(
            "the service '{shown}' did not start; its error log has the reason"
        )),
    }
}

/// Has the service end, and waits until it has.
pub fn stop(shown: &str) -> Result<String, String> {
    let service = open(shown)?;
    if !runs(shown) {
        return Ok(format!("The service '{shown}' does not run."));
    }
    let done = service.stop();
    done.map_err(|error| format!("the service '{shown}' cannot be stopped: {error}"))?;
    match settle(&service, SERVICE_STOP_PENDING) {
        Ok(SERVICE_STOPPED) => Ok(format!("The service '{shown}' is stopped.")),
        _ => Err(format!("the service '{shown}' did not stop")),
    }
}

/// Has the service read its configuration anew.
pub fn restart(shown: &str) -> Result<String, String> {
    let done = open(shown)?.restart();
    done.map_err(|error| format!("the service '{shown}' cannot be told to restart: {error}"))?;
    Ok(format!("The service '{shown}' was told to restart."))
}

fn open(shown: &str) -> Result<Service, String> {
    Service::open(&name_of(shown))
        .map_err(|error| format!("there is no service '{shown}' that can be used: {error}"))
}

/// Waits until the service is no longer in that state, nor in the one before it.
fn settle(service: &Service, passing: u32) -> io::Result<u32> {
    let end = Instant::now() + PATIENCE;
    let before = match passing {
        SERVICE_STOP_PENDING => SERVICE_RUNNING,
        _ => passing,
    };
    loop {
        let state = service.state()?;
        if (state != passing && state != before) || Instant::now() > end {
            return Ok(state);
        }
        std::thread::sleep(LOOK);
    }
}

/// By which the server tells the manager how far it is.
pub struct Progress(&'static Teller);

impl Progress {
    /// Still starting, one step further.
    pub fn step(&self) {
        self.0.tell(SERVICE_START_PENDING, LASTS, 0);
    }

    /// Connections are taken.
    pub fn running(&self) {
        self.0.tell(SERVICE_RUNNING, 0, 0);
    }
}

/// Runs as the service that the manager has started. `serve` is given the options that are kept for it, and gives its exit code.
pub fn run(
    shown: &str,
    serve: impl FnOnce(Vec<String>, Progress) -> i32 + Send + 'static,
) -> Result<(), String> {
    let name = name_of(shown);
    let options = system::kept(&name, OPTIONS)
        .map_err(|error| format!("the options of the service '{shown}' cannot be read: {error}"))?;
    let main = move |teller: &'static Teller| {
        let progress = Progress(teller);
        progress.step();
        let code = serve(options, progress);
        teller.tell(SERVICE_STOPPED, 0, if code == 0 { 0 } else { FAILED });
    };
    let hands = Hands {
        stop: |teller| {
            teller.tell(SERVICE_STOP_PENDING, LASTS, 0);
            set(&names::shutdown(std::process::id()));
        },
        restart: |_| set(&names::restart(std::process::id())),
    };
    live(&name, hands, Box::new(main))
        .map_err(|error| format!("-k runservice is for the service manager: {error}"))
}

/// Sets an event of the control process, which this process is, too. There is none before it serves.
fn set(name: &str) {
    if let Ok(event) = Event::open(name) {
        let _ = event.set();
    }
}

/// Tells a server that runs in a console to end, or to read its configuration anew. An error: there is none of this number.
pub fn tell_console(pid: u32, ends: bool) -> io::Result<()> {
    let name = match ends {
        true => names::shutdown(pid),
        false => names::restart(pid),
    };
    Event::open(&name)?.set()
}
