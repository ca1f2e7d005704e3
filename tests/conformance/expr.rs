//! The expression language, as `<If>` sees it (hooks.md section 8). Each case is an expression that holds, or not,
//! for one fixed request.

use crate::harness::{cases, ours_only, Server, Setup};

/// Starts a server where X-Hit is set when the expression holds, and asks it once.
fn holds(expression: &str) -> bool {
    let s: Server = Setup::new()
        .file("htdocs/dir/file.txt", "text\n")
        .conf(&format!(
            "SetEnvIf User-Agent . FROMREQ=envvalue\n<If \"{}\">\nHeader always set X-Hit yes\n</If>",
            expression.replace('\\', "\\\\").replace('"', "\\\"")
        ))
        .env("FROMOS", "osvalue")
        .start();
    let r = s.get_with(
        "/dir/file.txt?query=1",
        &[
            "User-Agent: Tester/1.0",
            "Referer: http://from.test/",
            "X-Own: Own Value",
            "X-Number: 10",
            "Accept: text/plain",
        ],
    );
    r.is(200);
    let hit = r.header("X-Hit").is_some();
    s.stop();
    hit
}

fn yes(expression: &str) {
    assert!(holds(expression), "does not hold: {expression}");
}

fn no(expression: &str) {
    assert!(!holds(expression), "holds: {expression}");
}

cases! {
    constant_true: yes("true");
    constant_false: no("false");
    not_sign: yes("! false");
    not_word: yes("not false");
    and_sign: no("true && false");
    and_word: yes("true and true");
    or_sign: yes("false || true");
    or_word: yes("false or true");
    and_binds_closer_than_or: yes("true || false && false");
    brackets: no("(true || false) && false");
    not_binds_closer_than_and: no("! true && false");
    string_equal: yes("'abc' == 'abc'");
    string_equal_single_sign: yes("'abc' = 'abc'");
    string_equal_is_case_sensitive: no("'abc' == 'ABC'");
    string_not_equal: yes("'abc' != 'abd'");
    string_less: yes("'abc' < 'abd'");
    string_greater: no("'abc' > 'abd'");
    string_at_most: yes("'abc' <= 'abc'");
    string_order_is_not_numeric: yes("'10' < '9'");
    integer_equal: yes("10 -eq 10");
    integer_word_form: yes("10 eq 10");
    integer_not_equal: yes("10 -ne 11");
    integer_less: yes("9 -lt 10");
    integer_at_least: yes("10 -ge 10");
    integer_greater: no("9 -gt 10");
    integer_at_most: yes("9 -le 10");
    integer_of_a_header: yes("%{HTTP:X-Number} -gt 9");
    concatenation: yes("'ab' . 'cd' == 'abcd'");
    variable_in_a_string: yes("'x%{REQUEST_METHOD}y' == 'xGETy'");
    double_quotes: yes("\"abc\" == 'abc'");
    regex_match: yes("'hello world' =~ /wor/");
    regex_no_match: no("'hello world' =~ /^wor/");
    regex_not: yes("'hello' !~ /x/");
    regex_flag_i: yes("'HELLO' =~ /hello/i");
    regex_other_delimiter: yes("'/a/b' =~ m#^/a/#");
    regex_back_reference: yes("'key=value' =~ /key=(.*)/ && $1 == 'value'");
    list_in: yes("'b' -in { 'a', 'b', 'c' }");
    list_in_word: yes("'b' in {'a','b'}");
    list_not_in: no("'d' -in { 'a', 'b' }");
    ipmatch_net: yes("%{REMOTE_ADDR} -ipmatch '127.0.0.0/8'");
    ipmatch_other: no("%{REMOTE_ADDR} -ipmatch '10.0.0.0/8'");
    strmatch: yes("'abcdef' -strmatch 'abc*'");
    strmatch_is_case_sensitive: no("'ABC' -strmatch 'abc*'");
    strcmatch: yes("'ABCdef' -strcmatch 'abc*'");
    fnmatch: yes("'/a/b' -fnmatch '/a/*'");
    fnmatch_stops_at_slashes: no("'/a/b/c' -fnmatch '/a/*'");
    empty_z: yes("-z ''");
    not_empty_n: yes("-n 'x'");
    unset_header_is_empty: yes("-z %{HTTP:X-None}");
    truth_of_a_word: yes("-T 'yes'");
    truth_of_off: no("-T 'off'");
    truth_of_zero: no("-T '0'");
    truth_of_no_any_case: no("-T 'NO'");
    remote_in_a_net: yes("-R '127.0.0.1/32'");
    file_exists_f: yes("-f '%{DOCUMENT_ROOT}/dir/file.txt'");
    file_is_a_folder_d: yes("-d '%{DOCUMENT_ROOT}/dir'");
    file_exists_e: no("-e '%{DOCUMENT_ROOT}/none'");
    file_has_bytes_s: yes("-s '%{DOCUMENT_ROOT}/dir/file.txt'");
    file_is_a_link_l: no("-L '%{DOCUMENT_ROOT}/dir/file.txt'");
    file_is_executable_x: no("-x '%{DOCUMENT_ROOT}/dir/file.txt'");
    variable_request_method: yes("%{REQUEST_METHOD} == 'GET'");
    variable_request_uri: yes("%{REQUEST_URI} == '/dir/file.txt'");
    variable_document_uri: yes("%{DOCUMENT_URI} == '/dir/file.txt'");
    variable_request_filename: yes("%{REQUEST_FILENAME} =~ m#/htdocs/dir/file.txt$#");
    variable_query_string: yes("%{QUERY_STRING} == 'query=1'");
    variable_the_request: yes("%{THE_REQUEST} == 'GET /dir/file.txt?query=1 HTTP/1.1'");
    variable_request_scheme: yes("%{REQUEST_SCHEME} == 'http'");
    variable_remote_addr: yes("%{REMOTE_ADDR} == '127.0.0.1'");
    variable_server_name: yes("%{SERVER_NAME} == 'www.example.test'");
    variable_server_port_is_the_hosts: yes("%{SERVER_PORT} -eq 80");
    variable_server_protocol: yes("%{SERVER_PROTOCOL} == 'HTTP/1.1'");
    variable_server_software: yes("-n %{SERVER_SOFTWARE}");
    variable_https: yes("%{HTTPS} == 'off'");
    variable_ipv6: yes("%{IPV6} == 'off'");
    variable_http_user_agent: yes("%{HTTP_USER_AGENT} == 'Tester/1.0'");
    variable_http_referer: yes("%{HTTP_REFERER} == 'http://from.test/'");
    variable_http_host: yes("%{HTTP_HOST} == 'www.example.test'");
    variable_http_accept: yes("%{HTTP_ACCEPT} == 'text/plain'");
    variable_remote_user_is_not_known_yet: yes("-z %{REMOTE_USER}");
    variable_is_subreq: yes("%{IS_SUBREQ} == 'false'");
    variable_time_year: yes("%{TIME_YEAR} -ge 2024");
    variable_time: yes("%{TIME} =~ /^[0-9]{14}$/");
    variable_name_in_any_case: yes("%{request_method} == 'GET'");
    function_req: yes("req('X-Own') == 'Own Value'");
    function_http: yes("http('x-own') == 'Own Value'");
    function_as_a_variable: yes("%{req:X-Own} == 'Own Value'");
    function_req_novary: yes("req_novary('X-Own') == 'Own Value'");
    function_reqenv: yes("reqenv('FROMREQ') == 'envvalue'");
    function_osenv: yes("osenv('FROMOS') == 'osvalue'");
    function_env: yes("env('FROMREQ') == 'envvalue'");
    function_tolower: yes("tolower('ABC') == 'abc'");
    function_toupper: yes("toupper('abc') == 'ABC'");
    function_escape: yes("escape('a b') == 'a%20b'");
    function_unescape: yes("unescape('a%20b') == 'a b'");
    function_base64: yes("base64('abc') == 'YWJj'");
    function_unbase64: yes("unbase64('YWJj') == 'abc'");
    function_md5: yes("md5('abc') == '900150983cd24fb0d6963f7d28e17f72'");
    function_sha1: yes("sha1('abc') == 'a9993e364706816aba3e25717850c26c9cd0d89d'");
    function_name_in_any_case: yes("ToLower('ABC') == 'abc'");
    function_nested: yes("toupper(base64('abc')) == 'YWJJ'");
    function_file: yes("file('%{DOCUMENT_ROOT}/dir/file.txt') =~ /^text/");
    function_filesize: yes("filesize('%{DOCUMENT_ROOT}/dir/file.txt') -eq 5");
}

fn rejected(expression: &str) {
    Setup::new()
        .conf(&format!("<If \"{expression}\">\n</If>"))
        .check()
        .exit(1);
}

cases! {
    rejects_a_lone_word: rejected("'abc'");
    rejects_an_unknown_variable: rejected("%{NO_SUCH} == 'x'");
    rejects_an_unknown_function: rejected("nosuch('x') == 'x'");
    rejects_an_unclosed_bracket: rejected("(true");
    rejects_an_unclosed_string: rejected("'abc == 'x'");
    rejects_a_bad_regex: rejected("'a' =~ /(/");
    rejects_a_chain: rejected("'a' == 'a' == 'a'");
    rejects_an_unknown_operator: rejected("'a' -nosuch 'a'");
    rejects_nothing: rejected("");
}

#[test]
fn vary_names_the_headers_asked() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .conf("<If \"%{HTTP_USER_AGENT} == 'x' || req('X-Own') == 'y'\">\nHeader set X-Hit yes\n</If>")
        .start();
    let r = s.get("/a.txt");
    let vary = r.all("Vary").join(",");
    assert!(
        vary.contains("User-Agent") && vary.contains("X-Own"),
        "{vary}"
    );
}

#[test]
fn names_of_later_branches_are_known() {
    ours_only!();
    yes("v('FROMREQ') == 'envvalue'");
    yes("%{SERVER_PROTOCOL_VERSION} -eq 1001");
    yes("%{SERVER_PROTOCOL_VERSION_MAJOR} -eq 1");
    yes("%{SERVER_PROTOCOL_VERSION_MINOR} -eq 1");
}
