//! HTTP/1.0 and 1.1: connections, pipelines, methods, bodies, limits, and everything that must be refused
//! (RFC 9110, RFC 9112).

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;
use std::time::Instant;

const ECHO: &str = "printf 'Content-Type: text/plain\\r\\n\\r\\n'\n\
                    echo \"method=$REQUEST_METHOD length=$CONTENT_LENGTH coding=$HTTP_TRANSFER_ENCODING\"\ncat\n";

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .file("htdocs/a.txt", "hello\n")
            .file("htdocs/b.txt", "second\n")
            .file("htdocs/empty.txt", "")
            .file("htdocs/dir/in.txt", "inside\n")
            .file("htdocs/sp ace.txt", "space\n")
            .file("htdocs/per%cent.txt", "percent\n")
            .script("cgi-bin/echo", ECHO)
            // Its length cannot be known when its first line is there.
            .script(
                "cgi-bin/slow",
                "printf 'Content-Type: text/plain\\n\\none\\n'; sleep 0.4; echo two",
            )
            .script(
                "cgi-bin/env",
                "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n",
            )
            .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nLimitRequestBody 100000")
            .start()
    })
}

/// Sends bytes, reads one response and demands the status and that the connection is closed after it.
fn refused(bytes: &str, status: u16) -> Response {
    refused_by(www(), bytes, status)
}

fn refused_by(server: &Server, bytes: &str, status: u16) -> Response {
    let mut client = server.client();
    let response = client.send(bytes).response();
    response.is(status);
    client.closed();
    response
}

/// Sends a request that must be taken: an HTTP/1.1 GET of /a.txt with more lines.
fn taken(lines: &str) -> Response {
    let r = www().raw(format!(
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n"
    ));
    r.is(200).body("hello\n");
    r
}

fn post_chunks(chunks: &str) -> Response {
    www().raw(format!(
        "POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    ))
}

// Connections.

cases! {
    http11_connection_stays_open: {
        let mut c = www().client();
        c.get("/a.txt").is(200).body("hello\n").lacks("Connection");
        c.get("/b.txt").is(200).body("second\n");
    };
    connection_close_is_obeyed_and_said: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        c.response().is(200).has("Connection", "close");
        c.closed();
    };
    connection_close_in_a_list_is_obeyed: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n");
        c.response().is(200).has("Connection", "close");
        c.closed();
    };
    http10_closes: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.0\r\n\r\n");
        c.response().is(200).body("hello\n").has("Connection", "close");
        c.closed();
    };
    http10_keep_alive_is_granted: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        c.response().is(200).has("Connection", "Keep-Alive").like("Keep-Alive", "timeout=5, max=100");
        c.send("GET /b.txt HTTP/1.0\r\n\r\n");
        c.response().is(200).body("second\n");
        c.closed();
    };
    http10_keep_alive_counts_down: {
        let mut c = www().client();
        for max in ["max=100", "max=99", "max=98"] {
            c.send("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            c.response().is(200).like("Keep-Alive", max);
        }
    };
    http11_keep_alive_header_when_asked: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n");
        c.response().is(200).has("Connection", "Keep-Alive").like("Keep-Alive", "timeout=5");
    };
    http10_answer_says_http11: {
        let r = www().raw("GET /a.txt HTTP/1.0\r\n\r\n");
        assert_eq!(r.version, "HTTP/1.1");
    };
    http10_unknown_length_ends_by_close: {
        let mut c = www().client();
        c.send("GET /cgi-bin/slow HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        c.response().is(200).lacks("Transfer-Encoding").has("Connection", "close");
        c.closed();
    };
    http11_unknown_length_is_chunked: {
        let mut c = www().client();
        c.get("/cgi-bin/slow").is(200).has("Transfer-Encoding", "chunked").lacks("Content-Length");
        c.get("/a.txt").is(200);
    };
    pipeline_of_three_in_order: {
        let mut c = www().client();
        let one = |p: &str| format!("GET {p} HTTP/1.1\r\nHost: a\r\n\r\n");
        c.send(one("/a.txt") + &one("/none") + &one("/b.txt"));
        c.response().is(200).body("hello\n");
        c.response().is(404);
        c.response().is(200).body("second\n");
    };
    pipeline_of_hundred: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n".repeat(99) + "GET /b.txt HTTP/1.0\r\n\r\n");
        for _ in 0..99 {
            c.response().is(200).body("hello\n");
        }
        c.response().is(200).body("second\n");
        c.closed();
    };
    pipelined_head_and_get: {
        let mut c = www().client();
        c.send("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.head_response().is(200).has("Content-Length", "6");
        c.response().is(200).body("second\n");
    };
    pipeline_behind_a_post: {
        let mut c = www().client();
        c.send("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.response().is(200).contains("method=POST length=4").contains("body").without("GET");
        c.response().is(200).body("second\n");
    };
    unread_body_is_not_a_request: {
        let mut c = www().client();
        c.send("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\nX: yyyy\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.response();
        c.response().is(200).body("second\n");
    };
    half_a_request_does_not_hold_the_answer_before_it: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /b.txt HT");
        c.response().is(200).body("hello\n");
        c.send("TP/1.1\r\nHost: a\r\n\r\n");
        c.response().is(200).body("second\n");
    };
    request_in_single_bytes: {
        let mut c = www().client();
        for byte in b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n" {
            c.send([*byte]);
        }
        c.response().is(200).body("hello\n");
    };
    empty_lines_before_a_request: {
        let mut c = www().client();
        c.send("\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.response().is(200).body("hello\n");
    };
    empty_line_between_requests: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.response().is(200).body("hello\n");
        c.response().is(200).body("second\n");
    };
    half_close_still_gets_the_answer: {
        let mut c = www().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n").finish();
        c.response().is(200).body("hello\n");
        c.closed();
    };
    connection_without_request_is_no_error: {
        let mut c = www().client();
        c.finish();
        c.closed();
    };
    status_404_keeps_the_connection: {
        let mut c = www().client();
        c.get("/none").is(404);
        c.get("/a.txt").is(200);
    };
}

// Methods.

cases! {
    head_has_length_and_no_body: {
        let mut c = www().client();
        c.send("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.head_response().is(200).has("Content-Length", "6").has("Content-Type", "text/plain");
        c.get("/b.txt").is(200).body("second\n");
    };
    head_of_missing_has_no_body: {
        let mut c = www().client();
        c.send("HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n");
        c.head_response().is(404);
        c.get("/b.txt").is(200).body("second\n");
    };
    head_of_cgi: {
        let mut c = www().client();
        c.send("HEAD /cgi-bin/env HTTP/1.1\r\nHost: a\r\n\r\n");
        c.head_response().is(200).has("Content-Type", "text/plain");
        c.get("/b.txt").is(200).body("second\n");
    };
    options_of_a_file: {
        let r = www().ask("OPTIONS", "/a.txt", &[]);
        r.is(200).has("Content-Length", "0");
        let allow = r.header("Allow").unwrap_or_default().to_string();
        for m in ["GET", "HEAD", "POST", "OPTIONS"] {
            assert!(allow.split(',').any(|w| w.trim() == m), "{allow}");
        }
    };
    options_star: www().ask("OPTIONS", "*", &[]).is(200).has("Content-Length", "0");
    get_star_is_refused: www().ask("GET", "*", &[]).is(400);
    put_of_a_file_is_405: www().ask("PUT", "/a.txt", &["Content-Length: 0"]).is(405).like("Allow", "GET");
    delete_of_a_file_is_405: www().ask("DELETE", "/a.txt", &[]).is(405).like("Allow", "GET");
    post_to_a_file_is_served: www().post("/a.txt", &[], "x=1").is(200).body("hello\n");
    unknown_method_is_501: www().ask("FROB", "/a.txt", &[]).is(501).like("Allow", "GET");
    lower_case_method_is_unknown: www().ask("get", "/a.txt", &[]).is(501);
    unknown_method_reaches_cgi: www().ask("FROB", "/cgi-bin/echo", &[]).is(200).contains("method=FROB");
    trace_echoes_the_request: {
        let r = www().raw("TRACE /a.txt HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nConnection: close\r\n\r\n");
        r.is(200).has("Content-Type", "message/http");
        r.contains("TRACE /a.txt HTTP/1.1\r\n").contains("X-One: 1\r\n");
    };
    trace_with_a_body_is_refused: www().raw("TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc").is(413);
    connect_without_proxy: {
        let r = www().raw("CONNECT www.example.test:443 HTTP/1.1\r\nHost: www.example.test:443\r\nConnection: close\r\n\r\n");
        assert!(r.status == 405 || r.status == 400, "{}", r.status);
    };
}

#[test]
fn trace_enable_off() {
    let s = Setup::new().conf("TraceEnable off").start();
    s.raw("TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .is(405);
    s.stop();
}

#[test]
fn trace_enable_extended_takes_a_body() {
    let s = Setup::new().conf("TraceEnable extended").start();
    let r =
        s.raw("TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    r.is(200).contains("TRACE / HTTP/1.1").contains("abc");
}

// Host and target.

cases! {
    http11_without_host_is_400: refused("GET /a.txt HTTP/1.1\r\n\r\n", 400);
    http10_without_host_is_fine: www().raw("GET /a.txt HTTP/1.0\r\n\r\n").is(200);
    empty_host_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost:\r\n\r\n", 400);
    two_hosts_are_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    host_with_a_space_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
    host_with_a_slash_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    host_with_a_bad_port_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a:b\r\n\r\n", 400);
    host_with_a_port_is_fine: www().raw("GET /a.txt HTTP/1.1\r\nHost: a:8080\r\nConnection: close\r\n\r\n").is(200);
    host_with_an_ipv6_address: www().raw("GET /a.txt HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n").is(200);
    host_with_broken_brackets_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: [::1\r\n\r\n", 400);
    absolute_form: www().raw("GET http://www.example.test/a.txt HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n").is(200).body("hello\n");
    absolute_form_wins_over_host: {
        let r = www().raw("GET http://from.uri/cgi-bin/env HTTP/1.1\r\nHost: from.header\r\nConnection: close\r\n\r\n");
        r.is(200).line("SERVER_NAME=from.uri");
    };
    absolute_form_needs_a_host_header_too: refused("GET http://www.example.test/a.txt HTTP/1.1\r\n\r\n", 400);
    target_without_slash_is_refused: refused("GET a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    target_with_a_fragment_is_cut_or_refused: {
        let r = www().get("/a.txt#frag");
        assert!(r.status == 200 || r.status == 400, "{}", r.status);
    };
    query_is_no_part_of_the_file: www().get("/a.txt?x=/../y").is(200).body("hello\n");
}

// Request line.

cases! {
    line_without_version_is_http09: {
        let mut c = www().client();
        c.send("GET /a.txt\r\n");
        assert_eq!(c.rest(), b"hello\n");
    };
    line_with_two_spaces_is_refused: refused("GET  /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_space_before_version_is_refused: refused("GET /a.txt  HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_trailing_space_is_refused: refused("GET /a.txt HTTP/1.1 \r\nHost: a\r\n\r\n", 400);
    line_with_space_in_target_is_refused: refused("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_tab_is_refused: refused("GET\t/a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_leading_space_is_refused: refused(" GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_nul_is_refused: refused("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_control_character_is_refused: refused("GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_del_is_refused: refused("GET /a\x7fb HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    line_with_bad_method_token_is_refused: refused("G(T /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    version_2_0_gets_an_http11_answer: {
        let r = www().raw("GET /a.txt HTTP/2.0\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(r.status == 200 || r.status == 505, "{}", r.status);
        assert_eq!(r.version, "HTTP/1.1");
    };
    version_0_9_spelt_out_is_refused: refused("GET /a.txt HTTP/0.9\r\n\r\n", 400);
    version_lower_case_is_refused: refused("GET /a.txt http/1.1\r\nHost: a\r\n\r\n", 400);
    version_two_digits_is_refused: refused("GET /a.txt HTTP/1.10\r\nHost: a\r\n\r\n", 400);
    version_not_http_is_refused: refused("GET /a.txt FTP/1.1\r\nHost: a\r\n\r\n", 400);
    version_1_2_is_taken_as_1_1: {
        let r = www().raw("GET /a.txt HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n");
        r.is(200).body("hello\n");
        assert_eq!(r.version, "HTTP/1.1");
    };
    garbage_is_refused: refused("\x16\x03\x01\x02\r\n\r\n", 400);
}

#[test]
fn http09_is_answered_when_unsafe() {
    let s = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("HttpProtocolOptions Unsafe Allow0.9")
        .start();
    let mut c = s.client();
    c.send("GET /a.txt\r\n");
    assert_eq!(c.rest(), b"hello\n");
}

#[test]
fn http_protocol_options_registered_methods() {
    let s = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("HttpProtocolOptions RegisteredMethods\nRegisterHttpMethod BREW")
        .start();
    refused_by(&s, "FROB /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    s.ask("GET", "/a.txt", &[]).is(200);
    s.ask("BREW", "/a.txt", &[]).is(405);
}

#[test]
fn http_protocol_options_require10() {
    let s = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("HttpProtocolOptions Require1.0")
        .start();
    s.get("/a.txt").is(200);
    refused_by(&s, "GET /a.txt\r\n\r\n", 400);
}

// Header fields.

cases! {
    field_without_colon_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\nNoColon\r\n\r\n", 400);
    field_with_space_before_colon_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n", 400);
    field_with_empty_name_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400);
    field_with_bad_name_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\nX(A): 1\r\n\r\n", 400);
    field_with_nul_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n", 400);
    field_with_control_character_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-A: a\x02b\r\n\r\n", 400);
    field_with_bare_cr_is_refused: refused("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-A: a\rb\r\n\r\n", 400);
    first_field_folded_is_refused: refused("GET /a.txt HTTP/1.1\r\n Host: a\r\n\r\n", 400);
    field_with_tab_is_fine: taken("X-A: a\tb\r\n");
    field_with_high_bytes_is_fine: taken("X-A: \u{e9}\r\n");
    field_with_empty_value_is_fine: taken("X-A:\r\n");
    field_without_blank_after_colon_is_fine: taken("X-A:1\r\n");
    fields_of_one_name_are_joined: {
        let r = www().get_with("/cgi-bin/env", &["X-Join: 1", "X-Join: 2"]);
        r.is(200).line("HTTP_X_JOIN=1, 2");
    };
    field_value_is_trimmed: {
        www().get_with("/cgi-bin/env", &["X-Trim: \t one two \t "]).is(200).line("HTTP_X_TRIM=one two");
    };
    too_many_fields_are_refused: {
        let many: String = (0..101).map(|i| format!("X-{i}: 1\r\n")).collect();
        refused(&format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 400)
    };
    hundred_fields_are_fine: {
        let many: String = (0..98).map(|i| format!("X-{i}: 1\r\n")).collect();
        taken(&many)
    };
    long_field_is_refused: {
        let long = "x".repeat(8300);
        refused(&format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-A: {long}\r\n\r\n"), 400)
    };
    field_of_8000_bytes_is_fine: taken(&format!("X-A: {}\r\n", "x".repeat(8000)));
    long_request_line_is_414: {
        let long = "x".repeat(8300);
        refused(&format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414)
    };
    request_line_of_8000_bytes_is_fine: {
        let long = "x".repeat(7900);
        www().get(&format!("/a.txt?{long}")).is(200)
    };
}

fn limits() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .file("htdocs/a.txt", "hello\n")
            .script("cgi-bin/echo", ECHO)
            .conf(
                "ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nLimitRequestBody 10\nLimitRequestFields 3\n\
                 LimitRequestFieldSize 40\nLimitRequestLine 50\nServerTokens Full\n\
                 MaxKeepAliveRequests 2\nKeepAliveTimeout 1\n",
            )
            .start()
    })
}

cases! {
    limit_request_line: {
        refused_by(limits(), &format!("GET /{} HTTP/1.0\r\n\r\n", "x".repeat(60)), 414);
        limits().raw("GET /a.txt HTTP/1.0\r\n\r\n").is(200);
    };
    limit_request_fields: {
        refused_by(limits(), "GET /a.txt HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n", 400);
        limits().raw("GET /a.txt HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\n\r\n").is(200);
    };
    limit_request_field_size: {
        refused_by(limits(), &format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(50)), 400);
        limits().raw(format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(30))).is(200);
    };
    limit_request_body_by_length: {
        let r = limits().raw("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901");
        r.is(413);
        let r = limits().raw("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234567890");
        r.is(200).contains("1234567890");
    };
    limit_request_body_by_chunks: {
        let r = limits().raw("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n");
        r.is(413);
    };
    max_keep_alive_requests: {
        let mut c = limits().client();
        let ask = "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
        c.send(ask);
        c.response().is(200).has("Keep-Alive", "timeout=1, max=2");
        c.send(ask);
        c.response().is(200);
        c.send(ask);
        let last = c.next(false);
        if let Some(r) = last {
            r.is(200).has("Connection", "close");
            c.closed();
        }
    };
    keep_alive_timeout: {
        let mut c = limits().client();
        c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.response().is(200);
        let start = Instant::now();
        c.closed();
        let took = start.elapsed().as_millis();
        assert!((700..3500).contains(&took), "{took} ms");
    };
}

#[test]
fn keep_alive_off() {
    let s = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("KeepAlive Off")
        .start();
    let mut c = s.client();
    c.get("/a.txt").is(200).has("Connection", "close");
    c.closed();
}

#[test]
fn keep_alive_timeout_in_milliseconds() {
    let s = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .conf("KeepAliveTimeout 300ms")
        .start();
    let mut c = s.client();
    c.get("/a.txt").is(200);
    let start = Instant::now();
    c.closed();
    let took = start.elapsed().as_millis();
    assert!((200..2000).contains(&took), "{took} ms");
}

#[test]
fn timeout_inside_a_request() {
    let s = Setup::new()
        .conf("Timeout 1\nRequestReadTimeout header=0 body=0")
        .start();
    let mut c = s.client();
    c.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Sl");
    let start = Instant::now();
    let answer = c.next(false);
    let took = start.elapsed().as_millis();
    assert!((700..4000).contains(&took), "{took} ms");
    if let Some(r) = answer {
        r.is(408).has("Connection", "close");
    }
}

// Bodies.

cases! {
    post_with_length: www().post("/cgi-bin/echo", &[], "name=value").is(200).contains("length=10").contains("name=value");
    post_of_nothing: www().post("/cgi-bin/echo", &[], "").is(200).contains("method=POST");
    post_of_many_bytes: {
        let body = "0123456789abcdef".repeat(6000);
        let r = www().post("/cgi-bin/echo", &[], &body);
        r.is(200);
        assert!(r.body.ends_with(body.as_bytes()));
    };
    chunked_body: post_chunks("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n").is(200).contains("hello world");
    chunked_body_with_extension: post_chunks("5;name=\"va;lue\"\r\nhello\r\n0;x\r\n\r\n").is(200).contains("hello");
    chunked_body_with_trailer: post_chunks("5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n").is(200).contains("hello");
    chunked_body_with_leading_zeros: post_chunks("0005\r\nhello\r\n000\r\n\r\n").is(200).contains("hello");
    chunked_body_with_upper_case_size: post_chunks("A\r\n0123456789\r\n0\r\n\r\n").is(200).contains("0123456789");
    chunked_body_keeps_the_connection: {
        let mut c = www().client();
        c.send("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        c.response().is(200).contains("abc");
        c.response().is(200).body("second\n");
    };
    coding_name_is_case_insensitive: {
        let r = www().raw("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        r.is(200).contains("abc");
    };
    chunk_size_not_hex_is_refused: post_chunks("xyz\r\nabc\r\n0\r\n\r\n").is(400);
    chunk_size_negative_is_refused: post_chunks("-3\r\nabc\r\n0\r\n\r\n").is(400);
    chunk_size_empty_is_refused: post_chunks("\r\nabc\r\n0\r\n\r\n").is(400);
    chunk_size_too_long_is_refused: {
        let r = post_chunks("fffffffffffffffff\r\nabc\r\n0\r\n\r\n");
        assert!(r.status == 400 || r.status == 413, "{}", r.status);
    };
    chunk_without_crlf_is_refused: post_chunks("3\r\nabcdef\r\n0\r\n\r\n").is(400);
    expect_100_continue: {
        let mut c = www().client();
        c.send("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        c.response().is(100);
        c.send("body");
        c.response().is(200).contains("body");
    };
    expect_100_continue_refused_early: {
        let mut c = www().client();
        c.send("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        let first = c.response();
        if first.status == 100 {
            c.send("body");
            c.response().is(404);
        } else {
            first.is(404);
        }
    };
    expect_of_http10_is_ignored: {
        let r = www().raw("POST /cgi-bin/echo HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
        r.is(200).contains("body");
    };
    expect_something_else_is_417: www().raw("GET /a.txt HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n").is(417);
    cut_off_body_is_no_hang: {
        let mut c = www().client();
        c.send("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nshort").finish();
        c.rest();
    };
}

// Two readings of one message: never.

fn smuggle(head: &str) -> String {
    format!("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n")
}

cases! {
    two_lengths_that_differ_are_refused: refused(&(smuggle("Content-Length: 3\r\nContent-Length: 4") + "abcd"), 400);
    length_list_that_differs_is_refused: refused(&(smuggle("Content-Length: 3, 4") + "abcd"), 400);
    negative_length_is_refused: refused(&smuggle("Content-Length: -3"), 400);
    signed_length_is_refused: refused(&(smuggle("Content-Length: +3") + "abc"), 400);
    hex_length_is_refused: refused(&(smuggle("Content-Length: 0x3") + "abc"), 400);
    length_with_a_blank_is_refused: refused(&(smuggle("Content-Length: 3 3") + "abc"), 400);
    empty_length_is_refused: refused(&smuggle("Content-Length:"), 400);
    huge_length_is_refused: {
        let r = www().raw(smuggle("Content-Length: 99999999999999999999999"));
        assert!(r.status == 400 || r.status == 413, "{}", r.status);
    };
    unknown_coding_is_refused: {
        let r = www().raw(smuggle("Transfer-Encoding: gzip"));
        assert!(r.status == 400 || r.status == 501, "{}", r.status);
    };
    chunked_not_last_is_refused: {
        let r = www().raw(smuggle("Transfer-Encoding: chunked, gzip"));
        assert!(r.status == 400 || r.status == 501, "{}", r.status);
    };
    coding_with_a_stray_character_is_refused: {
        let r = www().raw(smuggle("Transfer-Encoding: xchunked"));
        assert!(r.status == 400 || r.status == 501, "{}", r.status);
    };
    both_length_and_coding_close_or_refuse: {
        let mut c = www().client();
        c.send(smuggle("Content-Length: 4\r\nTransfer-Encoding: chunked") + "0\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        let r = c.response();
        assert!(r.status == 200 || r.status == 400, "{}", r.status);
        c.closed();
    };
    coding_in_http10_closes_or_refuses: {
        let mut c = www().client();
        c.send("POST /cgi-bin/echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b.txt HTTP/1.0\r\n\r\n");
        let r = c.response();
        assert!(r.status == 200 || r.status == 400, "{}", r.status);
        c.closed();
    };
}

// Paths.

cases! {
    percent_encoded_name: www().get("/%61%2etxt").is(200).body("hello\n");
    encoded_space: www().get("/sp%20ace.txt").is(200).body("space\n");
    encoded_percent: www().get("/per%25cent.txt").is(200).body("percent\n");
    plus_is_no_space: www().get("/sp+ace.txt").is(404);
    percent_zero_is_refused: {
        let r = www().get("/a.txt%00.html");
        assert!(r.status == 404 || r.status == 400, "{}", r.status);
    };
    broken_percent_is_400: www().get("/a%zz").is(400);
    half_percent_is_400: www().get("/a%4").is(400);
    encoded_slash_is_404: www().get("/dir%2fin.txt").is(404);
    dot_segment_is_resolved: www().get("/./dir/./in.txt").is(200).body("inside\n");
    dotdot_segment_is_resolved: www().get("/dir/../a.txt").is(200).body("hello\n");
    encoded_dotdot_inside_never_leaves_the_root: {
        let r = www().get("/%2e%2e/conf/httpd.conf");
        assert!(r.status == 400 || r.status == 404 || r.status == 403, "{}", r.status);
    };
    dotdot_above_the_root_is_refused: {
        let r = www().get("/../conf/httpd.conf");
        assert!(r.status == 400 || r.status == 404, "{}", r.status);
    };
    double_encoded_dots_are_a_name: www().get("/%252e%252e/conf/httpd.conf").is(404);
    backslash_is_a_name: www().get("/..%5cconf%5chttpd.conf").is(404);
    slashes_are_merged: www().get("//dir///in.txt").is(200).body("inside\n");
    merged_path_in_script_name: www().get("//cgi-bin//env").is(200).line("SCRIPT_NAME=/cgi-bin/env");
    trailing_slash_on_a_file_is_404: www().get("/a.txt/").is(404);
    long_name_is_403_or_404: {
        let r = www().get(&format!("/{}", "n".repeat(300)));
        assert!(r.status == 403 || r.status == 404, "{}", r.status);
    };
}

fn slashes() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .script(
                "cgi-bin/env",
                "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n",
            )
            .file("htdocs/sub/x.txt", "sub\n")
            .conf(
                "Listen 127.0.0.1:@PORT2@\nListen 127.0.0.1:@PORT3@\nScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n\
                 <VirtualHost *:@PORT@>\nAllowEncodedSlashes On\nScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n</VirtualHost>\n\
                 <VirtualHost *:@PORT2@>\nAllowEncodedSlashes NoDecode\nScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n</VirtualHost>\n\
                 <VirtualHost *:@PORT3@>\nMergeSlashes Off\n\
                 <LocationMatch ^/sub/>\nHeader set X-Where single\n</LocationMatch>\n</VirtualHost>",
            )
            .start()
    })
}

fn slashes_get(port: usize, path: &str) -> Response {
    let mut c = slashes().client_on([127, 0, 0, 1].into(), port);
    c.get(path)
}

cases! {
    encoded_slashes_on_are_decoded: slashes_get(0, "/cgi-bin/env/a%2fb").is(200).line("PATH_INFO=/a/b");
    encoded_slashes_nodecode_are_kept: slashes_get(1, "/cgi-bin/env/a%2fb").is(200).line("PATH_INFO=/a%2fb");
    merge_slashes_off_still_serves_the_file: slashes_get(2, "//sub/x.txt").is(200).body("sub\n");
    merge_slashes_off_single: slashes_get(2, "/sub/x.txt").is(200).has("X-Where", "single");
}

// What every response carries.

cases! {
    date_is_an_http_date: {
        let r = www().get("/a.txt");
        let date = r.header("Date").unwrap_or_default().to_string();
        assert!(date.len() == 29 && date.ends_with(" GMT") && &date[3..5] == ", ", "{date}");
    };
    one_date_and_one_server: {
        let r = www().get("/cgi-bin/env");
        assert_eq!((r.all("Date").len(), r.all("Server").len()), (1, 1));
    };
    server_header_is_there: assert!(!www().get("/a.txt").header("Server").unwrap_or_default().is_empty());
    error_page_is_html: {
        let r = www().get("/none");
        r.is(404).like("Content-Type", "text/html; charset=").contains("<title>404 Not Found</title>");
    };
    error_page_escapes_nothing_of_the_request: www().get("/%3cscript%3e").is(404).without("<script>");
    reason_phrase: assert_eq!(www().get("/none").reason, "Not Found");
    status_400_page_closes: refused("GET / HTTP/1.1\r\n\r\n", 400).has("Connection", "close");
}

/// The product in the Server header under each ServerTokens.
fn tokens(value: &str) -> String {
    let s = Setup::new().conf(&format!("ServerTokens {value}")).start();
    let r = s.get("/");
    let header = r.header("Server").unwrap_or_default().to_string();
    s.stop();
    header
}

fn product() -> &'static str {
    if crate::harness::is_apache() {
        "Apache"
    } else {
        "httpd"
    }
}

cases! {
    server_tokens_prod: assert_eq!(tokens("Prod"), product());
    server_tokens_major: {
        let t = tokens("Major");
        let version = t.strip_prefix(product()).and_then(|t| t.strip_prefix('/')).map(str::to_string);
        assert!(version.is_some_and(|v| v.bytes().all(|b| b.is_ascii_digit())), "{t}");
    };
    server_tokens_minor: assert_eq!(tokens("Minor").matches('.').count(), 1);
    server_tokens_min: {
        let t = tokens("Min");
        assert!(t.matches('.').count() == 2 && !t.contains(' '), "{t}");
    };
    server_tokens_os: {
        let t = tokens("OS");
        assert!(t.ends_with(')') && t.contains(" ("), "{t}");
    };
    server_tokens_full: assert!(tokens("Full").starts_with(&format!("{}/", product())));
}

#[test]
fn server_signature_on_an_error_page() {
    let s = Setup::new().conf("ServerSignature On").start();
    s.get("/none")
        .is(404)
        .contains("<address>")
        .contains("Server at www.example.test Port");
}

#[test]
fn server_signature_email() {
    let s = Setup::new()
        .conf("ServerSignature EMail\nServerAdmin me@example.test")
        .start();
    s.get("/none").is(404).contains("mailto:me@example.test");
}

#[test]
fn no_signature_by_default() {
    www().get("/none").is(404).without("<address>");
}
