//! What may not be written down, in a log and in a command stream.

use kassa::domain::verify::{Invariant, Stream};
use kassa::domain::{Event, Text, Timestamp};
use kassa::engine::look_for_private;
use kassa::port::Entry;
use kassa::port::model::{ModelClock, ModelLog};

use crate::planting::At;
use crate::shop::{CALLED_OFF, good_streams, order};
use crate::story::Story;

async fn found(entries: Vec<Entry>, stream: Stream) -> Vec<String> {
    let log = ModelLog::new(ModelClock::at(Timestamp(0)));
    log.tamper(|empty| *empty = entries);
    let found = look_for_private(&log, ("the stream", stream)).await.unwrap();
    assert!(found.iter().all(|one| one.invariant == Invariant::I14));
    found.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_good_shop_writes_down_nothing_private() {
    let streams = good_streams().await;
    assert_eq!(found(streams.events.entries(), Stream::Events).await, Vec::<String>::new());
    assert_eq!(found(streams.commands.entries(), Stream::Commands).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_card_number_is_found_inside_a_packed_commit_and_not_repeated() {
    let mut story = Story::of(&good_streams().await.events.entries());
    let spot = story.of_order("cancel_requested", order(CALLED_OFF));
    let Event::CancelRequested(event) = story.event(spot) else { unreachable!() };
    event.reason = Text::lossy("use 4242 4242 4242 4242 instead");
    let At { sequence, .. } = At::event(spot);
    let says = format!("sequence {sequence}: I14: a card number stands in the stream");
    assert_eq!(found(story.written(), Stream::Events).await, [says]);
}

#[tokio::test]
async fn what_somebody_publishes_is_looked_at_too() {
    let mut entries = good_streams().await.commands.entries();
    entries[3].payload = "{\"note\": \"mail anna@example.com\"}".into();
    entries[5].headers.push(("Note".to_owned(), "whsec_5WbX5kEWLlfzsGNjH64I".to_owned()));
    let found = found(entries, Stream::Commands).await;
    let says = [
        "command 4: I14: a mail address stands in the stream",
        "command 6: I14: a secret of a payment provider stands in the stream",
    ];
    assert_eq!(found, says);
}
