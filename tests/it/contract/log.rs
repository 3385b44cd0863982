//! What a [`Log`] promises its writer.

use bytes::Bytes;
use kassa::domain::Sequence;
use kassa::port::{Batch, CommitError, Committed, Entry, Head, Log, Message, Tail};

/// A place where streams are, and what can be done to them there.
pub(crate) trait LogWorld {
    type Log: Log;

    /// An empty stream, and what its subjects begin with.
    async fn stream(&self) -> Place<Self::Log>;

    /// Whether a reader may be served by a copy that is behind its leader.
    fn has_copies(&self) -> bool;

    /// The same stream, as somebody else sees it.
    async fn elsewhere(&self, place: &Place<Self::Log>) -> Self::Log;

    /// Has the next commit stored, and its answer lost.
    async fn lose_answer(&self, place: &Place<Self::Log>);

    /// Has the next commit lost on the way.
    async fn lose_request(&self, place: &Place<Self::Log>);

    /// Has the next commit arrive only when [`LogWorld::deliver_late`] says so.
    async fn delay_request(&self, place: &Place<Self::Log>);

    /// Has what was delayed arrive, before anything that is sent from now on.
    async fn deliver_late(&self, place: &Place<Self::Log>);

    /// Leaves no room for the next commit.
    async fn fill_up(&self, place: &Place<Self::Log>);

    /// Makes room again.
    async fn make_room(&self, place: &Place<Self::Log>);

    /// Cuts the connection, if there is one; it comes back.
    async fn cut(&self, place: &Place<Self::Log>);

    /// Has everything lost on its way to readers, until the connection is cut.
    async fn deafen(&self, place: &Place<Self::Log>);

    /// Waits until the server has sent the entry at `sequence` to a reader.
    async fn until_delivered(&self, place: &Place<Self::Log>, sequence: Sequence);

    /// Has the server forget its readers, if it knows any.
    async fn forget_readers(&self, place: &Place<Self::Log>);
}

/// One stream of a world.
pub(crate) struct Place<L> {
    pub(crate) log: L,
    pub(crate) prefix: String,
}

impl<L: Log> Place<L> {
    pub(crate) fn subject(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// A message that expects nothing.
    pub(crate) fn message(&self, name: &str, payload: &str) -> Message {
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        Message { subject: self.subject(name), payload, ..Message::default() }
    }

    /// A message that expects `expected` on its subject.
    pub(crate) fn fenced(&self, name: &str, payload: &str, expected: u64) -> Message {
        Message { expected: Some(Sequence(expected)), ..self.message(name, payload) }
    }

    /// Everything in the stream.
    pub(crate) async fn entries(&self) -> Vec<Entry> {
        let end = self.log.end().await.unwrap();
        let mut tail = self.log.follow(&self.subject(">"), Sequence::START).await.unwrap();
        let mut entries: Vec<Entry> = Vec::new();
        while entries.last().map_or(Sequence::START, |entry| entry.sequence) < end {
            entries.extend(tail.next(64).await.unwrap());
        }
        entries
    }
}

pub(crate) fn batch(messages: impl IntoIterator<Item = Message>) -> Batch {
    Batch::of(messages.into_iter().collect())
}

pub(crate) fn at(first: u64) -> Committed {
    Committed { head: Sequence(first) }
}

/// The subjects of entries without their prefix, and their payloads.
pub(crate) fn texts(entries: &[Entry]) -> Vec<(&str, &str)> {
    let mut texts = Vec::with_capacity(entries.len());
    for entry in entries {
        let (_, name) = entry.subject.rsplit_once('.').unwrap();
        texts.push((name, std::str::from_utf8(&entry.payload).unwrap()));
    }
    texts
}

pub(crate) async fn the_messages_of_a_batch_stand_one_behind_the_other<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let one = place.log.commit(&batch([place.message("a", "1")])).await.unwrap();
    assert_eq!(one, at(1));
    let three = batch(["2", "3", "4"].map(|payload| place.message("a", payload)));
    assert_eq!(place.log.commit(&three).await.unwrap(), at(2));
    let large = batch((0..1_000).map(|number| place.message(&format!("n{number}"), "x")));
    assert_eq!(place.log.commit(&large).await.unwrap(), at(5));
    assert_eq!(place.log.end().await.unwrap(), Sequence(1_004));
    assert_eq!(
        texts(&place.entries().await[..4]),
        [("a", "1"), ("a", "2"), ("a", "3"), ("a", "4")]
    );
}

/// Of two writers who saw the same last commit, one wins, and nothing of the other is kept.
pub(crate) async fn one_writer_wins<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let other = world.elsewhere(&place).await;
    let bid = |who: &str| {
        let head = place.fenced("commit", who, 0);
        batch([head, place.fenced(&format!("stock-{who}"), who, 0)])
    };
    let (a, b) = (bid("a"), bid("b"));
    let (a, b) = tokio::join!(place.log.commit(&a), other.commit(&b));
    let lost = [&a, &b].into_iter().filter(|end| matches!(end, Err(CommitError::Fenced))).count();
    assert_eq!(lost, 1, "{a:?} {b:?}");
    let entries = place.entries().await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].payload, entries[1].payload, "both from the same writer");
}

/// Many writers who read, then write what they expect to be next: no place is won twice, and no
/// winner's message is lost.
pub(crate) async fn writers_in_a_hurry_never_overwrite_each_other<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let mut writers = Vec::new();
    for number in 0..4 {
        writers.push((number, world.elsewhere(&place).await));
    }
    let write = async |(number, log): (u32, W::Log)| {
        let mut won = 0_u64;
        while won < 10 {
            let last = log.last(&place.subject("commit")).await.unwrap();
            let expected = last.map_or(0, |entry| entry.sequence.0);
            let message = place.fenced("commit", &format!("{number}/{won}"), expected);
            match log.commit(&batch([message])).await {
                Ok(_) => won += 1,
                Err(CommitError::Fenced) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    futures::future::join_all(writers.into_iter().map(write)).await;
    let entries = place.entries().await;
    let mut payloads: Vec<_> = texts(&entries).into_iter().map(|(_, payload)| payload).collect();
    payloads.sort_unstable();
    payloads.dedup();
    assert_eq!((entries.len(), payloads.len()), (40, 40));
}

pub(crate) async fn a_batch_is_stored_whole_or_not_at_all<W: LogWorld>(world: W) {
    let place = world.stream().await;
    place.log.commit(&batch([place.message("stock", "1")])).await.unwrap();
    // The last of three expects what is not so.
    let bad =
        [place.fenced("commit", "x", 0), place.message("b", "x"), place.fenced("stock", "x", 0)];
    let refused = place.log.commit(&batch(bad)).await;
    assert!(matches!(refused, Err(CommitError::Fenced)), "{refused:?}");
    assert_eq!(place.log.end().await.unwrap(), Sequence(1));
    let good =
        [place.fenced("commit", "y", 0), place.message("b", "y"), place.fenced("stock", "y", 1)];
    assert_eq!(place.log.commit(&batch(good)).await.unwrap(), at(2));
    assert_eq!(texts(&place.entries().await[1..]), [("commit", "y"), ("b", "y"), ("stock", "y")]);
}

pub(crate) async fn a_claim_that_nobody_ever_wrote_is_checked<W: LogWorld>(world: W) {
    let place = world.stream().await;
    // Another subject does not matter.
    place.log.commit(&batch([place.message("other", "1")])).await.unwrap();
    let first = batch([place.fenced("commit", "2", 0)]);
    assert_eq!(place.log.commit(&first).await.unwrap(), at(2));
    let again = place.log.commit(&first).await;
    assert!(matches!(again, Err(CommitError::Fenced)), "{again:?}");
    // Nor does a place that is not yet there, nor one that is another subject's.
    for expected in [1, 3, 99] {
        let early = place.log.commit(&batch([place.fenced("commit", "3", expected)])).await;
        assert!(matches!(early, Err(CommitError::Fenced)), "{expected}: {early:?}");
    }
    assert_eq!(place.log.commit(&batch([place.fenced("commit", "3", 2)])).await.unwrap(), at(3));
}

pub(crate) async fn the_head_of_a_batch_may_stand_last<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let headed = |payload, expected| Batch {
        head: Head::Last,
        ..batch([
            place.message("a", payload),
            place.message("b", payload),
            place.fenced("position", payload, expected),
        ])
    };
    assert_eq!(place.log.commit(&headed("1", 0)).await.unwrap(), at(3));
    for expected in [0, 1, 2] {
        let refused = place.log.commit(&headed("x", expected)).await;
        assert!(matches!(refused, Err(CommitError::Fenced)), "{expected}: {refused:?}");
    }
    assert_eq!(place.log.commit(&headed("2", 3)).await.unwrap(), at(6));
    let all =
        [("a", "1"), ("b", "1"), ("position", "1"), ("a", "2"), ("b", "2"), ("position", "2")];
    assert_eq!(texts(&place.entries().await), all);
}

pub(crate) async fn the_end_of_the_stream_may_be_expected<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let ending = |end, payload| Batch {
        head: Head::First,
        messages: vec![place.message("a", payload), place.message("b", payload)],
        expected_end: Some(Sequence(end)),
    };
    assert_eq!(place.log.commit(&ending(0, "1")).await.unwrap(), at(1));
    for end in [0, 1, 3] {
        let refused = place.log.commit(&ending(end, "x")).await;
        assert!(matches!(refused, Err(CommitError::Fenced)), "{end}: {refused:?}");
    }
    assert_eq!(place.log.commit(&ending(2, "2")).await.unwrap(), at(3));
    // The same for a batch of one, which travels otherwise.
    let mut one = batch([place.message("a", "3")]);
    one.expected_end = Some(Sequence(3));
    let refused = place.log.commit(&one).await;
    assert!(matches!(refused, Err(CommitError::Fenced)), "{refused:?}");
    one.expected_end = Some(Sequence(4));
    assert_eq!(place.log.commit(&one).await.unwrap(), at(5));
}

/// Each SKU's entry expects the one before it on its own subject, wherever that stands.
pub(crate) async fn every_ledger_entry_has_its_own_expectation<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let commit = |head: u64, stock: &[(&str, u64)]| {
        let entries = stock.iter().map(|(sku, expected)| place.fenced(sku, "-", *expected));
        batch(std::iter::once(place.fenced("commit", "-", head)).chain(entries))
    };
    assert_eq!(place.log.commit(&commit(0, &[("s1", 0), ("s2", 0)])).await.unwrap(), at(1));
    assert_eq!(place.log.commit(&commit(1, &[("s2", 3)])).await.unwrap(), at(4));
    // s1 still stands at 2.
    for wrong in [[("s1", 5), ("s2", 5)], [("s1", 2), ("s2", 3)], [("s1", 0), ("s2", 0)]] {
        let refused = place.log.commit(&commit(4, &wrong)).await;
        assert!(matches!(refused, Err(CommitError::Fenced)), "{wrong:?}: {refused:?}");
    }
    assert_eq!(place.log.commit(&commit(4, &[("s1", 2), ("s2", 5)])).await.unwrap(), at(6));
}

pub(crate) async fn what_is_stored_is_what_was_sent<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let sent = Message {
        subject: place.subject("a"),
        headers: vec![("Content-Type", "application/json".into()), ("traceparent", "00-x".into())],
        payload: Bytes::from_static(&[0, 255, b'\r', b'\n', 0]),
        expected: Some(Sequence::START),
        kept_s: None,
    };
    let empty = place.message("b", "");
    place.log.commit(&batch([sent.clone(), empty])).await.unwrap();
    let entries = place.entries().await;
    let last = place.log.last(&sent.subject).await.unwrap().unwrap();
    for found in [&entries[0], &last] {
        assert_eq!((found.sequence, &found.subject), (Sequence(1), &sent.subject));
        assert_eq!(found.payload, sent.payload);
        for (name, value) in &sent.headers {
            assert_eq!(found.header(name), Some(value.as_str()), "{name}");
        }
    }
    assert!(entries[1].payload.is_empty());
    assert!(entries[0].time <= entries[1].time);
}

pub(crate) async fn a_batch_of_nothing_is_a_defect<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let refused = place.log.commit(&Batch::default()).await;
    assert!(matches!(refused, Err(CommitError::Broken(_))), "{refused:?}");
}
