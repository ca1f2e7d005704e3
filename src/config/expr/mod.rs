//! The expression language: `<If>`, `Require expr`, `Header ... expr=`, `SetEnvIfExpr`, and every directive argument
//! with `%{...}` in it.
//!
//! An expression is parsed while the configuration is read, so that a misspelt name is an error there, and evaluated
//! on requests. [`BoolExpr`] and [`StringExpr`] are the two kinds; both are plain data. What they know about a request
//! they ask of [`Vars`]; what outlives one evaluation (groups of the last match, names for `Vary`) is in [`Context`].
//!
//! `lexer` knows bytes, `parser` the grammar, `ast` its result, `names` what may be named, `eval` and `functions` the
//! values.

mod ast;
mod eval;
mod functions;
mod lexer;
mod names;
mod parser;

pub use functions::{base64, digest_of_file, file_test, unbase64};
pub use names::{FileTest, LocalTime, Variable};

use crate::pattern::{Captures, Flags};
use bstr::BString;
use std::borrow::Cow;
use std::net::IpAddr;

/// What the place where an expression stands allows, and what modules add to the language.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions<'a> {
    /// Refuse what tells about files: `-e`, `-f` and their like, `file()`, `filesize()`, `filemod()`.
    pub restricted: bool,
    /// Evaluation names request headers for `Vary`.
    pub vary: bool,
    /// How regular expressions are read where they carry no flags of their own (`RegexDefaultOptions`).
    pub regex: Flags,
    /// Variables that modules add, in upper case; one that ends with `*` stands for all with that beginning.
    pub variables: &'a [&'a str],
    /// Functions of one argument that modules add, in lower case.
    pub functions: &'a [&'a str],
    /// Functions that modules add and that give lists, for `in`; in lower case.
    pub list_functions: &'a [&'a str],
}

impl Default for ParseOptions<'_> {
    fn default() -> Self {
        ParseOptions {
            restricted: false,
            vary: true,
            regex: Flags::default(),
            variables: &[],
            functions: &[],
            list_functions: &[],
        }
    }
}

/// A request as expressions see it. What is unset is `None`, which reads as the empty string.
pub trait Vars {
    /// A variable of the server, connection or request.
    fn variable(&self, variable: Variable) -> Option<Cow<'_, [u8]>>;
    /// A header of the request; the name's case does not matter.
    fn request_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>>;
    /// A header of the response.
    fn response_header(&self, name: &[u8]) -> Option<Cow<'_, [u8]>>;
    /// A variable of the request's environment (SetEnv, SetEnvIf, rewriting).
    fn env(&self, name: &[u8]) -> Option<Cow<'_, [u8]>>;
    /// A note that modules left on the request.
    fn note(&self, name: &[u8]) -> Option<Cow<'_, [u8]>>;
    /// The client's address, for `-R`.
    fn client_ip(&self) -> Option<IpAddr>;
    /// The time now, where the server is.
    fn local_time(&self) -> LocalTime;

    /// A variable of the server's own environment.
    fn os_env(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        functions::os_env(name).map(Cow::Owned)
    }

    /// The unary tests on files.
    fn file_test(&self, test: FileTest, path: &[u8]) -> bool {
        file_test(test, path)
    }

    /// Whether a sub-request for a file (`-F`) would be allowed and found.
    fn file_reachable(&self, _path: &[u8]) -> bool {
        false
    }

    /// Whether a sub-request for a URL (`-U`, `-A`) would be allowed and found.
    fn url_reachable(&self, _url: &[u8]) -> bool {
        false
    }

    /// A variable that a module added (see [`ParseOptions::variables`]); the name is in upper case.
    fn module_variable(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// A function that a module added; the name is in lower case.
    fn module_function(&self, _name: &str, _argument: &[u8]) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// A list function that a module added; the name is in lower case.
    fn module_list(&self, _name: &str, _argument: &[u8]) -> Vec<BString> {
        Vec::new()
    }
}

/// What evaluations leave behind, for the caller and for the next expression.
#[derive(Debug, Default)]
pub struct Context {
    /// The last match of a pattern that has groups, for `$0` to `$9`.
    pub captures: Option<Captures<'static>>,
    /// Request headers that had a say, to be named in `Vary`.
    pub vary: Vec<BString>,
}

impl Context {
    fn add_vary(&mut self, name: &[u8]) {
        if !self
            .vary
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            self.vary.push(name.into());
        }
    }
}

/// A parsed condition.
#[derive(Clone, Debug)]
pub struct BoolExpr {
    root: ast::Cond,
    subrequests: bool,
}

impl BoolExpr {
    /// Parses a condition. The error says what is wrong and where, in bytes from the start.
    pub fn parse(text: impl AsRef<[u8]>, options: &ParseOptions<'_>) -> Result<BoolExpr, String> {
        parser::condition(text.as_ref(), options)
            .map(|(root, subrequests)| BoolExpr { root, subrequests })
    }

    /// Evaluates the condition; the error says why there is no answer (a file that cannot be read, a match that took
    /// too many steps).
    pub fn eval(&self, vars: &dyn Vars, context: &mut Context) -> Result<bool, String> {
        eval::condition(&self.root, vars, context)
    }

    /// Whether evaluation may start sub-requests (`-F`, `-U`, `-A`).
    pub fn uses_subrequests(&self) -> bool {
        self.subrequests
    }
}

/// A parsed text with `%{...}` and `$N` in it.
#[derive(Clone, Debug)]
pub struct StringExpr {
    root: ast::Word,
    subrequests: bool,
}

impl StringExpr {
    /// Parses a text. The error says what is wrong and where, in bytes from the start.
    pub fn parse(text: impl AsRef<[u8]>, options: &ParseOptions<'_>) -> Result<StringExpr, String> {
        parser::text(text.as_ref(), options)
            .map(|(root, subrequests)| StringExpr { root, subrequests })
    }

    /// The value, where it depends on nothing.
    pub fn constant(&self) -> Option<&[u8]> {
        match &self.root {
            ast::Word::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// Evaluates the text; the error is as in [`BoolExpr::eval`].
    pub fn eval<'a>(
        &'a self,
        vars: &'a dyn Vars,
        context: &mut Context,
    ) -> Result<Cow<'a, [u8]>, String> {
        eval::word(&self.root, vars, context)
    }

    /// Whether evaluation may start sub-requests (only through `%{:...:}`).
    pub fn uses_subrequests(&self) -> bool {
        self.subrequests
    }
}

#[cfg(test)]
mod tests;
