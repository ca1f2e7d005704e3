//! ScriptLog: a file for people who write programs, which tells all about each run that failed. It is opened for every
//! entry by the process that serves, so it must be that one's to write.

use crate::config::value::Conf;
use crate::os::clock;
use crate::request::Request;
use bstr::ByteSlice;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Bytes of a request's body that the log keeps, where ScriptLogBuffer does not say.
const BUFFER: usize = 1024;
/// Bytes that the file grows to, where ScriptLogLength does not say.
const LENGTH: u64 = 10_385_760;

/// ScriptLog, ScriptLogBuffer and ScriptLogLength.
#[derive(Clone, Default, Debug)]
pub struct ScriptLog {
    pub file: Option<PathBuf>,
    pub buffer: Option<usize>,
    pub length: Option<u64>,
}

impl Conf for ScriptLog {
    /// As in Apache, a server with a file of its own takes none of the main server's settings.
    fn merge(&self, over: &Self) -> Self {
        match over.file {
            Some(_) => over.clone(),
            None => self.clone(),
        }
    }
}

/// What there is to tell about a run.
pub struct Failure<'a> {
    /// The answer.
    pub status: u16,
    /// Why, for a program that never ran.
    pub error: &'a str,
    /// The beginning of the request's body.
    pub body: &'a [u8],
    /// What the program wrote, head and all.
    pub output: &'a [u8],
    /// And to standard error.
    pub errors: &'a [u8],
}

impl ScriptLog {
    /// Bytes of a request's body to keep for [`append`].
    pub fn body_bytes(&self) -> usize {
        match self.file {
            Some(_) => self.buffer.unwrap_or(BUFFER),
            None => 0,
        }
    }
}

/// Adds an entry, unless there is no log or it is full. Nobody is told of failures: the error log has the essence.
pub fn append(r: &Request, failure: &Failure<'_>) {
    let Some(conf) = r.server_conf::<ScriptLog>() else {
        return;
    };
    let Some(name) = &conf.file else { return };
    let length = conf.length.unwrap_or(LENGTH);
    if std::fs::metadata(name).is_ok_and(|meta| meta.len() > length) {
        return;
    }
    if let Ok(mut file) = OpenOptions::new().append(true).create(true).open(name) {
        // One write, so that entries of several processes do not mix.
        let _ = file.write_all(&entry(r, failure));
    }
}

fn entry(r: &Request, failure: &Failure<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let time = clock::strftime("%a %b %e %H:%M:%S %Y", clock::seconds(r.request_time), true);
    let query = r
        .args
        .as_ref()
        .map_or(Vec::new(), |args| [b"?", args.as_slice()].concat());
    let uri = [r.uri.as_slice(), &query].concat();
    line(
        &mut out,
        &[
            b"%% [",
            &time,
            b"] ",
            &r.method_name,
            b" ",
            &uri,
            b" ",
            r.version.as_str().as_bytes(),
        ],
    );
    line(
        &mut out,
        &[
            b"%% ",
            failure.status.to_string().as_bytes(),
            b" ",
            &r.filename,
        ],
    );
    if !failure.error.is_empty() {
        line(&mut out, &[b"%error"]);
        line(&mut out, &[failure.error.as_bytes()]);
        return out;
    }
    line(&mut out, &[b"%request"]);
    for (name, value) in r.headers_in.iter() {
        line(&mut out, &[name, b": ", value]);
    }
    if !failure.body.is_empty() {
        line(&mut out, &[b""]);
        line(&mut out, &[failure.body]);
    }
    line(&mut out, &[b"%response"]);
    for (name, value) in r.headers_out.iter().chain(r.err_headers_out.iter()) {
        line(&mut out, &[name, b": ", value]);
    }
    section(&mut out, b"%stdout", failure.output);
    section(&mut out, b"%stderr", failure.errors);
    out
}

fn section(out: &mut Vec<u8>, title: &[u8], text: &[u8]) {
    if !text.is_empty() {
        line(out, &[title]);
        line(out, &[text.trim_end_with(|c| c == '\n')]);
    }
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.extend(parts.concat());
    out.push(b'\n');
}
