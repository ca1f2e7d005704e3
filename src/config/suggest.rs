//! The nearest known word to a misspelt one, for the messages about directives, options, variables and functions.

/// The candidate nearest to `name`, if one is near enough to be what was meant: at most a third of its letters wrong
/// (added, left out, changed, or swapped with the next), ignoring case. The first of equally near ones wins.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let name = name.to_ascii_lowercase().into_bytes();
    let most = (name.len() / 3).clamp(1, 4);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let lengths = candidate.len().abs_diff(name.len());
        if lengths > most || apart(&name, candidate.as_bytes()) > most {
            continue;
        }
        let distance = distance(&name, candidate.to_ascii_lowercase().as_bytes());
        // A word that shares no letter with the other is not a misspelling of it, however short both are.
        let near = distance <= most && distance < name.len().max(candidate.len());
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean "X"?`, or nothing: to be put at the end of an error message.
pub fn hint<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    match nearest(name, candidates) {
        Some(candidate) => format!("; did you mean {candidate:?}?"),
        None => String::new(),
    }
}

/// What the distance of two words is at least, whatever the case of their letters: so many letters of one the other lacks. It
/// costs next to nothing, and nearly all of the words that are no misspelling of the other differ by more than is forgiven.
fn apart(a: &[u8], b: &[u8]) -> usize {
    let mut counts = [0isize; 32];
    let place = |letter: &u8| usize::from(letter & 31);
    a.iter().for_each(|letter| counts[place(letter)] += 1);
    b.iter().for_each(|letter| counts[place(letter)] -= 1);
    let (mut lacks, mut has) = (0, 0);
    for count in counts {
        lacks += count.max(0);
        has -= count.min(0);
    }
    lacks.max(has).unsigned_abs()
}

/// The Damerau-Levenshtein distance (optimal string alignment) of two byte strings.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let changed = at(&old, j) + usize::from(x != y);
            let mut least = changed.min(at(&old, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                least = least.min(at(&older, j - 1) + 1);
            }
            row.push(least);
        }
        older = std::mem::replace(&mut old, row);
    }
    at(&old, b.len())
}

fn at(row: &[usize], index: usize) -> usize {
    row.get(index).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: &[&str] = &[
        "Listen",
        "ListenBackLog",
        "DocumentRoot",
        "ServerName",
        "ServerAdmin",
        "If",
        "Define",
    ];

    #[test]
    fn finds_what_was_meant() {
        for (wrong, meant) in [
            ("Lisen", "Listen"),
            ("listne", "Listen"),
            ("DocumentRoo", "DocumentRoot"),
            ("documentrot", "DocumentRoot"),
            ("SeverName", "ServerName"),
            ("ServerAdmn", "ServerAdmin"),
            ("Ifs", "If"),
        ] {
            assert_eq!(
                nearest(wrong, WORDS.iter().copied()),
                Some(meant),
                "{wrong}"
            );
        }
    }

    #[test]
    fn says_nothing_about_strangers() {
        for wrong in ["", "x", "Foo", "ProxyPass", "Li"] {
            let found = nearest(wrong, WORDS.iter().copied());
            assert!(matches!(found, None | Some("If")), "{wrong}: {found:?}");
        }
        assert_eq!(nearest("on", ["ab"]), None);
        assert_eq!(hint("Foo", WORDS.iter().copied()), "");
        assert_eq!(
            hint("Lisen", WORDS.iter().copied()),
            "; did you mean \"Listen\"?"
        );
    }

    proptest! {
        #[test]
        fn distance_is_a_distance(a in "[a-d]{0,8}", b in "[a-d]{0,8}") {
            let forth = distance(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(forth, distance(b.as_bytes(), a.as_bytes()));
            prop_assert_eq!(forth == 0, a == b);
            prop_assert!(forth <= a.len().max(b.len()));
            prop_assert!(apart(a.as_bytes(), b.to_uppercase().as_bytes()) <= forth);
        }
    }
}
