//! mod_status: the handler `server-status`: a page for people, and with `?auto` one for programs, from the scoreboard as it is
//! while the request is handled. The pages themselves are `crate::status`.

use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::protocol::Method;
use crate::request::Request;
use crate::status::{Figures, Page};

/// `mod_status.c`.
pub static MODULE: Module = Module {
    name: "mod_status.c",
    identifier: "status_module",
    hooks: &[HookEntry::request(Phase::Handler, show)],
    ..Module::EMPTY
};

fn show(r: &mut Request) -> Answer<'_> {
    let mine = r.handler.as_deref() == Some("server-status");
    if !mine || !matches!(r.method, Method::Get | Method::Head) {
        return Answer::Now(Status::Declined);
    }
    let host = &r.ctx.host;
    let extended = r.ctx.generation.main.extended_status;
    let figures = Figures::take(r.server_name(), host.snapshot(), extended, host.parks());
    let page = Page::of(
        &figures,
        r.args.as_ref().map_or(b"", |args| args.as_slice()),
    );
    if let Some(seconds) = page.refresh {
        r.headers_out.set("Refresh", seconds.to_string());
    }
    r.content_type = Some(page.kind.into());
    r.no_local_copy = true;
    r.write(page.text);
    r.push(crate::filters::Bucket::End);
    Answer::Now(Status::Ok)
}
