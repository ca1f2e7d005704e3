//! Directives of the whole process.

use super::httpd_internal::Cmd;
use crate::config::tree::words;
use crate::server::{FileCacheMode, MutexSetting, Tokens};
use std::time::Duration;

pub fn error(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = words(cmd.arg(0)).join(" ");
    match text.is_empty() {
        true => Err("The Error directive was used with no message.".into()),
        false => Err(text),
    }
}

pub fn accept_filter(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let setting = (
        cmd.arg(0).to_ascii_lowercase(),
        cmd.arg(1).to_ascii_lowercase(),
    );
    let filters = &mut cmd.build.main.accept_filters;
    filters.retain(|(protocol, _)| *protocol != setting.0);
    filters.push(setting);
    Ok(())
}

pub fn extended_status(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.build.main.extended_status = Some(cmd.flag());
    Ok(())
}

pub fn see_request_tail(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.build.main.see_request_tail = cmd.flag();
    Ok(())
}

pub fn open_file_cache(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.build.main.file_cache.mode = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "off" => FileCacheMode::Off,
        "on" => FileCacheMode::On,
        "timed" => FileCacheMode::Timed,
        _ => return Err("OpenFileCache takes Off, On or Timed".into()),
    };
    Ok(())
}

pub fn open_file_cache_entries(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.build.main.file_cache.entries = match cmd.arg(0).parse() {
        Ok(entries) if entries > 0 => entries,
        _ => return Err("OpenFileCacheEntries takes a number of files above 0".into()),
    };
    Ok(())
}

pub fn open_file_cache_bytes(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let bytes = cmd.arg(0).parse();
    cmd.build.main.file_cache.bytes =
        bytes.map_err(|_| "OpenFileCacheBytes takes a number of bytes")?;
    Ok(())
}

pub fn open_file_cache_valid(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.build.main.file_cache.valid = match cmd.arg(0).parse::<u32>() {
        Ok(seconds) if seconds > 0 => Duration::from_secs(seconds.into()),
        _ => return Err("OpenFileCacheValid takes a number of seconds above 0".into()),
    };
    Ok(())
}

pub fn server_tokens(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.build.main.tokens = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "os" => Tokens::Os,
        "min" | "minimal" => Tokens::Minimal,
        "major" => Tokens::Major,
        "minor" => Tokens::Minor,
        "prod" | "productonly" => Tokens::Product,
        "full" => Tokens::Full,
        _ => return Err("ServerTokens takes 1 argument: 'Prod(uctOnly)', 'Major', 'Minor', 'Min(imal)', 'OS', or 'Full'".into()),
    };
    Ok(())
}

/// The mechanisms that Apache knows; see docs/differences.md for what they do here.
const MECHANISMS: &[&str] = &[
    "default", "none", "flock", "fcntl", "file", "posixsem", "sysvsem", "sem", "pthread",
];

pub fn mutex(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mut list = words(cmd.arg(0));
    if list.is_empty() {
        return Err("Mutex takes a mechanism, and the names of locks".into());
    }
    let mechanism = list.remove(0);
    let (kind, dir) = match mechanism.split_once(':') {
        Some((kind, dir)) => (kind.to_ascii_lowercase(), Some(dir.to_owned())),
        None => (mechanism.to_ascii_lowercase(), None),
    };
    if !MECHANISMS.contains(&kind.as_str()) {
        return Err(format!(
            "Invalid Mutex argument '{mechanism}'; known mechanisms are {}",
            MECHANISMS.join(", ")
        ));
    }
    list.retain(|name| !name.eq_ignore_ascii_case("OmitPID"));
    if list.is_empty() {
        list.push("default".into());
    }
    for name in list {
        let mutexes = &mut cmd.build.main.mutexes;
        mutexes.retain(|known| known.name != name);
        mutexes.push(MutexSetting {
            name,
            mechanism: kind.clone(),
            dir: dir.clone(),
        });
    }
    Ok(())
}

pub fn regex_options(cmd: &mut Cmd<'_>) -> Result<(), String> {
    for word in words(cmd.arg(0)) {
        let on = !word.starts_with('-');
        let flags = &mut cmd.build.main.regex;
        match word.trim_start_matches(['+', '-']).to_ascii_uppercase().as_str() {
            "NONE" => (flags.dot_all, flags.dollar_end_only, flags.ignore_case, flags.extended) = Default::default(),
            "ICASE" => flags.ignore_case = on,
            "EXTENDED" => flags.extended = on,
            "DOTALL" => flags.dot_all = on,
            "DOLLAR_ENDONLY" => flags.dollar_end_only = on,
            _ => return Err(format!("unknown option: {word}; known are none, ICASE, EXTENDED, DOTALL and DOLLAR_ENDONLY")),
        }
    }
    Ok(())
}

pub fn register_method(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    if !name.bytes().all(crate::protocol::token::is_token_byte) {
        return Err(format!(
            "RegisterHttpMethod: '{name}' is not the name of a method"
        ));
    }
    cmd.build.main.methods.push(name);
    Ok(())
}

pub fn gprof(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.warn_no_effect("this program is not built for gprof; use perf on it as it is");
    Ok(())
}

pub fn windows_only(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.warn_no_effect("it concerns Windows only");
    Ok(())
}

pub fn netware_only(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.warn_no_effect("it concerns NetWare only");
    Ok(())
}
