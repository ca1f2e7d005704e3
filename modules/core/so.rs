//! mod_so: LoadModule wakes modules that were built `shared`. The reader carries LoadModule out while it reads; see
//! `hooks::module`.

use super::httpd_internal::*;

/// `mod_so.c`.
pub static MODULE: Module = Module {
    name: "mod_so.c",
    identifier: "so_module",
    directives: &[
        Directive::new(
            "LoadModule",
            Scope::EXEC_ON_READ.or(Scope::RSRC_CONF),
            Arity::Take2,
            super::read_time,
            "a module's identifier, and the file that Apache would load it from",
        ),
        Directive::new(
            "LoadFile",
            Scope::EXEC_ON_READ.or(Scope::RSRC_CONF),
            Arity::Iterate,
            load_file,
            "libraries that Apache would load for its modules",
        ),
    ],
    ..Module::EMPTY
};

fn load_file(cmd: &mut Cmd<'_>) -> Result<(), String> {
    cmd.warn_no_effect("modules are compiled in, and need no library to be loaded for them");
    Ok(())
}
