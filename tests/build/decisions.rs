//! The pure part of cargo's build script, with the tables of this tree.

use crate::{clock, defaults, plan, tables};

fn read(path: &str) -> String {
    let whole = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{whole}: {error}"))
}

fn inputs(features: &[&str], system: &str) -> plan::Inputs {
    let names = [
        "prefork",
        "worker",
        "event",
        "mpm_winnt",
        "beos",
        "mpm_netware",
        "mpmt_os2",
    ];
    let family = if system == "windows" {
        "windows"
    } else {
        "unix"
    };
    plan::Inputs {
        mpms: names
            .iter()
            .map(|name| tables::Mpm::parse(&read(&format!("mpm/{name}/facts"))))
            .collect(),
        modules: tables::Module::parse_all(&read("build/modules")),
        header: None,
        defaults: defaults::values(
            &read("build/layouts"),
            &(read("include/ap_release.h") + &read("include/ap_mmn.h")),
            "0.1.0",
            "x86_64-unknown-linux-gnu",
        ),
        features: features
            .iter()
            .map(|feature| feature.replace('-', "_").to_uppercase())
            .collect(),
        system: system.to_string(),
        families: vec![family.to_string()],
    }
}

fn header(text: &str) -> Option<tables::Values> {
    Some(tables::defines(text))
}

#[test]
fn a_feature_chooses_the_mpm() {
    let plan = plan::decide(&inputs(&["mpm-worker"], "linux")).unwrap();
    assert_eq!(plan.mpm.name, "worker");
    assert!(plan.warnings.is_empty());
}

#[test]
fn the_header_chooses_the_mpm_and_the_modules() {
    let mut inputs = inputs(&[], "linux");
    inputs.header = header(
        "#define HTTPD_MPM_NAME \"event\"\n#define HTTPD_STATIC_MODULES \"core so http dir\"\n#define HTTPD_SHARED_MODULES \"alias\"\n#define HTTPD_PORT 8080\n",
    );
    let plan = plan::decide(&inputs).unwrap();
    assert_eq!(plan.mpm.name, "event");
    assert_eq!(plan.static_modules, ["core", "so", "http", "dir"]);
    assert_eq!(plan.shared_modules, ["alias"]);
    assert_eq!(plan.values["HTTPD_PORT"], "8080");
    assert_eq!(plan.values["HTTPD_SSLPORT"], "443");
    assert!(plan.warnings.is_empty());
}

#[test]
fn a_feature_that_agrees_with_the_header_is_welcome() {
    let mut inputs = inputs(&["mpm-event"], "linux");
    inputs.header = header("#define HTTPD_MPM_NAME \"event\"\n");
    assert_eq!(plan::decide(&inputs).unwrap().mpm.name, "event");
}

#[test]
fn a_feature_that_contradicts_the_header_is_refused() {
    let mut inputs = inputs(&["mpm-event"], "linux");
    inputs.header = header("#define HTTPD_MPM_NAME \"worker\"\n");
    let sentence = plan::decide(&inputs).unwrap_err();
    assert!(
        sentence.contains("mpm-event contradicts the configured header, which says worker"),
        "{sentence}"
    );
}

#[test]
fn two_mpms_are_refused() {
    let sentence = plan::decide(&inputs(&["mpm-event", "mpm-prefork"], "linux")).unwrap_err();
    assert!(
        sentence.contains("mpm-prefork and mpm-event are both on"),
        "{sentence}"
    );
}

#[test]
fn with_nothing_said_the_default_is_built_with_one_warning() {
    let plan = plan::decide(&inputs(&[], "linux")).unwrap();
    assert_eq!(plan.mpm.name, "prefork");
    assert_eq!(plan.warnings.len(), 1);
    assert!(plan.static_modules.iter().any(|name| name == "cgi"));
    assert!(!plan.static_modules.iter().any(|name| name == "cgid"));
    assert!(plan.shared_modules.is_empty());
}

#[test]
fn defaults_follow_the_system() {
    let default = |system| plan::default_mpm(&inputs(&[], system)).map(|mpm| mpm.name.clone());
    for (system, name) in [
        ("linux", "prefork"),
        ("freebsd", "prefork"),
        ("macos", "prefork"),
        ("illumos", "prefork"),
        ("haiku", "beos"),
        ("windows", "mpm_winnt"),
    ] {
        assert_eq!(default(system).as_deref(), Some(name), "{system}");
    }
}

#[test]
fn what_the_system_cannot_build_is_refused() {
    let mut inputs = inputs(&["mpm-worker"], "windows");
    inputs.families = vec!["windows".to_string()];
    let sentence = plan::decide(&inputs).unwrap_err();
    assert!(
        sentence.contains("MPM worker is built only on unix, not on windows"),
        "{sentence}"
    );
}

#[test]
fn module_features_win_over_the_header() {
    let mut inputs = inputs(&["mpm-worker", "mod-authz-core", "mod-env-shared"], "linux");
    inputs.header = header(
        "#define HTTPD_MPM_NAME \"worker\"\n#define HTTPD_STATIC_MODULES \"core so http dir\"\n",
    );
    let plan = plan::decide(&inputs).unwrap();
    assert_eq!(plan.static_modules, ["core", "so", "http", "authz_core"]);
    assert_eq!(plan.shared_modules, ["env"]);
}

#[test]
fn every_module_has_its_two_features_and_no_feature_is_left_over() {
    let manifest = read("Cargo.toml");
    let section = manifest
        .split("[features]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .unwrap();
    let given: Vec<&str> = section
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("mod-"))
        .collect();
    let modules = tables::Module::parse_all(&read("build/modules"));
    let ready = modules
        .iter()
        .filter(|module| !module.planned && module.set != "always");
    let mut wanted: Vec<String> = ready
        .flat_map(|module| [module.feature(), format!("{}-shared", module.feature())])
        .collect();
    let mut given: Vec<String> = given.into_iter().map(str::to_string).collect();
    wanted.sort();
    given.sort();
    assert_eq!(given, wanted);
}

#[test]
fn strings_of_the_header_are_read_as_c_reads_them() {
    let values = tables::defines(
        "#define A \"x \\\"y\\\" \\\\z\"\n  #define B 12\n#define C \"\"\n/* #define D 1 */\n",
    );
    assert_eq!(values["A"], "x \"y\" \\z");
    assert_eq!(values["B"], "12");
    assert_eq!(values["C"], "");
    assert!(!values.contains_key("D"));
}

#[test]
fn the_c_headers_and_cargo_agree_on_the_version() {
    let release = tables::defines(&read("include/ap_release.h"));
    assert_eq!(release["AP_SERVER_OWNVERSION"], env!("CARGO_PKG_VERSION"));
    let numbers = [
        "MAJORVERSION_NUMBER",
        "MINORVERSION_NUMBER",
        "PATCHLEVEL_NUMBER",
    ];
    let numbers = numbers.map(|name| release[&format!("AP_SERVER_{name}")].as_str());
    assert_eq!(numbers.join("."), release["AP_SERVER_BASEREVISION"]);
}

#[test]
fn layouts_are_expanded_as_configure_expands_them() {
    let file = read("build/layouts");
    for line in read("tests/build/layouts.expected").lines() {
        let mut fields = line.split('\t');
        let (layout, name, value) = (
            fields.next().unwrap(),
            fields.next().unwrap(),
            fields.next().unwrap_or(""),
        );
        assert_eq!(
            tables::layout(&file, layout)[name],
            value,
            "{name} of {layout}"
        );
    }
}

#[test]
fn built_times_have_the_form_of_c() {
    assert_eq!(clock::stamp(0), "Jan  1 1970 00:00:00");
    assert_eq!(clock::stamp(1_794_473_921), "Nov 12 2026 08:58:41");
    assert_eq!(clock::stamp(951_782_400), "Feb 29 2000 00:00:00");
    assert_eq!(clock::stamp(4_107_542_399), "Feb 28 2100 23:59:59");
}
