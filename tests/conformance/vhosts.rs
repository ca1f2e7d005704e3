//! Virtual hosts: which one answers, by address, port and name, and what it inherits (hooks.md section 7).

use crate::harness::{cases, Response, Server, Setup};
use std::net::IpAddr;
use std::sync::OnceLock;

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new().script(
            "cgi-bin/env",
            "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n",
        );
        for name in [
            "htdocs", "first", "second", "wild", "ip", "other", "any", "path", "canon", "dns",
        ] {
            setup = setup
                .file(&format!("{name}/who"), name)
                .file(&format!("{name}/sub/index.html"), name);
        }
        setup.conf(CONF).start()
    })
}

const CONF: &str = r#"
Listen 127.0.0.2:@PORT@
Listen 127.0.0.3:@PORT@
Listen 127.0.0.1:@PORT2@
Listen 127.0.0.2:@PORT2@
Listen 127.0.0.1:@PORT3@
ScriptAlias /cgi-bin/ "@ROOT@/cgi-bin/"
Header set X-Main inherited
SetEnv FROM_MAIN yes
ServerAdmin main@example.test
ErrorDocument 404 "main not found"

<VirtualHost 127.0.0.1:@PORT@>
    ServerName first.test
    DocumentRoot "@ROOT@/first"
    ErrorDocument 404 "first not found"
    SetEnv FROM_HOST first
    ServerAdmin first@example.test
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName second.test:8080
    ServerAlias alias.second.test other.second.test
    ServerAlias third.second.test
    DocumentRoot "@ROOT@/second"
    Header set X-Main second
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName wild.test
    ServerAlias *.wild.test w?ld.example
    DocumentRoot "@ROOT@/wild"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName path.test
    ServerPath /path
    DocumentRoot "@ROOT@/path"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName canon.test:99
    UseCanonicalName On
    DocumentRoot "@ROOT@/canon"
</VirtualHost>
<VirtualHost 127.0.0.2:@PORT@>
    ServerName ip.test
    DocumentRoot "@ROOT@/ip"
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName other.test
    DocumentRoot "@ROOT@/other"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT3@ 127.0.0.9:*>
    ServerName any.test
    DocumentRoot "@ROOT@/any"
</VirtualHost>
"#;

fn on(ip: [u8; 4], port: usize, host: &str, path: &str) -> Response {
    let mut client = www().client_on(IpAddr::from(ip), port);
    client.send(format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    ));
    client.response()
}

/// The document root that answers for a Host on the first address and port.
fn who(host: &str) -> String {
    on([127, 0, 0, 1], 0, host, "/who").is(200).text()
}

fn named(host: &str, name: &str) {
    assert_eq!(who(host), name);
}

cases! {
    name_first: named("first.test", "first");
    name_second: named("second.test", "second");
    name_in_any_case: named("SECOND.Test", "second");
    name_with_a_trailing_dot: named("second.test.", "second");
    name_with_the_port: named(&format!("second.test:{}", www().port(0)), "second");
    name_with_another_port_is_the_same: named("second.test:1", "second");
    name_port_of_server_name_does_not_match: named("second.test:8080", "second");
    alias_first: named("alias.second.test", "second");
    alias_second_on_a_line: named("other.second.test", "second");
    alias_of_another_line: named("third.second.test", "second");
    wild_star: named("a.wild.test", "wild");
    wild_star_matches_dots: named("a.b.wild.test", "wild");
    wild_needs_the_dot: named("awild.test", "first");
    wild_question_mark: named("wxld.example", "wild");
    unknown_name_goes_to_the_first: named("unknown.test", "first");
    name_of_a_host_of_another_address_is_unknown: named("ip.test", "first");
    main_server_name_is_unknown: named("www.example.test", "first");
    no_host_goes_to_the_first: {
        let mut c = www().client();
        c.send("GET /who HTTP/1.0\r\n\r\n");
        c.response().is(200).body("first");
    };
    http10_host_is_seen: {
        let mut c = www().client();
        c.send("GET /who HTTP/1.0\r\nHost: second.test\r\n\r\n");
        c.response().is(200).body("second");
    };
    server_path_without_host: {
        let mut c = www().client();
        c.send("GET /path/who HTTP/1.0\r\n\r\n");
        c.response().is(200).body("path");
    };
    absolute_target_names_the_host: on([127, 0, 0, 1], 0, "first.test", "http://second.test/who").is(200).body("second");
    host_may_change_on_a_connection: {
        let mut c = www().client();
        for (host, root) in [("first.test", "first"), ("second.test", "second"), ("a.wild.test", "wild")] {
            c.send(format!("GET /who HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            c.response().is(200).body(root);
        }
    };
    address_alone: on([127, 0, 0, 2], 0, "whatever.test", "/who").is(200).body("ip");
    address_without_a_host_of_its_own_is_the_main_server: on([127, 0, 0, 3], 0, "first.test", "/who").is(200).body("htdocs");
    port_of_any_address: on([127, 0, 0, 1], 1, "x", "/who").is(200).body("other");
    port_of_any_address_other: on([127, 0, 0, 2], 1, "x", "/who").is(200).body("other");
    second_address_of_a_host: on([127, 0, 0, 1], 2, "x", "/who").is(200).body("any");
    inherits_headers: on([127, 0, 0, 1], 0, "first.test", "/who").has("X-Main", "inherited");
    overrides_headers: on([127, 0, 0, 1], 0, "second.test", "/who").has("X-Main", "second");
    inherits_aliases_and_environment: {
        on([127, 0, 0, 1], 0, "first.test", "/cgi-bin/env").line("FROM_MAIN=yes").line("FROM_HOST=first").line("SERVER_ADMIN=first@example.test");
    };
    environment_of_another_host_is_absent: {
        on([127, 0, 0, 1], 0, "second.test", "/cgi-bin/env").line("FROM_MAIN=yes").no_line("FROM_HOST=").line("SERVER_ADMIN=main@example.test");
    };
    overrides_error_documents: on([127, 0, 0, 1], 0, "first.test", "/none").is(404).body("first not found");
    inherits_error_documents: on([127, 0, 0, 1], 0, "second.test", "/none").is(404).body("main not found");
    canonical_name_off: {
        on([127, 0, 0, 1], 0, "second.test:77", "/sub").is(301).has("Location", "http://second.test:77/sub/");
        on([127, 0, 0, 1], 0, "alias.second.test", "/sub").is(301).has("Location", "http://alias.second.test:8080/sub/");
    };
    canonical_name_on: on([127, 0, 0, 1], 0, "canon.test", "/sub").is(301).has("Location", "http://canon.test:99/sub/");
    canonical_name_in_the_environment: on([127, 0, 0, 1], 0, "canon.test:5", "/cgi-bin/env").line("SERVER_NAME=canon.test").line("SERVER_PORT=99");
    host_name_in_the_environment: on([127, 0, 0, 1], 0, "alias.second.test:5", "/cgi-bin/env").line("SERVER_NAME=alias.second.test").line("SERVER_PORT=5").line("HTTP_HOST=alias.second.test:5");
    document_root_in_the_environment: {
        let want = www().fill("DOCUMENT_ROOT=@ROOT@/second");
        on([127, 0, 0, 1], 0, "second.test", "/cgi-bin/env").line(&want);
    };
}

fn two(conf: &str, host: &str, want: &str) {
    let s = Setup::new()
        .file("htdocs/who", "htdocs")
        .file("a/who", "a")
        .file("b/who", "b")
        .conf(conf)
        .start();
    s.get_with("/who", &[&format!("Host: {host}")])
        .is(200)
        .body(want);
    s.stop();
}

cases! {
    default_word_catches_the_rest: two("<VirtualHost _default_:*>\nServerName d.test\nDocumentRoot @ROOT@/a\n</VirtualHost>", "x", "a");
    default_of_a_port_beats_any_port: {
        two("<VirtualHost *:*>\nDocumentRoot @ROOT@/a\n</VirtualHost>\n<VirtualHost *:@PORT@>\nDocumentRoot @ROOT@/b\n</VirtualHost>", "x", "b");
    };
    address_beats_the_star: {
        two("<VirtualHost *:@PORT@>\nServerName x\nDocumentRoot @ROOT@/a\n</VirtualHost>\n<VirtualHost 127.0.0.1:@PORT@>\nDocumentRoot @ROOT@/b\n</VirtualHost>", "x", "b");
    };
    address_and_port_beat_the_address: {
        two("<VirtualHost 127.0.0.1>\nDocumentRoot @ROOT@/a\n</VirtualHost>\n<VirtualHost 127.0.0.1:@PORT@>\nDocumentRoot @ROOT@/b\n</VirtualHost>", "x", "b");
    };
    host_of_another_port_is_not_asked: two("<VirtualHost *:1>\nServerName x\nDocumentRoot @ROOT@/a\n</VirtualHost>", "x", "htdocs");
    host_without_document_root_has_the_main_one: two("<VirtualHost *:@PORT@>\nServerName x\n</VirtualHost>", "x", "htdocs");
    name_beats_the_order: {
        two("<VirtualHost *:@PORT@>\nServerName a\nDocumentRoot @ROOT@/a\n</VirtualHost>\n<VirtualHost *:@PORT@>\nServerName b\nDocumentRoot @ROOT@/b\n</VirtualHost>", "b", "b");
    };
    first_of_two_equal_names_wins: {
        two("<VirtualHost *:@PORT@>\nServerName x\nDocumentRoot @ROOT@/a\n</VirtualHost>\n<VirtualHost *:@PORT@>\nServerName x\nDocumentRoot @ROOT@/b\n</VirtualHost>", "x", "a");
    };
    server_name_in_a_later_host_loses_to_an_earlier_alias: {
        two("<VirtualHost *:@PORT@>\nServerName a\nServerAlias x\nDocumentRoot @ROOT@/a\n</VirtualHost>\n<VirtualHost *:@PORT@>\nServerName x\nDocumentRoot @ROOT@/b\n</VirtualHost>", "x", "a");
    };
    loopback_name_is_resolved: two("<VirtualHost localhost:@PORT@>\nDocumentRoot @ROOT@/a\n</VirtualHost>", "x", "a");
    strict_host_check_refuses_unknown: {
        let s = Setup::new().file("htdocs/who", "x").conf("StrictHostCheck On\n<VirtualHost *:@PORT@>\nServerName known.test\n</VirtualHost>").start();
        s.get_with("/who", &["Host: known.test"]).is(200);
        s.get_with("/who", &["Host: unknown.test"]).is(400);
    };
}

/// `UseCanonicalName DNS`: the name of the address that the client connected to.
#[test]
fn canonical_name_by_dns() {
    let s = Setup::new()
        .folder("htdocs/sub")
        .conf("UseCanonicalName DNS")
        .start();
    s.get("/sub")
        .is(301)
        .has("Location", "http://localhost/sub/");
}
