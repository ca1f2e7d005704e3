//! What the parser makes of an expression: plain data, shared by all threads once the configuration is read.

use super::names::{FileTest, Function, TimePart, Variable};
use crate::config::ipmask::IpMask;
use crate::pattern::{Glob, GlobOptions, Pattern};

/// Something that is true or false.
#[derive(Clone, Debug)]
pub(super) enum Cond {
    Const(bool),
    Not(Box<Cond>),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Compare {
        left: Word,
        right: Word,
        numbers: bool,
        operator: Comparison,
    },
    Matches {
        subject: Word,
        pattern: Box<Pattern>,
        negated: bool,
    },
    In {
        word: Word,
        list: List,
    },
    Address {
        word: Word,
        range: IpMask,
    },
    Client(IpMask),
    Wildcard {
        subject: Word,
        pattern: Word,
        options: GlobOptions,
    },
    ConstWildcard {
        subject: Word,
        glob: Glob,
    },
    Test {
        test: Test,
        word: Word,
    },
}

/// How two strings or two integers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A test on one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    NotEmpty,
    Empty,
    True,
    File(FileTest),
    FileReachable,
    UrlReachable,
}

/// Something with a value.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Literal(Box<[u8]>),
    Group(u8),
    RequestHeader {
        name: &'static str,
        vary: bool,
    },
    Variable(Variable),
    Time(TimePart),
    ModuleVariable(Box<str>),
    Call {
        function: Function,
        arguments: Vec<Word>,
    },
    ModuleCall {
        name: Box<str>,
        argument: Box<Word>,
    },
    Concat(Vec<Word>),
    Substitute {
        pattern: Box<Pattern>,
        template: Box<[u8]>,
        all: bool,
        subject: Box<Word>,
    },
    Join {
        list: Box<List>,
        separator: Option<Box<Word>>,
    },
    Condition(Box<Cond>),
}

/// Several values.
#[derive(Clone, Debug)]
pub(super) enum List {
    Words(Vec<Word>),
    Module {
        name: Box<str>,
        argument: Box<Word>,
    },
    Split {
        pattern: Box<Pattern>,
        of: Box<List>,
    },
}

impl Word {
    /// Joins parts, putting neighbouring literals together.
    pub(super) fn concat(parts: Vec<Word>) -> Word {
        let mut joined: Vec<Word> = Vec::with_capacity(parts.len());
        for part in parts {
            match (joined.last_mut(), part) {
                (Some(Word::Literal(before)), Word::Literal(text)) => {
                    *before = [&**before, &*text].concat().into();
                }
                (_, part) => joined.push(part),
            }
        }
        match joined.len() {
            0 => Word::Literal(Box::default()),
            1 => joined.swap_remove(0),
            _ => Word::Concat(joined),
        }
    }
}
