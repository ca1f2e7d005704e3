//! The order of hooks: by rough place, then so that every `after` and `before` holds, else as the modules were loaded.

use super::module::Module;
use super::HookEntry;

type Entry = (&'static Module, &'static HookEntry);

/// All hooks of `modules`, grouped by hook and sorted within each.
pub fn sorted(modules: &[&'static Module]) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = modules
        .iter()
        .flat_map(|module| module.hooks.iter().map(move |entry| (*module, entry)))
        .collect();
    entries.sort_by_key(|(_, entry)| (entry.hook.key(), entry.order));
    let mut out = Vec::with_capacity(entries.len());
    let mut rest = entries.as_slice();
    while let Some((_, first)) = rest.first() {
        let key = first.hook.key();
        let end = rest
            .iter()
            .position(|(_, e)| e.hook.key() != key)
            .unwrap_or(rest.len());
        let (group, later) = rest.split_at(end);
        topological(group.to_vec(), &mut out)?;
        rest = later;
    }
    Ok(out)
}

/// Takes again and again the first entry that waits for no other.
fn topological(mut waiting: Vec<Entry>, out: &mut Vec<Entry>) -> Result<(), String> {
    while !waiting.is_empty() {
        let free = waiting
            .iter()
            .position(|entry| !waiting.iter().any(|other| must_follow(entry, other)));
        let Some(free) = free else {
            let names: Vec<_> = waiting.iter().map(|(module, _)| module.name).collect();
            let hook = waiting
                .first()
                .map_or(String::new(), |(_, entry)| entry.hook.name());
            return Err(format!(
                "the hooks of {} wait for each other on {hook}",
                names.join(", ")
            ));
        };
        out.push(waiting.remove(free));
    }
    Ok(())
}

/// True if `entry` has to run later than `other`.
fn must_follow(entry: &Entry, other: &Entry) -> bool {
    let distinct = entry.0.name != other.0.name;
    distinct && (entry.1.after.contains(&other.0.name) || other.1.before.contains(&entry.0.name))
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Hook, HookTable, Order, Phase, Status};
    use super::*;
    use crate::request::Request;

    fn nothing(_: &mut Request) -> Answer<'_> {
        Answer::Now(Status::Declined)
    }
    const PLAIN: HookEntry = HookEntry::request(Phase::Fixups, nothing);

    static LATE: Module = Module {
        name: "late.c",
        hooks: &[
            PLAIN.order(Order::Last),
            HookEntry::new(Hook::Monitor(|_| ())),
        ],
        ..Module::EMPTY
    };
    static ONE: Module = Module {
        name: "one.c",
        hooks: &[PLAIN.after(&["two.c"])],
        ..Module::EMPTY
    };
    static TWO: Module = Module {
        name: "two.c",
        hooks: &[PLAIN],
        ..Module::EMPTY
    };
    static LOOP: Module = Module {
        name: "two.c",
        hooks: &[PLAIN.after(&["one.c"])],
        ..Module::EMPTY
    };

    #[test]
    fn places_and_wishes_are_kept() {
        let names: Vec<_> = sorted(&[&LATE, &ONE, &TWO])
            .expect("sorted")
            .iter()
            .map(|(m, _)| m.name)
            .collect();
        assert_eq!(names, ["late.c", "two.c", "one.c", "late.c"]);
    }

    #[test]
    fn a_cycle_is_refused() {
        let error = HookTable::build(&[&ONE, &LOOP]).err().expect("refused");
        assert!(error.contains("one.c, two.c"), "{error}");
    }
}
