//! What one serving thread keeps for all connections that it drives: the generation, the MPM's face, and caches of
//! merged configuration. Nothing here is shared between threads.

use super::host::Host;
use crate::config::core::CoreDir;
use crate::config::section::Section;
use crate::config::value::{Conf, ConfMap};
use crate::server::Generation;
use crate::sync::Shared;
use bstr::BString;
use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// More merges than this are forgotten all at once; a configuration of ordinary size never comes near.
const MOST_MERGES: usize = 20_000;

/// Merged per-directory records, with a number that stands for their content.
pub struct DirConf {
    /// Unique in its context.
    pub id: u64,
    map: ConfMap,
}

impl DirConf {
    /// The core's record.
    pub fn core(&self) -> &CoreDir {
        let core = self.map.get();
        core.unwrap_or_else(|| unreachable!("every server's records begin with the core's"))
    }

    /// A module's record, if any directive for it applied.
    pub fn get<T: Conf>(&self) -> Option<&T> {
        self.map.get()
    }
}

/// What the directories of a path say, where no `.htaccess` file and no symbolic link can change it.
#[derive(Clone)]
pub struct Walked {
    /// Their records.
    pub conf: Rc<DirConf>,
}

/// A `.htaccess` file that was read under certain rules.
pub struct Htaccess {
    /// Modification time, size, inode: another file is read anew.
    pub version: (std::time::SystemTime, u64, u64),
    /// Unique in its context.
    pub id: u64,
    /// What it sets, or why it cannot be obeyed.
    pub conf: Result<ConfMap, String>,
}

/// One serving thread's memory for one generation.
pub struct ServeContext {
    /// The configuration that is served.
    pub generation: Shared<Generation>,
    /// The MPM.
    pub host: Rc<dyn Host>,
    bases: Vec<Rc<DirConf>>,
    merges: RefCell<HashMap<(u64, u64), Rc<DirConf>>>,
    walks: RefCell<HashMap<(usize, BString), Walked>>,
    htaccess: RefCell<HashMap<(BString, u64), Rc<Htaccess>>>,
    next_id: Cell<u64>,
    locals: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
}

impl ServeContext {
    /// A context with empty caches; runs `child_init` of the modules.
    pub fn new(generation: Shared<Generation>, host: Rc<dyn Host>) -> Rc<ServeContext> {
        // Sections have small numbers; those given here must not meet them.
        let first = 1u64 << 32;
        let servers = generation.servers.iter().enumerate();
        let bases: Vec<_> = servers
            .map(|(index, server)| {
                Rc::new(DirConf {
                    id: first + index as u64,
                    map: server.dir.clone(),
                })
            })
            .collect();
        let next = first + bases.len() as u64;
        let context = Rc::new(ServeContext {
            generation,
            host,
            bases,
            merges: RefCell::default(),
            walks: RefCell::default(),
            htaccess: RefCell::default(),
            next_id: Cell::new(next),
            locals: RefCell::default(),
        });
        for init in &context.generation.hooks.child_init {
            init(&context);
        }
        context
    }

    /// The records outside all sections of a server.
    pub fn base_conf(&self, server: usize) -> Rc<DirConf> {
        self.bases[server].clone()
    }

    /// `base` with a section on top; remembered.
    pub fn merge(&self, base: &Rc<DirConf>, section: &Section) -> Rc<DirConf> {
        self.merge_map(base, section.id, &section.conf)
    }

    /// `base` with the records of number `id` on top; remembered.
    pub fn merge_map(&self, base: &Rc<DirConf>, id: u64, over: &ConfMap) -> Rc<DirConf> {
        let key = (base.id, id);
        if let Some(known) = self.merges.borrow().get(&key) {
            return known.clone();
        }
        let merged = Rc::new(DirConf {
            id: self.new_id(),
            map: base.map.merged(over),
        });
        let mut merges = self.merges.borrow_mut();
        if merges.len() >= MOST_MERGES {
            merges.clear();
            self.walks.borrow_mut().clear();
            self.htaccess.borrow_mut().clear();
        }
        merges.insert(key, merged.clone());
        merged
    }

    /// What was remembered for a directory.
    pub fn walked(&self, server: usize, directory: &[u8]) -> Option<Walked> {
        // The key is owned, so that a look-up makes one; a directory is looked up once for each request.
        self.walks
            .borrow()
            .get(&(server, BString::from(directory)))
            .cloned()
    }

    /// Remembers what the sections for a directory say.
    pub fn remember_walk(&self, server: usize, directory: &[u8], walked: Walked) {
        let mut walks = self.walks.borrow_mut();
        if walks.len() < MOST_MERGES {
            walks.insert((server, BString::from(directory)), walked);
        }
    }

    /// A `.htaccess` file as it was read below the records `under`.
    pub fn htaccess(&self, path: &[u8], under: u64) -> Option<Rc<Htaccess>> {
        self.htaccess
            .borrow()
            .get(&(BString::from(path), under))
            .cloned()
    }

    /// Remembers a `.htaccess` file.
    pub fn remember_htaccess(&self, path: &[u8], under: u64, read: Rc<Htaccess>) {
        self.htaccess
            .borrow_mut()
            .insert((BString::from(path), under), read);
    }

    /// A number that nothing else in this context has.
    pub fn new_id(&self) -> u64 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    /// A module's own memory on this thread, made when first asked for.
    pub fn local<T: Any>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        let known = self.locals.borrow().get(&TypeId::of::<T>()).cloned();
        let value = known.unwrap_or_else(|| {
            let made: Rc<dyn Any> = Rc::new(make());
            self.locals
                .borrow_mut()
                .insert(TypeId::of::<T>(), made.clone());
            made
        });
        value
            .downcast()
            .unwrap_or_else(|_| unreachable!("the entry is keyed by its own type"))
    }
}
