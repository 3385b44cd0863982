//! `kassa schema`: what stands in payloads and on subjects, for readers in any language.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::Value;

use super::failure::Failure;
use super::output::{self, say};
use crate::wire::{PayloadSchema, asyncapi, schemas};

/// The document of every subject, from the folder that is written.
const ASYNCAPI: &str = "docs/asyncapi.json";

#[derive(Debug, Subcommand)]
pub(super) enum SchemaCommand {
    /// Name every schema
    List,
    /// Show one schema, by its name or by the `Kassa-Type` of a command or an event
    Show {
        /// As in `events/order_placed.1`, `place_order/1` or `asyncapi`
        name: String,
    },
    /// Write schemas/ and docs/asyncapi.json
    Export {
        /// Where
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
}

pub(super) fn schema(command: &SchemaCommand) -> Result<(), Failure> {
    match command {
        SchemaCommand::List => {
            schemas().iter().try_for_each(|one| output::line(&one.name))?;
            output::line("asyncapi")
        }
        SchemaCommand::Show { name } if name == "asyncapi" => show(&asyncapi()),
        SchemaCommand::Show { name } => {
            let all = schemas();
            let found = all.iter().find(|one| is(one, name));
            let missing = || Failure {
                advice: Some("`kassa schema list` names them all".to_owned()),
                ..Failure::not_found(format!("there is no schema {name}"))
            };
            show(&found.ok_or_else(missing)?.schema)
        }
        SchemaCommand::Export { dir } => {
            let all = schemas();
            for one in &all {
                write(&dir.join("schemas").join(format!("{}.json", one.name)), &one.schema)?;
            }
            write(&dir.join(ASYNCAPI), &asyncapi())?;
            say(&format!("{} schemas and {ASYNCAPI} in {}", all.len(), dir.display()));
            Ok(())
        }
    }
}

/// Whether that is what somebody calls it. Commands and events come before their feed messages.
fn is(one: &PayloadSchema, name: &str) -> bool {
    one.name == name || one.schema.get("title").and_then(Value::as_str) == Some(name)
}

fn show(document: &Value) -> Result<(), Failure> {
    output::line(text(document)?.trim_end())
}

fn text(document: &Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document).map_err(anyhow::Error::from)?;
    Ok(format!("{text}\n"))
}

fn write(file: &Path, document: &Value) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| anyhow::Error::from(error).context(file.display().to_string());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(file, text(document)?).map_err(failed)?;
    Ok(())
}
