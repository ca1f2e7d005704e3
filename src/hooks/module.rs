//! A module is one record; the set of those that are compiled in, and which of them are awake.

use super::provider::Provider;
use super::HookEntry;
use crate::config::directive::Directive;
use crate::config::suggest::nearest;
use crate::filters::FilterRecord;

/// All that the server knows of a module. Stands as `pub static MODULE` at the top of the module's file.
pub struct Module {
    /// The source file name that configurations test for: `mod_alias.c`.
    pub name: &'static str,
    /// The identifier that LoadModule takes: `alias_module`.
    pub identifier: &'static str,
    /// Its directives.
    pub directives: &'static [Directive],
    /// Its hooks.
    pub hooks: &'static [HookEntry],
    /// Filters that configurations can name.
    pub filters: &'static [FilterRecord],
    /// What it offers to other modules: authentication, authorization, log items.
    pub providers: &'static [Provider],
}

impl Module {
    /// A module that does nothing, to be filled in: `Module { name, identifier, ..Module::EMPTY }`.
    pub const EMPTY: Module = Module {
        name: "",
        identifier: "",
        directives: &[],
        hooks: &[],
        filters: &[],
        providers: &[],
    };

    /// True if `text` is the name or the identifier.
    pub fn is_called(&self, text: &str) -> bool {
        self.name == text || self.identifier == text
    }
}

/// A module that is compiled in.
pub struct Compiled {
    /// Its record.
    pub module: &'static Module,
    /// True if it sleeps until LoadModule names it.
    pub shared: bool,
}

/// What this build holds, and what it knows of the modules that it does not hold.
pub struct Registry {
    /// The modules compiled in, in link order.
    pub compiled: &'static [Compiled],
    /// Apache's modules that are not written yet: identifier and source name.
    pub unwritten: &'static [(&'static str, &'static str)],
    /// Directives of modules that are not in this build: name and source name.
    pub elsewhere: &'static [(&'static str, &'static str)],
    /// Other builds' MPMs: identifier and `--with-mpm` name.
    pub mpms: &'static [(&'static str, &'static str)],
}

/// The modules of one reading of the configuration.
#[derive(Clone)]
pub struct ModuleSet {
    registry: &'static Registry,
    /// Awake, in link order and then in order of LoadModule; true behind a module that LoadModule woke.
    active: Vec<(&'static Module, bool)>,
}

impl ModuleSet {
    /// The static modules of a build.
    pub fn new(registry: &'static Registry) -> Self {
        let built_in = registry.compiled.iter().filter(|c| !c.shared);
        ModuleSet {
            registry,
            active: built_in.map(|c| (c.module, false)).collect(),
        }
    }

    /// The modules that are awake, and whether LoadModule woke them.
    pub fn active(&self) -> &[(&'static Module, bool)] {
        &self.active
    }

    /// True if a module of this name or identifier is awake.
    pub fn is_active(&self, name: &str) -> bool {
        self.active.iter().any(|(module, _)| module.is_called(name))
    }

    /// The short name (`alias`) of a module that is called `alias`, `mod_alias.c` or `alias_module`.
    pub fn short_name(&self, name: &str) -> Option<&'static str> {
        let short = |module: &'static Module| module.identifier.trim_end_matches("_module");
        let found = self
            .active
            .iter()
            .find(|(module, _)| module.is_called(name) || short(module) == name);
        found.map(|(module, _)| short(module))
    }

    /// True if an active module has a filter of this name.
    pub fn has_filter(&self, name: &str) -> bool {
        let mut filters = self.active.iter().flat_map(|(module, _)| module.filters);
        filters.any(|filter| filter.name.eq_ignore_ascii_case(name))
    }

    /// The directive of this name in the modules that are awake, with its module.
    pub fn directive(&self, name: &str) -> Option<(&'static Module, &'static Directive)> {
        self.directives(name).next()
    }

    /// All modules' rows for a name: several modules may share one.
    pub fn directives<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'static Module, &'static Directive)> + 'a {
        self.active.iter().flat_map(move |(module, _)| {
            let rows = module.directives.iter();
            rows.filter(move |row| row.name.eq_ignore_ascii_case(name))
                .map(move |row| (*module, row))
        })
    }

    /// `LoadModule identifier file`. `Ok(Some(note))` is worth a line in the log, no more.
    pub fn load(&mut self, identifier: &str, file: &str) -> Result<Option<String>, String> {
        if let Some((module, woken)) = self.active.iter().find(|(m, _)| m.identifier == identifier)
        {
            return Ok(Some(match woken {
                true => format!("AH01574: module {identifier} is already loaded, skipping"),
                false => format!(
                    "AH01574: module {identifier} ({}) is built-in and can't be loaded; {file} was not opened",
                    module.name
                ),
            }));
        }
        let sleeping = self
            .registry
            .compiled
            .iter()
            .find(|c| c.module.identifier == identifier);
        if let Some(compiled) = sleeping {
            self.active.push((compiled.module, true));
            return Ok(None);
        }
        if let Some((_, mpm)) = self.registry.mpms.iter().find(|(id, _)| *id == identifier) {
            return Err(format!(
                "{identifier} is another MPM, and exactly one is compiled in: build with ./configure --with-mpm={mpm}, or remove this line"
            ));
        }
        if let Some((_, name)) = self
            .registry
            .unwritten
            .iter()
            .find(|(id, _)| *id == identifier)
        {
            return Err(format!(
                "{identifier} ({name}) is not written yet in this server"
            ));
        }
        let known = self.registry.compiled.iter().map(|c| c.module.identifier);
        Err(match nearest(identifier, known) {
            Some(near) => format!("no module is called {identifier}; did you mean {near}?"),
            None => format!(
                "no module is called {identifier} in this build (httpd -l and -M list them)"
            ),
        })
    }

    /// What to say about a directive that no active module has.
    pub fn unknown_directive(&self, name: &str) -> String {
        let asleep = self
            .registry
            .compiled
            .iter()
            .filter(|c| !self.is_active(c.module.identifier));
        for compiled in asleep {
            let has = |row: &&Directive| row.name.eq_ignore_ascii_case(name);
            if compiled.module.directives.iter().any(|row| has(&row)) {
                let (source, id) = (compiled.module.name, compiled.module.identifier);
                let file = source.trim_end_matches(".c");
                return format!(
                    "Invalid command '{name}', it belongs to {source}, which is not active; add: LoadModule {id} modules/{file}.so"
                );
            }
        }
        if let Some((_, module)) = self.elsewhere(name) {
            return format!(
                "Invalid command '{name}', it belongs to {module}, which is not part of this build"
            );
        }
        let base = format!(
            "Invalid command '{name}', perhaps misspelled or defined by a module not included in the server configuration"
        );
        let names = self
            .active
            .iter()
            .flat_map(|(m, _)| m.directives.iter().map(|row| row.name));
        match nearest(name, names) {
            Some(near) => format!("{base}; did you mean '{near}'?"),
            None => base,
        }
    }

    fn elsewhere(&self, name: &str) -> Option<&'static (&'static str, &'static str)> {
        self.registry
            .elsewhere
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}
