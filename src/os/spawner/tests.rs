//! The spawner with real programs. Each test forks its own, from a thread of the test program: between fork and its loop the
//! spawner allocates nothing that another thread could have locked for long, and it is closed by its control socket.

use super::*;
use crate::os::limits::Resource;
use crate::os::process::Exit;
use std::io::Read;
use std::os::fd::AsFd;

const LIMIT: Duration = Duration::from_secs(20);

fn spawner() -> Spawner {
    Spawner::start(Settings::default()).expect("forked")
}

/// Ends a spawner and reaps it.
fn end(spawner: Spawner) -> Exit {
    let pid = spawner.pid().expect("it runs");
    drop(spawner);
    let exited = process::wait(pid).expect("waited").expect("a child");
    exited.exit
}

fn shell(script: &str, on_loss: OnLoss) -> Request {
    let mut request = Request::new("/bin/sh", on_loss);
    request
        .arguments
        .extend([b"-c".to_vec(), script.as_bytes().to_vec()]);
    request
}

/// Runs a program to its end and gives its output.
fn output(client: &Client, request: &Request) -> (String, Exit) {
    let (read, write) = fd::pipe().expect("a pipe");
    let mut running = client
        .start(request, [None, Some(write.as_fd()), None], LIMIT)
        .expect("started");
    drop(write);
    let mut text = String::new();
    std::fs::File::from(read)
        .read_to_string(&mut text)
        .expect("UTF-8");
    (text, running.wait(LIMIT).expect("ended"))
}

#[test]
fn a_program_runs_as_asked() {
    let spawner = spawner();
    let mut request = shell(
        "echo $0 $A; pwd; ulimit -n; read x || echo none; exit 7",
        OnLoss::Kill,
    );
    request.environment = vec![b"A=b=c".to_vec(), b"PATH=/bin:/usr/bin".to_vec()];
    request.folder = b"/tmp".to_vec();
    request.limits = vec![(Resource::Files, 99, 99)];
    request.arguments[0] = b"name".to_vec();
    let (text, exit) = output(&spawner.client(), &request);
    assert_eq!(text, "name b=c\n/tmp\n99\nnone\n");
    assert_eq!(exit, Exit::Code(7));
    assert_eq!(end(spawner), Exit::Code(0));
}

#[test]
fn errors_are_the_systems() {
    let spawner = spawner();
    let client = spawner.client();
    let start = |program: &str| {
        let request = Request::new(program, OnLoss::Kill);
        let started = client.start(&request, [None; 3], LIMIT);
        started.err().and_then(|error| error.raw_os_error())
    };
    assert_eq!(start("/no/such"), Some(libc::ENOENT));
    assert_eq!(start("sh"), Some(libc::ENOENT));
    assert_eq!(start("/etc/passwd"), Some(libc::EACCES));
    let mut request = shell("true", OnLoss::Kill);
    request.identity = Some(Identity {
        uid: 0,
        gid: 0,
        name: c"root".into(),
    });
    let refused = client.start(&request, [None; 3], LIMIT);
    let error = refused.err().and_then(|error| error.raw_os_error());
    assert_eq!(error, Some(libc::EPERM));
    assert_eq!(end(spawner), Exit::Code(0));
}

#[test]
fn rights_are_given_up_unless_the_parent_asks() {
    let Ok(Some(nobody)) = crate::os::user::user_by_name(b"nobody") else {
        return;
    };
    if crate::os::user::effective_uid() != 0 {
        return;
    }
    let identity = Identity {
        uid: nobody.uid,
        gid: nobody.gid,
        name: c"nobody".into(),
    };
    let mut request = shell("echo $(id -u) $(id -g) $(id -G)", OnLoss::Kill);
    request.environment = vec![b"PATH=/bin:/usr/bin".to_vec()];
    let expected = format!("{} {gid} {gid}\n", nobody.uid, gid = nobody.gid);
    let settings = Settings {
        identity: Some(identity.clone()),
        root: None,
    };
    let spawner = Spawner::start(settings).expect("forked");
    assert_eq!(output(&spawner.client(), &request).0, expected);
    end(spawner);
    let spawner = self::spawner();
    request.identity = Some(identity);
    assert_eq!(output(&spawner.control(), &request).0, expected);
    end(spawner);
}

#[test]
fn a_large_environment_arrives() {
    let spawner = spawner();
    let mut request = shell("env | wc -c", OnLoss::Kill);
    request.environment = vec![b"PATH=/bin:/usr/bin".to_vec()];
    for n in 0..20 {
        let variable = format!("V{n:02}={}", "x".repeat(100_000));
        request.environment.push(variable.into_bytes());
    }
    let (text, exit) = output(&spawner.client(), &request);
    assert_eq!(exit, Exit::Code(0));
    assert!(
        text.trim()
            .parse::<usize>()
            .is_ok_and(|size| size > 2_000_000),
        "{text}"
    );
    end(spawner);
}

#[test]
fn many_at_once() {
    let spawner = spawner();
    let client = spawner.client();
    let mut pending: Vec<Pending> = (0..40)
        .map(|n| {
            let request = shell(&format!("exit {n}"), OnLoss::Kill);
            client.begin(&request, [None; 3]).expect("begun")
        })
        .collect();
    let mut codes = Vec::new();
    for pending in &mut pending {
        let mut running = loop {
            match pending.step().expect("no error") {
                Progress::Started(running) => break running,
                Progress::Read => {
                    let mut waiting = [crate::os::poll::Waiting::to_read(pending)];
                    let _ = crate::os::poll::wait(&mut waiting, Some(LIMIT), None);
                }
                other => panic!("{other:?}"),
            }
        };
        codes.push(running.wait(LIMIT).expect("ended"));
    }
    let expected: Vec<Exit> = (0..40).map(Exit::Code).collect();
    assert_eq!(codes, expected);
    end(spawner);
}

/// A program that holds the writing end of a pipe until it ends, and the reading end.
fn holder(client: &Client, script: &str, on_loss: OnLoss) -> (Running, OwnedFd) {
    let (read, write) = fd::pipe().expect("a pipe");
    let request = shell(script, on_loss);
    let running = client
        .start(&request, [None, Some(write.as_fd()), None], LIMIT)
        .expect("started");
    // Its first byte says that its traps are set.
    assert_eq!(fd::read(&read, &mut [0]).expect("read"), 1);
    (running, read)
}

#[test]
fn lost_interest_ends_a_program() {
    let spawner = spawner();
    let client = spawner.client();
    let script = "trap 'printf T; exit' TERM; printf .; while :; do sleep 0.05; done";
    let (running, read) = holder(&client, script, OnLoss::Kill);
    drop(running);
    let mut buffer = [0];
    assert_eq!(fd::read(&read, &mut buffer).expect("read"), 1);
    assert_eq!(&buffer, b"T");
    end(spawner);
}

#[test]
fn the_end_of_the_parent_ends_programs_but_those_to_be_left() {
    let spawner = spawner();
    let client = spawner.client();
    let (killed, read) = holder(&client, "printf .; exec sleep 60", OnLoss::Kill);
    let (left, kept) = holder(&client, "printf .; exec sleep 60", OnLoss::Leave);
    let pid = left.pid();
    assert_eq!(end(spawner), Exit::Code(0));
    assert_eq!(fd::read(&read, &mut [0]).expect("read"), 0);
    assert!(process::exists(pid));
    process::kill(pid, libc::SIGKILL).expect("our own");
    assert_eq!(fd::read(&kept, &mut [0]).expect("read"), 0);
    drop(killed);
}

#[test]
fn a_successor_serves_who_waited() {
    let mut spawner = spawner();
    let client = spawner.client();
    let first = spawner.pid().expect("it runs");
    process::kill(first, libc::SIGKILL).expect("our own");
    let exited = process::wait(first).expect("waited").expect("a child");
    assert!(spawner.exited(exited.pid) && !spawner.exited(exited.pid));
    let request = shell("exit 3", OnLoss::Kill);
    let mut pending = client.begin(&request, [None; 3]).expect("begun");
    assert!(matches!(pending.step(), Ok(Progress::Read)));
    assert!(!spawner.tend().expect("too early"));
    spawner.started -= PAUSE;
    assert!(spawner.tend().expect("started"));
    let mut waiting = [crate::os::poll::Waiting::to_read(&pending)];
    crate::os::poll::wait(&mut waiting, Some(LIMIT), None).expect("waited");
    let Ok(Progress::Started(mut running)) = pending.step() else {
        panic!("not started");
    };
    assert_eq!(running.wait(LIMIT).expect("ended"), Exit::Code(3));
    end(spawner);
}

#[test]
fn a_retired_one_serves_to_the_last() {
    let spawner = spawner();
    let client = spawner.client();
    let pid = spawner.retire().expect("it ran");
    let (text, _) = output(&client, &shell("echo still", OnLoss::Kill));
    assert_eq!(text, "still\n");
    drop(client);
    let exited = process::wait(pid).expect("waited").expect("a child");
    assert_eq!(exited.exit, Exit::Code(0));
}

#[test]
fn nonsense_is_answered_with_silence() {
    let spawner = spawner();
    let client = spawner.client();
    for nonsense in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x01\x05", b"\0\0\0\0\0"] {
        let (ours, theirs) = socket::pair().expect("a pair");
        fd::write(&ours, nonsense).expect("written");
        let sent = socket::send_with_fds(client.socket(), &[server::CONNECT], &[theirs.as_fd()]);
        sent.expect("sent");
        drop(theirs);
        assert_eq!(fd::read(&ours, &mut [0]).unwrap_or(0), 0);
    }
    assert_eq!(
        output(&client, &shell("echo fine", OnLoss::Kill)).0,
        "fine\n"
    );
    end(spawner);
}
