//! Cargo's build script: turns what ./configure decided (the header named by `HTTPD_CONFIG`), Cargo features, and the
//! tables of this tree into cfgs and environment variables of the one package. Needs no crate and no C compiler.
//!
//! What the sources may use:
//! - `cfg(mpm = "prefork")`, the one MPM, `cfg(threaded)` if it has threads, `cfg(uses = "crew")` for each part of mpm/common that
//!   its facts say it is made of;
//! - `cfg(module = "alias")` for each module that is compiled in, static or shared (names of build/modules);
//! - `env!("HTTPD_STATIC_MODULES")`, `env!("HTTPD_SHARED_MODULES")`: names with blanks between; a shared one is compiled in
//!   but asleep until LoadModule names it;
//! - `env!("HTTPD_PLANNED_MODULES")`: modules of Apache that are not written yet;
//! - `env!("HTTPD_OTHER_MPMS")`: `event=mpm_event_module worker=mpm_worker_module ...`, and `HTTPD_MPM_NAME`, `_TITLE` (what
//!   -V prints), `_FILE`, `_IDENTIFIER`, `_LOG_NAME` (for the error log), `_THREADED` and `_FORKED` (`0`, `1`), `_THREADS` (`none`, `fixed`, `variable`), `_PROCESSES`;
//! - `env!("HTTPD_BUILT")`: `Nov 12 2026 08:58:41`, in UTC, from SOURCE_DATE_EPOCH where that is set;
//! - `env!("HTTPD_CONFIGURED")`: `1` if configure's header was used, else `0`;
//! - one variable for each `#define` of include/httpd_config.h.in, `HAVE_...` excepted: `HTTPD_ROOT`, `HTTPD_PREFIX`,
//!   `HTTPD_PORT`, ... as they stand, the others with `HTTPD_` before: `HTTPD_SERVER_CONFIG_FILE`, `HTTPD_DEFAULT_PIDLOG`, ...
//!
//! Which MPM: the feature `mpm-NAME`; with none, the header's; with no header, the target's default and one warning. Two
//! features, a feature that contradicts the header, or an MPM that the target cannot build stop the build with one sentence.
//! Which modules: features `mod-NAME` and `mod-NAME-shared`; with none, the header's; with no header, all, static.

mod clock;
mod defaults;
mod plan;
mod tables;

use std::{collections::BTreeSet, env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-env-changed=HTTPD_CONFIG");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // The time of the build is compiled in, so a change of any source asks for it anew. (A path that is not there would
    // make cargo run this each time.)
    let sources = ["src", "mpm", "modules", "build", "include", "Cargo.toml"];
    for path in sources.iter().filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
    let outcome = inputs().and_then(|inputs| Ok((plan::decide(&inputs)?, inputs)));
    match outcome {
        Ok((plan, inputs)) => tell(&plan, &inputs),
        Err(sentence) => println!("cargo::error={sentence}"),
    }
}

/// Reads the tables, the header and the environment.
fn inputs() -> Result<plan::Inputs, String> {
    let header = match env::var("HTTPD_CONFIG") {
        Ok(path) if !path.is_empty() => {
            println!("cargo::rerun-if-changed={path}");
            Some(tables::defines(&read(&path)?))
        }
        _ => None,
    };
    let features =
        env::vars().filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(str::to_string));
    let variable = |name: &str| env::var(name).unwrap_or_default();
    Ok(plan::Inputs {
        mpms: mpms()?,
        modules: tables::Module::parse_all(&read("build/modules")?),
        header,
        defaults: defaults::values(
            &read("build/layouts")?,
            &(read("include/ap_release.h")? + &read("include/ap_mmn.h")?),
            &variable("CARGO_PKG_VERSION"),
            &variable("TARGET"),
        ),
        features: features.collect(),
        system: variable("CARGO_CFG_TARGET_OS"),
        families: tables::words(&variable("CARGO_CFG_TARGET_FAMILY")),
    })
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

/// All `mpm/*/facts`, in the order that they ask for.
fn mpms() -> Result<Vec<tables::Mpm>, String> {
    let folders = fs::read_dir("mpm").map_err(|error| format!("cannot read mpm: {error}"))?;
    let facts = folders.flatten().map(|folder| folder.path().join("facts"));
    let mut found = Vec::new();
    for path in facts.filter(|path| path.is_file()) {
        found.push(tables::Mpm::parse(&read(&path.to_string_lossy())?));
    }
    found.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    Ok(found)
}

/// Prints the plan in cargo's words.
fn tell(plan: &plan::Plan, inputs: &plan::Inputs) {
    for warning in &plan.warnings {
        println!("cargo::warning={warning}");
    }
    tell_cfgs(plan, inputs);
    for (name, value) in &plan.values {
        if name.starts_with("HTTPD_") {
            variable(name, value);
        } else if !name.starts_with("HAVE_") {
            variable(&format!("HTTPD_{name}"), value);
        }
    }
    variable("HTTPD_BUILT", &clock::stamp(clock::now()));
}

fn tell_cfgs(plan: &plan::Plan, inputs: &plan::Inputs) {
    let quoted = |names: Vec<&str>| {
        names
            .iter()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mpms = inputs.mpms.iter().map(|mpm| mpm.name.as_str()).collect();
    let uses: BTreeSet<&str> = inputs
        .mpms
        .iter()
        .flat_map(|mpm| mpm.uses.iter().map(String::as_str))
        .collect();
    let modules = inputs
        .modules
        .iter()
        .map(|module| module.name.as_str())
        .collect();
    println!("cargo::rustc-check-cfg=cfg(mpm, values({}))", quoted(mpms));
    println!(
        "cargo::rustc-check-cfg=cfg(module, values({}))",
        quoted(modules)
    );
    println!("cargo::rustc-check-cfg=cfg(threaded)");
    println!(
        "cargo::rustc-check-cfg=cfg(uses, values({}))",
        quoted(uses.into_iter().collect())
    );
    println!("cargo::rustc-cfg=mpm=\"{}\"", plan.mpm.name);
    if plan.mpm.threaded {
        println!("cargo::rustc-cfg=threaded");
    }
    for part in &plan.mpm.uses {
        println!("cargo::rustc-cfg=uses={part:?}");
    }
    for name in plan.static_modules.iter().chain(&plan.shared_modules) {
        println!("cargo::rustc-cfg=module=\"{name}\"");
    }
}

fn variable(name: &str, value: &str) {
    println!("cargo::rustc-env={name}={value}");
}
