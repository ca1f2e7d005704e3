//! The decisions of cargo's build script, apart from reading and printing: which MPM, which modules, which values. The
//! tests of tests/build call [`decide`] with tables and features of their own.

use crate::tables::{Module, Mpm, Values};

/// All that the decision depends on.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub mpms: Vec<Mpm>,
    pub modules: Vec<Module>,
    /// The `#define` lines of the configured header, when `HTTPD_CONFIG` names one.
    pub header: Option<Values>,
    /// Defaults for the same names, for a build without configure.
    pub defaults: Values,
    /// Cargo features as the environment shows them: `MPM_WORKER`, `MOD_ALIAS_SHARED`.
    pub features: Vec<String>,
    /// `linux`, `windows`, ... (`CARGO_CFG_TARGET_OS`).
    pub system: String,
    /// `unix`, `windows` (`CARGO_CFG_TARGET_FAMILY`).
    pub families: Vec<String>,
}

/// What the build script tells cargo.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub mpm: Mpm,
    pub static_modules: Vec<String>,
    pub shared_modules: Vec<String>,
    pub values: Values,
    pub warnings: Vec<String>,
}

impl Plan {
    /// Adds what was decided, and what else there is, to the values.
    fn describe(&mut self, inputs: &Inputs) {
        let flag = |yes| if yes { "1" } else { "0" };
        let others = inputs
            .mpms
            .iter()
            .filter(|other| other.name != self.mpm.name);
        let others: Vec<String> = others
            .map(|other| format!("{}={}", other.name, other.identifier))
            .collect();
        let planned = inputs.modules.iter().filter(|module| module.planned);
        let planned: Vec<&str> = planned.map(|module| module.name.as_str()).collect();
        for (name, value) in [
            ("MPM_NAME", self.mpm.name.as_str()),
            ("MPM_TITLE", &self.mpm.title),
            ("MPM_FILE", &self.mpm.file),
            ("MPM_IDENTIFIER", &self.mpm.identifier),
            ("MPM_LOG_NAME", self.mpm.log_name()),
            ("MPM_THREADED", flag(self.mpm.threaded)),
            ("MPM_FORKED", flag(self.mpm.forked)),
            ("MPM_THREADS", &self.mpm.threads),
            ("MPM_PROCESSES", &self.mpm.processes),
            ("OTHER_MPMS", &others.join(" ")),
            ("STATIC_MODULES", &self.static_modules.join(" ")),
            ("SHARED_MODULES", &self.shared_modules.join(" ")),
            ("PLANNED_MODULES", &planned.join(" ")),
            ("CONFIGURED", flag(inputs.header.is_some())),
        ] {
            self.values
                .insert(format!("HTTPD_{name}"), value.to_string());
        }
    }
}

/// Decides, or says in one sentence why nothing can be built.
pub fn decide(inputs: &Inputs) -> Result<Plan, String> {
    let mut plan = Plan::default();
    plan.mpm = choose_mpm(inputs, &mut plan.warnings)?.clone();
    check_mpm(inputs, &plan.mpm)?;
    choose_modules(inputs, &mut plan);
    plan.values = inputs.defaults.clone();
    let configured = inputs.header.clone().unwrap_or_default();
    plan.values.extend(configured);
    plan.describe(inputs);
    Ok(plan)
}

/// A feature names it, else the header, else the target's default, with a warning.
fn choose_mpm<'a>(inputs: &'a Inputs, warnings: &mut Vec<String>) -> Result<&'a Mpm, String> {
    let configured = inputs
        .header
        .as_ref()
        .and_then(|header| header.get("HTTPD_MPM_NAME"));
    let featured: Vec<&Mpm> = inputs
        .mpms
        .iter()
        .filter(|mpm| has(inputs, &mpm.feature()))
        .collect();
    match (featured.as_slice(), configured) {
        ([first, second, ..], _) => Err(format!(
            "the features {} and {} are both on, but a server has exactly one MPM: build with one of them",
            first.feature(),
            second.feature()
        )),
        ([one], Some(name)) if *name != one.name => Err(format!(
            "the feature {} contradicts the configured header, which says {name}: leave the feature out, or run ./configure --with-mpm={}",
            one.feature(),
            one.name
        )),
        ([one], _) => Ok(one),
        ([], Some(name)) => find(inputs, |mpm| mpm.name == *name)
            .ok_or_else(|| format!("the configured header asks for MPM {name}, but there is no mpm/{name}/facts: run ./configure again")),
        ([], None) => {
            let mpm = default_mpm(inputs)
                .ok_or_else(|| format!("no MPM is the default on {}: name one by --features mpm-NAME", inputs.system))?;
            warnings.push(format!(
                "not configured: building the defaults of {}, MPM {}, all modules static, {} as prefix (./configure && make, or --features mpm-NAME, choose otherwise)",
                inputs.system, mpm.name, inputs.defaults.get("HTTPD_PREFIX").map_or("", String::as_str)
            ));
            Ok(mpm)
        }
    }
}

fn find(inputs: &Inputs, wanted: impl Fn(&Mpm) -> bool) -> Option<&Mpm> {
    inputs.mpms.iter().find(|mpm| wanted(mpm))
}

/// The MPM whose `default-on` names the system; failing that, the system's kin and families.
pub fn default_mpm(inputs: &Inputs) -> Option<&Mpm> {
    names_of(inputs)
        .into_iter()
        .find_map(|name| find(inputs, |mpm| mpm.default_on.contains(&name)))
}

/// All words by which facts may mean this system, nearest first.
fn names_of(inputs: &Inputs) -> Vec<String> {
    let mut names = vec![inputs.system.clone()];
    if inputs.system == "haiku" {
        names.push("beos".to_string());
    }
    names.extend(inputs.families.iter().cloned());
    names
}

fn check_mpm(inputs: &Inputs, mpm: &Mpm) -> Result<(), String> {
    let others = || {
        let here = inputs.mpms.iter().filter(|other| !other.planned);
        here.map(Mpm::feature).collect::<Vec<_>>().join(", ")
    };
    if mpm.planned {
        return Err(format!(
            "MPM {} is not in this release yet: choose one of the features {}",
            mpm.name,
            others()
        ));
    }
    let buildable = names_of(inputs)
        .iter()
        .any(|name| mpm.builds_on.contains(name));
    if !buildable && !mpm.builds_on.iter().any(|name| name == "any") {
        return Err(format!(
            "MPM {} is built only on {}, not on {}",
            mpm.name,
            mpm.builds_on.join(" and "),
            inputs.system
        ));
    }
    Ok(())
}

/// Features name them, else the header, else all that suit the MPM are static.
fn choose_modules(inputs: &Inputs, plan: &mut Plan) {
    let by_feature = inputs
        .features
        .iter()
        .any(|feature| feature.starts_with("MOD_"));
    let threaded = plan.mpm.threaded;
    let unix = inputs.families.iter().any(|family| family == "unix");
    let listed = |key: &str, module: &Module| {
        let header = inputs.header.as_ref();
        let list = header
            .and_then(|header| header.get(key))
            .map_or("", String::as_str);
        list.split_whitespace().any(|name| name == module.name)
    };
    for module in inputs.modules.iter().filter(|module| !module.planned) {
        let (fixed, shared) = if module.set == "always" {
            (true, false)
        } else if by_feature {
            (
                has(inputs, &module.feature()),
                has(inputs, &format!("{}-shared", module.feature())),
            )
        } else if inputs.header.is_some() {
            (
                listed("HTTPD_STATIC_MODULES", module),
                listed("HTTPD_SHARED_MODULES", module),
            )
        } else {
            (module.suits(threaded, unix), false)
        };
        if fixed {
            plan.static_modules.push(module.name.clone());
        } else if shared {
            plan.shared_modules.push(module.name.clone());
        }
    }
}

fn has(inputs: &Inputs, feature: &str) -> bool {
    let wanted = feature.replace('-', "_").to_uppercase();
    inputs.features.contains(&wanted)
}
