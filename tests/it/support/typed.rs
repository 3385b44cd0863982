//! Commands as somebody types them beside a shop.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

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

/// A command that is under way.
pub(crate) fn set_out(url: &str, arguments: &[&str]) -> tokio::process::Child {
    let mut command = kassa(url, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
