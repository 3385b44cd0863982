//! A wire that breaks on demand, between a client and its server.
//!
//! It reads the client's side message by message, so that a test says exactly where it breaks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use kassa::server::free_port;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// A message on its way to the server.
pub struct Passing<'a> {
    /// The name its connection gave itself.
    pub connection: &'a str,
    pub subject: &'a str,
    /// Headers and payload.
    pub content: &'a [u8],
}

impl Passing<'_> {
    /// Whether its subject is below `prefix`.
    pub fn is_under(&self, prefix: &str) -> bool {
        self.subject.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
    }

    /// Whether it is the last message of its batch, or a batch by itself.
    pub fn ends_batch(&self) -> bool {
        self.holds("Nats-Batch-Commit") || !self.holds("Nats-Batch-Id")
    }

    /// Whether this text is anywhere in it.
    pub fn holds(&self, text: &str) -> bool {
        self.content.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It arrives.
    Pass,
    /// The connection is lost before it.
    Lose,
    /// Half of it arrives, and the connection is lost.
    Half,
    /// It arrives, and the connection is lost before anything comes back.
    Mute,
    /// Neither it nor anything else on this connection arrives, either way, until the proxy is
    /// told to let go. The client learns nothing.
    Stall,
}

type Rule = Box<dyn FnMut(&Passing<'_>) -> Act + Send>;

#[derive(Clone)]
struct Shared {
    rule: Arc<Mutex<Rule>>,
    /// Cancelled to cut every connection there is.
    cut: Arc<Mutex<CancellationToken>>,
    let_go: watch::Sender<bool>,
    /// Whether what servers say is lost.
    deaf: Arc<AtomicBool>,
}

/// A listener in front of a server; it ends when it is dropped.
pub struct Proxy {
    port: u16,
    shared: Shared,
    end: CancellationToken,
}

impl Proxy {
    /// Stands in front of the server at `url`, and lets everything pass.
    pub async fn before(url: &str) -> Self {
        let server = url.strip_prefix("nats://").unwrap().to_owned();
        let port = free_port(None).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let shared = Shared {
            rule: Arc::new(Mutex::new(Box::new(|_| Act::Pass))),
            cut: Arc::default(),
            let_go: watch::Sender::new(false),
            deaf: Arc::default(),
        };
        let end = CancellationToken::new();
        let (accepting, ended) = (shared.clone(), end.clone());
        tokio::spawn(ended.run_until_cancelled_owned(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                // A server that is away is away for the client too.
                if let Ok(server) = TcpStream::connect(&server).await {
                    let cut = accepting.cut.lock().unwrap().clone();
                    let link = link(client, server, accepting.clone());
                    tokio::spawn(cut.run_until_cancelled_owned(link));
                }
            }
        }));
        Self { port, shared, end }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// What happens to messages from now on.
    pub fn rule(&self, rule: impl FnMut(&Passing<'_>) -> Act + Send + 'static) {
        *self.shared.rule.lock().unwrap() = Box::new(rule);
    }

    /// Has `act` happen to the first message that `is` one of those meant, after `first` was
    /// called; then everything passes again. Tells when it has happened.
    pub fn once(
        &self,
        mut is: impl FnMut(&Passing<'_>) -> bool + Send + 'static,
        act: Act,
        first: impl FnOnce() + Send + 'static,
    ) -> oneshot::Receiver<()> {
        let (happened, told) = oneshot::channel();
        let mut plan = Some((happened, first));
        self.rule(move |passing| {
            if plan.is_none() || !is(passing) {
                return Act::Pass;
            }
            let (happened, first) = plan.take().unwrap();
            first();
            // A test may have stopped caring.
            let _ = happened.send(());
            act
        });
        told
    }

    /// Has everything lost that the server says, until the next cut.
    pub fn deafen(&self) {
        self.shared.deaf.store(true, Ordering::SeqCst);
    }

    /// Cuts every connection; new ones are let in.
    pub fn cut(&self) {
        self.shared.deaf.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.shared.cut.lock().unwrap()).cancel();
    }

    /// Lets go of what was stalled.
    pub fn let_go(&self) {
        self.shared.let_go.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.cancel();
        self.cut();
    }
}

async fn link(client: TcpStream, server: TcpStream, shared: Shared) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let quiet = watch::Sender::new(Quiet::No);
    // What the server still says is read to its end: closing on unread bytes resets the
    // connection, and the server might lose what we sent it.
    let back = back(from_server, to_client, quiet.subscribe(), &shared.deaf);
    let forth = forth(BufReader::new(from_client), to_server, &shared, &quiet);
    // A broken connection is what this is about.
    let _ = tokio::join!(forth, back);
}

/// What becomes of the server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quiet {
    /// They pass.
    No,
    /// They wait.
    Held,
    /// They are lost, and the client's connection with them.
    Lost,
}

async fn forth(
    mut client: BufReader<OwnedReadHalf>,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    quiet: &watch::Sender<Quiet>,
) -> std::io::Result<()> {
    let mut name = String::new();
    let mut frame = Vec::new();
    loop {
        frame.clear();
        if client.read_until(b'\n', &mut frame).await? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&frame).into_owned();
        if let Some(options) = line.strip_prefix("CONNECT ") {
            let options: serde_json::Value = serde_json::from_str(options)?;
            name = options["name"].as_str().unwrap_or_default().to_owned();
        }
        let act = match published(&line) {
            None => Act::Pass,
            Some((subject, length)) => {
                let from = frame.len();
                frame.resize(from + length + 2, 0);
                client.read_exact(&mut frame[from..]).await?;
                let passing = Passing { connection: &name, subject, content: &frame[from..] };
                (shared.rule.lock().unwrap())(&passing)
            }
        };
        match act {
            Act::Pass => server.write_all(&frame).await?,
            Act::Lose => {
                quiet.send_replace(Quiet::Lost);
                return Ok(());
            }
            Act::Half => {
                quiet.send_replace(Quiet::Lost);
                return server.write_all(&frame[..frame.len() / 2]).await;
            }
            Act::Mute => {
                quiet.send_replace(Quiet::Lost);
                return server.write_all(&frame).await;
            }
            Act::Stall => {
                quiet.send_replace(Quiet::Held);
                let mut let_go = shared.let_go.subscribe();
                let _ = let_go.wait_for(|let_go| *let_go).await;
                server.write_all(&frame).await?;
                quiet.send_replace(Quiet::No);
            }
        }
    }
}

async fn back(
    mut server: OwnedReadHalf,
    client: OwnedWriteHalf,
    mut quiet: watch::Receiver<Quiet>,
    deaf: &AtomicBool,
) -> std::io::Result<()> {
    let mut client = Some(client);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let lost = async {
            // The other direction has ended: so will the server's words.
            if quiet.wait_for(|quiet| *quiet == Quiet::Lost).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let count = tokio::select! {
            () = lost, if client.is_some() => {
                client = None;
                continue;
            }
            count = server.read(&mut bytes) => count?,
        };
        if count == 0 {
            return Ok(());
        }
        // Bytes that came while the wire was held wait for it.
        let _ = quiet.wait_for(|quiet| *quiet != Quiet::Held).await;
        if *quiet.borrow() == Quiet::Lost {
            client = None;
        }
        if let Some(to) = &mut client
            && !deaf.load(Ordering::SeqCst)
            && to.write_all(&bytes[..count]).await.is_err()
        {
            client = None;
        }
    }
}

/// Subject and length of a message, of the line that announces one.
fn published(line: &str) -> Option<(&str, usize)> {
    let mut words = line.split_ascii_whitespace();
    let verb = words.next()?;
    if verb != "PUB" && verb != "HPUB" {
        return None;
    }
    let subject = words.next()?;
    Some((subject, words.last()?.parse().ok()?))
}
