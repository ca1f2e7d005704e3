//! A module to copy: one directive, one record for directories, one handler, one filter. `docs/adding-a-module.md` walks
//! through it. It is compiled with the tests, so that it stays true, and is part of no server.
//!
//! With `Greeting "Good morning"` and `SetHandler greeting` it answers every GET with the greeting, and
//! `SetOutputFilter UPPERCASE` sends any response in capital letters.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::{pick, Conf};
use crate::filters::{Brigade, Bucket, Class, FilterRecord, Filtered, MakeFilter, OutputFilter};
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::protocol::Method;
use crate::request::Request;
use std::io;

/// The name that LogLevel knows this module by, and that stands in its lines of the error log.
const LOG_MODULE: &str = "skeleton";

/// All that the server knows of this module. A module names only what it has; the rest is `Module::EMPTY`'s.
pub static MODULE: Module = Module {
    // What `<IfModule mod_skeleton.c>` and LoadModule look for.
    name: "mod_skeleton.c",
    identifier: "skeleton_module",
    // A directive is a row: name, where it may stand, its arguments, its setter, and a line of help.
    directives: &[Directive::new(
        "Greeting",
        Scope::FILEINFO,
        Arity::Take1,
        set_greeting,
        "the words to greet with",
    )],
    // A hook entry names a phase of `hooks::Phase` and a function. `order`, `after` and `before` are for modules that
    // care who else runs first.
    hooks: &[HookEntry::request(Phase::Handler, handle)],
    // Filters that SetOutputFilter and others can name.
    filters: &[FilterRecord {
        name: "UPPERCASE",
        class: Class::Resource,
        make: MakeFilter::Output(make_filter),
    }],
    ..Module::EMPTY
};

/// What the directives of one place leave behind. It is plain data: threads share it, and nobody changes it once the
/// configuration is read.
#[derive(Clone, Default, Debug, PartialEq)]
struct Skeleton {
    /// None where nothing was said, so that an outer place's word is known from none at all.
    greeting: Option<String>,
}

impl Conf for Skeleton {
    /// `over` comes from an inner or a later place. Most values are simply replaced.
    fn merge(&self, over: &Self) -> Self {
        Skeleton {
            greeting: pick(&self.greeting, &over.greeting),
        }
    }
}

/// The setter. The number of arguments has been checked; an `Err` refuses the configuration, and file and line are put in
/// front of it.
fn set_greeting(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let greeting = cmd.arg(0).to_owned();
    if greeting.is_empty() {
        return Err("a greeting must say something".into());
    }
    // `server_conf` instead of `dir_conf` for what holds for a whole virtual host.
    cmd.dir_conf::<Skeleton>().greeting = Some(greeting);
    Ok(())
}

/// The handler. One that has to wait for something gives `Answer::later(async move { ... })`; all others answer at once.
fn handle(r: &mut Request) -> Answer<'_> {
    if r.handler.as_deref() != Some("greeting") {
        return Answer::Now(Status::Declined);
    }
    if !matches!(r.method, Method::Get | Method::Head) {
        // An error's page is made elsewhere; the handler only says which.
        return Answer::Now(Status::Http(405));
    }
    // The records are an Rc: with a clone in hand the request can be changed meanwhile.
    let conf = r.conf.clone();
    let greeting = conf
        .get::<Skeleton>()
        .and_then(|skeleton| skeleton.greeting.as_deref());
    let Some(greeting) = greeting else {
        // Apache's message number where Apache has the event, else one of ours, from 20000; 0 is none.
        log!(
            &*r,
            Level::Warn,
            0,
            "no Greeting is configured for {}",
            log::raw(&r.uri)
        );
        return Answer::Now(Status::Http(404));
    };
    r.content_type = Some("text/plain".into());
    r.write(format!("{greeting}\n"));
    Answer::Now(Status::Ok)
}

/// Makes the filter for one response; `None` where it has nothing to do.
fn make_filter(r: &mut Request) -> Option<Box<dyn OutputFilter>> {
    // The fields must stay true for what comes out: the length does, the tag of the file does not.
    r.headers_out.unset("ETag");
    Some(Box::new(Uppercase))
}

/// The filter's state during one response.
struct Uppercase;

impl OutputFilter for Uppercase {
    /// Called with each part of the response, `Bucket::End` last.
    fn run<'r>(&'r mut self, _: &'r mut Request, input: Brigade) -> Filtered<'r, Brigade> {
        Filtered::Now(uppercase(input))
    }
}

fn uppercase(input: Brigade) -> io::Result<Brigade> {
    let mut output = Brigade::default();
    for bucket in input.buckets {
        match bucket {
            Bucket::Bytes(bytes) => output.push_bytes(bytes.to_ascii_uppercase()),
            // A file that a filter wants to see has to be read; without filters the kernel would send it by itself.
            Bucket::File(range) => {
                let mut bytes = Vec::new();
                range.read_into(&mut bytes)?;
                output.push_bytes(bytes.to_ascii_uppercase());
            }
            // Flush and End pass at their places.
            other => output.buckets.push_back(other),
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_greetings_win() {
        let outer = Skeleton {
            greeting: Some("Hello".into()),
        };
        let inner = Skeleton {
            greeting: Some("Hi".into()),
        };
        assert_eq!(outer.merge(&inner), inner);
        assert_eq!(outer.merge(&Skeleton::default()), outer);
    }

    #[test]
    fn bytes_are_raised_and_the_end_stays_last() {
        let mut brigade = Brigade::default();
        brigade.push_bytes("quiet");
        brigade.buckets.push_back(Bucket::End);
        let raised = uppercase(brigade).expect("bytes need no file");
        assert!(raised.is_complete());
        assert_eq!(raised.into_bytes().expect("bytes need no file"), b"QUIET");
    }
}
