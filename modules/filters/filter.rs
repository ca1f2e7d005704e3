//! mod_filter: filters that are chosen for each response when its first bytes come, by expressions or by media type. A smart
//! filter stands in the chain under its own name; its providers are other modules' filters, the first of which that fits does
//! the work.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::expr::{BoolExpr, ParseOptions};
use crate::config::value::Conf;
use crate::filters::{
    Brigade, Bucket, Class, Direction, FilterRecord, Filtered, MakeFilter, OutputFilter,
};
use crate::hooks::module::Module;
use crate::hooks::{Answer, HookEntry, Phase, Status};
use crate::log;
use crate::log::Level;
use crate::request::{expr_vars, Request};
use crate::sync::Shared;

const LOG_MODULE: &str = "filter";

/// Only inside sections, and outside all of them.
const ANY_CONF: Scope = Scope::RSRC_CONF.or(Scope::ACCESS_CONF);

/// `mod_filter.c`.
pub static MODULE: Module = Module {
    name: "mod_filter.c",
    identifier: "filter_module",
    directives: &[
        Directive::new(
            "FilterDeclare",
            Scope::OPTIONS,
            Arity::Take12,
            declare,
            "a smart filter, and its place in the chain",
        ),
        Directive::new(
            "FilterProvider",
            Scope::OPTIONS,
            Arity::Take3,
            provider,
            "a smart filter, a filter that may do its work, and the expression for which it does",
        ),
        Directive::new(
            "FilterChain",
            Scope::OPTIONS,
            Arity::Iterate,
            chain,
            "smart filters, with +, -, @, = or ! in front",
        ),
        Directive::new(
            "FilterTrace",
            ANY_CONF,
            Arity::Take2,
            trace,
            "a smart filter, and how much it tells",
        ),
        Directive::new(
            "AddOutputFilterByType",
            Scope::FILEINFO,
            Arity::Argv,
            by_type,
            "filters, with ; between, and media types",
        ),
        Directive::new(
            "FilterProtocol",
            Scope::OPTIONS,
            Arity::Take23,
            protocol,
            "a smart filter, a provider, and what it does to the protocol",
        ),
    ],
    hooks: &[HookEntry::request(Phase::InsertFilter, insert)],
    ..Module::EMPTY
};

/// What a filter does to the protocol (FilterProtocol), as bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Effects(u8);

impl Effects {
    const CHANGE: u8 = 1;
    const CHANGE_LENGTH: u8 = 2;
    const NO_BYTERANGE: u8 = 4;
    const NO_PROXY: u8 = 8;
    const NO_CACHE: u8 = 16;
    const TRANSFORM: u8 = 32;

    fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

#[derive(Clone)]
struct Smart {
    name: String,
    class: Class,
    effects: Effects,
    trace: u32,
    providers: Vec<Provider>,
}

#[derive(Clone)]
struct Provider {
    filter: &'static FilterRecord,
    fits: Fits,
    effects: Effects,
}

/// When a provider does the work.
#[derive(Clone)]
enum Fits {
    Expression(Shared<BoolExpr>),
    /// Media types, without parameters.
    Types(Shared<Vec<String>>),
}

/// A step that changes the chain.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Forget what outer places put there.
    Clear,
    Filter(String),
}

#[derive(Clone, Default)]
struct Filters {
    smart: Vec<Smart>,
    chain: Vec<Step>,
}

impl Filters {
    fn find(&mut self, name: &str) -> Option<&mut Smart> {
        self.smart
            .iter_mut()
            .find(|smart| smart.name.eq_ignore_ascii_case(name))
    }

    /// The smart filter of this name, declared here if it was not.
    fn entry(&mut self, name: &str) -> &mut Smart {
        let known = self
            .smart
            .iter()
            .position(|smart| smart.name.eq_ignore_ascii_case(name));
        let index = known.unwrap_or_else(|| {
            self.smart.push(Smart {
                name: name.to_owned(),
                class: Class::Resource,
                effects: Effects::default(),
                trace: 0,
                providers: Vec::new(),
            });
            self.smart.len() - 1
        });
        &mut self.smart[index]
    }
}

impl Conf for Filters {
    fn merge(&self, over: &Self) -> Self {
        let mut merged = self.clone();
        for smart in &over.smart {
            *merged.entry(&smart.name) = smart.clone();
        }
        let start = over.chain.iter().rposition(|step| *step == Step::Clear);
        if let Some(start) = start {
            merged.chain = over.chain[start..].to_vec();
        } else {
            merged.chain.extend(over.chain.iter().cloned());
        }
        merged
    }
}

fn declare(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    let class = match cmd
        .args
        .get(1)
        .map(|class| class.to_ascii_uppercase())
        .as_deref()
    {
        None | Some("RESOURCE") => Class::Resource,
        Some("CONTENT_SET") => Class::ContentSet,
        Some("PROTOCOL") => Class::Protocol,
        Some("TRANSCODE") => Class::Transcode,
        Some("CONNECTION") => Class::Connection,
        Some("NETWORK") => Class::Network,
        Some(other) => return Err(format!("Invalid filter type '{other}'")),
    };
    cmd.dir_conf::<Filters>().entry(&name).class = class;
    Ok(())
}

/// The output filter of this name among those of active modules.
fn find_filter(cmd: &Cmd<'_>, name: &str) -> Result<&'static FilterRecord, String> {
    let modules = cmd.build.globals.modules.active();
    let mut filters = modules.iter().flat_map(|(module, _)| module.filters);
    let found =
        filters.find(|f| f.direction() == Direction::Output && f.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("Unknown filter provider {name}"))
}

fn provider(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (name, filter) = (cmd.arg(0).to_owned(), find_filter(cmd, cmd.arg(1))?);
    let options = ParseOptions {
        regex: cmd.build.main.regex,
        ..ParseOptions::default()
    };
    let expression = BoolExpr::parse(cmd.arg(2), &options)
        .map_err(|error| format!("Error parsing FilterProvider expression: {error}"))?;
    let fits = Fits::Expression(Shared::new(expression));
    let smart = cmd.dir_conf::<Filters>().entry(&name);
    smart.providers.push(Provider {
        filter,
        fits,
        effects: Effects::default(),
    });
    Ok(())
}

fn by_type(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let Some((names, types)) = cmd
        .args
        .split_first()
        .filter(|(_, types)| !types.is_empty())
    else {
        return Err(format!(
            "{} requires at least two arguments",
            cmd.directive.name
        ));
    };
    let types = Shared::new(types.to_vec());
    let names: Vec<String> = names
        .split(';')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    for name in names {
        let filter = find_filter(cmd, &name)?;
        let filters = cmd.dir_conf::<Filters>();
        let name = format!("BYTYPE:{name}");
        let known = filters.find(&name).is_some();
        let smart = filters.entry(&name);
        smart.class = filter.class;
        smart.providers.push(Provider {
            filter,
            fits: Fits::Types(types.clone()),
            effects: Effects::default(),
        });
        if !known {
            filters.chain.push(Step::Filter(name));
        }
    }
    Ok(())
}

fn chain(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let word = cmd.arg(0).to_owned();
    let chain = &mut cmd.dir_conf::<Filters>().chain;
    let mut letters = word.chars();
    match letters.next() {
        Some('+') => chain.push(Step::Filter(letters.as_str().into())),
        Some('@') => chain.insert(0, Step::Filter(letters.as_str().into())),
        Some('-') => {
            let name = letters.as_str();
            chain.retain(
                |step| !matches!(step, Step::Filter(known) if known.eq_ignore_ascii_case(name)),
            );
        }
        Some('!') => *chain = vec![Step::Clear],
        Some('=') => *chain = vec![Step::Clear, Step::Filter(letters.as_str().into())],
        _ => chain.push(Step::Filter(word)),
    }
    Ok(())
}

fn trace(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (name, level) = (cmd.arg(0).to_owned(), cmd.number(1, 0, u32::MAX)?);
    match cmd.dir_conf::<Filters>().find(&name) {
        Some(smart) => {
            smart.trace = level;
            Ok(())
        }
        None => Err(format!("FilterTrace: Unknown filter {name}")),
    }
}

fn protocol(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    // The provider may be left out, though it stands in the middle.
    let (provider, words) = match cmd.args.get(2) {
        Some(words) => (Some(cmd.arg(1).to_owned()), words.clone()),
        None => (None, cmd.arg(1).to_owned()),
    };
    let effects = parse_effects(&words)?;
    let smart = cmd.dir_conf::<Filters>().find(&name);
    let smart = smart.ok_or_else(|| format!("FilterProtocol: No such filter: {name}"))?;
    let Some(provider) = provider else {
        smart.effects = effects;
        return Ok(());
    };
    let found = smart
        .providers
        .iter_mut()
        .find(|p| p.filter.name.eq_ignore_ascii_case(&provider));
    match found {
        Some(found) => {
            found.effects = effects;
            Ok(())
        }
        None => Err(format!(
            "FilterProtocol: No such provider {provider} for filter {name}"
        )),
    }
}

fn parse_effects(words: &str) -> Result<Effects, String> {
    let mut bits = 0;
    for word in words
        .split([' ', ',', ';', '|'])
        .filter(|word| !word.is_empty())
    {
        bits |= match word.to_ascii_lowercase().as_str() {
            "change=yes" => Effects::CHANGE | Effects::CHANGE_LENGTH,
            "change=1:1" => Effects::CHANGE,
            "byteranges=no" => Effects::NO_BYTERANGE,
            "proxy=no" => Effects::NO_PROXY,
            "proxy=transform" => Effects::TRANSFORM,
            "cache=no" => Effects::NO_CACHE,
            _ => {
                return Err(format!(
                    "FilterProtocol: '{word}' is no effect that a filter can have"
                ))
            }
        };
    }
    Ok(Effects(bits))
}

/// Puts the chain's smart filters in place.
fn insert(r: &mut Request) -> Answer<'_> {
    let conf = r.conf.clone();
    let Some(filters) = conf.get::<Filters>() else {
        return Answer::Now(Status::Declined);
    };
    for step in &filters.chain {
        let Step::Filter(name) = step else { continue };
        let smart = filters
            .smart
            .iter()
            .find(|smart| smart.name.eq_ignore_ascii_case(name));
        match smart {
            Some(smart) => {
                let harness = Harness {
                    smart: smart.clone(),
                    chosen: Chosen::NotYet,
                };
                r.insert_output_filter(smart.class, "smart filter", Box::new(harness));
            }
            None => log!(&*r, Level::Error, 1379, "Unknown filter {name} not added"),
        }
    }
    Answer::Now(Status::Declined)
}

/// A smart filter in the chain of one response.
struct Harness {
    smart: Smart,
    chosen: Chosen,
}

enum Chosen {
    NotYet,
    /// No provider fits, or the one that does has nothing to do.
    Nobody,
    Filter(Box<dyn OutputFilter>),
}

impl OutputFilter for Harness {
    fn run<'r>(&'r mut self, r: &'r mut Request, input: Brigade) -> Filtered<'r, Brigade> {
        if self.smart.trace > 0 {
            tell(r, &self.smart, &input);
        }
        if matches!(self.chosen, Chosen::NotYet) {
            self.chosen = choose(r, &self.smart);
        }
        match &mut self.chosen {
            Chosen::Filter(filter) => filter.run(r, input),
            _ => Filtered::Now(Ok(input)),
        }
    }
}

/// FilterTrace: what comes by.
fn tell(r: &Request, smart: &Smart, brigade: &Brigade) {
    log!(r, Level::Info, 1375, "{}", smart.name);
    if smart.trace < 2 {
        return;
    }
    for bucket in &brigade.buckets {
        let kind = match bucket {
            Bucket::Bytes(_) => "bytes",
            Bucket::File(_) => "file",
            Bucket::Flush => "flush",
            Bucket::End => "end",
        };
        log!(
            r,
            Level::Info,
            1376,
            "{}: {kind}, {} bytes",
            smart.name,
            bucket.len()
        );
    }
}

fn choose(r: &mut Request, smart: &Smart) -> Chosen {
    for provider in &smart.providers {
        if fits(r, &provider.fits) {
            log!(
                &*r,
                Level::Trace2,
                0,
                "{} is done by {}",
                smart.name,
                provider.filter.name
            );
            let bits = smart.effects.0 | provider.effects.0;
            apply_effects(r, Effects(bits));
            let MakeFilter::Output(make) = provider.filter.make else {
                continue;
            };
            return make(r).map_or(Chosen::Nobody, Chosen::Filter);
        }
    }
    Chosen::Nobody
}

fn fits(r: &mut Request, fits: &Fits) -> bool {
    match fits {
        Fits::Types(types) => {
            let kind = r.content_type.as_deref().unwrap_or("");
            let bare = kind.split([';', ' ', '\t']).next().unwrap_or("");
            !bare.is_empty() && types.iter().any(|known| known == bare)
        }
        Fits::Expression(expression) => expr_vars::boolean(r, expression).unwrap_or_else(|error| {
            log!(
                &*r,
                Level::Error,
                1377,
                "Error evaluating filter dispatch condition: {error}"
            );
            false
        }),
    }
}

/// Fields that are not true any more once the filter has changed the body.
fn apply_effects(r: &mut Request, effects: Effects) {
    if effects.has(Effects::CHANGE) {
        r.headers_out.unset("Content-MD5");
        r.headers_out.unset("ETag");
    }
    if effects.has(Effects::CHANGE_LENGTH) {
        r.headers_out.unset("Content-Length");
    }
    if effects.has(Effects::NO_CACHE) {
        r.headers_out.unset("Last-Modified");
        r.headers_out.add("Cache-Control", "no-cache");
    }
    if effects.has(Effects::NO_BYTERANGE) {
        r.headers_out.set("Accept-Ranges", "none");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(chain: &[&str]) -> Filters {
        let step = |word: &&str| match *word {
            "!" => Step::Clear,
            name => Step::Filter(name.into()),
        };
        Filters {
            smart: Vec::new(),
            chain: chain.iter().map(step).collect(),
        }
    }

    #[test]
    fn chains_add_up_or_begin_anew() {
        assert_eq!(
            filters(&["a"]).merge(&filters(&["b"])).chain,
            filters(&["a", "b"]).chain
        );
        assert_eq!(
            filters(&["a"]).merge(&filters(&["!", "b"])).chain,
            filters(&["!", "b"]).chain
        );
    }

    #[test]
    fn effects_are_read() {
        assert_eq!(
            parse_effects("change=yes;cache=no"),
            Ok(Effects(
                Effects::CHANGE | Effects::CHANGE_LENGTH | Effects::NO_CACHE
            ))
        );
        assert_eq!(parse_effects("Change=1:1"), Ok(Effects(Effects::CHANGE)));
        assert!(parse_effects("nonsense").is_err());
    }
}
