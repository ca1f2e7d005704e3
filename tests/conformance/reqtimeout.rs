//! mod_reqtimeout: clients that take too long to say what they want.

use crate::harness::{cases, Server, Setup};
use std::sync::OnceLock;
use std::time::Instant;

fn server(conf: &str) -> Server {
    Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .script(
            "cgi-bin/echo",
            "printf 'Content-Type: text/plain\\n\\n'\ncat",
        )
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/")
        .conf(conf)
        .start()
}

fn short() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| server("RequestReadTimeout header=1 body=1\nAcceptFilter http none"))
}

/// Milliseconds until the answer (or close) after sending this and no more.
fn wait_after(s: &Server, text: &str) -> (Option<u16>, u128) {
    let mut c = s.client();
    c.send(text);
    let start = Instant::now();
    let status = c.next(false).map(|r| r.status);
    (status, start.elapsed().as_millis())
}

cases! {
    header_that_stops_is_408: {
        let (status, took) = wait_after(short(), "GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Slow");
        assert!(status == Some(408) || status.is_none(), "{status:?}");
        assert!((600..4000).contains(&took), "{took} ms");
    };
    request_line_that_stops: {
        let (status, took) = wait_after(short(), "GET /a.t");
        assert!(status == Some(408) || status.is_none(), "{status:?}");
        assert!((600..4000).contains(&took), "{took} ms");
    };
    nothing_sent_is_a_silent_close: {
        let (status, took) = wait_after(short(), "");
        assert!(status == Some(408) || status.is_none(), "{status:?}");
        assert!((600..5000).contains(&took), "{took} ms");
    };
    body_that_stops: {
        let (status, took) = wait_after(short(), "POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
        assert!(matches!(status, None | Some(408) | Some(200) | Some(400) | Some(500)), "{status:?}");
        assert!((600..5000).contains(&took), "{took} ms");
    };
    fast_requests_are_not_hurt: {
        let mut c = short().client();
        c.get("/a.txt").is(200);
        c.get("/a.txt").is(200);
        short().post("/cgi-bin/echo", &[], "body").is(200).body("body");
    };
    trickling_header_runs_out: {
        let mut c = short().client();
        c.send("GET /a.txt HTTP/1.1\r\n");
        let start = Instant::now();
        let ended = crate::harness::eventually(std::time::Duration::from_secs(6), || {
            c.send("X-A: 1\r\n");
            start.elapsed().as_millis() > 1500
        });
        assert!(ended);
        let r = c.next(false);
        assert!(r.is_none_or(|r| r.status == 408 || r.status == 400));
    };
}

#[test]
fn zero_switches_it_off() {
    let s = server("RequestReadTimeout header=0 body=0\nTimeout 20");
    let mut c = s.client();
    c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n");
    s.get("/a.txt").is(200);
    c.send("\r\n");
    c.response().is(200);
}

#[test]
fn keep_alive_wait_is_not_counted() {
    let s = server("RequestReadTimeout header=1\nKeepAliveTimeout 10");
    let mut c = s.client();
    c.get("/a.txt").is(200);
    std::thread::sleep(std::time::Duration::from_millis(1300));
    c.get("/a.txt").is(200);
}

#[test]
fn rate_extends_the_time() {
    let s = server("RequestReadTimeout header=1-10,MinRate=1");
    let mut c = s.client();
    c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n");
    // 1.5 s in all, more than one second but earned by bytes.
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(500));
        c.send("X-A: 1\r\n");
    }
    c.send("\r\n");
    c.response().is(200);
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    mistake_stage: refused("RequestReadTimeout middle=5");
    mistake_number: refused("RequestReadTimeout header=soon");
    mistake_rate: refused("RequestReadTimeout header=10,MinRate=none");
    mistake_range: refused("RequestReadTimeout header=20-10,MinRate=500");
    good_forms: Setup::new().conf("RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500 handshake=5").check().exit(0);
}
