//! Examples in the documents are what this build reads and says.

use std::process::ExitCode;
use std::{fs, io};

use kassa::cli::Code;
use kassa::domain::market::Intent;
use kassa::domain::{CommandKind, Refusal, Source, Timestamp};
use kassa::view::attention::AttentionItem;
use kassa::view::{MinuteView, OrderView, StockView};
use kassa::wire::{
    Arrival, Encoding, Ledger, Outcome, Position, SHAPES, Subjects, kassa_type, read_commands,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{project, report};

const PROTOCOL: &str = "docs/protocol.md";

/// Examples of the protocol that are not ours to read: a field that tells them, and why.
const OTHERS: &[(&str, &str)] = &[
    ("stream", "what the server acknowledges"),
    ("data", "a message of the feed, which only others read"),
    ("prev_hash", "a commit, whose ids and hashes are bytes; its bytes are kept as they are"),
];

/// The blocks of a document in one language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let parts = document.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// The same value again after it was read; nothing when it cannot be read.
fn again<T: DeserializeOwned + Serialize>(value: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(value.clone())?)
}

/// What is wrong with an answer.
fn answer_fault(value: &Value) -> Option<String> {
    let outcome: Outcome = match serde_json::from_value(value.clone()) {
        Ok(outcome) => outcome,
        Err(error) => return Some(error.to_string()),
    };
    let said = match (outcome.address(), outcome.retry_after_ms) {
        (Some(at), None) => {
            let refusal = outcome.refusal.clone();
            Outcome::decided(outcome.command_id, outcome.result, at, refusal)
        }
        (None, Some(pause)) => Outcome::busy(outcome.command_id, pause),
        (None, None) | (Some(_), Some(_)) => return Some("is neither decided nor busy".to_owned()),
    };
    let said = serde_json::to_value(said).unwrap_or_default();
    (said != *value).then(|| format!("this build says {said}"))
}

/// What is wrong with a command: whatever kind it is, one of them must read it.
fn command_fault(payload: &str) -> Option<String> {
    let (Ok(market), Ok(source)) = ("main".parse(), "payer".parse::<Source>()) else {
        return Some("a name of the test is none".to_owned());
    };
    let subjects = Subjects::of(market);
    let read = |kind| {
        let received = read_commands(
            &Arrival {
                subject: &subjects.ask(&source, kind),
                content_type: Some(Encoding::Json.content_type()),
                kassa_type: Some(&kassa_type(kind)),
                reply_to: None,
                traceparent: None,
                payload: payload.as_bytes(),
                asked_at: Timestamp(0),
                command_seq: None,
            },
            &subjects,
        );
        received.requests.into_iter().find_map(|request| match request.intent {
            Intent::Command(_) => None,
            Intent::Unusable { refusal, .. } => Some(refusal),
        })
    };
    let faults: Option<Vec<Refusal>> = CommandKind::ALL.into_iter().map(read).collect();
    faults.map(|faults| format!("no kind of command reads it: {faults:?}"))
}

/// What is wrong with an example of the protocol, which its fields tell apart.
fn fault(block: &str) -> Option<String> {
    let value: Value = match serde_json::from_str(block) {
        Ok(value) => value,
        Err(error) => return Some(error.to_string()),
    };
    let several = value.as_array().cloned();
    let one = several.as_ref().and_then(|items| items.first()).unwrap_or(&value);
    let has = |field: &str| one.get(field).is_some();
    if has("command_id") && has("body") {
        return command_fault(block);
    }
    if has("result") {
        return several.unwrap_or_else(|| vec![value]).iter().find_map(answer_fault);
    }
    if OTHERS.iter().any(|(field, _)| has(field)) {
        return None;
    }
    let read = match () {
        () if has("state") => again::<OrderView>(&value),
        () if has("listed") => again::<StockView>(&value),
        () if has("minute_ms") => again::<MinuteView>(&value),
        () if has("nonce") => again::<Position>(&value),
        () if has("raised_at_ms") => again::<AttentionItem>(&value),
        () if has("delta") => again::<Ledger>(&value),
        () => return Some("nothing of ours looks like this".to_owned()),
    };
    match read {
        Ok(read) => (read != value).then(|| format!("this build says {read}")),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn every_example_of_the_protocol_is_understood() -> io::Result<()> {
    let protocol = fs::read_to_string(project().join(PROTOCOL))?;
    let blocks = blocks(&protocol, "json");
    assert!(20 < blocks.len(), "the examples are not found: {blocks:?}");
    let faults = blocks.iter().filter_map(|block| Some((block, fault(block)?)));
    report(faults.map(|(block, fault)| format!("{PROTOCOL}: {fault}\n{block}")).collect());
    Ok(())
}

#[test]
fn the_protocol_names_every_command_and_every_event() -> io::Result<()> {
    let protocol = fs::read_to_string(project().join(PROTOCOL))?;
    let commands = CommandKind::ALL.into_iter().map(kassa_type);
    let names = commands.chain(SHAPES.iter().map(|(name, _)| (*name).to_owned()));
    let missing = names.filter(|name| !protocol.contains(&format!("`{name}`")));
    report(missing.map(|name| format!("{PROTOCOL}: does not name {name}")).collect());
    Ok(())
}

#[test]
fn the_page_of_a_refusal_shows_the_answer_of_this_build() -> io::Result<()> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(project().join("docs/errors"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name == "README" || name.starts_with("KASSA-") {
            continue;
        }
        let page = fs::read_to_string(&path)?;
        let example = blocks(&page, "json").first().copied().unwrap_or_default();
        let value: Value = serde_json::from_str(example).unwrap_or_default();
        if value["refusal"]["code"] != *name {
            faults.push(format!("docs/errors/{name}.md: its example is of another code"));
        } else if let Some(fault) = answer_fault(&value) {
            faults.push(format!("docs/errors/{name}.md: {fault}"));
        }
    }
    report(faults);
    Ok(())
}

/// Says what the refusal advises, not what the code does.
const REFUSED: &str = "KASSA-REFUSED";

/// Says nothing, and succeeds.
const QUIET: Code = Code::ReaderGone;

#[test]
fn the_page_of_a_failure_says_what_the_program_does() -> io::Result<()> {
    let mut faults = Vec::new();
    for code in Code::ALL {
        let path = format!("docs/errors/{}.md", code.name());
        let page = fs::read_to_string(project().join(&path))?;
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let status = page.rsplit_once("xit status ").and_then(|(_, rest)| rest.split_once('.'));
        let status = status.and_then(|(status, _)| status.parse::<u8>().ok()).map(ExitCode::from);
        let exit = if *code == QUIET { ExitCode::SUCCESS } else { code.exit() };
        if status != Some(exit) {
            faults.push(format!("{path}: the exit status is {exit:?}"));
        }
        let advised = page.contains(&format!("to do: {}", code.advice()));
        if !advised && *code != QUIET && !code.name().starts_with(REFUSED) {
            faults.push(format!("{path}: does not say `to do: {}`", code.advice()));
        }
    }
    report(faults);
    Ok(())
}
