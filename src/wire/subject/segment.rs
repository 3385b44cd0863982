//! The streams of one log: the log goes on in a next stream, and the ones before it are closed.

use super::{MarketName, Subjects};

/// What every subject of the log stands under, as a word.
const LOG: &str = "evt";

impl Subjects {
    /// The n-th stream of the log, counted from 1.
    #[must_use]
    pub fn segment(&self, number: u32) -> String {
        let first = self.stream("EVENTS");
        if number <= 1 { first } else { format!("{first}_{number}") }
    }

    /// Which stream of the log that is; none when it is none of this market's.
    #[must_use]
    pub fn segment_number(&self, stream: &str) -> Option<u32> {
        match stream.strip_prefix(&self.stream("EVENTS"))? {
            "" => Some(1),
            rest => {
                let number = rest.strip_prefix('_')?.parse().ok()?;
                (self.segment(number) == stream && 1 < number).then_some(number)
            }
        }
    }

    /// What the n-th stream of the log listens to once it is closed: nobody publishes there.
    #[must_use]
    pub fn parked(&self, number: u32) -> String {
        format!("kassa.{}.{LOG}.closed.{number}.>", self.market)
    }

    /// The names of the market whose commits go to `subject`; none when no commits go there.
    #[must_use]
    pub fn of_commits(subject: &str) -> Option<Self> {
        let mut words = subject.split('.');
        let market: MarketName = words.nth(1)?.parse().ok()?;
        let subjects = Self::of(market);
        (subjects.commit() == subject).then_some(subjects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_a_log_are_counted() {
        let subjects = Subjects::of("main".parse().unwrap());
        assert_eq!(subjects.segment(1), "KASSA_MAIN_EVENTS");
        assert_eq!(subjects.segment(12), "KASSA_MAIN_EVENTS_12");
        for number in [1, 2, 12] {
            assert_eq!(subjects.segment_number(&subjects.segment(number)), Some(number));
        }
        for other in ["KASSA_MAIN_EVENTS_1", "KASSA_MAIN_EVENTS_02", "KASSA_MAIN_EVENTSX"] {
            assert_eq!(subjects.segment_number(other), None, "{other}");
        }
        assert_eq!(subjects.parked(1), "kassa.main.evt.closed.1.>");
    }

    #[test]
    fn a_market_is_known_by_where_its_commits_go() {
        let market =
            |subject| Subjects::of_commits(subject).map(|found| found.market().to_string());
        assert_eq!(market("kassa.shop2.evt.commit").as_deref(), Some("shop2"));
        for other in ["kassa.shop2.evt.stock.*", "kassa.shop2.cmd.>", "$KV.kassa_main_orders.>"] {
            assert_eq!(market(other), None, "{other}");
        }
    }
}
