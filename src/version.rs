//! Who this server is, and for which Apache version configurations may take it.

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version that `<IfVersion>`, apxs and scripts see.
pub const COMPATIBLE: &str = env!("HTTPD_COMPATIBLE");
/// The platform in brackets, as in `httpd/0.1.0 (Unix)`.
pub const PLATFORM: &str = env!("HTTPD_PLATFORM");
/// When it was built.
pub const BUILT: &str = env!("HTTPD_BUILT");
/// Compiled ServerRoot.
pub const ROOT: &str = env!("HTTPD_ROOT");

/// What `httpd -v` prints behind `Server version: `.
pub fn banner() -> String {
    format!("Apache/{COMPATIBLE}-compatible httpd/{VERSION} ({PLATFORM})")
}

/// The document root where the configuration names none.
pub fn default_docroot() -> &'static str {
    env!("HTTPD_HTDOCSDIR")
}
