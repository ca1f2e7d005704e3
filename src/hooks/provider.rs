//! What modules offer each other by name: ways to check passwords, to allow or deny, and items for logs.

use super::LocalFuture;
use crate::config::directive::Cmd;
use crate::request::Request;
use bstr::BString;
use std::any::Any;

/// A named service of one module.
pub struct Provider {
    /// The name that directives use.
    pub name: &'static str,
    /// What it does.
    pub service: Service,
}

/// The kinds of service.
pub enum Service {
    /// `AuthBasicProvider`: knows users and their passwords.
    Authn {
        /// Checks a user's password.
        password: CheckPassword,
        /// Finds a user's digest in a realm; not every provider keeps any.
        realm: Option<FindDigest>,
    },
    /// `Require`: prepares the words behind the name, and answers for a request.
    Authz {
        /// Reads the arguments when the configuration is read.
        parse: ParseRequire,
        /// Decides for a request, with what `parse` made.
        check: CheckRequire,
    },
    /// `LogFormat`: the value of `%X` or `%{arg}X`; the provider's name is the letter, or `^XX` for two.
    LogItem(LogItem),
}

/// Checks a password; see [`Service::Authn`].
pub type CheckPassword =
    for<'r> fn(&'r mut Request, user: &'r [u8], password: &'r [u8]) -> LocalFuture<'r, AuthnResult>;

/// Finds the MD5 digest of `user:realm:password` in hexadecimal; see [`Service::Authn`]. `Err` is never `Granted`.
pub type FindDigest = for<'r> fn(
    &'r mut Request,
    user: &'r [u8],
    realm: &'r [u8],
) -> LocalFuture<'r, Result<String, AuthnResult>>;

/// Reads the words of a Require line; see [`Service::Authz`].
pub type ParseRequire = fn(&mut Cmd<'_>, args: &str) -> Result<Prepared, String>;

/// Decides a Require line; see [`Service::Authz`].
pub type CheckRequire =
    for<'r> fn(&'r mut Request, prepared: &'r (dyn Any + Send + Sync)) -> AuthzAnswer<'r>;

/// A log item's value; `None` is written as `-`.
pub type LogItem = fn(&Request, arg: &str) -> Option<BString>;

/// What `ParseRequire` made of a line's words.
pub type Prepared = Box<dyn Any + Send + Sync>;

/// The outcome of a password check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthnResult {
    /// Right.
    Granted,
    /// The user is known and the password is wrong.
    Denied,
    /// The next provider may know the user.
    UserNotFound,
    /// The check itself failed; it has been logged.
    Error,
}

/// The outcome of one Require line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthzResult {
    /// Allowed.
    Granted,
    /// Not allowed.
    Denied,
    /// Not allowed as yet: it depends on the user, who is not known.
    DeniedNoUser,
    /// No opinion.
    Neutral,
    /// The check itself failed; it has been logged.
    Error,
}

/// An [`AuthzResult`] now, or after waiting.
pub enum AuthzAnswer<'r> {
    /// At once.
    Now(AuthzResult),
    /// After waiting.
    Later(LocalFuture<'r, AuthzResult>),
}
