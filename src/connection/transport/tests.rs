//! The two transports and the functions over them.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;
use crate::os::socket;
use crate::run::{Executor, Fd};

const SOON: Duration = Duration::from_secs(20);

fn connected() -> (TcpTransport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = listener.local_addr().unwrap();
    let client = TcpStream::connect(local).unwrap();
    let (fd, peer) = socket::accept(&listener).unwrap();
    (TcpTransport::new(Fd::new(fd), local, peer), client)
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn a_socket_reads_and_writes() {
    let executor = Executor::new().unwrap();
    let (mut transport, mut client) = connected();
    assert_eq!(transport.peer_addr(), client.local_addr().unwrap());
    assert_eq!(transport.local_addr(), client.peer_addr().unwrap());
    let big: Vec<u8> = (0..4_000_000u32).map(|n| n as u8).collect();
    let expected = [b"head".to_vec(), big.clone(), b"tail".to_vec()].concat();
    client.write_all(b"ask").unwrap();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        all
    });
    executor.block_on(async {
        let deadline = Some(Instant::now() + SOON);
        let mut buf = [0; 16];
        assert_eq!(
            read_until(&mut transport, &mut buf, deadline)
                .await
                .unwrap(),
            3
        );
        let mut slices = [
            IoSlice::new(b"head"),
            IoSlice::new(b""),
            IoSlice::new(&big),
            IoSlice::new(b"tail"),
        ];
        write_all_vectored_until(&mut transport, &mut slices, deadline)
            .await
            .unwrap();
        shutdown_write(&mut transport).await.unwrap();
        assert_eq!(
            read_until(&mut transport, &mut buf, deadline)
                .await
                .unwrap(),
            0
        );
    });
    assert!(reader.join().unwrap() == expected);
}

#[test]
fn a_socket_sends_files() {
    let executor = Executor::new().unwrap();
    let bytes: Vec<u8> = (0..5_000_000u32).map(|n| (n >> 3) as u8).collect();
    let file = file_of(&bytes);
    let (mut transport, mut client) = connected();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        all
    });
    executor.block_on(async {
        let deadline = Some(Instant::now() + SOON);
        send_file_all_until(&mut transport, &file, 10, 4_999_000, deadline)
            .await
            .unwrap();
        let beyond = send_file_all_until(&mut transport, &file, 4_999_990, 11, deadline).await;
        assert_eq!(beyond.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        // What a system without sendfile does.
        let copied =
            std::future::poll_fn(|cx| poll_copy_file(&mut transport, cx, &file, 0, 5)).await;
        assert_eq!(copied.unwrap(), 5);
        shutdown_write(&mut transport).await.unwrap();
    });
    let all = reader.join().unwrap();
    assert!(all == [&bytes[10..4_999_010], &bytes[4_999_990..], &bytes[..5]].concat());
}

#[test]
fn deadlines_end_what_hangs() {
    let executor = Executor::new().unwrap();
    let (mut transport, mut client) = connected();
    executor.block_on(async {
        let soon = || Some(Instant::now() + Duration::from_millis(5));
        let read = read_until(&mut transport, &mut [0; 9], soon()).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(
            readable(&mut transport, soon()).await.unwrap_err().kind(),
            ErrorKind::TimedOut
        );
        client.write_all(b"x").unwrap();
        readable(&mut transport, Some(Instant::now() + SOON))
            .await
            .unwrap();
        let much = vec![0; 32 << 20];
        let write = write_all_until(&mut transport, &much, soon()).await;
        assert_eq!(write.unwrap_err().kind(), ErrorKind::TimedOut);
        let file = file_of(b"more");
        let send = send_file_all_until(&mut transport, &file, 0, 4, soon()).await;
        assert_eq!(send.unwrap_err().kind(), ErrorKind::TimedOut);
        let mut hung = MemTransport::new([Script::Hang]);
        let read = read_until(&mut hung, &mut [0; 9], soon()).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
    });
    assert_eq!(executor.running_timers(), 0);
}

#[test]
fn a_script_is_followed() {
    let executor = Executor::new().unwrap();
    let steps = [
        Script::Bytes(b"abc".to_vec()),
        Script::Wait,
        Script::Fail(ErrorKind::ConnectionReset),
    ];
    let mut transport = MemTransport::new(steps).writing_slowly(3);
    executor.block_on(async {
        let mut buf = [0; 2];
        assert_eq!(read(&mut transport, &mut buf).await.unwrap(), 2);
        readable(&mut transport, None).await.unwrap();
        assert_eq!(read(&mut transport, &mut buf).await.unwrap(), 1);
        assert_eq!(
            read(&mut transport, &mut buf).await.unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(read(&mut transport, &mut buf).await.unwrap(), 0);
        write_all(&mut transport, b"0123456789").await.unwrap();
        send_file_all(&mut transport, &file_of(b"a file"), 2, 4)
            .await
            .unwrap();
        let mut slices = [IoSlice::new(b"!"), IoSlice::new(b"four")];
        let mut left = &mut slices[..];
        assert!(flush_slices(&mut transport, &mut left, None).await.unwrap());
        assert!(!flush_slices(&mut transport, &mut left, None).await.unwrap());
        shutdown_write(&mut transport).await.unwrap();
        assert_eq!(
            write_all(&mut transport, b"late").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
    assert_eq!(transport.take_written(), b"0123456789file!four");
    assert!(transport.is_shut_down() && transport.is_read_up() && transport.written().is_empty());
    assert_eq!(transport.reads(), 5);
}

#[test]
fn a_broken_peer_and_single_bytes() {
    let executor = Executor::new().unwrap();
    let mut transport = MemTransport::byte_by_byte(b"xyz").broken(ErrorKind::BrokenPipe);
    executor.block_on(async {
        let mut buf = [0; 8];
        for byte in b"xyz" {
            assert_eq!(read(&mut transport, &mut buf).await.unwrap(), 1);
            assert_eq!(buf[0], *byte);
        }
        assert_eq!(
            write_all(&mut transport, b"x").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        write_all(&mut transport, b"").await.unwrap();
    });
}
