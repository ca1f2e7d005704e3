//! The values that a plain `cargo build` compiles in, under the names of include/httpd_config.h.in. A test compares them
//! with the header that `./configure` without options writes, so the two cannot drift apart.

use crate::tables::{self, Values};

/// Folders in the order of the header, with the names of build/layouts.
const FOLDERS: [&str; 20] = [
    "prefix",
    "exec_prefix",
    "bindir",
    "sbindir",
    "libdir",
    "libexecdir",
    "mandir",
    "sysconfdir",
    "datadir",
    "installbuilddir",
    "errordir",
    "iconsdir",
    "htdocsdir",
    "manualdir",
    "cgidir",
    "includedir",
    "localstatedir",
    "runtimedir",
    "statedir",
    "logfiledir",
];

/// All defaults: the layout Apache, ports 80 and 443, the name httpd. `release` is the text of ap_release.h and ap_mmn.h.
pub fn values(layouts: &str, release: &str, version: &str, target: &str) -> Values {
    let folders = tables::layout(layouts, "Apache");
    let release = tables::defines(release);
    let folder = |name: &str| folders.get(name).cloned().unwrap_or_default();
    let fact = |name: &str| release.get(name).cloned().unwrap_or_default();
    let below = |name: &str, file: &str| relative(&folder(name), &folder("prefix")) + file;
    let mut values = Values::new();
    let mut set = |name: &str, value: String| values.insert(name.to_string(), value);

    set("HTTPD_VERSION", version.to_string());
    set("HTTPD_COMPATIBLE", fact("AP_SERVER_BASEREVISION"));
    set("HTTPD_MAGIC_MAJOR", fact("MODULE_MAGIC_NUMBER_MAJOR"));
    set("HTTPD_MAGIC_MINOR", fact("MODULE_MAGIC_NUMBER_MINOR"));
    set("HTTPD_PLATFORM", platform(target).to_string());
    set("HTTPD_HOST", target.to_string());
    set("HTTPD_PROGRAM_NAME", "httpd".to_string());
    set("HTTPD_PORT", "80".to_string());
    set("HTTPD_SSLPORT", "443".to_string());
    set("HTTPD_V4_MAPPED", "1".to_string());
    set("HTTPD_LAYOUT", "Apache".to_string());
    set("HTTPD_ROOT", folder("prefix"));
    for name in FOLDERS.iter().chain(&["proxycachedir"]) {
        set(&format!("HTTPD_{}", name.to_uppercase()), folder(name));
    }
    set("SERVER_CONFIG_FILE", below("sysconfdir", "/httpd.conf"));
    set("AP_TYPES_CONFIG_FILE", below("sysconfdir", "/mime.types"));
    set("DEFAULT_REL_RUNTIMEDIR", below("runtimedir", ""));
    set("DEFAULT_REL_STATEDIR", below("statedir", ""));
    set("DEFAULT_REL_LOGFILEDIR", below("logfiledir", ""));
    set("DEFAULT_PIDLOG", below("runtimedir", "/httpd.pid"));
    set(
        "DEFAULT_SCOREBOARD",
        below("runtimedir", "/apache_runtime_status"),
    );
    set("DEFAULT_ERRORLOG", below("logfiledir", "/error_log"));
    set("SUEXEC_BIN", folder("sbindir") + "/suexec");
    values
}

/// A folder as seen from the server's root; one that lies elsewhere stays as it is.
fn relative(folder: &str, root: &str) -> String {
    let inside = folder
        .strip_prefix(root)
        .and_then(|rest| rest.strip_prefix('/'));
    inside.unwrap_or(folder).to_string()
}

/// The word that `httpd -v` shows in brackets.
fn platform(target: &str) -> &'static str {
    match target {
        _ if target.contains("windows") => "Win64",
        _ => "Unix",
    }
}
