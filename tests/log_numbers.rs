//! Every message number stands for one event: it is never used with two texts, Apache's numbers stay below 20000, and
//! events of our own begin there. Users filter logs by these numbers, so a mistake here misleads them silently.
//!
//! Reads every `log!` and `startup!` of the sources, and every constant that is used as a number in its file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// Apache's numbers end well below this; ours begin here.
const OURS: u64 = 20_000;
/// Above what Apache has given out.
const APACHES: u64 = 11_000;

/// A use of a number: its text, and where.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    text: String,
    place: String,
}

struct Reader<'a> {
    file: &'a str,
    constants: BTreeMap<String, u64>,
    found: Vec<(u64, Use)>,
    mistakes: Vec<String>,
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|last| last.ident.to_string());
        if matches!(name.as_deref(), Some("log" | "startup")) {
            self.read(&call.tokens.to_string());
        }
        visit::visit_macro(self, call);
    }
}

impl Reader<'_> {
    fn read(&mut self, tokens: &str) {
        let place = self.file.to_string();
        let arguments = arguments(tokens);
        let [_, _, number, rest @ ..] = arguments.as_slice() else {
            self.mistakes
                .push(format!("{place}: too few arguments in {tokens}"));
            return;
        };
        // `err = error` may stand between number and text.
        let text = rest.iter().find(|argument| argument.starts_with('"'));
        let known = number.rsplit("::").next().unwrap_or_default().trim();
        let number = match number.replace('_', "").parse().ok() {
            Some(number) => number,
            None => match self.constants.get(known) {
                Some(&number) => number,
                // Computed, or handed in from a table: nothing to read here.
                None => return,
            },
        };
        let text = shape(text.map_or("", String::as_str));
        self.found.push((number, Use { text, place }));
    }
}

/// A text with each run of places for values as one: the same event may name a path in one piece or in two.
fn shape(text: &str) -> String {
    let (mut shape, mut inside) = (String::new(), false);
    for c in text.chars() {
        match c {
            '{' if !inside => {
                inside = true;
                if !shape.ends_with("{}") {
                    shape.push_str("{}");
                }
            }
            '}' if inside => inside = false,
            _ if inside => {}
            _ => shape.push(c),
        }
    }
    shape
}

/// Splits at the commas outside of brackets and quotes.
fn arguments(tokens: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for c in tokens.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(argument) = arguments.last_mut() {
            argument.push(c);
        }
    }
    arguments
        .iter()
        .map(|argument| argument.trim().to_string())
        .collect()
}

/// Constants of a file, in its modules too, that hold a plain number.
struct Constants(BTreeMap<String, u64>);

impl<'ast> Visit<'ast> for Constants {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if let syn::Expr::Lit(literal) = &*item.expr {
            if let syn::Lit::Int(number) = &literal.lit {
                let number = number.base10_parse();
                self.0
                    .extend(number.map(|number| (item.ident.to_string(), number)));
            }
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

/// Reads one file. Tests make up numbers as they like, so their files are left out.
fn read(file: &str, source: &str) -> (Vec<(u64, Use)>, Vec<String>) {
    let mut tree = match syn::parse_file(source) {
        Ok(tree) => tree,
        Err(error) => return (Vec::new(), vec![format!("{file}: {error}")]),
    };
    tree.items.retain(|item| match item {
        syn::Item::Mod(module) => module.ident != "tests",
        _ => true,
    });
    let mut constants = Constants(BTreeMap::new());
    constants.visit_file(&tree);
    let mut reader = Reader {
        file,
        constants: constants.0,
        found: Vec::new(),
        mistakes: Vec::new(),
    };
    reader.visit_file(&tree);
    (reader.found, reader.mistakes)
}

/// What is wrong with a set of uses.
fn judge(uses: Vec<(u64, Use)>) -> Vec<String> {
    let mut first: BTreeMap<u64, Use> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (number, used) in uses {
        if number == 0 {
            continue;
        }
        if (APACHES..OURS).contains(&number) {
            let place = &used.place;
            mistakes.push(format!("{place}: {number} is neither Apache's nor ours"));
        }
        match first.get(&number) {
            Some(known) if known.text != used.text => mistakes.push(format!(
                "{} and {}: both are {number}, with the texts {} and {}",
                known.place, used.place, known.text, used.text
            )),
            Some(_) => {}
            None => {
                first.insert(number, used);
            }
        }
    }
    mistakes
}

#[test]
fn a_number_has_one_text() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "mpm", "modules", "support"] {
        sources(&root.join(folder), &mut files);
    }
    let (mut uses, mut mistakes) = (Vec::new(), Vec::new());
    for path in &files {
        let name = path
            .strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string();
        if name.ends_with("tests.rs") {
            continue;
        }
        let source = fs::read_to_string(path).expect("a source");
        let (more, wrong) = read(&name, &source);
        uses.extend(more);
        mistakes.extend(wrong);
    }
    assert!(!uses.is_empty(), "no log! found: is this test blind?");
    mistakes.extend(judge(uses));
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn mistakes_are_found() {
    let source = r#"
        mod number { pub const X: u32 = 20_500; }
        fn f(s: S) {
            log!(s, Level::Error, 670, "a {}, {}", g(1, "2"), 3);
            log!(s, Level::Error, 670, "a {x}, {}{:?}", g(1, "2"), 3);
            if x { log!(s, Level::Warn, 670, err = error, "b"); }
            crate::log::startup!(s, Level::Warn, 12_000, "c");
            log!(s, Level::Warn, number::X, "d");
            log!(s, Level::Warn, 20500, "d");
            log!(s, Level::Warn, 0, "e");
            log!(s, Level::Warn, 0, "f");
        }
        mod tests { fn f() { log!(s, Level::Error, 670, "g"); } }
    "#;
    let (uses, mistakes) = read("x.rs", source);
    assert_eq!((uses.len(), mistakes.len()), (8, 0));
    let mistakes = judge(uses);
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    assert!(mistakes[0].contains("both are 670"));
    assert!(mistakes[1].contains("12000 is neither"));
}
