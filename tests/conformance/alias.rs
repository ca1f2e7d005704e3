//! mod_alias: where a URL leads, in the file system or elsewhere.

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;

const ENV: &str = "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n";

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .file("htdocs/a.txt", "docroot\n")
            .file("htdocs/aliased/a.txt", "behind the alias\n")
            .file("other/a.txt", "other\n")
            .file("other/index.html", "other index\n")
            .file("other/sub/b.txt", "sub\n")
            .file("single.txt", "single\n")
            .file("deep/a.txt", "deep\n")
            .file("match/x.html", "matched x\n")
            .file("perdir/file.txt", "perdir\n")
            .script("cgi-bin/env", ENV)
            .script("cgi-bin/sub/env", ENV)
            .script("scripts/env.sh", ENV)
            .conf(CONF)
            .start()
    })
}

const CONF: &str = r#"
Alias /aliased/deep "@ROOT@/deep"
Alias /aliased "@ROOT@/other"
Alias /slash/ "@ROOT@/other/"
Alias /single "@ROOT@/single.txt"
Alias "/with blank" "@ROOT@/other"
Alias /missing "@ROOT@/none"
AliasMatch "^/match/(.*)\.htm$" "@ROOT@/match/$1.html"
AliasMatch "^/twice/([a-z]+)/([a-z]+)$" "@ROOT@/$2/$1.txt"
ScriptAlias /cgi-bin/ "@ROOT@/cgi-bin/"
ScriptAlias /run "@ROOT@/cgi-bin/env"
ScriptAliasMatch "^/do/([a-z]+)" "@ROOT@/scripts/$1.sh"
<Location /perdir>
    Alias "@ROOT@/perdir/file.txt"
</Location>

Redirect /r/default http://there.test/x
Redirect permanent /r/permanent http://there.test/x
Redirect temp /r/temp http://there.test/x
Redirect seeother /r/seeother http://there.test/x
Redirect gone /r/gone
Redirect 307 /r/307 http://there.test/x
Redirect 308 /r/308 http://there.test/x
Redirect 404 /r/404
Redirect 403 /r/403
Redirect 500 /r/500
Redirect /r/local /a.txt
Redirect /r/folder/ http://there.test/folder/
RedirectTemp /r/redirecttemp http://there.test/x
RedirectPermanent /r/redirectpermanent http://there.test/x
RedirectMatch "^/r/match/(.*)\.gif$" "http://there.test/$1.png"
RedirectMatch 301 "^/r/match301" "http://there.test/"
RedirectMatch 410 "^/r/match410"
RedirectMatch "^/r/local-match/(.*)" "/$1"
Redirect /aliased/redirected http://there.test/first
<Location /r/perdir>
    Redirect 301 "http://there.test/perdir"
</Location>
<Location /r/expr>
    Redirect 302 "http://there.test/%{REQUEST_METHOD}"
</Location>
<LocationMatch "^/r/group/(?<NAME>[a-z]+)">
    Redirect 302 "http://there.test/%{env:MATCH_NAME}"
</LocationMatch>
<Location /r/gone-perdir>
    Redirect gone
</Location>
"#;

fn get(path: &str) -> Response {
    www().get(path)
}

fn to(path: &str, status: u16, place: &str) {
    get(path).is(status).has("Location", place);
}

cases! {
    alias_of_a_folder: get("/aliased/a.txt").is(200).body("other\n");
    alias_below: get("/aliased/sub/b.txt").is(200).body("sub\n");
    alias_hides_the_document_root: get("/aliased/a.txt").without("behind");
    alias_index: get("/aliased/").is(200).body("other index\n");
    alias_without_the_slash_redirects: to("/aliased", 301, "http://www.example.test/aliased/");
    alias_is_whole_segments: get("/aliasedx/a.txt").is(404);
    alias_first_match_wins: get("/aliased/deep/a.txt").is(200).body("deep\n");
    alias_with_slash: get("/slash/a.txt").is(200).body("other\n");
    alias_with_slash_needs_it: get("/slash").is(404);
    alias_of_a_file: get("/single").is(200).body("single\n");
    alias_of_a_file_with_more: get("/single/x").is(404);
    alias_with_a_blank: get("/with%20blank/a.txt").is(200).body("other\n");
    alias_to_nowhere: get("/missing/a.txt").is(404);
    alias_match: get("/match/x.htm").is(200).body("matched x\n");
    alias_match_no_match: get("/match/x.html").is(404);
    alias_match_two_groups: get("/twice/a/other").is(200).body("other\n");
    alias_per_location: get("/perdir").is(200).body("perdir\n");
    alias_is_no_part_of_others: get("/a.txt").is(200).body("docroot\n");
    script_alias: get("/cgi-bin/env").is(200).line("SCRIPT_NAME=/cgi-bin/env");
    script_alias_below: get("/cgi-bin/sub/env").is(200).line("SCRIPT_NAME=/cgi-bin/sub/env");
    script_alias_of_one_script: get("/run").is(200).line("SCRIPT_NAME=/run").no_line("PATH_INFO=");
    script_alias_of_one_script_with_path_info: get("/run/more").is(200).line("SCRIPT_NAME=/run").line("PATH_INFO=/more");
    script_alias_match: get("/do/env").is(200).line("SCRIPT_NAME=/do/env");
    script_alias_of_nothing: get("/cgi-bin/none").is(404);
    script_alias_of_the_folder: get("/cgi-bin/").is(403);
    script_filename: {
        let want = www().fill("SCRIPT_FILENAME=@ROOT@/cgi-bin/env");
        get("/run").line(&want);
    };
    context_in_the_environment: get("/cgi-bin/env").line("CONTEXT_PREFIX=/cgi-bin/");
}

cases! {
    redirect_default_is_302: to("/r/default", 302, "http://there.test/x");
    redirect_permanent: to("/r/permanent", 301, "http://there.test/x");
    redirect_temp: to("/r/temp", 302, "http://there.test/x");
    redirect_seeother: to("/r/seeother", 303, "http://there.test/x");
    redirect_gone: get("/r/gone").is(410).lacks("Location");
    redirect_307: to("/r/307", 307, "http://there.test/x");
    redirect_308: to("/r/308", 308, "http://there.test/x");
    redirect_404: get("/r/404").is(404).lacks("Location");
    redirect_403: get("/r/403").is(403).lacks("Location");
    redirect_500: get("/r/500").is(500).lacks("Location");
    redirect_local: to("/r/local", 302, "http://www.example.test/a.txt");
    redirect_carries_the_rest: to("/r/default/more/here", 302, "http://there.test/x/more/here");
    redirect_carries_the_query: to("/r/default?a=b&c=d", 302, "http://there.test/x?a=b&c=d");
    redirect_is_whole_segments: get("/r/defaultx").is(404);
    redirect_folder: to("/r/folder/f.txt", 302, "http://there.test/folder/f.txt");
    redirect_escapes: to("/r/default/a%20b", 302, "http://there.test/x/a%20b");
    redirect_page_links: get("/r/default").contains("href=\"http://there.test/x\"").contains("<title>302 Found</title>");
    redirect_temp_directive: to("/r/redirecttemp", 302, "http://there.test/x");
    redirect_permanent_directive: to("/r/redirectpermanent", 301, "http://there.test/x");
    redirect_match: to("/r/match/dir/pic.gif", 302, "http://there.test/dir/pic.png");
    redirect_match_no_match: get("/r/match/pic.jpg").is(404);
    redirect_match_status: to("/r/match301", 301, "http://there.test/");
    redirect_match_gone: get("/r/match410").is(410);
    redirect_match_local: to("/r/local-match/a.txt", 302, "http://www.example.test/a.txt");
    redirect_match_drops_nothing_of_the_query: {
        let r = get("/r/match/pic.gif?a=b");
        r.is(302).like("Location", "http://there.test/pic.png");
    };
    redirect_comes_before_alias: to("/aliased/redirected", 302, "http://there.test/first");
    redirect_per_location: to("/r/perdir", 301, "http://there.test/perdir");
    redirect_per_location_carries_nothing: to("/r/perdir/more", 301, "http://there.test/perdir");
    redirect_per_location_gone: get("/r/gone-perdir").is(410);
    redirect_with_an_expression: to("/r/expr", 302, "http://there.test/GET");
    redirect_with_a_named_group: to("/r/group/word", 302, "http://there.test/word");
    redirect_of_head: www().head("/r/default").is(302).has("Location", "http://there.test/x");
    redirect_of_post: www().post("/r/default", &[], "a=b").is(302).has("Location", "http://there.test/x");
    redirect_keeps_the_connection: {
        let mut c = www().client();
        c.get("/r/default").is(302);
        c.get("/a.txt").is(200);
    };
}

fn refused(text: &str) {
    Setup::new().conf(text).check().exit(1).err("line 1 of");
}

cases! {
    mistake_redirect_status: refused("Redirect 999999 /x http://y");
    mistake_redirect_without_target: refused("Redirect /x");
    mistake_redirect_gone_with_target: refused("Redirect gone /x http://y");
    mistake_redirect_match_regex: refused("RedirectMatch ( http://y");
    mistake_alias_one_argument: refused("Alias /x");
}

#[test]
fn redirect_relative() {
    let s = Setup::new()
        .conf("RedirectRelative On\nRedirect /old /new")
        .start();
    s.get("/old").is(302).has("Location", "/new");
}
