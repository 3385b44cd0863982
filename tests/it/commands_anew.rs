//! A command stream that was deleted and made anew beside a log that has decided more.

use std::time::Duration;

use kassa::nats::Intake;
use kassa::nats::provision::assets;
use kassa::nats::provision::restoring::anew_behind;
use kassa::role::committer::CannotAct;
use kassa::run::Role;
use kassa::wire::OutcomeKind;

use crate::support::PROGRESS;
use crate::support::buyers::Buyer;
use crate::support::shop::Shop;
use crate::support::truth::Truth;

/// An old leader's word is waited out first: 25 s.
const GIVES_UP: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_decides_by_a_command_stream_that_begins_again() {
    let shop = Shop::on_one_node().await;
    let committer = shop.start(&[Role::Committer]).await;
    let client = shop.client().await.with_intake(Intake::Publish);
    shop.fill(&client, 1, 100).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(Buyer::of(&[0]).insist(&client).await);
    }
    committer.stop(PROGRESS).await;
    let decided = Truth::of(&shop).await.state.chain;
    let stream = shop.subjects.stream("COMMANDS");
    shop.nats.operator().await.delete_stream(&stream).await.unwrap();
    shop.nats.provision().await;
    let mut committer = shop.start(&[Role::Committer]).await;
    let failure = tokio::time::timeout(GIVES_UP, committer.failure()).await.unwrap();
    let Some(CannotAct::CommandsBehind { position, .. }) = failure.downcast_ref() else {
        panic!("{failure:?}")
    };
    assert_eq!(*position, decided.position);
    committer.stop(PROGRESS).await;
    assert_eq!(Truth::of(&shop).await.state.chain, decided, "nothing was written");
    // The cure that its page names.
    let assets = assets(&"main".parse().unwrap(), Some(1), None).unwrap();
    let asset = assets.into_iter().find(|asset| asset.stream == stream).unwrap();
    let connection = shop.connect("operator").await;
    assert!(anew_behind(&connection, &asset, decided.position).await.unwrap());
    let committer = shop.start(&[Role::Committer]).await;
    answers.push(Buyer::of(&[0]).insist(&client).await);
    assert!(answers.iter().all(|answer| answer.outcome.result == OutcomeKind::Accepted));
    Truth::of(&shop).await.bears_out(&answers);
    committer.stop(PROGRESS).await;
}
