//! mod_status: the handler `server-status`: a page for people, and with `?auto` one for programs, from the scoreboard as it is
//! while the request is handled.

mod auto;
mod figures;
mod page;

use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::protocol::Method;
use crate::request::Request;
use bstr::ByteSlice;
use figures::Figures;

/// `mod_status.c`.
pub static MODULE: Module = Module {
    name: "mod_status.c",
    identifier: "status_module",
    hooks: &[HookEntry::request(Phase::Handler, show)],
    ..Module::EMPTY
};

/// Seconds between two views where `?refresh` names none.
const REFRESH: u32 = 10;

/// What the query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    /// `auto`: for programs.
    auto: bool,
    /// `notable`: requests as a list.
    no_table: bool,
    /// `refresh[=N]`: the browser is to ask again after so many seconds.
    refresh: Option<u32>,
}

impl Wishes {
    fn of(query: &[u8]) -> Wishes {
        let mut wishes = Wishes::default();
        for word in query.split(|byte| matches!(byte, b'&' | b';' | b',' | b'?')) {
            let (name, value) = word.split_once_str(b"=").unwrap_or((word, b""));
            match name {
                b"auto" => wishes.auto = true,
                b"notable" => wishes.no_table = true,
                b"refresh" => {
                    let seconds = value.to_str().ok().and_then(|value| value.parse().ok());
                    wishes.refresh = Some(seconds.filter(|n| *n > 0).unwrap_or(REFRESH));
                }
                _ => {}
            }
        }
        wishes
    }
}

fn show(r: &mut Request) -> Answer<'_> {
    let mine = r.handler.as_deref() == Some("server-status");
    if !mine || !matches!(r.method, Method::Get | Method::Head) {
        return Answer::Now(Status::Declined);
    }
    let wishes = Wishes::of(r.args.as_ref().map_or(b"", |args| args.as_slice()));
    if let Some(seconds) = wishes.refresh {
        r.headers_out.set("Refresh", seconds.to_string());
    }
    let figures = Figures::take(r);
    let (kind, text) = match wishes.auto {
        true => ("text/plain; charset=ISO-8859-1", auto::text(&figures)),
        false => ("text/html; charset=utf-8", page::html(&figures, &wishes)),
    };
    r.content_type = Some(kind.into());
    r.no_local_copy = true;
    r.write(text);
    r.push(crate::filters::Bucket::End);
    Answer::Now(Status::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes() {
        assert_eq!(Wishes::of(b""), Wishes::default());
        assert!(Wishes::of(b"auto").auto && Wishes::of(b"refresh=3&auto").auto);
        assert!(!Wishes::of(b"autos").auto);
        assert_eq!(Wishes::of(b"notable&refresh=7").refresh, Some(7));
        for odd in [
            "refresh",
            "refresh=",
            "refresh=0",
            "refresh=x",
            "refresh=-1",
        ] {
            assert_eq!(Wishes::of(odd.as_bytes()).refresh, Some(REFRESH), "{odd}");
        }
    }
}
