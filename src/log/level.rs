//! How loud a message is, and how loud it must be to be kept: the level names of `LogLevel`, and the levels in effect
//! for a server, a connection or a request. Asked at every message, before anything of it is formatted.

use std::fmt;

/// How severe a message is; the smaller, the worse. The numbers are those of syslog, which end at 7 (`debug`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    Emerg = 0,
    Alert = 1,
    Crit = 2,
    Error = 3,
    Warn = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
    Trace1 = 8,
    Trace2 = 9,
    Trace3 = 10,
    Trace4 = 11,
    Trace5 = 12,
    Trace6 = 13,
    Trace7 = 14,
    Trace8 = 15,
}

/// All levels with their names, from the worst to the most talkative.
const NAMES: [(Level, &str); 16] = [
    (Level::Emerg, "emerg"),
    (Level::Alert, "alert"),
    (Level::Crit, "crit"),
    (Level::Error, "error"),
    (Level::Warn, "warn"),
    (Level::Notice, "notice"),
    (Level::Info, "info"),
    (Level::Debug, "debug"),
    (Level::Trace1, "trace1"),
    (Level::Trace2, "trace2"),
    (Level::Trace3, "trace3"),
    (Level::Trace4, "trace4"),
    (Level::Trace5, "trace5"),
    (Level::Trace6, "trace6"),
    (Level::Trace7, "trace7"),
    (Level::Trace8, "trace8"),
];

/// What `LogLevel` and `-e` answer to a word they do not know.
pub const UNKNOWN_LEVEL: &str = "Log level keyword must be one of \
     emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8";

impl Level {
    /// Reads a level name, in any case of letters.
    pub fn parse(word: &str) -> Option<Level> {
        NAMES
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(word))
            .map(|&(level, _)| level)
    }

    /// The name as logs show it.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The severity syslog knows it by, 0 to 7.
    pub fn severity(self) -> u8 {
        (self as u8).min(Level::Debug as u8)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one place of the configuration says about levels (directive `LogLevel`): for everything, and for single
/// modules. An empty one says nothing and inherits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// For modules that are not in `modules`; `None` inherits.
    everything: Option<Level>,
    /// True after `LogLevel warn` without a module: what enclosing places said about single modules is forgotten.
    alone: bool,
    /// Module (by its short name, `ssl`) and level.
    modules: Vec<(&'static str, Level)>,
}

/// In effect where nothing is said.
const DEFAULT: Level = Level::Warn;

impl Levels {
    /// Levels that say nothing.
    pub const fn new() -> Levels {
        Levels {
            everything: None,
            alone: false,
            modules: Vec::new(),
        }
    }

    /// The given level for everything.
    pub const fn all(level: Level) -> Levels {
        Levels {
            everything: Some(level),
            alone: true,
            modules: Vec::new(),
        }
    }

    /// Takes one argument of `LogLevel`: `warn`, `ssl:debug`, `ssl_module:debug` or `mod_ssl.c:debug`. `find` knows the
    /// modules: given one of these three forms, it answers with the short name (the identifier without `_module`).
    ///
    /// `Err` is the text Apache answers with.
    pub fn set(
        &mut self,
        word: &str,
        find: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Result<(), String> {
        let Some((module, level)) = word.rsplit_once(':') else {
            *self = Levels::all(Level::parse(word).ok_or(UNKNOWN_LEVEL)?);
            return Ok(());
        };
        let name = find(module).ok_or_else(|| format!("Cannot find module {module}"))?;
        let level = Level::parse(level).ok_or_else(|| format!("{word}: {UNKNOWN_LEVEL}"))?;
        self.modules.retain(|&(known, _)| known != name);
        self.modules.push((name, level));
        Ok(())
    }

    /// What holds in an inner place (`self`: a virtual host, a `<Directory>`) that stands in an `outer` one.
    pub fn within(&self, outer: &Levels) -> Levels {
        let mut merged = self.clone();
        if !self.alone {
            merged.everything = self.everything.or(outer.everything);
            merged.alone = outer.alone;
            for &(name, level) in &outer.modules {
                if !self.modules.iter().any(|&(known, _)| known == name) {
                    merged.modules.push((name, level));
                }
            }
        }
        merged
    }

    /// True if nothing was said.
    pub fn is_empty(&self) -> bool {
        self.everything.is_none() && self.modules.is_empty()
    }

    /// Whether a message of this level is kept, from this module (short name).
    #[inline]
    pub fn enabled(&self, module: &str, level: Level) -> bool {
        if self.modules.is_empty() {
            return level <= self.everything.unwrap_or(DEFAULT);
        }
        level <= self.of(module)
    }

    /// The level in effect for a module (short name).
    pub fn of(&self, module: &str) -> Level {
        let own = self.modules.iter().find(|&&(name, _)| name == module);
        own.map_or(self.everything.unwrap_or(DEFAULT), |&(_, level)| level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Option<&'static str> {
        match name {
            "ssl" | "ssl_module" | "mod_ssl.c" => Some("ssl"),
            "alias" | "alias_module" | "mod_alias.c" => Some("alias"),
            _ => None,
        }
    }

    fn levels(words: &[&str]) -> Levels {
        let mut levels = Levels::new();
        for word in words {
            levels.set(word, &find).expect("a good level");
        }
        levels
    }

    #[test]
    fn names_go_round() {
        for (index, (level, name)) in NAMES.iter().enumerate() {
            assert_eq!(*level as usize, index);
            assert_eq!(Level::parse(name), Some(*level));
            assert_eq!(Level::parse(&name.to_uppercase()), Some(*level));
            assert_eq!(level.to_string(), *name);
        }
        assert_eq!(Level::parse("trace9"), None);
        assert_eq!(Level::Trace8.severity(), 7);
    }

    #[test]
    fn the_three_forms_of_a_module() {
        for word in ["ssl:info", "ssl_module:info", "mod_ssl.c:info"] {
            let levels = levels(&["error", word]);
            assert!(levels.enabled("ssl", Level::Info));
            assert!(!levels.enabled("ssl", Level::Debug));
            assert!(!levels.enabled("alias", Level::Warn));
        }
    }

    #[test]
    fn mistakes_read_like_apaches() {
        let mut levels = Levels::new();
        assert_eq!(levels.set("foo", &find), Err(UNKNOWN_LEVEL.to_string()));
        assert_eq!(
            levels.set("foo:warn", &find),
            Err("Cannot find module foo".into())
        );
        assert_eq!(
            levels.set("alias:foo", &find),
            Err(format!("alias:foo: {UNKNOWN_LEVEL}"))
        );
        assert!(levels.is_empty());
    }

    #[test]
    fn warn_is_the_default_and_the_last_word_counts() {
        assert_eq!(Levels::new().of("core"), Level::Warn);
        assert_eq!(levels(&["ssl:debug", "ssl:crit"]).of("ssl"), Level::Crit);
        assert_eq!(levels(&["ssl:debug", "error"]).of("ssl"), Level::Error);
    }

    #[test]
    fn inner_places_inherit_what_they_do_not_say() {
        let outer = levels(&["info", "ssl:debug"]);
        let inner = levels(&["alias:trace1"]).within(&outer);
        assert_eq!(inner.of("alias"), Level::Trace1);
        assert_eq!(inner.of("ssl"), Level::Debug);
        assert_eq!(inner.of("core"), Level::Info);
        // As Apache has it: a level for everything is for everything.
        let inner = levels(&["warn"]).within(&outer);
        assert_eq!(inner.of("ssl"), Level::Warn);
        assert_eq!(Levels::new().within(&outer), outer);
    }
}
