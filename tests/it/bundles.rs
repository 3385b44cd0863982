//! An edge whose buyers share messages, while nobody decides for a while.

use std::collections::HashSet;
use std::time::Duration;

use kassa::domain::Sequence;
use kassa::engine::verify_log;
use kassa::nats::{Intake, JsLog};
use kassa::port::{Log, Tail};
use kassa::run::Role;
use kassa::wire::{OutcomeKind, headers};

use crate::support::buyers::{Answer, Crowd};
use crate::support::shop::Shop;
use crate::support::truth::Truth;
use crate::support::{PROGRESS, eventually};

/// Buyers at a time: several messages of many commands each.
const BUYERS: usize = 200;

/// Messages that are published before everybody has sent a second time, and some a third: four are
/// under way at once.
const SENT_AGAIN: u64 = 9;

/// How long that takes: an outcome is waited for 5 s each time.
const AWAY: Duration = Duration::from_secs(60);

/// The outcomes of a message that was given up come back while later messages wait for theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_the_outcome_of_somebody_who_travelled_along() {
    let shop = Shop::on_one_node().await;
    let mut committer = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    // Some get what they want and some are turned away, so that a stranger's answer is seen.
    shop.fill(&client, 3, 200).await;
    let edge = client.bundled().with_intake(Intake::Publish);
    let commands = shop.log("COMMANDS").await;
    let crowd = Crowd::start(&edge, BUYERS, 3);
    for _ in 0..2 {
        crowd.more(BUYERS, PROGRESS).await;
        committer.stop(PROGRESS).await;
        let left = commands.end().await.unwrap();
        let sent_again = async || {
            let end = commands.end().await.ok()?;
            (left.0 + SENT_AGAIN <= end.0).then_some(())
        };
        eventually("everybody has sent again", AWAY, sent_again).await;
        committer = shop.start(&[Role::Committer]).await;
    }
    crowd.more(BUYERS, PROGRESS).await;
    let answers = crowd.stop().await;
    let refused = |answer: &Answer| answer.outcome.result == OutcomeKind::Refused;
    assert!(answers.iter().any(refused), "the shelves ran empty");
    Truth::of(&shop).await.bears_out(&answers);
    let verified = verify_log(&shop.events().await, &shop.subjects, |_| {}).await.unwrap();
    assert!(verified.violations.is_empty(), "{:#?}", verified.violations);
    no_two_await_their_answer_in_one_place(&shop, &commands).await;
    committer.stop(PROGRESS).await;
}

/// A message that was given up and one that follows it are answered apart, even when the same
/// buyer is the first in both.
async fn no_two_await_their_answer_in_one_place(shop: &Shop, commands: &JsLog) {
    let end = commands.end().await.unwrap();
    let mut tail = commands.follow(&shop.subjects.every_command(), Sequence::START).await.unwrap();
    let (mut places, mut reached) = (HashSet::new(), Sequence::START);
    while reached < end {
        for entry in tail.next(256).await.unwrap() {
            reached = entry.sequence;
            let place = entry.header(headers::KASSA_REPLY_TO).unwrap().to_owned();
            assert!(places.insert(place), "{entry:?}");
        }
    }
}
