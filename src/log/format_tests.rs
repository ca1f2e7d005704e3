//! Formats, compared with what Debian's apache2 wrote for the same ones.

use super::*;
use crate::log::site::Mark;
use proptest::prelude::*;
use std::borrow::Cow;
use std::net::SocketAddr;

struct Connection(Mark);

impl ConnectionFacts for Connection {
    fn peer(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 45640))
    }
    fn local(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 18932))
    }
    fn kept_alive(&self) -> u32 {
        1
    }
    fn mark(&self) -> &Mark {
        &self.0
    }
}

struct Request(Mark, Option<&'static str>);

impl RequestFacts for Request {
    fn client(&self) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 7], 45640))
    }
    fn mark(&self) -> &Mark {
        &self.0
    }
    fn host_name(&self) -> Cow<'_, str> {
        "127.0.0.1".into()
    }
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let referer = self.1.filter(|_| name == "Referer");
        referer.map(|text| Cow::Borrowed(text.as_bytes()))
    }
}

/// Renders for a message with client and request, or with neither.
fn render(format: &str, level: Level, referer: Option<&'static str>, client: bool) -> String {
    let error = io::Error::from_raw_os_error(13);
    let (connection, request) = (Connection(Mark::new()), Request(Mark::new(), referer));
    let scene = Scene {
        server: "x.test",
        message: Some(Message {
            module: "authz_core",
            level,
            error: (!client).then_some(&error),
            file: "modules/aaa/authz_core.rs",
            line: 815,
            text: b"AH01630: client denied: /a\xe4\x01b\nc\"d\\e",
        }),
        connection: client.then_some(&connection as &dyn ConnectionFacts),
        request: client.then_some(&request as &dyn RequestFacts),
    };
    let mut out = Vec::new();
    let format = Format(parts(format).expect("a good format"));
    format.render(&scene, &mut out);
    String::from_utf8(out).expect("escaped")
}

#[test]
fn the_default_line() {
    let pid = std::process::id();
    let tid = crate::os::clock::thread_id();
    let line = render(DEFAULT, Level::Error, Some("http://r\"ef/x y\\z"), true);
    assert!(line.starts_with('['));
    let (time, rest) = line.split_once("] ").expect("a time");
    assert_eq!(time.len(), "[Wed Nov 25 09:26:09.268150 2026".len());
    assert_eq!(
        rest,
        format!(
            "[authz_core:error] [pid {pid}:tid {tid}] [client 10.0.0.7:45640] AH01630: client denied: \
             /a\\xe4\\x01b\\nc\"d\\\\e, referer: http://r\"ef/x y\\\\z"
        )
    );
    let line = render(DEFAULT_SYSLOG, Level::Debug, None, true);
    assert_eq!(
        line,
        format!(
            "[authz_core:debug] [pid {pid}:tid {tid}] authz_core.rs(815): [client 10.0.0.7:45640] \
             AH01630: client denied: /a\\xe4\\x01b\\nc\"d\\\\e"
        )
    );
    let line = render(DEFAULT_SYSLOG, Level::Warn, None, false);
    assert_eq!(
        line,
        format!(
            "[authz_core:warn] [pid {pid}:tid {tid}] (13)Permission denied: AH01630: client denied: \
             /a\\xe4\\x01b\\nc\"d\\\\e"
        )
    );
}

#[test]
fn items() {
    let show = |format: &str| render(format, Level::Error, None, true);
    assert_eq!(show("%{c}a %a"), "127.0.0.1:45640 10.0.0.7:45640");
    assert_eq!(
        show("%A k=%k %v %V 100%%"),
        "127.0.0.1:18932 k=1 x.test 127.0.0.1 100%"
    );
    assert_eq!(show("%L").len(), 11);
    assert_eq!(show("%{c}L").len(), 11);
    assert_eq!(show("a %{C}L"), "a");
    assert_eq!(
        show("%l|%m|%F|a\\tb"),
        "error|authz_core|authz_core.rs(815)|a\tb"
    );
    let time = show("%{cu}t");
    assert_eq!(time.len(), "2026-11-25 09:26:09.268150".len());
}

#[test]
fn a_field_goes_with_its_empty_part() {
    let show = |format: &str| render(format, Level::Error, None, true);
    assert_eq!(show("a b%{x}ic d"), "a d");
    assert_eq!(show("[pid 7:tid %{x}i] [x]"), "[pid 7:tid [x]");
    assert_eq!(show("a b%-{x}ic d"), "a b-c d");
    assert_eq!(show("a%+{x}i d"), "");
    assert_eq!(show("a b\\ %{x}i d"), "a d");
    assert_eq!(show("a% %{x}i,b% c"), "ac");
    assert_eq!(show("a %7F b %3F"), "a b authz_core.rs(815)");
    // An empty part beside the message never takes the message away.
    assert!(show("x%M%{x}i").starts_with("xAH01630"));
}

#[test]
fn once_lines_have_no_level() {
    let connection = Connection(Mark::new());
    let scene = Scene {
        server: "x.test",
        message: None,
        connection: Some(&connection),
        request: None,
    };
    let mut out = Vec::new();
    let format = Format::parse_once("CONN %{C}L %a %-m %7v").expect("a good format");
    assert!(format.render(&scene, &mut out));
    let expected = format!("CONN {} 127.0.0.1:45640 - x.test", connection.0.id());
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

#[test]
fn mistakes_read_like_apaches() {
    let cut = Err(CUT_SHORT.to_string());
    assert_eq!(Format::parse("%{a"), cut);
    assert_eq!(Format::parse("%"), cut);
    assert_eq!(
        Format::parse("%Q"),
        Err("Unrecognized error log format directive %Q".into())
    );
    assert!(Format::parse("%t").is_err_and(|text| text.contains("must contain")));
    assert!(Format::parse_once("%M").is_err_and(|text| text.contains("cannot be used")));
    assert!(Format::parse("%M %M").is_ok());
}

proptest! {
    #[test]
    fn any_format_is_read_or_refused(format in ".*") {
        if let Ok(parts) = parts(&format) {
            let scene = Scene { server: "", message: None, connection: None, request: None };
            let mut out = Vec::new();
            Format(parts).render(&scene, &mut out);
            prop_assert!(out.len() < LINE_LIMIT);
        }
    }
}
