//! Who follows the log, and how far each of them has read.

use crate::cli::failure::Failure;
use crate::cli::session::Connected;
use crate::domain::Sequence;
use crate::port::Log;
use crate::run::VIEWS;
use crate::wire::Position;

/// Somebody who reads on from a position.
pub(super) struct Follower {
    /// As people call it.
    name: String,
    /// The last commit that it has read.
    reached: Sequence,
}

/// Every follower of the market.
///
/// Views, payer and attention list begin at the first commit: without a position they have all of
/// the log to read. The feed and the retry scheduler begin with the last days, and forget their
/// position as they forget those: without one they are not waited for.
///
/// # Errors
///
/// When a position cannot be read.
pub(super) async fn followers(connected: &Connected) -> Result<Vec<Follower>, Failure> {
    let subjects = &connected.subjects;
    let mut found = Vec::new();
    for view in VIEWS {
        let reached = connected.view(view).await?.position().await;
        let reached = reached.map_err(anyhow::Error::from)?;
        found.push(Follower { name: format!("the view of {view}"), reached });
    }
    let payer = connected.reader(subjects.bucket("payer")).await?;
    let reached = payer.position().await.map_err(anyhow::Error::from)?;
    found.push(Follower { name: "the payer".to_owned(), reached });
    let begins = Some(Sequence::START);
    for (name, stream, subject, without) in [
        ("the attention list", "ATTENTION", subjects.attention_position(), begins),
        ("the retry scheduler", "TIMERS", subjects.timers_position(), None),
        ("the feed", "FEED", subjects.feed_position(), None),
    ] {
        let last = connected.stream(stream).await?.last(&subject).await;
        let position = last.map_err(anyhow::Error::from)?;
        let position = position.map(|entry| Position::decode(&entry.payload)).transpose();
        let position = position.map_err(anyhow::Error::from)?;
        let reached = position.map(|position| position.event_seq).or(without);
        let name = name.to_owned();
        found.extend(reached.map(|reached| Follower { name, reached }));
    }
    Ok(found)
}

/// Those who still have to read in a stream that ends at `last`, in words; none when nobody has.
pub(super) fn behind(followers: &[Follower], last: Sequence) -> Option<String> {
    // The last message of a closed stream is an opening, which every follower comes to.
    let behind = followers.iter().filter(|follower| follower.reached < last);
    let told: Vec<_> =
        behind.map(|Follower { name, reached }| format!("{name} is at {reached}")).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_still_has_to_read_in_a_stream_is_named_and_nobody_else() {
        let at = |name: &str, reached| Follower { name: name.to_owned(), reached };
        let all = [
            at("the view of orders", Sequence(60)),
            at("the payer", Sequence(59)),
            at("the feed", Sequence::START),
            at("the attention list", Sequence(61)),
        ];
        let said = behind(&all, Sequence(60));
        assert_eq!(said.as_deref(), Some("the payer is at 59, the feed is at 0"));
        assert_eq!(behind(&all, Sequence::START), None);
    }
}
