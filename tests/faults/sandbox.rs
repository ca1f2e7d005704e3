//! ChildSandbox: what serving processes give up, and that nothing a configuration asks for is missing then.

use crate::crashes::{answer, sabotaged};
use crate::harness::program::{is_apache, pool};
use crate::harness::{eventually, is_root, one_process, Server, Setup};
use crate::sight::{lines, serves, setup, BIG, SOON};
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// Lines of `/proc/PID/task/TID/status` that say what a thread has given up.
fn given_up(task: &Path) -> Option<(bool, bool)> {
    let text = fs::read_to_string(task.join("status")).ok()?;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line?.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    Some((value("NoNewPrivs:")? == 1, value("Seccomp:")? == 2))
}

fn threads(pid: u32) -> Vec<(bool, bool)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    tasks.filter_map(|task| given_up(&task.path())).collect()
}

/// Threads that serve: all of the children, all but the first of a server of one process.
fn serving_threads(server: &Server) -> Vec<(bool, bool)> {
    if one_process() {
        return threads(server.pid()).split_off(1);
    }
    // The process that starts programs is a child of the parent, too, and gives nothing up.
    let children = server.children().into_iter();
    let children = children.filter(|pid| !is_spawner(*pid));
    children.flat_map(threads).collect()
}

fn is_spawner(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.contains("spawn"))
        || !fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|m| m.contains("rw-s"))
}

/// Whether this kernel filters system calls at all; Landlock is asked for by what it does.
fn filters() -> bool {
    Path::new("/proc/sys/kernel/seccomp/actions_avail").exists()
}

fn lands() -> bool {
    let setup = setup().conf("ChildSandbox strict").start();
    let missing = lines(&setup, "AH20404") > 0;
    setup.stop();
    !missing
}

#[test]
fn children_give_up_what_no_server_needs() {
    if is_apache() || !filters() {
        return;
    }
    let server = sabotaged().start();
    serves(&server);
    // A thread that has just been started may not have come so far.
    let all_did = || {
        let serving = serving_threads(&server);
        !serving.is_empty() && serving.iter().all(|both| *both == (true, true))
    };
    assert!(eventually(SOON, all_did), "{:?}", serving_threads(&server));
    // Not the process that reads the configuration, opens logs and starts the others.
    assert_eq!(threads(server.pid()).first(), Some(&(false, false)));
    server.get("/seal").is(404);
    for call in ["unshare", "ptrace", "bpf", "keyctl", "mount"] {
        server.logged(&format!("seal: {call} Operation not permitted"));
    }
    server.logged("seal: getppid done");
    assert_eq!(lines(&server, "AH20404"), 0);
    server.stop();
}

#[test]
fn off_gives_nothing_up() {
    let server = setup().conf("ChildSandbox off").start();
    serves(&server);
    let serving = serving_threads(&server);
    assert!(
        !serving.is_empty() && serving.iter().all(|both| *both == (false, false)),
        "{serving:?}"
    );
    server.stop();
}

#[test]
fn a_kernel_without_it_gives_one_line() {
    let server = sabotaged()
        .env("OLD_KERNEL", "1")
        .conf("ChildSandbox strict")
        .start();
    serves(&server);
    let told = "this system has no filters for system calls, no limits on files (Landlock): ChildSandbox does without";
    server.logged(told);
    assert_eq!(lines(&server, "AH20404"), 1);
    // What there is, is used.
    let limited = || {
        serving_threads(&server)
            .iter()
            .all(|both| *both == (true, false))
    };
    assert!(eventually(SOON, limited), "{:?}", serving_threads(&server));
    server.stop();
}

#[test]
fn a_process_without_a_parent_can_clean_up() {
    let setup = setup().arg("-X").conf("ChildSandbox strict");
    // It is the children's user, too.
    let run = setup.root().join("run");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o777)).expect("a mode");
    let mut server = setup.start();
    serves(&server);
    server.signal("TERM");
    server.await_end(SOON);
    assert!(!run.join("httpd.pid").exists());
}

#[test]
fn wrong_words_are_told() {
    for bad in ["maybe", "1", "on strict"] {
        let out = setup().conf(&format!("ChildSandbox {bad}")).check();
        out.exit(1).err("test.conf").err("ChildSandbox");
    }
    setup().conf("ChildSandbox STRICT").check().exit(0);
}

/// A program that tells who it runs as, owned by root with its bit set: as `suexec` and the like are.
fn setuid_program(folder: &Path) -> bool {
    let source = folder.join("who.c");
    let program = folder.join("who");
    let text = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf(\"%d\\n\", (int)geteuid()); return 0; }\n";
    fs::write(&source, text).expect("written");
    let built = Command::new("cc")
        .arg("-o")
        .args([&program, &source])
        .status();
    assert!(built.is_ok_and(|status| status.success()));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("a mode");
    // A file system may be mounted without such bits.
    let out = Command::new("setpriv")
        .args(["--reuid", "65534"])
        .arg(&program)
        .output();
    out.is_ok_and(|out| out.stdout == b"0\n")
}

#[test]
fn programs_keep_their_rights() {
    // Off is how it was before: where each process serves one connection it starts its programs itself.
    for level in ["on", "strict", "off"] {
        let setup = setup()
            .folder("bin")
            .script(
                "cgi-bin/hi",
                "printf 'Content-Type: text/plain\\n\\n'; id -u; grep NoNewPrivs /proc/self/status",
            )
            .script(
                "cgi-bin/who",
                "printf 'Content-Type: text/plain\\n\\n'; exec @ROOT@/bin/who",
            )
            .conf("ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/")
            .conf(&format!(
                "CustomLog \"|$/bin/cat >> @ROOT@/logs/piped\" %r\nChildSandbox {level}"
            ));
        let root = is_root() && setuid_program(&setup.root().join("bin"));
        let server = setup.start();
        server.get("/cgi-bin/hi").is(200).contains("NoNewPrivs:\t0");
        if root {
            server.get("/cgi-bin/who").is(200).body("0\n");
        }
        server.await_text("logs/piped", |text| text.contains("GET /cgi-bin/hi"));
        server.stop();
    }
}

/// All that a strict child may need, in one server.
fn strict_site() -> Setup {
    setup()
        .file("outside/secret", "secret\n")
        .file("aliased/b.txt", "aliased\n")
        .file("located/c.txt", "located\n")
        .file("data/d.txt", "data\n")
        .file("other/e.txt", "other\n")
        .file("auth/users", "jo:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n")
        .file("htdocs/private/f.txt", "private\n")
        .file("htdocs/private/.htaccess", "Header set X-From htaccess\n")
        .script("cgi-bin/bad", "echo no head")
        .link("htdocs/leak", "../outside/secret")
        .link("htdocs/out", "../outside")
        .link("htdocs/data", "../data")
        .conf(&pool(6, 2, 2, 8))
        .conf(
            "Listen 127.0.0.1:@PORT2@\n\
             Alias /aliased @ROOT@/aliased\n\
             <Location /located>\nAlias @ROOT@/located/c.txt\n</Location>\n\
             ScriptAlias /cgi-bin/ @ROOT@/cgi-bin/\n\
             ScriptLog logs/scripts/script_log\n\
             <Directory @ROOT@/data>\nRequire all granted\n</Directory>\n\
             <Directory @ROOT@/htdocs>\nOptions Indexes FollowSymLinks\nAllowOverride All\n</Directory>\n\
             <Location /private>\nAuthType Basic\nAuthName x\nAuthUserFile auth/users\nRequire valid-user\n</Location>\n\
             <Location /named>\nHostnameLookups Double\n</Location>\n\
             <VirtualHost *:@PORT2@>\nServerName other\nDocumentRoot @ROOT@/other\n</VirtualHost>\n\
             <Location /server-status>\nSetHandler server-status\n</Location>\n\
             CustomLog logs/access_log %r",
        )
}

fn signed_in(server: &Server) -> u16 {
    let credentials = ["Authorization: Basic am86dGVzdA=="];
    server.get_with("/private/f.txt", &credentials).status
}

#[test]
fn strict_misses_nothing_that_the_configuration_names() {
    let setup = strict_site()
        .folder("logs/scripts")
        .conf("ChildSandbox strict");
    let logs = setup.root().join("logs/scripts");
    fs::set_permissions(&logs, fs::Permissions::from_mode(0o777)).expect("a mode");
    let server = setup.start();
    serves(&server);
    assert_eq!(server.get("/big.bin").is(200).body.len(), BIG);
    server.get("/aliased/b.txt").is(200).body("aliased\n");
    server.get("/located").is(200).body("located\n");
    server.get("/data/d.txt").is(200).body("data\n");
    server.get("/").is(200).contains("a.txt");
    server.get("/named/x").is(404);
    server.get("/server-status?auto").is(200).contains("Load1:");
    let mut other = server.client_on("127.0.0.1".parse().expect("an address"), 1);
    other
        .send("GET /e.txt HTTP/1.0\r\n\r\n")
        .response()
        .is(200)
        .body("other\n");
    server.get("/private/f.txt").is(401);
    assert_eq!(signed_in(&server), 200);
    // An editor puts another file in the place of the users'.
    let users = server.root().join("auth/users");
    fs::copy(&users, users.with_extension("new")).expect("copied");
    fs::rename(users.with_extension("new"), &users).expect("renamed");
    assert_eq!(signed_in(&server), 200);
    server.get("/cgi-bin/bad").is(500);
    server.await_text("logs/scripts/script_log", |text| text.contains("no head"));
    // Logs are the parent's, and a reload makes new children.
    fs::rename(
        server.root().join("logs/access_log"),
        server.root().join("logs/old"),
    )
    .expect("renamed");
    server.signal("USR2");
    let reopened = eventually(SOON, || {
        server.get("/a.txt").is(200);
        server.read("logs/access_log").contains("/a.txt")
    });
    assert!(reopened);
    server.command(&["-k", "graceful"]).exit(0);
    serves(&server);
    assert_eq!(lines(&server, "AH20405"), 0);
    server.stop();
}

#[test]
fn strict_reads_nothing_outside_the_roots() {
    if is_apache() || !lands() {
        return;
    }
    for (level, status, told) in [("strict", 403, "Permission denied"), ("on", 200, "read")] {
        let setup = strict_site().conf(&format!("ChildSandbox {level}"));
        let secret = setup.root().join("outside/secret");
        let library = crate::crashes::saboteur().to_string_lossy();
        let setup = setup
            .env("LD_PRELOAD", &library)
            .env("PEEK", &secret.to_string_lossy());
        symlink("/etc/passwd", setup.root().join("htdocs/passwd")).expect("a link");
        let server = setup.start();
        // Links that the configuration would follow, and a module that opens what it likes.
        for path in ["/leak", "/out/secret", "/passwd"] {
            server.get(path).is(status);
        }
        answer(&server, "a", "/peek");
        server.logged(&format!("peek: {told}"));
        // What leads nowhere else is served as ever.
        serves(&server);
        server.get("/data/d.txt").is(200);
        server.stop();
    }
}
