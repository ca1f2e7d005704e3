//! mod_logio: what a request cost on the wire: `%I` and `%O` (bytes in and out, heads and framing with them), `%S` (both), `%^FB` (microseconds
//! to the first byte of the response). The connection counts; this takes what came since the last log line.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::Conf;
use crate::filters::{Brigade, Class, Filtered, OutputFilter};
use crate::hooks::module::Module;
use crate::hooks::provider::{Provider, Service};
use crate::hooks::{Answer, HookEntry, Order, Phase, Status};
use crate::request::Request;
use bstr::BString;
use std::time::Duration;

/// `mod_logio.c`.
pub static MODULE: Module = Module {
    name: "mod_logio.c",
    identifier: "logio_module",
    directives: &[Directive::new(
        "LogIOTrackTTFB",
        Scope::ALL,
        Arity::Flag,
        track_first_byte,
        "On or Off: whether %^FB tells when the first byte of a response was made",
    )],
    hooks: &[
        HookEntry::request(Phase::InsertFilter, insert_filter).order(Order::Last),
        HookEntry::request(Phase::LogTransaction, forget).after(&["mod_log_config.c"]),
    ],
    providers: &[
        Provider {
            name: "I",
            service: Service::LogItem(|r, _| amount(taken(r).0)),
        },
        Provider {
            name: "O",
            service: Service::LogItem(|r, _| amount(taken(r).1)),
        },
        Provider {
            name: "S",
            service: Service::LogItem(|r, _| amount(taken(r).0 + taken(r).1)),
        },
        Provider {
            name: "^FB",
            service: Service::LogItem(first_byte),
        },
    ],
    ..Module::EMPTY
};

#[derive(Clone, Default)]
struct LogIo {
    track: Option<bool>,
}

impl Conf for LogIo {
    fn merge(&self, over: &Self) -> Self {
        LogIo {
            track: over.track.or(self.track),
        }
    }
}

fn track_first_byte(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.dir_conf::<LogIo>().track = Some(on);
    Ok(())
}

fn amount(bytes: u64) -> Option<BString> {
    Some(bytes.to_string().into())
}

/// What the connection has read and made up to the end of this request, over all its requests.
fn up_to_here(r: &Request) -> (u64, u64) {
    let (unread, unsent) = r.exchange.backlog();
    (
        r.conn.bytes_in.get().saturating_sub(unread),
        r.conn.bytes_out.get() + unsent,
    )
}

/// Bytes in and out of this request.
fn taken(r: &Request) -> (u64, u64) {
    let (bytes_in, bytes_out) = up_to_here(r);
    let (logged_in, logged_out) = r.conn.bytes_logged.get();
    (
        bytes_in.saturating_sub(logged_in),
        bytes_out.saturating_sub(logged_out),
    )
}

/// What follows on the connection belongs to the next request.
fn forget(r: &mut Request) -> Answer<'_> {
    r.conn.bytes_logged.set(up_to_here(r));
    Answer::Now(Status::Ok)
}

/// How long the first byte of the response took.
struct FirstByte(Duration);

fn first_byte(r: &Request, _: &str) -> Option<BString> {
    let FirstByte(time) = r.extension()?;
    Some(time.as_micros().to_string().into())
}

fn insert_filter(r: &mut Request) -> Answer<'_> {
    let tracks = r
        .dir_conf::<LogIo>()
        .and_then(|conf| conf.track)
        .unwrap_or(false);
    if tracks && r.is_main() {
        r.insert_output_filter(Class::Resource, "LOGIO_TTFB_OUT", Box::new(Watch));
    }
    Answer::Now(Status::Declined)
}

/// Notes when the first piece of a response passes.
struct Watch;

impl OutputFilter for Watch {
    fn run<'r>(&'r mut self, r: &'r mut Request, input: Brigade) -> Filtered<'r, Brigade> {
        if r.extension::<FirstByte>().is_none() {
            let time = r.started.elapsed();
            r.extensions.push(Box::new(FirstByte(time)));
        }
        Filtered::Now(Ok(input))
    }
}
