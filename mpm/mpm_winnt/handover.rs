//! What the control process hands to a child: the bytes of the configuration that it has checked, the sockets, and the events
//! by which the two speak. All of it goes through the child's standard input, once; then that is closed.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::windows::io::AsHandle;

use super::child::{self, Orders, Start};
use super::house::Door;
use super::system::{self, give, give_self, given, socket_for, socket_from, Event};
use crate::config::source::{put_piece, take_piece, ConfigSource};
use crate::listen::Listener;
use crate::mpm::Owner;
use crate::server::Generation;
use crate::sync::Shared;

/// The variable that tells a program that it is a child: the number of its control process.
pub const PARENT: &str = "AP_PARENT_PID";

/// What a child has been given. A configuration is read of `source`, and served by [`Handed::serve`].
pub struct Handed {
    /// The configuration as the control process has read it.
    pub source: ConfigSource,
    /// The generation's number.
    pub number: u32,
    server_started: u64,
    doors: Vec<Door>,
    orders: Orders,
}

/// What this program has been given, if it is a child.
pub fn handed() -> io::Result<Option<Handed>> {
    if std::env::var_os(PARENT).is_none() {
        return Ok(None);
    }
    // Programs that this child starts are no children of that kind.
    std::env::remove_var(PARENT);
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    system::start_sockets()?;
    read(&mut bytes.as_slice()).map(Some)
}

fn read(input: &mut &[u8]) -> io::Result<Handed> {
    let orders = Orders {
        finish: event(input)?,
        stop: event(input)?,
        ready: event(input)?,
        worn: event(input)?,
        control: Some(given(number(input)?)?),
    };
    let generation = u32::try_from(number(input)?).map_err(|_| unreadable())?;
    let server_started = number(input)?;
    let mut doors = Vec::new();
    for _ in 0..number(input)? {
        doors.push(Door {
            socket: socket_from(piece(input)?)?,
            addr: text(input)?.parse().map_err(|_| unreadable())?,
            protocol: text(input)?,
        });
    }
    Ok(Handed {
        source: ConfigSource::from_bytes(piece(input)?).ok_or_else(unreadable)?,
        number: generation,
        server_started,
        doors,
        orders,
    })
}

fn unreadable() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the control process cannot be understood",
    )
}

fn piece<'a>(input: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    take_piece(input).ok_or_else(unreadable)
}

fn text(input: &mut &[u8]) -> io::Result<String> {
    String::from_utf8(piece(input)?.to_vec()).map_err(|_| unreadable())
}

fn number(input: &mut &[u8]) -> io::Result<u64> {
    let bytes = piece(input)?.try_into().map_err(|_| unreadable())?;
    Ok(u64::from_le_bytes(bytes))
}

fn event(input: &mut &[u8]) -> io::Result<Event> {
    Ok(given(number(input)?)?.into())
}

impl Handed {
    /// Serves as the child, until told to end; gives the exit code.
    pub fn serve(self, generation: Shared<Generation>, owner: &mut dyn Owner) -> i32 {
        // Ctrl-C reaches all programs of a console; what it means is for the control process to say.
        let _ = system::ignore_interrupts();
        let start = Start {
            generation,
            doors: self.doors,
            server_started: self.server_started,
            orders: self.orders,
        };
        child::serve(start, owner)
    }
}

/// Hands over all that a new child needs. An error: the child has ended, or the system lacks something.
pub fn hand(
    to: &mut std::process::Child,
    orders: &Orders,
    generation: &Generation,
    server_started: u64,
) -> io::Result<()> {
    let mut out = Vec::new();
    let mut put = |number: u64| put_piece(&mut out, &number.to_le_bytes());
    for event in [&orders.finish, &orders.stop, &orders.ready, &orders.worn] {
        put(give(event, to.as_handle())?);
    }
    put(give_self(to.as_handle())?);
    put(u64::from(generation.number));
    put(server_started);
    put(generation.listeners.len() as u64);
    for listener in &generation.listeners {
        put_piece(&mut out, &socket_for(listener_socket(listener), to.id())?);
        put_piece(&mut out, listener.addr().to_string().as_bytes());
        put_piece(&mut out, listener.protocol());
    }
    put_piece(&mut out, &generation.source.to_bytes());
    let Some(mut input) = to.stdin.take() else {
        return Err(unreadable());
    };
    input.write_all(&out)
}

fn listener_socket(listener: &Listener) -> crate::os::fd::BorrowedFd<'_> {
    crate::os::fd::AsFd::as_fd(listener)
}

/// The doors of a process that serves by itself (`-X`).
pub fn own_doors(generation: &Generation) -> io::Result<Vec<Door>> {
    let door = |listener: &Listener| {
        let addr: SocketAddr = listener.addr();
        Ok(Door {
            socket: listener_socket(listener).try_clone_to_owned()?,
            addr,
            protocol: listener.protocol().to_string(),
        })
    };
    generation.listeners.iter().map(door).collect()
}
