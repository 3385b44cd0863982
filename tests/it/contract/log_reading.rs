//! What a [`Log`] promises its readers.

use std::collections::HashSet;
use std::time::Duration;

use futures::FutureExt;
use kassa::domain::{Sequence, Timestamp};
use kassa::port::{Entry, Log, Tail};

use super::log::{LogWorld, Place, batch, texts};

/// How long a lost connection may take to come back.
const BACK: Duration = Duration::from_secs(20);

/// Writes `count` numbered messages, some of them in batches, on two subjects in turn.
async fn write<L: Log>(place: &Place<L>, count: u64) {
    let mut number = 0;
    while number < count {
        let size = if number % 3 == 0 { 5.min(count - number) } else { 1 };
        let messages = (number..number + size).map(|number| {
            place.message(if number % 2 == 0 { "even" } else { "odd" }, &number.to_string())
        });
        place.log.commit(&batch(messages)).await.unwrap();
        number += size;
    }
}

/// Reads until `count` entries have come.
async fn read(tail: &mut impl Tail, count: usize, limit: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    while entries.len() < count {
        let some = tail.next(limit).await.unwrap();
        assert!((1..=limit).contains(&some.len()), "{} of at most {limit}", some.len());
        entries.extend(some);
    }
    entries
}

/// Entries `from + 1` to the end, each once, in order.
fn assert_contiguous(entries: &[Entry], from: u64) {
    let wrong = (from + 1..).zip(entries).find(|(wanted, found)| *wanted != found.sequence.0);
    assert!(wrong.is_none(), "{wrong:?}");
}

/// What is still to come is counted where the reader reads. A copy that is behind its leader counts
/// less, but never says that there is nothing where there is something.
fn assert_remaining(world: &impl LogWorld, remaining: u64, there: u64) {
    let least = if world.has_copies() { 1 } else { there };
    assert!((least..=there).contains(&remaining), "{remaining} of {there}");
}

pub(crate) async fn a_reader_skips_nothing_and_repeats_nothing<W: LogWorld>(world: W) {
    let place = world.stream().await;
    write(&place, 100).await;
    for (after, limit) in [(0, 1), (0, 1_000), (1, 7), (50, 10), (99, 5)] {
        let mut tail = place.log.follow(&place.subject(">"), Sequence(after)).await.unwrap();
        assert_remaining(&world, tail.remaining(), 100 - after);
        let entries = read(&mut tail, usize::try_from(100 - after).unwrap(), limit).await;
        assert_contiguous(&entries, after);
        assert_eq!(tail.remaining(), 0);
    }
}

pub(crate) async fn a_reader_goes_on_with_what_is_written_meanwhile<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let mut tail = place.log.follow(&place.subject(">"), Sequence::START).await.unwrap();
    let (entries, ()) = tokio::join!(read(&mut tail, 200, 16), write(&place, 200));
    assert_eq!(entries.len(), 200);
    assert_contiguous(&entries, 0);
}

pub(crate) async fn a_reader_sees_only_the_subjects_it_asked_for<W: LogWorld>(world: W) {
    let place = world.stream().await;
    write(&place, 40).await;
    let mut tail = place.log.follow(&place.subject("odd"), Sequence(20)).await.unwrap();
    assert_remaining(&world, tail.remaining(), 10);
    let entries = read(&mut tail, 10, 4).await;
    assert!(entries.iter().all(|entry| entry.subject == place.subject("odd")), "{entries:?}");
    assert_eq!(entries.first().map(|entry| entry.sequence), Some(Sequence(22)));
    assert_eq!(entries.last().map(|entry| entry.sequence), Some(Sequence(40)));
}

/// A reader that is interrupted while it waits has not taken anything.
pub(crate) async fn waiting_may_be_given_up<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let mut tail = place.log.follow(&place.subject(">"), Sequence::START).await.unwrap();
    assert!(tail.next(9).now_or_never().is_none(), "there is nothing yet");
    for number in 0_u64..20 {
        place.log.commit(&batch([place.message("a", "x")])).await.unwrap();
        // Polled and dropped, again and again, until something comes.
        let entries = loop {
            match tokio::time::timeout(Duration::from_micros(200), tail.next(9)).await {
                Ok(entries) => break entries.unwrap(),
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_contiguous(&entries, number);
        assert_eq!(entries.len(), 1);
    }
}

pub(crate) async fn the_last_entry_of_a_subject_is_found<W: LogWorld>(world: W) {
    let place = world.stream().await;
    assert_eq!(place.log.last(&place.subject("odd")).await.unwrap(), None);
    assert_eq!(place.log.end().await.unwrap(), Sequence::START);
    write(&place, 9).await;
    assert_eq!(place.log.end().await.unwrap(), Sequence(9));
    let last = place.log.last(&place.subject("odd")).await.unwrap().unwrap();
    assert_eq!((last.sequence, texts(&[last])[0]), (Sequence(8), ("odd", "7")));
    assert_eq!(place.log.last(&place.subject("never")).await.unwrap(), None);
}

/// A writer reads its own writes at once, wherever they went.
pub(crate) async fn what_was_acknowledged_is_seen_at_once<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let other = world.elsewhere(&place).await;
    for number in 1..=30 {
        let committed = place.log.commit(&batch([place.message("a", "x")])).await.unwrap();
        assert_eq!(committed.head, Sequence(number));
        assert_eq!(other.end().await.unwrap(), committed.head);
        let last = other.last(&place.subject("a")).await.unwrap().unwrap();
        assert_eq!(last.sequence, committed.head);
    }
}

pub(crate) async fn a_moment_is_a_place<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let before = async |moment| place.log.before(moment).await.unwrap();
    assert_eq!(before(Timestamp(0)).await, Sequence::START);
    write(&place, 10).await;
    let times: HashSet<_> = place.entries().await.iter().map(|entry| entry.time).collect();
    assert_eq!(before(Timestamp(0)).await, Sequence::START);
    let late = times.iter().max().unwrap().after(Duration::from_secs(1));
    assert_eq!(before(late).await, Sequence(10));
    for time in times {
        let found = before(time).await;
        let entries = place.entries().await;
        let earlier = entries.iter().filter(|entry| entry.time < time).count();
        assert_eq!(found, Sequence(u64::try_from(earlier).unwrap()), "{time}");
    }
}

pub(crate) async fn a_reader_survives_its_connection<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let writer = Place { log: world.elsewhere(&place).await, prefix: place.prefix.clone() };
    let mut tail = place.log.follow(&place.subject(">"), Sequence::START).await.unwrap();
    let mut entries = Vec::new();
    for round in 1..=3 {
        write(&writer, 50).await;
        // Some of it may be on the way while the connection breaks.
        entries.extend(tail.next(10).await.unwrap());
        world.cut(&place).await;
        let missing = 50 * round - entries.len();
        entries.extend(read(&mut tail, missing, 100).await);
    }
    assert_eq!(entries.len(), 150);
    assert_contiguous(&entries, 0);
}

/// No gap shows when nothing comes behind it.
pub(crate) async fn an_entry_that_was_lost_on_the_way_comes_although_nothing_follows<
    W: LogWorld,
>(
    world: W,
) {
    let place = world.stream().await;
    let writer = Place { log: world.elsewhere(&place).await, prefix: place.prefix.clone() };
    let mut tail = place.log.follow(&place.subject(">"), Sequence::START).await.unwrap();
    write(&writer, 1).await;
    assert_contiguous(&read(&mut tail, 1, 9).await, 0);
    world.deafen(&place).await;
    write(&writer, 1).await;
    world.until_delivered(&place, Sequence(2)).await;
    world.cut(&place).await;
    let entries = tokio::time::timeout(BACK, read(&mut tail, 1, 9)).await.expect("it comes");
    assert_contiguous(&entries, 1);
}

pub(crate) async fn a_reader_survives_that_the_server_forgets_it<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let mut tail = place.log.follow(&place.subject(">"), Sequence::START).await.unwrap();
    write(&place, 20).await;
    let mut entries = read(&mut tail, 20, 100).await;
    world.forget_readers(&place).await;
    write(&place, 20).await;
    entries.extend(read(&mut tail, 20, 100).await);
    assert_eq!(entries.len(), 40);
    assert_contiguous(&entries, 0);
}

/// A reader that was made while nothing was there and lost before its first entry still begins
/// where it was told to.
pub(crate) async fn a_reader_that_is_lost_before_its_first_entry_keeps_its_place<W: LogWorld>(
    world: W,
) {
    let place = world.stream().await;
    write(&place, 30).await;
    let mut tail = place.log.follow(&place.subject(">"), Sequence(30)).await.unwrap();
    world.forget_readers(&place).await;
    world.cut(&place).await;
    let writer = Place { log: world.elsewhere(&place).await, prefix: place.prefix.clone() };
    write(&writer, 5).await;
    let entries = read(&mut tail, 5, 100).await;
    assert_eq!(entries.len(), 5);
    assert_contiguous(&entries, 30);
}
