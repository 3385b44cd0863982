//! The command line. Parses, calls, shows; decides nothing.

mod at;
mod attention;
mod backup;
mod bench;
mod builder;
mod checkpoint;
mod codes;
mod dev;
mod diff;
mod doctor;
mod events;
mod failure;
mod history;
mod log;
mod moment;
mod money;
mod order;
mod output;
mod past;
mod progress;
mod proofs;
mod psp_sim;
mod rebuild;
mod reconcile;
mod replay;
mod restore;
mod restored;
mod run;
mod schema;
mod session;
mod settings;
mod sku;
mod stock;
mod streams;
mod traffic;
mod verify;
mod watch;
mod when;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Environment, Layers};
use crate::telemetry;
use failure::Failure;
use session::Session;

pub use codes::Code;
pub use output::Format;

/// An event-sourced checkout that runs natively on NATS JetStream.
#[derive(Debug, Parser)]
#[command(name = "kassa", version, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Subcommands,
}

/// What every command understands.
#[derive(Debug, clap::Args)]
struct Global {
    /// NATS servers, separated by commas [default: nats://127.0.0.1:4222]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    nats: Option<String>,
    /// Context of the nats command line
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    context: Option<String>,
    /// Market [default: main]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    market: Option<String>,
    /// Settings to use: `<config-dir>/<profile>.toml`
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    profile: Option<String>,
    /// Folder of the profiles [default: config]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    config_dir: Option<PathBuf>,
    /// How data is written
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    output: Format,
    /// What is logged: a level, or directives as in `kassa=debug,async_nats=warn`
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Global options")]
    log_filter: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run a whole shop on this machine, with a NATS server of its own
    Dev(dev::DevArguments),
    /// Run a payment provider that is not there, over HTTP in Stripe's shape
    PspSim(Box<psp_sim::PspSimArguments>),
    /// Run roles against a NATS server
    Run(run::RunArguments),
    /// Compare the streams of a server with their files, or make them so
    #[command(subcommand)]
    Streams(streams::StreamsCommand),
    /// Place, look at and cancel orders
    #[command(subcommand)]
    Order(order::OrderCommand),
    /// Receive, count and look at stock
    #[command(subcommand)]
    Stock(stock::StockCommand),
    /// List SKUs and change their prices
    #[command(subcommand)]
    Sku(sku::SkuCommand),
    /// Read the log
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Have the log go on in a next stream, and look at the streams it is in
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Look at what needs a human
    #[command(subcommand)]
    Attention(attention::AttentionCommand),
    /// Prove over the whole log that nothing was oversold, lost or edited
    Verify(verify::VerifyArguments),
    /// Sign the end of the log, for keeping where the log is not
    Checkpoint(checkpoint::CheckpointArguments),
    /// Show an order, a SKU or the whole shop as of a moment
    At(at::AtArguments),
    /// Show what changed in the shop between two moments
    Diff(diff::DiffArguments),
    /// Show a part of the log again, or keep it in a file
    Replay(replay::ReplayArguments),
    /// Build a view anew beside the live one, hold the two against each other, swap them
    Rebuild(rebuild::RebuildArguments),
    /// Keep the log in a folder, and what came since in another file of it
    Backup(backup::BackupArguments),
    /// Bring a market back from a backup, into an empty server
    Restore(restore::RestoreArguments),
    /// Hold the payment provider's list against the log
    Reconcile(reconcile::ReconcileArguments),
    /// Say what the attached server is, and what it really promises
    Doctor,
    /// Measure
    Bench(Box<bench::BenchArguments>),
    /// Look at the schemas of payloads, or write them into files
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    /// Look at the settings
    #[command(subcommand)]
    Config(settings::ConfigCommand),
    /// Write completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page
    Man,
}

impl Arguments {
    /// Reads the command line; a mistake in it ends the process, as is usual.
    #[must_use]
    pub fn read() -> Self {
        Self::parse()
    }
}

/// Does what the command line asks.
pub fn main(arguments: Arguments) -> ExitCode {
    let done = start(arguments);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.code == Code::ReaderGone => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(&failure.to_string());
            failure.code.exit()
        }
    }
}

fn start(arguments: Arguments) -> Result<(), Failure> {
    let session = session(&arguments)?;
    let settings = session.config.telemetry(&session.environment);
    // Dropped last: what is told while everything stops is still sent.
    let _guard = telemetry::init(&settings).map_err(anyhow::Error::from)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(anyhow::Error::from)?;
    let done = runtime.block_on(dispatch(&session, arguments.command));
    done.map_err(|failure| session.explained(failure))
}

async fn dispatch(session: &Session, command: Subcommands) -> Result<(), Failure> {
    match command {
        Subcommands::Dev(arguments) => Box::pin(dev::dev(session, arguments)).await,
        Subcommands::PspSim(arguments) => psp_sim::psp_sim(*arguments).await,
        Subcommands::Run(arguments) => run::run(session, arguments).await,
        Subcommands::Streams(command) => streams::streams(session, command).await,
        Subcommands::Order(command) => Box::pin(order::order(session, command)).await,
        Subcommands::Stock(command) => stock::stock(session, command).await,
        Subcommands::Sku(command) => sku::sku(session, command).await,
        Subcommands::Events(command) => events::events(session, command).await,
        Subcommands::Log(command) => Box::pin(log::log(session, command)).await,
        Subcommands::Attention(command) => attention::attention(session, command).await,
        Subcommands::Verify(arguments) => Box::pin(verify::verify(session, arguments)).await,
        Subcommands::Checkpoint(arguments) => checkpoint::checkpoint(session, arguments).await,
        Subcommands::At(arguments) => at::at(session, arguments).await,
        Subcommands::Diff(arguments) => Box::pin(diff::diff(session, arguments)).await,
        Subcommands::Replay(arguments) => replay::replay(session, arguments).await,
        Subcommands::Rebuild(arguments) => Box::pin(rebuild::rebuild(session, arguments)).await,
        Subcommands::Backup(arguments) => Box::pin(backup::backup(session, arguments)).await,
        Subcommands::Restore(arguments) => Box::pin(restore::restore(session, arguments)).await,
        Subcommands::Reconcile(arguments) => reconcile::run_reconcile(session, arguments).await,
        Subcommands::Doctor => doctor::doctor(session).await,
        Subcommands::Bench(arguments) => Box::pin(bench::bench(session, *arguments)).await,
        Subcommands::Schema(command) => schema::schema(&command),
        Subcommands::Config(command) => settings::settings(session, command),
        Subcommands::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "kassa", &mut script);
            output::line(String::from_utf8_lossy(&script).trim_end())
        }
        Subcommands::Man => {
            let mut page = Vec::new();
            let manual = clap_mangen::Man::new(Arguments::command());
            manual.render(&mut page).map_err(anyhow::Error::from)?;
            output::line(String::from_utf8_lossy(&page).trim_end())
        }
    }
}

fn session(arguments: &Arguments) -> Result<Session, Failure> {
    let global = &arguments.global;
    // A person who typed a command wants its answer; a service has its log.
    let quiet = !matches!(arguments.command, Subcommands::Run(_));
    let preferred = quiet.then(|| ("log.filter", "warn".to_owned())).into_iter().collect();
    let environment = Environment::read();
    let flags = [
        ("nats.url", &global.nats),
        ("nats.context", &global.context),
        ("market", &global.market),
        ("log.filter", &global.log_filter),
    ];
    let flags: BTreeMap<_, _> =
        flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect();
    let config_dir = global.config_dir.clone().or_else(|| environment.config_dir.clone());
    let layers = Layers {
        config_dir: config_dir.unwrap_or_else(|| PathBuf::from("config")),
        profile: global.profile.clone().or_else(|| environment.profile.clone()),
        user_config: environment.folders.config.clone(),
        preferred,
        flags,
    };
    let config = layers.load().map_err(anyhow::Error::from)?;
    Ok(Session { config, layers, environment, format: global.output, opened: Arc::default() })
}

/// Somebody asking the process to stop: Ctrl-C, or a service manager.
struct Interrupt {
    pressed: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// Listens from now on. Until then the process simply ends; whoever has something to stop
    /// listens before it is started.
    fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(anyhow::Error::from);
        Ok(Self { pressed: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// Waits until somebody asks.
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.pressed.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
