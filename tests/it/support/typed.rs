//! Commands as somebody types them beside a shop, and kills them.

use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::Command;

use super::PROGRESS;
use super::proxy::{Act, Passing, Proxy};

/// Far above what any of them takes.
const PATIENCE: Duration = Duration::from_secs(90);

fn kassa(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kassa"));
    command.args(arguments).args(["-o", "json", "--nats", url]).kill_on_drop(true);
    command
}

async fn ended(url: &str, arguments: &[&str]) -> Output {
    let output = tokio::time::timeout(PATIENCE, kassa(url, arguments).output());
    output.await.unwrap().unwrap()
}

/// What a command prints, which has to work.
pub(crate) async fn typed(url: &str, arguments: &[&str]) -> Value {
    let output = ended(url, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a command prints when it works, and what it says when it does not.
pub(crate) async fn tried(url: &str, arguments: &[&str]) -> Result<Value, String> {
    let output = ended(url, arguments).await;
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

/// What a command says beside what it prints, when it works.
pub(crate) async fn said(url: &str, arguments: &[&str]) -> String {
    let output = ended(url, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What a command says that must not work.
pub(crate) async fn fails(url: &str, arguments: &[&str]) -> String {
    let output = ended(url, arguments).await;
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What a check prints that has to find something.
pub(crate) async fn finds(url: &str, arguments: &[&str]) -> Value {
    let output = tokio::time::timeout(PATIENCE, kassa(url, arguments).output());
    let output = output.await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(7), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A command that is under way.
pub(crate) fn set_out(url: &str, arguments: &[&str]) -> tokio::process::Child {
    let mut command = kassa(url, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Types a command, and kills it when it sends what is meant, with `act` happening to that. One
/// that gives up before, because whoever was killed still holds its lease, is typed again.
pub(crate) async fn killed_at(
    url: &str,
    arguments: &[&str],
    is: impl FnMut(&Passing<'_>) -> bool + Send + Clone + 'static,
    act: Act,
) {
    // Of several servers the wire leads to one.
    let wire = Proxy::before(url.split(',').next().unwrap()).await;
    let deadline = Instant::now() + PROGRESS;
    loop {
        let mut command = set_out(&wire.url(), arguments);
        let pid = Pid::from_raw(command.id().unwrap().try_into().unwrap());
        let mut happened = wire.once(is.clone(), act, move || kill(pid, Signal::SIGKILL).unwrap());
        tokio::select! {
            told = &mut happened => {
                told.unwrap();
                assert!(!command.wait().await.unwrap().success(), "{arguments:?}");
                return;
            }
            ended = command.wait() => {
                let ended = ended.unwrap();
                // Both may be so, and the wire may not have told yet: nobody else kills it.
                if ended.signal() == Some(Signal::SIGKILL as i32) {
                    return;
                }
                assert!(!ended.success(), "{arguments:?} never sends it");
            }
        }
        assert!(Instant::now() < deadline, "{arguments:?} never comes to it");
    }
}

/// What is sent to a subject.
pub(crate) fn is(subject: &'static str) -> impl FnMut(&Passing<'_>) -> bool + Clone {
    move |passing| passing.subject == subject
}

/// What is sent below a subject.
pub(crate) fn under(prefix: &'static str) -> impl FnMut(&Passing<'_>) -> bool + Clone {
    move |passing| passing.is_under(prefix)
}

/// The n-th of those that are meant.
pub(crate) fn nth(
    n: usize,
    mut is: impl FnMut(&Passing<'_>) -> bool + Clone,
) -> impl FnMut(&Passing<'_>) -> bool + Clone {
    let mut seen = 0;
    move |passing| {
        let meant = is(passing);
        seen += usize::from(meant);
        meant && seen == n
    }
}
