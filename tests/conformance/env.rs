//! The environment of scripts: mod_env, mod_setenvif, and what CGI/1.1 (RFC 3875) demands.

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;

const ENV: &str = "cat >/dev/null\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n";

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .script("cgi-bin/env", ENV)
            .script("cgi-bin/sub/env", ENV)
            .env("FROM_SHELL", "shell value")
            .env("NOT_PASSED", "x")
            .conf(CONF)
            .start()
    })
}

const CONF: &str = r#"
ScriptAlias /cgi-bin/ "@ROOT@/cgi-bin/"
ServerAdmin admin@example.test
SetEnv PLAIN value
SetEnv EMPTY
SetEnv QUOTED "two words"
SetEnv REMOVED x
UnsetEnv REMOVED
PassEnv FROM_SHELL
SetEnvIf User-Agent Tester IS_TESTER
SetEnvIf User-Agent "Tester/([0-9]+)\.([0-9]+)" MAJOR=$1 MINOR=$2
SetEnvIf User-Agent tester LOWER
SetEnvIfNoCase User-Agent tester NOCASE=yes
SetEnvIf Request_URI "/sub/" IN_SUB=yes
SetEnvIf Request_Method "^POST$" IS_POST=yes
SetEnvIf Request_Protocol "HTTP/1\.0" OLD_PROTOCOL=yes
SetEnvIf Remote_Addr "^127\." LOCAL=yes
SetEnvIf Server_Addr "^127\." SERVER_LOCAL=yes
SetEnvIf X-None "^$" NO_HEADER=yes
SetEnvIf "^X-Any" "magic" ANY_HEADER=yes
SetEnvIf IS_TESTER . CHAINED=yes
SetEnvIf User-Agent Tester !GONE
SetEnvIf X-Cancel . !CANCELLED
SetEnvIf User-Agent . TWO_A=1 TWO_B=2 TWO_C
BrowserMatch "^Tester" BROWSER=yes
BrowserMatchNoCase "^tEsTeR" BROWSER_NOCASE=yes
SetEnvIfExpr "%{QUERY_STRING} == 'expr'" BY_EXPR=yes
SetEnvIfExpr "%{QUERY_STRING} =~ /^group=(.*)$/" GROUP=$1
<Location /cgi-bin/sub>
    SetEnv PLAIN local
    SetEnv LOCAL_ONLY yes
    UnsetEnv QUOTED
    SetEnvIf X-Perdir . PERDIR=yes
</Location>
"#;

fn env(lines: &[&str]) -> Response {
    let r = www().get_with("/cgi-bin/env", lines);
    r.is(200);
    r
}

const TESTER: &[&str] = &["User-Agent: Tester/4.2"];

cases! {
    setenv: env(&[]).line("PLAIN=value");
    setenv_empty: env(&[]).line("EMPTY=");
    setenv_quoted: env(&[]).line("QUOTED=two words");
    unsetenv: env(&[]).no_line("REMOVED");
    passenv: env(&[]).line("FROM_SHELL=shell value");
    others_are_not_passed: env(&[]).no_line("NOT_PASSED");
    setenv_in_a_location: www().get("/cgi-bin/sub/env").line("PLAIN=local").line("LOCAL_ONLY=yes");
    unsetenv_in_a_location: www().get("/cgi-bin/sub/env").no_line("QUOTED=");
    setenvif_header: env(TESTER).line("IS_TESTER=1");
    setenvif_header_no_match: env(&["User-Agent: Other"]).no_line("IS_TESTER");
    setenvif_groups: env(TESTER).line("MAJOR=4").line("MINOR=2");
    setenvif_is_case_sensitive: env(TESTER).no_line("LOWER");
    setenvifnocase: env(TESTER).line("NOCASE=yes");
    setenvif_uri: www().get("/cgi-bin/sub/env").line("IN_SUB=yes");
    setenvif_uri_no_match: env(&[]).no_line("IN_SUB");
    setenvif_method: www().post("/cgi-bin/env", &[], "x").line("IS_POST=yes");
    setenvif_protocol: www().raw("GET /cgi-bin/env HTTP/1.0\r\n\r\n").line("OLD_PROTOCOL=yes");
    setenvif_remote_addr: env(&[]).line("LOCAL=yes");
    setenvif_server_addr: env(&[]).line("SERVER_LOCAL=yes");
    setenvif_absent_header: env(&[]).line("NO_HEADER=yes");
    setenvif_header_by_regex: env(&["X-Anything: magic"]).line("ANY_HEADER=yes");
    setenvif_of_a_variable: env(TESTER).line("CHAINED=yes");
    setenvif_several: env(TESTER).line("TWO_A=1").line("TWO_B=2").line("TWO_C=1");
    setenvif_in_a_location: www().get_with("/cgi-bin/sub/env", &["X-Perdir: 1"]).line("PERDIR=yes");
    setenvif_of_a_location_elsewhere: env(&["X-Perdir: 1"]).no_line("PERDIR");
    setenvifexpr: www().get("/cgi-bin/env?expr").line("BY_EXPR=yes");
    setenvifexpr_no_match: env(&[]).no_line("BY_EXPR");
    setenvifexpr_group: www().get("/cgi-bin/env?group=seven").line("GROUP=seven");
    browsermatch: env(TESTER).line("BROWSER=yes").line("BROWSER_NOCASE=yes");
    browsermatch_no_match: env(&["User-Agent: A Tester"]).no_line("BROWSER=");
}

cases! {
    cgi_gateway_interface: env(&[]).line("GATEWAY_INTERFACE=CGI/1.1");
    cgi_server_protocol: env(&[]).line("SERVER_PROTOCOL=HTTP/1.1");
    cgi_server_software: env(&[]).contains("SERVER_SOFTWARE=");
    cgi_server_name: env(&[]).line("SERVER_NAME=www.example.test");
    cgi_server_addr: env(&[]).line("SERVER_ADDR=127.0.0.1");
    cgi_server_port_of_the_host: env(&["Host: www.example.test:81"]).line("SERVER_PORT=81");
    cgi_server_admin: env(&[]).line("SERVER_ADMIN=admin@example.test");
    cgi_remote_addr: env(&[]).line("REMOTE_ADDR=127.0.0.1");
    cgi_remote_port: {
        let mut c = www().client();
        let port = c.local_port();
        c.get("/cgi-bin/env").line(&format!("REMOTE_PORT={port}"));
    };
    cgi_request_method: env(&[]).line("REQUEST_METHOD=GET");
    cgi_request_uri: www().get("/cgi-bin/env?a=%20b").line("REQUEST_URI=/cgi-bin/env?a=%20b").line("QUERY_STRING=a=%20b");
    cgi_request_scheme: env(&[]).line("REQUEST_SCHEME=http");
    cgi_query_string_is_there_when_empty: env(&[]).line("QUERY_STRING=");
    cgi_content_fields: {
        www().post("/cgi-bin/env", &["Content-Type: text/x-t"], "abc").line("CONTENT_LENGTH=3").line("CONTENT_TYPE=text/x-t");
    };
    cgi_http_fields: env(&["X-One-Two: v", "Cookie: a=b"]).line("HTTP_X_ONE_TWO=v").line("HTTP_COOKIE=a=b").line("HTTP_HOST=www.example.test");
    cgi_proxy_header_is_dropped: env(&["Proxy: evil"]).no_line("HTTP_PROXY=");
    cgi_authorization_is_dropped: env(&["Authorization: Basic eA=="]).no_line("HTTP_AUTHORIZATION=");
    cgi_underscore_names_are_dropped: env(&["X_Under_Score: v"]).no_line("HTTP_X_UNDER_SCORE=");
    cgi_path_is_set: env(&[]).contains("PATH=");
    cgi_document_root: env(&[]).line(&www().fill("DOCUMENT_ROOT=@ROOT@/htdocs"));
    cgi_unique_names: {
        let r = env(&[]);
        let text = r.text();
        let mut names: Vec<&str> = text.lines().filter_map(|l| l.split_once('=')).map(|(n, _)| n).collect();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    };
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    mistake_setenvif_short: refused("SetEnvIf User-Agent");
    mistake_setenvif_regex: refused("SetEnvIf User-Agent ( X");
    mistake_setenvifexpr: refused("SetEnvIfExpr nonsense X");
    mistake_browsermatch_short: refused("BrowserMatch x");
    passenv_of_nothing_warns: Setup::new().conf("PassEnv NO_SUCH_VAR").check().exit(0);
}

#[test]
fn cgi_pass_auth() {
    let s = Setup::new()
        .script("cgi-bin/env", ENV)
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nCGIPassAuth On")
        .bare();
    // CGIPassAuth is a directive for directories.
    s.check().exit(1);
    let s = Setup::new()
        .script("cgi-bin/env", ENV)
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n<Location />\nCGIPassAuth On\n</Location>")
        .start();
    s.get_with("/cgi-bin/env", &["Authorization: Basic eA=="])
        .line("HTTP_AUTHORIZATION=Basic eA==");
}

#[test]
fn cgi_var_request_uri() {
    let s = Setup::new()
        .script("cgi-bin/env", ENV)
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n<Location />\nCGIVar REQUEST_URI current-uri\n</Location>")
        .start();
    s.get("/cgi-bin/env/x?q").line("REQUEST_URI=/cgi-bin/env/x");
}

#[test]
fn qualify_redirect_url() {
    let s = Setup::new()
        .script("cgi-bin/env", ENV)
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nErrorDocument 404 /cgi-bin/env\nQualifyRedirectURL On")
        .start();
    s.get("/none")
        .is(404)
        .line("REDIRECT_URL=http://www.example.test/none");
}

#[test]
fn hostname_lookups_on_names_the_client() {
    let s = Setup::new()
        .script("cgi-bin/env", ENV)
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nHostnameLookups On")
        .start();
    s.get("/cgi-bin/env").is(200).line("REMOTE_HOST=localhost");
}
