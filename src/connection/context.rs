//! What one serving thread keeps for all connections that it drives: the generation, the MPM's face, and caches of
//! merged configuration. Nothing here is shared between threads.

use super::awake::Awake;
use super::files::{FileCache, Seen};
use super::host::Host;
use crate::config::core::CoreDir;
use crate::config::section::Section;
use crate::config::value::{Conf, ConfMap};
use crate::hash::QuickMap;
use crate::request::table::Table;
use crate::server::Generation;
use crate::sync::Shared;
use bstr::{BStr, BString};
use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;

/// Bytes asked of a socket at a time.
const READ_SIZE: usize = 16 * 1024;
/// Tables that are kept for other requests, and the most memory that one of them may have.
const SPARE_TABLES: (usize, usize) = (64, 4096);
/// The same for texts.
const SPARE_TEXTS: (usize, usize) = (128, 512);
/// What a new table has room for: the fields of an ordinary request.
const TABLE_ROOM: (usize, usize) = (16, 512);

/// Sections have small numbers; those given here must not meet them.
const FIRST_ID: u64 = 1 << 32;

/// More merges than this are forgotten all at once; a configuration of ordinary size never comes near.
const MOST_MERGES: usize = 20_000;

/// Merged per-directory records, with a number that stands for their content.
pub struct DirConf {
    /// Unique in its context.
    pub id: u64,
    /// The core's, which is asked for many times a request.
    core: CoreDir,
    map: ConfMap,
}

impl DirConf {
    fn new(id: u64, map: ConfMap) -> DirConf {
        let core = map.get::<CoreDir>().cloned().unwrap_or_default();
        DirConf { id, core, map }
    }

    /// The core's record.
    pub fn core(&self) -> &CoreDir {
        &self.core
    }

    /// A module's record, if any directive for it applied.
    pub fn get<T: Conf>(&self) -> Option<&T> {
        self.map.get()
    }
}

/// What the directories of a path say.
#[derive(Clone)]
pub struct Walked {
    /// Their records.
    pub conf: Rc<DirConf>,
    /// While what was found is true.
    pub holds: Holds,
}

/// While a walk that is remembered is true.
#[derive(Clone)]
pub enum Holds {
    /// For ever: no `.htaccess` file was looked for.
    Always,
    /// Until there is word of a change after they were looked at.
    Seen(Seen),
    /// Where no word comes: while each of them is as it was, or still missing.
    Asked(Rc<[(BString, Option<Version>)]>),
}

/// Modification time, size, inode: where one differs, the file is another.
pub type Version = (std::time::SystemTime, u64, u64);

/// A `.htaccess` file that was read under certain rules.
pub struct Htaccess {
    /// Another version is read anew.
    pub version: Version,
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
    /// Of each server, once a request came to it.
    bases: RefCell<Vec<Option<Rc<DirConf>>>>,
    merges: RefCell<QuickMap<(u64, u64), Rc<DirConf>>>,
    /// By server, then by directory.
    walks: RefCell<HashMap<usize, HashMap<BString, Walked>>>,
    htaccess: RefCell<HashMap<(BString, u64), Rc<Htaccess>>>,
    next_id: Cell<u64>,
    /// The names of `.htaccess` files where AccessFileName says nothing.
    pub usual_access_files: [String; 1],
    /// Files that were served a moment ago.
    pub files: FileCache,
    /// Connections that were busy a moment ago.
    pub awake: Awake,
    read_buffer: RefCell<Vec<u8>>,
    /// Where small pieces of answers are put together.
    pub write_buffer: RefCell<Vec<u8>>,
    /// Empty ones, kept for their memory.
    tables: RefCell<Vec<Table>>,
    texts: RefCell<Vec<BString>>,
    /// Few enough to be looked through.
    locals: RefCell<Vec<(TypeId, Rc<dyn Any>)>>,
}

impl ServeContext {
    /// A context with empty caches; runs `child_init` of the modules.
    pub fn new(generation: Shared<Generation>, host: Rc<dyn Host>) -> Rc<ServeContext> {
        let bases = vec![None; generation.servers.len()];
        let next = FIRST_ID + bases.len() as u64;
        let files = FileCache::new(generation.clone(), host.sharers());
        let context = Rc::new(ServeContext {
            generation,
            host,
            bases: RefCell::new(bases),
            merges: RefCell::default(),
            walks: RefCell::default(),
            htaccess: RefCell::default(),
            usual_access_files: [".htaccess".to_owned()],
            files,
            awake: Awake::default(),
            next_id: Cell::new(next),
            read_buffer: RefCell::default(),
            write_buffer: RefCell::default(),
            tables: RefCell::default(),
            texts: RefCell::default(),
            locals: RefCell::default(),
        });
        for init in &context.generation.hooks.child_init {
            init(&context);
        }
        context
    }

    /// The records outside all sections of a server.
    pub fn base_conf(&self, server: usize) -> Rc<DirConf> {
        let known = &mut self.bases.borrow_mut()[server];
        let make = || {
            let map = self.generation.servers[server].dir.clone();
            Rc::new(DirConf::new(FIRST_ID + server as u64, map))
        };
        known.get_or_insert_with(make).clone()
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
        let merged = Rc::new(DirConf::new(self.new_id(), base.map.merged(over)));
        let mut merges = self.merges.borrow_mut();
        if merges.len() >= MOST_MERGES {
            merges.clear();
            self.walks.borrow_mut().clear();
            self.htaccess.borrow_mut().clear();
        }
        merges.insert(key, merged.clone());
        merged
    }

    /// What was remembered for a directory; whether it still holds is to be asked.
    pub fn walked(&self, server: usize, directory: &[u8]) -> Option<Walked> {
        let walks = self.walks.borrow();
        walks.get(&server)?.get(BStr::new(directory)).cloned()
    }

    /// Remembers what the sections for a directory say.
    pub fn remember_walk(&self, server: usize, directory: &[u8], walked: Walked) {
        let mut walks = self.walks.borrow_mut();
        let walks = walks.entry(server).or_default();
        if walks.len() < MOST_MERGES {
            walks.insert(BString::from(directory), walked);
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

    /// Where connections read to, one after the other.
    pub fn read_buffer(&self) -> RefMut<'_, Vec<u8>> {
        let mut buffer = self.read_buffer.borrow_mut();
        // Not before it is needed: most threads of a large pool are idle.
        if buffer.is_empty() {
            buffer.resize(READ_SIZE, 0);
        }
        buffer
    }

    /// A number that nothing else in this context has.
    pub fn new_id(&self) -> u64 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    /// An empty table, with memory of an earlier request if there is some.
    pub fn table(&self) -> Table {
        let spare = self.tables.borrow_mut().pop();
        spare.unwrap_or_else(|| Table::with_capacity(TABLE_ROOM.0, TABLE_ROOM.1))
    }

    /// Takes a table back that nobody needs any more.
    pub fn give_back(&self, mut table: Table) {
        let mut tables = self.tables.borrow_mut();
        if tables.len() < SPARE_TABLES.0 && table.capacity() <= SPARE_TABLES.1 {
            table.clear();
            tables.push(table);
        }
    }

    /// An empty text, with memory of an earlier request if there is some.
    pub fn text(&self) -> BString {
        self.texts.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a text back that nobody needs any more.
    pub fn give_back_text(&self, mut text: BString) {
        let mut texts = self.texts.borrow_mut();
        if texts.len() < SPARE_TEXTS.0 && (1..=SPARE_TEXTS.1).contains(&text.capacity()) {
            text.clear();
            texts.push(text);
        }
    }

    /// A module's own memory on this thread, made when first asked for.
    pub fn local<T: Any>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        let id = TypeId::of::<T>();
        let find = |(known, value): &(TypeId, Rc<dyn Any>)| (*known == id).then(|| value.clone());
        let known = self.locals.borrow().iter().find_map(find);
        let value = known.unwrap_or_else(|| {
            let made: Rc<dyn Any> = Rc::new(make());
            self.locals.borrow_mut().push((id, made.clone()));
            made
        });
        value
            .downcast()
            .unwrap_or_else(|_| unreachable!("the entry is keyed by its own type"))
    }
}
