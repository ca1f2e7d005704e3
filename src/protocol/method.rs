//! Request methods: the ones Apache knows by number, and sets of them as `<Limit>` and the Allow header need.

/// A request method.
///
/// `Head` is apart from `Get` here, though it stands and falls with it in every set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Method {
    Get,
    Head,
    Put,
    Post,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Propfind,
    Proppatch,
    Mkcol,
    Copy,
    Move,
    Lock,
    Unlock,
    VersionControl,
    Checkout,
    Uncheckout,
    Checkin,
    Update,
    Label,
    Report,
    Mkworkspace,
    Mkactivity,
    BaselineControl,
    Merge,
    /// Any other token; its name is in the request line.
    Other,
}

/// Every known method with its name, in the order in which an Allow header lists them.
const NAMES: [(Method, &str); 27] = [
    (Method::Get, "GET"),
    (Method::Head, "HEAD"),
    (Method::Post, "POST"),
    (Method::Options, "OPTIONS"),
    (Method::Put, "PUT"),
    (Method::Delete, "DELETE"),
    (Method::Connect, "CONNECT"),
    (Method::Trace, "TRACE"),
    (Method::Patch, "PATCH"),
    (Method::Propfind, "PROPFIND"),
    (Method::Proppatch, "PROPPATCH"),
    (Method::Mkcol, "MKCOL"),
    (Method::Copy, "COPY"),
    (Method::Move, "MOVE"),
    (Method::Lock, "LOCK"),
    (Method::Unlock, "UNLOCK"),
    (Method::VersionControl, "VERSION-CONTROL"),
    (Method::Checkout, "CHECKOUT"),
    (Method::Uncheckout, "UNCHECKOUT"),
    (Method::Checkin, "CHECKIN"),
    (Method::Update, "UPDATE"),
    (Method::Label, "LABEL"),
    (Method::Report, "REPORT"),
    (Method::Mkworkspace, "MKWORKSPACE"),
    (Method::Mkactivity, "MKACTIVITY"),
    (Method::BaselineControl, "BASELINE-CONTROL"),
    (Method::Merge, "MERGE"),
];

impl Method {
    /// The method of this name; methods are compared with case (RFC 9110 section 9.1).
    pub fn from_name(name: &[u8]) -> Method {
        match name {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            _ => NAMES
                .iter()
                .find(|(_, known)| known.as_bytes() == name)
                .map_or(Method::Other, |(method, _)| *method),
        }
    }

    /// Its name; empty for `Other`, whose name only the request knows.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(method, _)| *method == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether it asks for a representation: GET and HEAD, the methods that answer 304 and 206.
    pub const fn is_get(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }

    /// Whether it promises to change nothing (RFC 9110 section 9.2.1).
    pub const fn is_safe(self) -> bool {
        matches!(
            self,
            Method::Get
                | Method::Head
                | Method::Options
                | Method::Trace
                | Method::Propfind
                | Method::Report
        )
    }
}

/// A set of known methods, and one bit for "any other".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MethodSet(u32);

impl MethodSet {
    /// No method.
    pub const NONE: MethodSet = MethodSet(0);
    /// Every method, unknown ones too.
    pub const ALL: MethodSet = MethodSet(u32::MAX);

    /// The set of one method.
    pub const fn of(method: Method) -> MethodSet {
        MethodSet(bit(method))
    }

    /// Puts a method in; GET brings HEAD.
    pub fn insert(&mut self, method: Method) {
        self.0 |= bit(method);
    }

    /// Takes a method out; GET takes HEAD along.
    pub fn remove(&mut self, method: Method) {
        self.0 &= !bit(method);
    }

    /// Whether the method is in the set.
    pub const fn contains(self, method: Method) -> bool {
        self.0 & bit(method) != 0
    }

    /// Whether no method is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Every method that is not in the set: what `<LimitExcept>` names.
    pub const fn complement(self) -> MethodSet {
        MethodSet(!self.0)
    }

    /// The methods of either set.
    pub const fn union(self, other: MethodSet) -> MethodSet {
        MethodSet(self.0 | other.0)
    }

    /// The known methods of the set, in the order of an Allow header.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        NAMES
            .iter()
            .map(|(method, _)| *method)
            .filter(move |method| self.contains(*method))
    }

    /// The value of an Allow header: the known methods of the set, HEAD with GET, commas between.
    pub fn allow(self) -> String {
        let names: Vec<&str> = self.iter().map(Method::name).collect();
        names.join(",")
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> MethodSet {
        let mut set = MethodSet::NONE;
        for method in methods {
            set.insert(method);
        }
        set
    }
}

/// A method's bit; GET and HEAD share one.
const fn bit(method: Method) -> u32 {
    match method {
        Method::Head => 1 << Method::Get as u32,
        other => 1 << other as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (method, name) in NAMES {
            assert_eq!(Method::from_name(name.as_bytes()), method);
            assert_eq!(method.name(), name);
        }
        assert_eq!(Method::from_name(b"get"), Method::Other);
        assert_eq!(Method::from_name(b""), Method::Other);
    }

    #[test]
    fn head_goes_with_get() {
        let mut set = MethodSet::of(Method::Get);
        assert!(set.contains(Method::Head) && !set.contains(Method::Post));
        set.insert(Method::Post);
        set.remove(Method::Head);
        assert_eq!(set, MethodSet::of(Method::Post));
        assert!(set.complement().contains(Method::Other));
        let allow: MethodSet = [Method::Options, Method::Get, Method::Post]
            .into_iter()
            .collect();
        assert_eq!(allow.allow(), "GET,HEAD,POST,OPTIONS");
    }
}
