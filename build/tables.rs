//! The tables that configure and cargo's build script both read: `mpm/*/facts`, `build/modules`, `build/layouts`, and the
//! header that configure fills. Pure parsing: text in, records out.

use std::collections::BTreeMap;

/// Names with their values, in the order of the names.
pub type Values = BTreeMap<String, String>;

/// One `mpm/<name>/facts`: what is known of an MPM before anything is compiled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mpm {
    pub name: String,
    pub title: String,
    pub file: String,
    pub identifier: String,
    pub aliases: Vec<String>,
    pub planned: bool,
    pub threaded: bool,
    pub forked: bool,
    pub threads: String,
    pub processes: String,
    /// The parts of `mpm/common` that it is made of.
    pub uses: Vec<String>,
    pub builds_on: Vec<String>,
    pub default_on: Vec<String>,
    pub order: u32,
}

impl Mpm {
    /// Reads the `key=value` lines of a facts file.
    pub fn parse(text: &str) -> Mpm {
        let facts = key_values(text);
        let fact = |key: &str| facts.get(key).cloned().unwrap_or_default();
        let name = fact("name");
        Mpm {
            title: fact("title"),
            file: fact("file"),
            identifier: fact("identifier"),
            aliases: words(&fact("aliases")),
            planned: fact("status") == "planned",
            threaded: fact("threaded") == "yes",
            forked: fact("forked") == "yes",
            threads: fact("thread-count"),
            processes: fact("process-count"),
            uses: words(&fact("uses")),
            builds_on: words(&fact("builds-on")),
            default_on: words(&fact("default-on")),
            order: fact("default-order").parse().unwrap_or(u32::MAX),
            name,
        }
    }

    /// Its name in the error log and for LogLevel: the identifier without its end.
    pub fn log_name(&self) -> &str {
        let name = &self.identifier;
        name.strip_suffix("_module").unwrap_or(name)
    }

    /// The Cargo feature that chooses this MPM: `mpm-worker`, and `mpm-winnt` for mpm_winnt.
    pub fn feature(&self) -> String {
        let short = self.name.strip_prefix("mpm_").unwrap_or(&self.name);
        format!("mpm-{}", short.replace('_', "-"))
    }
}

/// One line of `build/modules`.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    pub name: String,
    /// `always`, `few`, `most`, `all` or `only`.
    pub set: String,
    pub planned: bool,
    /// The kind of build that it is for: `any`, `threaded`, `unthreaded` or `unix`.
    pub kind: String,
}

impl Module {
    /// Reads the whole table.
    pub fn parse_all(text: &str) -> Vec<Module> {
        let rows = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or(""));
        rows.filter_map(Module::parse).collect()
    }

    fn parse(line: &str) -> Option<Module> {
        let mut fields = line.split_whitespace();
        let (name, set, state) = (fields.next()?, fields.next()?, fields.next()?);
        let mpm = fields.nth(1).unwrap_or("any");
        Some(Module {
            name: name.to_string(),
            set: set.to_string(),
            planned: state == "planned",
            kind: mpm.split(':').next().unwrap_or("any").to_string(),
        })
    }

    /// Whether the module makes sense with an MPM of that kind on that family of systems. Without fork, threads start programs
    /// as a process without threads does.
    pub fn suits(&self, threaded: bool, unix: bool) -> bool {
        match self.kind.as_str() {
            "threaded" => threaded && unix,
            "unthreaded" => !(threaded && unix),
            "unix" => unix,
            _ => true,
        }
    }

    /// The Cargo feature that builds it static; with `-shared` behind it the module sleeps until LoadModule.
    pub fn feature(&self) -> String {
        format!("mod-{}", self.name.replace('_', "-"))
    }
}

/// The folders of one block of `build/layouts`, expanded; what it leaves out comes from the block `[Apache]`.
pub fn layout(text: &str, wanted: &str) -> Values {
    let mut raw = layout_block(text, "Apache");
    raw.extend(layout_block(text, wanted));
    let names: Vec<String> = raw.keys().cloned().collect();
    let whole = |name: String| {
        let value = expand(&raw, raw.get(&name).map_or("", String::as_str), 0);
        (name, value)
    };
    names.into_iter().map(whole).collect()
}

fn layout_block(text: &str, wanted: &str) -> Values {
    let header = format!("[{wanted}]");
    let block = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != header);
    let lines = block.skip(1).take_while(|line| !line.starts_with('['));
    lines.filter_map(split_pair).collect()
}

/// Replaces each `${name}`, to a depth that no sane layout reaches, and obeys the trailing `+`.
fn expand(raw: &Values, value: &str, depth: u32) -> String {
    let (value, suffix) = match value.strip_suffix('+') {
        Some(rest) => (rest, true),
        None => (value, false),
    };
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        if depth < 20 {
            out.push_str(&expand(
                raw,
                raw.get(name).map_or("", String::as_str),
                depth + 1,
            ));
        }
        rest = tail;
    }
    out.push_str(rest);
    if suffix && !out.contains("apache") {
        out.push_str("/apache2");
    }
    out
}

/// The `#define NAME value` lines of a header: numbers as they stand, strings without their quotes.
pub fn defines(text: &str) -> Values {
    let parts = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("#define "));
    parts
        .filter_map(|line| {
            let (name, value) = line.trim().split_once(char::is_whitespace)?;
            Some((name.to_string(), unquote(value.trim())))
        })
        .collect()
}

fn unquote(value: &str) -> String {
    let Some(inner) = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return value.to_string();
    };
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// `key=value` lines; `#` opens a comment line.
pub fn key_values(text: &str) -> Values {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(split_pair)
        .collect()
}

fn split_pair(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    Some((key.trim().to_string(), value.trim().to_string()))
}

/// A list separated by commas or blanks.
pub fn words(list: &str) -> Vec<String> {
    let parts = list.split(|c: char| c == ',' || c.is_whitespace());
    parts
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}
