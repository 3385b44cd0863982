//! Data goes to stdout, in the format that was asked for; everything else to stderr.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::failure::Failure;

/// How data is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One document.
    Json,
    /// One document a line.
    Jsonl,
}

/// Something that can be shown as a table; JSON carries everything the table shows.
pub(super) trait Show: Serialize {
    /// The table.
    fn table(&self) -> String;
}

/// Writes one piece of data.
///
/// # Errors
///
/// When stdout is gone.
pub(super) fn show(format: Format, data: &impl Show) -> Result<(), Failure> {
    match format {
        Format::Table => line(&data.table()),
        Format::Json => line(&json(data, true)?),
        Format::Jsonl => line(&json(data, false)?),
    }
}

/// Writes one line.
///
/// # Errors
///
/// When stdout is gone.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => Ok(()),
        // Whoever read it has seen enough: `kassa events tail | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::enough()),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}

/// Tells a person something that is not data.
pub(super) fn say(text: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Rows under headings, as plain text.
#[must_use]
pub(super) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings);
    table.add_rows(rows);
    trimmed(&table.to_string())
}

/// Names and values, one a line.
#[must_use]
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.add_rows(pairs.into_iter().map(|(name, value)| vec![name.to_owned(), value]));
    trimmed(&table.to_string())
}

/// Without the blanks that a table puts behind and before its lines.
fn trimmed(table: &str) -> String {
    let lines = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

fn json(data: &impl Serialize, pretty: bool) -> Result<String, Failure> {
    let text =
        if pretty { serde_json::to_string_pretty(data) } else { serde_json::to_string(data) };
    text.map_err(|error| anyhow::Error::from(error).into())
}
