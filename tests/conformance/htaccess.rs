//! `.htaccess` files: which are read, what they may say, and what a mistake in one does.

use crate::harness::{cases, Server, Setup};
use std::sync::OnceLock;

/// Folders with what the configuration allows and what the file says.
const FOLDERS: &[(&str, &str, &str)] = &[
    ("none", "AllowOverride None", "Header set X-Ht yes"),
    ("none-broken", "AllowOverride None", "NoSuchThing"),
    ("all", "AllowOverride All", "Header set X-Ht yes"),
    ("all-broken", "AllowOverride All", "NoSuchThing"),
    ("all-arity", "AllowOverride All", "ForceType"),
    ("all-unclosed", "AllowOverride All", "<Files a.txt>"),
    ("all-server", "AllowOverride All", "DocumentRoot /x"),
    (
        "all-section",
        "AllowOverride All",
        "<Directory />\n</Directory>",
    ),
    (
        "all-location",
        "AllowOverride All",
        "<Location />\n</Location>",
    ),
    ("fileinfo", "AllowOverride FileInfo", "Header set X-Ht yes"),
    (
        "fileinfo-type",
        "AllowOverride FileInfo",
        "AddType text/x-ht .txt",
    ),
    ("fileinfo-auth", "AllowOverride FileInfo", "AuthName x"),
    ("fileinfo-options", "AllowOverride FileInfo", "Options None"),
    ("indexes", "AllowOverride Indexes", "DirectoryIndex a.txt"),
    (
        "indexes-header",
        "AllowOverride Indexes",
        "Header set X-Ht yes",
    ),
    ("auth", "AllowOverride AuthConfig", "Require all denied"),
    (
        "auth-header",
        "AllowOverride AuthConfig",
        "Header set X-Ht yes",
    ),
    (
        "limit",
        "AllowOverride Limit",
        "Order allow,deny\nDeny from all",
    ),
    ("limit-require", "AllowOverride Limit", "Require all denied"),
    ("options", "AllowOverride Options", "Options Indexes"),
    (
        "options-list",
        "AllowOverride Options=Indexes,FollowSymLinks",
        "Options +Indexes",
    ),
    (
        "options-list-bad",
        "AllowOverride Options=FollowSymLinks",
        "Options +Indexes",
    ),
    (
        "two",
        "AllowOverride FileInfo Indexes",
        "Header set X-Ht yes\nDirectoryIndex a.txt",
    ),
    (
        "list",
        "AllowOverride None\nAllowOverrideList Header ForceType",
        "Header set X-Ht yes",
    ),
    (
        "list-other",
        "AllowOverride None\nAllowOverrideList ForceType",
        "Header set X-Ht yes",
    ),
    (
        "list-case",
        "AllowOverride None\nAllowOverrideList hEADER",
        "Header set X-Ht yes",
    ),
    (
        "list-none",
        "AllowOverride None\nAllowOverrideList None",
        "Header set X-Ht yes",
    ),
    (
        "list-and-class",
        "AllowOverride Indexes\nAllowOverrideList Header",
        "Header set X-Ht yes\nDirectoryIndex a.txt",
    ),
    (
        "nonfatal-unknown",
        "AllowOverride All Nonfatal=Unknown",
        "NoSuchThing\nHeader set X-Ht yes",
    ),
    (
        "nonfatal-unknown-only",
        "AllowOverride FileInfo Nonfatal=Unknown",
        "AuthName x\nHeader set X-Ht yes",
    ),
    (
        "nonfatal-override",
        "AllowOverride FileInfo Nonfatal=Override",
        "AuthName x\nHeader set X-Ht yes",
    ),
    (
        "nonfatal-override-only",
        "AllowOverride FileInfo Nonfatal=Override",
        "NoSuchThing\nHeader set X-Ht yes",
    ),
    (
        "nonfatal-all",
        "AllowOverride FileInfo Nonfatal=All",
        "NoSuchThing\nAuthName x\nHeader set X-Ht yes",
    ),
    (
        "files",
        "AllowOverride All",
        "<Files a.txt>\nHeader set X-Ht yes\n</Files>",
    ),
    (
        "filesmatch",
        "AllowOverride All",
        "<FilesMatch \"^b\">\nHeader set X-Ht yes\n</FilesMatch>",
    ),
    (
        "if",
        "AllowOverride All",
        "<If \"%{QUERY_STRING} == 'on'\">\nHeader set X-Ht yes\n</If>",
    ),
    (
        "ifmodule",
        "AllowOverride All",
        "<IfModule mod_headers.c>\nHeader set X-Ht yes\n</IfModule>",
    ),
    (
        "ifdefine",
        "AllowOverride All",
        "<IfDefine !NOPE>\nHeader set X-Ht yes\n</IfDefine>",
    ),
    (
        "limitsection",
        "AllowOverride All",
        "<Limit GET>\nRequire all denied\n</Limit>",
    ),
    (
        "variable",
        "AllowOverride All",
        "Header set X-Ht \"${WORD}\"",
    ),
    ("continued", "AllowOverride All", "Header set \\\nX-Ht yes"),
    ("include", "AllowOverride All", "Include conf/x"),
    ("empty", "AllowOverride All", ""),
    (
        "setenv",
        "AllowOverride All",
        "SetEnv X_HT fromfile\nHeader set X-Ht \"%{X_HT}e\"",
    ),
    (
        "errordoc",
        "AllowOverride All",
        "ErrorDocument 404 \"from the file\"",
    ),
    (
        "redirect",
        "AllowOverride All",
        "Redirect /redirect/old /new",
    ),
];

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut setup = Setup::new().conf(
            "Define WORD fromdefine\n<Directory @ROOT@/htdocs>\nAllowOverride None\n</Directory>",
        );
        for (folder, conf, text) in FOLDERS {
            setup = setup
                .file(&format!("htdocs/{folder}/a.txt"), "a")
                .file(&format!("htdocs/{folder}/b.txt"), "b")
                .file(&format!("htdocs/{folder}/.htaccess"), &format!("{text}\n"))
                .conf(&format!(
                    "<Directory @ROOT@/htdocs/{folder}>\n{conf}\n</Directory>"
                ));
        }
        setup.start()
    })
}

/// The file was read and obeyed.
fn obeyed(folder: &str) {
    www()
        .get(&format!("/{folder}/a.txt"))
        .is(200)
        .has("X-Ht", "yes");
}

/// The file was not looked at.
fn ignored(folder: &str) {
    www().get(&format!("/{folder}/a.txt")).is(200).lacks("X-Ht");
}

/// The file is an error.
fn broken(folder: &str) {
    www().get(&format!("/{folder}/a.txt")).is(500);
    let place = www().fill(&format!("@ROOT@/htdocs/{folder}/.htaccess"));
    www().logged(&place);
}

cases! {
    override_none_ignores_the_file: ignored("none");
    override_none_ignores_mistakes: ignored("none-broken");
    override_all: obeyed("all");
    unknown_directive_is_500: broken("all-broken");
    wrong_number_of_arguments_is_500: broken("all-arity");
    unclosed_section_is_500: broken("all-unclosed");
    server_directive_is_500: broken("all-server");
    directory_section_is_500: broken("all-section");
    location_section_is_500: broken("all-location");
    fileinfo_allows_headers: obeyed("fileinfo");
    fileinfo_allows_types: www().get("/fileinfo-type/a.txt").is(200).has("Content-Type", "text/x-ht");
    fileinfo_refuses_auth: broken("fileinfo-auth");
    fileinfo_refuses_options: broken("fileinfo-options");
    indexes_allows_directory_index: www().get("/indexes/").is(200).body("a");
    indexes_refuses_headers: broken("indexes-header");
    authconfig_allows_require: www().get("/auth/a.txt").is(403);
    authconfig_refuses_headers: broken("auth-header");
    limit_allows_deny: www().get("/limit/a.txt").is(403);
    limit_refuses_require: broken("limit-require");
    options_allows_options: www().get("/options/").is(200).contains("Index of /options");
    options_list_allows_its_words: www().get("/options-list/").is(200).contains("Index of /options-list");
    options_list_refuses_others: broken("options-list-bad");
    two_classes: www().get("/two/").is(200).has("X-Ht", "yes").body("a");
    list_allows: obeyed("list");
    list_refuses_others: broken("list-other");
    list_in_any_case: obeyed("list-case");
    list_none: ignored("list-none");
    list_beside_a_class: www().get("/list-and-class/").is(200).has("X-Ht", "yes").body("a");
    nonfatal_unknown: obeyed("nonfatal-unknown");
    nonfatal_unknown_is_not_override: broken("nonfatal-unknown-only");
    nonfatal_override: obeyed("nonfatal-override");
    nonfatal_override_is_not_unknown: broken("nonfatal-override-only");
    nonfatal_all: obeyed("nonfatal-all");
    files_section: obeyed("files");
    files_section_of_another: www().get("/files/b.txt").is(200).lacks("X-Ht");
    filesmatch_section: www().get("/filesmatch/b.txt").is(200).has("X-Ht", "yes");
    if_section: www().get("/if/a.txt?on").is(200).has("X-Ht", "yes");
    if_section_that_does_not_hold: www().get("/if/a.txt?off").is(200).lacks("X-Ht");
    ifmodule_section: obeyed("ifmodule");
    ifdefine_section: obeyed("ifdefine");
    limit_section: www().get("/limitsection/a.txt").is(403);
    limit_section_of_another_method: www().post("/limitsection/a.txt", &[], "x").is(200);
    variables_are_put_in: www().get("/variable/a.txt").is(200).has("X-Ht", "fromdefine");
    continuation: obeyed("continued");
    include_is_refused: broken("include");
    empty_file_is_fine: ignored("empty");
    environment: www().get("/setenv/a.txt").is(200).has("X-Ht", "fromfile");
    error_document: www().get("/errordoc/none").is(404).body("from the file");
    redirect: www().get("/redirect/old").is(302).has("Location", "http://www.example.test/new");
    the_file_itself_is_served_unless_denied: www().get("/none/.htaccess").is(200);
}

fn deep() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .file("htdocs/.htaccess", "Header append X-Order root\nHeader set X-Near root\n")
            .file("htdocs/a/.htaccess", "Header append X-Order a\nHeader set X-Near a\n")
            .file("htdocs/a/b/.htaccess", "Header append X-Order b\n")
            .file("htdocs/a/b/x.txt", "x")
            .file("htdocs/x.txt", "x")
            .file("htdocs/off/.htaccess", "NoSuch\n")
            .file("htdocs/off/x.txt", "x")
            .file("htdocs/off/on/.htaccess", "Header append X-Order on\n")
            .file("htdocs/off/on/x.txt", "x")
            .conf(
                "AccessFileName .none .htaccess\n<Files .ht*>\nRequire all denied\n</Files>\n\
                 <Directory @ROOT@/htdocs>\nAllowOverride All\nHeader append X-Order conf\n</Directory>\n\
                 <Directory @ROOT@/htdocs/a/b>\nHeader append X-Order confb\n</Directory>\n\
                 <Directory @ROOT@/htdocs/off>\nAllowOverride None\n</Directory>\n\
                 <Directory @ROOT@/htdocs/off/on>\nAllowOverride FileInfo\n</Directory>",
            )
            .start()
    })
}

cases! {
    files_of_all_folders_in_order: deep().get("/a/b/x.txt").is(200).has("X-Order", "conf, root, a, confb, b");
    nearest_file_wins: deep().get("/a/b/x.txt").is(200).has("X-Near", "a");
    root_file_alone: deep().get("/x.txt").is(200).has("X-Order", "conf, root");
    override_switched_off_below: deep().get("/off/x.txt").is(200).has("X-Order", "conf, root");
    override_switched_on_again: deep().get("/off/on/x.txt").is(200).has("X-Order", "conf, root, on");
    files_denied: deep().get("/.htaccess").is(403);
}

#[test]
fn access_file_name_first_found_is_taken() {
    let s = Setup::new()
        .file("htdocs/.one", "Header set X-Ht one\n")
        .file("htdocs/.two", "Header set X-Ht two\n")
        .file("htdocs/b/.two", "Header set X-Ht two\n")
        .file("htdocs/x.txt", "x")
        .file("htdocs/b/x.txt", "x")
        .conf(
            "AccessFileName .one .two\n<Directory @ROOT@/htdocs>\nAllowOverride All\n</Directory>",
        )
        .start();
    s.get("/x.txt").has("X-Ht", "one");
    s.get("/b/x.txt").has("X-Ht", "two");
}

#[test]
fn changes_are_seen_at_once() {
    let s = Setup::new()
        .file("htdocs/x.txt", "x")
        .conf("<Directory @ROOT@/htdocs>\nAllowOverride All\n</Directory>")
        .start();
    let file = s.root().join("htdocs/.htaccess");
    s.get("/x.txt").is(200).lacks("X-Ht");
    for value in ["one", "two", "a-longer-one"] {
        std::fs::write(&file, format!("Header set X-Ht {value}\n")).expect("a file");
        s.get("/x.txt").is(200).has("X-Ht", value);
    }
    std::fs::remove_file(&file).expect("removal");
    s.get("/x.txt").is(200).lacks("X-Ht");
}

#[test]
fn unreadable_file_is_403() {
    use std::os::unix::fs::PermissionsExt;
    let setup = Setup::new()
        .file("htdocs/.htaccess", "Header set X-Ht x\n")
        .file("htdocs/x.txt", "x")
        .conf("<Directory @ROOT@/htdocs>\nAllowOverride All\n</Directory>");
    let file = setup.root().join("htdocs/.htaccess");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o0)).expect("chmod");
    setup.start().get("/x.txt").is(403);
}
