//! A log with something planted in it.

use kassa::engine::{verify_log, verify_log_and_commands};

use super::shop::{a_day, subjects};
use super::tape::Tape;

#[tokio::test]
async fn a_log_in_which_nothing_is_wrong_passes() {
    let day = a_day().await;
    let streams = (&day.events, &day.commands);
    let mut last = None;
    let verified =
        verify_log_and_commands(streams, &subjects(), |progress| last = Some(progress)).await;
    let verified = verified.unwrap();
    assert_eq!(verified.violations, [], "{verified:#?}");
    let last = last.unwrap();
    assert_eq!((last.sequence, last.events), (last.end, verified.events));
    assert_eq!((verified.orders, verified.skus, verified.oversold), (7, 3, 0));
    assert_eq!((verified.commands, verified.commands_waiting), (28, 0));
    assert!(0 < verified.entries && 0 < verified.commits);
    // Taken apart and put together again, it is the same log.
    let tape = Tape::of(&day.events).log();
    let payloads = |log: &kassa::port::model::ModelLog| {
        log.entries().into_iter().map(|entry| entry.payload).collect::<Vec<_>>()
    };
    assert_eq!(payloads(&tape), payloads(&day.events));
    assert!(verify_log(&tape, &subjects(), |_| {}).await.unwrap().holds());
}
