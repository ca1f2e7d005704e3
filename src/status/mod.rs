//! The pages that tell what the server does: HTML for people, lines for programs (`?auto`), plain text for terminals (`?text`). All
//! are made from one reading of the scoreboard; mod_status answers requests with them, and the status socket of the MPMs does.

mod auto;
mod figures;
mod page;
mod text;
mod visit;

use bstr::ByteSlice;
pub use figures::Figures;
pub use visit::{Visit, UNAVAILABLE};

/// Seconds between two views where `?refresh` names none.
const REFRESH: u32 = 10;

/// What the query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    /// `auto`: for programs.
    auto: bool,
    /// `text`, or `text=brief` without the single requests.
    text: Option<Extent>,
    /// `notable`: requests as a list.
    no_table: bool,
    /// `refresh[=N]`: the browser is to ask again after so many seconds.
    refresh: Option<u32>,
}

/// How much of the plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Brief,
    Full,
}

impl Wishes {
    fn of(query: &[u8]) -> Wishes {
        let mut wishes = Wishes::default();
        for word in query.split(|byte| matches!(byte, b'&' | b';' | b',' | b'?')) {
            let (name, value) = word.split_once_str(b"=").unwrap_or((word, b""));
            match name {
                b"auto" => wishes.auto = true,
                b"text" if value == b"brief" => wishes.text = Some(Extent::Brief),
                b"text" => wishes.text = Some(Extent::Full),
                b"notable" => wishes.no_table = true,
                b"refresh" => {
                    let seconds = value.to_str().ok().and_then(|value| value.parse().ok());
                    wishes.refresh = Some(seconds.filter(|n| *n > 0).unwrap_or(REFRESH));
                }
                _ => {}
            }
        }
        wishes
    }
}

/// A page that is ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Its Content-Type.
    pub kind: &'static str,
    /// The value of a Refresh field, in seconds.
    pub refresh: Option<u32>,
    /// Its body.
    pub text: String,
}

impl Page {
    /// The page that a query string asks for.
    pub fn of(figures: &Figures, query: &[u8]) -> Page {
        let wishes = Wishes::of(query);
        let (kind, text) = match (wishes.auto, wishes.text) {
            (true, _) => ("text/plain; charset=ISO-8859-1", auto::text(figures)),
            (_, Some(extent)) => (
                "text/plain; charset=us-ascii",
                text::text(figures, extent == Extent::Full),
            ),
            _ => ("text/html; charset=utf-8", page::html(figures, &wishes)),
        };
        Page {
            kind,
            refresh: wishes.refresh,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes() {
        assert_eq!(Wishes::of(b""), Wishes::default());
        assert!(Wishes::of(b"auto").auto && Wishes::of(b"refresh=3&auto").auto);
        assert!(!Wishes::of(b"autos").auto);
        assert_eq!(Wishes::of(b"text").text, Some(Extent::Full));
        assert_eq!(Wishes::of(b"text=brief").text, Some(Extent::Brief));
        assert_eq!(Wishes::of(b"notable&refresh=7").refresh, Some(7));
        for odd in [
            "refresh",
            "refresh=",
            "refresh=0",
            "refresh=x",
            "refresh=-1",
        ] {
            assert_eq!(Wishes::of(odd.as_bytes()).refresh, Some(REFRESH), "{odd}");
        }
    }
}
