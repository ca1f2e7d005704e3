//! mod_deflate: compresses responses for clients that take gzip (DEFLATE), uncompresses those that come compressed
//! (INFLATE), and uncompresses request bodies (DEFLATE as input filter).

mod input;
mod output;

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::{pick, Conf};
use crate::filters::{Class, FilterRecord, MakeFilter};
use crate::hooks::module::Module;
use crate::protocol::token;
use crate::request::table::Table;
use crate::request::Request;
use bstr::{BString, ByteSlice};

const LOG_MODULE: &str = "deflate";

/// `mod_deflate.c`.
pub static MODULE: Module = Module {
    name: "mod_deflate.c",
    identifier: "deflate_module",
    directives: &[
        Directive::new(
            "DeflateFilterNote",
            Scope::RSRC_CONF,
            Arity::Take12,
            set_note,
            "Input, Output or Ratio, and the note to leave it in",
        ),
        Directive::new(
            "DeflateWindowSize",
            Scope::RSRC_CONF,
            Arity::Take1,
            set_window,
            "1 to 15: bits of the window",
        ),
        Directive::new(
            "DeflateBufferSize",
            Scope::RSRC_CONF,
            Arity::Take1,
            set_buffer,
            "bytes that are compressed at a time",
        ),
        Directive::new(
            "DeflateMemLevel",
            Scope::RSRC_CONF,
            Arity::Take1,
            set_memory,
            "1 to 9: how much memory to use",
        ),
        Directive::new(
            "DeflateCompressionLevel",
            Scope::RSRC_CONF,
            Arity::Take1,
            set_level,
            "1 to 9: fastest to smallest",
        ),
        Directive::new(
            "DeflateAlterETag",
            Scope::RSRC_CONF,
            Arity::Take1,
            set_etag,
            "AddSuffix, NoChange or Remove",
        ),
        Directive::new(
            "DeflateInflateLimitRequestBody",
            Scope::ALL,
            Arity::Take1,
            set_limit,
            "bytes of an uncompressed request body",
        ),
        Directive::new(
            "DeflateInflateRatioLimit",
            Scope::ALL,
            Arity::Take1,
            set_ratio,
            "how many times its size a request body may become",
        ),
        Directive::new(
            "DeflateInflateRatioBurst",
            Scope::ALL,
            Arity::Take1,
            set_burst,
            "how many times that may happen",
        ),
    ],
    filters: &[
        FilterRecord {
            name: "DEFLATE",
            class: Class::ContentSet,
            make: MakeFilter::Output(output::compress),
        },
        FilterRecord {
            name: "INFLATE",
            class: Class::Resource,
            make: MakeFilter::Output(output::uncompress),
        },
        FilterRecord {
            name: "DEFLATE",
            class: Class::ContentSet,
            make: MakeFilter::Input(input::uncompress),
        },
    ],
    ..Module::EMPTY
};

/// DeflateAlterETag.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
enum AlterEtag {
    #[default]
    AddSuffix,
    NoChange,
    Remove,
}

/// What a server sets.
#[derive(Clone, Default)]
struct Deflate {
    level: Option<u32>,
    buffer: Option<usize>,
    etag: Option<AlterEtag>,
    input_note: Option<String>,
    output_note: Option<String>,
    ratio_note: Option<String>,
}

impl Conf for Deflate {
    fn merge(&self, over: &Self) -> Self {
        Deflate {
            level: over.level.or(self.level),
            buffer: over.buffer.or(self.buffer),
            etag: over.etag.or(self.etag),
            input_note: pick(&self.input_note, &over.input_note),
            output_note: pick(&self.output_note, &over.output_note),
            ratio_note: pick(&self.ratio_note, &over.ratio_note),
        }
    }
}

/// What a directory sets.
#[derive(Clone, Default)]
struct Inflate {
    limit: Option<u64>,
    ratio: Option<u64>,
    burst: Option<u32>,
}

impl Conf for Inflate {
    fn merge(&self, over: &Self) -> Self {
        Inflate {
            limit: over.limit.or(self.limit),
            ratio: over.ratio.or(self.ratio),
            burst: over.burst.or(self.burst),
        }
    }
}

fn set_note(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (kind, note) = match cmd.args.get(1) {
        Some(note) => (cmd.arg(0).to_ascii_lowercase(), note.clone()),
        None => ("ratio".to_owned(), cmd.arg(0).to_owned()),
    };
    let conf = cmd.server_conf::<Deflate>();
    match kind.as_str() {
        "ratio" => conf.ratio_note = Some(note),
        "input" => conf.input_note = Some(note),
        "output" => conf.output_note = Some(note),
        _ => return Err(format!("Unknown note type {kind}")),
    }
    Ok(())
}

fn set_window(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.number(0, 1, 15)?;
    cmd.warn_no_effect("the compressor always has the largest window");
    Ok(())
}

fn set_memory(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.number(0, 1, 9)?;
    cmd.warn_no_effect("the compressor has one size of memory");
    Ok(())
}

fn set_buffer(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let bytes = cmd.number(0, 1, 1 << 30)?;
    cmd.server_conf::<Deflate>().buffer = Some(bytes);
    Ok(())
}

fn set_level(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let level = cmd.number(0, 1, 9)?;
    cmd.server_conf::<Deflate>().level = Some(level);
    Ok(())
}

fn set_etag(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let etag = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "addsuffix" => AlterEtag::AddSuffix,
        "nochange" => AlterEtag::NoChange,
        "remove" => AlterEtag::Remove,
        _ => {
            return Err("DeflateAlterETag accepts only 'AddSuffix', 'NoChange' or 'Remove'".into())
        }
    };
    cmd.server_conf::<Deflate>().etag = Some(etag);
    Ok(())
}

fn set_limit(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let bytes = cmd.number(0, 0, i64::MAX as u64)?;
    cmd.dir_conf::<Inflate>().limit = Some(bytes);
    Ok(())
}

fn set_ratio(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let times = cmd.number(0, 1, i32::MAX as u64)?;
    cmd.dir_conf::<Inflate>().ratio = Some(times);
    Ok(())
}

fn set_burst(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let times = cmd.number(0, 1, i32::MAX as u32)?;
    cmd.dir_conf::<Inflate>().burst = Some(times);
    Ok(())
}

/// The server's record.
fn server(r: &Request) -> Deflate {
    r.server_conf::<Deflate>().cloned().unwrap_or_default()
}

/// Takes gzip off the end of a Content-Encoding list. False if it is not there.
fn take_gzip(fields: &mut Table) -> bool {
    let Some(list) = fields.joined("Content-Encoding") else {
        return false;
    };
    let mut codings: Vec<BString> = list
        .split_str(",")
        .map(|coding| token::trim(coding).into())
        .collect();
    let known = codings.last().is_some_and(|last| is_gzip(last));
    codings.pop();
    if known {
        match bstr::join(", ", &codings) {
            rest if rest.is_empty() => drop(fields.unset("Content-Encoding")),
            rest => fields.set("Content-Encoding", rest),
        }
    }
    known
}

fn is_gzip(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
}

/// DeflateAlterETag: another body has another tag.
fn alter_etag(r: &mut Request, suffix: &str) {
    let Some(tag) = r.headers_out.get("ETag").map(BString::from) else {
        return;
    };
    match server(r).etag.unwrap_or_default() {
        AlterEtag::NoChange => {}
        AlterEtag::Remove => drop(r.headers_out.unset("ETag")),
        AlterEtag::AddSuffix => {
            if let Some(bare) = tag.strip_suffix(b"\"").filter(|bare| bare.len() > 1) {
                r.headers_out
                    .set("ETag", [bare, b"-", suffix.as_bytes(), b"\""].concat());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_off_the_end() {
        let mut fields = Table::new();
        assert!(!take_gzip(&mut fields));
        fields.set("Content-Encoding", "br, X-GZip");
        assert!(take_gzip(&mut fields));
        assert_eq!(
            fields.get("Content-Encoding").map(|v| v.to_string()),
            Some("br".into())
        );
        assert!(!take_gzip(&mut fields));
        fields.set("Content-Encoding", "gzip");
        assert!(take_gzip(&mut fields) && !fields.contains("Content-Encoding"));
    }
}
