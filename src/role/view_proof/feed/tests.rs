//! Busy shops, their feeds, and what somebody did to them.

use super::*;
use crate::domain::fixtures::*;
use crate::engine::{Projection, Reached};
use crate::port::Batch;
use crate::port::model::{ModelClock, ModelLog};
use crate::role::outbox::Outbox;
use crate::role::testing::logged_on;
use crate::role::view_proof::wide;

fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

async fn log(seed: u64) -> ModelLog {
    logged_on(&busy_shop(seed), &subjects().commit()).await
}

/// The feed of a log up to a commit, in batches of so many messages, each before its position;
/// when it is `cut`, the last commit is there in part. Halfway, somebody sets another encoding.
async fn feed(log: &ModelLog, until: Sequence, (most, cut): (usize, bool)) -> ModelLog {
    let feed = ModelLog::new(ModelClock::at(T0));
    for entry in log.entries().iter().take_while(|entry| entry.sequence <= until) {
        let half = entry.sequence.0 <= until.0 / 2;
        let encoding = if half { Encoding::Json } else { Encoding::MessagePack };
        let mut outbox = Outbox::new(Feed::new(subjects(), encoding));
        outbox.fold(entry.sequence, 0, &Commit::decode(&entry.payload).unwrap()).unwrap();
        while 0 < outbox.owed() {
            let mut taken = outbox.take(most).unwrap();
            let reached = match taken.reached {
                Reached::Inside(at) => (Sequence(at.sequence.0 - 1), at.index + 1),
                Reached::Everything | Reached::Before(_) => (entry.sequence, 0),
            };
            taken.messages.push(at(reached));
            let batch = Batch::of(taken.messages);
            feed.commit(&batch).await.unwrap();
            if cut && entry.sequence == until {
                return feed;
            }
        }
    }
    feed
}

fn at((event_seq, event_index): (Sequence, u32)) -> Message {
    Message {
        subject: subjects().feed_position(),
        payload: Position { event_seq, event_index, ..Position::default() }.encode(),
        ..Message::default()
    }
}

async fn proved(log: &ModelLog, feed: &ModelLog) -> Proved {
    prove_feed((log, &subjects()), feed).await.unwrap()
}

async fn told(log: &ModelLog, feed: &ModelLog) -> Vec<String> {
    proved(log, feed).await.found.iter().map(ToString::to_string).collect()
}

fn events(log: &ModelLog, until: Sequence) -> u64 {
    let entries = log.entries();
    let read = entries.iter().filter(|entry| entry.sequence <= until);
    wide(read.map(|entry| Commit::decode(&entry.payload).unwrap().events.len()).sum())
}

/// The place in the stream of the message of an event in the middle of the log.
fn middle(feed: &ModelLog) -> (usize, Address) {
    let entries = feed.entries();
    let mut messages = entries.iter().enumerate().skip(entries.len() / 2);
    messages.find_map(|(place, entry)| Some((place, address(entry)?))).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_feed_of_every_event_is_right_wherever_it_ends() {
    for seed in 0..4 {
        let log = log(seed).await;
        let end = log.entries().last().unwrap().sequence;
        for until in [end, Sequence(end.0 / 2), Sequence(3)] {
            for portion in [(1_000, false), (2, false), (2, true)] {
                let feed = feed(&log, until, portion).await;
                let proved = proved(&log, &feed).await;
                assert_eq!(proved.found, [], "{seed} {until} {portion:?}");
                if !portion.1 {
                    assert_eq!(proved.held, events(&log, until));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_feed_forgot_from_its_beginning_is_not_missed() {
    let log = log(1).await;
    let end = log.entries().last().unwrap().sequence;
    let feed = feed(&log, end, (7, false)).await;
    let all = feed.entries().len();
    for gone in [1, 2, all / 2, all - 1] {
        feed.tamper(|messages| drop(messages.drain(..gone.min(messages.len()))));
        assert_eq!(told(&log, &feed).await, Vec::<String>::new(), "without {gone}");
    }
    // A shop in which nothing happened for so long that the position is gone too.
    let feed = self::feed(&log, end, (1_000, false)).await;
    let position = subjects().feed_position();
    feed.tamper(|messages| messages.retain(|message| message.subject != position));
    assert_eq!(told(&log, &feed).await, Vec::<String>::new());
    feed.tamper(Vec::clear);
    assert_eq!(proved(&log, &feed).await.held, 0);
}

/// A single server shows the messages of a batch while it stores them, and the position comes last.
#[tokio::test(start_paused = true)]
async fn a_position_that_comes_a_moment_after_its_messages_is_waited_for() {
    let log = log(2).await;
    let end = log.entries().last().unwrap().sequence;
    for comes in [true, false] {
        let feed = feed(&log, end, (5, false)).await;
        let position = feed.entries().pop().unwrap();
        feed.tamper(|messages| drop(messages.pop()));
        let storing = async {
            tokio::time::sleep(LOOK * 3).await;
            if comes {
                feed.tamper(|messages| messages.push(position.clone()));
            }
        };
        let (told, ()) = tokio::join!(told(&log, &feed), storing);
        assert_eq!(told.is_empty(), comes, "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_missing_is_told() {
    let log = log(2).await;
    let end = log.entries().last().unwrap().sequence;
    for last in [false, true] {
        let feed = feed(&log, end, (5, false)).await;
        let (place, at) = match last {
            false => middle(&feed),
            true => {
                // Behind it stands the position.
                let place = feed.entries().len() - 2;
                (place, address(&feed.entries()[place]).unwrap())
            }
        };
        feed.tamper(|messages| drop(messages.remove(place)));
        let says = format!("sequence {at}: I9: the feed: it shows nothing of it");
        assert_eq!(told(&log, &feed).await, [says]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_too_many_is_told() {
    let log = log(2).await;
    let end = log.entries().last().unwrap().sequence;
    let feed = || feed(&log, end, (5, false));
    let says = "it shows it twice, or out of its order, or no such event is there";
    // Once more at the end, and once more in its place.
    for again_at_the_end in [true, false] {
        let feed = feed().await;
        let (place, at) = middle(&feed);
        feed.tamper(|messages| {
            let again = messages[place].clone();
            let to = if again_at_the_end { messages.len() } else { place };
            messages.insert(to, again);
            (1..).zip(messages).for_each(|(n, message)| message.sequence = Sequence(n));
        });
        assert_eq!(told(&log, &feed).await, [format!("sequence {at}: I9: the feed: {says}")]);
    }
    // Of no event: within the log, behind it, and of none at all.
    let (place, at) = middle(&feed().await);
    let beyond = Address::new(end.plus(3), 0);
    let ahead = format!("sequence {beyond}: I9: the feed: it shows it, and has not come so far");
    let inside = Address::new(at.sequence, 900);
    let strange = "its message".to_owned();
    for (said, says) in [(Some(beyond), ahead), (Some(inside), says.into()), (None, strange)] {
        let feed = feed().await;
        feed.tamper(|messages| {
            let mut message = messages[place].clone();
            message.sequence = messages.last().unwrap().sequence.next();
            message.headers.retain(|(name, _)| name != headers::KASSA_EVENT);
            let name = headers::KASSA_EVENT.to_owned();
            message.headers.extend(said.map(|said| (name, said.to_string())));
            messages.push(message);
        });
        let told = told(&log, &feed).await;
        assert!(told.len() == 1 && told[0].contains(&says), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_changed_is_told() {
    let log = log(3).await;
    let end = log.entries().last().unwrap().sequence;
    let changes: [fn(&mut Entry); 4] = [
        |message| message.payload = message.payload.slice(1..),
        |message| message.subject.push('x'),
        |message| message.headers.retain(|(name, _)| name != headers::KASSA_TYPE),
        |message| message.headers.retain(|(name, _)| name != headers::CONTENT_TYPE),
    ];
    for change in changes {
        let feed = feed(&log, end, (5, false)).await;
        let (place, at) = middle(&feed);
        feed.tamper(|messages| change(&mut messages[place]));
        let told = told(&log, &feed).await;
        let says = format!("sequence {at}: I9: the feed: its message ");
        assert!(told.len() == 1 && told[0].starts_with(&says), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_an_older_build_is_counted_and_not_looked_at() {
    let log = log(3).await;
    let end = log.entries().last().unwrap().sequence;
    for (version, older, faults) in [("0", 1, 0), ("65535", 0, 1)] {
        let feed = feed(&log, end, (5, false)).await;
        let (place, _) = middle(&feed);
        feed.tamper(|messages| {
            let all = &mut messages[place].headers;
            let own = all.iter_mut().find(|(name, _)| name == headers::KASSA_TYPE).unwrap();
            own.1 = format!("{}/{version}", own.1.split('/').next().unwrap());
        });
        let proved = proved(&log, &feed).await;
        assert_eq!((proved.of_older_builds, proved.found.len()), (older, faults));
    }
}
