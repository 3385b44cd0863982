//! A view beside a log that is no longer the one it was made from.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Hub, act_alone};
use crate::domain::Sequence;
use crate::domain::fixtures::{T0, busy_shop, receive};
use crate::engine::{Ended, Error, Output, Pace, ViewReader};
use crate::port::model::{ModelClock, ModelLog};
use crate::role::projector::Projector;
use crate::role::testing::logged;
use crate::view::OrderView;
use crate::wire::Subjects;

const BUCKET: &str = "orders";

/// Has the view in `bucket` follow `log` to its end.
async fn followed(log: &ModelLog, bucket: &ModelLog) -> Result<Ended, Error> {
    let events = Hub::start(log.clone(), "commits".to_owned());
    let output = Output {
        log: bucket.clone(),
        position: Subjects::position_key(BUCKET),
        keys: Subjects::bucket_key(BUCKET, ""),
        pace: Pace::steady(Duration::from_millis(20)),
    };
    let (stop, never) = (CancellationToken::new(), CancellationToken::new());
    let projector = Projector::<OrderView>::new(output.keys.clone());
    let begin = (projector, Sequence::START);
    let role = (BUCKET, "nonce".to_owned());
    let following = act_alone(role, &events, &output, begin, (&stop, &never));
    let end = events.last().await.unwrap();
    let reader = ViewReader::new(bucket.clone(), BUCKET.to_owned());
    let watching = async {
        // In vain when it is refused.
        let _ = reader.wait_for(end, Duration::from_secs(60)).await;
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(following, watching);
    ended
}

#[tokio::test(start_paused = true)]
async fn a_view_of_a_log_that_lost_its_end_is_never_silently_followed_on() {
    let log = logged(&busy_shop(1)).await;
    let bucket = ModelLog::new(ModelClock::at(T0));
    assert_eq!(followed(&log, &bucket).await.unwrap(), Ended::Drained);
    assert_eq!(followed(&log, &bucket).await.unwrap(), Ended::Drained, "the same log");
    let position = ViewReader::new(bucket.clone(), BUCKET.to_owned()).writer().await.unwrap();
    let reflected = position.commit.unwrap();
    assert_eq!(reflected.sequence, position.event_seq);
    // The log is put back from an older copy, and has grown past the place by now.
    let mut shop = busy_shop(2);
    for n in 0..40 {
        shop.send_all(&[receive("mug", 1, &format!("later-{n}"))]);
    }
    let other = logged(&shop).await;
    assert!(log.entries().len() < other.entries().len());
    let error = followed(&other, &bucket).await.unwrap_err();
    assert!(matches!(&error, Error::Defect { sequence, .. } if *sequence == reflected.sequence));
}
