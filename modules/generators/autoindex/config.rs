//! The directives of mod_autoindex, and what they leave behind.

use crate::config::directive::{Arity, Cmd, Directive, Place, Scope};
use crate::config::value::{pick, Conf};
use crate::pattern::{is_wild, Glob, GlobOptions};

macro_rules! row {
    ($name:literal, $arity:ident, $set:expr, $help:literal) => {
        Directive::new($name, Scope::INDEXES, Arity::$arity, $set, $help)
    };
}

#[rustfmt::skip]
pub(super) static DIRECTIVES: &[Directive] = &[
    row!("AddIcon", Iterate2, |cmd| add_icon(cmd, By::Path), "an icon URL followed by one or more filenames"),
    row!("AddIconByType", Iterate2, |cmd| add_icon(cmd, By::Type), "an icon URL followed by one or more MIME types"),
    row!("AddIconByEncoding", Iterate2, |cmd| add_icon(cmd, By::Encoding), "an icon URL followed by one or more content encodings"),
    row!("AddAlt", Iterate2, |cmd| add_alt(cmd, By::Path), "alternate descriptive text followed by one or more filenames"),
    row!("AddAltByType", Iterate2, |cmd| add_alt(cmd, By::Type), "alternate descriptive text followed by one or more MIME types"),
    row!("AddAltByEncoding", Iterate2, |cmd| add_alt(cmd, By::Encoding), "alternate descriptive text followed by one or more content encodings"),
    row!("AddDescription", Iterate2, add_description, "Descriptive text followed by one or more filenames"),
    row!("DefaultIcon", Take1, |cmd| text(cmd, |conf| &mut conf.default_icon), "an icon URL"),
    row!("HeaderName", Take1, |cmd| text(cmd, |conf| &mut conf.header), "a filename"),
    row!("ReadmeName", Take1, |cmd| text(cmd, |conf| &mut conf.readme), "a filename"),
    row!("IndexHeadInsert", Take1, |cmd| text(cmd, |conf| &mut conf.head_insert), "a text for the head of the page"),
    row!("IndexStyleSheet", Take1, |cmd| text(cmd, |conf| &mut conf.style_sheet), "the URL of a style sheet"),
    row!("IndexIgnore", Iterate, ignore, "one or more file extensions"),
    row!("IndexIgnoreReset", Flag, ignore_reset, "whether what was ignored so far is forgotten"),
    row!("IndexOptions", Argv, options, "one or more index options [+|-][]"),
    row!("IndexOrderDefault", Take2, order_default, "{Ascending,Descending} {Name,Size,Description,Date}"),
    Directive::new("FancyIndexing", Scope::ALL, Arity::Raw, fancy_indexing, "nothing any more: use IndexOptions FancyIndexing"),
];

/// The words of IndexOptions that are on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flag {
    FancyIndexing,
    FoldersFirst,
    HtmlTable,
    IconsAreLinks,
    IgnoreCase,
    IgnoreClient,
    ScanHtmlTitles,
    SuppressColumnSorting,
    SuppressDescription,
    SuppressHtmlPreamble,
    SuppressIcon,
    SuppressLastModified,
    SuppressSize,
    SuppressRules,
    TrackModified,
    VersionSort,
    Xhtml,
    ShowForbidden,
    AddAltClass,
    UseOldDateFormat,
    None,
}

const FLAG_NAMES: [(&str, Flag); 20] = [
    ("FancyIndexing", Flag::FancyIndexing),
    ("FoldersFirst", Flag::FoldersFirst),
    ("HTMLTable", Flag::HtmlTable),
    ("IconsAreLinks", Flag::IconsAreLinks),
    ("IgnoreCase", Flag::IgnoreCase),
    ("IgnoreClient", Flag::IgnoreClient),
    ("ScanHTMLTitles", Flag::ScanHtmlTitles),
    ("SuppressColumnSorting", Flag::SuppressColumnSorting),
    ("SuppressDescription", Flag::SuppressDescription),
    ("SuppressHTMLPreamble", Flag::SuppressHtmlPreamble),
    ("SuppressIcon", Flag::SuppressIcon),
    ("SuppressLastModified", Flag::SuppressLastModified),
    ("SuppressSize", Flag::SuppressSize),
    ("SuppressRules", Flag::SuppressRules),
    ("TrackModified", Flag::TrackModified),
    ("VersionSort", Flag::VersionSort),
    ("XHTML", Flag::Xhtml),
    ("ShowForbidden", Flag::ShowForbidden),
    ("AddAltClass", Flag::AddAltClass),
    ("UseOldDateFormat", Flag::UseOldDateFormat),
];

/// A set of flags.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Flags(u32);

impl Flags {
    pub fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u32) != 0
    }
    pub fn set(&mut self, flag: Flag, on: bool) {
        let bit = 1 << flag as u32;
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }
}

/// One place's IndexOptions: words without a sign, and changes to what is inherited.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Changes {
    plain: u32,
    add: u32,
    remove: u32,
}

impl Changes {
    /// What counts in the end.
    pub fn flags(self) -> Flags {
        Flags((self.plain | self.add) & !self.remove)
    }

    fn merge(self, over: Changes) -> Changes {
        let none = 1 << Flag::None as u32;
        if over.plain != 0 {
            return if over.plain & none != 0 {
                Changes {
                    plain: none,
                    ..Changes::default()
                }
            } else {
                over
            };
        }
        Changes {
            plain: self.plain & !none,
            add: (self.add | over.add) & !over.remove,
            remove: (self.remove & !over.add) | over.remove,
        }
    }
}

/// The width of a column: fixed, or as its longest text wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    Fixed(usize),
    Adjust,
}

/// What an icon or its text is chosen by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    Path,
    Type,
    Encoding,
}

/// An icon or a text, and what it is for.
#[derive(Clone, Debug)]
pub(super) struct Item {
    by: By,
    /// The names, types or codings.
    to: Glob,
    /// The folder, and all below, that the directive stands in; none outside folders.
    within: Option<Glob>,
    pub value: String,
}

/// A file as icons and texts are chosen for it.
pub(super) struct Subject<'s> {
    /// Its whole name, or a special one such as `^^DIRECTORY^^`.
    pub path: &'s [u8],
    pub kind: Option<&'s str>,
    pub encoding: Option<&'s str>,
}

/// The first item that is for a file.
pub(super) fn find<'i>(items: &'i [Item], subject: &Subject<'_>) -> Option<&'i str> {
    let special = subject.path.starts_with(b"^");
    let fits = |item: &&Item| {
        let inside = special
            || item
                .within
                .as_ref()
                .is_none_or(|within| within.matches(subject.path));
        let named = |text: Option<&str>| text.is_some_and(|text| item.to.matches(text.as_bytes()));
        inside
            && match item.by {
                By::Path => item.to.matches(subject.path),
                // A coding hides the type that is inside it.
                By::Type => subject.encoding.is_none() && named(subject.kind),
                By::Encoding => named(subject.encoding),
            }
    };
    items.iter().find(fits).map(|item| item.value.as_str())
}

/// A description.
#[derive(Clone, Debug)]
pub(super) struct Description {
    text: String,
    to: String,
    /// The pattern where `to` is one.
    glob: Option<Glob>,
    /// It is compared with the whole path.
    full: bool,
}

impl Description {
    /// The first description that is for a file.
    pub fn find<'d>(list: &'d [Description], path: &[u8]) -> Option<&'d str> {
        let slash = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        let fits = |one: &&Description| {
            let subject = if one.full { path } else { &path[slash..] };
            match &one.glob {
                Some(glob) => glob.matches(subject),
                None => memchr::memmem::find(subject, one.to.as_bytes()).is_some(),
            }
        };
        list.iter().find(fits).map(|one| one.text.as_str())
    }
}

/// What a listing is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    Name = b'N' as isize,
    Modified = b'M' as isize,
    Size = b'S' as isize,
    Description = b'D' as isize,
}

/// The directives of a directory.
#[derive(Clone, Default)]
pub(super) struct IndexDir {
    pub options: Changes,
    pub name_width: Option<Width>,
    pub description_width: Option<Width>,
    pub icon_height: Option<u32>,
    pub icon_width: Option<u32>,
    pub default_icon: Option<String>,
    pub icons: Vec<Item>,
    pub alts: Vec<Item>,
    pub descriptions: Vec<Description>,
    ignored: Vec<Item>,
    ignore_reset: bool,
    pub header: Option<String>,
    pub readme: Option<String>,
    pub head_insert: Option<String>,
    pub style_sheet: Option<String>,
    /// IndexOrderDefault: the key, and whether it ascends.
    pub order: Option<(Key, bool)>,
    pub charset: Option<String>,
    pub media_type: Option<String>,
}

impl IndexDir {
    /// True if IndexIgnore names this file, given by its whole name.
    pub fn ignores(&self, path: &[u8]) -> bool {
        let slash = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        let name = &path[slash..];
        let within = |item: &Item| {
            item.within
                .as_ref()
                .is_none_or(|within| within.matches(path))
        };
        self.ignored
            .iter()
            .any(|item| within(item) && item.to.matches(name))
    }
}

impl Conf for IndexDir {
    fn merge(&self, over: &Self) -> Self {
        let joined = |over: &[Item], base: &[Item]| over.iter().chain(base).cloned().collect();
        IndexDir {
            options: self.options.merge(over.options),
            name_width: over.name_width.or(self.name_width),
            description_width: over.description_width.or(self.description_width),
            icon_height: over.icon_height.or(self.icon_height),
            icon_width: over.icon_width.or(self.icon_width),
            default_icon: pick(&self.default_icon, &over.default_icon),
            icons: joined(&over.icons, &self.icons),
            alts: joined(&over.alts, &self.alts),
            descriptions: over
                .descriptions
                .iter()
                .chain(&self.descriptions)
                .cloned()
                .collect(),
            ignored: match over.ignore_reset {
                true => over.ignored.clone(),
                false => joined(&over.ignored, &self.ignored),
            },
            ignore_reset: over.ignore_reset,
            header: pick(&self.header, &over.header),
            readme: pick(&self.readme, &over.readme),
            head_insert: pick(&self.head_insert, &over.head_insert),
            style_sheet: pick(&self.style_sheet, &over.style_sheet),
            order: over.order.or(self.order),
            charset: pick(&self.charset, &over.charset),
            media_type: pick(&self.media_type, &over.media_type),
        }
    }
}

fn text(cmd: &mut Cmd<'_>, field: fn(&mut IndexDir) -> &mut Option<String>) -> Result<(), String> {
    let value = cmd.arg(0).to_owned();
    *field(cmd.dir_conf()) = Some(value);
    Ok(())
}

/// `*` and `?` only.
fn glob(text: &str, ignore_case: bool) -> Glob {
    Glob::new(
        text,
        GlobOptions {
            classes: false,
            ignore_case,
            ..Default::default()
        },
    )
}

/// An item of the place that is configured.
fn item(cmd: &Cmd<'_>, by: By, to: &str, value: &str) -> Item {
    let within = match (cmd.place, cmd.section) {
        (Place::Directory, Some(path)) if !path.starts_with('~') => {
            Some(glob(&format!("{path}*"), false))
        }
        _ => None,
    };
    let to = match by {
        By::Path if !to.contains(['*', '?']) => glob(&format!("*{to}"), false),
        By::Path => glob(to, false),
        By::Type | By::Encoding => glob(to, true),
    };
    Item {
        by,
        to,
        within,
        value: value.to_owned(),
    }
}

/// The special name of folders may be written in another way, too.
fn special(name: &str) -> &str {
    match name {
        "**DIRECTORY**" => "^^DIRECTORY^^",
        other => other,
    }
}

fn add_icon(cmd: &mut Cmd<'_>, by: By) -> Result<(), String> {
    let (icon, to) = (cmd.arg(0).to_owned(), special(cmd.arg(1)).to_owned());
    let icon = match icon.strip_prefix('(') {
        None => icon,
        Some(pair) => {
            let (alt, rest) = pair.split_once(',').ok_or("missing closing paren")?;
            let (icon, _) = rest.split_once(')').ok_or("missing closing paren")?;
            let alt = item(cmd, by, &to, alt);
            cmd.dir_conf::<IndexDir>().alts.push(alt);
            icon.to_owned()
        }
    };
    let icon = item(cmd, by, &to, &icon);
    cmd.dir_conf::<IndexDir>().icons.push(icon);
    Ok(())
}

fn add_alt(cmd: &mut Cmd<'_>, by: By) -> Result<(), String> {
    let alt = item(cmd, by, special(cmd.arg(1)), cmd.arg(0));
    cmd.dir_conf::<IndexDir>().alts.push(alt);
    Ok(())
}

fn add_description(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (text, to) = (cmd.arg(0).to_owned(), cmd.arg(1).to_owned());
    let full = to.contains('/');
    let glob = (full || is_wild(&to)).then(|| {
        let front = if full { "*/" } else { "*" };
        Glob::new(format!("{front}{to}*"), GlobOptions::default())
    });
    cmd.dir_conf::<IndexDir>().descriptions.push(Description {
        text,
        to,
        glob,
        full,
    });
    Ok(())
}

fn ignore(cmd: &mut Cmd<'_>) -> Result<(), String> {
    // Only the last component counts.
    let name = cmd.arg(0);
    let name = name.rsplit('/').next().unwrap_or(name);
    let mut ignored = item(cmd, By::Path, name, "");
    ignored.to = glob(name, false);
    cmd.dir_conf::<IndexDir>().ignored.push(ignored);
    Ok(())
}

fn ignore_reset(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<IndexDir>().ignore_reset = on;
    Ok(())
}

fn fancy_indexing(_: &mut Cmd<'_>) -> Result<(), String> {
    Err(
        "The FancyIndexing directive is no longer supported. Use IndexOptions FancyIndexing."
            .into(),
    )
}

fn order_default(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let ascending = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "ascending" => true,
        "descending" => false,
        _ => return Err("First keyword must be 'Ascending' or 'Descending'".into()),
    };
    let key = match cmd.arg(1).to_ascii_lowercase().as_str() {
        "name" => Key::Name,
        "date" => Key::Modified,
        "size" => Key::Size,
        "description" => Key::Description,
        _ => return Err("Second keyword must be 'Name', 'Date', 'Size', or 'Description'".into()),
    };
    cmd.dir_conf::<IndexDir>().order = Some((key, ascending));
    Ok(())
}

fn options(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let words = cmd.args.clone();
    let conf = cmd.dir_conf::<IndexDir>();
    words.iter().try_for_each(|word| option(conf, word))?;
    let none = 1 << Flag::None as u32;
    match conf.options.plain {
        plain if plain & none != 0 && plain != none => {
            Err("Cannot combine other IndexOptions keywords with 'None'".into())
        }
        _ => Ok(()),
    }
}

/// One word of IndexOptions.
fn option(conf: &mut IndexDir, word: &str) -> Result<(), String> {
    let (sign, word) = match word.as_bytes().first() {
        Some(sign @ (b'+' | b'-')) => (Some(*sign), &word[1..]),
        _ => (None, word),
    };
    if word.eq_ignore_ascii_case("None") {
        if sign.is_some() {
            return Err("Cannot combine '+' or '-' with 'None' keyword".into());
        }
        conf.options = Changes {
            plain: 1 << Flag::None as u32,
            ..Changes::default()
        };
        return Ok(());
    }
    let known = FLAG_NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word));
    let bit = match known {
        Some((_, flag)) => 1 << *flag as u32,
        None => {
            valued(conf, sign == Some(b'-'), word)?;
            0
        }
    };
    let options = &mut conf.options;
    match sign {
        // A word without a sign ends all changes before it.
        None => {
            *options = Changes {
                plain: options.plain | bit,
                ..Changes::default()
            }
        }
        Some(b'+') => (options.add, options.remove) = (options.add | bit, options.remove & !bit),
        Some(_) => (options.remove, options.add) = (options.remove | bit, options.add & !bit),
    }
    Ok(())
}

/// The words that carry a value.
fn valued(conf: &mut IndexDir, minus: bool, word: &str) -> Result<(), String> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let lower = name.to_ascii_lowercase();
    if minus && value.is_some() && !matches!(lower.as_str(), "type" | "charset") {
        return Err(format!("Cannot combine '-' with {name}=n"));
    }
    match (lower.as_str(), value) {
        ("iconheight", value) => conf.icon_height = Some(size(minus, value, 22)),
        ("iconwidth", value) => conf.icon_width = Some(size(minus, value, 20)),
        ("namewidth", value) => conf.name_width = Some(width("NameWidth", minus, value, 23, 5)?),
        ("descriptionwidth", value) => {
            conf.description_width = Some(width("DescriptionWidth", minus, value, 23, 12)?);
        }
        ("type", Some(value)) => conf.media_type = Some(value.to_owned()),
        ("charset", Some(value)) => conf.charset = Some(value.to_owned()),
        _ => return Err("Invalid directory indexing option".into()),
    }
    Ok(())
}

/// Pixels of an icon; 0 for unknown.
fn size(minus: bool, value: Option<&str>, usual: u32) -> u32 {
    match value {
        _ if minus => 0,
        Some(value) => value.parse().unwrap_or(0),
        None => usual,
    }
}

fn width(
    name: &str,
    minus: bool,
    value: Option<&str>,
    usual: usize,
    least: usize,
) -> Result<Width, String> {
    match value {
        None if minus => Ok(Width::Fixed(usual)),
        None => Err(format!("{name} with no value may only appear as '-{name}'")),
        Some("*") => Ok(Width::Adjust),
        Some(value) => match value.parse().unwrap_or(0) {
            0 => Ok(Width::Fixed(usual)),
            width if width < least => Err(format!("{name} value must be greater than {least}")),
            width => Ok(Width::Fixed(width)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(lines: &[&[&str]]) -> IndexDir {
        let mut conf = IndexDir::default();
        for word in lines.iter().copied().flatten() {
            option(&mut conf, word).expect("a word");
        }
        conf
    }

    #[test]
    fn words_without_a_sign_end_changes() {
        let conf = changed(&[&["+FancyIndexing"], &["SuppressSize"]]);
        assert!(!conf.options.flags().has(Flag::FancyIndexing));
        assert!(conf.options.flags().has(Flag::SuppressSize));
    }

    #[test]
    fn changes_are_inherited_and_plain_words_are_not() {
        let base = changed(&[&["FancyIndexing", "VersionSort"]]);
        let merged = base.merge(&changed(&[&["+HTMLTable", "-VersionSort"]]));
        let flags = merged.options.flags();
        assert!(
            flags.has(Flag::FancyIndexing)
                && flags.has(Flag::HtmlTable)
                && !flags.has(Flag::VersionSort)
        );
        let plain = merged.merge(&changed(&[&["XHTML"]])).options.flags();
        assert!(plain.has(Flag::Xhtml) && !plain.has(Flag::FancyIndexing));
        let none = merged.merge(&changed(&[&["None"]]));
        assert!(!none.options.flags().has(Flag::FancyIndexing));
        assert!(none
            .merge(&changed(&[&["+XHTML"]]))
            .options
            .flags()
            .has(Flag::Xhtml));
    }

    #[test]
    fn values() {
        assert_eq!(changed(&[&["NameWidth=*"]]).name_width, Some(Width::Adjust));
        assert_eq!(
            changed(&[&["NameWidth=30"]]).name_width,
            Some(Width::Fixed(30))
        );
        let mut conf = IndexDir::default();
        assert!(option(&mut conf, "NameWidth=3").is_err());
        assert!(option(&mut conf, "-NameWidth=30").is_err());
        assert!(option(&mut conf, "NameWidth").is_err());
        assert!(option(&mut conf, "Nonsense").is_err());
        assert!(option(&mut conf, "+None").is_err());
    }
}
