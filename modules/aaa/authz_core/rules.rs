//! The tree that Require lines and their containers make, and what it decides.

use crate::config::directive::Cmd;
use crate::hooks::provider::{AuthzResult, CheckRequire, Prepared};
use crate::modules::aaa::common::Layers;
use crate::protocol::method::MethodSet;
use crate::protocol::Method;
use crate::sync::Shared;

/// How the children of a container count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logic {
    /// All must grant.
    And,
    /// One must grant.
    Or,
}

/// One `Require` line.
pub struct Line {
    /// The provider's name.
    pub name: String,
    /// The words behind it.
    pub words: String,
    /// Decides.
    pub check: CheckRequire,
    /// What the provider made of the words.
    pub prepared: Prepared,
    /// Directives of an alias.
    pub layers: Layers,
}

/// A node: a line or a container.
#[derive(Clone)]
pub struct Rule {
    /// `Require not`, `<RequireNone>`, `<RequireNotAll>`.
    pub negate: bool,
    /// The methods that it is for, by `<Limit>`.
    pub limited: MethodSet,
    /// Which of the two.
    pub what: What,
}

/// What a node is.
#[derive(Clone)]
pub enum What {
    /// A `Require` line.
    Line(Shared<Line>),
    /// A container.
    Group(Logic, Vec<Rule>),
}

impl Rule {
    /// An empty container, for no method as yet.
    pub fn group(logic: Logic, negate: bool) -> Rule {
        Rule {
            negate,
            limited: MethodSet::NONE,
            what: What::Group(logic, Vec::new()),
        }
    }

    /// A line for the methods of the enclosing `<Limit>`.
    pub fn line(cmd: &Cmd<'_>, negate: bool, line: Shared<Line>) -> Rule {
        Rule {
            negate,
            limited: cmd.limited.unwrap_or(MethodSet::ALL),
            what: What::Line(line),
        }
    }

    /// Puts a node into this container. `Err`: a negative one where it could never grant anything.
    pub fn push(&mut self, child: Rule) -> Result<(), String> {
        let name = self.to_string();
        let What::Group(logic, children) = &mut self.what else {
            return Ok(());
        };
        if child.negate && *logic == Logic::Or {
            return Err(match child.what {
                What::Line(_) => {
                    format!("negative Require directive has no effect in {name} directive")
                }
                What::Group(..) => format!("{child} directive has no effect in {name} directive"),
            });
        }
        self.limited = self.limited.union(child.limited);
        children.push(child);
        Ok(())
    }

    /// True for a container without anything inside.
    pub fn is_empty(&self) -> bool {
        matches!(&self.what, What::Group(_, children) if children.is_empty())
    }

    /// The first container in which all nodes are negative, so that it can only ever refuse.
    pub fn only_negative(&self) -> Option<&Rule> {
        let What::Group(_, children) = &self.what else {
            return None;
        };
        let inside = children.iter().find_map(Rule::only_negative);
        inside.or_else(|| children.iter().all(|child| child.negate).then_some(self))
    }

    /// `base`, an enclosing place's rules, with these under AuthMerging.
    pub fn joined(logic: Logic, base: &Rule, over: &Rule) -> Rule {
        Rule {
            negate: false,
            limited: base.limited.union(over.limited),
            what: What::Group(logic, vec![base.clone(), over.clone()]),
        }
    }

    /// The decision for a method. `ask` gives a line's own result, or none to break off.
    pub fn decide(
        &self,
        method: Method,
        ask: &mut dyn FnMut(&Shared<Line>) -> Option<AuthzResult>,
    ) -> Option<AuthzResult> {
        self.decide_in(Logic::And, method, ask)
    }

    fn decide_in(
        &self,
        parent: Logic,
        method: Method,
        ask: &mut dyn FnMut(&Shared<Line>) -> Option<AuthzResult>,
    ) -> Option<AuthzResult> {
        if !self.limited.contains(method) {
            return Some(if parent == Logic::And {
                AuthzResult::Granted
            } else {
                AuthzResult::Neutral
            });
        }
        let result = match &self.what {
            What::Line(line) => ask(line)?,
            What::Group(logic, children) => {
                let mut sum = AuthzResult::Neutral;
                for child in children {
                    let result = child.decide_in(*logic, method, ask)?;
                    if result == AuthzResult::Error {
                        return Some(result);
                    }
                    sum = sum_of(*logic, sum, result);
                    if is_final(*logic, sum) {
                        break;
                    }
                }
                sum
            }
        };
        Some(if self.negate { negated(result) } else { result })
    }
}

/// "Refused unless a user comes" wins over what it is added to only where a user could still change the outcome.
fn sum_of(logic: Logic, sum: AuthzResult, next: AuthzResult) -> AuthzResult {
    use AuthzResult::{Denied, DeniedNoUser, Granted, Neutral};
    match (logic, sum, next) {
        (_, sum, Neutral) => sum,
        (_, Neutral, next) => next,
        (Logic::And, _, Denied) | (Logic::Or, _, Granted) => next,
        (Logic::And, sum, DeniedNoUser) if sum != Denied => next,
        (Logic::Or, Denied, DeniedNoUser) => next,
        _ => sum,
    }
}

fn is_final(logic: Logic, sum: AuthzResult) -> bool {
    match logic {
        Logic::And => sum == AuthzResult::Denied,
        Logic::Or => sum == AuthzResult::Granted,
    }
}

/// That nothing refused is no reason to grant.
fn negated(result: AuthzResult) -> AuthzResult {
    match result {
        AuthzResult::Granted => AuthzResult::Denied,
        AuthzResult::Denied | AuthzResult::DeniedNoUser => AuthzResult::Neutral,
        other => other,
    }
}

/// As it would be written, for messages.
impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.what, self.negate) {
            (What::Line(line), true) => write!(f, "Require not {} {}", line.name, line.words),
            (What::Line(line), false) => write!(f, "Require {} {}", line.name, line.words),
            (What::Group(Logic::And, _), false) => f.write_str("<RequireAll>"),
            (What::Group(Logic::And, _), true) => f.write_str("<RequireNotAll>"),
            (What::Group(Logic::Or, _), false) => f.write_str("<RequireAny>"),
            (What::Group(Logic::Or, _), true) => f.write_str("<RequireNone>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::provider::AuthzAnswer;
    use AuthzResult::{Denied, DeniedNoUser, Error, Granted, Neutral};

    fn line(name: &str) -> Rule {
        let line = Line {
            name: name.into(),
            words: String::new(),
            check: |_, _| AuthzAnswer::Now(Granted),
            prepared: Box::new(()),
            layers: Vec::new(),
        };
        Rule {
            negate: false,
            limited: MethodSet::ALL,
            what: What::Line(Shared::new(line)),
        }
    }

    /// Lines are named by their results: g, d, u, n, e.
    fn decide(rule: &Rule) -> AuthzResult {
        let mut ask = |line: &Shared<Line>| {
            Some(match line.name.as_str() {
                "g" => Granted,
                "d" => Denied,
                "u" => DeniedNoUser,
                "e" => Error,
                _ => Neutral,
            })
        };
        rule.decide(Method::Get, &mut ask).unwrap()
    }

    fn group(logic: Logic, negate: bool, children: Vec<Rule>) -> Rule {
        Rule {
            negate,
            limited: MethodSet::ALL,
            what: What::Group(logic, children),
        }
    }

    fn results(logic: Logic, names: &str) -> AuthzResult {
        decide(&group(logic, false, names.split(' ').map(line).collect()))
    }

    #[test]
    fn one_or_all_must_grant() {
        for (names, or, and) in [
            ("g", Granted, Granted),
            ("d g", Granted, Denied),
            ("d u", DeniedNoUser, Denied),
            ("u d", DeniedNoUser, Denied),
            ("g u", Granted, DeniedNoUser),
            ("u g", Granted, DeniedNoUser),
            ("n g", Granted, Granted),
            ("n n", Neutral, Neutral),
            ("d e g", Error, Denied),
            ("n d", Denied, Denied),
        ] {
            assert_eq!(
                (results(Logic::Or, names), results(Logic::And, names)),
                (or, and),
                "{names}"
            );
        }
    }

    #[test]
    fn negation_never_grants() {
        let none = |name| group(Logic::Or, true, vec![line(name)]);
        assert_eq!(decide(&none("g")), Denied);
        assert_eq!(decide(&none("d")), Neutral);
        assert_eq!(
            decide(&group(Logic::And, false, vec![line("g"), none("d")])),
            Granted
        );
        assert_eq!(
            decide(&group(Logic::And, false, vec![line("g"), none("g")])),
            Denied
        );
    }

    #[test]
    fn rules_for_other_methods_do_not_count() {
        let limited = |name| Rule {
            limited: MethodSet::of(Method::Post),
            ..line(name)
        };
        assert_eq!(decide(&limited("d")), Granted);
        assert_eq!(
            decide(&group(Logic::Or, false, vec![limited("g"), line("d")])),
            Denied
        );
        assert_eq!(
            decide(&group(Logic::And, false, vec![limited("d"), line("g")])),
            Granted
        );
    }

    #[test]
    fn useless_negation_is_refused() {
        let mut any = Rule::group(Logic::Or, false);
        assert!(any
            .push(Rule {
                negate: true,
                ..line("g")
            })
            .is_err());
        assert!(any
            .push(Rule::group(Logic::Or, true))
            .unwrap_err()
            .contains("<RequireNone> directive has no effect in <RequireAny>"));
        let mut all = Rule::group(Logic::And, false);
        all.push(Rule {
            negate: true,
            ..line("g")
        })
        .unwrap();
        assert!(all.only_negative().is_some());
        all.push(line("g")).unwrap();
        assert!(all.only_negative().is_none());
    }
}
