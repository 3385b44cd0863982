//! `kassa streams`: the only thing that changes a server.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::codes::Code;
use super::failure::Failure;
use super::output::{self, Show, table};
use super::session::Session;
use crate::nats::Connection;
use crate::nats::provision::restoring::is_restoring;
use crate::nats::provision::{
    Asset, Change, Planned, apply, as_in_the_file, assets, current, plan,
};
use crate::wire::{MarketName, Subjects};

#[derive(Debug, Subcommand)]
pub(super) enum StreamsCommand {
    /// Make the streams of the server as their files say
    Apply {
        #[command(flatten)]
        files: Files,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show where the streams of the server differ from their files
    Diff {
        #[command(flatten)]
        files: Files,
    },
    /// Write the streams of the server as files
    Export {
        /// The folder to write to
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
}

/// Where the files are.
#[derive(Args, Debug)]
pub(super) struct Files {
    /// Folder of the files [default: as built in]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Replicas of every stream, instead of what the files say
    #[arg(long, value_name = "N")]
    replicas: Option<u64>,
}

/// What has to be done to one stream.
#[derive(Debug, Serialize)]
struct Row {
    stream: String,
    change: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    field: String,
    server: Value,
    file: Value,
    fixed: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

impl Rows {
    fn of(planned: &[Planned]) -> Self {
        let row = |planned: &Planned| {
            let stream = planned.asset.stream.clone();
            let (change, fields) = match &planned.change {
                Change::None => ("none", Vec::new()),
                Change::Create => ("create", Vec::new()),
                Change::Update(differences) => {
                    let field = |difference: &crate::nats::provision::Difference| Field {
                        field: difference.field.clone(),
                        server: difference.found.clone(),
                        file: difference.wanted.clone(),
                        fixed: difference.is_fixed(),
                    };
                    ("update", differences.iter().map(field).collect())
                }
            };
            Row { stream, change, fields }
        };
        Self(planned.iter().map(row).collect())
    }
}

impl Show for Rows {
    fn table(&self) -> String {
        let row = |row: &Row| {
            let field = |field: &Field| {
                let hint = if field.fixed { " (the server cannot change it)" } else { "" };
                format!(
                    "{}: {} on the server, {} in the file{hint}",
                    field.field, field.server, field.file
                )
            };
            let fields: Vec<_> = row.fields.iter().map(field).collect();
            vec![row.stream.clone(), row.change.to_owned(), fields.join("; ")]
        };
        table(&["STREAM", "CHANGE", "FIELDS"], self.0.iter().map(row))
    }
}

pub(super) async fn streams(session: &Session, command: StreamsCommand) -> Result<(), Failure> {
    let market = &session.config.market;
    let connection = session.connect().await?.connection;
    match command {
        StreamsCommand::Apply { files, dry_run } => {
            let planned = files.plan(&connection, market).await?;
            session.show(&Rows::of(&planned))?;
            if dry_run {
                output::say("nothing was changed");
                return Ok(());
            }
            apply(&connection, &planned).await.map_err(|error| anyhow::Error::from(error).into())
        }
        StreamsCommand::Diff { files } => {
            let planned = files.plan(&connection, market).await?;
            session.show(&Rows::of(&planned))?;
            refuse_drift(&planned)
        }
        StreamsCommand::Export { to } => export(&connection, market, &to).await,
    }
}

impl Files {
    async fn plan(
        &self,
        connection: &Connection,
        market: &MarketName,
    ) -> Result<Vec<Planned>, Failure> {
        let assets = assets(market, self.replicas, self.from.as_deref());
        let assets = assets.map_err(anyhow::Error::from)?;
        plan(connection, assets).await.map_err(|error| anyhow::Error::from(error).into())
    }
}

/// Started against streams that differ from their files, every promise is void.
///
/// The number of replicas is the operator's: a test cluster of one node may run what production
/// runs on three.
pub(super) async fn check(connection: &Connection, market: &MarketName) -> Result<(), Failure> {
    refuse_restoring(connection, market).await?;
    refuse_drift(&planned_as_replicated(connection, market).await?)
}

/// Whoever sold from a log that is not whole would sell what is sold.
pub(super) async fn refuse_restoring(
    connection: &Connection,
    market: &MarketName,
) -> Result<(), Failure> {
    let log = Subjects::of(market.clone()).stream("EVENTS");
    if is_restoring(connection, &log).await.map_err(anyhow::Error::from)? {
        return Err(Failure::new(Code::Restoring, format!("{log} is not whole yet")));
    }
    Ok(())
}

/// What would have to be done, given the replicas that the log has.
pub(super) async fn planned_as_replicated(
    connection: &Connection,
    market: &MarketName,
) -> Result<Vec<Planned>, Failure> {
    let assets = assets(market, None, None).map_err(anyhow::Error::from)?;
    let planned = plan(connection, assets).await.map_err(anyhow::Error::from)?;
    Ok(planned.into_iter().map(without_replicas).collect())
}

fn without_replicas(mut planned: Planned) -> Planned {
    if let Change::Update(differences) = &mut planned.change {
        differences.retain(|difference| difference.field != "num_replicas");
        if differences.is_empty() {
            planned.change = Change::None;
        }
    }
    planned
}

fn refuse_drift(planned: &[Planned]) -> Result<(), Failure> {
    let name = |planned: &Planned| match &planned.change {
        Change::None => None,
        Change::Create => Some(format!("{} is missing", planned.asset.stream)),
        Change::Update(differences) => {
            let fields: Vec<_> = differences.iter().map(|found| found.field.as_str()).collect();
            Some(format!("{} differs in {}", planned.asset.stream, fields.join(", ")))
        }
    };
    let drift: Vec<_> = planned.iter().filter_map(name).collect();
    if drift.is_empty() { Ok(()) } else { Err(Failure::new(Code::StreamDrift, drift.join("; "))) }
}

async fn export(
    connection: &Connection,
    market: &MarketName,
    folder: &Path,
) -> Result<(), Failure> {
    let unwritable = |error| anyhow::Error::from(error).context(format!("{}", folder.display()));
    tokio::fs::create_dir_all(folder).await.map_err(unwritable)?;
    let files = assets(market, None, None).map_err(anyhow::Error::from)?;
    let planned = plan(connection, files.clone()).await.map_err(anyhow::Error::from)?;
    for (asset, Planned { asset: Asset { file, stream, .. }, .. }) in files.iter().zip(planned) {
        let found = current(connection, &stream).await.map_err(anyhow::Error::from)?;
        let Some(config) = found.map(|found| as_in_the_file(asset, found)) else {
            output::say(&format!("{stream} is not on the server"));
            continue;
        };
        let text = serde_json::to_string_pretty(&config).map_err(anyhow::Error::from)?;
        let path = folder.join(&file);
        tokio::fs::write(&path, text + "\n").await.map_err(unwritable)?;
        output::line(&path.display().to_string())?;
    }
    Ok(())
}
