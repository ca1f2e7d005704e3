//! Directives that say what a server is called.

use super::httpd_internal::Cmd;
use crate::config::directive::Place;
use crate::config::tree::words;
use crate::pattern::is_wild;
use crate::server::ServerName;

pub fn server_name(cmd: &mut Cmd<'_>) -> Result<(), String> {
    let name = parse_server_name(cmd.arg(0))?;
    cmd.server.name = Some(name);
    Ok(())
}

/// `[scheme://]host[:port]`.
fn parse_server_name(text: &str) -> Result<ServerName, String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, text),
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port))
            if !port.contains(']') && (host.starts_with('[') || !host.contains(':')) =>
        {
            let number = port.parse::<u16>().ok().filter(|port| *port > 0);
            let wrong = || {
                format!(
                    "The port number \"{port}\" is outside the appropriate range (i.e., 1..65535)."
                )
            };
            (host, number.ok_or_else(wrong)?)
        }
        _ => (rest, 0),
    };
    if host.is_empty() || host.contains('/') {
        return Err(format!(
            "Invalid ServerName \"{text}\" use ServerAlias to set multiple server names."
        ));
    }
    Ok(ServerName {
        scheme,
        host: host.to_ascii_lowercase(),
        port,
    })
}

pub fn server_alias(cmd: &mut Cmd<'_>) -> Result<(), String> {
    if cmd.place != Place::VirtualHost {
        return Err("ServerAlias only used in <VirtualHost>".into());
    }
    for name in words(cmd.arg(0)) {
        let name = name.to_ascii_lowercase();
        match is_wild(&name) {
            true => cmd.server.wild_aliases.push(name),
            false => cmd.server.aliases.push(name),
        }
    }
    Ok(())
}

pub fn server_path(cmd: &mut Cmd<'_>) -> Result<(), String> {
    if cmd.place != Place::VirtualHost {
        return Err("ServerPath only used in <VirtualHost>".into());
    }
    cmd.server.path = Some(cmd.arg(0).to_owned());
    Ok(())
}

pub fn server_admin(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.server.admin = Some(cmd.arg(0).to_owned());
    Ok(())
}

pub fn name_virtual_host(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.warn("AH00548: NameVirtualHost has no effect and will be removed in the next release");
    Ok(())
}

pub fn port(cmd: &mut Cmd<'_>) -> Result<(), String> {
    Err(format!(
        "{} was deprecated, use Listen instead",
        cmd.directive.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_scheme_and_port() {
        let name = parse_server_name("https://WWW.Example.test:8443").expect("a name");
        assert_eq!(
            (name.scheme.as_deref(), name.host.as_str(), name.port),
            (Some("https"), "www.example.test", 8443)
        );
        assert_eq!(parse_server_name("[::1]:80").expect("a name").port, 80);
        assert_eq!(parse_server_name("::1").expect("a name").port, 0);
        assert!(parse_server_name("a:0").is_err());
        assert!(parse_server_name("a:b").is_err());
    }
}
