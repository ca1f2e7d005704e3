//! The conformance suite: what a web server of this kind must do, asked from outside, over sockets and the command
//! line. `cargo test --test conformance` asks our server; `HTTPD=apache2` asks Debian's Apache instead, which is
//! how each case that claims Apache's behaviour was shown true (`HTTPD_MPM=prefork|worker|event` chooses its MPM).

mod alias;
mod auth;
mod cgi;
mod config;
mod deflate;
mod dirs;
mod draining;
mod env;
mod errors;
mod expr;
mod files;
mod filter;
mod freshness;
mod harness;
mod headers;
mod htaccess;
mod http;
mod lifecycle;
mod load;
mod logs;
mod mime;
mod options;
mod reqtimeout;
mod sections;
mod smuggling;
mod status;
mod vhosts;
mod windows;
mod windows_names;
