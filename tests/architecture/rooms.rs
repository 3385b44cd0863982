//! Which room may use which, and how large things may become.

use std::io;

use super::report;
use super::source::{Source, sources};

/// Room → the rooms it may use. `ARCHITECTURE.md` draws the same picture.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("view", &["domain"]),
    ("wire", &["view", "domain"]),
    ("port", &["wire", "view", "domain"]),
    ("engine", &["port", "wire", "domain"]),
    ("tls", &[]),
    ("telemetry", &["tls"]),
    ("role", &["engine", "port", "wire", "view", "domain", "telemetry"]),
    ("nats", &["port", "wire", "view", "domain", "telemetry"]),
    ("gateway", &["port", "domain", "telemetry", "tls"]),
    ("archive", &["port", "wire", "domain"]),
    ("edge", &["role", "port"]),
    ("psp", &["tls"]),
    ("config", &["wire", "domain", "telemetry"]),
    ("server", &[]),
    (
        "run",
        &[
            "role",
            "engine",
            "nats",
            "gateway",
            "archive",
            "edge",
            "port",
            "wire",
            "view",
            "domain",
            "telemetry",
        ],
    ),
    ("bench", EVERY_ROOM),
    ("cli", EVERY_ROOM),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// The outermost rooms may use all others.
const EVERY_ROOM: &[&str] = &[
    "domain",
    "view",
    "wire",
    "port",
    "engine",
    "role",
    "nats",
    "gateway",
    "archive",
    "edge",
    "psp",
    "config",
    "server",
    "run",
    "bench",
    "telemetry",
    "tls",
];

/// What the pure rooms must never do. They get time, chance and bytes as data.
const IMPURE: &[&str] = &[
    "async fn",
    "async move",
    ".await",
    "tokio::",
    "tracing::",
    "rand::",
    "SystemTime",
    "Instant",
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::thread",
    "std::process",
    "futures::",
];

const PURE: &[&str] = &["domain", "view", "wire"];

/// Lines of one file, its tests not counted: what still fits into one head.
const LINES_MAX: usize = 400;

/// Characters of one line, as in `rustfmt.toml`, which leaves comments and text alone.
const COLUMNS_MAX: usize = 100;

/// Rooms of this crate that a line of code names.
fn rooms_named(line: &str) -> Vec<&str> {
    let names = line.match_indices("crate::").chain(line.match_indices("kassa::"));
    let name = |at: usize| {
        let rest = &line[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    };
    names.map(|(at, _)| name(at)).collect()
}

fn imports(file: &Source, faults: &mut Vec<String>) {
    let Some((_, may)) = MAY_USE.iter().find(|(room, _)| *room == file.room) else {
        let rule = "every room has a row in tests/architecture/rooms.rs and ARCHITECTURE.md";
        faults.push(format!("{}: room {} has no row: {rule}", file.path, file.room));
        return;
    };
    for (number, line) in (1..).zip(file.code.lines()) {
        for named in rooms_named(line) {
            let at = format!("{}:{number}", file.path);
            if named.is_empty() {
                faults.push(format!("{at}: one import a line, or the rooms cannot be told"));
            } else if named != file.room && !may.contains(&named) {
                let may = may.join(", ");
                faults.push(format!("{at}: {} may use [{may}], not {named}", file.room));
            }
        }
    }
}

#[test]
fn every_room_uses_only_the_rooms_further_in() -> io::Result<()> {
    let mut faults = Vec::new();
    for file in sources("src")? {
        imports(&file, &mut faults);
    }
    report(faults);
    Ok(())
}

#[test]
fn rooms_do_not_use_each_other_in_a_circle() {
    for (room, may) in MAY_USE {
        for used in *may {
            let back = MAY_USE.iter().find(|(other, _)| other == used);
            let (_, back) = back.unwrap_or_else(|| panic!("{used} has no row"));
            let mutual = back.contains(room) && !(EVERY_ROOM == *back || EVERY_ROOM == *may);
            assert!(!mutual, "{room} and {used} use each other");
        }
    }
}

#[test]
fn the_core_waits_for_nothing_and_asks_nobody() -> io::Result<()> {
    let mut faults = Vec::new();
    for file in sources("src")?.iter().filter(|file| PURE.contains(&file.room.as_str())) {
        for (number, line) in file.code_lines() {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                let rule = "time, chance and bytes come in as data";
                faults.push(format!("{}:{number}: `{word}` in {}: {rule}", file.path, file.room));
            }
        }
    }
    report(faults);
    Ok(())
}

#[test]
fn files_and_lines_are_small_enough_to_read() -> io::Result<()> {
    let mut faults = Vec::new();
    let (own, tests) = (sources("src")?, sources("tests")?);
    for file in own.iter().chain(&tests) {
        let lines = match file.path.contains("tests") {
            true => file.raw.lines().count(),
            false => file.tests_from,
        };
        if LINES_MAX < lines {
            faults.push(format!("{}: {lines} lines, at most {LINES_MAX}", file.path));
        }
        for (number, line) in (1..).zip(file.raw.lines()) {
            let columns = line.chars().count();
            if COLUMNS_MAX < columns {
                let at = format!("{}:{number}", file.path);
                faults.push(format!("{at}: {columns} columns, at most {COLUMNS_MAX}"));
            }
        }
    }
    report(faults);
    Ok(())
}
