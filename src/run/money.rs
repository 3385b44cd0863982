//! The roles that deal with a payment provider.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tracing::info;

use super::group::Group;
use super::roles::{Setup, Shared, follower, spawn_follower};
use super::views::bucket_output;
use crate::edge::WebhookListener;
use crate::nats::{Client, Connection, JsLog};
use crate::port::{Gateway, SystemClock};
use crate::role::follow::Beginning;
use crate::role::payer::{OwedProjection, Payer, hear_timers};
use crate::role::webhooks::Webhooks;
use crate::wire::Subjects;

pub(super) async fn start_payer<G: Gateway>(
    (setup, hub): Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let subjects = setup.subjects();
    let bucket = subjects.bucket("payer");
    let (ports, log) = follower((setup, hub), "payer", Subjects::bucket_stream(&bucket)).await?;
    let connection = setup.connect("payer commands").await?;
    let every_due = subjects.every_retry_due();
    let client = payers_client(&connection, subjects).await?;
    let gateway = Arc::clone(&setup.gateway);
    let classes = setup.policy.classes.clone();
    let payer = Payer::new(gateway, (client, SystemClock), setup.payments, classes);
    let (drive, shows, reports) = (payer.drive(), payer.shows(), payer.reports());
    let key = Subjects::bucket_key(&bucket, &Subjects::connector_key(shows.connector()));
    let (board, stop) = (log.clone(), group.token());
    group.spawn("payer's connector", async move {
        shows.run(&board, &key, &stop).await;
        Ok(())
    });
    let stop = group.token();
    group.spawn("payer's reports", async move {
        reports.run(&stop).await;
        Ok(())
    });
    let timers = JsLog::open(&connection, setup.subjects().stream("TIMERS")).await?;
    let (hears, stop) = (payer.drive(), group.token());
    group.spawn("payer's timers", async move {
        hear_timers(&timers, &every_due, &hears, &stop).await;
        Ok(())
    });
    let output = bucket_output(log, &bucket, setup.pace.payer);
    let prefix = output.keys.clone();
    let start = (output, Beginning::Start);
    let owed = move || OwedProjection::new(prefix.clone(), drive.clone());
    spawn_follower(group, "payer's bucket", ports, start, owed);
    let stop = group.token();
    group.spawn("payer", async move {
        payer.run(&stop).await;
        Ok(())
    });
    Ok(())
}

/// Sends commands as the payer: nobody else may say what became of money.
async fn payers_client(connection: &Connection, subjects: Subjects) -> anyhow::Result<Client> {
    let source = "payer".parse().context("the payer's own name")?;
    Ok(Client::new(connection, subjects, source).await?.bundled())
}

pub(super) async fn start_webhooks<G: Gateway>(
    setup: &Setup<G>,
    group: &mut Group,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(address) = setup.webhooks else { return Ok(None) };
    let subjects = setup.subjects();
    let connection = setup.connect("webhooks").await?;
    let bucket = subjects.bucket("webhooks");
    let log = JsLog::open(&connection, Subjects::bucket_stream(&bucket)).await?;
    let client = payers_client(&connection, subjects).await?;
    let known = (log, Subjects::bucket_key(&bucket, ""));
    let webhooks = Webhooks::new(Arc::clone(&setup.gateway), (client, SystemClock), known);
    let listener = WebhookListener::bind(address).await?;
    let address = listener.address();
    info!(%address, "webhooks are heard");
    let stop = group.token();
    group.spawn("webhooks", async move { Ok(listener.run(webhooks, stop).await?) });
    Ok(Some(address))
}
