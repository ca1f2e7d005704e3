//! The main server and its virtual hosts, and the generation: all that one reading of the configuration made.

pub mod reach;
pub mod vhost;
pub mod watch;

use crate::config::core::{CoreDir, CoreServer};
use crate::config::read::Globals;
use crate::config::source::ConfigSource;
use crate::config::value::ConfMap;
use crate::filters::{Direction, FilterRecord};
use crate::hooks::module::Module;
use crate::hooks::provider::{Provider, Service};
use crate::hooks::HookTable;
use crate::listen::{ListenSpec, Listener};
use crate::log::{ErrorLog, Levels, Logs};
use reach::Reach;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use vhost::{VhostAddress, VhostTable};

/// A server: the main one or a virtual host.
pub struct Server {
    /// Its place in [`Generation::servers`]; 0 is the main server.
    pub index: usize,
    /// ServerName, as given: scheme, host, port.
    pub name: Option<ServerName>,
    /// ServerAlias, lower case, those without wildcards.
    pub aliases: Vec<String>,
    /// ServerAlias, lower case, those with wildcards.
    pub wild_aliases: Vec<String>,
    /// ServerAdmin.
    pub admin: Option<String>,
    /// ServerPath.
    pub path: Option<String>,
    /// The addresses of its `<VirtualHost>` line.
    pub addresses: Vec<VhostAddress>,
    /// `file:line` of its `<VirtualHost>` line.
    pub defined_at: String,
    /// Records for the whole server, the main server's merged in.
    pub conf: ConfMap,
    /// Records for every request to it: the base of all per-directory merges.
    pub dir: ConfMap,
    /// Its error log, once open.
    pub error_log: ErrorLog,
    /// LogLevel in force outside sections.
    pub levels: Levels,
}

/// `ServerName [scheme://]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerName {
    /// For self-referential URLs behind a TLS terminator.
    pub scheme: Option<String>,
    /// Lower case.
    pub host: String,
    /// 0 where none was given.
    pub port: u16,
}

impl Server {
    /// A server with nothing set.
    pub fn new(defined_at: &str) -> Self {
        Server {
            index: 0,
            name: None,
            aliases: Vec::new(),
            wild_aliases: Vec::new(),
            admin: None,
            path: None,
            addresses: Vec::new(),
            defined_at: defined_at.to_owned(),
            conf: ConfMap::with::<CoreServer>(),
            dir: ConfMap::with::<CoreDir>(),
            error_log: ErrorLog::stderr(),
            levels: Levels::default(),
        }
    }

    /// The core's record of this server.
    pub fn core(&self) -> &CoreServer {
        let core = self.conf.get();
        core.unwrap_or_else(|| unreachable!("a server is made with the core's records"))
    }

    /// The host name for the log and for canonical URLs.
    pub fn host(&self) -> &str {
        self.name.as_ref().map_or("localhost", |name| &name.host)
    }

    /// The port of ServerName, else that of the addresses of a virtual host.
    pub fn own_port(&self) -> Option<u16> {
        let named = self.name.as_ref().map(|name| name.port);
        let bound = self.addresses.first().map(|address| address.port);
        named
            .filter(|port| *port != 0)
            .or(bound.filter(|port| *port != 0))
    }

    /// Puts this virtual host's records on top of the main server's.
    pub fn inherit(&mut self, main: &Server) {
        self.conf = main.conf.merged(&self.conf);
        self.dir = main.dir.merged(&self.dir);
        self.admin = self.admin.take().or_else(|| main.admin.clone());
    }
}

/// `ServerTokens`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tokens {
    /// Product and major version.
    Major,
    /// Product and minor version.
    Minor,
    /// Product and version.
    Minimal,
    /// Product.
    Product,
    /// Product, version, system.
    Os,
    /// All that modules add, too.
    #[default]
    Full,
}

/// `Mutex`: recorded and shown by `-S`; see docs/differences.md.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutexSetting {
    /// `default`, or which mutex.
    pub name: String,
    /// flock, sysvsem, ..., default, none.
    pub mechanism: String,
    /// Directory of lock files.
    pub dir: Option<String>,
}

/// `OpenFileCache`: what is asked of the file system before something remembered of a file is used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum FileCacheMode {
    /// Nothing is remembered.
    Off,
    /// Whether the file has changed.
    #[default]
    On,
    /// Nothing, for the time of `OpenFileCacheValid`.
    Timed,
}

/// `OpenFileCache...`: what is remembered of files, in each process.
#[derive(Clone, Copy, Debug)]
pub struct FileCacheConf {
    /// `OpenFileCache`.
    pub mode: FileCacheMode,
    /// `OpenFileCacheEntries`.
    pub entries: usize,
    /// `OpenFileCacheBytes`, of contents.
    pub bytes: usize,
    /// `OpenFileCacheValid`.
    pub valid: Duration,
}

impl Default for FileCacheConf {
    fn default() -> Self {
        FileCacheConf {
            mode: FileCacheMode::default(),
            entries: 4096,
            bytes: 16 << 20,
            valid: Duration::from_secs(1),
        }
    }
}

/// Settings of the whole process.
#[derive(Clone, Default, Debug)]
pub struct MainConf {
    /// `Listen`.
    pub listens: Vec<ListenSpec>,
    /// `ServerTokens`.
    pub tokens: Tokens,
    /// `AcceptFilter`: protocol and filter.
    pub accept_filters: Vec<(String, String)>,
    /// `Mutex`.
    pub mutexes: Vec<MutexSetting>,
    /// `ExtendedStatus`, where set.
    pub extended_status: Option<bool>,
    /// `SeeRequestTail`.
    pub see_request_tail: bool,
    /// `OpenFileCache` and its limits.
    pub file_cache: FileCacheConf,
    /// `RegisterHttpMethod`.
    pub methods: Vec<String>,
    /// `RegexDefaultOptions`: how patterns of the configuration are read.
    pub regex: crate::pattern::Flags,
    /// Text that modules add to the Server field.
    pub components: Vec<String>,
    /// Whom children run as, if they change (User, Group).
    pub identity: Option<crate::os::spawner::Identity>,
    /// The folder that children take as the whole file system (ChrootDir).
    pub chroot: Option<PathBuf>,
    /// Files that serving children open by name.
    pub reach: Reach,
    /// A module starts programs for requests: by itself, or by the spawner if there is one.
    pub starts_programs: bool,
    /// A module starts them by the spawner alone.
    pub needs_spawner: bool,
}

/// All that one reading of the configuration made. Immutable once built; connections are served by it to their end.
pub struct Generation {
    /// From 0, one up with every reload.
    pub number: u32,
    /// The main server and the virtual hosts, in file order.
    pub servers: Vec<Server>,
    /// How connections and requests find their server.
    pub vhosts: VhostTable,
    /// The sorted hooks of the active modules.
    pub hooks: HookTable,
    /// Settings of the whole process.
    pub main: MainConf,
    /// Definitions, modules, paths; `.htaccess` files are read with a copy.
    pub globals: Globals,
    /// The record of the reading.
    pub source: ConfigSource,
    /// The error and access logs.
    pub logs: Logs,
    /// Starts programs for serving children, where the configuration needs it.
    pub spawner: Option<crate::os::spawner::Client>,
    /// The open sockets.
    pub listeners: Vec<Listener>,
    /// The Server field of responses.
    pub server_field: String,
    /// Word of changed files, in the process that serves.
    pub watch: watch::Watch,
    services: HashMap<(&'static str, &'static str), &'static Provider>,
    /// By direction and name in lower case.
    filters: HashMap<(Direction, String), &'static FilterRecord>,
}

/// A generation that is being made, for the hooks that complete it.
pub struct Draft<'a> {
    /// As far as it is.
    pub generation: &'a mut Generation,
    /// Warnings for the log.
    pub warnings: &'a mut Vec<String>,
}

impl Generation {
    /// A generation without sockets and logs.
    pub fn new(
        number: u32,
        servers: Vec<Server>,
        vhosts: VhostTable,
        hooks: HookTable,
        main: MainConf,
    ) -> Self {
        let globals = Globals {
            defines: HashMap::new(),
            modules: crate::hooks::module::ModuleSet::new(&EMPTY_REGISTRY),
            root: PathBuf::new(),
            runtime_dir: PathBuf::new(),
            notes: Vec::new(),
            records: ConfMap::default(),
        };
        Generation {
            number,
            servers,
            vhosts,
            hooks,
            main,
            globals,
            source: ConfigSource::default(),
            logs: Logs::new(),
            spawner: None,
            listeners: Vec::new(),
            server_field: String::new(),
            watch: watch::Watch::default(),
            services: HashMap::new(),
            filters: HashMap::new(),
        }
    }

    /// The main server.
    pub fn main_server(&self) -> &Server {
        &self.servers[0]
    }

    /// The active modules.
    pub fn modules(&self) -> impl Iterator<Item = &'static Module> + '_ {
        self.globals
            .modules
            .active()
            .iter()
            .map(|(module, _)| *module)
    }

    /// Makes the look-up tables of services and filters; called once when the modules are known.
    pub fn index_services(&mut self) {
        let modules: Vec<_> = self.modules().collect();
        for module in modules {
            for provider in module.providers {
                self.services
                    .insert((provider.service.group(), provider.name), provider);
            }
            for filter in module.filters {
                self.filters.insert(
                    (filter.direction(), filter.name.to_ascii_lowercase()),
                    filter,
                );
            }
        }
        self.server_field = crate::server::server_field(&self.main);
    }

    /// The service `name` of a group (`authn`, `authz`, `log`).
    pub fn service(&self, group: &str, name: &str) -> Option<&'static Service> {
        // The keys are 'static, so the look-up has to compare by value.
        self.services
            .iter()
            .find(|((g, n), _)| *g == group && *n == name)
            .map(|(_, provider)| &provider.service)
    }

    /// The filter of this name, whatever its case.
    pub fn filter(&self, direction: Direction, name: &str) -> Option<&'static FilterRecord> {
        self.filters
            .get(&(direction, name.to_ascii_lowercase()))
            .copied()
    }
}

impl Service {
    /// The group that its name is looked up in.
    pub fn group(&self) -> &'static str {
        match self {
            Service::Authn { .. } => "authn",
            Service::Authz { .. } => "authz",
            Service::LogItem(_) => "log",
        }
    }
}

static EMPTY_REGISTRY: crate::hooks::module::Registry = crate::hooks::module::Registry {
    compiled: &[],
    unwritten: &[],
    elsewhere: &[],
    mpms: &[],
};

/// The Server field for a ServerTokens setting.
pub fn server_field(main: &MainConf) -> String {
    let version = crate::version::VERSION;
    let mut parts = version.split('.');
    let major = parts.next().unwrap_or("0");
    let minor = parts.next().unwrap_or("0");
    let os = crate::version::PLATFORM;
    match main.tokens {
        Tokens::Product => "httpd".to_owned(),
        Tokens::Major => format!("httpd/{major}"),
        Tokens::Minor => format!("httpd/{major}.{minor}"),
        Tokens::Minimal => format!("httpd/{version}"),
        Tokens::Os => format!("httpd/{version} ({os})"),
        Tokens::Full => {
            let mut field = format!("httpd/{version} ({os})");
            for component in &main.components {
                field.push(' ');
                field.push_str(component);
            }
            field
        }
    }
}
