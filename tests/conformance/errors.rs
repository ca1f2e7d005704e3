//! Error documents: built-in pages, text, local and remote documents, and what an internal redirect leaves in the
//! environment.

use crate::harness::{cases, Server, Setup};
use std::sync::OnceLock;

const ENV: &str = "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n";

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new()
            .file("htdocs/error.html", "<p>custom</p>\n")
            .script("cgi-bin/env", ENV)
            .script("cgi-bin/status", "printf 'Status: 200 Fine\\r\\nContent-Type: text/plain\\r\\n\\r\\nfine\\n'\n")
            .script("cgi-bin/notmine", "printf 'Status: 404 Mine\\r\\nContent-Type: text/plain\\r\\n\\r\\nown page\\n'\n")
            .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\nSetEnv OWN value\nErrorDocument 410 \"main\"");
        for (folder, line) in [
            ("text", "ErrorDocument 404 \"Nothing here\""),
            ("text-quote", "ErrorDocument 404 \"say \\\"no\\\"\""),
            ("text-old", "ErrorDocument 404 \"Nothing"),
            ("text-html", "ErrorDocument 404 \"<b>bold</b>\""),
            ("text-expr", "ErrorDocument 404 \"No %{REQUEST_URI} here\""),
            ("local", "ErrorDocument 404 /error.html"),
            ("local-expr", "ErrorDocument 404 /error.%{reqenv:NOPE}html"),
            ("remote", "ErrorDocument 404 http://there.test/lost"),
            ("cgi", "ErrorDocument 404 /cgi-bin/env"),
            ("cgi-status", "ErrorDocument 404 /cgi-bin/status"),
            ("cgi-query", "ErrorDocument 404 /cgi-bin/env?from=error"),
            ("missing", "ErrorDocument 404 /none.html"),
            ("default", "ErrorDocument 404 default"),
            ("forbidden", "ErrorDocument 403 \"Keep out\"\nRequire all denied"),
            ("auth", "ErrorDocument 401 /error.html\nAuthType Basic\nAuthName R\nRequire valid-user"),
            ("inherit", "DirectoryIndex x"),
            ("several", "ErrorDocument 404 \"four\"\nErrorDocument 403 \"three\""),
        ] {
            setup = setup.folder(&format!("htdocs/{folder}")).conf(&format!(
                "<Directory @ROOT@/htdocs/{folder}>\n{line}\n</Directory>"
            ));
        }
        setup.start()
    })
}

cases! {
    builtin_page: www().get("/none").is(404).like("Content-Type", "text/html").contains("Not Found");
    builtin_page_of_head_has_no_body: www().head("/none").is(404);
    builtin_page_length_is_right: {
        let r = www().get("/none");
        assert_eq!(r.header("Content-Length"), Some(r.body.len().to_string().as_str()));
    };
    text: www().get("/text/x").is(404).body("Nothing here").has("Content-Type", "text/html; charset=iso-8859-1");
    text_with_quotes: www().get("/text-quote/x").is(404).body("say \"no\"");
    text_of_the_old_form: www().get("/text-old/x").is(404).body("Nothing");
    text_is_not_escaped: www().get("/text-html/x").is(404).body("<b>bold</b>");
    text_with_an_expression: www().get("/text-expr/x").is(404).body("No /text-expr/x here");
    local: www().get("/local/x").is(404).body("<p>custom</p>\n").has("Content-Type", "text/html");
    local_of_head: www().head("/local/x").is(404).has("Content-Type", "text/html");
    local_of_post: www().post("/local/x", &[], "a=b").is(404).body("<p>custom</p>\n");
    local_with_an_expression: www().get("/local-expr/x").is(404).body("<p>custom</p>\n");
    local_keeps_the_connection: {
        let mut c = www().client();
        c.get("/local/x").is(404).body("<p>custom</p>\n");
        c.get("/error.html").is(200);
    };
    local_conditions_are_not_asked: {
        www().get_with("/local/x", &["If-None-Match: *"]).is(404).body("<p>custom</p>\n");
    };
    local_ranges_are_not_asked: www().get_with("/local/x", &["Range: bytes=0-1"]).is(404);
    remote: www().get("/remote/x").is(302).has("Location", "http://there.test/lost");
    cgi_environment: {
        let r = www().get("/cgi/x?q=1");
        r.is(404).line("REDIRECT_STATUS=404").line("REDIRECT_URL=/cgi/x").line("REDIRECT_QUERY_STRING=q=1").line("REQUEST_URI=/cgi/x?q=1");
    };
    cgi_renames_variables: www().get("/cgi/x").is(404).line("REDIRECT_OWN=value").line("OWN=value");
    cgi_script_name: www().get("/cgi/x").is(404).line("SCRIPT_NAME=/cgi-bin/env").line("REQUEST_METHOD=GET");
    cgi_of_post_is_get: www().post("/cgi/x", &[], "a=b").is(404).line("REDIRECT_REQUEST_METHOD=POST").line("REQUEST_METHOD=GET");
    cgi_may_set_the_status: www().get("/cgi-status/x").is(200).body("fine\n");
    cgi_query: www().get("/cgi-query/x").is(404).line("QUERY_STRING=from=error");
    missing_document: www().get("/missing/x").is(404).like("Content-Type", "text/html").contains("404 Not Found");
    default_word: www().get("/default/x").is(404).contains("Not Found");
    forbidden: www().get("/forbidden/x").is(403).body("Keep out");
    unauthorized_keeps_its_question: www().get("/auth/x").is(401).body("<p>custom</p>\n").has("WWW-Authenticate", "Basic realm=\"R\"");
    main_server_documents_hold: www().get("/inherit/x").is(404).contains("Not Found");
    two_in_one_folder: www().get("/several/x").is(404).body("four");
    a_scripts_own_404_is_its_own: www().get("/cgi-bin/notmine").is(404).body("own page\n");
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    mistake_no_such_status: refused("ErrorDocument 999 \"x\"");
    mistake_no_document: refused("ErrorDocument 404");
    mistake_remote_401: Setup::new().conf("ErrorDocument 401 http://x/").check().exit(0).err("401");
}

#[test]
fn document_for_400() {
    let s = Setup::new()
        .conf("ErrorDocument 400 \"bad indeed\"")
        .start();
    s.raw("GET / HTTP/1.1\r\n\r\n").is(400).body("bad indeed");
}

#[test]
fn recursion_of_error_documents_ends() {
    let s = Setup::new()
        .conf("ErrorDocument 404 /loop\nErrorDocument 500 /loop2")
        .start();
    s.get("/x").is(404);
}

#[test]
fn document_in_a_denied_place() {
    let s = Setup::new()
        .file("htdocs/no/e.html", "secret")
        .conf("ErrorDocument 404 /no/e.html\n<Location /no>\nRequire all denied\n</Location>")
        .start();
    s.get("/x").is(404).without("secret");
}
