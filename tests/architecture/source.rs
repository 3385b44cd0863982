//! The source as rules look at it: code without comments, text without code.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::project;

/// One file of Rust.
pub(super) struct Source {
    /// From the project's folder, with `/`.
    pub(super) path: String,
    /// The folder under `src/` it lies in; the file's own name when it lies in none.
    pub(super) room: String,
    /// As it is.
    pub(super) raw: String,
    /// Comments and the insides of text are blank.
    pub(super) code: String,
    /// Everything but the insides of text is blank.
    pub(super) text: String,
    /// The first line of its tests, from 0; the number of lines when it has none.
    pub(super) tests_from: usize,
}

impl Source {
    fn read(path: &Path) -> io::Result<Self> {
        let raw = fs::read_to_string(path)?;
        let path = relative(path);
        let inside = path.strip_prefix("src/").unwrap_or(&path);
        let room = inside.split(['/', '.']).next().unwrap_or_default().to_owned();
        let (code, text) = split(&raw);
        let all_tests = path.contains("/tests") || path.starts_with("tests/");
        let tests_from = if all_tests { 0 } else { first_test_line(&raw) };
        Ok(Self { path, room, raw, code, text, tests_from })
    }

    /// Lines of code that are no tests, with their numbers from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines()).take(self.tests_from)
    }

    /// Lines of text that are no tests, with their numbers from 1.
    pub(super) fn text_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines()).take(self.tests_from)
    }
}

/// Every Rust file below a folder of the project.
pub(super) fn sources(folder: &str) -> io::Result<Vec<Source>> {
    let mut paths = files(&project().join(folder), "rs")?;
    paths.sort();
    paths.iter().map(|path| Source::read(path)).collect()
}

/// Every file below a folder whose name ends so.
pub(super) fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

/// A path as it is written in a fault.
pub(super) fn relative(path: &Path) -> String {
    let path = path.strip_prefix(project()).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

fn first_test_line(raw: &str) -> usize {
    let lines: Vec<&str> = raw.lines().collect();
    let begins = |pair: &[&str]| pair == ["#[cfg(test)]", "mod tests {"];
    lines.windows(2).position(begins).unwrap_or(lines.len())
}

/// What a character belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    BlockComment,
    Text,
    /// Ends at a quote with so many hashes behind it.
    RawText(usize),
}

/// Parts code from text; both keep their lines and their columns.
fn split(raw: &str) -> (String, String) {
    let characters: Vec<char> = raw.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let (mut code, mut text) = (String::new(), String::new());
    let mut part = Part::Code;
    let mut index = 0;
    while index < characters.len() {
        let here = at(index);
        let (next, taken) = step(part, index, &at);
        for c in characters.iter().skip(index).take(taken) {
            let blank = if *c == '\n' { '\n' } else { ' ' };
            let inside = matches!(part, Part::Text | Part::RawText(_)) && next == part;
            // The quotes themselves stay in the code.
            let quote = here == '"' && next != part;
            code.push(if (part == Part::Code && next == part) || quote { *c } else { blank });
            text.push(if inside { *c } else { blank });
        }
        part = next;
        index += taken;
    }
    (code, text)
}

/// What comes after the character at `index`, and how many characters that took.
fn step(part: Part, index: usize, at: &impl Fn(usize) -> char) -> (Part, usize) {
    let (here, next) = (at(index), at(index + 1));
    match part {
        Part::Code if here == '/' && next == '/' => (Part::Comment, 2),
        Part::Code if here == '/' && next == '*' => (Part::BlockComment, 2),
        Part::Code if here == '"' => (Part::Text, 1),
        Part::Code if here == 'r' && (next == '"' || next == '#') => {
            let hashes = (index + 1..).take_while(|index| at(*index) == '#').count();
            let text = at(index + 1 + hashes) == '"';
            if text { (Part::RawText(hashes), hashes + 2) } else { (part, 1) }
        }
        // A character, not a lifetime: the quote that ends it is near.
        Part::Code if here == '\'' && next == '\\' => (part, 4),
        Part::Code if here == '\'' && at(index + 2) == '\'' => (part, 3),
        Part::Comment if here == '\n' => (Part::Code, 1),
        Part::BlockComment if here == '*' && next == '/' => (Part::Code, 2),
        Part::Text if here == '\\' => (part, 2),
        Part::Text if here == '"' => (Part::Code, 1),
        Part::RawText(hashes)
            if here == '"' && (1..=hashes).all(|more| at(index + more) == '#') =>
        {
            (Part::Code, hashes + 1)
        }
        part => (part, 1),
    }
}

#[test]
fn code_and_text_are_told_apart() {
    let raw = "let a = \"x.evt.y\"; // b \"c\"\nlet d = 'e'; /* f */ r#\"g\"h\"# '\"' 'i";
    let (code, text) = split(raw);
    for here in ["let a", "let d", "'e'", "'\"'", "'i"] {
        assert!(code.contains(here), "{here}: {code}");
    }
    for not_here in [".evt.", "// b", "\"c\"", "f", "g\"h"] {
        assert!(!code.contains(not_here), "{not_here}: {code}");
    }
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["x.evt.y", "g\"h"]);
    assert_eq!(code.lines().count(), raw.lines().count());
}
