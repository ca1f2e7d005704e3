//! The command line, as a table.

use getopts::{HasArg, Occur, Options};
use std::path::PathBuf;

/// One option: letter, argument's name (empty for none), help.
type Row = (&'static str, &'static str, &'static str);

/// The verbs of `-k`.
#[cfg(not(windows))]
const VERBS: &str = "start, restart, graceful, graceful-stop, stop, upgrade, status or fullstatus";
/// See above.
#[cfg(windows)]
const VERBS: &str = "start, restart, stop or shutdown; install, config or uninstall a service";

/// The same as the usage shows them.
#[cfg(not(windows))]
const VERBS_SHORT: &str =
    "[-k start|restart|graceful|graceful-stop|stop|status|fullstatus|upgrade [program]]";
/// See above.
#[cfg(windows)]
const VERBS_SHORT: &str =
    "[-k start|restart|stop|shutdown|install|config|uninstall] [-n name] [-w]";

/// The options of `httpd-options.tsv` that all systems have.
const TABLE: &[Row] = &[
    ("D", "name", "defines a name for <IfDefine>"),
    (
        "d",
        "directory",
        "ServerRoot until the configuration says otherwise",
    ),
    ("f", "file", "the main configuration file"),
    (
        "C",
        "\"directive\"",
        "a line to read before the configuration files",
    ),
    (
        "c",
        "\"directive\"",
        "a line to read after the configuration files",
    ),
    ("e", "level", "which start-up messages are shown"),
    ("E", "file", "the file that start-up messages go to"),
    ("k", "verb", VERBS),
    ("v", "", "show the version"),
    ("V", "", "show how the program was built"),
    ("h", "", "show this list"),
    ("l", "", "list the modules that are linked in"),
    ("L", "", "list all directives"),
    (
        "t",
        "",
        "check the configuration; with -D DUMP_... show a part of it",
    ),
    ("T", "", "do not check that DocumentRoot is there"),
    (
        "S",
        "",
        "show virtual hosts and run settings (-t -D DUMP_VHOSTS -D DUMP_RUN_CFG)",
    ),
    ("M", "", "show the active modules (-t -D DUMP_MODULES)"),
    ("X", "", "serve with this one process, in the foreground"),
];

/// Options that are only Windows'.
#[cfg(windows)]
const OWN: &[Row] = &[
    ("n", "name", "the service that -k is about"),
    ("w", "", "keep the console open for a while after an error"),
];
/// See above.
#[cfg(not(windows))]
const OWN: &[Row] = &[];

/// A verb of `-k`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Start, the default.
    Start,
    /// SIGHUP.
    Restart,
    /// SIGUSR1.
    Graceful,
    /// SIGWINCH.
    GracefulStop,
    /// SIGTERM.
    Stop,
    /// Another program takes the server over.
    #[cfg(not(windows))]
    Upgrade,
    /// Show what the running server does.
    #[cfg(not(windows))]
    Status,
    /// The same, with each worker's request.
    #[cfg(not(windows))]
    FullStatus,
    /// Make a service of Windows of this program.
    #[cfg(windows)]
    Install,
    /// Replace the options of the service.
    #[cfg(windows)]
    Config,
    /// Remove the service.
    #[cfg(windows)]
    Uninstall,
    /// Be the service: said by the service manager.
    #[cfg(windows)]
    RunService,
}

/// What is to be shown instead of serving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Show {
    /// `-v`
    Version,
    /// `-V`
    Build,
    /// `-l`
    LinkedModules,
    /// `-L`
    Directives,
}

/// A command line that was understood.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// `-d`.
    pub root: Option<PathBuf>,
    /// `-f`.
    pub file: Option<PathBuf>,
    /// `-C`.
    pub before: Vec<String>,
    /// `-c`.
    pub after: Vec<String>,
    /// `-D`, and what other options define.
    pub defines: Vec<String>,
    /// `-e`.
    pub level: Option<crate::log::Level>,
    /// `-E`.
    pub messages: Option<PathBuf>,
    /// `-k`.
    pub verb: Option<Verb>,
    /// What stands behind `-k upgrade`: the program that is to take over.
    #[cfg(not(windows))]
    pub program: Option<PathBuf>,
    /// `-n`: a service.
    #[cfg(windows)]
    pub service: Option<String>,
    /// `-w`.
    #[cfg(windows)]
    pub wait: bool,
    /// `-t`, also implied by `-S` and `-M`.
    pub test: bool,
    /// Options that show something and need no configuration.
    pub show: Option<Show>,
}

impl Command {
    /// The options that reading the configuration depends on, as they would be written: for a process of ours that is to read
    /// it as this one does.
    pub fn for_reading(&self) -> Vec<String> {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let mut words = Vec::new();
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        self.root.iter().for_each(|root| add("-d", path(root)));
        self.file.iter().for_each(|file| add("-f", path(file)));
        self.before.iter().for_each(|line| add("-C", line.clone()));
        self.after.iter().for_each(|line| add("-c", line.clone()));
        let defines = self.defines.iter();
        defines.for_each(|name| add("-D", name.clone()));
        words
    }
}

/// Reads the command line. `Err` is the text for standard error, usage included; the exit code is then 1.
pub fn parse(program: &str, args: &[String]) -> Result<Command, String> {
    let mut table = Options::new();
    table.optflag("?", "", "");
    for (letter, argument, help) in TABLE.iter().chain(OWN) {
        let (has, occurs) = match argument.is_empty() {
            true => (HasArg::No, Occur::Multi),
            false => (HasArg::Yes, Occur::Multi),
        };
        table.opt(letter, "", help, argument, has, occurs);
    }
    let matches = table.parse(args).map_err(|fail| complain(program, &fail))?;
    let verb = matches.opt_str("k");
    let words = usize::from(verb.as_deref() == Some("upgrade"));
    if matches.opt_present("h") || matches.opt_present("?") || matches.free.len() > words {
        return Err(usage(program));
    }
    let mut command = Command {
        root: matches.opt_str("d").map(PathBuf::from),
        file: matches.opt_str("f").map(PathBuf::from),
        before: matches.opt_strs("C"),
        after: matches.opt_strs("c"),
        defines: matches.opt_strs("D"),
        messages: matches.opt_str("E").map(PathBuf::from),
        #[cfg(not(windows))]
        program: matches.free.first().map(PathBuf::from),
        #[cfg(windows)]
        service: matches.opt_str("n"),
        #[cfg(windows)]
        wait: matches.opt_present("w"),
        ..Command::default()
    };
    if let Some(word) = matches.opt_str("e") {
        let level = crate::log::Level::parse(&word);
        command.level =
            Some(level.ok_or_else(|| {
                format!("{program}: unknown level -e {word}\n{}", usage(program))
            })?);
    }
    if let Some(verb) = verb {
        command.verb = Some(parse_verb(&verb).ok_or_else(|| illegal(program, "k"))?);
    }
    define_implied(&matches, &mut command);
    Ok(command)
}

fn define_implied(matches: &getopts::Matches, command: &mut Command) {
    let mut imply = |letter: &str, names: &[&str]| {
        if matches.opt_present(letter) {
            command
                .defines
                .extend(names.iter().map(|name| name.to_string()));
        }
    };
    imply("S", &["DUMP_VHOSTS", "DUMP_RUN_CFG"]);
    imply("M", &["DUMP_MODULES"]);
    imply("X", &["DEBUG"]);
    imply("T", &["NO_DOCROOT_CHECK"]);
    command.test = ["t", "S", "M"]
        .iter()
        .any(|letter| matches.opt_present(letter))
        || command.defines.iter().any(|name| name.starts_with("DUMP_"));
    let shows = [
        ("v", Show::Version),
        ("V", Show::Build),
        ("l", Show::LinkedModules),
        ("L", Show::Directives),
    ];
    command.show = shows
        .iter()
        .find(|(letter, _)| matches.opt_present(letter))
        .map(|(_, show)| *show);
}

fn parse_verb(word: &str) -> Option<Verb> {
    Some(match word {
        "start" => Verb::Start,
        "restart" => Verb::Restart,
        "stop" => Verb::Stop,
        // Every restart is a graceful one there.
        #[cfg(windows)]
        "graceful" => Verb::Restart,
        #[cfg(not(windows))]
        "upgrade" => Verb::Upgrade,
        #[cfg(not(windows))]
        "status" => Verb::Status,
        #[cfg(not(windows))]
        "fullstatus" => Verb::FullStatus,
        #[cfg(not(windows))]
        "graceful" => Verb::Graceful,
        #[cfg(not(windows))]
        "graceful-stop" => Verb::GracefulStop,
        #[cfg(windows)]
        "shutdown" => Verb::Stop,
        #[cfg(windows)]
        "install" => Verb::Install,
        #[cfg(windows)]
        "config" => Verb::Config,
        #[cfg(windows)]
        "uninstall" => Verb::Uninstall,
        #[cfg(windows)]
        "runservice" => Verb::RunService,
        _ => return None,
    })
}

fn complain(program: &str, fail: &getopts::Fail) -> String {
    match fail {
        getopts::Fail::UnrecognizedOption(option) => illegal(program, option),
        getopts::Fail::ArgumentMissing(option) => {
            format!(
                "{program}: option requires an argument -- {option}\n{}",
                usage(program)
            )
        }
        other => format!("{program}: {other}\n{}", usage(program)),
    }
}

fn illegal(program: &str, option: &str) -> String {
    format!("{program}: illegal option -- {option}\n{}", usage(program))
}

/// The usage text.
pub fn usage(program: &str) -> String {
    let pad = " ".repeat("Usage: ".len() + program.len());
    let mut text = format!("Usage: {program} [-D name] [-d directory] [-f file]\n");
    text.push_str(&format!("{pad} [-C \"directive\"] [-c \"directive\"]\n"));
    text.push_str(&format!("{pad} {VERBS_SHORT}\n"));
    text.push_str(&format!(
        "{pad} [-v] [-V] [-h] [-l] [-L] [-t] [-T] [-S] [-X]\n"
    ));
    text.push_str("Options:\n");
    for (letter, argument, help) in TABLE.iter().chain(OWN) {
        let option = format!("-{letter} {argument}");
        text.push_str(&format!("  {option:<19}: {help}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Result<Command, String> {
        let args: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        parse("httpd", &args)
    }

    #[test]
    fn options_are_understood() {
        let command = ask("-d /srv -f a.conf -D ONE -DTWO -k graceful -t").expect("understood");
        assert_eq!(command.root, Some("/srv".into()));
        assert_eq!(command.defines, ["ONE", "TWO"]);
        assert_eq!(command.verb, Some(Verb::Graceful));
        assert!(command.test);
        assert_eq!(
            ask("-S").expect("understood").defines,
            ["DUMP_VHOSTS", "DUMP_RUN_CFG"]
        );
        assert!(ask("-tDDUMP_MODULES").expect("understood").test);
        let command = ask("-k upgrade -f a.conf bin/new").expect("understood");
        assert_eq!(command.verb, Some(Verb::Upgrade));
        assert_eq!(command.program, Some("bin/new".into()));
        assert_eq!(ask("-k upgrade").expect("understood").program, None);
        assert_eq!(ask("-V").expect("understood").show, Some(Show::Build));
    }

    #[test]
    fn what_reading_depends_on_is_told_again() {
        let words = ask("-k start -d /srv -f a.conf -C One -c Two -D ONE -e debug")
            .expect("understood")
            .for_reading();
        assert_eq!(words.join(" "), "-d /srv -f a.conf -C One -c Two -D ONE");
    }

    #[test]
    fn bad_ones_are_refused() {
        assert!(ask("-Q")
            .expect_err("refused")
            .starts_with("httpd: illegal option -- Q\nUsage: httpd"));
        assert!(ask("-k jump")
            .expect_err("refused")
            .starts_with("httpd: illegal option -- k"));
        assert!(ask("stray").is_err());
        assert!(ask("-k graceful stray").is_err());
        assert!(ask("-k upgrade one two").is_err());
        assert!(ask("-f")
            .expect_err("refused")
            .contains("requires an argument -- f"));
    }
}
