//! Followers that stop, crash and start again: nothing is repeated, nothing is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kassa::domain::{Sequence, Timestamp};
use kassa::engine::{Ended, Input, Output, Pace, Source, drive, open};
use kassa::port::model::{ModelClock, ModelLog};
use kassa::port::{Log, ReadError, Tail};
use kassa::role::projector::Projector;
use kassa::run::{Role, Running};
use kassa::view::{MinuteView, OrderView, StockView, View};
use kassa::wire::{Encoding, Hash, Position, Subjects, headers};
use tokio_util::sync::CancellationToken;

use crate::support::buyers::Crowd;
use crate::support::shop::Shop;
use crate::support::truth::{Truth, prove, values, view_is_the_fold};
use crate::support::{PROGRESS, eventually};

/// Addresses of the events in the feed, in its order.
async fn fed(shop: &Shop, truth: &Truth) -> Vec<String> {
    let feed = shop.log("FEED").await;
    let reached = async || {
        let entry = feed.last(&shop.subjects.feed_position()).await.unwrap()?;
        let position = Position::decode(&entry.payload).unwrap();
        (truth.state.chain.head <= position.event_seq).then_some(())
    };
    eventually("the feed has every event", PROGRESS, reached).await;
    let end = feed.end().await.unwrap();
    let mut tail = feed.follow("kassa.main.feed.>", Sequence::START).await.unwrap();
    let (mut fed, mut at) = (Vec::new(), Sequence::START);
    while at < end {
        for entry in tail.next(256).await.unwrap() {
            at = entry.sequence;
            fed.extend(entry.header(headers::KASSA_EVENT).map(ToOwned::to_owned));
        }
    }
    fed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_that_start_again_repeat_nothing_and_lose_nothing() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer, Role::Payer]).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 150).await;
    let crowd = Crowd::start(&client, 20, 3);
    for ends_in_order in [true, false, true, false] {
        let followers = shop.start(&[Role::Feed, Role::Projector, Role::Attention]).await;
        crowd.more(100, PROGRESS).await;
        if ends_in_order {
            followers.stop(PROGRESS).await;
        } else {
            crash(followers);
        }
    }
    let followers = shop.start(&[Role::Feed, Role::Projector]).await;
    crowd.turned_away(20, PROGRESS).await;
    let answers = crowd.stop().await;
    let truth = prove(&shop, &answers).await;
    view_is_the_fold::<MinuteView>(&shop, &truth, "metrics").await;
    let fed = fed(&shop, &truth).await;
    let events: Vec<_> = truth.events().map(|(at, ..)| at.to_string()).collect();
    assert_eq!(fed.len(), events.len());
    assert!(fed == events, "the feed has every event once, in the order of the log");
    followers.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

/// Ends roles where they stand. What they hold is not given up, and expires.
fn crash(roles: Running) {
    drop(roles);
}

/// Commits that are all there are.
struct Whole(Option<Vec<Input>>);

impl Source for Whole {
    type Input = Input;

    async fn next(&mut self, limit: usize) -> Result<Option<Vec<Input>>, ReadError> {
        let Some(mut rest) = self.0.take().filter(|rest| !rest.is_empty()) else {
            return Ok(None);
        };
        self.0 = Some(rest.split_off(limit.min(rest.len())));
        Ok(Some(rest))
    }
}

/// A view built anew from the whole log, somewhere else.
async fn rebuilt<V: View>(truth: &Truth) -> HashMap<String, V> {
    let log = ModelLog::new(ModelClock::at(Timestamp(1_700_000_000_000)));
    let (position, keys) = (Subjects::position_key("anew"), Subjects::bucket_key("anew", ""));
    let pace = Pace::steady(Duration::ZERO);
    let output = Output { log: log.clone(), position: position.clone(), keys: keys.clone(), pace };
    let projector = Projector::<V>::new(keys.clone());
    let nonce = "anew".to_owned();
    let mut follower = open(projector, output, nonce, Sequence::START).await.unwrap();
    let inputs = truth.commits.iter().map(|(sequence, commit)| Input {
        sequence: *sequence,
        hash: Hash::default(),
        commit: Arc::new(commit.clone()),
        remaining: 1,
    });
    let mut source = Whole(Some(inputs.collect()));
    let never = CancellationToken::new();
    let ended = drive(&mut follower, &mut source, &log, &never).await.unwrap();
    assert_eq!(ended, Ended::Drained);
    let mut found = HashMap::new();
    for entry in log.entries().into_iter().filter(|entry| entry.subject != position) {
        let key = entry.subject.strip_prefix(&keys).unwrap().to_owned();
        found.insert(key, Encoding::Json.read(&entry.payload).unwrap());
    }
    found
}

/// A view that is dropped and built anew is the view that was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_built_anew_is_the_live_view() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100).await;
    let crowd = Crowd::start(&client, 20, 3);
    crowd.more(600, PROGRESS).await;
    let answers = crowd.stop().await;
    // Waits until the live views reflect everything.
    let truth = prove(&shop, &answers).await;
    let live = async |view: &str| (shop.bucket(view).await, shop.subjects.bucket(view));
    let (bucket, name) = live("orders").await;
    assert_eq!(rebuilt::<OrderView>(&truth).await, values(&bucket, &name).await);
    let (bucket, name) = live("stock").await;
    assert_eq!(rebuilt::<StockView>(&truth).await, values(&bucket, &name).await);
    roles.stop(PROGRESS).await;
}
