//! A change of a file is seen by the next request, whatever the server remembers of it (OpenFileCache): also on a connection that
//! was answered from memory a moment ago, which the same process serves.

use crate::harness::{cases, eventually, is_root, ours_only, Client, Server, Setup};
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

fn www() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Setup::new()
            .conf(
                "MaxKeepAliveRequests 0\n\
                 <Directory @ROOT@/htdocs/over>\nAllowOverride All\n</Directory>\n\
                 <Directory @ROOT@/htdocs/alone>\nAllowOverride All\n</Directory>\n\
                 <Directory @ROOT@/htdocs/strict>\nOptions None\n</Directory>\n\
                 <Directory @ROOT@/htdocs/owner>\nOptions SymLinksIfOwnerMatch\n</Directory>",
            )
            .folder("htdocs/over")
            .folder("htdocs/strict")
            .folder("htdocs/owner")
            .folder("elsewhere")
            .start()
    })
}

/// A file of one test, old enough to be kept, and a connection on which it was asked for often enough to come from memory.
struct Place {
    file: PathBuf,
    path: String,
    client: Client,
}

impl Place {
    fn new(name: &str, text: &str) -> Place {
        let file = www().root().join("htdocs").join(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(&file, text).expect("a file");
        let mut place = Place {
            file,
            path: format!("/{name}"),
            client: www().client(),
        };
        place.settle();
        place.shows(text);
        place
    }

    /// Waits until the file's last change is no news any more, and has it remembered.
    fn settle(&mut self) {
        let old = || {
            let changed = fs::metadata(&self.file).and_then(|meta| meta.modified());
            let age = SystemTime::now().duration_since(changed.expect("a time"));
            age.is_ok_and(|age| age > Duration::from_millis(150))
        };
        assert!(eventually(Duration::from_secs(10), old));
        (0..3).for_each(|_| _ = self.client.get(&self.path));
    }

    /// The next answer has this body, and the fields that belong to it.
    fn shows(&mut self, text: &str) -> String {
        let answer = self.client.get(&self.path);
        let length = text.len().to_string();
        answer.is(200).body(text).has("Content-Length", &length);
        let tag = answer.header("ETag").expect("a tag").to_owned();
        assert!(
            tag.contains(&format!("{:x}", text.len())),
            "{tag} of {length} bytes"
        );
        tag
    }

    fn answers(&mut self, status: u16) {
        self.client.get(&self.path).is(status);
    }
}

cases! {
    edited_in_place: {
        let mut place = Place::new("edit.txt", "one");
        for text in ["two, longer", "3", "three"] {
            fs::write(&place.file, text).expect("written");
            place.shows(text);
        }
    };
    edited_in_place_at_the_same_length: {
        let mut place = Place::new("same.txt", "first text");
        let before = place.shows("first text");
        for text in ["other text", "third text", "final text"] {
            fs::write(&place.file, text).expect("written");
            let after = place.shows(text);
            place.settle();
            assert_ne!(before, after);
        }
    };
    edited_twice_within_a_tick: {
        let mut place = Place::new("tick.txt", "0");
        for n in 1..50 {
            let text = format!("{:03}", n);
            fs::write(&place.file, &text).expect("written");
            place.client.get(&place.path).is(200).body(&text);
        }
    };
    grown: {
        use std::io::Write;
        let mut place = Place::new("grow.txt", "begin");
        let mut file = fs::OpenOptions::new().append(true).open(&place.file).expect("open");
        file.write_all(b" and more").expect("written");
        place.shows("begin and more");
    };
    cut_short: {
        let mut place = Place::new("cut.txt", "quite a long text");
        let file = fs::OpenOptions::new().write(true).open(&place.file).expect("open");
        file.set_len(5).expect("cut");
        place.shows("quite");
    };
    renamed_over: {
        let mut place = Place::new("over.txt", "old text");
        let new = place.file.with_extension("new");
        for text in ["new text", "NEW TEXT"] {
            fs::write(&new, text).expect("written");
            fs::rename(&new, &place.file).expect("renamed");
            place.shows(text);
        }
    };
    deleted_and_made_again: {
        let mut place = Place::new("delete.txt", "here");
        fs::remove_file(&place.file).expect("removed");
        place.answers(404);
        fs::write(&place.file, "back again").expect("written");
        place.shows("back again");
    };
    made_unreadable: {
        // The children of a server that root started are somebody else.
        let mut place = Place::new("mode.txt", "secret soon");
        fs::set_permissions(&place.file, fs::Permissions::from_mode(0o000)).expect("mode");
        if is_root() {
            place.answers(403);
        }
        fs::set_permissions(&place.file, fs::Permissions::from_mode(0o644)).expect("mode");
        place.shows("secret soon");
    };
    folder_made_unreadable: {
        let mut place = Place::new("closed/f.txt", "inside");
        let folder = place.file.parent().expect("a folder").to_owned();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).expect("mode");
        if is_root() {
            place.answers(403);
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("mode");
        place.shows("inside");
    };
    folder_renamed_over: {
        let mut place = Place::new("site/deep/page.txt", "release 1");
        let root = www().root().join("htdocs");
        for n in 2..5 {
            let text = format!("release {n}");
            fs::create_dir_all(root.join("site.new/deep")).expect("folders");
            fs::write(root.join("site.new/deep/page.txt"), &text).expect("written");
            fs::rename(root.join("site"), root.join(format!("site.{n}"))).expect("renamed");
            fs::rename(root.join("site.new"), root.join("site")).expect("renamed");
            place.shows(&text);
            place.settle();
        }
    };
    folder_behind_a_link: {
        // As a deployment does it: the link is replaced, not the folder.
        let root = www().root();
        for n in 1..4 {
            let folder = root.join(format!("elsewhere/{n}"));
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("p.txt"), format!("deployed {n}")).expect("written");
        }
        let link = root.join("htdocs/current");
        symlink(root.join("elsewhere/1"), &link).expect("a link");
        let mut client = www().client();
        for n in 1..4 {
            symlink(root.join(format!("elsewhere/{n}")), link.with_extension("new")).expect("a link");
            fs::rename(link.with_extension("new"), &link).expect("renamed");
            for _ in 0..3 {
                client.get("/current/p.txt").is(200).body(&format!("deployed {n}"));
            }
        }
    };
    link_where_none_may_be: {
        let mut place = Place::new("strict/f.txt", "plain");
        fs::write(www().root().join("elsewhere/secret.txt"), "not for all").expect("written");
        fs::remove_file(&place.file).expect("removed");
        symlink("../../elsewhere/secret.txt", &place.file).expect("a link");
        place.answers(403);
        fs::remove_file(&place.file).expect("removed");
        fs::write(&place.file, "plain again").expect("written");
        place.shows("plain again");
    };
    target_of_a_link_edited: {
        let mut place = Place::new("target/link.txt", "link to be");
        let target = www().root().join("elsewhere/target.txt");
        fs::write(&target, "target one").expect("written");
        fs::remove_file(&place.file).expect("removed");
        symlink(&target, &place.file).expect("a link");
        for text in ["target one", "target two", "target six"] {
            fs::write(&target, text).expect("written");
            place.shows(text);
            place.settle();
        }
    };
    link_of_another_owner: {
        if is_root() {
            let mut place = Place::new("owner/target.txt", "mine");
            let link = place.file.with_file_name("link.txt");
            symlink("target.txt", &link).expect("a link");
            (0..3).for_each(|_| _ = place.client.get("/owner/link.txt").is(200).body("mine"));
            std::os::unix::fs::chown(&place.file, Some(65534), None).expect("another owner");
            place.client.get("/owner/link.txt").is(403);
        }
    };
    htaccess_made_changed_and_removed: {
        // In a folder of its own: what stands above counts for all below.
        let mut place = Place::new("alone/deep/f.txt", "text");
        let folder = place.file.parent().expect("a folder").to_owned();
        for folder in [folder.clone(), folder.parent().expect("a folder").to_owned()] {
            let htaccess = folder.join(".htaccess");
            fs::write(&htaccess, "Header set X-Word one\n").expect("written");
            place.client.get(&place.path).is(200).has("X-Word", "one");
            place.client.get(&place.path).is(200).has("X-Word", "one");
            fs::write(&htaccess, "Header set X-Word two!\n").expect("written");
            place.client.get(&place.path).is(200).has("X-Word", "two!");
            fs::write(&htaccess, "Require all denied\n").expect("written");
            place.answers(403);
            place.answers(403);
            fs::remove_file(&htaccess).expect("removed");
            place.client.get(&place.path).is(200).lacks("X-Word");
        }
    };
    htaccess_renamed_over: {
        let mut place = Place::new("over/renamed/f.txt", "text");
        let htaccess = place.file.with_file_name(".htaccess");
        for word in ["one", "two", "six"] {
            fs::write(htaccess.with_extension("new"), format!("Header set X-Word {word}\n")).expect("written");
            fs::rename(htaccess.with_extension("new"), &htaccess).expect("renamed");
            place.client.get(&place.path).is(200).has("X-Word", word);
            place.client.get(&place.path).is(200).has("X-Word", word);
        }
    };
    htaccess_that_is_a_link: {
        let mut place = Place::new("over/linked/f.txt", "text");
        let target = www().root().join("elsewhere/htaccess");
        fs::write(&target, "Header set X-Word one\n").expect("written");
        symlink(&target, place.file.with_file_name(".htaccess")).expect("a link");
        for word in ["one", "two", "six"] {
            fs::write(&target, format!("Header set X-Word {word}\n")).expect("written");
            (0..3).for_each(|_| _ = place.client.get(&place.path).is(200).has("X-Word", word));
            place.settle();
        }
    };
    index_appears_and_goes: {
        let folder = www().root().join("htdocs/index");
        fs::create_dir_all(&folder).expect("a folder");
        let mut client = www().client();
        for text in ["first", "second"] {
            (0..3).for_each(|_| assert_ne!(client.get("/index/").status, 200));
            fs::write(folder.join("index.html"), text).expect("written");
            (0..3).for_each(|_| _ = client.get("/index/").is(200).body(text));
            fs::remove_file(folder.join("index.html")).expect("removed");
        }
    };
    conditions_hold_for_what_is_there_now: {
        let mut place = Place::new("cond.txt", "old");
        let tag = place.shows("old");
        let ask = format!("GET /cond.txt HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\n\r\n");
        (0..3).for_each(|_| _ = place.client.send(&ask).response().is(304));
        fs::write(&place.file, "newer").expect("written");
        place.client.send(&ask).response().is(200).body("newer");
    };
    large_file_renamed_over: {
        let text = |letter: &str| letter.repeat(200_000);
        let mut place = Place::new("large.txt", &text("a"));
        for letter in ["b", "c"] {
            fs::write(place.file.with_extension("new"), text(letter)).expect("written");
            fs::rename(place.file.with_extension("new"), &place.file).expect("renamed");
            place.shows(&text(letter));
        }
    };
}

#[test]
fn within_the_stated_time_where_nothing_is_asked() {
    ours_only!();
    let server = Setup::new()
        .conf("MaxKeepAliveRequests 0\nOpenFileCache Timed\nOpenFileCacheValid 1")
        .file("htdocs/a.txt", "old")
        .start();
    let mut client = server.client();
    (0..3).for_each(|_| _ = client.get("/a.txt").is(200).body("old"));
    fs::write(server.root().join("htdocs/a.txt"), "new text").expect("written");
    let seen = || client.get("/a.txt").body == b"new text";
    assert!(eventually(Duration::from_secs(10), seen));
}

/// Descriptors of the children for this file.
fn open_files(server: &Server, name: &str) -> usize {
    let of = |pid: u32| {
        fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
    };
    let links = server.children().into_iter().flat_map(of).flatten();
    links
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter(|target| target.to_string_lossy().contains(name))
        .count()
}

#[test]
fn an_open_file_is_let_go_when_nobody_asks_any_more() {
    let large = "x".repeat(100_000);
    let server = Setup::new().file("htdocs/large.txt", &large).start();
    let mut client = server.client();
    (0..5).for_each(|_| _ = client.get("/large.txt").is(200));
    fs::remove_file(server.root().join("htdocs/large.txt")).expect("removed");
    // The connection stays open, and the disk must be free all the same.
    let gone = || open_files(&server, "large.txt") == 0;
    assert!(eventually(Duration::from_secs(20), gone));
}

#[test]
fn limits_of_the_cache_bound_it() {
    ours_only!();
    let names: Vec<String> = (0..40).map(|n| format!("f{n}.txt")).collect();
    let mut setup =
        Setup::new().conf("OpenFileCacheEntries 4\nOpenFileCacheBytes 3000\nOpenFileCacheValid 60");
    for name in &names {
        setup = setup.file(&format!("htdocs/{name}"), &name.repeat(100));
    }
    let server = setup.start();
    let mut client = server.client();
    for _ in 0..2 {
        for name in &names {
            client
                .get(&format!("/{name}"))
                .is(200)
                .body(&name.repeat(100));
        }
    }
}

#[test]
fn mistakes_in_the_directives_are_told() {
    ours_only!();
    for (line, word) in [
        ("OpenFileCache maybe", "Off, On or Timed"),
        ("OpenFileCacheEntries 0", "above 0"),
        ("OpenFileCacheBytes many", "a number of bytes"),
        ("OpenFileCacheValid 0", "seconds above 0"),
    ] {
        Setup::new().conf(line).check().exit(1).err(word);
    }
}
