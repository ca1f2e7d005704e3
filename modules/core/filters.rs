//! Names of Apache's own filters. Here the protocol does what they do, always; so whoever names one gets what it stands for
//! without a filter in the chain.

use crate::filters::{Class, FilterRecord, MakeFilter, OutputFilter};
use crate::request::Request;

const fn passive(name: &'static str, class: Class) -> FilterRecord {
    FilterRecord {
        name,
        class,
        make: MakeFilter::Output(nothing),
    }
}

fn nothing(_: &mut Request) -> Option<Box<dyn OutputFilter>> {
    None
}

/// Of `http_core.c`.
pub static HTTP: &[FilterRecord] = &[
    passive("BYTERANGE", Class::Protocol),
    passive("HTTP_HEADER", Class::Protocol),
    passive("HTTP_OUTERROR", Class::Protocol),
    passive("CHUNK", Class::Transcode),
];

/// Of `core.c`.
pub static CORE: &[FilterRecord] = &[
    passive("OLD_WRITE", Class::Resource),
    passive("SUBREQ_CORE", Class::ContentSet),
    passive("CONTENT_LENGTH", Class::Protocol),
    passive("CORE", Class::Network),
];
