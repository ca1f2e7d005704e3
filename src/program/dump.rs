//! What options show instead of serving.

use httpd::config::directive::Scope;
use httpd::modules::REGISTRY;
use httpd::options::{Command, Show};
use httpd::server::vhost::Chain;
use httpd::server::{Generation, Server};
use httpd::version;
use std::fmt::Write as _;

/// `-v`, `-V`, `-l`: no configuration is read. None if it is another option.
pub fn show(show: Show, _command: &Command) -> Option<i32> {
    match show {
        Show::Version => print!("{}", version_lines()),
        Show::Build => print!("{}", build_lines()),
        Show::LinkedModules => {
            println!("Compiled in modules:");
            for compiled in REGISTRY.compiled.iter().filter(|compiled| !compiled.shared) {
                println!("  {}", compiled.module.name);
            }
        }
        Show::Directives => return None,
    }
    Some(0)
}

fn version_lines() -> String {
    format!(
        "Server version: {}\nServer built:   {}\n",
        version::banner(),
        version::BUILT
    )
}

fn build_lines() -> String {
    let threaded = match env!("HTTPD_MPM_THREADS") {
        "none" => "no".to_owned(),
        kind => format!("yes ({kind} thread count)"),
    };
    let forked = match env!("HTTPD_MPM_FORKED") {
        "1" => format!("yes ({} process count)", env!("HTTPD_MPM_PROCESSES")),
        _ => "no".to_owned(),
    };
    let mut text = version_lines();
    let magic = concat!(env!("HTTPD_MAGIC_MAJOR"), ":", env!("HTTPD_MAGIC_MINOR"));
    let _ = writeln!(text, "Server's Module Magic Number: {magic}");
    let _ = writeln!(text, "Architecture:   {}-bit", usize::BITS);
    let _ = writeln!(text, "Server MPM:     {}", env!("HTTPD_MPM_TITLE"));
    let _ = writeln!(text, "  threaded:     {threaded}");
    let _ = writeln!(text, "    forked:     {forked}");
    text.push_str("Server compiled with....\n");
    for flag in [
        "APR_HAS_SENDFILE",
        "APR_HAVE_IPV6 (IPv4-mapped addresses enabled)",
        "SINGLE_LISTEN_UNSERIALIZED_ACCEPT",
    ] {
        let _ = writeln!(text, " -D {flag}");
    }
    let paths = [
        ("HTTPD_ROOT", version::ROOT),
        ("DEFAULT_PIDLOG", env!("HTTPD_DEFAULT_PIDLOG")),
        ("DEFAULT_ERRORLOG", env!("HTTPD_DEFAULT_ERRORLOG")),
        ("AP_TYPES_CONFIG_FILE", env!("HTTPD_AP_TYPES_CONFIG_FILE")),
        ("SERVER_CONFIG_FILE", env!("HTTPD_SERVER_CONFIG_FILE")),
    ];
    for (name, value) in paths {
        let _ = writeln!(text, " -D {name}=\"{value}\"");
    }
    text
}

/// `-L`: all directives of the active modules.
pub fn directives(generation: &Generation) {
    for module in generation.modules() {
        for row in module.directives {
            print!(
                "{} ({})\n\t{}\n\t{}\n",
                row.name,
                module.name,
                row.help,
                where_allowed(row.scope)
            );
        }
    }
}

fn where_allowed(scope: Scope) -> String {
    let anywhere = scope.meets(Scope::OPTIONS.or(Scope::FILEINFO).or(Scope::INDEXES));
    let in_sections = scope.meets(Scope::ACCESS_CONF.or(Scope::AUTHCFG).or(Scope::LIMIT));
    let place = match (scope.meets(Scope::RSRC_CONF), in_sections) {
        _ if anywhere => "anywhere",
        (true, true) => "anywhere",
        (true, false) => "only outside <Directory>, <Files>, <Location>, or <If>",
        (false, _) => "only inside <Directory>, <Files>, <Location>, or <If>",
    };
    let mut text = format!("Allowed in *.conf {place}");
    if !scope.meets(Scope::ALL) {
        return text;
    }
    text.push_str(" and in .htaccess\n\twhen AllowOverride ");
    if scope.has(Scope::ALL) {
        text.push_str("isn't None");
        return text;
    }
    let classes = [
        (Scope::AUTHCFG, "AuthConfig"),
        (Scope::LIMIT, "Limit"),
        (Scope::OPTIONS, "Options"),
        (Scope::FILEINFO, "FileInfo"),
        (Scope::INDEXES, "Indexes"),
    ];
    let named: Vec<_> = classes
        .iter()
        .filter(|(class, _)| scope.meets(*class))
        .map(|(_, name)| *name)
        .collect();
    text.push_str("includes ");
    text.push_str(&named.join(" or "));
    text
}

/// Makes the text of one part.
type Part = fn(&Generation) -> String;

/// The `DUMP_...` parts that were asked for; false if none was.
pub fn parts(generation: &Generation, defines: &[String]) -> bool {
    let wants = |name: &str| defines.iter().any(|known| known == name);
    let all: &[(&str, Part)] = &[
        ("DUMP_VHOSTS", virtual_hosts),
        ("DUMP_RUN_CFG", run_settings),
        ("DUMP_MODULES", modules),
        ("DUMP_INCLUDES", includes),
        ("DUMP_HOOKS", hooks),
        #[cfg(unix)]
        ("DUMP_CAPACITY", super::capacity::text),
    ];
    let mut shown = false;
    for (_, make) in all.iter().filter(|(name, _)| wants(name)) {
        print!("{}", make(generation));
        shown = true;
    }
    shown
}

fn modules(generation: &Generation) -> String {
    let mut text = "Loaded Modules:\n".to_owned();
    for (module, woken) in generation.globals.modules.active() {
        let kind = if *woken { "shared" } else { "static" };
        let _ = writeln!(text, " {} ({kind})", module.identifier);
    }
    text
}

fn includes(generation: &Generation) -> String {
    let mut text = "Included configuration files:\n".to_owned();
    for file in &generation.source.files {
        let place = if file.depth == 0 {
            "*".to_owned()
        } else {
            file.line.to_string()
        };
        let indent = " ".repeat(2 + 2 * file.depth);
        let _ = writeln!(text, "{indent}({place}) {}", file.path.display());
    }
    text
}

fn hooks(generation: &Generation) -> String {
    let mut text = "Hooks:\n".to_owned();
    let mut last = "";
    for (hook, module) in &generation.hooks.listing {
        if hook != last {
            let _ = writeln!(text, "  {hook}");
            last = hook;
        }
        let _ = writeln!(text, "    {module}");
    }
    text
}

fn virtual_hosts(generation: &Generation) -> String {
    let mut text = "VirtualHost configuration:\n".to_owned();
    for chain in generation.vhosts.chains() {
        virtual_host_chain(&mut text, chain, &generation.servers);
    }
    text
}

fn virtual_host_chain(text: &mut String, chain: &Chain, servers: &[Server]) {
    let shown = chain
        .address
        .as_ref()
        .map_or(String::new(), |address| address.shown());
    let list: Vec<_> = chain
        .servers
        .iter()
        .filter_map(|index| servers.get(*index))
        .collect();
    if let [only] = list.as_slice() {
        let _ = writeln!(text, "{shown:<22} {} ({})", only.host(), only.defined_at);
        names(text, only);
        return;
    }
    let _ = writeln!(text, "{shown:<22} is a NameVirtualHost");
    if let Some(first) = list.first() {
        let _ = writeln!(
            text,
            "{:8} default server {} ({})",
            "",
            first.host(),
            first.defined_at
        );
    }
    let port = match chain.address.as_ref().map_or(0, |address| address.port) {
        0 => "*".to_owned(),
        port => port.to_string(),
    };
    for server in list {
        let _ = writeln!(
            text,
            "{:8} port {port} namevhost {} ({})",
            "",
            server.host(),
            server.defined_at
        );
        names(text, server);
    }
}

fn names(text: &mut String, server: &Server) {
    for alias in &server.aliases {
        let _ = writeln!(text, "{:16} alias {alias}", "");
    }
    for alias in &server.wild_aliases {
        let _ = writeln!(text, "{:16} wild alias {alias}", "");
    }
}

fn run_settings(generation: &Generation) -> String {
    let main = generation.main_server();
    let root = &generation.globals.root;
    let mut text = format!("ServerRoot: \"{}\"\n", root.display());
    let docroot = main.core().document_root.clone();
    let docroot = docroot.unwrap_or_else(|| version::default_docroot().into());
    let _ = writeln!(text, "Main DocumentRoot: \"{}\"", docroot.display());
    let log = main
        .core()
        .error_log
        .as_deref()
        .unwrap_or(env!("HTTPD_DEFAULT_ERRORLOG"));
    let log = match log.starts_with(['|', '/']) || log.starts_with("syslog") {
        true => log.to_owned(),
        false => root.join(log).display().to_string(),
    };
    let _ = writeln!(text, "Main ErrorLog: \"{log}\"");
    for mutex in &generation.main.mutexes {
        let dir = mutex
            .dir
            .clone()
            .unwrap_or_else(|| format!("{}/", generation.globals.runtime_folder().display()));
        let _ = writeln!(
            text,
            "Mutex {}: dir=\"{dir}\" mechanism={} ",
            mutex.name, mutex.mechanism
        );
    }
    if !generation
        .main
        .mutexes
        .iter()
        .any(|mutex| mutex.name == "default")
    {
        let folder = generation.globals.runtime_folder();
        let dir = folder.display();
        let _ = writeln!(text, "Mutex default: dir=\"{dir}/\" mechanism=default ");
    }
    let _ = writeln!(
        text,
        "PidFile: \"{}\"",
        super::pid_path(generation).display()
    );
    let mut defines: Vec<_> = generation.globals.defines.iter().collect();
    defines.sort();
    for (name, value) in defines {
        let _ = match value {
            None => writeln!(text, "Define: {name}"),
            Some(value) => writeln!(text, "Define: {name}={value}"),
        };
    }
    let mut lines = Vec::new();
    for dump in &generation.hooks.dump_run_cfg {
        dump(generation, &mut lines);
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text
}
