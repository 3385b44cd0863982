//! What a command line works with: settings, a connection, names.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::ExposeSecret;
use tracing::Instrument;

use super::codes::Code;
use super::failure::Failure;
use super::output::{self, Format, Show};
use crate::archive::LogFolder;
use crate::config::{Config, Environment, Layers, NatsConfig};
use crate::domain::{Command, CommandId, Sequence, Source};
use crate::engine::{Aliases, ViewReader};
use crate::nats::{Client, Connection, ConnectionOptions, JsLog, api_level};
use crate::port::{Clock, Commands, Log, Older, SystemClock, new_uuid};
use crate::telemetry;
use crate::wire::{Commit, Outcome, OutcomeKind, Subjects};

/// How long a view may take to show what was asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Settings and surroundings of one run of the program.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The settings.
    pub config: Config,
    /// Where they come from.
    pub layers: Layers,
    /// The environment.
    pub environment: Environment,
    /// How data is written.
    pub format: Format,
    /// The first connection, once there is one: it knows why a server is silent.
    pub opened: Arc<OnceLock<Connection>>,
}

/// A session that is connected.
#[derive(Clone)]
pub(super) struct Connected {
    /// The connection.
    pub connection: Connection,
    /// The names of the market.
    pub subjects: Subjects,
    /// Where the beginning of the log is that the server no longer has.
    pub older: Option<Arc<dyn Older>>,
    /// How long an order that is over stays in its view.
    pub orders_kept: Duration,
}

impl Session {
    /// Connects, and sees that the server is new enough.
    ///
    /// # Errors
    ///
    /// What keeps it from being connected.
    pub(super) async fn connect(&self) -> Result<Connected, Failure> {
        let options = connection_options(&self.config.nats, "kassa");
        let connection = Connection::open(&options).await.map_err(anyhow::Error::from)?;
        let _ = self.opened.set(connection.clone());
        api_level(&connection).await.map_err(anyhow::Error::from)?;
        Ok(Connected {
            connection,
            subjects: self.subjects(),
            older: older(&self.config),
            orders_kept: self.config.views.orders_kept(),
        })
    }

    /// What somebody is told who was not answered: whoever may not ask hears nothing from the
    /// server but on the side.
    #[must_use]
    pub(super) fn explained(&self, failure: Failure) -> Failure {
        let forbidden = self.opened.get().and_then(Connection::forbidden);
        match forbidden {
            Some(what) if failure.code == Code::NatsSilent => Failure::forbidden(&what),
            _ => failure,
        }
    }

    /// The names of the market.
    #[must_use]
    pub(super) fn subjects(&self) -> Subjects {
        Subjects::of(self.config.market.clone())
    }

    /// Writes data.
    ///
    /// # Errors
    ///
    /// When stdout is gone.
    pub(super) fn show(&self, data: &impl Show) -> Result<(), Failure> {
        output::show(self.format, data)
    }
}

/// How to connect, as it is configured.
#[must_use]
pub(super) fn connection_options(nats: &NatsConfig, name: &str) -> ConnectionOptions {
    let secret = |secret: &secrecy::SecretString| secret.expose_secret().to_owned();
    ConnectionOptions {
        url: nats.url.clone(),
        name: name.to_owned(),
        creds: nats.creds.clone(),
        nkey: nats.nkey.clone(),
        user: nats.user.clone(),
        password: nats.password.as_ref().map(secret),
        ca: nats.ca.clone(),
        cert: nats.cert.clone(),
        key: nats.key.clone(),
    }
}

/// What is kept of the log beside the server, when a folder is named for that.
#[must_use]
pub(super) fn older(config: &Config) -> Option<Arc<dyn Older>> {
    let dir = config.archive.dir.as_ref()?;
    Some(Arc::new(LogFolder::of(dir, config.market.clone())))
}

impl Connected {
    /// The log of the market, in however many streams it is.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub(super) async fn events(&self) -> Result<JsLog, Failure> {
        let log = JsLog::events(&self.connection, &self.subjects, self.older.clone()).await;
        log.map_err(|error| anyhow::Error::from(error).into())
    }

    /// Another stream of the market, by its last word.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub(super) async fn stream(&self, word: &str) -> Result<JsLog, Failure> {
        self.log(self.subjects.stream(word)).await
    }

    /// Where the last commit stands, and how far it says that the command stream is decided. What
    /// follows it in the log is its ledger entries, which no view waits for.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub(super) async fn last_commit(&self) -> Result<(Sequence, Sequence), Failure> {
        let log = self.events().await?;
        let last = log.last(&self.subjects.commit()).await.map_err(anyhow::Error::from)?;
        let Some(last) = last else { return Ok((Sequence::START, Sequence::START)) };
        let commit = Commit::decode(&last.payload).map_err(anyhow::Error::from)?;
        Ok((last.sequence, commit.head.position))
    }

    /// Which buckets the views are read from.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub(super) async fn aliases(&self) -> Result<Aliases<JsLog>, Failure> {
        let log = self.bucket_log(&self.subjects.aliases()).await?;
        Ok(Aliases::new(log, self.subjects.clone()))
    }

    /// A view of the market.
    ///
    /// # Errors
    ///
    /// When it cannot be told which bucket it is read from.
    pub(super) async fn view(&self, view: &str) -> Result<ViewReader<JsLog>, Failure> {
        let live = self.aliases().await?.live(view).await.map_err(anyhow::Error::from)?;
        self.reader(live.alias.bucket).await
    }

    /// A reader of a bucket.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub(super) async fn reader(&self, bucket: String) -> Result<ViewReader<JsLog>, Failure> {
        let log = self.bucket_log(&bucket).await?;
        Ok(ViewReader::new(log, bucket))
    }

    /// A view of the market, once it reflects commit `at_least`.
    ///
    /// # Errors
    ///
    /// [`Code::ViewBehind`] when it does not in time.
    pub(super) async fn view_at(
        &self,
        view: &str,
        at_least: Option<u64>,
    ) -> Result<ViewReader<JsLog>, Failure> {
        let reader = self.view(view).await?;
        let Some(at_least) = at_least else { return Ok(reader) };
        let reached = reader.wait_for(Sequence(at_least), PATIENCE).await;
        let reached = reached.map_err(anyhow::Error::from)?;
        if reached < Sequence(at_least) {
            let what = format!("the view of {view} is at {reached}, {at_least} was asked for");
            return Err(Failure::new(Code::ViewBehind, what));
        }
        Ok(reader)
    }

    /// Sends a command and returns its outcome, unless it was refused.
    ///
    /// # Errors
    ///
    /// The refusal, or what kept it from being answered.
    pub(super) async fn send(
        &self,
        source: &Source,
        command: &Command,
    ) -> Result<Outcome, Failure> {
        let client = Client::new(&self.connection, self.subjects.clone(), source.clone());
        let client = client.await.map_err(anyhow::Error::from)?;
        self.send_by(&client, command).await
    }

    /// Sends a command by a client of the caller's.
    ///
    /// # Errors
    ///
    /// The refusal, or what kept it from being answered.
    pub(super) async fn send_by(
        &self,
        client: &Client,
        command: &Command,
    ) -> Result<Outcome, Failure> {
        let id = CommandId::try_from(new_uuid(SystemClock.now())).map_err(anyhow::Error::from)?;
        // Here a trace begins, when somebody keeps it.
        let edge = telemetry::begin(command.kind().name());
        let outcome = client.send(id, command, None).instrument(edge).await;
        let outcome = outcome.map_err(anyhow::Error::from)?;
        match (&outcome.result, &outcome.refusal) {
            (OutcomeKind::Refused, Some(refusal)) => Err(Failure::refused(refusal)),
            (OutcomeKind::Refused, None) => Err(Failure::new(Code::Refused, "no reason given")),
            _ => Ok(outcome),
        }
    }

    /// The stream behind a bucket.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub(super) async fn bucket_log(&self, bucket: &str) -> Result<JsLog, Failure> {
        self.log(Subjects::bucket_stream(bucket)).await
    }

    async fn log(&self, stream: String) -> Result<JsLog, Failure> {
        let log = JsLog::open(&self.connection, stream).await;
        log.map_err(|error| anyhow::Error::from(error).into())
    }
}

impl Show for Outcome {
    fn table(&self) -> String {
        let place = self.address().map_or_else(String::new, |at| format!(" (event {at})"));
        format!("{}{place}", self.result.name())
    }
}
