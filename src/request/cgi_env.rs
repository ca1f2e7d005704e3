//! The environment of programs (RFC 3875): what mod_cgi, and later others that hand a request to a program, tell it. All of
//! it goes through the request's own environment, so that logs and redirects see the same.

use super::Request;
use crate::os::path;
use crate::protocol::escape;
use bstr::{BStr, BString, ByteSlice};

/// Variables of the server's own environment that programs are given, beside PATH: what they cannot start without.
#[cfg(windows)]
const INHERITED: &[&str] = &["SystemRoot", "COMSPEC", "PATHEXT", "WINDIR"];
#[cfg(target_vendor = "apple")]
const INHERITED: &[&str] = &["DYLD_LIBRARY_PATH"];
#[cfg(not(any(windows, target_vendor = "apple")))]
const INHERITED: &[&str] = &["LD_LIBRARY_PATH"];

/// The PATH of programs where the server has none.
const DEFAULT_PATH: &str = "/bin:/usr/bin:/usr/local/bin";

/// The request's fields, and what is known of server and client (Apache's `ap_add_common_vars`).
pub fn add_common(r: &mut Request) {
    add_fields(r);
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    r.env.set("PATH", path::bytes(path));
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            r.env.set(*name, path::bytes(value));
        }
    }
    add_server(r);
    add_client(r);
    add_previous(r);
}

/// `HTTP_...`; a name is left out if a variable cannot be called so. `Proxy` would tell some programs which proxy to use
/// (CVE-2016-5387), and passwords are for programs only where CGIPassAuth says so.
fn add_fields(r: &mut Request) {
    let pass_auth = r.core_dir().cgi_pass_auth.unwrap_or(false);
    for (name, value) in r.headers_in.iter() {
        let lower = name.to_ascii_lowercase();
        match lower.as_slice() {
            b"content-type" => r.env.set("CONTENT_TYPE", value),
            b"content-length" => r.env.set("CONTENT_LENGTH", value),
            b"proxy" => {}
            b"authorization" | b"proxy-authorization" if !pass_auth => {}
            name => {
                if let Some(variable) = variable_of(name) {
                    r.env.set(variable, value);
                }
            }
        }
    }
}

fn variable_of(field: &[u8]) -> Option<BString> {
    let mut out = BString::from("HTTP_");
    for byte in field {
        match byte {
            b'-' => out.push(b'_'),
            byte if byte.is_ascii_alphanumeric() => out.push(byte.to_ascii_uppercase()),
            _ => return None,
        }
    }
    Some(out)
}

fn add_server(r: &mut Request) {
    let root = r.core_server().document_root.clone();
    let root = root.unwrap_or_else(|| crate::version::default_docroot().into());
    let root = BString::from(path::to_bytes(&root).into_owned());
    let context = r
        .context_document_root
        .clone()
        .unwrap_or_else(|| root.clone());
    let signature = super::error::signature(r, "");
    r.env.set("SERVER_SIGNATURE", signature);
    r.env.set("SERVER_SOFTWARE", &r.ctx.generation.server_field);
    let name = r.server_name();
    let name = if name.contains(':') && !name.starts_with('[') {
        format!("[{name}]")
    } else {
        name
    };
    r.env.set("SERVER_NAME", escape::html(name.as_bytes()));
    r.env
        .set("SERVER_ADDR", r.conn.local.ip().to_canonical().to_string());
    r.env.set("SERVER_PORT", r.server_port().to_string());
    r.env.set("DOCUMENT_ROOT", root);
    let scheme = r.scheme().to_owned();
    r.env.set("REQUEST_SCHEME", scheme);
    r.env
        .set("CONTEXT_PREFIX", r.context_prefix.as_deref().unwrap_or(""));
    r.env.set("CONTEXT_DOCUMENT_ROOT", context);
    let admin = r.server().admin.clone();
    r.env.set(
        "SERVER_ADMIN",
        admin.as_deref().unwrap_or("[no address given]"),
    );
    r.env.set("SCRIPT_FILENAME", &r.filename);
}

fn add_client(r: &mut Request) {
    if let Some(host) = r.remote_host() {
        r.env.set("REMOTE_HOST", host);
    }
    r.env
        .set("REMOTE_ADDR", r.client.ip().to_canonical().to_string());
    r.env.set("REMOTE_PORT", r.client.port().to_string());
    match &r.user {
        Some(user) => r.env.set("REMOTE_USER", user),
        None => {
            if let Some(user) = r.previous.iter().rev().find_map(|p| p.user.as_ref()) {
                r.env.set("REDIRECT_REMOTE_USER", user);
            }
        }
    }
    if let Some(kind) = &r.auth_type {
        r.env.set("AUTH_TYPE", kind);
    }
}

/// Where an internal redirect came from.
fn add_previous(r: &mut Request) {
    let Some(previous) = r.previous.last().cloned() else {
        return;
    };
    let url = match r.core_dir().qualify_redirect.unwrap_or(false) {
        true => BString::from(r.absolute_url(&previous.uri.to_str_lossy())),
        false => previous.uri,
    };
    r.env.set("REDIRECT_URL", url);
    if let Some(query) = previous.args {
        r.env.set("REDIRECT_QUERY_STRING", query);
    }
}

/// What CGI/1.1 itself demands (Apache's `ap_add_cgi_vars`).
pub async fn add_cgi(r: &mut Request) {
    r.env.set("GATEWAY_INTERFACE", "CGI/1.1");
    r.env.set("SERVER_PROTOCOL", r.version.as_str());
    r.env.set("REQUEST_METHOD", &r.method_name);
    r.env.set(
        "QUERY_STRING",
        r.args.as_ref().map_or(b"".as_slice(), |args| args),
    );
    let rules = &r.core_dir().cgi_vars;
    let current = rules
        .iter()
        .any(|(name, rule)| name == "REQUEST_URI" && rule == "current-uri");
    let uri = if current {
        r.uri.clone()
    } else {
        original_uri(&r.the_request).into()
    };
    r.env.set("REQUEST_URI", uri);
    let end = script_name_end(&r.uri, &r.path_info);
    r.env.set("SCRIPT_NAME", &r.uri[..end]);
    if !r.path_info.is_empty() {
        r.env.set("PATH_INFO", &r.path_info);
        let escaped = escape::path(&r.path_info);
        let target = r.lookup_uri(BStr::new(&escaped)).await;
        if !target.filename.is_empty() {
            r.env.set(
                "PATH_TRANSLATED",
                [target.filename.as_slice(), &target.path_info].concat(),
            );
        }
    }
}

/// The target as the client wrote it.
fn original_uri(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b' ').nth(1).unwrap_or_default()
}

/// How much of the URL is the script's: all but the path behind it.
fn script_name_end(uri: &[u8], path_info: &[u8]) -> usize {
    // Slashes may have been merged in one of them, so the longest common end counts.
    let same = uri
        .iter()
        .rev()
        .zip(path_info.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut end = uri.len() - same;
    while uri.get(end).is_some_and(|byte| *byte != b'/') {
        end += 1;
    }
    end
}

/// The request's environment as a program is given it: `NAME=value`, names made of letters, digits and `_` only.
pub fn block(r: &Request) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::with_capacity(r.env.len());
    for (name, value) in r.env.iter() {
        let mut variable: Vec<u8> = name
            .iter()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    *byte
                } else {
                    b'_'
                }
            })
            .collect();
        if let Some(first) = variable.first_mut().filter(|byte| byte.is_ascii_digit()) {
            *first = b'_';
        }
        if variable.is_empty() || variable == b"HTTP_PROXY" || value.contains(&0) {
            continue;
        }
        variable.push(b'=');
        variable.extend_from_slice(value);
        out.push(variable);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_variables() {
        assert_eq!(variable_of(b"x-one-2"), Some("HTTP_X_ONE_2".into()));
        assert_eq!(variable_of(b"x_one"), None);
        assert_eq!(variable_of(b"x.one"), None);
    }

    #[test]
    fn the_path_behind_a_script_is_not_its_name() {
        assert_eq!(script_name_end(b"/cgi-bin/a/b/c", b"/b/c"), 10);
        assert_eq!(script_name_end(b"/cgi-bin/a", b""), 10);
        assert_eq!(script_name_end(b"/x", b"/x"), 0);
        assert_eq!(script_name_end(b"/aa/a", b"/b/a"), 3);
    }

    #[test]
    fn the_target_is_the_second_word() {
        assert_eq!(original_uri(b"GET /a?b HTTP/1.1"), b"/a?b");
        assert_eq!(original_uri(b""), b"");
    }
}
