//! mod_reqtimeout: how long a peer may take to send a request's head and body, and at which rate it must send to get more
//! time. The limits are given to the connection before its first byte; `connection::limits` keeps the time.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::config::value::Conf;
use crate::connection::context::ServeContext;
use crate::connection::limits::{ReadLimits, StageLimit};
use crate::connection::ConnInfo;
use crate::hooks::module::Module;
use crate::hooks::{Hook, HookEntry};
use std::time::Duration;

/// `mod_reqtimeout.c`.
pub static MODULE: Module = Module {
    name: "mod_reqtimeout.c",
    identifier: "reqtimeout_module",
    directives: &[Directive::new(
        "RequestReadTimeout",
        Scope::RSRC_CONF,
        Arity::Raw,
        set,
        "stages (handshake, header, body), each with =SECONDS[-MOST][,MinRate=BYTES]",
    )],
    hooks: &[HookEntry::new(Hook::PreConnection(begin))],
    ..Module::EMPTY
};

/// A stage as configured; a time of 0 is no limit.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
struct Stage {
    initial: Option<u64>,
    most: Option<u64>,
    rate: Option<u32>,
}

#[derive(Clone, Default, Debug, PartialEq)]
struct Timeouts {
    handshake: Stage,
    header: Stage,
    body: Stage,
}

const HANDSHAKE: Stage = Stage {
    initial: Some(0),
    most: None,
    rate: None,
};
const HEADER: Stage = Stage {
    initial: Some(20),
    most: Some(40),
    rate: Some(500),
};
const BODY: Stage = Stage {
    initial: Some(20),
    most: None,
    rate: Some(500),
};

impl Stage {
    fn merge(self, over: Stage) -> Stage {
        Stage {
            initial: over.initial.or(self.initial),
            most: over.most.or(self.most),
            rate: over.rate.or(self.rate),
        }
    }

    /// The limit in force: all of `usual` where nothing was said of this stage.
    fn limit(self, usual: Stage) -> StageLimit {
        let stage = if self.initial.is_some() { self } else { usual };
        StageLimit {
            initial: stage
                .initial
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            most: stage.most.map(Duration::from_secs),
            min_rate: stage.rate.unwrap_or(0),
        }
    }
}

impl Conf for Timeouts {
    fn merge(&self, over: &Self) -> Self {
        Timeouts {
            handshake: self.handshake.merge(over.handshake),
            header: self.header.merge(over.header),
            body: self.body.merge(over.body),
        }
    }
}

fn set(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let words = crate::config::tree::words(cmd.arg(0));
    if words.is_empty() {
        return Err(format!(
            "{} requires at least one argument",
            cmd.directive.name
        ));
    }
    for word in words {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("'{word}' is not STAGE=TIME"))?;
        let stage = parse_stage(value)?;
        let timeouts = cmd.server_conf::<Timeouts>();
        match name.to_ascii_lowercase().as_str() {
            "handshake" => timeouts.handshake = stage,
            "header" => timeouts.header = stage,
            "body" => timeouts.body = stage,
            _ => return Err(format!("Unknown RequestReadTimeout parameter: {name}")),
        }
    }
    Ok(())
}

/// `SECONDS`, `SECONDS,MinRate=BYTES` or `SECONDS-MOST,MinRate=BYTES`.
fn parse_stage(text: &str) -> Result<Stage, String> {
    let lower = text.to_ascii_lowercase();
    let (time, rate) = match lower.split_once(",minrate=") {
        Some((time, rate)) => (time, Some(parse::<u32>(rate)?)),
        None => (lower.as_str(), None),
    };
    if rate == Some(0) {
        return Err("Minimum data rate must be larger than 0".into());
    }
    let (initial, most) = match time.split_once('-') {
        Some(_) if rate.is_none() => {
            return Err("Must set MinRate option if using timeout range".into())
        }
        Some((initial, most)) => (parse::<u64>(initial)?, Some(parse::<u64>(most)?)),
        None => (parse::<u64>(time)?, None),
    };
    if most.is_some_and(|most| most <= initial) {
        return Err("Maximum timeout must be larger than initial timeout".into());
    }
    Ok(Stage {
        initial: Some(initial),
        most,
        rate,
    })
}

fn parse<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a number"))
}

fn begin(connection: &mut ConnInfo, ctx: &ServeContext) {
    let conf = &ctx.generation.servers[connection.base_server].conf;
    connection.read_limits = limits(conf.get::<Timeouts>().unwrap_or(&Timeouts::default()));
}

fn limits(timeouts: &Timeouts) -> ReadLimits {
    ReadLimits {
        handshake: timeouts.handshake.limit(HANDSHAKE),
        header: timeouts.header.limit(HEADER),
        body: timeouts.body.limit(BODY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Option<Duration> {
        Some(Duration::from_secs(n))
    }

    #[test]
    fn stages_are_read() {
        let stage = |initial, most, rate| {
            Ok(Stage {
                initial: Some(initial),
                most,
                rate,
            })
        };
        assert_eq!(parse_stage("5"), stage(5, None, None));
        assert_eq!(
            parse_stage("20-40,MinRate=500"),
            stage(20, Some(40), Some(500))
        );
        assert_eq!(parse_stage("20,minrate=1"), stage(20, None, Some(1)));
        for wrong in [
            "",
            "x",
            "20-40",
            "40-20,MinRate=5",
            "5,MinRate=0",
            "5,MinRate=x",
            "-1",
            "5,Rate=1",
        ] {
            assert!(parse_stage(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn stages_without_a_word_have_their_usual_limits() {
        let said = Timeouts {
            header: Stage {
                initial: Some(3),
                most: None,
                rate: None,
            },
            ..Timeouts::default()
        };
        let limits = limits(&said);
        assert_eq!(
            limits.header,
            StageLimit {
                initial: seconds(3),
                most: None,
                min_rate: 0
            }
        );
        assert_eq!(
            limits.body,
            StageLimit {
                initial: seconds(20),
                most: None,
                min_rate: 500
            }
        );
        assert_eq!(limits.handshake, StageLimit::default());
    }

    #[test]
    fn zero_is_no_limit_and_later_words_win() {
        let base = Timeouts {
            header: HEADER,
            ..Timeouts::default()
        };
        let over = Timeouts {
            header: Stage {
                initial: Some(0),
                most: None,
                rate: None,
            },
            ..Timeouts::default()
        };
        assert_eq!(base.merge(&over).header.limit(HEADER).initial, None);
        assert_eq!(base.merge(&Timeouts::default()).header, HEADER);
    }
}
