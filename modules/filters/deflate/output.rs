//! The filters for responses.

use super::{alter_etag, is_gzip, server, take_gzip, LOG_MODULE};
use crate::filters::{Brigade, Bucket, FileRange, Filtered, OutputFilter};
use crate::log;
use crate::log::Level;
use crate::protocol::token;
use crate::request::Request;
use bstr::ByteSlice;
use bytes::Bytes;
use flate2::write::{GzEncoder, MultiGzDecoder};
use flate2::{Compression, GzBuilder};
use std::io::{self, Write};

/// Bytes of a file that are read at a time, where DeflateBufferSize does not say: Apache's own default.
const BUFFER: usize = 8096;
/// A complete body of less than this is not worth compressing, as Apache has it.
const LEAST: u64 = 69;
/// The operating system in a gzip header (RFC 1952, section 2.3.1): Unix.
const UNIX: u8 = 3;

/// Makes DEFLATE. Whether it has anything to do is known when the response's fields are.
pub fn compress(_: &mut Request) -> Option<Box<dyn OutputFilter>> {
    Some(Box::new(Gzip {
        state: State::Undecided,
        read: 0,
        written: 0,
        buffer: BUFFER,
    }))
}

/// Makes INFLATE.
pub fn uncompress(_: &mut Request) -> Option<Box<dyn OutputFilter>> {
    Some(Box::new(Gunzip {
        state: State::Undecided,
    }))
}

enum State<T> {
    Undecided,
    /// The response passes as it is.
    Pass,
    Work(T),
}

struct Gzip {
    state: State<GzEncoder<Vec<u8>>>,
    read: u64,
    written: u64,
    buffer: usize,
}

impl OutputFilter for Gzip {
    fn run<'r>(&'r mut self, r: &'r mut Request, input: Brigade) -> Filtered<'r, Brigade> {
        if matches!(self.state, State::Undecided) {
            let small = input.is_complete() && input.len() < LEAST;
            self.state = match !small && wants_gzip(r) {
                true => State::Work(self.begin(r)),
                false => State::Pass,
            };
        }
        match self.state {
            State::Work(_) => Filtered::Now(self.work(r, input)),
            _ => Filtered::Now(Ok(input)),
        }
    }
}

impl Gzip {
    /// Changes the response's fields for the body that will come.
    fn begin(&mut self, r: &mut Request) -> GzEncoder<Vec<u8>> {
        let conf = server(r);
        self.buffer = conf.buffer.unwrap_or(BUFFER);
        r.headers_out.set("Content-Encoding", "gzip");
        r.err_headers_out.unset("Content-Encoding");
        r.content_encoding = None;
        for stale in ["Content-Length", "Content-MD5"] {
            r.headers_out.unset(stale);
        }
        alter_etag(r, "gzip");
        let level = conf.level.map_or(Compression::default(), Compression::new);
        GzBuilder::new()
            .operating_system(UNIX)
            .write(Vec::new(), level)
    }

    fn work(&mut self, r: &mut Request, input: Brigade) -> io::Result<Brigade> {
        let State::Work(encoder) = &mut self.state else {
            return Ok(input);
        };
        let mut output = Brigade::default();
        let mut take = |bytes: Vec<u8>, output: &mut Brigade| {
            self.written += bytes.len() as u64;
            output.push_bytes(bytes);
        };
        for bucket in input.buckets {
            self.read += bucket.len();
            match bucket {
                Bucket::Bytes(bytes) => encoder.write_all(&bytes)?,
                Bucket::File(range) => {
                    read_file(&range, self.buffer, |bytes| encoder.write_all(bytes))?
                }
                Bucket::Flush => {
                    encoder.flush()?;
                    take(std::mem::take(encoder.get_mut()), &mut output);
                    output.buckets.push_back(Bucket::Flush);
                }
                Bucket::End => {
                    encoder.try_finish()?;
                    take(std::mem::take(encoder.get_mut()), &mut output);
                    output.buckets.push_back(Bucket::End);
                }
            }
        }
        if !output.is_complete() {
            take(std::mem::take(encoder.get_mut()), &mut output);
        } else {
            leave_notes(r, self.read, self.written);
        }
        Ok(output)
    }
}

/// Reads a range of a file in pieces, so that a large one does not fill the memory.
fn read_file(
    range: &FileRange,
    piece: usize,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (mut offset, end) = (range.offset, range.offset + range.len);
    let mut bytes = Vec::new();
    while offset < end {
        let len = (end - offset).min(piece as u64);
        bytes.clear();
        FileRange {
            offset,
            len,
            ..range.clone()
        }
        .read_into(&mut bytes)?;
        take(&bytes)?;
        offset += len;
    }
    Ok(())
}

/// DeflateFilterNote.
fn leave_notes(r: &mut Request, read: u64, written: u64) {
    let conf = server(r);
    if let Some(note) = conf.input_note {
        r.notes.set(
            note,
            if read > 0 {
                read.to_string()
            } else {
                "-".into()
            },
        );
    }
    if let Some(note) = conf.output_note {
        r.notes.set(
            note,
            if read > 0 {
                written.to_string()
            } else {
                "-".into()
            },
        );
    }
    if let Some(note) = conf.ratio_note {
        let ratio = (written * 100).checked_div(read);
        r.notes
            .set(note, ratio.map_or("-".into(), |ratio| ratio.to_string()));
    }
}

/// Apache's conditions, in its order. From where the client's wishes are asked, caches must know that they were.
fn wants_gzip(r: &mut Request) -> bool {
    if !r.is_main()
        || r.status == 204
        || r.status == 206
        || r.env.contains("no-gzip")
        || r.response_field("Content-Range").is_some()
    {
        return false;
    }
    let kind = r.content_type.as_deref().unwrap_or("");
    let only_html = r
        .env
        .get("gzip-only-text/html")
        .is_some_and(|value| value == "1");
    if only_html && !kind.starts_with("text/html") {
        return false;
    }
    let encoded = r
        .response_field("Content-Encoding")
        .is_some_and(|list| !is_identity(list));
    if encoded
        || r.content_encoding
            .as_deref()
            .is_some_and(|list| !is_identity(list.as_bytes()))
    {
        return false;
    }
    if !r.headers_out.has_token("Vary", "Accept-Encoding") {
        r.headers_out.merge("Vary", "Accept-Encoding");
    }
    r.env.contains("force-gzip")
        || r.headers_in
            .joined("Accept-Encoding")
            .is_some_and(|list| accepts(&list))
}

fn is_identity(list: &[u8]) -> bool {
    list.split_str(",")
        .all(|coding| token::trim(coding).eq_ignore_ascii_case(b"identity"))
}

/// True if the list (RFC 9110, section 12.5.3) has gzip, with a weight above 0.
fn accepts(list: &[u8]) -> bool {
    list.split_str(",").any(|element| {
        let mut parts = element.split_str(";").map(token::trim);
        let named = parts.next().is_some_and(is_gzip);
        let refused = parts.any(|part| {
            let weight = part.strip_prefix(b"q=").or(part.strip_prefix(b"Q="));
            weight.is_some_and(|weight| weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
        });
        named && !refused
    })
}

struct Gunzip {
    state: State<MultiGzDecoder<Vec<u8>>>,
}

impl OutputFilter for Gunzip {
    fn run<'r>(&'r mut self, r: &'r mut Request, input: Brigade) -> Filtered<'r, Brigade> {
        if matches!(self.state, State::Undecided) {
            let size = input.len();
            let nothing = input.is_complete() && size == 0;
            self.state = match !nothing && is_gzipped(r) {
                true => State::Work(begin_uncompressing(r)),
                false => State::Pass,
            };
        }
        match &mut self.state {
            State::Work(decoder) => {
                let result = unpack(decoder, input);
                if let Err(error) = &result {
                    log!(
                        &*r,
                        Level::Error,
                        1395,
                        err = error,
                        "the response cannot be uncompressed"
                    );
                }
                Filtered::Now(result)
            }
            _ => Filtered::Now(Ok(input)),
        }
    }
}

fn is_gzipped(r: &mut Request) -> bool {
    if !r.is_main()
        || r.status == 204
        || r.env.contains("no-gzip")
        || r.response_field("Content-Range").is_some()
    {
        return false;
    }
    if let Some(coding) = r.content_encoding.take() {
        if is_gzip(coding.trim().as_bytes()) {
            return true;
        }
        r.content_encoding = Some(coding);
    }
    take_gzip(&mut r.headers_out) || take_gzip(&mut r.err_headers_out)
}

fn begin_uncompressing(r: &mut Request) -> MultiGzDecoder<Vec<u8>> {
    for stale in ["Content-Length", "Content-MD5"] {
        r.headers_out.unset(stale);
    }
    alter_etag(r, "gunzip");
    MultiGzDecoder::new(Vec::new())
}

fn unpack(decoder: &mut MultiGzDecoder<Vec<u8>>, input: Brigade) -> io::Result<Brigade> {
    let mut output = Brigade::default();
    for bucket in input.buckets {
        match bucket {
            Bucket::Bytes(bytes) => decoder.write_all(&bytes)?,
            Bucket::File(range) => read_file(&range, BUFFER, |bytes| decoder.write_all(bytes))?,
            Bucket::Flush => decoder.flush()?,
            Bucket::End => {
                decoder.try_finish()?;
                output.push_bytes(Bytes::from(std::mem::take(decoder.get_mut())));
                output.buckets.push_back(Bucket::End);
                return Ok(output);
            }
        }
    }
    output.push_bytes(Bytes::from(std::mem::take(decoder.get_mut())));
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_zero_refuse() {
        assert!(accepts(b"gzip") && accepts(b"br, x-gzip;q=0.5") && accepts(b"deflate,GZIP; q=1"));
        assert!(
            !accepts(b"gzip;q=0") && !accepts(b"gzip; q=0.000") && !accepts(b"br") && !accepts(b"")
        );
    }

    #[test]
    fn identity_may_be_replaced() {
        assert!(is_identity(b"identity") && !is_identity(b"identity, br"));
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let mut encoder = GzBuilder::new()
            .operating_system(UNIX)
            .write(Vec::new(), Compression::default());
        encoder.write_all(b"hello hello hello").expect("memory");
        let packed = encoder.finish().expect("memory");
        let mut input = Brigade::default();
        let (head, tail) = packed.split_at(7);
        input.push_bytes(head.to_vec());
        input.push_bytes(tail.to_vec());
        input.buckets.push_back(Bucket::End);
        let output = unpack(&mut MultiGzDecoder::new(Vec::new()), input).expect("what was packed");
        assert_eq!(output.into_bytes().expect("bytes"), b"hello hello hello");
    }
}
