//! What Apache 2.4.71 answered to some 600 expressions, in `apache.txt`, and that this server answers the same.
//!
//! A line is an answer, ` | `, and the expression: `true`, `false`, `refused`; the last also with ` text` for text
//! expressions. `text` is a text expression whose value follows in a line that begins with `   = | `. `added` and
//! `added text` are those that Apache refuses and this server knows; `differs` are those where a NUL byte ends a string
//! for Apache and not here. `@` stands for a folder with a few files.

use super::{BoolExpr, Context, ParseOptions, StringExpr, TestVars};
use std::path::Path;

const TABLE: &str = include_str!("apache.txt");

fn files(root: &Path) -> std::io::Result<()> {
    std::fs::write(root.join("f.txt"), "file text\n")?;
    std::fs::write(root.join("index.html"), "hello\n")?;
    std::fs::write(root.join("empty"), "")?;
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(root.join("f.txt"), runs)?;
    std::os::unix::fs::symlink("f.txt", root.join("link"))
}

fn answer(vars: &TestVars, kind: &str, expression: &str) -> String {
    let options = ParseOptions::default();
    let mut context = Context::default();
    if kind.ends_with("text") {
        return match StringExpr::parse(expression, &options) {
            Err(_) => "refused text".to_string(),
            Ok(parsed) => match parsed.eval(vars, &mut context) {
                Ok(value) => format!("text {}", String::from_utf8_lossy(&value)),
                Err(error) => error,
            },
        };
    }
    match BoolExpr::parse(expression, &options) {
        Err(_) => "refused".to_string(),
        Ok(parsed) => match parsed.eval(vars, &mut context) {
            Ok(value) => value.to_string(),
            Err(error) => error,
        },
    }
}

#[test]
fn answers_as_apache_does() {
    let folder = tempfile::tempdir().expect("a folder");
    files(folder.path()).expect("files");
    let root = folder.path().to_str().expect("a plain name");
    let vars = TestVars::new(folder.path().to_path_buf());
    let mut wrong = Vec::new();
    let mut lines = TABLE.lines().peekable();
    let mut count = 0;
    while let Some((kind, expression)) = lines.next().and_then(|line| line.split_once(" | ")) {
        let got = answer(&vars, kind, &expression.replace('@', root));
        let wanted = match lines.peek().and_then(|line| line.strip_prefix("   = | ")) {
            Some(value) => format!("text {}", value.replace('@', root)),
            None => kind.to_string(),
        };
        if wanted.starts_with("text ") {
            lines.next();
        }
        let same = got == wanted
            || (kind.starts_with("added") && !got.starts_with("refused"))
            || (kind == "differs" && got == "false");
        if !same {
            wrong.push(format!(
                "{expression}\n    Apache: {wanted}\n    here:   {got}"
            ));
        }
        count += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(lines.next().is_none() && count > 500, "{count} lines read");
}
