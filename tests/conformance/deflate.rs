//! mod_deflate: when responses are compressed and what that makes of their fields; request bodies that come compressed.

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;

const TEXT: &str = "the same words again and again, and again the same words again and again\n";

/// `hello hello hello hello\n`, compressed with gzip.
const HELLO: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0xb9,
    0, 0, 0x88, 0x59, 0x0b, 0x18, 0, 0, 0,
];

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new()
            .file("htdocs/big.txt", &TEXT.repeat(20_000))
            .script("cgi-bin/echo", "printf 'Content-Type: text/x-echo\\n\\n'\ncat")
            .script("cgi-bin/coded", "printf 'Content-Type: text/plain\\nContent-Encoding: br\\n\\nxxxxxxxxxxxxxxxxxxxx'")
            .script("cgi-bin/slow", "printf 'Content-Type: text/plain\\n\\n'\nsleep 0.2\necho 'first words, and more of them, again and again, so that it is worth to compress them'\nsleep 0.2\necho 'last words'")
            .conf(CONF);
        for name in ["a.txt", "a.html", "a.json", "plain/a.txt", "nogzip/a.txt", "etag/a.txt", "empty/a.txt", "small/a.txt"] {
            let text = match name {
                "empty/a.txt" => "",
                "small/a.txt" => "small\n",
                _ => TEXT,
            };
            setup = setup.file(&format!("htdocs/{name}"), text);
        }
        setup.start()
    })
}

const CONF: &str = r#"
ScriptAlias /cgi-bin/ "@ROOT@/cgi-bin/"
AddOutputFilterByType DEFLATE text/plain text/html
<Location /cgi-bin/echo>
    SetInputFilter DEFLATE
</Location>
<Location /nogzip>
    SetEnv no-gzip 1
</Location>
"#;

const GZIP: &[&str] = &["Accept-Encoding: gzip"];

fn packed(path: &str) -> Response {
    let r = www().get_with(path, GZIP);
    r.is(200).has("Content-Encoding", "gzip");
    assert_eq!(r.body.get(..3), Some([0x1f, 0x8b, 8].as_slice()));
    r
}

fn plain(path: &str, lines: &[&str]) -> Response {
    let r = www().get_with(path, lines);
    r.is(200).lacks("Content-Encoding");
    r
}

cases! {
    text_is_compressed: assert!(packed("/a.txt").body.len() < TEXT.len() + 10);
    html_is_compressed: packed("/a.html").has("Vary", "Accept-Encoding").has("Content-Type", "text/html");
    other_types_are_not: plain("/a.json", GZIP).body(TEXT).lacks("Vary");
    not_for_those_who_cannot: plain("/a.txt", &[]).body(TEXT).has("Vary", "Accept-Encoding");
    not_for_those_who_want_another_coding: plain("/a.txt", &["Accept-Encoding: br, deflate"]).body(TEXT);
    one_of_several_codings: www().get_with("/a.txt", &["Accept-Encoding: deflate, gzip;q=1.0, *;q=0.5"]).is(200).has("Content-Encoding", "gzip");
    empty_bodies_stay_empty: plain("/empty/a.txt", GZIP).body("");
    small_bodies_are_not_worth_it: plain("/small/a.txt", GZIP).body("small\n").lacks("Vary");
    no_gzip_in_the_environment: plain("/nogzip/a.txt", GZIP).body(TEXT);
    the_tag_is_another: {
        let tag = packed("/etag/a.txt").header("ETag").map(str::to_owned).unwrap_or_default();
        assert!(tag.ends_with("-gzip\""), "{tag}");
    };
    a_coded_response_is_left_alone: www().get_with("/cgi-bin/coded", GZIP).is(200).has("Content-Encoding", "br").body("xxxxxxxxxxxxxxxxxxxx");
    a_large_file_arrives_whole: {
        let r = packed("/big.txt");
        assert!(r.body.len() > 1000 && r.body.len() < TEXT.len() * 2000, "{}", r.body.len());
        // The last four bytes of gzip are the length of what was packed (RFC 1952).
        let size = r.body.last_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        assert_eq!(size, Some(TEXT.len() as u32 * 20_000));
    };
    content_that_is_long_in_coming: packed("/cgi-bin/slow").has("Vary", "Accept-Encoding");
    head_is_as_get: www().ask("HEAD", "/a.txt", GZIP).is(200).has("Content-Encoding", "gzip");
    a_connection_goes_on: {
        let mut c = www().client();
        for path in ["/a.txt", "/big.txt"] {
            c.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"));
            c.response().is(200).has("Content-Encoding", "gzip");
        }
        c.get("/a.json").is(200).body(TEXT);
    };
    request_bodies_are_unpacked: {
        let head = format!("POST /cgi-bin/echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", HELLO.len());
        www().raw([head.as_bytes(), HELLO].concat()).is(200).body("hello hello hello hello\n");
    };
    plain_request_bodies_pass: www().post("/cgi-bin/echo", &[], "plain").is(200).body("plain");
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    mistake_level: refused("DeflateCompressionLevel 11");
    mistake_memory: refused("DeflateMemLevel 10");
    mistake_window: refused("DeflateWindowSize 16");
    mistake_buffer: refused("DeflateBufferSize 0");
    mistake_note: refused("DeflateFilterNote Nonsense x");
    mistake_etag: refused("DeflateAlterETag Nonsense");
    good_forms: Setup::new().conf("DeflateCompressionLevel 9\nDeflateFilterNote ratio\nDeflateFilterNote Input in\nDeflateAlterETag Remove").check().exit(0);
}
