//! Busy shops, and the bucket of their payer as it is left at each commit.

use super::*;
use crate::domain::fixtures::*;
use crate::domain::{Token, TraceParent};
use crate::engine::{Projection, Reached};
use crate::port::model::{ModelClock, ModelLog};
use crate::port::{Batch, Log, Message};
use crate::role::payer::{Drive, OwedProjection};
use crate::role::testing::logged_on;
use crate::role::view_proof::hold;
use crate::wire::Position;

const BUCKET: &str = "kassa_main_payer";

fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

async fn log(seed: u64) -> ModelLog {
    logged_on(&busy_shop(seed), &subjects().commit()).await
}

/// A payer's bucket, written by its projection in portions of so many keys after every commit that
/// `goes` says, until the log has come to `until`.
async fn bucket(
    log: &ModelLog,
    until: Sequence,
    (portion, goes): (usize, impl Fn(Sequence) -> bool),
) -> ModelLog {
    let bucket = ModelLog::new(ModelClock::at(T0));
    let mut position = Sequence::START;
    let mut owed = OwedProjection::new(Subjects::bucket_key(BUCKET, ""), Drive::unheard());
    let entries = log.entries();
    for entry in entries.iter().take_while(|entry| entry.sequence <= until) {
        owed.fold(entry.sequence, 0, &Commit::decode(&entry.payload).unwrap()).unwrap();
        if !goes(entry.sequence) {
            continue;
        }
        let mut taken = owed.take(portion).unwrap();
        if taken.reached == Reached::Everything {
            position = entry.sequence;
        }
        taken.messages.push(at(position));
        bucket.commit(&Batch::of(taken.messages)).await.unwrap();
    }
    bucket
}

fn at(event_seq: Sequence) -> Message {
    Message {
        subject: Subjects::position_key(BUCKET),
        payload: Position { event_seq, ..Position::default() }.encode(),
        ..Message::default()
    }
}

async fn told(log: &ModelLog, bucket: &ModelLog) -> Vec<String> {
    let (subjects, live) = (subjects(), ViewReader::new(bucket.clone(), BUCKET.to_owned()));
    let proof = owed((log, &subjects), &live).await.unwrap();
    let proved = hold((log, &subjects), vec![proof]).await.unwrap();
    proved[0].found.iter().map(ToString::to_string).collect()
}

/// What the bucket shows.
async fn shown(bucket: &ModelLog) -> Vec<Owed> {
    let live = ViewReader::new(bucket.clone(), BUCKET.to_owned());
    live.all::<Owed>().await.unwrap().into_values().collect()
}

async fn put(bucket: &ModelLog, key: Debt, owed: Option<&Owed>) {
    let payload = owed.map(|owed| Encoding::Json.write(owed).unwrap()).unwrap_or_default();
    let subject = Subjects::bucket_key(BUCKET, &key.to_string());
    let message = Message { subject, payload, ..Message::default() };
    bucket.commit(&Batch::of(vec![message])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_right_however_lazily_it_is_written() {
    let mut ahead = 0;
    for seed in 0..5 {
        let log = log(seed).await;
        let end = log.entries().last().unwrap().sequence;
        for until in (0..=end.0).map(Sequence) {
            for (portion, every) in [(1_000, 1), (1_000, 7), (1, 3)] {
                let goes = |at: Sequence| at.0.is_multiple_of(every);
                let bucket = bucket(&log, until, (portion, goes)).await;
                let told = told(&log, &bucket).await;
                assert_eq!(told, Vec::<String>::new(), "{seed} {until} {portion} {every}");
                let live = ViewReader::new(bucket.clone(), BUCKET.to_owned());
                let position = live.position().await.unwrap();
                ahead += shown(&bucket).await.iter().filter(|o| position < o.event_seq).count();
            }
        }
    }
    assert!(0 < ahead, "some values are ahead of the position");
}

/// A shop where an order waits for its payer, and one that was paid.
async fn waiting() -> (ModelLog, ModelLog, Owed) {
    let mut shop = open_shop();
    shop.send(&place(order(1), &[line("mug", 1)]));
    shop.send(&capture(order(1), PRICE));
    shop.send(&place(order(2), &[line("pot", 1)]));
    let log = logged_on(&shop, &subjects().commit()).await;
    let end = log.entries().last().unwrap().sequence;
    let bucket = bucket(&log, end, (1_000, |_| true)).await;
    let [owed] = &shown(&bucket).await[..] else { panic!("one order is to be paid") };
    assert_eq!(owed.order_id, order(2));
    (log, bucket, owed.clone())
}

#[tokio::test(start_paused = true)]
async fn a_debt_that_is_missing_is_told() {
    let (log, bucket, owed) = waiting().await;
    put(&bucket, owed.debt(), None).await;
    let (at, debt) = (owed.event_seq, owed.debt());
    let says = format!("sequence {at}: I9: what the payer is owed: it shows nothing of {debt}");
    assert_eq!(told(&log, &bucket).await, [says]);
}

#[tokio::test(start_paused = true)]
async fn a_debt_too_many_is_told() {
    let (log, bucket, owed) = waiting().await;
    let paid = Owed { order_id: order(1), event_seq: Sequence(3), ..owed.clone() };
    put(&bucket, paid.debt(), Some(&paid)).await;
    let says = format!("it shows {}, which is not owed", paid.debt());
    let first = told(&log, &bucket).await;
    assert!(first.len() == 1 && first[0].contains(&says), "{first:?}");
    // Of a commit that never was.
    let ahead = Owed { event_seq: owed.event_seq.plus(9), ..paid };
    put(&bucket, ahead.debt(), Some(&ahead)).await;
    let says = format!("it shows {}, and no commit says so", ahead.debt());
    let second = told(&log, &bucket).await;
    assert!(second.len() == 1 && second[0].contains(&says), "{second:?}");
    // Under another key than its own.
    put(&bucket, ahead.debt(), Some(&owed)).await;
    let third = told(&log, &bucket).await;
    let says = format!("what it shows of {} cannot be read", ahead.debt());
    assert!(third.len() == 1 && third[0].contains(&says), "{third:?}");
}

#[tokio::test(start_paused = true)]
async fn a_debt_that_was_changed_is_told() {
    let (log, bucket, owed) = waiting().await;
    let key = |name: &str| name.parse::<Token>().unwrap();
    let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    for changed in [
        Owed { idempotency_key: key("another"), ..owed.clone() },
        Owed { amount_minor: amount(PRICE + 1), ..owed.clone() },
        Owed { off: true, ..owed.clone() },
        Owed { trace, ..owed.clone() },
    ] {
        put(&bucket, owed.debt(), Some(&changed)).await;
        let told = told(&log, &bucket).await;
        let says = format!("{} is not what the log adds up to", owed.debt());
        assert!(told.len() == 1 && told[0].contains(&says), "{told:?}");
    }
}

/// It asks for an attempt that has failed long ago.
#[tokio::test(start_paused = true)]
async fn a_debt_as_it_was_before_is_told() {
    let mut shop = open_shop();
    shop.send(&place(order(1), &[line("mug", 1)]));
    shop.send(&decline(order(1), "do_not_honor"));
    let log = logged_on(&shop, &subjects().commit()).await;
    let end = log.entries().last().unwrap().sequence;
    let early = shown(&bucket(&log, Sequence(end.0 - 1), (1_000, |_| true)).await).await;
    let bucket = bucket(&log, end, (1_000, |_| true)).await;
    put(&bucket, early[0].debt(), Some(&early[0])).await;
    let (debt, known) = (early[0].debt(), early[0].event_seq);
    let says = format!("{debt} changed, and it shows what was at {known}");
    let told = told(&log, &bucket).await;
    assert!(told.len() == 1 && told[0].contains(&says), "{told:?}");
}
