//! Media types, encodings, languages and charsets (mod_mime, AddDefaultCharset, ForceType, SetHandler).

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new().conf(
            "AddType text/x-own .own\nAddType text/x-bare bare\nAddType 'text/x-args; a=b' .args\n\
             AddEncoding x-gzip .gz\nAddEncoding br .br\nAddLanguage en .en\nAddLanguage de .de\n\
             AddCharset utf-8 .utf8\nAddCharset ISO-8859-1 .latin\nDefaultLanguage fr\n",
        );
        for name in [
            "a.txt",
            "a.html",
            "a.own",
            "a.OWN",
            "a.bare",
            "a.args",
            "a.txt.gz",
            "a.tar.gz.br",
            "a.gz",
            "a.html.en",
            "a.en.html",
            "a.html.en.de",
            "a.txt.utf8",
            "a.utf8.txt",
            "a.html.de.latin.br",
            "a.unknown",
            "a.txt.unknown",
            "a.unknown.txt",
            "noext",
            "own",
            ".own",
            "a.txt.",
            "a.own.txt",
            "a.json",
        ] {
            setup = setup.file(&format!("htdocs/{name}"), "x");
        }
        for (folder, lines) in [
            ("charset-on", "AddDefaultCharset On"),
            ("charset-utf8", "AddDefaultCharset utf-8"),
            ("charset-off", "AddDefaultCharset Off"),
            ("force", "ForceType text/x-forced"),
            (
                "force-none",
                "ForceType text/x-forced\n<Files n.txt>\nForceType None\n</Files>",
            ),
            (
                "remove",
                "RemoveType .own\nRemoveEncoding .gz\nRemoveLanguage .en\nRemoveCharset .utf8",
            ),
            ("type-again", "AddType text/x-again .own"),
            ("pathinfo", "ModMimeUsePathInfo On\nAcceptPathInfo On"),
            ("multi-any", "MultiviewsMatch Any"),
            ("handler", "AddHandler no-such-handler .txt"),
            (
                "handler-removed",
                "AddHandler no-such-handler .txt\n<Files r.txt>\nRemoveHandler .txt\n</Files>",
            ),
            ("sethandler", "SetHandler no-such-handler"),
            (
                "sethandler-none",
                "SetHandler no-such-handler\n<Files n.txt>\nSetHandler None\n</Files>",
            ),
            (
                "asis",
                "AddDefaultCharset utf-8\nAddType 'text/plain; charset=koi8-r' .ru",
            ),
        ] {
            for name in [
                "a.txt",
                "n.txt",
                "r.txt",
                "a.own",
                "a.html",
                "a.json",
                "a.txt.gz",
                "a.html.en",
                "a.txt.utf8",
                "a.ru",
            ] {
                setup = setup.file(&format!("htdocs/{folder}/{name}"), "x");
            }
            setup = setup.conf(&format!(
                "<Directory @ROOT@/htdocs/{folder}>\n{lines}\n</Directory>"
            ));
        }
        setup.start()
    })
}

fn get(path: &str) -> Response {
    let r = www().get(path);
    r.is(200);
    r
}

fn kind(path: &str, value: &str) {
    get(path).has("Content-Type", value);
}

cases! {
    type_from_the_types_file: kind("/a.html", "text/html");
    type_from_add_type: kind("/a.own", "text/x-own");
    type_from_add_type_any_case: kind("/a.OWN", "text/x-own");
    type_from_add_type_without_dot: kind("/a.bare", "text/x-bare");
    type_with_parameters: kind("/a.args", "text/x-args; a=b");
    type_of_unknown_extension: get("/a.unknown").lacks("Content-Type");
    unknown_last_extension_does_not_hide_the_type: kind("/a.txt.unknown", "text/plain");
    unknown_first_extension_does_not: kind("/a.unknown.txt", "text/plain");
    type_of_no_extension: get("/noext").lacks("Content-Type");
    name_is_no_extension: get("/own").lacks("Content-Type");
    dot_file_name_is_no_extension: get("/.own").lacks("Content-Type");
    last_type_wins: kind("/a.own.txt", "text/plain");
    encoding_beside_type: get("/a.txt.gz").has("Content-Type", "text/plain").has("Content-Encoding", "x-gzip");
    encodings_in_a_row: get("/a.tar.gz.br").has("Content-Encoding", "x-gzip, br");
    language_after_type: get("/a.html.en").has("Content-Type", "text/html").has("Content-Language", "en");
    language_before_type: get("/a.en.html").has("Content-Type", "text/html").has("Content-Language", "en");
    languages_in_a_row: assert_eq!(get("/a.html.en.de").all("Content-Language").join(",").replace(' ', ""), "en,de");
    default_language: get("/a.html").has("Content-Language", "fr");
    charset_of_extension: kind("/a.txt.utf8", "text/plain; charset=utf-8");
    charset_before_type: kind("/a.utf8.txt", "text/plain; charset=utf-8");
    all_four_together: {
        get("/a.html.de.latin.br").has("Content-Type", "text/html; charset=iso-8859-1").has("Content-Language", "de").has("Content-Encoding", "br");
    };
    default_charset_on: kind("/charset-on/a.html", "text/html; charset=iso-8859-1");
    default_charset_named: kind("/charset-utf8/a.txt", "text/plain; charset=utf-8");
    default_charset_only_for_text: kind("/charset-utf8/a.json", "application/json");
    default_charset_off: kind("/charset-off/a.txt", "text/plain");
    default_charset_leaves_one_that_is_there: kind("/asis/a.ru", "text/plain; charset=koi8-r");
    default_charset_leaves_an_extensions: kind("/charset-on/a.txt.utf8", "text/plain; charset=utf-8");
    force_type: kind("/force/a.html", "text/x-forced");
    force_type_keeps_the_encoding: get("/force/a.txt.gz").has("Content-Type", "text/x-forced").has("Content-Encoding", "x-gzip");
    force_type_none: kind("/force-none/n.txt", "text/plain");
    remove_type: get("/remove/a.own").lacks("Content-Type");
    remove_encoding: get("/remove/a.txt.gz").lacks("Content-Encoding");
    remove_language: get("/remove/a.html.en").has("Content-Language", "fr");
    remove_charset: kind("/remove/a.txt.utf8", "text/plain");
    add_type_again_in_a_folder: kind("/type-again/a.own", "text/x-again");
    mime_use_path_info: kind("/pathinfo/a.txt/x.html", "text/html");
    unknown_handler_serves_the_file_or_fails: {
        let r = www().get("/handler/a.txt");
        assert!(r.status == 200 || r.status == 500, "{}", r.status);
    };
    remove_handler: get("/handler-removed/r.txt").body("x");
    set_handler_none: get("/sethandler-none/n.txt").body("x");
}

#[test]
fn types_config_is_read_from_the_named_file() {
    let s = Setup::new()
        .file("conf/own.types", "# comment\ntext/x-named   nam one\n\n")
        .file("htdocs/a.nam", "x")
        .file("htdocs/a.txt", "x")
        .conf("TypesConfig conf/own.types")
        .start();
    s.get("/a.nam").has("Content-Type", "text/x-named");
    s.get("/a.txt").lacks("Content-Type");
}
