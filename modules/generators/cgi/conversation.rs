//! The conversation with a program that runs: the request's body goes in as it comes from the client, output is taken up
//! meanwhile; the program's fields decide what becomes of its content.

use super::head::{self, Head, Verdict};
use super::script::{Script, Wrote};
use super::script_log::{self, Failure, ScriptLog};
use super::{Patience, LOG_MODULE};
use crate::filters::Bucket;
use crate::hooks::Status;
use crate::log;
use crate::log::Level;
use crate::protocol::Method;
use crate::request::{error, redirect, Request};
use crate::run;
use bstr::{BStr, BString, ByteSlice};
use bytes::Bytes;
use std::future::{poll_fn, Future};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Output that waits while the request's body is still coming.
const GATHER: usize = 256 * 1024;
/// Output that is sent in one go.
const SEND: usize = 64 * 1024;

/// A program that answers a request.
pub struct Run {
    script: Script,
    stage: Stage,
    patience: Duration,
    /// The beginning of the request's body, for ScriptLog.
    body: Vec<u8>,
    body_kept: usize,
    /// Complaints so far, for ScriptLog.
    complaints: Vec<u8>,
}

enum Stage {
    /// The fields are not complete.
    Head,
    /// Content goes to the client; so many bytes at most, if the program said so.
    Content(Option<u64>),
    /// Whatever the program says goes to the client (`nph-`).
    Raw,
    /// Nothing more goes to the client.
    Decided(Outcome),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The response is there.
    Complete,
    /// Another status.
    Status(u16),
    /// Go on at this local address.
    Local(BString),
    /// The program is to blame, and ScriptLog is told.
    Failed(u16),
    /// Too late for a status: the client sees that something is missing.
    Broken,
}

impl Run {
    /// For a program that has just been started.
    pub fn new(r: &Request, script: Script) -> Run {
        let timeout = r.dir_conf::<Patience>().and_then(|patience| patience.0);
        let raw = r.file_base().starts_with(b"nph-");
        Run {
            script,
            stage: if raw { Stage::Raw } else { Stage::Head },
            patience: timeout.unwrap_or_else(|| r.core_server().timeout()),
            body: Vec::new(),
            body_kept: r
                .server_conf::<ScriptLog>()
                .map_or(0, ScriptLog::body_bytes),
            complaints: Vec::new(),
        }
    }

    /// Body in, content out.
    pub async fn converse(&mut self, r: &mut Request) -> Outcome {
        if let Err(outcome) = self.feed(r).await {
            return outcome;
        }
        self.script.close_input();
        loop {
            if let Err(outcome) = self.pass_on(r).await {
                return outcome;
            }
            if self.script.is_silent() {
                return self.end(r);
            }
            if let Err(outcome) = self.take(r).await {
                return outcome;
            }
        }
    }

    /// Gives the program the request's body.
    async fn feed(&mut self, r: &mut Request) -> Result<(), Outcome> {
        loop {
            let piece = {
                let mut reading = pin!(r.read_body());
                let script = &mut self.script;
                poll_fn(|cx| {
                    // The client may be slow, and the program talk meanwhile.
                    while script.poll_take(cx, GATHER).is_ready() {}
                    reading.as_mut().poll(cx)
                })
                .await
            };
            self.log_complaints(r);
            match piece {
                Ok(Some(piece)) => {
                    if !self.write(r, piece).await? {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    log!(
                        &*r,
                        Level::Error,
                        1225,
                        err = error,
                        "Error reading request entity data"
                    );
                    return Err(if r.exchange.is_committed() {
                        Outcome::Broken
                    } else {
                        Outcome::Status(error::status_of(&error))
                    });
                }
            }
        }
    }

    /// Writes a piece of the body. False if the program reads no more.
    async fn write(&mut self, r: &mut Request, mut piece: Bytes) -> Result<bool, Outcome> {
        let room = self
            .body_kept
            .saturating_sub(self.body.len())
            .min(piece.len());
        self.body.extend_from_slice(&piece[..room]);
        while !piece.is_empty() {
            if self.script.out.len() >= GATHER {
                // A program that cannot go on writing does not go on reading either.
                self.pass_on(r).await?;
            }
            match run::timeout(self.patience, self.script.write(&piece, GATHER)).await {
                Ok(Wrote::Bytes(n)) => drop(piece.split_to(n)),
                Ok(Wrote::Closed) => return Ok(false),
                Ok(Wrote::Output) => {}
                Err(_) => return Err(self.timed_out(r)),
            }
        }
        Ok(true)
    }

    /// Waits for more output; what waits for the client is sent before.
    async fn take(&mut self, r: &mut Request) -> Result<(), Outcome> {
        let at_once = poll_fn(|cx| Poll::Ready(self.script.poll_take(cx, SEND).is_ready())).await;
        if !at_once {
            if matches!(self.stage, Stage::Content(_)) && !r.exchange.is_committed() {
                // As in Apache, the fields go ahead of content that is not there yet: it may be long in coming.
                r.push(Bucket::Flush);
            }
            self.flush(r).await?;
            let script = &mut self.script;
            let waited =
                run::timeout(self.patience, poll_fn(|cx| script.poll_take(cx, SEND))).await;
            if waited.is_err() {
                return Err(self.timed_out(r));
            }
        }
        self.log_complaints(r);
        Ok(())
    }

    async fn flush(&mut self, r: &mut Request) -> Result<(), Outcome> {
        if r.out.pending.is_empty() {
            return Ok(());
        }
        r.raw_response = matches!(self.stage, Stage::Raw);
        match r.flush().await {
            Ok(()) => Ok(()),
            Err(error) => {
                log!(
                    &*r,
                    Level::Debug,
                    1237,
                    err = error,
                    "the client does not take the output of {}",
                    log::raw(&r.filename)
                );
                Err(Outcome::Broken)
            }
        }
    }

    /// Takes the output so far to where it belongs.
    async fn pass_on(&mut self, r: &mut Request) -> Result<(), Outcome> {
        if matches!(self.stage, Stage::Head) {
            self.read_head(r)?;
        }
        match &mut self.stage {
            Stage::Head => {}
            Stage::Decided(_) => self.script.out.clear(),
            Stage::Content(_) if r.header_only => return Err(Outcome::Complete),
            Stage::Content(left) => {
                let mut bytes = self.script.out.split();
                if let Some(left) = left {
                    bytes.truncate((*left).min(bytes.len() as u64) as usize);
                    *left -= bytes.len() as u64;
                }
                r.write(bytes.freeze());
            }
            Stage::Raw => {
                r.raw_response = true;
                let bytes = self.script.out.split().freeze();
                r.write(bytes);
            }
        }
        if r.out.pending.len() >= SEND as u64 {
            self.flush(r).await?;
        }
        Ok(())
    }

    fn read_head(&mut self, r: &mut Request) -> Result<(), Outcome> {
        let (fields, length) = match head::parse(&self.script.out) {
            Head::Partial => return Ok(()),
            Head::Whole(fields, length) => (fields, length),
            Head::Bad(line) => {
                let line = log::raw(&line[..line.len().min(30)]);
                log!(
                    &*r,
                    Level::Error,
                    0,
                    "malformed header from script '{}': Bad header: {line}",
                    log::raw(r.file_base())
                );
                return Err(Outcome::Failed(500));
            }
        };
        self.stage = match head::apply(r, fields) {
            Verdict::Content(left) => Stage::Content(left),
            Verdict::Local(target) => Stage::Decided(Outcome::Local(target)),
            Verdict::Status(302) => Stage::Decided(Outcome::Status(302)),
            Verdict::Status(500) => return Err(Outcome::Failed(500)),
            Verdict::Status(status) => return Err(Outcome::Status(status)),
        };
        drop(self.script.out.split_to(length));
        Ok(())
    }

    /// All output has been passed on.
    fn end(&mut self, r: &mut Request) -> Outcome {
        match &self.stage {
            Stage::Head => {
                log!(
                    &*r,
                    Level::Error,
                    0,
                    "End of script output before headers: {}",
                    log::raw(r.file_base())
                );
                Outcome::Failed(500)
            }
            Stage::Decided(outcome) => outcome.clone(),
            Stage::Content(Some(left))
                if *left > 0
                    && r.exchange.is_committed()
                    && r.headers_out.contains("Content-Length") =>
            {
                log!(
                    &*r,
                    Level::Error,
                    20302,
                    "{} announced more content than it gave",
                    log::raw(&r.filename)
                );
                Outcome::Broken
            }
            Stage::Content(_) | Stage::Raw => Outcome::Complete,
        }
    }

    fn timed_out(&mut self, r: &Request) -> Outcome {
        if r.exchange.is_committed() {
            log!(
                r,
                Level::Warn,
                1220,
                "Timeout waiting for output from CGI script {}",
                log::raw(&r.filename)
            );
            return Outcome::Broken;
        }
        log!(
            r,
            Level::Error,
            0,
            "Script timed out before returning headers: {}",
            log::raw(r.file_base())
        );
        Outcome::Failed(504)
    }

    /// Whole lines of standard error go to the error log.
    fn log_complaints(&mut self, r: &Request) {
        while let Some(end) = self.script.errors.find_byte(b'\n') {
            let line: Vec<u8> = self.script.errors.drain(..=end).collect();
            self.complain(r, &line);
        }
        if self.script.errors.len() >= 8192 {
            let line = std::mem::take(&mut self.script.errors);
            self.complain(r, &line);
        }
    }

    fn complain(&mut self, r: &Request, line: &[u8]) {
        let text = line.trim_end_with(|c| c == '\n' || c == '\r');
        if !text.is_empty() {
            log!(
                r,
                Level::Error,
                1215,
                "stderr from {}: {}",
                log::raw(&r.filename),
                log::raw(text)
            );
        }
        if self.body_kept > 0 && self.complaints.len() < GATHER {
            self.complaints.extend_from_slice(line);
        }
    }

    /// Ends the program, and the response as `outcome` has it.
    pub async fn conclude(mut self, r: &mut Request, outcome: Outcome) -> Status {
        if outcome == Outcome::Complete
            && !r.header_only
            && self.flush_before_farewell(r).await.is_err()
        {
            r.aborted = true;
        }
        self.script.last_words();
        self.log_complaints(r);
        let rest = std::mem::take(&mut self.script.errors);
        self.complain(r, &rest);
        if let Outcome::Failed(status) = outcome {
            let (body, output, errors) = (&self.body, &self.script.out, &self.complaints);
            script_log::append(
                r,
                &Failure {
                    status,
                    error: "",
                    body,
                    output,
                    errors,
                },
            );
        }
        match outcome {
            // Nobody wants it any more.
            Outcome::Broken | Outcome::Failed(504) => drop(self.script),
            _ => self.script.finish().await,
        }
        match outcome {
            Outcome::Complete => Status::Ok,
            Outcome::Status(status) | Outcome::Failed(status) => Status::Http(status),
            Outcome::Local(target) => go_on(r, target.as_ref()).await,
            Outcome::Broken => {
                r.aborted = true;
                r.exchange.spoil();
                Status::Ok
            }
        }
    }

    /// The content need not wait until the program is gone; a short one leaves in one piece with its end, though.
    async fn flush_before_farewell(&mut self, r: &mut Request) -> Result<(), Outcome> {
        match r.exchange.is_committed() {
            true => self.flush(r).await,
            false => Ok(()),
        }
    }
}

/// A local Location: the request begins anew there, as GET, and its body has been read.
async fn go_on(r: &mut Request, target: &BStr) -> Status {
    r.headers_in.unset("Content-Length");
    r.headers_in.unset("Transfer-Encoding");
    redirect::run(r, target, Some(Method::Get)).await;
    Status::Ok
}
