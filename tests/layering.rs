//! The layers of docs/architecture.md, checked: every `crate::` path of every file is read, and none may run upward.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// What a folder may not name, beyond itself.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/sync.rs",
        &[
            "os",
            "run",
            "config",
            "connection",
            "request",
            "server",
            "hooks",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/os",
        &[
            "run",
            "listen",
            "config",
            "connection",
            "request",
            "server",
            "hooks",
            "filters",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/run",
        &[
            "listen",
            "config",
            "connection",
            "request",
            "server",
            "hooks",
            "filters",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/listen",
        &[
            "config",
            "connection",
            "request",
            "server",
            "hooks",
            "filters",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/pattern",
        &[
            "os",
            "run",
            "config",
            "connection",
            "request",
            "server",
            "hooks",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/protocol",
        &[
            "os",
            "run",
            "listen",
            "config",
            "connection",
            "server",
            "hooks",
            "filters",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/scoreboard",
        &[
            "config",
            "connection",
            "request",
            "server",
            "hooks",
            "filters",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/log",
        &[
            "config",
            "connection",
            "request",
            "server",
            "hooks",
            "filters",
            "mpm",
            "modules",
        ],
    ),
    (
        "src/status",
        &[
            "run",
            "config",
            "connection",
            "server",
            "hooks",
            "filters",
            "mpm",
            "modules",
        ],
    ),
    ("src/config", &["run", "connection", "mpm", "modules"]),
    ("src/server", &["mpm", "modules"]),
    ("src/hooks", &["mpm", "modules"]),
    ("src/filters", &["mpm", "modules"]),
    ("src/request", &["mpm", "modules"]),
    ("src/connection", &["mpm", "modules"]),
    ("src/options.rs", &["mpm", "modules"]),
    ("mpm", &["modules", "request", "filters"]),
    ("modules", &[]),
];

/// `crate::mpm` is named by the table of modules alone.
const EXCEPTIONS: &[(&str, &str)] = &[("modules/mod.rs", "mpm")];

#[derive(Default)]
struct Names(BTreeSet<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut parts = path.segments.iter().map(|s| s.ident.to_string());
        if parts.next().as_deref() == Some("crate") {
            self.0.extend(parts.next());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(root) = &item.tree {
            if root.ident == "crate" {
                self.take(&root.tree);
            }
        }
    }
}

impl Names {
    fn take(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => drop(self.0.insert(path.ident.to_string())),
            syn::UseTree::Name(name) => drop(self.0.insert(name.ident.to_string())),
            syn::UseTree::Rename(name) => drop(self.0.insert(name.ident.to_string())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.take(tree)),
            syn::UseTree::Glob(_) => {}
        }
    }
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder of the tree")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Every source file of the server.
fn all_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["src", "mpm", "modules"] {
        rust_files(&root.join(folder), &mut files);
    }
    files
}

fn names_in(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).expect("a source file");
    let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut names = Names::default();
    names.visit_file(&parsed);
    names.0
}

#[test]
fn no_path_runs_upward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = all_files(root);
    let mut wrong = Vec::new();
    for file in &files {
        let shown = file
            .strip_prefix(root)
            .expect("below the root")
            .display()
            .to_string();
        let rule = FORBIDDEN
            .iter()
            .find(|(place, _)| shown == *place || shown.starts_with(&format!("{place}/")));
        let Some((_, forbidden)) = rule else { continue };
        for name in names_in(file) {
            let excepted = EXCEPTIONS.contains(&(shown.as_str(), name.as_str()));
            if forbidden.contains(&name.as_str()) && !excepted {
                wrong.push(format!("{shown} names crate::{name}"));
            }
        }
    }
    assert!(files.len() > 50, "the files of the tree were not found");
    assert!(
        wrong.is_empty(),
        "paths that run upward:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn unsafe_code_stands_where_it_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = all_files(root);
    for file in files {
        let shown = file
            .strip_prefix(root)
            .expect("below the root")
            .display()
            .to_string();
        let may = ["src/os/", "src/run/", "src/ffi/"]
            .iter()
            .any(|place| shown.starts_with(place))
            || (shown.starts_with("mpm/") && shown.ends_with("/system.rs"));
        let text = fs::read_to_string(&file).expect("a source file");
        assert!(
            may || !text.contains("allow(unsafe_code)"),
            "{shown} allows unsafe code"
        );
    }
}

/// Shared data goes through `src/sync.rs`, which costs nothing in a build without threads. (Clippy's `disallowed-types` sees
/// through the aliases of that file, so it cannot say this.)
#[test]
fn threads_share_through_sync() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = all_files(root);
    let banned = ["Arc", "Mutex", "RwLock", "OnceLock"];
    // std's `Wake` is implemented for an Arc and nothing else.
    let may = ["src/sync.rs", "src/run/executor.rs", "mpm/event/permits.rs"];
    for file in files
        .iter()
        .filter(|file| !may.iter().any(|may| file.ends_with(may)))
    {
        let text = fs::read_to_string(file).expect("a source file");
        let uses = text
            .lines()
            .filter(|line| line.contains("std::sync::") && !line.trim_start().starts_with("//"));
        for line in uses {
            let mut words = line.split(|c: char| !c.is_alphanumeric());
            let found = words.find(|word| banned.contains(word));
            assert!(found.is_none(), "{}: {line}", file.display());
        }
    }
}

/// Lines of a file that say something, without their indentation: what an MPM shares with another belongs into `mpm/common`.
fn telling_lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a source file");
    let lines = text.lines().map(str::trim);
    let telling = lines.filter(|line| line.contains(char::is_alphanumeric));
    telling.map(str::to_string).collect()
}

#[test]
fn mpms_share_no_run_of_six_lines() {
    const RUN: usize = 6;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("mpm");
    let mut seen = std::collections::HashMap::new();
    let mut shared = Vec::new();
    for folder in fs::read_dir(root).expect("mpm").flatten() {
        let name = folder.file_name();
        if name == "common" || !folder.path().is_dir() {
            continue;
        }
        let mut files = Vec::new();
        rust_files(&folder.path(), &mut files);
        for file in &files {
            for run in telling_lines(file).windows(RUN) {
                let first = seen.entry(run.to_vec()).or_insert(name.clone());
                if *first != name {
                    shared.push(format!("{first:?} and {}: {run:#?}", file.display()));
                }
            }
        }
    }
    assert!(seen.len() > 500, "the folders of the MPMs were not found");
    assert!(
        shared.is_empty(),
        "runs of six lines:\n{}",
        shared.join("\n")
    );
}

/// The MPMs of systems of old are hardly more than their directives, their numbers and their own way of growing.
#[test]
fn mpms_of_old_stay_small() {
    const MOST: usize = 400;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("mpm");
    for name in ["beos", "mpm_netware", "mpmt_os2"] {
        let mut files = Vec::new();
        rust_files(&root.join(name), &mut files);
        let lines: usize = files.iter().map(|file| lines_of_code(file)).sum();
        assert!(lines > 0 && lines < MOST, "mpm/{name} has {lines} lines");
    }
}

/// How many lines a file has before its unit tests.
fn lines_of_code(file: &Path) -> usize {
    let text = fs::read_to_string(file).expect("a source file");
    let tests = |line: &&str| *line != "#[cfg(test)]";
    text.lines().take_while(tests).count()
}
