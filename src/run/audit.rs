//! The roles that prove the log while it grows.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::group::Group;
use super::roles::{Setup, Shared};
use crate::archive::{append_head, signing_key};
use crate::nats::{Client, JsLog};
use crate::port::{Gateway, SystemClock};
use crate::role::{checkpoints, verifier};

/// Where signed heads are kept.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// File with the key.
    pub key_file: PathBuf,
    /// File that they are appended to.
    pub file: PathBuf,
    /// Time between two of them.
    pub every: Duration,
}

pub(super) fn start_checkpoints<G: Gateway>((setup, hub): Shared<'_, G>, group: &mut Group) {
    let Some(checkpoints) = setup.checkpoints.clone() else { return };
    let Checkpoints { key_file, file, every } = *checkpoints;
    let (log, subjects, stop) = (hub.log().clone(), setup.subjects(), group.token());
    group.spawn("checkpoint", async move {
        let key = signing_key(&key_file)?;
        let put = |signed: &_| append_head(&file, signed).map_err(Into::into);
        let signed = checkpoints::keep((&log, &subjects), (&key, every), &SystemClock, put, &stop);
        Ok(signed.await?)
    });
}

/// It sends commands, so it stops with those that do.
pub(super) async fn start_verifier<G: Gateway>(
    setup: &Setup<G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let subjects = setup.subjects();
    let connection = setup.connect("verifier").await?;
    let source = "auditor".parse().context("the verifier's own name")?;
    let ports = verifier::Ports {
        events: JsLog::events(&connection, &subjects, setup.older.clone()).await?,
        candidate: setup.candidate(&connection, "verifier").await?,
        commands: Client::new(&connection, subjects.clone(), source).await?,
        clock: SystemClock,
    };
    let stop = group.token();
    group.spawn("verifier", async move {
        Ok(Box::pin(verifier::watch(&ports, &subjects, &stop)).await?)
    });
    Ok(())
}
