//! Every hook, in running order; how they are sorted; the table that a generation runs by.
//!
//! A module hangs functions on hooks with [`HookEntry`]s. The variants of [`Hook`] stand in the order in which a server's
//! life and a request run through them.

pub mod module;
pub mod provider;
mod sort;

use crate::connection::context::ServeContext;
use crate::connection::ConnInfo;
use crate::request::Request;
use crate::server::{Draft, Generation};
use module::Module;
use std::future::Future;
use std::pin::Pin;

/// A boxed future that stays on its thread.
pub type LocalFuture<'r, T> = Pin<Box<dyn Future<Output = T> + 'r>>;

/// What a request hook says: at once, or after waiting. Only one that waits allocates.
pub enum Answer<'r> {
    /// At once.
    Now(Status),
    /// After waiting.
    Later(LocalFuture<'r, Status>),
}

impl<'r> Answer<'r> {
    /// `Answer::Later` of a future.
    pub fn later(future: impl Future<Output = Status> + 'r) -> Self {
        Answer::Later(Box::pin(future))
    }
}

/// The meaning of a hook's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Handled; go on.
    Ok,
    /// Not mine.
    Declined,
    /// The response is complete; run nothing more but the log.
    Done,
    /// Stop with this HTTP status.
    Http(u16),
}

impl From<u16> for Status {
    fn from(code: u16) -> Status {
        Status::Http(code)
    }
}

/// A function in a phase of a request.
pub type RequestHook = for<'r> fn(&'r mut Request) -> Answer<'r>;

/// A step of making a generation; `Err` refuses the configuration.
pub type Step = fn(&mut Draft<'_>) -> Result<(), String>;

/// A step of a child's beginning; `Err` ends it.
pub type Seal = fn(&Generation) -> Result<(), String>;

/// A hook with the function that hangs on it, in running order.
#[derive(Clone, Copy)]
pub enum Hook {
    /// The configuration is complete: check and clamp values across directives.
    CheckConfig(Step),
    /// Open logs and other files, still as root.
    OpenLogs(Step),
    /// All is open: prepare what needs the whole configuration.
    PostConfig(Step),
    /// In a child, as root: give up privileges.
    DropPrivileges(Seal),
    /// In a child, once for each serving thread.
    ChildInit(fn(&ServeContext)),
    /// In the parent, about every ten seconds.
    Monitor(fn(&Generation)),
    /// A new connection, before its first byte.
    PreConnection(fn(&mut ConnInfo, &ServeContext)),
    /// A step of a request.
    Request(Phase, RequestHook),
    /// A line for `httpd -S`.
    DumpRunCfg(fn(&Generation, &mut Vec<String>)),
}

/// The steps of a request, in running order (Apache's hook names).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// post_read_request: head complete, before anything else. All.
    PostReadRequest,
    /// quick_handler: instead of everything below. First.
    QuickHandler,
    /// pre_translate_name: the path is still encoded. First.
    PreTranslate,
    /// translate_name: path to file name. First.
    Translate,
    /// map_to_storage: file and directory configuration. First.
    MapToStorage,
    /// post_perdir_config: the configuration of this request is final. All.
    PostPerDirConfig,
    /// header_parser: main requests only. All.
    HeaderParser,
    /// access_checker: rules that need no user. All.
    AccessChecker,
    /// access_checker_ex: authorization that may do without a user. First.
    AccessCheckerEx,
    /// force_authn: sign in although allowed. First.
    ForceAuthn,
    /// check_user_id: sets the user. First.
    CheckUserId,
    /// auth_checker: rules for the user. First.
    AuthChecker,
    /// type_checker: type, language, handler. First.
    TypeChecker,
    /// fixups: last changes. All.
    Fixups,
    /// insert_filter: content filters. All.
    InsertFilter,
    /// handler: makes the response. First.
    Handler,
    /// insert_error_filter: for error responses, instead of insert_filter. All.
    InsertErrorFilter,
    /// The head of the response is about to be made: last changes to its fields. All.
    FixupResponse,
    /// log_transaction: after the response. All.
    LogTransaction,
    /// note_auth_failure: fills WWW-Authenticate. First.
    NoteAuthFailure,
}

/// How many phases there are.
const PHASES: usize = Phase::NoteAuthFailure as usize + 1;

/// The rough place of a hook among the others on the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Order {
    /// Before all.
    ReallyFirst = -10,
    /// Early.
    First = 0,
    /// The usual place.
    Middle = 10,
    /// Late.
    Last = 20,
    /// After all.
    ReallyLast = 30,
}

/// A hook of a module, and where it stands among the others.
#[derive(Clone, Copy)]
pub struct HookEntry {
    /// Which hook, and what runs.
    pub hook: Hook,
    /// The rough place.
    pub order: Order,
    /// Source names of modules that must have run before.
    pub after: &'static [&'static str],
    /// Source names of modules that must run later.
    pub before: &'static [&'static str],
}

impl HookEntry {
    /// An entry in the usual place.
    pub const fn new(hook: Hook) -> Self {
        HookEntry {
            hook,
            order: Order::Middle,
            after: &[],
            before: &[],
        }
    }
    /// A request hook in the usual place.
    pub const fn request(phase: Phase, run: RequestHook) -> Self {
        Self::new(Hook::Request(phase, run))
    }
    /// The same with another rough place.
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }
    /// The same behind these modules.
    pub const fn after(mut self, modules: &'static [&'static str]) -> Self {
        self.after = modules;
        self
    }
    /// The same before these modules.
    pub const fn before(mut self, modules: &'static [&'static str]) -> Self {
        self.before = modules;
        self
    }
}

/// The hooks of a generation, sorted.
#[derive(Default)]
pub struct HookTable {
    /// After the directives.
    pub check_config: Vec<Step>,
    /// Opening.
    pub open_logs: Vec<Step>,
    /// Preparing.
    pub post_config: Vec<Step>,
    /// In each child.
    pub drop_privileges: Vec<Seal>,
    /// In each serving thread.
    pub child_init: Vec<fn(&ServeContext)>,
    /// In the parent.
    pub monitor: Vec<fn(&Generation)>,
    /// For each connection.
    pub pre_connection: Vec<fn(&mut ConnInfo, &ServeContext)>,
    /// For `-S`.
    pub dump_run_cfg: Vec<fn(&Generation, &mut Vec<String>)>,
    phases: [Vec<RequestHook>; PHASES],
    /// For `-D DUMP_HOOKS`: hook name and module, in running order.
    pub listing: Vec<(String, &'static str)>,
}

impl HookTable {
    /// Sorts the hooks of `modules`. A cycle among `after` and `before` is refused, naming the modules.
    pub fn build(modules: &[&'static Module]) -> Result<HookTable, String> {
        let mut table = HookTable::default();
        for (module, entry) in sort::sorted(modules)? {
            table.add(module, entry);
        }
        Ok(table)
    }

    /// The functions of a phase, in order.
    pub fn phase(&self, phase: Phase) -> &[RequestHook] {
        &self.phases[phase as usize]
    }

    fn add(&mut self, module: &'static Module, entry: &HookEntry) {
        self.listing.push((entry.hook.name(), module.name));
        match entry.hook {
            Hook::CheckConfig(f) => self.check_config.push(f),
            Hook::OpenLogs(f) => self.open_logs.push(f),
            Hook::PostConfig(f) => self.post_config.push(f),
            Hook::DropPrivileges(f) => self.drop_privileges.push(f),
            Hook::ChildInit(f) => self.child_init.push(f),
            Hook::Monitor(f) => self.monitor.push(f),
            Hook::PreConnection(f) => self.pre_connection.push(f),
            Hook::DumpRunCfg(f) => self.dump_run_cfg.push(f),
            Hook::Request(phase, f) => self.phases[phase as usize].push(f),
        }
    }
}

impl Hook {
    /// A key that is equal for entries on the same hook, and orders hooks as they run.
    fn key(&self) -> usize {
        match self {
            Hook::CheckConfig(_) => 1,
            Hook::OpenLogs(_) => 2,
            Hook::PostConfig(_) => 3,
            Hook::DropPrivileges(_) => 4,
            Hook::ChildInit(_) => 5,
            Hook::Monitor(_) => 6,
            Hook::PreConnection(_) => 7,
            Hook::DumpRunCfg(_) => 8,
            Hook::Request(phase, _) => 9 + *phase as usize,
        }
    }

    /// The hook's name for listings.
    fn name(&self) -> String {
        match self {
            Hook::CheckConfig(_) => "CheckConfig".into(),
            Hook::OpenLogs(_) => "OpenLogs".into(),
            Hook::PostConfig(_) => "PostConfig".into(),
            Hook::DropPrivileges(_) => "DropPrivileges".into(),
            Hook::ChildInit(_) => "ChildInit".into(),
            Hook::Monitor(_) => "Monitor".into(),
            Hook::PreConnection(_) => "PreConnection".into(),
            Hook::DumpRunCfg(_) => "DumpRunCfg".into(),
            Hook::Request(phase, _) => format!("{phase:?}"),
        }
    }
}
