//! Access logs and the error log: formats, conditions, destinations.

use crate::harness::{cases, ours_only, Server, Setup};
use std::sync::OnceLock;

/// One line with every item, each behind its name.
const ITEMS: &str = "a=%a|ca=%{c}a|A=%A|b=%b|B=%B|h=%h|l=%l|u=%u|t=%t|sec=%{sec}t|msec=%{msec}t|usec=%{usec}t|year=%{%Y}t|begin=%{begin:%H}t|\
end=%{end:sec}t|D=%D|T=%T|Tms=%{ms}T|Tus=%{us}T|Ts=%{s}T|r=%r|m=%m|U=%U|q=%q|H=%H|s=%s|fs=%>s|ls=%<s|p=%p|\
pc=%{canonical}p|pl=%{local}p|pr=%{remote}p|P=%P|Pp=%{pid}P|k=%k|f=%f|R=%R|X=%X|I=%I|O=%O|S=%S|v=%v|V=%V|\
ua=%{User-Agent}i|none=%{X-None}i|o=%{Content-Type}o|e=%{WORD}e|n=%{nonote}n|C=%{flavour}C|L=%L|lit=100%%|\
only=%404{X-Tag}i|not=%!404{X-Tag}i|rf=%{Referer}i";

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .file("htdocs/a.txt", "hello\n")
            .file("htdocs/sp ace.txt", "x")
            .script("cgi-bin/ok", "cat >/dev/null\nprintf 'Content-Type: text/plain\\n\\nok\\n'")
            .file("conf/users", "joe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
            .file("htdocs/auth/a.txt", "a")
            .folder("htdocs/dir")
            .file("htdocs/dir/index.html", "index\n")
            .conf(&format!(
                "ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nSetEnv WORD value\nLogFormat \"{ITEMS}\" items\n\
                 CustomLog logs/items items\n\
                 CustomLog logs/common \"%h %l %u %t \\\"%r\\\" %>s %b\"\n\
                 SetEnvIf X-Log yes LOGME\nCustomLog logs/env \"%q\" env=LOGME\nCustomLog logs/notenv \"%q\" env=!LOGME\n\
                 CustomLog logs/expr \"%q\" \"expr=%{{REQUEST_STATUS}} == 404\"\n\
                 LogFormat \"nick %q\" nick\nCustomLog logs/nick nick\n\
                 CustomLog logs/escapes \"a\\tb\\\"c\\\\d\\n%q\"\n\
                 CustomLog \"|/bin/cat >> @ROOT@/logs/piped\" \"%q\"\n\
                 CustomLog \"|$/bin/cat >> @ROOT@/logs/shellpiped\" \"%q\"\n\
                 LogFormat \"transfer %q\"\nTransferLog logs/transfer\n\
                 <Directory @ROOT@/htdocs/auth>\nAuthType Basic\nAuthName R\nAuthUserFile conf/users\nRequire valid-user\n</Directory>"
            ))
            .start()
    })
}

/// Waits for the line of a log that ends a request marked so.
fn line(log: &str, mark: &str) -> String {
    let text = www().await_text(log, |t| t.lines().any(|l| l.contains(mark)));
    text.lines()
        .find(|l| l.contains(mark))
        .unwrap_or_default()
        .to_string()
}

/// An item of the line that a request for `path` with these fields left.
fn item(name: &str, path: &str, mark: &str, lines: &[&str]) -> String {
    www().get_with(path, lines);
    pick(name, mark)
}

fn pick(name: &str, mark: &str) -> String {
    let line = line("logs/items", mark);
    let start = format!("{name}=");
    line.split('|')
        .find_map(|f| f.strip_prefix(&start))
        .unwrap_or_else(|| panic!("no {name} in {line}"))
        .to_string()
}

fn plain(name: &str) -> String {
    item(
        name,
        &format!("/a.txt?plain-{name}"),
        &format!("?plain-{name}|"),
        &[],
    )
}

fn number(name: &str) -> u64 {
    let text = plain(name);
    text.parse().unwrap_or_else(|_| panic!("%{name} is {text}"))
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs())
}

cases! {
    item_a: assert_eq!(plain("a"), "127.0.0.1");
    item_a_of_the_connection: assert_eq!(plain("ca"), "127.0.0.1");
    item_local_a: assert_eq!(plain("A"), "127.0.0.1");
    item_b: assert_eq!(plain("b"), "6");
    item_big_b: assert_eq!(plain("B"), "6");
    item_b_of_nothing: {
        www().ask("HEAD", "/a.txt?b-none", &[]);
        assert_eq!(pick("b", "?b-none|"), "-");
    };
    item_big_b_of_nothing: {
        www().ask("HEAD", "/a.txt?bb-none", &[]);
        assert_eq!(pick("B", "?bb-none|"), "0");
    };
    item_h: assert_eq!(plain("h"), "127.0.0.1");
    item_l: assert_eq!(plain("l"), "-");
    item_u_of_nobody: assert_eq!(plain("u"), "-");
    item_u: assert_eq!(item("u", "/auth/a.txt?u-joe", "?u-joe|", &["Authorization: Basic am9lOnNlY3JldA=="]), "joe");
    item_t: {
        let t = plain("t");
        assert!(t.len() == 28 && t.starts_with('[') && t.ends_with(']') && t.as_bytes()[12] == b':', "{t}");
    };
    item_t_sec: assert!(now().abs_diff(number("sec")) < 60);
    item_t_msec: assert!(now().abs_diff(number("msec") / 1000) < 60);
    item_t_usec: assert!(now().abs_diff(number("usec") / 1_000_000) < 60);
    item_t_strftime: assert!((2024..2100).contains(&number("year")));
    item_t_begin: assert!(number("begin") < 24);
    item_t_end: assert!(now().abs_diff(number("end")) < 60);
    item_d: assert!(number("D") < 20_000_000);
    item_t_seconds: assert!(number("T") < 20);
    item_t_in_ms: assert!(number("Tms") < 20_000);
    item_t_in_us: assert!(number("Tus") < 20_000_000);
    item_t_in_s: assert!(number("Ts") < 20);
    item_r: assert_eq!(plain("r"), "GET /a.txt?plain-r HTTP/1.1");
    item_m: assert_eq!(plain("m"), "GET");
    item_u_path: assert_eq!(plain("U"), "/a.txt");
    item_u_path_is_decoded: assert_eq!(item("U", "/sp%20ace.txt?u-dec", "?u-dec|", &[]), "/sp ace.txt");
    item_q: assert_eq!(plain("q"), "?plain-q");
    item_h_protocol: assert_eq!(plain("H"), "HTTP/1.1");
    item_s: assert_eq!(plain("s"), "200");
    item_s_last: assert_eq!(plain("fs"), "200");
    item_s_of_an_error: assert_eq!(item("fs", "/none?s-404", "?s-404|", &[]), "404");
    item_p: assert_eq!(plain("p"), "80");
    item_p_canonical: assert_eq!(plain("pc"), "80");
    item_p_local: assert_eq!(number("pl"), u64::from(www().port(0)));
    item_p_remote: assert!(number("pr") > 0);
    item_big_p: assert!(number("P") > 1);
    item_big_p_pid: assert!(number("Pp") > 1);
    item_k_first: assert_eq!(plain("k"), "0");
    item_k_second: {
        let mut c = www().client();
        c.get("/a.txt?k-one").is(200);
        c.get("/a.txt?k-two").is(200);
        assert_eq!(pick("k", "?k-two|"), "1");
    };
    item_f: assert_eq!(plain("f"), www().fill("@ROOT@/htdocs/a.txt"));
    item_r_handler: {
        www().get("/cgi-bin/ok?r-handler");
        assert_eq!(pick("R", "?r-handler|"), "cgi-script");
    };
    item_x_closed: assert_eq!(plain("X"), "-");
    item_x_kept: {
        let mut c = www().client();
        c.get("/a.txt?x-kept").is(200);
        assert_eq!(pick("X", "?x-kept|"), "+");
    };
    item_i_counts_the_request: {
        let text = "GET /a.txt?i-count HTTP/1.1\r\nHost: www.example.test\r\nConnection: close\r\n\r\n";
        www().raw(text);
        assert_eq!(pick("I", "?i-count|"), text.len().to_string());
    };
    item_o_counts_the_response: {
        let mut c = www().client();
        c.send("GET /a.txt?o-count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let len = c.rest().len();
        assert_eq!(pick("O", "?o-count|"), len.to_string());
    };
    item_s_sum: {
        let text = "GET /a.txt?s-count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut c = www().client();
        let len = c.send(text).rest().len();
        assert_eq!(pick("S", "?s-count|"), (len + text.len()).to_string());
    };
    item_v: assert_eq!(plain("v"), "www.example.test");
    item_big_v_is_the_hosts: assert_eq!(item("V", "/a.txt?v-host", "?v-host|", &["Host: asked.test:8"]), "asked.test");
    item_request_field: assert_eq!(item("ua", "/a.txt?ua-x", "?ua-x|", &["User-Agent: Me/1"]), "Me/1");
    item_request_field_absent: assert_eq!(plain("none"), "-");
    item_response_field: assert_eq!(plain("o"), "text/plain");
    item_environment: assert_eq!(plain("e"), "value");
    item_note_absent: assert_eq!(plain("n"), "-");
    item_cookie: assert_eq!(item("C", "/a.txt?c-x", "?c-x|", &["Cookie: a=b; flavour=choc; z=1"]), "choc");
    item_l_without_an_error: assert_eq!(plain("L"), "-");
    item_percent: assert_eq!(plain("lit"), "100%");
    item_only_for_a_status: {
        assert_eq!(item("only", "/none?only-404", "?only-404|", &["X-Tag: t"]), "t");
        assert_eq!(item("only", "/a.txt?only-200", "?only-200|", &["X-Tag: t"]), "-");
    };
    item_not_for_a_status: {
        assert_eq!(item("not", "/none?not-404", "?not-404|", &["X-Tag: t"]), "-");
        assert_eq!(item("not", "/a.txt?not-200", "?not-200|", &["X-Tag: t"]), "t");
    };
    internal_redirect_original_status: {
        www().get("/dir/?redir");
        assert_eq!(pick("s", "?redir|"), "200");
    };
    quotes_in_values_are_escaped: assert_eq!(item("ua", "/a.txt?esc-q", "?esc-q|", &["User-Agent: a\"b\\c"]), "a\\\"b\\\\c");
    high_bytes_in_values_are_escaped: assert_eq!(item("ua", "/a.txt?esc-h", "?esc-h|", &["User-Agent: \u{e9}"]), "\\xc3\\xa9");
    tab_in_values_is_escaped: assert_eq!(item("ua", "/a.txt?esc-t", "?esc-t|", &["User-Agent: a\tb"]), "a\\tb");
    common_log_format: {
        www().get("/a.txt?common");
        let l = line("logs/common", "?common ");
        assert!(l.starts_with("127.0.0.1 - - [") && l.ends_with("] \"GET /a.txt?common HTTP/1.1\" 200 6"), "{l}");
    };
    bad_request_is_logged: {
        www().raw("GET /a.txt?bad-request HTTP/1.1\r\n\r\n").is(400);
        let l = line("logs/common", "?bad-request ");
        assert!(l.contains("\" 400 "), "{l}");
    };
    condition_env: {
        www().get_with("/a.txt?cond-env", &["X-Log: yes"]);
        www().get("/a.txt?cond-env-not");
        line("logs/env", "?cond-env");
        line("logs/notenv", "?cond-env-not");
        let text = www().read("logs/env");
        assert!(!text.contains("cond-env-not"), "{text}");
    };
    condition_expr: {
        www().get("/a.txt?cond-expr-200");
        www().get("/none?cond-expr-404");
        line("logs/expr", "?cond-expr-404");
        assert!(!www().read("logs/expr").contains("cond-expr-200"));
    };
    nickname: {
        www().get("/a.txt?nickname");
        assert_eq!(line("logs/nick", "?nickname"), "nick ?nickname");
    };
    escapes_in_formats: {
        www().get("/a.txt?escapes");
        let text = www().await_text("logs/escapes", |t| t.contains("?escapes"));
        assert!(text.contains("a\tb\"c\\d\n?escapes\n"), "{text:?}");
    };
    transfer_log_takes_the_last_format: {
        www().get("/a.txt?transfer");
        assert_eq!(line("logs/transfer", "?transfer"), "transfer ?transfer");
    };
    piped_through_a_shell: {
        www().get("/a.txt?shellpiped");
        line("logs/shellpiped", "?shellpiped");
    };
}

#[test]
fn piped_program_without_a_shell() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .script("conf/logger", "exec cat >> \"$1\"")
        .conf("CustomLog \"|@ROOT@/conf/logger @ROOT@/logs/piped\" \"%q\"")
        .start();
    s.get("/a.txt?piped-one");
    s.await_text("logs/piped", |t| t.contains("?piped-one"));
    s.stop();
}

#[test]
fn piped_program_that_dies_is_started_again() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .script("conf/logger", "echo $$ >> \"$1.pid\"\nexec cat >> \"$1\"")
        .conf("CustomLog \"|@ROOT@/conf/logger @ROOT@/logs/piped\" \"%q\"")
        .start();
    s.get("/a.txt?before");
    s.await_text("logs/piped", |t| t.contains("?before"));
    let pids = s.await_text("logs/piped.pid", |t| t.ends_with('\n'));
    let first = pids
        .lines()
        .last()
        .and_then(|l| l.parse().ok())
        .expect("a pid");
    let count = pids.lines().count();
    crate::harness::server::signal(first, "KILL");
    s.await_text("logs/piped.pid", |t| t.lines().count() > count);
    s.get("/a.txt?after");
    s.await_text("logs/piped", |t| t.contains("?after"));
}

/// One that was started again has not its own pipe as its standard error: it would wait for itself.
#[test]
fn error_log_program_that_dies_leaves_with_the_server() {
    ours_only!();
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .script("conf/logger", "echo $$ > \"$1.pid\"\nexec cat >> \"$1\"")
        .conf("ErrorLog \"|@ROOT@/conf/logger @ROOT@/logs/piped\"")
        .start();
    let pid = s.await_text("logs/piped.pid", |t| t.ends_with('\n'));
    crate::harness::server::signal(pid.trim().parse().expect("a pid"), "KILL");
    s.await_text("logs/piped", |t| t.contains("was started again"));
    s.get("/a.txt").is(200);
    // Looks for what is left behind.
    s.stop();
}

#[test]
fn logs_of_virtual_hosts() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .conf(
            "CustomLog logs/main \"%q\"\nGlobalLog logs/global \"%v %q\"\n\
             <VirtualHost *:@PORT@>\nServerName one.test\nCustomLog logs/one \"%q\"\nErrorLog logs/one.err\n</VirtualHost>\n\
             <VirtualHost *:@PORT@>\nServerName two.test\n</VirtualHost>",
        )
        .start();
    s.get_with("/a.txt?first", &["Host: one.test"]).is(200);
    s.get_with("/a.txt?second", &["Host: two.test"]).is(200);
    s.await_text("logs/one", |t| t.contains("?first"));
    s.await_text("logs/main", |t| t.contains("?second"));
    s.await_text("logs/global", |t| {
        t.contains("one.test ?first") && t.contains("two.test ?second")
    });
    assert!(!s.read("logs/main").contains("?first"));
    assert!(!s.read("logs/one").contains("?second"));
}

#[test]
fn buffered_logs_are_written_at_the_end() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .conf("BufferedLogs On\nCustomLog logs/buffered \"%q\"")
        .start();
    s.get("/a.txt?buffered").is(200);
    let file = s.root().join("logs/buffered");
    s.signal("TERM");
    let mut s = s;
    s.await_end(std::time::Duration::from_secs(15));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    assert!(text.contains("?buffered"), "{text:?}");
}

/// The error log after a 404 under some lines of configuration.
fn error_log(conf: &str, want: &str) -> String {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .script("cgi-bin/say", "echo 'said by the script' >&2\nprintf 'Content-Type: text/plain\\n\\nx'")
        .folder("htdocs/denied")
        .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n<Location /denied>\nRequire all denied\n</Location>")
        .conf(conf)
        .start();
    s.get_with("/denied/x", &["Referer: http://from.test/"])
        .is(403);
    s.get("/none").is(404);
    let text = s.logged(want);
    s.stop();
    text
}

cases! {
    error_line_has_its_parts: {
        let text = error_log("", "AH01630");
        let l = text.lines().find(|l| l.contains("AH01630")).unwrap_or_default().to_string();
        assert!(l.starts_with('[') && l.contains("[authz_core:error] [pid ") && l.contains("[client 127.0.0.1:"), "{l}");
        assert!(l.contains("client denied by server configuration") && l.ends_with(", referer: http://from.test/"), "{l}");
    };
    error_log_format_own: {
        let text = error_log("ErrorLogFormat \"OWN %l %m [%a] %M\"", "OWN error authz_core [127.0.0.1:");
        assert!(text.contains("AH01630"), "{text}");
    };
    error_log_format_literal: error_log("ErrorLogFormat \"100%% %% %M\"", "100% % AH01630");
    level_info_tells_missing_files: error_log("LogLevel info", "AH00128");
    level_warn_does_not: assert!(!error_log("LogLevel warn", "AH01630").contains("AH00128"));
    level_of_a_module: assert!(!error_log("LogLevel warn authz_core:crit", "AH00094").contains("AH01630"));
    level_of_another_module: error_log("LogLevel crit authz_core:error", "AH01630");
    level_in_a_location: assert!(!error_log("<Location /denied>\nLogLevel emerg\n</Location>", "AH00094").contains("AH01630"));
    level_debug: error_log("LogLevel debug", ":debug]");
    level_trace: error_log("LogLevel trace8", "AH01630");
    start_is_told: error_log("", "configured -- resuming normal operations");
    command_line_is_told: error_log("", "AH00094: Command line: '");
    error_log_to_a_program: {
        let s = Setup::new().script("conf/logger", "exec cat >> \"$1\"")
            .conf("ErrorLog \"|@ROOT@/conf/logger @ROOT@/logs/by-pipe\"\n<Location />\nRequire all denied\n</Location>").start();
        s.get("/x").is(403);
        s.await_text("logs/by-pipe", |t| t.contains("AH01630"));
    };
    error_log_of_a_virtual_host: {
        let s = Setup::new()
            .conf("<VirtualHost *:@PORT@>\nErrorLog logs/host.err\n<Location />\nRequire all denied\n</Location>\n</VirtualHost>").start();
        s.get("/x").is(403);
        s.await_text("logs/host.err", |t| t.contains("AH01630"));
        assert!(!s.read("logs/error_log").contains("AH01630"));
    };
    log_that_cannot_be_opened_stops_the_start: {
        let setup = Setup::new().conf("CustomLog /nonexistent/dir/log common");
        setup.run(&["-DFOREGROUND"]).exit(1);
    };
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    mistake_format: refused("LogFormat \"%Q\" x");
    mistake_custom_log_condition: refused("CustomLog logs/x \"%h\" nonsense");
    mistake_custom_log_expr: refused("CustomLog logs/x \"%h\" \"expr=nonsense\"");
    mistake_level: refused("LogLevel loud");
    mistake_level_of_no_module: refused("LogLevel nosuch:info");
}
