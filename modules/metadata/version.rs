//! mod_version: `<IfVersion>`. The reader of the configuration carries it out (see `config::read`); here is its row, so that
//! listings and `<IfModule mod_version.c>` know of it.

use crate::config::directive::{Arity, Cmd, Directive, Scope};
use crate::hooks::module::Module;

/// `mod_version.c`.
pub static MODULE: Module = Module {
    name: "mod_version.c",
    identifier: "version_module",
    directives: &[Directive::new(
        "<IfVersion",
        Scope::EXEC_ON_READ.or(Scope::RSRC_CONF).or(Scope::ALL),
        Arity::Take123,
        read_time,
        "lines that count if the server's version compares so",
    )],
    ..Module::EMPTY
};

fn read_time(cmd: &mut Cmd<'_>) -> Result<(), String> {
    Err(format!(
        "{} is carried out while the files are read",
        cmd.directive.name
    ))
}
