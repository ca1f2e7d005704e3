//! CGI programs (RFC 3875): what they may answer, what they are given, and what happens when they fail. mod_cgi and
//! mod_cgid must not differ in any of this.

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;
use std::time::Instant;

const TEXT: &str = "printf 'Content-Type: text/plain\\r\\n\\r\\n'\n";

/// Scripts by name.
const SCRIPTS: &[(&str, &str)] = &[
    ("plain", "printf 'Content-Type: text/plain\\n\\nplain\\n'"),
    ("crlf", "printf 'Content-Type: text/plain\\r\\n\\r\\ncrlf\\r\\n'"),
    ("status", "printf 'Status: 418 Teapot\\nContent-Type: text/plain\\n\\nshort\\n'"),
    ("status-bare", "printf 'Status: 404\\nContent-Type: text/plain\\n\\nmine\\n'"),
    ("status-500", "printf 'Status: 503 Busy\\nContent-Type: text/plain\\n\\nbusy\\n'"),
    ("status-204", "printf 'Status: 204 Nothing\\n\\n'"),
    ("status-304", "printf 'Status: 304 Same\\n\\n'"),
    ("local", "printf 'Location: /target.txt\\n\\n'"),
    ("local-query", "printf 'Location: /cgi-bin/echo?from=local\\n\\n'"),
    ("remote", "printf 'Location: http://there.test/x\\n\\n'"),
    ("remote-status", "printf 'Status: 307 Moved\\nLocation: http://there.test/x\\n\\n'"),
    ("remote-body", "printf 'Location: http://there.test/x\\nContent-Type: text/plain\\n\\nown body\\n'"),
    ("length", "printf 'Content-Type: text/plain\\nContent-Length: 5\\n\\nfive\\n'"),
    ("fields", "printf 'Content-Type: text/plain\\nX-One: 1\\nX-Two: a: b\\nSet-Cookie: a=1\\nSet-Cookie: b=2\\n\\nx'"),
    ("nofields", "printf 'just text\\n'"),
    ("empty", ":"),
    ("badfield", "printf 'Content-Type: text/plain\\nthis is no field\\n\\nx\\n'"),
    ("notype", "printf 'X-One: 1\\n\\nbody\\n'"),
    ("badlength", "printf 'Content-Type: text/plain\\nContent-Length: 100\\n\\nshort\\n'"),
    ("exit1", "printf 'Content-Type: text/plain\\n\\nfine\\n'\nexit 1"),
    ("fails", "exit 3"),
    ("killed", "kill -9 $$"),
    ("stderr", "echo 'a word on stderr' >&2\nprintf 'Content-Type: text/plain\\n\\nok\\n'"),
    ("stderr-only", "echo 'complaint before dying' >&2\nexit 1"),
    ("echo", "printf 'Content-Type: text/plain\\n\\n'\ncat"),
    (
        "count",
        "printf 'Content-Type: text/plain\\n\\n'\nwc -c",
    ),
    ("noread", "printf 'Content-Type: text/plain\\n\\nunread\\n'"),
    ("args", "printf 'Content-Type: text/plain\\n\\n'\necho \"$#\"\nfor a in \"$@\"; do echo \"<$a>\"; done"),
    ("pwd", "printf 'Content-Type: text/plain\\n\\n'\npwd"),
    ("umask", "printf 'Content-Type: text/plain\\n\\n'\nid -un"),
    ("big", "printf 'Content-Type: text/plain\\n\\n'\ni=0\nwhile [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; i=$((i+1)); done"),
    ("slow", "printf 'Content-Type: text/plain\\n\\nfirst\\n'\nsleep 0.3\necho second"),
    ("dated", "printf 'Content-Type: text/plain\\nLast-Modified: Sun, 09 Sep 2001 01:46:40 GMT\\nETag: \"own\"\\n\\n0123456789'"),
    ("date", "printf 'Content-Type: text/plain\\nDate: Sun, 09 Sep 2001 01:46:40 GMT\\nServer: own\\n\\nx'"),
    ("connection", "printf 'Content-Type: text/plain\\nConnection: close\\nTransfer-Encoding: chunked\\n\\nx'"),
    ("nph-raw", "printf 'HTTP/1.1 299 Own Words\\r\\nX-Nph: yes\\r\\nContent-Length: 4\\r\\n\\r\\nraw\\n'"),
    ("fds", "printf 'Content-Type: text/plain\\n\\n'\necho /proc/$$/fd\nls -l /proc/$$/fd"),
    ("binary", "printf 'Content-Type: application/octet-stream\\n\\n\\000\\001\\377'"),
    ("longfield", "printf 'Content-Type: text/plain\\nX-Long: '\nhead -c 6000 /dev/zero | tr '\\0' x\nprintf '\\n\\nx'"),
    ("noshell", ""),
];

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new()
            .file("htdocs/target.txt", "target\n")
            .script("htdocs/on/x.cgi", TEXT)
            .script("htdocs/off/x.cgi", TEXT)
            .script("htdocs/set/any", &format!("{TEXT}echo set"))
            .script("cgi-bin/sub/pwd", &format!("{TEXT}pwd"))
            .file("cgi-bin/notexec", "#!/bin/sh\necho\n")
            .file("cgi-bin/.hidden", "x")
            .conf(
                "ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n\
                 <Directory @ROOT@/htdocs/on>\nOptions +ExecCGI\nAddHandler cgi-script .cgi\n</Directory>\n\
                 <Directory @ROOT@/htdocs/off>\nOptions -ExecCGI\nAddHandler cgi-script .cgi\n</Directory>\n\
                 <Directory @ROOT@/htdocs/set>\nOptions +ExecCGI\nSetHandler cgi-script\n</Directory>",
            );
        for (name, text) in SCRIPTS {
            setup = setup.script(&format!("cgi-bin/{name}"), text);
        }
        let setup = setup.script("cgi-bin/badshell", "");
        let bad = setup.root().join("cgi-bin/badshell");
        std::fs::write(bad, "#!/nonexistent/shell\n").expect("a script");
        setup.start()
    })
}

fn run(name: &str) -> Response {
    www().get(&format!("/cgi-bin/{name}"))
}

cases! {
    lf_header: run("plain").is(200).body("plain\n").has("Content-Type", "text/plain");
    crlf_header: run("crlf").is(200).body("crlf\r\n");
    status_with_reason: {
        let r = run("status");
        r.is(418).body("short\n");
        assert_eq!(r.reason, "Teapot");
    };
    status_without_reason: run("status-bare").is(404).body("mine\n");
    status_of_an_error: run("status-500").is(503).body("busy\n");
    status_without_body: run("status-204").is(204).body("");
    status_not_modified: run("status-304").is(304).body("");
    local_location: run("local").is(200).body("target\n").lacks("Location");
    local_location_of_a_script: {
        let r = run("local-query");
        r.is(200).has("Content-Type", "text/plain");
    };
    remote_location: run("remote").is(302).has("Location", "http://there.test/x");
    remote_location_with_status: run("remote-status").is(307).has("Location", "http://there.test/x");
    remote_location_with_body: run("remote-body").is(302).has("Location", "http://there.test/x");
    content_length: run("length").is(200).body("five\n");
    other_fields: run("fields").is(200).has("X-One", "1").has("X-Two", "a: b");
    cookies_stay_apart: assert_eq!(run("fields").all("Set-Cookie"), ["a=1", "b=2"]);
    no_fields_at_all_is_500: run("nofields").is(500);
    no_output_is_500: run("empty").is(500);
    bad_field_is_500: run("badfield").is(500);
    no_type_is_fine: run("notype").is(200).has("X-One", "1").body("body\n");
    exit_code_does_not_matter: run("exit1").is(200).body("fine\n");
    exit_without_output_is_500: run("fails").is(500);
    killed_is_500: run("killed").is(500);
    failure_is_logged: {
        run("empty").is(500);
        www().logged("End of script output before headers: empty");
    };
    stderr_is_logged: {
        run("stderr").is(200).body("ok\n");
        www().logged("a word on stderr");
    };
    stderr_before_dying_is_logged: {
        run("stderr-only").is(500);
        www().logged("complaint before dying");
    };
    missing_script_is_404: run("none").is(404);
    script_without_permission_is_refused: {
        let r = run("notexec");
        assert!(r.status == 403 || r.status == 500, "{}", r.status);
    };
    script_with_a_bad_interpreter_is_500: run("badshell").is(500);
    exec_option_by_handler: www().get("/on/x.cgi").is(200);
    exec_option_missing: www().get("/off/x.cgi").is(403);
    set_handler: www().get("/set/any").is(200).body("set\n");
    working_folder_is_the_scripts: run("sub/pwd").is(200).body(&www().fill("@ROOT@/cgi-bin/sub\n"));
    arguments_of_an_indexed_query: www().get("/cgi-bin/args?one+two").is(200).body("2\n<one>\n<two>\n");
    no_arguments_of_a_query_with_equals: www().get("/cgi-bin/args?one=two").is(200).body("0\n");
    arguments_are_decoded_and_escaped: www().get("/cgi-bin/args?a%20b").is(200).contains("1\n");
    script_runs_as_the_children_do: {
        if crate::harness::is_root() {
            run("umask").is(200).body(&www().fill("@USER@\n"));
        }
    };
    big_output: {
        let r = run("big");
        r.is(200);
        assert_eq!(r.body.len(), 2000 * 71);
    };
    slow_output_arrives_whole: run("slow").is(200).body("first\nsecond\n");
    head_of_a_script: www().head("/cgi-bin/plain").is(200).has("Content-Type", "text/plain");
    body_is_handed_over: www().post("/cgi-bin/echo", &[], "the body").is(200).body("the body");
    big_body_is_handed_over: {
        let body = "abcdefgh".repeat(50_000);
        www().post("/cgi-bin/count", &[], &body).is(200).body("400000\n");
    };
    unread_body_is_no_failure: www().ask("POST", "/cgi-bin/noread", &["Content-Length: 0"]).is(200).body("unread\n");
    conditions_on_a_scripts_fields: {
        www().get_with("/cgi-bin/dated", &["If-None-Match: \"own\""]).is(304);
        www().get_with("/cgi-bin/dated", &["If-None-Match: \"other\""]).is(200);
        www().get_with("/cgi-bin/dated", &["If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"]).is(304);
    };
    range_of_a_scripts_output: {
        let r = www().get_with("/cgi-bin/dated", &["Range: bytes=2-4"]);
        assert!(r.status == 200 && r.body == b"0123456789" || r.status == 206 && r.body == b"234");
    };
    servers_own_fields_win: {
        let r = run("date");
        assert_eq!((r.all("Date").len(), r.all("Server").len()), (1, 1));
    };
    framing_is_the_servers: {
        let mut c = www().client();
        c.get("/cgi-bin/connection").is(200).body("x");
    };
    nph_speaks_itself: run("nph-raw").is(299).has("X-Nph", "yes").body("raw\n");
    no_socket_leaks_into_a_script: {
        let r = run("fds");
        let text = r.is(200).text();
        for line in text.lines().filter(|l| l.contains("-> socket:")) {
            let fd = line.split(" -> ").next().and_then(|l| l.rsplit(' ').next());
            assert!(fd.is_some_and(|f| ["0", "1", "2"].contains(&f)), "{text}");
        }
    };
    binary_output: assert_eq!(run("binary").is(200).body, [0, 1, 255]);
    long_field: assert_eq!(run("longfield").is(200).header("X-Long").map(str::len), Some(6000));
    several_on_a_connection: {
        let mut c = www().client();
        c.get("/cgi-bin/plain").is(200).body("plain\n");
        c.get("/cgi-bin/plain").is(200).body("plain\n");
    };
}

#[test]
fn script_that_answers_while_it_reads_is_no_deadlock() {
    // Apache's mod_cgi writes the whole body before it reads: both wait for ever.
    if crate::harness::is_apache() && crate::harness::mpm() == "prefork" {
        return;
    }
    let body = "abcdefgh".repeat(50_000);
    let r = www().post("/cgi-bin/echo", &[], &body);
    r.is(200);
    assert!(r.body == body.as_bytes());
}

/// A client that reads while it sends gets the beginning of the answer long before its request ends.
#[test]
fn body_larger_than_all_buffers() {
    // Apache gives the program all of the body before it reads the answer: both wait until Timeout.
    crate::harness::ours_only!();
    use std::io::{Read, Write};
    const PIECES: usize = 400;
    let piece = vec![b'x'; 65536];
    let mut stream =
        std::net::TcpStream::connect(("127.0.0.1", www().port(0))).expect("a connection");
    let mut writer = stream.try_clone().expect("a second name");
    let length = PIECES * piece.len();
    let sender = std::thread::spawn(move || {
        let head = format!("POST /cgi-bin/echo HTTP/1.0\r\nContent-Length: {length}\r\n\r\n");
        writer.write_all(head.as_bytes())?;
        (0..PIECES).try_for_each(|_| writer.write_all(&piece))
    });
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(20)))
        .expect("a limit");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    sender.join().expect("no panic").expect("all sent");
    let body = answer
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map(|at| answer.len() - at - 4);
    assert!(
        answer.starts_with(b"HTTP/1.1 200 ") && body == Some(length),
        "{body:?}"
    );
}

#[test]
fn script_that_hangs_ends_in_504() {
    let s = Setup::new()
        .script("cgi-bin/hang", "exec sleep 20")
        .conf(
            "ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nTimeout 1\n\
             <IfModule mod_cgid.c>\nCGIDScriptTimeout 1\n</IfModule>",
        )
        .start();
    let start = Instant::now();
    let r = s.get("/cgi-bin/hang");
    let took = start.elapsed().as_millis();
    assert!(r.status == 504 || r.status == 500, "{}", r.status);
    assert!((700..6000).contains(&took), "{took} ms");
}

#[test]
fn script_log_takes_what_failed() {
    let s = Setup::new()
        .script("cgi-bin/bad", "echo nonsense")
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nScriptLog logs/script.log");
    // The children write it, so it must be theirs.
    let file = s.root().join("logs/script.log");
    std::fs::write(&file, "").expect("a file");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("chmod");
    let s = s.start();
    s.get("/cgi-bin/bad").is(500);
    s.await_text("logs/script.log", |t| {
        t.contains("/cgi-bin/bad") && t.contains("nonsense")
    });
}

#[test]
fn client_that_leaves_costs_nothing() {
    let s = Setup::new()
        .script("cgi-bin/slow", "printf 'Content-Type: text/plain\\n\\n'\nwhile echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; do :; done")
        .file("htdocs/a.txt", "a\n")
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/")
        .start();
    {
        let mut c = s.client();
        c.send("GET /cgi-bin/slow HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut first = s.client();
        first.get("/a.txt").is(200);
    }
    s.get("/a.txt").is(200);
    // Stopping demands that the script is gone too.
    s.stop();
}
