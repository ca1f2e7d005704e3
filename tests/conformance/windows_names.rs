//! Names that Windows takes for others: no rule of the configuration can be walked around by another name of a file. On other
//! systems these are names like any, which `files` and `http` look at.

use crate::harness::program::is_windows;
use crate::harness::{Server, Setup};

/// The server, where it runs on Windows.
fn served() -> Option<Server> {
    if !is_windows() {
        eprintln!("left out: only Windows has this");
        return None;
    }
    let setup = Setup::new()
        .file("htdocs/a.txt", "hello\n")
        .file("htdocs/Hidden.txt", "secret\n")
        .file("htdocs/.htpasswd", "secret\n")
        .file("htdocs/Locked/sub/a.txt", "secret\n")
        .file("htdocs/many/one/a.txt", "secret\n")
        .conf(
            "<Files \"Hidden.txt\">\nRequire all denied\n</Files>\n\
             <FilesMatch \"^\\.ht\">\nRequire all denied\n</FilesMatch>\n\
             <Directory \"@ROOT@/htdocs/Locked\">\nRequire all denied\n</Directory>\n\
             <Directory \"@ROOT@/htdocs/MANY/*\">\nRequire all denied\n</Directory>\n",
        );
    Some(setup.start())
}

#[test]
fn a_file_is_the_same_in_any_case() {
    let Some(s) = served() else { return };
    s.get("/A.TXT").is(200).body("hello\n");
    for name in [
        "/Hidden.txt",
        "/HIDDEN.TXT",
        "/.htpasswd",
        "/.HTPASSWD",
        "/locked/sub/a.txt",
        "/LOCKED/SUB/A.TXT",
        "/many/one/a.txt",
        "/Many/One/A.txt",
    ] {
        s.get(name).is(403);
    }
}

#[test]
fn other_names_of_a_file_lead_nowhere() {
    let Some(s) = served() else { return };
    for name in [
        "/a.txt.",
        "/a.txt%20",
        "/a.txt%20.",
        "/con",
        "/NUL.txt",
        "/aux/a.txt",
        "/com1.html",
        "/HIDDEN~1.TXT",
    ] {
        s.get(name).is(403);
    }
    for name in [
        "/a.txt::$DATA",
        "/a.txt:x",
        "/..%5cconf%5chttpd.conf",
        "/Locked%5csub%5ca.txt",
        "/%5c%5chost%5cshare",
        "/Z:/a.txt",
        "/a%3ftxt",
        "/*",
    ] {
        s.get(name).is(404);
    }
    s.get("//localhost/c$/a.txt").is(404);
}
