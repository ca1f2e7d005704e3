//! Who may see what: authentication (who are you?) and authorization (may you?), between the walk through the
//! configuration and the handler on a request's path.
//!
//! `access_compat` asks for the address (access_checker); `authz_core` decides by Require what needs no user
//! (access_checker_ex); if a user could change that, `auth_basic` signs one in (check_user_id) with the help of providers
//! such as `authn_file`; then `authz_core` decides again (auth_checker). `authz_host`, `authz_user` and `authz_groupfile`
//! are the words behind Require. `common`, `client_host` and `password` serve several of them.

pub mod client_host;
pub mod common;
pub mod password;

#[cfg(module = "access_compat")]
pub mod access_compat;
#[cfg(module = "auth_basic")]
pub mod auth_basic;
#[cfg(module = "authn_core")]
pub mod authn_core;
#[cfg(module = "authn_file")]
pub mod authn_file;
#[cfg(module = "authz_core")]
pub mod authz_core;
#[cfg(module = "authz_groupfile")]
pub mod authz_groupfile;
#[cfg(module = "authz_host")]
pub mod authz_host;
#[cfg(module = "authz_user")]
pub mod authz_user;
