//! The filter for request bodies. A small body can become a very large one, so the growth has limits.

use super::{take_gzip, Inflate, LOG_MODULE};
use crate::filters::{Filtered, InputFilter};
use crate::log;
use crate::log::Level;
use crate::request::error::BodyError;
use crate::request::{phases, Request};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use std::io::{self, Write};

/// How many times its size a body may become, and how often more is tolerated, where the configuration does not say.
const RATIO: u64 = 200;
const BURST: u32 = 3;
/// Compressed bytes between two looks at the limits.
const STEP: usize = 1024;

struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    read: u64,
    written: u64,
    /// Bytes; 0 is no limit.
    limit: u64,
    ratio: u64,
    burst: u32,
    hits: u32,
}

/// Makes DEFLATE for a request whose body is compressed.
pub fn uncompress(r: &mut Request) -> Option<Box<dyn InputFilter>> {
    if !r.is_initial() || r.headers_in.contains("Content-Range") || !take_gzip(&mut r.headers_in) {
        return None;
    }
    for stale in ["Content-Length", "Content-MD5"] {
        r.headers_in.unset(stale);
    }
    let conf = r.dir_conf::<Inflate>().cloned().unwrap_or_default();
    Some(Box::new(Gunzip {
        decoder: MultiGzDecoder::new(Vec::new()),
        read: 0,
        written: 0,
        limit: conf.limit.unwrap_or_else(|| phases::body_limit(r)),
        ratio: conf.ratio.unwrap_or(RATIO),
        burst: conf.burst.unwrap_or(BURST),
        hits: 0,
    }))
}

impl InputFilter for Gunzip {
    fn run<'r>(&'r mut self, r: &'r mut Request, piece: Bytes, last: bool) -> Filtered<'r, Bytes> {
        let result = self.unpack(&piece, last);
        if let Err(error) = &result {
            log!(
                &*r,
                Level::Error,
                1389,
                err = error,
                "the request's body cannot be uncompressed"
            );
        }
        Filtered::Now(result)
    }
}

impl Gunzip {
    fn unpack(&mut self, piece: &[u8], last: bool) -> io::Result<Bytes> {
        let mut out = Vec::new();
        for step in piece.chunks(STEP) {
            self.decoder
                .write_all(step)
                .map_err(|_| refused(400, "it is not compressed with gzip"))?;
            self.read += step.len() as u64;
            self.take(&mut out)?;
        }
        if last && self.read > 0 {
            self.decoder
                .try_finish()
                .map_err(|_| refused(400, "its end is missing"))?;
            self.take(&mut out)?;
        }
        Ok(out.into())
    }

    /// Takes what has been uncompressed, if there is not too much of it.
    fn take(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let more = std::mem::take(self.decoder.get_mut());
        self.written += more.len() as u64;
        if self.limit > 0 && self.written > self.limit {
            return Err(refused(
                413,
                "it is larger than the limit once uncompressed",
            ));
        }
        if self.written > self.read.saturating_mul(self.ratio) {
            self.hits += 1;
            if self.hits > self.burst {
                return Err(refused(413, "it grows too much when uncompressed"));
            }
        } else {
            self.hits = 0;
        }
        out.extend(more);
        Ok(())
    }
}

fn refused(status: u16, reason: &'static str) -> io::Error {
    io::Error::other(BodyError { status, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use flate2::Compression;

    fn filter(limit: u64, ratio: u64) -> Gunzip {
        Gunzip {
            decoder: MultiGzDecoder::new(Vec::new()),
            read: 0,
            written: 0,
            limit,
            ratio,
            burst: 1,
            hits: 0,
        }
    }

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn bodies_are_unpacked_within_limits() {
        let body = vec![b'x'; 2_000_000];
        let packed = packed(&body);
        assert_eq!(
            filter(0, 5000)
                .unpack(&packed, true)
                .expect("unpacked")
                .len(),
            body.len()
        );
        let status = |result: io::Result<Bytes>| {
            result
                .err()
                .map(|error| crate::request::error::status_of(&error))
        };
        assert_eq!(
            status(filter(1_000_000, 5000).unpack(&packed, true)),
            Some(413)
        );
        assert_eq!(status(filter(0, 10).unpack(&packed, true)), Some(413));
        assert_eq!(status(filter(0, 10).unpack(b"plain text", true)), Some(400));
    }
}
