//! Folders: the slash, the index (mod_dir), FallbackResource and listings (mod_autoindex).

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new()
            .file("htdocs/index.html", "root index\n")
            .file("htdocs/sub/index.html", "sub index\n")
            .file("htdocs/empty/x.txt", "x\n")
            .file("htdocs/front.html", "front\n")
            .script(
                "cgi-bin/env",
                "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n",
            )
            .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/");
        for (folder, lines) in [
            ("first", "DirectoryIndex one.txt two.txt"),
            ("second", "DirectoryIndex missing.txt two.txt"),
            ("disabled", "DirectoryIndex disabled"),
            ("absolute", "DirectoryIndex missing.txt /front.html"),
            (
                "redirect",
                "DirectoryIndex two.txt\nDirectoryIndexRedirect On",
            ),
            (
                "redirect303",
                "DirectoryIndex two.txt\nDirectoryIndexRedirect seeother",
            ),
            ("noslash", "DirectorySlash Off\nDirectoryIndex one.txt"),
            ("fallback", "FallbackResource /front.html"),
            ("fallback-env", "FallbackResource /cgi-bin/env"),
            ("fallback-off", "FallbackResource disabled"),
            (
                "check",
                "DirectoryCheckHandler On\nSetHandler server-status",
            ),
        ] {
            for name in ["one.txt", "two.txt"] {
                setup = setup.file(&format!("htdocs/{folder}/{name}"), &format!("{name}\n"));
            }
            setup = setup.conf(&format!(
                "<Directory @ROOT@/htdocs/{folder}>\n{lines}\n</Directory>"
            ));
        }
        setup.start()
    })
}

fn location(path: &str, status: u16, value: &str) {
    let r = www().get(path);
    r.is(status);
    let want = value.replace("HOST", "http://www.example.test");
    r.has("Location", &want);
}

cases! {
    root_index: www().get("/").is(200).body("root index\n").has("Content-Type", "text/html");
    folder_index: www().get("/sub/").is(200).body("sub index\n");
    folder_index_head: www().head("/sub/").is(200).has("Content-Length", "10");
    folder_index_post: www().post("/sub/", &[], "a=b").is(200).body("sub index\n");
    slash_redirect: location("/sub", 301, "HOST/sub/");
    slash_redirect_keeps_the_query: location("/sub?a=b&c", 301, "HOST/sub/?a=b&c");
    slash_redirect_page_names_the_place: www().get("/sub").is(301).contains("http://www.example.test/sub/");
    slash_redirect_uses_the_host_header: {
        www().get_with("/sub", &["Host: other.test:81"]).is(301).has("Location", "http://other.test:81/sub/");
    };
    folder_without_index_is_403: www().get("/empty/").is(403);
    index_first_of_two: www().get("/first/").is(200).body("one.txt\n");
    index_second_of_two: www().get("/second/").is(200).body("two.txt\n");
    index_disabled: www().get("/disabled/").is(403);
    index_absolute: www().get("/absolute/").is(200).body("front\n");
    index_redirect: location("/redirect/", 302, "HOST/redirect/two.txt");
    index_redirect_status: location("/redirect303/", 303, "HOST/redirect303/two.txt");
    slash_off_serves_no_redirect: www().get("/noslash").is(403).lacks("Location");
    slash_off_with_slash: www().get("/noslash/").is(200).body("one.txt\n");
    fallback_for_missing: www().get("/fallback/none/here").is(200).body("front\n");
    fallback_leaves_files: www().get("/fallback/one.txt").is(200).body("one.txt\n");
    fallback_for_the_folder: www().get("/fallback/").is(200).body("front\n");
    fallback_request_uri_is_the_clients: www().get("/fallback-env/page?q=1").is(200).line("REQUEST_URI=/fallback-env/page?q=1").line("QUERY_STRING=q=1");
    fallback_disabled: www().get("/fallback-off/none").is(404);
}

fn lists() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new().conf(
            "Options +Indexes\n<Directory @ROOT@/htdocs>\nOptions +Indexes\nIndexIgnore *.md\n</Directory>\n\
             AddIcon /icons/text.gif .txt\nDefaultIcon /icons/unknown.gif\nAddDescription \"A text\" a.txt\n",
        );
        for (folder, lines) in [
            ("plain", "IndexOptions None"),
            ("fancy", "IndexOptions FancyIndexing"),
            ("table", "IndexOptions FancyIndexing HTMLTable"),
            ("xhtml", "IndexOptions FancyIndexing HTMLTable XHTML"),
            ("charset", "IndexOptions FancyIndexing Charset=utf-8"),
            ("type", "IndexOptions FancyIndexing Type=text/plain"),
            ("folders", "IndexOptions FancyIndexing FoldersFirst"),
            ("nosort", "IndexOptions FancyIndexing IgnoreClient"),
            ("suppress", "IndexOptions FancyIndexing SuppressSize SuppressLastModified SuppressDescription"),
            ("ignore", "IndexOptions FancyIndexing\nIndexIgnore *.html b*"),
            ("reset", "IndexOptions FancyIndexing\nIndexIgnoreReset ON\nIndexIgnore b.txt"),
            ("order", "IndexOptions FancyIndexing\nIndexOrderDefault Descending Name"),
            ("readme", "IndexOptions FancyIndexing\nHeaderName HEAD.html\nReadmeName FOOT.html"),
            ("head", "IndexOptions FancyIndexing\nIndexHeadInsert \"<meta name='x'>\""),
            ("style", "IndexOptions FancyIndexing\nIndexStyleSheet /s.css"),
            ("width", "IndexOptions FancyIndexing NameWidth=*"),
            ("case", "IndexOptions FancyIndexing IgnoreCase"),
            ("icons", "IndexOptions FancyIndexing IconsAreLinks IconHeight=22 IconWidth=20"),
            ("rules", "IndexOptions FancyIndexing SuppressRules"),
            ("version", "IndexOptions FancyIndexing VersionSort"),
            ("tracking", "IndexOptions FancyIndexing TrackModified"),
            ("off", "Options -Indexes"),
            ("empty", "IndexOptions FancyIndexing UseOldDateFormat"),
        ] {
            for name in ["a.txt", "b.txt", "C.txt", "d.html", "sp ace.txt", ".hidden", "zdir/x", "HEAD.html", "FOOT.html", "v2.txt", "r.md", "v10.txt"] {
                setup = setup.file(&format!("htdocs/{folder}/{name}"), &format!("text of {name}"));
            }
            setup = setup.conf(&format!("<Directory @ROOT@/htdocs/{folder}>\n{lines}\n</Directory>"));
        }
        setup.file("htdocs/esc/a&b<c>.txt", "x").start()
    })
}

fn list(path: &str) -> Response {
    let r = lists().get(path);
    r.is(200);
    r
}

/// Places of names in a listing must ascend.
fn order(r: &Response, names: &[&str]) {
    let text = r.text();
    let places: Vec<Option<usize>> = names
        .iter()
        .map(|n| text.find(&format!("href=\"{n}\"")))
        .collect();
    if places.iter().any(Option::is_none) || places.windows(2).any(|w| w[0] > w[1]) {
        r.fail(&format!("{names:?} stand at {places:?}"));
    }
}

cases! {
    list_is_html: list("/plain/").like("Content-Type", "text/html").contains("<title>Index of /plain</title>").contains("<h1>Index of /plain</h1>");
    list_plain_is_a_list: list("/plain/").contains("<ul>").contains("<li><a href=\"a.txt\"> a.txt</a></li>").contains("</ul>");
    list_links_to_the_parent: list("/plain/").contains("<a href=\"/\"> Parent Directory</a>");
    list_marks_folders: list("/plain/").contains("href=\"zdir/\"");
    list_hides_dot_names_only_when_told: list("/plain/").contains(".hidden");
    list_escapes_names_in_links: list("/plain/").contains("href=\"sp%20ace.txt\"");
    list_escapes_names_in_html: list("/esc/").contains("a&amp;b&lt;c&gt;.txt").without("<c>");
    list_needs_the_option: lists().get("/off/").is(403);
    fancy_has_columns: list("/fancy/").contains("<a href=\"?C=N;O=D\">Name</a>").contains("<a href=\"?C=M;O=A\">Last modified</a>").contains("<a href=\"?C=S;O=A\">Size</a>").contains("<a href=\"?C=D;O=A\">Description</a>");
    fancy_is_preformatted: list("/fancy/").contains("<pre>").contains("<hr>");
    fancy_has_icons: list("/fancy/").contains("<img src=\"/icons/text.gif\" alt=\"[   ]\"").contains("/icons/unknown.gif");
    fancy_has_descriptions: list("/fancy/").contains("A text");
    fancy_table: list("/table/").contains("<table>").contains("<th").contains("<td><a href=\"a.txt\">a.txt</a>").contains("</table>");
    fancy_xhtml: list("/xhtml/").contains("xhtml").contains("/>");
    list_charset: list("/charset/").has("Content-Type", "text/html;charset=utf-8");
    list_type: list("/type/").like("Content-Type", "text/plain");
    sort_by_name: order(&list("/fancy/"), &["C.txt", "a.txt", "b.txt", "d.html", "zdir/"]);
    sort_by_name_descending: order(&list("/fancy/?C=N;O=D"), &["zdir/", "d.html", "b.txt", "a.txt", "C.txt"]);
    sort_by_size_descending: order(&list("/fancy/?C=S;O=D"), &["sp%20ace.txt", "a.txt", "zdir/"]);
    sort_with_ampersand: order(&list("/fancy/?C=N&O=D"), &["zdir/", "a.txt"]);
    sort_turns_the_link: list("/fancy/?C=N;O=D").contains("?C=N;O=A");
    sort_pattern: list("/fancy/?P=a*").contains("a.txt").without("b.txt");
    sort_query_forces_plain: list("/fancy/?F=0").contains("<ul>");
    sort_query_forces_table: list("/fancy/?F=2").contains("<table>");
    folders_first: order(&list("/folders/"), &["zdir/", "C.txt", "a.txt"]);
    ignore_client: order(&list("/nosort/?C=N;O=D"), &["C.txt", "a.txt", "zdir/"]);
    ignore_case: order(&list("/case/"), &["a.txt", "b.txt", "C.txt", "d.html"]);
    version_sort: order(&list("/version/"), &["v2.txt", "v10.txt"]);
    suppress_columns: list("/suppress/").without(">Size<").without(">Last modified<").without(">Description<");
    index_ignore: list("/ignore/").contains("a.txt").without("b.txt").without("d.html");
    index_ignore_is_inherited: list("/ignore/").without("r.md");
    index_ignore_reset: list("/reset/").contains("r.md").without("b.txt");
    order_default: order(&list("/order/"), &["zdir/", "a.txt", "C.txt"]);
    header_and_readme: list("/readme/").contains("text of HEAD.html").contains("text of FOOT.html");
    head_insert: list("/head/").contains("<meta name='x'>");
    style_sheet: list("/style/").contains("<link rel=\"stylesheet\" href=\"/s.css\" type=\"text/css\"");
    icons_are_links: list("/icons/").contains("<a href=\"a.txt\"><img src=\"/icons/text.gif\" alt=\"[   ]\" width=\"20\" height=\"22\"");
    suppress_rules: list("/rules/").without("<hr");
    track_modified: list("/tracking/").has("ETag", list("/tracking/").header("ETag").unwrap_or("none"));
    list_head: lists().head("/fancy/").is(200).like("Content-Type", "text/html");
    list_needs_the_slash: lists().get("/fancy").is(301);
}
