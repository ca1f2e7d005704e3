//! Sections: which of them hold for a request, and the order in which they are merged (hooks.md section 6).

use crate::harness::{cases, Response, Server, Setup};
use std::sync::OnceLock;

/// Each matching section appends its word to X-Order, so the header tells the order of the merge.
fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new();
        for name in [
            "order/a.txt",
            "order/deep/a.txt",
            "order/deep/b.txt",
            "files/a.txt",
            "files/a.html",
            "files/b.txt",
            "files/in/a.txt",
            "loc/a.txt",
            "loc/sub/a.txt",
            "locx/a.txt",
            "wild/one/a.txt",
            "wild/two/sub/a.txt",
            "match/x1/a.txt",
            "match/y/a.txt",
            "if/a.txt",
            "if/b.txt",
            "lim/a.txt",
            "re/item42/a.txt",
            "tilde/a.txt",
        ] {
            setup = setup.file(&format!("htdocs/{name}"), "x");
        }
        setup
            .script(
                "cgi-bin/env",
                "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | sort\n",
            )
            .conf(CONF)
            .start()
    })
}

const CONF: &str = r#"
ScriptAlias /cgi-bin/ "@ROOT@/cgi-bin/"
Header append X-Order server
# The order of kinds: written here in the wrong one.
<Location /order>
    Header append X-Order location1
</Location>
<LocationMatch ^/order/deep>
    Header append X-Order locationmatch
</LocationMatch>
<Location /order>
    Header append X-Order location2
</Location>
<Files a.txt>
    Header append X-Order files
</Files>
<FilesMatch "^a\.">
    Header append X-Order filesmatch
</FilesMatch>
<DirectoryMatch "/htdocs/order">
    Header append X-Order directorymatch
</DirectoryMatch>
<Directory "@ROOT@/htdocs/order/deep">
    Header append X-Order deep
    <Files b.txt>
        Header append X-Order filesindeep
    </Files>
    <If "true">
        Header append X-Order ifindeep
    </If>
</Directory>
<Directory "@ROOT@/htdocs/order">
    Header append X-Order directory
</Directory>
<Directory "@ROOT@/htdocs/order">
    Header append X-Order again
</Directory>
<If "%{REQUEST_URI} =~ m#^/order#">
    Header append X-Order if
</If>

<Directory "@ROOT@/htdocs/files">
    <Files "*.html">
        Header set X-Files html
    </Files>
    <Files "b.???">
        Header set X-Files questions
    </Files>
    <Files ~ "\.unknown$">
        Header set X-Files tilde
    </Files>
</Directory>

<Location /loc>
    Header set X-Loc loc
</Location>
<Location /loc/sub/>
    Header set X-Sub sub
</Location>
<Location "/wild/*/a.txt">
    Header set X-Wild star
</Location>
<Location ~ "^/tilde">
    Header set X-Tilde location
</Location>

<Directory "@ROOT@/htdocs/wild/*">
    Header set X-Dir star
</Directory>
<Directory "@ROOT@/htdocs/wild/t[a-z]o/sub">
    Header set X-Dir2 class
</Directory>
<Directory ~ "/match/x[0-9]/">
    Header set X-Match tilde
</Directory>
<DirectoryMatch "/match/x[0-9]/a\.txt$">
    Header set X-Whole name
</DirectoryMatch>
<DirectoryMatch "/re/(?<what>item[0-9]+)">
    Header set X-Re "%{MATCH_WHAT}e"
</DirectoryMatch>
<LocationMatch "^/cgi-bin/env/(?<word>[a-z]+)">
    SetEnv SEEN yes
</LocationMatch>

<Directory "@ROOT@/htdocs/if">
    <If "%{QUERY_STRING} == 'one'">
        Header set X-If one
    </If>
    <ElseIf "%{QUERY_STRING} == 'two'">
        Header set X-If two
    </ElseIf>
    <ElseIf "true">
        <If "%{QUERY_STRING} == 'three'">
            Header set X-If three
        </If>
        <Else>
            Header set X-If inner-else
        </Else>
    </ElseIf>
    <Else>
        Header set X-If never
    </Else>
    <Files b.txt>
        <If "%{QUERY_STRING} == 'file'">
            Header set X-InFiles yes
        </If>
    </Files>
</Directory>

<Directory "@ROOT@/htdocs/lim">
    <Limit POST PUT>
        Require all denied
    </Limit>
    <LimitExcept GET POST OPTIONS>
        Require all denied
    </LimitExcept>
</Directory>

<Location /denied-by-location>
    Require all denied
</Location>
"#;

fn get(path: &str) -> Response {
    let r = www().get(path);
    r.is(200);
    r
}

cases! {
    order_of_all_kinds: {
        get("/order/a.txt").has("X-Order", "server, directory, again, directorymatch, files, filesmatch, location1, location2, if");
    };
    order_in_a_deeper_folder: {
        get("/order/deep/a.txt").has("X-Order", "server, directory, again, deep, directorymatch, files, filesmatch, location1, locationmatch, location2, if, ifindeep");
    };
    order_of_files_inside_a_directory: {
        get("/order/deep/b.txt").has("X-Order", "server, directory, again, deep, directorymatch, filesindeep, location1, locationmatch, location2, if, ifindeep");
    };
    files_glob: get("/files/a.html").has("X-Files", "html");
    files_question_marks: get("/files/b.txt").has("X-Files", "questions");
    files_others: get("/files/a.txt").lacks("X-Files");
    files_in_a_folder_below: get("/files/in/a.txt").lacks("X-Files");
    location_prefix: get("/loc/a.txt").has("X-Loc", "loc");
    location_below: get("/loc/sub/a.txt").has("X-Loc", "loc").has("X-Sub", "sub");
    location_is_no_string_prefix: get("/locx/a.txt").lacks("X-Loc");
    location_sees_the_decoded_path: get("/%6coc/a.txt").has("X-Loc", "loc");
    location_sees_merged_slashes: get("//loc//a.txt").has("X-Loc", "loc");
    location_sees_resolved_dots: get("/files/../loc/a.txt").has("X-Loc", "loc");
    location_is_case_sensitive: www().get("/LOC/a.txt").is(404);
    location_star_is_one_segment: get("/wild/one/a.txt").has("X-Wild", "star");
    location_star_is_not_two: get("/wild/two/sub/a.txt").lacks("X-Wild");
    location_tilde: get("/tilde/a.txt").has("X-Tilde", "location");
    directory_star: get("/wild/one/a.txt").has("X-Dir", "star");
    directory_star_holds_below: get("/wild/two/sub/a.txt").has("X-Dir", "star");
    directory_class: get("/wild/two/sub/a.txt").has("X-Dir2", "class");
    directory_tilde: get("/match/x1/a.txt").has("X-Match", "tilde");
    directory_match_sees_the_whole_file_name: get("/match/x1/a.txt").has("X-Whole", "name");
    directory_tilde_no_match: get("/match/y/a.txt").lacks("X-Match");
    directory_match_with_a_named_group: get("/re/item42/a.txt").has("X-Re", "item42");
    location_match_with_a_named_group: www().get("/cgi-bin/env/word").is(200).line("MATCH_WORD=word").line("SEEN=yes");
    if_first: get("/if/a.txt?one").has("X-If", "one");
    if_elseif: get("/if/a.txt?two").has("X-If", "two");
    if_nested: get("/if/a.txt?three").has("X-If", "three");
    if_nested_else: get("/if/a.txt?four").has("X-If", "inner-else");
    if_in_files: get("/if/b.txt?file").has("X-InFiles", "yes");
    if_in_files_of_another: get("/if/a.txt?file").lacks("X-InFiles");
    limit_other_method: get("/lim/a.txt").body("x");
    limit_named_method: www().post("/lim/a.txt", &[], "x").is(403);
    limit_of_get_is_not_head: www().head("/lim/a.txt").is(200);
    limit_except_others: www().ask("DELETE", "/lim/a.txt", &[]).is(403);
    limit_except_named: www().ask("OPTIONS", "/lim/a.txt", &[]).is(200);
    location_for_what_is_no_file: www().get("/denied-by-location/x").is(403);
    location_covers_what_is_beside_the_file_system: www().get("/denied-by-location").is(403);
}

#[test]
fn location_can_undo_a_directory() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .file("htdocs/b.txt", "b\n")
        .conf("<Location /a.txt>\nRequire all granted\n</Location>\n<Directory @ROOT@/htdocs>\nRequire all denied\n</Directory>")
        .start();
    s.get("/a.txt").is(200);
    s.get("/b.txt").is(403);
}

#[test]
fn sections_of_the_main_server_come_before_the_hosts() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .conf(
            "<VirtualHost *:@PORT@>\n<Directory @ROOT@/htdocs>\nHeader append X-Order hostdir\n</Directory>\n\
             <Location />\nHeader append X-Order hostloc\n</Location>\nHeader append X-Order host\n</VirtualHost>\n\
             <Directory @ROOT@/htdocs>\nHeader append X-Order maindir\n</Directory>\n\
             <Location />\nHeader append X-Order mainloc\n</Location>\nHeader append X-Order main",
        )
        .start();
    s.get("/a.txt")
        .has("X-Order", "main, host, maindir, hostdir, mainloc, hostloc");
}

#[test]
fn directory_of_the_root_covers_everything() {
    let s = Setup::new()
        .file("htdocs/a.txt", "a\n")
        .file("elsewhere/b.txt", "b\n")
        .conf("Alias /else @ROOT@/elsewhere\n<Directory />\nHeader set X-Root yes\n</Directory>")
        .start();
    s.get("/a.txt").has("X-Root", "yes");
    s.get("/else/b.txt").has("X-Root", "yes");
}

#[test]
fn directory_with_a_trailing_slash_is_the_same() {
    let s = Setup::new()
        .file("htdocs/d/a.txt", "a\n")
        .conf("<Directory @ROOT@/htdocs/d/>\nHeader set X-D yes\n</Directory>")
        .start();
    s.get("/d/a.txt").has("X-D", "yes");
}

#[test]
fn options_add_up_with_signs_only() {
    let s = Setup::new()
        .file("htdocs/a/b/c/x.txt", "x\n")
        .conf(
            "DirectoryIndex disabled\n<Directory @ROOT@/htdocs>\nOptions Indexes\n</Directory>\n\
             <Directory @ROOT@/htdocs/a>\nOptions +FollowSymLinks\n</Directory>\n\
             <Directory @ROOT@/htdocs/a/b>\nOptions FollowSymLinks\n</Directory>\n\
             <Directory @ROOT@/htdocs/a/b/c>\nOptions +Indexes -FollowSymLinks\n</Directory>",
        )
        .start();
    for (path, status) in [("/", 200), ("/a/", 200), ("/a/b/", 403), ("/a/b/c/", 200)] {
        s.get(path).is(status);
    }
}
