//! mod_headers: every action on response and request fields, its formats and conditions.

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;

const ENV: &str = "printf 'Content-Type: text/plain\\r\\nX-Script: one\\r\\nX-Script: two\\r\\n\\r\\n'\nenv | sort\n";

/// Rules by location. All lead to the script or to a file of the same content.
const RULES: &[(&str, &str)] = &[
    ("set", "Header set X-A one\nHeader set X-A two"),
    ("append", "Header set X-A one\nHeader append X-A two"),
    ("append-new", "Header append X-A one"),
    ("add", "Header set X-A one\nHeader add X-A two"),
    (
        "merge",
        "Header set X-A \"one, two\"\nHeader merge X-A two\nHeader merge X-A three",
    ),
    ("unset", "Header set X-A one\nHeader unset X-A"),
    ("edit", "Header set X-A \"aaa bbb\"\nHeader edit X-A a x"),
    (
        "editstar",
        "Header set X-A \"aaa bbb\"\nHeader edit* X-A a x",
    ),
    (
        "edit-group",
        "Header set X-A \"key=value\"\nHeader edit X-A ^(.*)=(.*)$ $2=$1",
    ),
    (
        "edit-case",
        "Header set X-A HELLO\nHeader edit X-A (?i)hello bye",
    ),
    ("edit-no", "Header set X-A one\nHeader edit X-A two three"),
    (
        "setifempty",
        "Header setifempty X-A one\nHeader setifempty X-A two",
    ),
    ("note", "Header set X-A one\nHeader note X-A seen"),
    ("echo", "Header echo ^X-Echo"),
    (
        "quotes",
        "Header set X-A \"with 'single' and \\\"double\\\"\"",
    ),
    ("percent", "Header set X-A 100%%"),
    ("time", "Header set X-A %t"),
    ("duration", "Header set X-A %D"),
    ("load", "Header set X-A %l"),
    (
        "env",
        "SetEnv WORD something\nHeader set X-A \"a %{WORD}e b\"",
    ),
    ("env-none", "Header set X-A %{NO_SUCH_WORD}e"),
    ("if-env", "SetEnvIf X-On . ON\nHeader set X-A yes env=ON"),
    (
        "if-not-env",
        "SetEnvIf X-On . ON\nHeader set X-A yes env=!ON",
    ),
    (
        "if-expr",
        "Header set X-A yes \"expr=%{QUERY_STRING} == 'on'\"",
    ),
    (
        "value-expr",
        "Header set X-A \"expr=%{REQUEST_METHOD}-%{QUERY_STRING}\"",
    ),
    (
        "status-expr",
        "Header always set X-A yes \"expr=%{REQUEST_STATUS} == 404\"",
    ),
    ("always", "Header always set X-A one"),
    ("onsuccess", "Header onsuccess set X-A one"),
    ("both", "Header always set X-A one\nHeader set X-A two"),
    (
        "unset-content-type",
        "Header unset Last-Modified\nHeader unset ETag",
    ),
    ("set-content-type", "Header set Content-Type text/x-changed"),
    ("edit-script", "Header always edit X-Script one eins"),
    ("unset-script", "Header always unset X-Script"),
    ("unset-script-not", "Header unset X-Script"),
    ("case", "Header set x-lower one\nHeader unset X-LOWER"),
    ("colon", "Header set X-A: one"),
    ("rq-set", "RequestHeader set X-Req one"),
    ("rq-append", "RequestHeader append X-Req two"),
    ("rq-add", "RequestHeader add X-Req two"),
    ("rq-merge", "RequestHeader merge X-Req sent"),
    ("rq-unset", "RequestHeader unset X-Req"),
    ("rq-edit", "RequestHeader edit X-Req s.nt changed"),
    ("rq-editstar", "RequestHeader edit* X-Req e E"),
    (
        "rq-setifempty",
        "RequestHeader setifempty X-Req other\nRequestHeader setifempty X-New fresh",
    ),
    (
        "rq-env",
        "SetEnvIf X-On . ON\nRequestHeader set X-Req yes env=ON",
    ),
    (
        "rq-expr",
        "RequestHeader set X-Req yes \"expr=%{QUERY_STRING} == 'on'\"",
    ),
    (
        "rq-value",
        "RequestHeader set X-Req \"expr=%{REQUEST_URI}\"",
    ),
];

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new()
            .script("cgi-bin/env", ENV)
            .conf("Header set X-Server main\nRequestHeader set X-Early early early\nHeader set X-Early-Res early early");
        for (name, rules) in RULES {
            setup = setup
                .file(&format!("htdocs/{name}/a.txt"), "a\n")
                .conf(&format!("ScriptAlias /{name}/env @ROOT@/cgi-bin/env\n<Location /{name}>\n{rules}\n</Location>"));
        }
        setup.start()
    })
}

fn get(name: &str) -> Response {
    let r = www().get(&format!("/{name}/a.txt"));
    r.is(200);
    r
}

fn value(name: &str, want: &str) {
    assert_eq!(get(name).all("X-A"), [want]);
}

fn script(name: &str, lines: &[&str]) -> Response {
    let r = www().get_with(&format!("/{name}/env"), lines);
    r.is(200);
    r
}

cases! {
    set_replaces: value("set", "two");
    append_joins: value("append", "one, two");
    append_to_nothing: value("append-new", "one");
    add_makes_a_second: assert_eq!(get("add").all("X-A"), ["one", "two"]);
    merge_adds_what_is_new: value("merge", "one, two, three");
    unset: get("unset").lacks("X-A");
    edit_first: value("edit", "xaa bbb");
    edit_all: value("editstar", "xxx bbb");
    edit_groups: value("edit-group", "value=key");
    edit_ignoring_case: value("edit-case", "bye");
    edit_without_match: value("edit-no", "one");
    setifempty: value("setifempty", "one");
    note_changes_nothing: value("note", "one");
    echo: www().get_with("/echo/a.txt", &["X-Echo-One: 1", "X-Other: 2"]).is(200).has("X-Echo-One", "1").lacks("X-Other");
    quotes: value("quotes", "with 'single' and \"double\"");
    percent_sign: value("percent", "100%");
    time_format: {
        let r = get("time");
        let t = r.header("X-A").unwrap_or_default().to_string();
        assert!(t.strip_prefix("t=").is_some_and(|n| n.len() == 16 && n.bytes().all(|b| b.is_ascii_digit())), "{t}");
    };
    duration_format: {
        let r = get("duration");
        let d = r.header("X-A").unwrap_or_default().to_string();
        assert!(d.strip_prefix("D=").is_some_and(|n| n.parse::<u64>().is_ok()), "{d}");
    };
    load_format: get("load").like("X-A", "l=");
    environment_format: value("env", "a something b");
    environment_format_unset: value("env-none", "(null)");
    if_env_set: www().get_with("/if-env/a.txt", &["X-On: 1"]).is(200).has("X-A", "yes");
    if_env_unset: get("if-env").lacks("X-A");
    if_not_env: get("if-not-env").has("X-A", "yes");
    if_not_env_set: www().get_with("/if-not-env/a.txt", &["X-On: 1"]).is(200).lacks("X-A");
    if_expr_holds: www().get("/if-expr/a.txt?on").is(200).has("X-A", "yes");
    if_expr_does_not: get("if-expr").lacks("X-A");
    value_by_expression: www().get("/value-expr/a.txt?q").is(200).has("X-A", "GET-q");
    status_in_an_expression: {
        www().get("/status-expr/none").is(404).has("X-A", "yes");
        get("status-expr").lacks("X-A");
    };
    always_on_success: value("always", "one");
    always_on_errors: www().get("/always/none").is(404).has("X-A", "one");
    onsuccess_on_success: value("onsuccess", "one");
    onsuccess_not_on_errors: www().get("/onsuccess/none").is(404).lacks("X-A");
    plain_set_is_onsuccess: www().get("/set/none").is(404).lacks("X-A");
    the_two_tables_are_apart: assert_eq!(get("both").all("X-A").len(), 2);
    unset_of_the_servers_own: get("unset-content-type").lacks("Last-Modified").lacks("ETag");
    set_of_the_content_type: get("set-content-type").has("Content-Type", "text/x-changed");
    edit_of_a_scripts_field: script("edit-script", &[]).like("X-Script", "eins");
    unset_of_a_scripts_field: script("unset-script", &[]).lacks("X-Script");
    plain_unset_leaves_a_scripts_field: script("unset-script-not", &[]).like("X-Script", "one");
    names_in_any_case: get("case").lacks("X-Lower");
    name_with_a_colon: value("colon", "one");
    server_level: get("set").has("X-Server", "main");
    early_response: get("set").has("X-Early-Res", "early");
    early_request: script("set", &[]).line("HTTP_X_EARLY=early");
}

const SENT: &[&str] = &["X-Req: sent"];

cases! {
    request_set: script("rq-set", SENT).line("HTTP_X_REQ=one");
    request_append: script("rq-append", SENT).line("HTTP_X_REQ=sent, two");
    request_add: script("rq-add", SENT).contains("HTTP_X_REQ=");
    request_merge_keeps: script("rq-merge", SENT).line("HTTP_X_REQ=sent");
    request_merge_adds: script("rq-merge", &["X-Req: other"]).line("HTTP_X_REQ=other, sent");
    request_unset: script("rq-unset", SENT).no_line("HTTP_X_REQ=");
    request_edit: script("rq-edit", SENT).line("HTTP_X_REQ=changed");
    request_edit_all: script("rq-editstar", &["X-Req: eee"]).line("HTTP_X_REQ=EEE");
    request_setifempty_keeps: script("rq-setifempty", SENT).line("HTTP_X_REQ=sent").line("HTTP_X_NEW=fresh");
    request_setifempty_sets: script("rq-setifempty", &[]).line("HTTP_X_REQ=other");
    request_env_set: script("rq-env", &["X-On: 1"]).line("HTTP_X_REQ=yes");
    request_env_unset: script("rq-env", &[]).no_line("HTTP_X_REQ=");
    request_expr: www().get("/rq-expr/env?on").is(200).line("HTTP_X_REQ=yes");
    request_value_by_expression: script("rq-value", &[]).line("HTTP_X_REQ=/rq-value/env");
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    mistake_unknown_action: refused("Header frob X-A one");
    mistake_set_without_value: refused("Header set X-A");
    mistake_unset_with_value: refused("Header unset X-A one");
    mistake_edit_without_replacement: refused("Header edit X-A one");
    mistake_edit_regex: refused("Header edit X-A ( x");
    mistake_request_echo: refused("RequestHeader echo X-A");
    mistake_format: refused("Header set X-A %q");
    mistake_expression: refused("Header set X-A one \"expr=nonsense\"");
}
