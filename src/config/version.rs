//! `<IfVersion>`: compares this server's Apache-compatible version.

use crate::pattern::Pattern;

/// The version that configurations and scripts see, as major, minor, patch.
pub const COMPATIBLE: (u32, u32, u32) = (2, 4, 71);

/// True if the condition in `args` (`[[!]operator] version`) holds.
pub fn holds(args: &[String]) -> Result<bool, String> {
    let (operator, version) = match args {
        [version] => ("=", version.as_str()),
        [operator, version] => (operator.as_str(), version.as_str()),
        _ => return Err("<IfVersion> takes an operator and a version".into()),
    };
    let (negated, operator) = match operator.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, operator),
    };
    let (regex, version) = match version.strip_prefix('/').and_then(|v| v.strip_suffix('/')) {
        Some(inner) => (true, inner),
        None => (false, version),
    };
    let found = match operator {
        "~" => matches_pattern(version)?,
        "=" | "==" if regex => matches_pattern(version)?,
        "=" | "==" => compare(version)? == std::cmp::Ordering::Equal,
        ">" => compare(version)? == std::cmp::Ordering::Greater,
        "<" => compare(version)? == std::cmp::Ordering::Less,
        ">=" => compare(version)? != std::cmp::Ordering::Less,
        "<=" => compare(version)? != std::cmp::Ordering::Greater,
        _ => {
            return Err(format!(
                "unrecognized operator '{operator}' (known: = == > >= < <= ~)"
            ))
        }
    };
    Ok(found != negated)
}

fn matches_pattern(pattern: &str) -> Result<bool, String> {
    let (a, b, c) = COMPATIBLE;
    let pattern = Pattern::new(pattern, Default::default())?;
    Ok(pattern.is_match(format!("{a}.{b}.{c}").as_bytes()))
}

/// How this server's version stands to the one written; missing parts are 0.
fn compare(version: &str) -> Result<std::cmp::Ordering, String> {
    let mut parts = [0u32; 3];
    for (index, part) in version.split('.').enumerate() {
        let number = part.parse().ok();
        match (parts.get_mut(index), number) {
            (Some(slot), Some(number)) => *slot = number,
            _ => {
                return Err(format!(
                    "'{version}' is not a version (major[.minor[.patch]])"
                ))
            }
        }
    }
    let (a, b, c) = COMPATIBLE;
    Ok([a, b, c].cmp(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<bool, String> {
        holds(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn versions_compare() {
        assert_eq!(ask(">= 2.4"), Ok(true));
        assert_eq!(ask("< 2.4.71"), Ok(false));
        assert_eq!(ask("2.4.71"), Ok(true));
        assert_eq!(ask("!= 2.4.71"), Ok(false));
        assert_eq!(ask("~ ^2\\.4"), Ok(true));
        assert_eq!(ask("= /^2.5/"), Ok(false));
        assert!(ask("? 2.4").is_err());
        assert!(ask(">= two").is_err());
    }
}
