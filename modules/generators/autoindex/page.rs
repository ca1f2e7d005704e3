//! The HTML of a listing: a plain list, columns in a `<pre>`, or a table, in the shapes that Apache's listings have, so
//! that what reads those reads these too.

use super::config::{find, Flag, Flags, IndexDir, Key, Subject, Width};
use super::entries::Entry;
use super::query::Query;
use crate::os::clock;
use crate::protocol::escape;
use bstr::BString;

/// The usual width of names and descriptions, in characters.
const USUAL_WIDTH: usize = 23;
/// The room for a date where there is none.
const NO_DATE: &[u8] = b"                   ";

/// A page in the making.
pub(super) struct Page<'p> {
    out: Vec<u8>,
    conf: &'p IndexDir,
    query: &'p Query,
    pub flags: Flags,
    title: BString,
    name_width: usize,
}

impl<'p> Page<'p> {
    pub fn new(conf: &'p IndexDir, query: &'p Query, title: BString) -> Page<'p> {
        Page {
            out: Vec::with_capacity(4096),
            conf,
            query,
            flags: query.flags,
            title,
            name_width: USUAL_WIDTH,
        }
    }

    /// What has been written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub fn push(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn put(&mut self, text: &str) {
        self.push(text.as_bytes());
    }

    /// The end of an empty element.
    fn end(&self) -> &'static str {
        if self.flags.has(Flag::Xhtml) {
            " />"
        } else {
            ">"
        }
    }

    /// Everything up to the body.
    pub fn preamble(&mut self) {
        let conf = self.conf;
        self.put(match self.flags.has(Flag::Xhtml) {
            true => concat!(
                "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n",
                "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n",
                "<html xmlns=\"http://www.w3.org/1999/xhtml\">\n"
            ),
            false => concat!(
                "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n",
                "<html>\n"
            ),
        });
        self.put(" <head>\n  <title>Index of ");
        self.push(&self.title.clone());
        self.put("</title>\n");
        if let Some(sheet) = &conf.style_sheet {
            let end = self.end();
            self.put(&format!(
                "  <link rel=\"stylesheet\" href=\"{sheet}\" type=\"text/css\"{end}\n"
            ));
        }
        self.put(conf.head_insert.as_deref().unwrap_or_default());
        self.put(" </head>\n <body>\n");
    }

    /// The heading, where no other page takes its place.
    pub fn heading(&mut self) {
        self.put(match self.conf.style_sheet {
            Some(_) => "  <h1 id=\"indextitle\">Index of ",
            None => "<h1>Index of ",
        });
        self.push(&self.title.clone());
        self.put("</h1>\n");
    }

    /// A text that is not HTML.
    pub fn plain(&mut self, text: &[u8]) {
        self.put("<pre>\n");
        self.push(&escape::html(text));
        self.put("</pre>\n");
    }

    /// The listing itself.
    pub fn list(&mut self, entries: &[Entry]) {
        self.name_width = match self.conf.name_width {
            Some(Width::Fixed(width)) => width,
            Some(Width::Adjust) => entries
                .iter()
                .map(|e| e.name.len())
                .max()
                .unwrap_or(0)
                .max(USUAL_WIDTH),
            None => USUAL_WIDTH,
        };
        if self.flags.has(Flag::HtmlTable) {
            self.table(entries);
        } else if self.flags.has(Flag::FancyIndexing) {
            self.columns(entries);
        } else {
            self.bullets(entries);
        }
    }

    fn bullets(&mut self, entries: &[Entry]) {
        self.put("<ul>");
        for entry in entries {
            let (link, name) = (link(entry), escape::html(full_name(entry)));
            self.put("<li>");
            self.anchor(&link, &[b" ", name.as_slice()].concat());
            self.put("</li>\n");
        }
        self.put("</ul>\n");
    }

    fn anchor(&mut self, link: &[u8], text: &[u8]) {
        self.put("<a href=\"");
        self.push(link);
        self.put("\">");
        self.push(text);
        self.put("</a>");
    }

    /// The title of a column, linked to a listing that is sorted by it.
    fn column(&mut self, text: &str, key: Key) {
        if self.flags.has(Flag::SuppressColumnSorting) || self.flags.has(Flag::IgnoreClient) {
            return self.put(text);
        }
        let descend = self.query.key == key && self.query.ascending;
        let order = if descend { 'D' } else { 'A' };
        let mut link = BString::from(format!("?C={};O={order}", char::from(key as u8)));
        link.extend_from_slice(&self.query.carried);
        self.anchor(&link, text.as_bytes());
    }

    fn image(&mut self, icon: &str, alt: &str) {
        let mut tag = BString::from("<img src=\"");
        tag.extend_from_slice(&escape::html(icon.as_bytes()));
        tag.extend_from_slice(format!("\" alt=\"{alt}\"").as_bytes());
        for (name, size) in [
            ("width", self.conf.icon_width),
            ("height", self.conf.icon_height),
        ] {
            if let Some(size) = size.filter(|size| *size > 0) {
                tag.extend_from_slice(format!(" {name}=\"{size}\"").as_bytes());
            }
        }
        self.push(&tag);
        self.put(self.end());
    }

    /// The icon that stands above the others.
    fn blank_icon(&self) -> Option<&'p str> {
        find(
            &self.conf.icons,
            &Subject {
                path: b"^^BLANKICON^^",
                kind: None,
                encoding: None,
            },
        )
    }

    /// The icon of a line, linked where icons are. False if there is none.
    fn icon(&mut self, entry: &Entry) -> bool {
        let Some(icon) = entry.icon.as_deref().or(self.conf.default_icon.as_deref()) else {
            return false;
        };
        let linked = self.flags.has(Flag::IconsAreLinks);
        if linked {
            self.put("<a href=\"");
            self.push(&link(entry));
            self.put("\">");
        }
        self.image(
            icon,
            &format!("[{}]", entry.alt.as_deref().unwrap_or("   ")),
        );
        if linked {
            self.put("</a>");
        }
        true
    }

    /// The linked name, cut to the width of its column, and blanks up to that.
    fn name(&mut self, entry: &Entry) {
        let name = if entry.parent {
            b"Parent Directory".as_slice()
        } else {
            &entry.name
        };
        let (shown, width) = match name.len() > self.name_width {
            true => (
                [&name[..self.name_width.saturating_sub(3)], b"..>"].concat(),
                self.name_width,
            ),
            false => (name.to_vec(), name.len()),
        };
        self.anchor(&link(entry), &escape::html(&shown));
        // A table finds the width of its columns by itself.
        let free = self.flags.has(Flag::HtmlTable) && self.conf.name_width == Some(Width::Adjust);
        if !free {
            let blanks = self.name_width.saturating_sub(width);
            self.out.resize(self.out.len() + blanks, b' ');
        }
    }

    fn date(&self, entry: &Entry) -> Option<Vec<u8>> {
        let format = match self.flags.has(Flag::UseOldDateFormat) {
            true => "%d-%b-%Y %H:%M  ",
            false => "%Y-%m-%d %H:%M  ",
        };
        entry
            .modified
            .map(|time| clock::strftime(format, clock::seconds(time), true))
    }

    /// The description, cut to the width of its column unless that takes any.
    fn description(&mut self, text: &str) {
        let width = match self.conf.description_width {
            Some(Width::Adjust) => return self.put(text),
            Some(Width::Fixed(width)) => width,
            None => {
                // The room of columns that are not shown.
                let rooms = [
                    (Flag::SuppressIcon, 6),
                    (Flag::SuppressLastModified, 19),
                    (Flag::SuppressSize, 7),
                ];
                let more = rooms
                    .iter()
                    .filter(|(flag, _)| self.flags.has(*flag))
                    .map(|(_, room)| room);
                USUAL_WIDTH + more.sum::<usize>()
            }
        };
        self.put(&cut(text, width));
    }

    fn rule(&mut self) {
        let end = self.end();
        self.put("<hr");
        self.put(end);
    }

    /// Columns of equal width in a `<pre>`.
    fn columns(&mut self, entries: &[Entry]) {
        self.put("<pre>");
        self.column_titles();
        for entry in entries {
            self.column_line(entry);
        }
        if !self.flags.has(Flag::SuppressRules) {
            self.rule();
        }
        self.put("</pre>\n");
    }

    fn column_titles(&mut self) {
        if !self.flags.has(Flag::SuppressIcon) {
            match self.blank_icon() {
                Some(icon) => {
                    self.image(icon, "Icon ");
                    self.put(" ");
                }
                None => self.put("      "),
            }
        }
        self.column("Name", Key::Name);
        let blanks = self.name_width.saturating_sub(4) + 1;
        self.out.resize(self.out.len() + blanks, b' ');
        if !self.flags.has(Flag::SuppressLastModified) {
            self.column("Last modified", Key::Modified);
            self.put("      ");
        }
        if !self.flags.has(Flag::SuppressSize) {
            self.column("Size", Key::Size);
            self.put("  ");
        }
        if !self.flags.has(Flag::SuppressDescription) {
            self.column("Description", Key::Description);
        }
        match self.flags.has(Flag::SuppressRules) {
            false => self.rule(),
            true => self.put("\n"),
        }
    }

    fn column_line(&mut self, entry: &Entry) {
        if !self.flags.has(Flag::SuppressIcon) {
            if !self.icon(entry) {
                self.put("     ");
            }
            self.put(" ");
        }
        self.name(entry);
        self.put(" ");
        if !self.flags.has(Flag::SuppressLastModified) {
            let date = self.date(entry);
            self.push(date.as_deref().unwrap_or(NO_DATE));
        }
        if !self.flags.has(Flag::SuppressSize) {
            self.put(&size(entry.size));
            self.put("  ");
        }
        if let Some(text) = entry
            .description
            .as_deref()
            .filter(|_| !self.flags.has(Flag::SuppressDescription))
        {
            self.description(text);
        }
        self.put("\n");
    }

    /// Attributes of a cell: its class where AddAltClass wants one, else `usual`.
    fn cell(&mut self, tag: &str, class: &str, usual: &str) {
        match self.flags.has(Flag::AddAltClass) {
            true => self.put(&format!("<{tag} class=\"indexcol{class}\">")),
            false => self.put(&format!("<{tag}{usual}>")),
        }
    }

    fn table(&mut self, entries: &[Entry]) {
        let classes = self.flags.has(Flag::AddAltClass);
        self.put(if classes {
            "  <table id=\"indexlist\">\n"
        } else {
            "  <table>\n"
        });
        let columns = self.table_titles();
        self.table_rule(columns);
        for (number, entry) in entries.iter().enumerate() {
            self.table_line(number, entry);
        }
        self.table_rule(columns);
        self.put("</table>\n");
    }

    fn table_rule(&mut self, columns: usize) {
        if self.flags.has(Flag::SuppressRules) {
            return;
        }
        self.put(match self.flags.has(Flag::AddAltClass) {
            true => "   <tr class=\"indexbreakrow\">",
            false => "   <tr>",
        });
        self.put(&format!("<th colspan=\"{columns}\">"));
        self.rule();
        self.put("</th></tr>\n");
    }

    /// The titles of a table; gives the number of columns.
    fn table_titles(&mut self) -> usize {
        self.put(match self.flags.has(Flag::AddAltClass) {
            true => "   <tr class=\"indexhead\">",
            false => "   <tr>",
        });
        let mut columns = 1;
        if !self.flags.has(Flag::SuppressIcon) {
            columns += 1;
            self.cell("th", "icon", " valign=\"top\"");
            match self.blank_icon() {
                Some(icon) => self.image(icon, "[ICO]"),
                None => self.put("&nbsp;"),
            }
            self.put("</th>");
        }
        self.table_title("Name", Key::Name, "name");
        let optional = [
            (
                Flag::SuppressLastModified,
                "Last modified",
                Key::Modified,
                "lastmod",
            ),
            (Flag::SuppressSize, "Size", Key::Size, "size"),
            (
                Flag::SuppressDescription,
                "Description",
                Key::Description,
                "desc",
            ),
        ];
        for (flag, text, key, class) in optional {
            if !self.flags.has(flag) {
                columns += 1;
                self.table_title(text, key, class);
            }
        }
        self.put("</tr>\n");
        columns
    }

    fn table_title(&mut self, text: &str, key: Key, class: &str) {
        self.cell("th", class, "");
        self.column(text, key);
        self.put("</th>");
    }

    fn table_line(&mut self, number: usize, entry: &Entry) {
        match self.flags.has(Flag::AddAltClass) {
            true => {
                let parity = if number % 2 == 0 { "even" } else { "odd" };
                let kind = entry
                    .alt
                    .as_deref()
                    .map(str::trim)
                    .filter(|alt| !alt.is_empty());
                let kind = kind
                    .map(|alt| format!("-{}", alt.to_ascii_lowercase()))
                    .unwrap_or_default();
                self.put(&format!("   <tr class=\"{parity}{kind}\">"));
            }
            false => self.put("<tr>"),
        }
        if !self.flags.has(Flag::SuppressIcon) {
            self.cell("td", "icon", " valign=\"top\"");
            if !self.icon(entry) {
                self.put("&nbsp;");
            }
            self.put("</td>");
        }
        self.cell("td", "name", "");
        self.name(entry);
        self.put("</td>");
        self.table_facts(entry);
        self.put("</tr>\n");
    }

    fn table_facts(&mut self, entry: &Entry) {
        if !self.flags.has(Flag::SuppressLastModified) {
            match self.date(entry) {
                Some(date) => {
                    self.cell("td", "lastmod", " align=\"right\"");
                    self.push(&date);
                }
                None => {
                    self.cell("td", "lastmod", "");
                    self.put("&nbsp;");
                }
            }
            self.put("</td>");
        }
        if !self.flags.has(Flag::SuppressSize) {
            self.cell("td", "size", " align=\"right\"");
            self.put(&size(entry.size));
            self.put("</td>");
        }
        if !self.flags.has(Flag::SuppressDescription) {
            self.cell("td", "desc", "");
            match &entry.description {
                Some(text) => self.description(text),
                None => self.put("&nbsp;"),
            }
            self.put("</td>");
        }
    }
}

/// Where a line leads, safe in an attribute.
fn link(entry: &Entry) -> BString {
    escape::html(&match entry.parent {
        true => escape::path(&entry.name),
        false => escape::relative_path(&entry.name),
    })
}

/// The name as people see it.
fn full_name(entry: &Entry) -> &[u8] {
    if entry.parent {
        b"Parent Directory"
    } else {
        &entry.name
    }
}

/// A size in four characters: `123 `, `1.2K`, ` 45M`.
fn size(bytes: Option<u64>) -> String {
    let Some(mut size) = bytes else {
        return "  - ".into();
    };
    if size < 973 {
        return format!("{size:3} ");
    }
    for unit in "KMGTPE".chars() {
        let rest = size & 1023;
        size >>= 10;
        if size >= 973 {
            continue;
        }
        if size < 9 || (size == 9 && rest < 973) {
            let tenths = (rest * 5 + 256) / 512;
            return match tenths {
                10.. => format!("{}.0{unit}", size + 1),
                _ => format!("{size}.{tenths}{unit}"),
            };
        }
        return format!("{:3}{unit}", size + u64::from(rest >= 512));
    }
    "****".into()
}

/// A description cut to `width` characters, the last of them a `>` then; tags take no room, entities that of one
/// character.
fn cut(text: &str, width: usize) -> String {
    let mut room = width;
    let mut rest = text.char_indices();
    let mut last = 0;
    while let Some((at, c)) = rest.clone().next() {
        if c != '<' && room == 0 {
            return format!("{}>", &text[..last]);
        }
        let end = match c {
            '<' => text[at..]
                .find('>')
                .map_or(text.len(), |length| at + length),
            '&' => text[at..].find(';').map_or(at, |length| at + length),
            _ => at,
        };
        if c != '<' {
            room -= 1;
            last = at;
        }
        while rest.clone().next().is_some_and(|(place, _)| place <= end) {
            rest.next();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_four_characters() {
        let shown = |bytes: u64| size(Some(bytes));
        assert_eq!(shown(0), "  0 ");
        assert_eq!(shown(972), "972 ");
        assert_eq!(shown(973), "1.0K");
        assert_eq!(shown(1500), "1.5K");
        assert_eq!(shown(10_000), "9.8K");
        assert_eq!(shown(10_240), " 10K");
        assert_eq!(shown(12_345_678), " 12M");
        assert_eq!(shown(u64::MAX), " 16E");
        assert_eq!(size(None), "  - ");
    }

    #[test]
    fn descriptions_are_cut_beside_tags_and_entities() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("exactly ten", 11), "exactly ten");
        assert_eq!(
            cut("A text file with quite a long description", 23),
            "A text file with quite>"
        );
        assert_eq!(
            cut("aaa &lt;b&gt; &amp; <b>bold text</b> and more", 23),
            "aaa &lt;b&gt; &amp; <b>bold text</b> an>"
        );
        assert_eq!(
            cut("aaa bbb ccc ddd eee fff ggg", 23),
            "aaa bbb ccc ddd eee ff>"
        );
        assert_eq!(cut("ein läng", 6), "ein l>");
        assert_eq!(cut("broken & text <b", 40), "broken & text <b");
    }
}
