//! The threads that accept, one for each listener. `AcceptFilter` chooses how: by AcceptEx (`connect`, and `data`, which was a
//! way to hold the server up), or by plain accept (`none`), which is also what is fallen back to when AcceptEx keeps failing, as
//! it does under some firewalls and virus scanners.

use std::io;
use std::os::windows::io::{AsHandle, AsSocket};
use std::time::Duration;

use windows_sys::Win32::Foundation::ERROR_NETNAME_DELETED;
use windows_sys::Win32::Networking::WinSock::{
    WSAEACCES, WSAECONNABORTED, WSAECONNRESET, WSAEINPROGRESS, WSAEINTR, WSAEMFILE, WSAENOBUFS,
    WSAEWOULDBLOCK,
};

use super::house::{Door, House};
use super::port::{Accept, AcceptEx, Taken};
use super::system::wait_any;
use crate::log::Level;
use crate::server::Generation;

/// Failures in a row after which another way is tried, or none any more.
const TOO_MANY: u32 = 10;

/// How long to wait when the system lacks something.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait for a thread before the next look.
const ROUND: Duration = Duration::from_secs(1);

/// A peer that went away before it was taken: AcceptEx says so in the words of files.
const GONE: i32 = ERROR_NETNAME_DELETED as i32;

/// What became of one round.
enum Round {
    Taken(Taken),
    /// Wait again.
    Again,
    /// The child takes no more connections.
    Shut,
}

/// Takes connections until the child is told to take no more. An error: the child cannot go on.
pub fn accept(house: &House, door: &Door, number: usize) -> Result<(), String> {
    if !uses_accept_ex(&house.generation, &door.protocol) {
        return plain(house, door, number);
    }
    match by_accept_ex(house, door, number) {
        true => Ok(()),
        false => plain(house, door, number),
    }
}

/// What AcceptFilter says for this protocol.
fn uses_accept_ex(generation: &Generation, protocol: &str) -> bool {
    let filters = &generation.main.accept_filters;
    let rule = filters.iter().find(|(known, _)| known == protocol);
    match rule {
        Some((_, filter)) => filter != "none",
        // Other protocols have none where the configuration says nothing.
        None => matches!(protocol, "http" | "https" | ""),
    }
}

/// False: AcceptEx is given up.
fn by_accept_ex(house: &House, door: &Door, number: usize) -> bool {
    let mut faults = 0;
    let mut listener = match AcceptEx::new(door.socket.as_socket(), door.addr) {
        Ok(listener) => listener,
        Err(error) => return fall_back(house, &error),
    };
    while wait_for_room(house) {
        match one_by_accept_ex(house, &mut listener) {
            Ok(Round::Taken(taken)) => house.arrive(taken, number),
            Ok(Round::Again) => {}
            Ok(Round::Shut) => break,
            Err(error) if is_of_the_peer(&error) => continue,
            Err(error) => {
                faults += 1;
                if faults > TOO_MANY {
                    return fall_back(house, &error);
                }
                pause(house, &error);
                continue;
            }
        }
        faults = 0;
    }
    if let Some(taken) = listener.stop() {
        house.arrive(taken, number);
    }
    true
}

fn one_by_accept_ex(house: &House, listener: &mut AcceptEx<'_>) -> io::Result<Round> {
    listener.start()?;
    match wait_any(&[listener.event(), house.shut.as_handle()], None)? {
        Some(0) => listener.finish().map(Round::Taken),
        _ => Ok(Round::Shut),
    }
}

/// The peer, or somebody on the way, gave up: nothing is wrong here.
fn is_of_the_peer(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    [WSAECONNRESET, WSAECONNABORTED, WSAEACCES, WSAEINTR, GONE]
        .iter()
        .any(|known| number == Some(*known))
}

/// Without memory or handles trying again at once does no good.
fn pause(house: &House, error: &io::Error) {
    if matches!(error.raw_os_error(), Some(WSAENOBUFS | WSAEMFILE)) {
        let _ = wait_any(&[house.shut.as_handle()], Some(PAUSE));
    }
}

fn fall_back(house: &House, error: &io::Error) -> bool {
    let voice = house.voice();
    let told = format!("Encountered too many AcceptEx faults accepting client connections. Possible causes: dynamic address renewal, or incompatible VPN or firewall software. The last one: {error}");
    voice.own(Level::Warn, 20_430, told);
    voice.own(Level::Warn, 20_431, "falling back to 'AcceptFilter none'.");
    false
}

fn plain(house: &House, door: &Door, number: usize) -> Result<(), String> {
    let given_up = |error: io::Error| format!("accept: (client socket): {error}");
    let listener = Accept::new(door.socket.as_socket()).map_err(given_up)?;
    let mut faults = 0;
    while wait_for_room(house) {
        match one_by_accept(house, &listener) {
            Ok(Round::Taken(taken)) => {
                faults = 0;
                house.arrive(taken, number);
            }
            Ok(Round::Again) => {}
            Ok(Round::Shut) => break,
            Err(error) if matches!(error.raw_os_error(), Some(WSAENOBUFS | WSAEMFILE)) => {
                faults += 1;
                if faults > TOO_MANY {
                    return Err(given_up(error));
                }
                pause(house, &error);
            }
            Err(error) => return Err(given_up(error)),
        }
    }
    Ok(())
}

fn one_by_accept(house: &House, listener: &Accept<'_>) -> io::Result<Round> {
    match wait_any(&[listener.event(), house.shut.as_handle()], None)? {
        Some(0) => {}
        _ => return Ok(Round::Shut),
    }
    match listener.take() {
        Ok(taken) => Ok(Round::Taken(taken)),
        Err(error) => match error.raw_os_error() {
            Some(WSAEWOULDBLOCK | WSAEINPROGRESS) => Ok(Round::Again),
            _ if is_of_the_peer(&error) => Ok(Round::Again),
            _ => Err(error),
        },
    }
}

/// Waits until a thread can be found for one connection more; false if none is to be taken any more.
fn wait_for_room(house: &House) -> bool {
    while !house.shut.is_set() {
        if !house.is_full() {
            return true;
        }
        house.tell_full();
        let room = house.starve();
        // Asked once more: somebody may have left before we said that we wait.
        if house.is_full() {
            let _ = wait_any(&[room, house.shut.as_handle()], Some(ROUND));
        }
        house.fed();
    }
    false
}
