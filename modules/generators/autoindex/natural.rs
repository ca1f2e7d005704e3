//! Names in the order that people expect: numbers in them by value (VersionSort).

use std::cmp::Ordering;

/// Compares two names; runs of digits count as numbers, one that begins with 0 as a fraction. Blanks do not count.
pub(super) fn compare(a: &[u8], b: &[u8], ignore_case: bool) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        a = a.trim_ascii_start();
        b = b.trim_ascii_start();
        let (one, other) = match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => (*one, *other),
        };
        if one.is_ascii_digit() && other.is_ascii_digit() {
            let (left, right) = (digits(a), digits(b));
            let order = match one == b'0' || other == b'0' {
                true => left.cmp(right),
                false => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
            };
            if order != Ordering::Equal {
                return order;
            }
            a = &a[left.len()..];
            b = &b[right.len()..];
            continue;
        }
        let fold = |byte: u8| {
            if ignore_case {
                byte.to_ascii_uppercase()
            } else {
                byte
            }
        };
        match fold(one).cmp(&fold(other)) {
            Ordering::Equal => (a, b) = (&a[1..], &b[1..]),
            order => return order,
        }
    }
}

/// The digits that a text begins with.
fn digits(text: &[u8]) -> &[u8] {
    let end = text.iter().take_while(|b| b.is_ascii_digit()).count();
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_value() {
        let sorted = [
            "1.001", "1.010", "1.02", "1.1", "1.3", "x2-g8", "x2-y08", "x8-y8", "x10", "x10a",
        ];
        for pair in sorted.windows(2) {
            let order = compare(pair[0].as_bytes(), pair[1].as_bytes(), false);
            assert_eq!(order, Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare(b"A 2", b"a 10", true), Ordering::Less);
        assert_eq!(compare(b"a2", b"A2", true), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn both_ways_agree(a in "[a-c0-2 ]{0,8}", b in "[a-c0-2 ]{0,8}") {
            let there = compare(a.as_bytes(), b.as_bytes(), false);
            prop_assert_eq!(there, compare(b.as_bytes(), a.as_bytes(), false).reverse());
        }

        // A sort may panic on an order that is none.
        #[test]
        fn the_order_is_total(a in "[ab01 ]{0,5}", b in "[ab01 ]{0,5}", c in "[ab01 ]{0,5}") {
            let less = |x: &str, y: &str| compare(x.as_bytes(), y.as_bytes(), false) != Ordering::Greater;
            prop_assert!(!(less(&a, &b) && less(&b, &c)) || less(&a, &c));
        }
    }
}
