//! Static files: lengths, entity tags, conditional requests, ranges, links and PATH_INFO (RFC 9110 sections 8, 13
//! and 14).

use crate::harness::{cases, is_root, Response, Server, Setup};
use std::sync::OnceLock;

/// 2001-09-09 01:46:40, the modification time of dated files, and its neighbours.
const TIME: u64 = 1_000_000_000;
const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
const AFTER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

const DIGITS: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let big: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut setup = Setup::new()
            .conf("<Directory @ROOT@/htdocs/etag>\nFileETag MTime Size\n</Directory>")
            .file("htdocs/d.txt", DIGITS)
            .dated("htdocs/d.txt", TIME)
            .file("htdocs/empty.txt", "")
            .dated("htdocs/empty.txt", TIME)
            .bytes("htdocs/big.bin", &big)
            .bytes("htdocs/binary.dat", &[0, 1, 2, 255, 254, 13, 10])
            .file("htdocs/noext", "no extension\n")
            .file("htdocs/future.txt", "future\n")
            .dated("htdocs/future.txt", 4_000_000_000)
            .file("htdocs/upper.TXT", "upper\n")
            .file("htdocs/dir/index.html", "<p>index</p>\n")
            .file("htdocs/secret.txt", "secret\n")
            .file("outside/out.txt", "outside\n");
        for (folder, tag) in [
            ("all", "All"),
            ("none", "None"),
            ("inode", "INode"),
            ("size", "Size"),
            ("mtime", "MTime"),
            ("plus", "+INode"),
            ("minus", "-Size"),
            ("digest", "Digest"),
        ] {
            let name = format!("htdocs/etag/{folder}/d.txt");
            setup = setup.file(&name, DIGITS).dated(&name, TIME).conf(&format!(
                "<Directory @ROOT@/htdocs/etag/{folder}>\nFileETag {tag}\n</Directory>"
            ));
        }
        for (folder, line) in [
            ("sendfile-off", "EnableSendfile Off"),
            ("sendfile-on", "EnableSendfile On"),
            ("mmap-off", "EnableMMAP Off"),
            ("noranges", "MaxRanges none"),
            ("tworanges", "MaxRanges 2"),
        ] {
            setup = setup
                .bytes(&format!("htdocs/{folder}/big.bin"), &big)
                .conf(&format!(
                    "<Directory @ROOT@/htdocs/{folder}>\n{line}\n</Directory>"
                ));
        }
        setup.start()
    })
}

fn get(path: &str, lines: &[&str]) -> Response {
    www().get_with(path, lines)
}

fn big() -> Vec<u8> {
    (0..3_000_000u32).map(|i| (i % 251) as u8).collect()
}

/// Entity tag of the dated file, as the default FileETag makes it: size and microseconds, in hexadecimal.
fn tag() -> String {
    format!("\"{:x}-{:x}\"", DIGITS.len(), TIME * 1_000_000)
}

fn inode(name: &str) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(www().root().join(name))
        .expect("the file")
        .ino()
}

// Plain files.

cases! {
    file_with_all_its_fields: {
        get("/d.txt", &[]).is(200).body(DIGITS).has("Content-Length", "36").has("Content-Type", "text/plain")
            .has("Last-Modified", DATE).has("Accept-Ranges", "bytes").has("ETag", &tag());
    };
    empty_file: get("/empty.txt", &[]).is(200).body("").has("Content-Length", "0").has("ETag", "\"0-38d7ea4c68000\"");
    binary_file_is_untouched: assert_eq!(get("/binary.dat", &[]).body, [0, 1, 2, 255, 254, 13, 10]);
    big_file_is_untouched: assert!(get("/big.bin", &[]).is(200).body == big());
    big_file_with_sendfile: assert!(get("/sendfile-on/big.bin", &[]).body == big());
    big_file_without_sendfile: assert!(get("/sendfile-off/big.bin", &[]).body == big());
    big_file_without_mmap: assert!(get("/mmap-off/big.bin", &[]).body == big());
    big_file_head: www().head("/big.bin").is(200).has("Content-Length", "3000000");
    file_without_extension_has_no_type: get("/noext", &[]).is(200).lacks("Content-Type");
    extension_is_case_insensitive: get("/upper.TXT", &[]).is(200).has("Content-Type", "text/plain");
    last_modified_is_never_in_the_future: {
        let r = get("/future.txt", &[]);
        let date = r.is(200).header("Last-Modified").map(str::to_string);
        assert_ne!(date.as_deref(), Some("Fri, 02 Oct 2096 07:06:40 GMT"));
    };
    new_file_has_a_weak_tag_or_a_strong_one: {
        let r = get("/secret.txt", &[]);
        let tag = r.header("ETag").unwrap_or_default().to_string();
        assert!(tag.starts_with("W/\"7-") || tag.starts_with("\"7-"), "{tag}");
    };
    missing_file_is_404: get("/none.txt", &[]).is(404);
    file_used_as_a_folder_is_404: get("/d.txt/x", &[]).is(404);
}

// FileETag.

cases! {
    etag_all: get("/etag/all/d.txt", &[]).has("ETag", &format!("\"{:x}-24-38d7ea4c68000\"", inode("htdocs/etag/all/d.txt")));
    etag_none: get("/etag/none/d.txt", &[]).is(200).lacks("ETag");
    etag_inode: get("/etag/inode/d.txt", &[]).has("ETag", &format!("\"{:x}\"", inode("htdocs/etag/inode/d.txt")));
    etag_size: get("/etag/size/d.txt", &[]).has("ETag", "\"24\"");
    etag_mtime: get("/etag/mtime/d.txt", &[]).has("ETag", "\"38d7ea4c68000\"");
    etag_plus_inode: get("/etag/plus/d.txt", &[]).has("ETag", &format!("\"{:x}-24-38d7ea4c68000\"", inode("htdocs/etag/plus/d.txt")));
    etag_minus_size: get("/etag/minus/d.txt", &[]).has("ETag", "\"38d7ea4c68000\"");
    etag_digest_is_steady: {
        let first = get("/etag/digest/d.txt", &[]);
        let value = first.is(200).header("ETag").unwrap_or_default().to_string();
        assert!(value.len() > 20, "{value}");
        get("/etag/digest/d.txt", &[]).has("ETag", &value);
    };
}

// Conditional requests.

cases! {
    if_none_match_same: get("/d.txt", &[&format!("If-None-Match: {}", tag())]).is(304).has("ETag", &tag()).lacks("Content-Length").lacks("Content-Type");
    if_none_match_other: get("/d.txt", &["If-None-Match: \"x\""]).is(200).body(DIGITS);
    if_none_match_star: get("/d.txt", &["If-None-Match: *"]).is(304);
    if_none_match_star_of_missing: get("/none", &["If-None-Match: *"]).is(404);
    if_none_match_list: get("/d.txt", &[&format!("If-None-Match: \"a\", {}, \"b\"", tag())]).is(304);
    if_none_match_weak_form: get("/d.txt", &[&format!("If-None-Match: W/{}", tag())]).is(304);
    if_none_match_head: www().ask("HEAD", "/d.txt", &[&format!("If-None-Match: {}", tag())]).is(304);
    if_none_match_post: www().ask("POST", "/d.txt", &[&format!("If-None-Match: {}", tag()), "Content-Length: 0"]).is(412);
    if_modified_since_same: get("/d.txt", &[&format!("If-Modified-Since: {DATE}")]).is(304);
    if_modified_since_after: get("/d.txt", &[&format!("If-Modified-Since: {AFTER}")]).is(304);
    if_modified_since_before: get("/d.txt", &[&format!("If-Modified-Since: {BEFORE}")]).is(200);
    if_modified_since_garbage: get("/d.txt", &["If-Modified-Since: yesterday"]).is(200);
    if_modified_since_in_the_future: get("/d.txt", &["If-Modified-Since: Fri, 02 Oct 2096 07:06:40 GMT"]).is(200);
    if_modified_since_rfc850: get("/d.txt", &["If-Modified-Since: Sunday, 09-Sep-01 01:46:40 GMT"]).is(304);
    if_modified_since_asctime: get("/d.txt", &["If-Modified-Since: Sun Sep  9 01:46:40 2001"]).is(304);
    if_none_match_beats_if_modified_since: get("/d.txt", &["If-None-Match: \"x\"", &format!("If-Modified-Since: {DATE}")]).is(200);
    both_conditions_met: get("/d.txt", &[&format!("If-None-Match: {}", tag()), &format!("If-Modified-Since: {DATE}")]).is(304);
    if_match_same: get("/d.txt", &[&format!("If-Match: {}", tag())]).is(200).body(DIGITS);
    if_match_star: get("/d.txt", &["If-Match: *"]).is(200);
    if_match_list: get("/d.txt", &[&format!("If-Match: \"a\", {}", tag())]).is(200);
    if_match_other: get("/d.txt", &["If-Match: \"x\""]).is(412);
    if_match_weak_never_matches: get("/d.txt", &[&format!("If-Match: W/{}", tag())]).is(412);
    if_unmodified_since_same: get("/d.txt", &[&format!("If-Unmodified-Since: {DATE}")]).is(200);
    if_unmodified_since_after: get("/d.txt", &[&format!("If-Unmodified-Since: {AFTER}")]).is(200);
    if_unmodified_since_before: get("/d.txt", &[&format!("If-Unmodified-Since: {BEFORE}")]).is(412);
    if_unmodified_since_garbage: get("/d.txt", &["If-Unmodified-Since: x"]).is(200);
    not_modified_keeps_the_connection: {
        let mut c = www().client();
        c.send(format!("GET /d.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: {}\r\n\r\n", tag()));
        c.response().is(304);
        c.get("/d.txt").is(200).body(DIGITS);
    };
}

// Ranges.

fn range(set: &str) -> Response {
    get("/d.txt", &[&format!("Range: {set}")])
}

fn part(set: &str, content_range: &str, body: &str) {
    let r = range(set);
    r.is(206)
        .body(body)
        .has("Content-Range", content_range)
        .has("Content-Length", &body.len().to_string())
        .has("Content-Type", "text/plain")
        .has("ETag", &tag());
}

/// Reads a multipart/byteranges body: the Content-Range and bytes of each part.
fn parts(r: &Response) -> Vec<(String, String)> {
    let kind = r.header("Content-Type").unwrap_or_default().to_string();
    let Some((_, boundary)) = kind.split_once("boundary=") else {
        r.fail("no boundary");
    };
    let text = r.text();
    let mut found = Vec::new();
    for piece in text
        .split(&format!("\r\n--{}", boundary.trim_matches('"')))
        .skip(1)
    {
        if piece.starts_with("--") {
            return found;
        }
        let Some((head, body)) = piece.split_once("\r\n\r\n") else {
            r.fail("a part has no empty line");
        };
        assert!(
            head.to_lowercase().contains("content-type: text/plain"),
            "{head}"
        );
        let line = head
            .lines()
            .find(|l| l.to_lowercase().starts_with("content-range: "));
        found.push((line.unwrap_or_default()[15..].to_string(), body.to_string()));
    }
    r.fail("the last boundary is missing");
}

fn multi(set: &str, want: &[(&str, &str)]) {
    let r = range(set);
    r.is(206)
        .like("Content-Type", "multipart/byteranges; boundary=")
        .lacks("Content-Range");
    assert_eq!(
        r.header("Content-Length"),
        Some(r.body.len().to_string().as_str())
    );
    let got = parts(&r);
    let got: Vec<(&str, &str)> = got.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(got, want);
}

cases! {
    range_first_bytes: part("bytes=0-9", "bytes 0-9/36", "0123456789");
    range_one_byte: part("bytes=0-0", "bytes 0-0/36", "0");
    range_in_the_middle: part("bytes=10-12", "bytes 10-12/36", "abc");
    range_open_end: part("bytes=30-", "bytes 30-35/36", "uvwxyz");
    range_suffix: part("bytes=-3", "bytes 33-35/36", "xyz");
    range_end_behind_the_file: part("bytes=30-999", "bytes 30-35/36", "uvwxyz");
    range_suffix_longer_than_the_file: {
        let r = range("bytes=-99");
        r.body(DIGITS);
        assert!(r.status == 200 || r.status == 206, "{}", r.status);
    };
    range_of_all: {
        let r = range("bytes=0-");
        r.body(DIGITS);
        assert!(r.status == 200 || r.status == 206, "{}", r.status);
    };
    range_behind_the_file_is_416: range("bytes=36-").is(416);
    range_suffix_zero_is_no_part: {
        let r = range("bytes=-0");
        assert!(r.status == 200 || r.status == 416, "{}", r.status);
    };
    range_backwards_is_ignored: range("bytes=9-0").is(200).body(DIGITS);
    range_garbage_is_ignored: range("bytes=a-b").is(200).body(DIGITS);
    range_empty_is_ignored: range("bytes=").is(200).body(DIGITS);
    range_other_unit_is_ignored: range("lines=0-1").is(200).body(DIGITS);
    range_of_head_is_seen_or_ignored: {
        let r = www().ask("HEAD", "/d.txt", &["Range: bytes=0-9"]);
        assert!(r.status == 200 || r.status == 206, "{}", r.status);
    };
    range_of_an_empty_file: {
        let r = get("/empty.txt", &["Range: bytes=0-"]);
        assert!(r.status == 200 || r.status == 416, "{}", r.status);
    };
    range_of_a_missing_file: get("/none", &["Range: bytes=0-1"]).is(404);
    ranges_two: multi("bytes=0-1,4-5", &[("bytes 0-1/36", "01"), ("bytes 4-5/36", "45")]);
    ranges_three_with_suffix: multi("bytes=0-1,4-5,-1", &[("bytes 0-1/36", "01"), ("bytes 4-5/36", "45"), ("bytes 35-35/36", "z")]);
    ranges_out_of_order: multi("bytes=4-5,0-1", &[("bytes 4-5/36", "45"), ("bytes 0-1/36", "01")]);
    ranges_one_of_two_unsatisfiable: {
        let r = range("bytes=0-1,99-100");
        r.is(206);
        assert!(r.text().contains("01"));
    };
    ranges_all_unsatisfiable: range("bytes=99-100,200-").is(416);
    range_of_a_big_file: {
        let r = get("/big.bin", &["Range: bytes=1000000-1999999"]);
        r.is(206).has("Content-Range", "bytes 1000000-1999999/3000000");
        assert!(r.body == big()[1_000_000..2_000_000]);
    };
    max_ranges_none: get("/noranges/big.bin", &["Range: bytes=0-1"]).is(200).has("Accept-Ranges", "none");
    max_ranges_two_allows_two: get("/tworanges/big.bin", &["Range: bytes=0-1,4-5"]).is(206);
    max_ranges_two_refuses_three: get("/tworanges/big.bin", &["Range: bytes=0-1,4-5,8-9"]).is(200);
    if_range_same_tag: get("/d.txt", &["Range: bytes=0-1", &format!("If-Range: {}", tag())]).is(206).body("01");
    if_range_other_tag: get("/d.txt", &["Range: bytes=0-1", "If-Range: \"x\""]).is(200).body(DIGITS);
    if_range_weak_tag: get("/d.txt", &["Range: bytes=0-1", &format!("If-Range: W/{}", tag())]).is(200).body(DIGITS);
    if_range_same_date: get("/d.txt", &["Range: bytes=0-1", &format!("If-Range: {DATE}")]).is(206).body("01");
    if_range_older_date: get("/d.txt", &["Range: bytes=0-1", &format!("If-Range: {BEFORE}")]).is(200).body(DIGITS);
    if_range_newer_date: get("/d.txt", &["Range: bytes=0-1", &format!("If-Range: {AFTER}")]).is(200).body(DIGITS);
    if_range_without_range: get("/d.txt", &[&format!("If-Range: {}", tag())]).is(200).body(DIGITS);
    if_match_with_range: get("/d.txt", &["Range: bytes=0-1", "If-Match: \"x\""]).is(412);
    if_none_match_with_range: get("/d.txt", &["Range: bytes=0-1", &format!("If-None-Match: {}", tag())]).is(304);
    request_range_is_not_known: get("/d.txt", &["Request-Range: bytes=0-1"]).body(DIGITS).is(200);
}

// Links and permissions.

fn links() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let setup = Setup::new()
            .file("htdocs/own.txt", "own\n")
            .file("outside/out.txt", "outside\n")
            .file("outside/foreign.txt", "foreign\n")
            .folder("htdocs/follow")
            .folder("htdocs/never")
            .folder("htdocs/owner")
            .link("htdocs/follow/file.txt", "@ROOT@/outside/out.txt")
            .link("htdocs/follow/folder", "@ROOT@/outside")
            .link("htdocs/follow/broken.txt", "@ROOT@/nowhere")
            .link("htdocs/follow/loop.txt", "loop.txt")
            .link("htdocs/never/file.txt", "@ROOT@/outside/out.txt")
            .link("htdocs/never/folder", "@ROOT@/outside")
            .link("htdocs/owner/same.txt", "@ROOT@/outside/out.txt")
            .link("htdocs/owner/foreign.txt", "@ROOT@/outside/foreign.txt")
            .file("htdocs/mode/closed.txt", "closed\n")
            .conf(
                "<Directory @ROOT@/htdocs/follow>\nOptions FollowSymLinks\n</Directory>\n\
                 <Directory @ROOT@/htdocs/never>\nOptions None\n</Directory>\n\
                 <Directory @ROOT@/htdocs/owner>\nOptions SymLinksIfOwnerMatch\n</Directory>",
            );
        let root = setup.root();
        if is_root() {
            let path = root.join("outside/foreign.txt");
            std::os::unix::fs::chown(path, Some(1), Some(1)).expect("chown");
        }
        use std::os::unix::fs::PermissionsExt;
        let closed = root.join("htdocs/mode/closed.txt");
        std::fs::set_permissions(closed, std::fs::Permissions::from_mode(0o0)).expect("chmod");
        setup.start()
    })
}

cases! {
    link_to_a_file_is_followed: links().get("/follow/file.txt").is(200).body("outside\n");
    link_to_a_folder_is_followed: links().get("/follow/folder/out.txt").is(200).body("outside\n");
    broken_link: {
        let r = links().get("/follow/broken.txt");
        assert!(r.status == 403 || r.status == 404, "{}", r.status);
    };
    link_to_itself: {
        let r = links().get("/follow/loop.txt");
        assert!(r.status == 403 || r.status == 404, "{}", r.status);
    };
    link_is_not_followed_without_the_option: links().get("/never/file.txt").is(403);
    folder_link_is_not_followed_without_the_option: links().get("/never/folder/out.txt").is(403);
    owner_match_same: links().get("/owner/same.txt").is(200).body("outside\n");
    owner_match_foreign: if is_root() { links().get("/owner/foreign.txt").is(403); };
    unreadable_file_is_403: links().get("/mode/closed.txt").is(403);
}

// PATH_INFO.

fn infos() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let env = "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n";
        let mut setup = Setup::new()
            .script("cgi-bin/env", env)
            .script("cgi-bin/no/env", env)
            .conf(
                "ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n\
                 <Directory @ROOT@/cgi-bin/no>\nAcceptPathInfo Off\n</Directory>",
            );
        for (folder, value) in [("on", "On"), ("off", "Off"), ("default", "Default")] {
            setup = setup
                .file(&format!("htdocs/{folder}/a.txt"), "a\n")
                .conf(&format!(
                    "<Directory @ROOT@/htdocs/{folder}>\nAcceptPathInfo {value}\n</Directory>"
                ));
        }
        setup.start()
    })
}

cases! {
    path_info_on: infos().get("/on/a.txt/more").is(200).body("a\n");
    path_info_off: infos().get("/off/a.txt/more").is(404);
    path_info_default_of_a_file: infos().get("/default/a.txt/more").is(404);
    path_info_default_of_a_script: {
        infos().get("/cgi-bin/env/more/x%20y").is(200).line("PATH_INFO=/more/x y").line("SCRIPT_NAME=/cgi-bin/env");
    };
    path_info_of_a_script_slash_only: infos().get("/cgi-bin/env/").is(200).line("PATH_INFO=/");
    path_info_absent: infos().get("/cgi-bin/env").is(200).no_line("PATH_INFO=").no_line("PATH_TRANSLATED=");
    path_translated: {
        let want = infos().fill("PATH_TRANSLATED=@ROOT@/htdocs/more");
        infos().get("/cgi-bin/env/more").is(200).line(&want);
    };
    path_info_off_of_a_script: infos().get("/cgi-bin/no/env/more").is(404);
}
