//! Words with one home, and words with none.

use std::io;

use super::report;
use super::source::sources;

/// A word of code, the places whose paths begin so, and the reason.
type Home = (&'static str, &'static [&'static str], &'static str);

const CODE: &[Home] = &[
    ("async_nats", &["src/nats/"], "vendor types stay behind the ports"),
    ("SystemTime", &["src/port/clock.rs"], "time is data; one place asks for it"),
    ("Timestamp::now", &[], "time is data; port::clock asks for it"),
    ("Zoned::now", &[], "time is data; port::clock asks for it"),
    ("Uuid::new_v4", &[], "ids carry the time they were made; port::clock makes them"),
    ("Uuid::now_v7", &[], "ids are data; port::clock makes them"),
    ("env::var", &["src/config/environment.rs"], "configuration has one door"),
    ("figment", &["src/config/"], "configuration has one door"),
    ("opentelemetry", &["src/telemetry/"], "what is exported is decided in one room"),
    ("hdrhistogram", &["src/bench/"], "what is measured is measured in one room"),
    ("process::exit", &[], "main returns; nobody ends the process in the middle of something"),
    ("#[allow(", &[], "use #[expect(…, reason = \"…\")]: it says why, and goes when it is over"),
    ("#[ignore", &[], "a test that does not run proves nothing"),
    ("todo!", &[], "what is merged is finished"),
    ("unimplemented!", &[], "what is merged is finished"),
];

/// Words inside text.
const TEXT: &[Home] = &[
    (".evt.", &["src/wire/"], "subjects are spelled in one place"),
    (".cmd.", &["src/wire/"], "subjects are spelled in one place"),
    (".ask.", &["src/wire/"], "subjects are spelled in one place"),
    (".feed.", &["src/wire/"], "subjects are spelled in one place"),
    (".outcome.", &["src/wire/"], "subjects are spelled in one place"),
    // The name of a metric looks like a subject.
    (".attention.", &["src/wire/", "src/telemetry/names.rs"], "subjects are spelled in one place"),
    ("$KV.", &["src/wire/"], "subjects are spelled in one place"),
    ("$JS.", &["src/nats/"], "the server's own interface is used in one room"),
    ("Content-Type", &["src/wire/headers.rs", "src/domain/refusal.rs"], "headers have one name"),
    ("Kassa-Reply-To", &["src/wire/headers.rs"], "headers have one name"),
    ("Kassa-Event", &["src/wire/headers.rs"], "headers have one name"),
];

/// Words that may not even stand in a comment.
const NOWHERE: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "what is merged is finished"),
    (concat!("FIX", "ME"), "what is merged is finished"),
    (concat!("XX", "X"), "what is merged is finished"),
];

/// The one file that knows the server's error codes.
const CODES: &str = "src/nats/codes.rs";

fn at_home(path: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| path.starts_with(home))
}

#[test]
fn every_word_stays_in_its_home() -> io::Result<()> {
    let mut faults = Vec::new();
    for file in sources("src")? {
        let mut look = |words: &[Home], lines: Vec<(usize, &str)>| {
            for (word, homes, reason) in words {
                if at_home(&file.path, homes) {
                    continue;
                }
                for (number, _) in lines.iter().filter(|(_, line)| line.contains(word)) {
                    let homes = if homes.is_empty() { "nowhere".into() } else { homes.join(", ") };
                    let at = format!("{}:{number}", file.path);
                    faults.push(format!("{at}: `{word}` belongs in {homes}: {reason}"));
                }
            }
        };
        look(CODE, file.code_lines().collect());
        look(TEXT, file.text_lines().collect());
    }
    report(faults);
    Ok(())
}

/// Whether a line has a number of JetStream's errors in it: 10000 to 10999, written in one piece.
fn error_code(line: &str) -> Option<&str> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
    let five = |word: &&str| {
        word.len() == 5 && word.starts_with("10") && word.bytes().all(|b| b.is_ascii_digit())
    };
    words.into_iter().find(five)
}

#[test]
fn one_file_knows_the_error_codes_of_the_server() -> io::Result<()> {
    let mut faults = Vec::new();
    for file in sources("src")?.iter().filter(|file| file.path != CODES) {
        for (number, line) in file.code_lines() {
            if let Some(code) = error_code(line) {
                faults.push(format!("{}:{number}: {code} belongs in {CODES}", file.path));
            }
        }
    }
    assert!(error_code("Some(10071 | 10164)").is_some() && error_code("10_000.100710").is_none());
    report(faults);
    Ok(())
}

#[test]
fn nothing_is_left_for_later() -> io::Result<()> {
    let mut faults = Vec::new();
    for folder in ["src", "tests"] {
        for file in sources(folder)? {
            for (number, line) in (1..).zip(file.raw.lines()) {
                for (word, rule) in NOWHERE.iter().filter(|(word, _)| line.contains(word)) {
                    faults.push(format!("{}:{number}: {word}: {rule}", file.path));
                }
                let skipped = file.path.starts_with("tests/")
                    && file
                        .code
                        .lines()
                        .nth(number - 1)
                        .is_some_and(|code| code.trim_start().starts_with("#[ignore"));
                if skipped {
                    let rule = "a test that does not run proves nothing";
                    faults.push(format!("{}:{number}: #[ignore]: {rule}", file.path));
                }
            }
        }
    }
    report(faults);
    Ok(())
}
