//! Directives of a server or virtual host.

use super::httpd_internal::Cmd;
use crate::config::core::{CoreServer, Trace};
use crate::config::directive::{parse_interval, Place};
use crate::config::tree::words;
use crate::log::Target;
use crate::os::syslog::Daemon;
use crate::protocol::uri::EncodedSlashes;

pub fn document_root(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let root = cmd.root_relative(cmd.file_name(0)?);
    let checked = !cmd.build.globals.defines.contains_key("NO_DOCROOT_CHECK");
    if checked && !root.is_dir() && cmd.place == Place::VirtualHost {
        // One site that is not there yet must not keep the others from being served.
        let text = format!(
            "AH00112: Warning: DocumentRoot [{}] does not exist",
            root.display()
        );
        cmd.build.warnings.push(text);
    } else if checked && !root.is_dir() {
        return Err(format!(
            "DocumentRoot '{}' is not a directory, or is not readable",
            root.display()
        ));
    }
    cmd.server_conf::<CoreServer>().document_root = Some(root);
    Ok(())
}

pub fn error_log(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let text = cmd.args.join(" ");
    let target = Target::of_error_log(&text, &cmd.build.globals.root);
    if matches!(target, Target::Syslog(_)) && !Daemon::EXISTS {
        return Err(
            "ErrorLog: this system has no syslog; name a file, or a program behind a | that passes the lines on"
                .into(),
        );
    }
    cmd.server_conf::<CoreServer>().error_log = Some(text);
    Ok(())
}

pub fn error_log_format(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let (first, second) = (cmd.arg(0).to_owned(), cmd.args.get(1).cloned());
    cmd.server_conf::<CoreServer>()
        .error_log_format
        .set(&first, second.as_deref())
}

pub fn access_file_name(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let names = words(cmd.arg(0));
    if names.is_empty() || names.iter().any(|name| name.contains('/')) {
        return Err("AccessFileName takes names of files, without a folder".into());
    }
    cmd.server_conf::<CoreServer>().access_file_names = Some(names);
    Ok(())
}

pub fn protocol(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_ascii_lowercase();
    cmd.server_conf::<CoreServer>().protocol = Some(name);
    Ok(())
}

pub fn protocols(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = cmd.arg(0).to_owned();
    if !["http/1.1", "http/1.0"].contains(&name.to_ascii_lowercase().as_str()) {
        cmd.warn(&format!(
            "Protocols: {name} is not spoken by this build and will not be offered"
        ));
    }
    cmd.server_conf::<CoreServer>()
        .protocols
        .get_or_insert_with(Vec::new)
        .push(name);
    Ok(())
}

pub fn protocols_honor_order(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = on_off(cmd)?;
    cmd.server_conf::<CoreServer>().protocols_honor_order = Some(on);
    Ok(())
}

pub fn merge_slashes(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.server_conf::<CoreServer>().merge_slashes = Some(on);
    Ok(())
}

pub fn merge_trailers(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.server_conf::<CoreServer>().merge_trailers = Some(on);
    Ok(())
}

pub fn strict_host_check(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.server_conf::<CoreServer>().strict_host_check = Some(on);
    Ok(())
}

pub fn encoded_slashes(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mode = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => EncodedSlashes::On,
        "off" => EncodedSlashes::Off,
        "nodecode" => EncodedSlashes::NoDecode,
        _ => return Err("AllowEncodedSlashes must be On, Off, or NoDecode".into()),
    };
    cmd.server_conf::<CoreServer>().encoded_slashes = Some(mode);
    Ok(())
}

pub fn timeout(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let time = parse_interval(cmd.arg(0), "s").filter(|time| !time.is_zero());
    let time = time.ok_or("Timeout has to be a positive number of seconds")?;
    cmd.server_conf::<CoreServer>().timeout = Some(time);
    Ok(())
}

pub fn keep_alive(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let on = cmd.flag();
    cmd.server_conf::<CoreServer>().keep_alive = Some(on);
    Ok(())
}

pub fn keep_alive_timeout(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let time = parse_interval(cmd.arg(0), "s");
    let time = time.ok_or("KeepAliveTimeout has wrong format: seconds, or a number with ms")?;
    cmd.server_conf::<CoreServer>().keep_alive_timeout = Some(time);
    Ok(())
}

pub fn max_keep_alive(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let most = cmd.number(0, 0, u32::MAX)?;
    cmd.server_conf::<CoreServer>().max_keep_alive_requests = Some(most);
    Ok(())
}

pub fn trace(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let mode = match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => Trace::On,
        "off" => Trace::Off,
        "extended" => Trace::Extended,
        _ => return Err("TraceEnable must be one of 'on', 'off', or 'extended'".into()),
    };
    cmd.server_conf::<CoreServer>().trace = Some(mode);
    Ok(())
}

pub fn protocol_options(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let word = cmd.arg(0).to_ascii_lowercase();
    let options = &mut cmd.server_conf::<CoreServer>().protocol_options;
    let (slot, value) = match word.as_str() {
        "strict" => (&mut options.lenient, false),
        "unsafe" => (&mut options.lenient, true),
        "lenientmethods" => (&mut options.registered_methods, false),
        "registeredmethods" => (&mut options.registered_methods, true),
        "allow0.9" => (&mut options.require_1_0, false),
        "require1.0" => (&mut options.require_1_0, true),
        _ => {
            return Err("HttpProtocolOptions accepts 'Strict' or 'Unsafe', 'RegisteredMethods' or 'LenientMethods', and 'Require1.0' or 'Allow0.9'".into());
        }
    };
    *slot = Some(value);
    Ok(())
}

/// On or Off where Apache's table does not say that it is a flag.
pub fn on_off(cmd: &Cmd<'_>) -> Result<bool, String> {
    match cmd.arg(0).to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{} must be On or Off", cmd.directive.name)),
    }
}
