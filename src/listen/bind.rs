//! Makes the listening sockets of a generation: those the generation before has are taken over, the others are bound, as root
//! and before anything is forked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use bstr::{BStr, BString};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{ListenSpec, Listener};
use crate::os::{errno, socket};

/// What the configuration says of all listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Connections the kernel keeps until they are taken (ListenBackLog).
    pub backlog: i32,
    /// Bytes, 0 for the system's choice (SendBufferSize).
    pub send_buffer: usize,
    /// Bytes, 0 for the system's choice (ReceiveBufferSize).
    pub receive_buffer: usize,
    /// Seconds to wait for a connection's first bytes where its protocol has a filter, on Linux (ListenTCPDeferAccept).
    pub defer_seconds: u32,
    /// Protocols with their filters (AcceptFilter); the last one for a protocol holds. `none`: no filter.
    pub filters: Vec<(BString, BString)>,
    /// Groups of children, each with its own sockets (ListenCoresBucketsRatio); 1 for no groups.
    pub buckets: usize,
    /// An IPv6 socket for all addresses takes IPv4 connections too.
    pub v4_mapped: bool,
}

impl Default for Options {
    fn default() -> Options {
        let (http, https) = if cfg!(any(target_os = "freebsd", target_os = "netbsd")) {
            ("httpready", "dataready")
        } else {
            ("data", "data")
        };
        // These keep the families apart by default.
        let apart = cfg!(any(
            target_os = "freebsd",
            target_os = "netbsd",
            target_os = "openbsd",
            target_os = "dragonfly"
        ));
        Options {
            backlog: 511,
            send_buffer: 0,
            receive_buffer: 0,
            defer_seconds: 30,
            filters: vec![("http".into(), http.into()), ("https".into(), https.into())],
            buckets: 1,
            v4_mapped: !apart,
        }
    }
}

impl Options {
    /// The filter of a protocol.
    fn filter(&self, protocol: &BStr) -> Option<&BStr> {
        let found = self
            .filters
            .iter()
            .rev()
            .find(|(name, _)| name.eq_ignore_ascii_case(protocol))?;
        (!found.1.eq_ignore_ascii_case(b"none")).then_some(BStr::new(&found.1))
    }
}

/// Something that went wrong, in the words of Apache's log.
#[derive(Debug)]
pub struct Problem {
    /// What the system said, where it was asked.
    pub error: Option<io::Error>,
    /// Begins with the message's number, where it has one.
    pub message: String,
}

impl Problem {
    fn new(error: io::Error, number: u32, what: String) -> Problem {
        Problem {
            error: Some(error),
            message: format!("AH{number:05}: {what}"),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(error) = &self.error {
            let text = error.to_string();
            let words = text.split(" (os error").next().unwrap_or_default();
            write!(f, "({}){words}: ", error.raw_os_error().unwrap_or_default())?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// What was bound, and what went wrong without being fatal, to be logged.
#[derive(Debug, Default)]
pub struct Bound {
    /// In the order of the configuration, the buckets of one address together.
    pub listeners: Vec<Listener>,
    /// What a server can live with.
    pub warnings: Vec<Problem>,
}

/// Binds all that the configuration names. A socket of `inherited` with the same address and port (and bucket) is used again;
/// the others of it are the caller's to close. An error holds every reason; nothing stays bound then that was not before.
pub fn bind_all(
    specs: &[ListenSpec],
    options: &Options,
    inherited: &[Listener],
) -> Result<Bound, Vec<Problem>> {
    let mut bound = Bound::default();
    let mut failed = Vec::new();
    for spec in specs {
        let done = match spec.addr {
            Some(addr) => bind(spec, addr, options, inherited, &mut bound),
            None => bind_any(spec, options, inherited, &mut bound),
        };
        if let Err(mut problems) = done {
            failed.append(&mut problems);
        }
    }
    if failed.is_empty() && bound.listeners.is_empty() {
        failed.push(Problem {
            error: None,
            message: "no listening sockets available, shutting down".to_owned(),
        });
    }
    if failed.is_empty() {
        Ok(bound)
    } else {
        Err(failed)
    }
}

/// All addresses: IPv6 first, then IPv4 unless the first takes both. One of the two is enough.
fn bind_any(
    spec: &ListenSpec,
    options: &Options,
    inherited: &[Listener],
    bound: &mut Bound,
) -> Result<(), Vec<Problem>> {
    let six = bind(
        spec,
        Ipv6Addr::UNSPECIFIED.into(),
        options,
        inherited,
        bound,
    );
    if six.is_ok() && options.v4_mapped {
        return Ok(());
    }
    let four = bind(
        spec,
        Ipv4Addr::UNSPECIFIED.into(),
        options,
        inherited,
        bound,
    );
    match (six, four) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(mut problems), Ok(())) => {
            // A system without IPv6 is not worth a word.
            problems.retain(|problem| {
                let number = problem.error.as_ref().and_then(io::Error::raw_os_error);
                number != Some(errno::EAFNOSUPPORT)
            });
            bound.warnings.append(&mut problems);
            Ok(())
        }
        (Ok(()), Err(problems)) => Err(problems),
        (Err(mut six), Err(mut four)) => {
            six.append(&mut four);
            Err(six)
        }
    }
}

/// One address: a socket in each bucket.
fn bind(
    spec: &ListenSpec,
    addr: IpAddr,
    options: &Options,
    inherited: &[Listener],
    bound: &mut Bound,
) -> Result<(), Vec<Problem>> {
    let addr = match addr {
        IpAddr::V4(ip) => SocketAddr::from((ip, spec.port)),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, spec.port, 0, spec.scope).into(),
    };
    if is_covered(addr, options, &bound.listeners) {
        return Ok(());
    }
    let mut made = Vec::new();
    for bucket in 0..options.buckets.max(1) {
        let before = inherited
            .iter()
            .find(|old| old.addr == addr && old.bucket == bucket);
        let listener = match before {
            Some(old) => {
                let again = old
                    .duplicate()
                    .map_err(|error| failed(error, 78, "could not duplicate the socket of", addr));
                again.map(|old| Listener {
                    protocol: spec.protocol.clone(),
                    ..old
                })
            }
            None => make(spec, addr, bucket, options),
        };
        match listener.and_then(|listener| tune(listener, options, &mut bound.warnings)) {
            Ok(listener) => made.push(listener),
            Err(problem) => return Err(vec![problem]),
        }
    }
    bound.listeners.append(&mut made);
    Ok(())
}

/// Whether a socket for all addresses of IPv6 already takes the connections of this one for all of IPv4.
fn is_covered(addr: SocketAddr, options: &Options, listeners: &[Listener]) -> bool {
    let all_of_six = |listener: &Listener| {
        listener.addr.is_ipv6()
            && listener.addr.ip().is_unspecified()
            && listener.addr.port() == addr.port()
    };
    let all_of_four = addr.is_ipv4() && addr.ip().is_unspecified();
    all_of_four && options.v4_mapped && listeners.iter().any(all_of_six)
}

fn failed(error: io::Error, number: u32, what: &str, addr: SocketAddr) -> Problem {
    Problem::new(error, number, format!("make_sock: {what} address {addr}"))
}

/// A fresh socket, bound.
fn make(
    spec: &ListenSpec,
    addr: SocketAddr,
    bucket: usize,
    options: &Options,
) -> Result<Listener, Problem> {
    let option = |name: &'static str, number| {
        move |error| {
            Problem::new(
                error,
                number,
                format!("make_sock: for address {addr}, apr_socket_opt_set: ({name})"),
            )
        }
    };
    let socket = open(addr, spec.multipath).map_err(|error| {
        Problem::new(
            error,
            78,
            format!("alloc_listener: failed to get a socket for {}", addr.ip()),
        )
    })?;
    socket
        .set_nonblocking(true)
        .map_err(option("O_NONBLOCK", 78))?;
    socket::claim_address(&socket).map_err(option("SO_REUSEADDR", 69))?;
    socket
        .set_keepalive(true)
        .map_err(option("SO_KEEPALIVE", 71))?;
    if addr.is_ipv6() {
        let only = !(options.v4_mapped && addr.ip().is_unspecified());
        socket
            .set_only_v6(only)
            .map_err(option("IPV6_V6ONLY", 70))?;
    }
    if options.buckets > 1 || spec.reuse_port {
        socket::set_reuse_port(&socket).map_err(option("SO_REUSEPORT", 69))?;
    }
    if spec.free_bind {
        socket::set_free_bind(&socket).map_err(option("IP_FREEBIND", 69))?;
    }
    socket
        .bind(&SockAddr::from(addr))
        .map_err(|error| failed(error, 72, "could not bind to", addr))?;
    // With port 0, which no directive can say but a test can, the kernel chose.
    let addr = socket
        .local_addr()
        .ok()
        .and_then(|addr| addr.as_socket())
        .unwrap_or(addr);
    Ok(Listener {
        socket: socket.into(),
        addr,
        protocol: spec.protocol.clone(),
        bucket,
        lent: false,
    })
}

fn open(addr: SocketAddr, multipath: bool) -> io::Result<Socket> {
    let domain = Domain::for_address(addr);
    #[cfg(target_os = "linux")]
    if multipath {
        return Socket::new(domain, Type::STREAM, Some(Protocol::MPTCP));
    }
    if multipath {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
}

/// What can be set on a socket that already listens too: a new generation may want it otherwise.
fn tune(
    listener: Listener,
    options: &Options,
    warnings: &mut Vec<Problem>,
) -> Result<Listener, Problem> {
    let addr = listener.addr;
    let socket = socket2::SockRef::from(&listener.socket);
    let mut warn = |done: io::Result<()>, number, what: &str| {
        if let Err(error) = done {
            warnings.push(Problem::new(
                error,
                number,
                format!("make_sock: {what} for address {addr}, using default"),
            ));
        }
    };
    if options.send_buffer > 0 {
        warn(
            socket.set_send_buffer_size(options.send_buffer),
            74,
            "failed to set SendBufferSize",
        );
    }
    if options.receive_buffer > 0 {
        warn(
            socket.set_recv_buffer_size(options.receive_buffer),
            75,
            "failed to set ReceiveBufferSize",
        );
    }
    // Connections inherit it on Linux; a socket that cannot have it (handed down, of another family) does without.
    let _ = socket.set_tcp_nodelay(true);
    socket
        .listen(options.backlog)
        .map_err(|error| failed(error, 73, "unable to listen for connections on", addr))?;
    let filter = options.filter(BStr::new(&listener.protocol));
    let deferred = socket::set_accept_filter(
        &listener.socket,
        filter.map(|name| &**name),
        options.defer_seconds,
    );
    if let Err(error) = deferred {
        // A kernel without the filter serves as well.
        if error.kind() != io::ErrorKind::Unsupported {
            let what = format!(
                "Failed to enable the '{}' Accept Filter",
                filter.unwrap_or_default()
            );
            warnings.push(Problem::new(error, 76, what));
        }
    }
    Ok(listener)
}
