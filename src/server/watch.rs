//! Whether files may have changed since a thread looked at them, by word of the kernel (`os::watch`). One for all threads of a
//! process: the kernel lets a user have few. Requests ask here before they use what is remembered of a file or a walk.

use crate::os::watch::{Change, Folders};
use crate::sync::SharedLock;
use bstr::{BString, ByteSlice};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Beyond so many folders or names it begins anew, so that it does not grow for ever.
const MOST_FOLDERS: usize = 4096;
const MOST_NAMES: usize = 50_000;

/// What is watched. Requests that find it quiet do not wait for each other: the lock is taken by who hears or follows.
#[derive(Debug, Default)]
pub struct Watch(SharedLock<State>);

#[derive(Debug, Default)]
enum State {
    /// Not yet asked for.
    #[default]
    Idle,
    /// The kernel has nothing for us.
    Refused,
    Open(Open),
}

#[derive(Debug)]
struct Open {
    folders: Folders,
    /// By path, without a slash at the end. `None` where changes are not told: behind a link, or on a remote file system.
    known: HashMap<BString, Option<i32>>,
    /// The names that matter in each folder.
    names: HashMap<i32, HashSet<BString>>,
    count: usize,
    /// Grows whenever something that matters may have changed.
    moment: u64,
}

impl Watch {
    /// A number that stays the same for as long as nothing changes that was asked for in [`Watch::follow`]. None if that is
    /// not known.
    pub fn moment(&self) -> Option<u64> {
        // Whoever hears has the lock until the moment is the new one.
        if let State::Open(open) = &*self.0.look() {
            if open.folders.are_quiet().is_ok_and(|quiet| quiet) {
                return Some(open.moment);
            }
        }
        let state = &mut *self.0.lock();
        let State::Open(open) = state else {
            return None;
        };
        let moment = open.hear();
        if moment.is_none() {
            *state = State::Refused;
        }
        moment
    }

    /// Follows changes of the file or folder `path`, of the folders on the way to it, and of files of these names in each of
    /// them. Gives the present moment: what is looked at from now on is true for as long as it stays the same. None if changes
    /// would not be told.
    pub fn follow(&self, path: &[u8], beside: &[String]) -> Option<u64> {
        let state = &mut *self.0.lock();
        if let State::Idle = state {
            // A process with one thread is one of very many, more than the kernel has watches for.
            let open = cfg!(threaded).then(|| Open::new(0)).flatten();
            *state = open.map_or(State::Refused, State::Open);
        }
        let State::Open(open) = state else {
            return None;
        };
        // First, for it may find that all is to be followed anew.
        if open.hear().is_none() {
            *state = State::Refused;
            return None;
        }
        open.follow(path, beside).then_some(open.moment)
    }
}

impl Open {
    fn new(moment: u64) -> Option<Open> {
        Some(Open {
            folders: Folders::new().ok()?,
            known: HashMap::new(),
            names: HashMap::new(),
            count: 0,
            moment,
        })
    }

    /// Hears what happened; the present moment.
    fn hear(&mut self) -> Option<u64> {
        let (mut changed, mut lost) = (false, false);
        let names = &self.names;
        let heard = self.folders.read(&mut |change| match change {
            Change::Named {
                folder,
                name,
                is_folder,
            } => {
                let matters = names
                    .get(&folder)
                    .is_some_and(|n| n.contains(name.as_bstr()));
                changed |= matters;
                // A folder of that path is another one now.
                lost |= matters && is_folder;
            }
            Change::Itself => changed = true,
            Change::Lost => lost = true,
        });
        if lost || heard.is_err() {
            *self = Open::new(self.moment + 1)?;
        } else if changed {
            self.moment += 1;
        }
        Some(self.moment)
    }

    fn follow(&mut self, path: &[u8], beside: &[String]) -> bool {
        if self.known.len() > MOST_FOLDERS || self.count > MOST_NAMES {
            match Open::new(self.moment + 1) {
                Some(anew) => *self = anew,
                None => return false,
            }
        }
        let path = path.trim_end_with(|c| c == '/');
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (slash, _) in slashes {
            let Some(number) = self.folder(&path[..slash]) else {
                return false;
            };
            let end = path[slash + 1..]
                .find_byte(b'/')
                .map_or(path.len(), |n| slash + 1 + n);
            let name = &path[slash + 1..end];
            let all = beside.iter().map(String::as_bytes).chain([name]);
            let names = self.names.entry(number).or_default();
            for name in all.filter(|name| !name.is_empty()) {
                if !names.contains(name.as_bstr()) {
                    names.insert(name.into());
                    self.count += 1;
                }
            }
        }
        path.first() == Some(&b'/')
    }

    /// The number of a folder, which is watched from now on.
    fn folder(&mut self, path: &[u8]) -> Option<i32> {
        if let Some(known) = self.known.get(path.as_bstr()) {
            return *known;
        }
        let name = if path.is_empty() { b"/" } else { path };
        let name = Path::new(name.to_os_str().ok()?);
        // Where a link leads elsewhere, changes on the other way there would not be told.
        let plain = name.canonicalize().is_ok_and(|real| real == name);
        let number = self.folders.add(name).ok().filter(|_| plain);
        self.known.insert(path.into(), number);
        number
    }
}
