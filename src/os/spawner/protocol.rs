//! What is said on a private socket: one request, one answer, one farewell. Both sides are the same program, so there are
//! no versions; but whoever writes a request may mean ill, so nothing of it is believed: [`Request::decode`] takes any bytes.
//!
//! ```text
//! request   u32 length of what follows, then the fields of Request in order; descriptors ride on its first bytes
//! answer    u8 'S' started, u32 pid       or  u8 'E' error, u32 number of the system's error
//! farewell  u8 'X' exit, u32 code         or  u8 'K' killed, u32 signal, plus 256 if it dumped core
//! ```

use crate::os::limits::Resource;
use crate::os::process::Exit;
use crate::os::program::{Identity, OnLoss, Request};
use std::ffi::CString;
use std::io;

/// The longest request: an environment made of the largest head a server may be told to accept.
pub(super) const LONGEST: usize = 4 << 20;

/// The bytes of an answer or a farewell.
pub(super) const REPLY: usize = 5;

/// Order is number on the wire.
const RESOURCES: [Resource; 5] = [
    Resource::Cpu,
    Resource::Memory,
    Resource::Processes,
    Resource::Files,
    Resource::Core,
];

impl Request {
    /// The request with its length, and which of the standard three come as descriptors. `InvalidInput` if it is too long.
    pub(super) fn encode(&self, given: [bool; 3]) -> io::Result<Vec<u8>> {
        let mut out = vec![0; 4];
        out.push(matches!(self.on_loss, OnLoss::Kill).into());
        out.extend(given.map(u8::from));
        put_bytes(&mut out, &self.program);
        put_list(&mut out, &self.arguments);
        put_list(&mut out, &self.environment);
        put_bytes(&mut out, &self.folder);
        put_number(&mut out, self.limits.len());
        for (resource, soft, hard) in &self.limits {
            let number = RESOURCES.iter().position(|known| known == resource);
            out.push(number.unwrap_or_default() as u8);
            out.extend(soft.to_be_bytes());
            out.extend(hard.to_be_bytes());
        }
        out.push(self.identity.is_some().into());
        if let Some(identity) = &self.identity {
            out.extend(identity.uid.to_be_bytes());
            out.extend(identity.gid.to_be_bytes());
            put_bytes(&mut out, identity.name.to_bytes());
        }
        let length = out.len() - 4;
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let prefix = (length as u32).to_be_bytes();
        out.splice(..4, prefix);
        Ok(out)
    }

    /// Reads a request without its length. `None` for anything that [`Request::encode`] does not make.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Request, [bool; 3])> {
        let mut from = Reader(bytes);
        let on_loss = match from.flag()? {
            true => OnLoss::Kill,
            false => OnLoss::Leave,
        };
        let given = [from.flag()?, from.flag()?, from.flag()?];
        let request = Request {
            on_loss,
            program: from.bytes()?,
            arguments: from.list()?,
            environment: from.list()?,
            folder: from.bytes()?,
            limits: from.limits()?,
            identity: from.identity()?,
        };
        from.0.is_empty().then_some((request, given))
    }
}

fn put_number(out: &mut Vec<u8>, number: usize) {
    // What does not fit is far too long, which encode() then refuses by the whole length.
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    out.extend(number.to_be_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_list(out: &mut Vec<u8>, list: &[Vec<u8>]) {
    put_number(out, list.len());
    for bytes in list {
        put_bytes(out, bytes);
    }
}

/// Takes fields off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.take(1)? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }

    fn long(&mut self) -> Option<u64> {
        let bytes = self.take(8)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes))
    }

    /// Bytes that become a C string: none of them is NUL.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.number()?).ok()?;
        let bytes = self.take(length)?;
        (!bytes.contains(&0)).then(|| bytes.to_vec())
    }

    fn list(&mut self) -> Option<Vec<Vec<u8>>> {
        // No room is made on the word of a count.
        let count = self.number()?;
        (0..count).map(|_| self.bytes()).collect()
    }

    fn limits(&mut self) -> Option<Vec<(Resource, u64, u64)>> {
        let count = self.number()?;
        let limit = |from: &mut Self| {
            let &[number] = from.take(1)? else {
                return None;
            };
            let resource = RESOURCES.get(usize::from(number))?;
            Some((*resource, from.long()?, from.long()?))
        };
        (0..count).map(|_| limit(self)).collect()
    }

    fn identity(&mut self) -> Option<Option<Identity>> {
        if !self.flag()? {
            return Some(None);
        }
        let (uid, gid) = (self.number()?, self.number()?);
        let name = CString::new(self.bytes()?).ok()?;
        Some(Some(Identity { uid, gid, name }))
    }
}

/// What the spawner says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Started(u32),
    Failed(u32),
    Ended(Exit),
}

impl Reply {
    pub fn encode(self) -> [u8; REPLY] {
        let (tag, number) = match self {
            Reply::Started(pid) => (b'S', pid),
            Reply::Failed(error) => (b'E', error),
            Reply::Ended(Exit::Code(code)) => (b'X', code as u32),
            Reply::Ended(Exit::Signal { signal, core }) => {
                (b'K', signal as u32 & 255 | u32::from(core) << 8)
            }
        };
        let [a, b, c, d] = number.to_be_bytes();
        [tag, a, b, c, d]
    }

    pub fn decode([tag, a, b, c, d]: [u8; REPLY]) -> io::Result<Reply> {
        let number = u32::from_be_bytes([a, b, c, d]);
        Ok(match tag {
            b'S' => Reply::Started(number),
            b'E' => Reply::Failed(number),
            b'X' => Reply::Ended(Exit::Code(number as i32)),
            b'K' => Reply::Ended(Exit::Signal {
                signal: (number & 255) as i32,
                core: number & 256 != 0,
            }),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(1u8.., 0..40)
    }

    fn request() -> impl Strategy<Value = Request> {
        let list = || proptest::collection::vec(text(), 0..8);
        let limit = (0usize..5, any::<u64>(), any::<u64>());
        let limits = proptest::collection::vec(limit, 0..4);
        let identity = proptest::option::of((any::<u32>(), any::<u32>(), text()));
        (
            any::<bool>(),
            text(),
            list(),
            list(),
            text(),
            limits,
            identity,
        )
            .prop_map(
                |(kill, program, arguments, environment, folder, limits, identity)| Request {
                    on_loss: if kill { OnLoss::Kill } else { OnLoss::Leave },
                    program,
                    arguments,
                    environment,
                    folder,
                    limits: limits
                        .into_iter()
                        .map(|(number, soft, hard)| (RESOURCES[number], soft, hard))
                        .collect(),
                    identity: identity.map(|(uid, gid, name)| Identity {
                        uid,
                        gid,
                        name: CString::new(name).expect("no NUL"),
                    }),
                },
            )
    }

    proptest! {
        #[test]
        fn requests_go_round(request in request(), given: [bool; 3]) {
            let bytes = request.encode(given).expect("short");
            prop_assert_eq!(u32::from_be_bytes(bytes[..4].try_into().expect("four")) as usize, bytes.len() - 4);
            prop_assert_eq!(Request::decode(&bytes[4..]), Some((request, given)));
        }

        #[test]
        fn cut_or_changed_requests_never_panic(request in request(), cut: usize, at: usize, to: u8) {
            let mut bytes = request.encode([true; 3]).expect("short");
            prop_assert_eq!(Request::decode(&bytes[4..4 + cut % (bytes.len() - 4)]), None);
            let at = 4 + at % (bytes.len() - 4);
            bytes[at] = to;
            Request::decode(&bytes[4..]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            Request::decode(&bytes);
        }
    }

    #[test]
    fn replies_go_round() {
        let signal = Exit::Signal {
            signal: 11,
            core: true,
        };
        for reply in [
            Reply::Started(4242),
            Reply::Failed(13),
            Reply::Ended(Exit::Code(255)),
            Reply::Ended(signal),
        ] {
            assert_eq!(Reply::decode(reply.encode()).expect("known"), reply);
        }
        assert!(Reply::decode([0; REPLY]).is_err());
    }

    #[test]
    fn a_request_has_an_end() {
        let mut request = Request::new("/bin/true", OnLoss::Leave);
        request.environment = vec![vec![b'x'; LONGEST]];
        assert!(request.encode([false; 3]).is_err());
    }
}
