//! Buckets of one market, and the keys in them.

use super::Subjects;
use crate::domain::{OrderId, Token};

/// The key under which every bucket keeps the position of its writer.
pub(crate) const POSITION_KEY: &str = "_position";

impl Subjects {
    /// A bucket of this market: `orders`, `stock`, `payer`, `metrics`, `snapshots`.
    #[must_use]
    pub fn bucket(&self, view: &str) -> String {
        format!("kassa_{}_{view}", self.market)
    }

    /// The bucket of a view that was built for the n-th time: its own, and the one beside it, by
    /// turns. So whoever may read a view can be told which two buckets that takes.
    #[must_use]
    pub fn generation(&self, view: &str, generation: u32) -> String {
        let bucket = self.bucket(view);
        if generation.is_multiple_of(2) && 0 < generation { format!("{bucket}_2") } else { bucket }
    }

    /// The bucket that says which bucket each view is read from.
    #[must_use]
    pub fn aliases(&self) -> String {
        self.bucket("views")
    }

    /// The bucket in which every market keeps its leases.
    #[must_use]
    pub const fn lease_bucket() -> &'static str {
        "kassa_leases"
    }

    /// The key of one single-active role in the lease bucket.
    #[must_use]
    pub fn lease_key(&self, role: &str) -> String {
        format!("{}.{role}", self.market)
    }

    /// The stream behind a bucket.
    #[must_use]
    pub fn bucket_stream(bucket: &str) -> String {
        format!("KV_{bucket}")
    }

    /// The subject of a key of a bucket.
    #[must_use]
    pub fn bucket_key(bucket: &str, key: &str) -> String {
        format!("$KV.{bucket}.{key}")
    }

    /// The key of something that a provider told, in the bucket of what was told.
    #[must_use]
    pub fn webhook_key(connector: &Token, event: &Token) -> String {
        format!("{connector}.{event}")
    }

    /// The key under which a payer shows, in its bucket, how it gets on with a provider.
    #[must_use]
    pub fn connector_key(connector: &Token) -> String {
        format!("_connector.{connector}")
    }

    /// Every such key.
    #[must_use]
    pub const fn every_connector() -> &'static str {
        // A wildcard stands for a whole token of a subject, so the keys share none.
        "_connector.*"
    }

    /// The key of an order in its bucket.
    #[must_use]
    pub fn order_key(order_id: OrderId) -> String {
        order_id.to_string()
    }

    /// Whether a key holds something about its bucket's writer: the position, and what else it
    /// shows of itself.
    #[must_use]
    pub fn is_about_writer(key: &str) -> bool {
        key.starts_with('_')
    }

    /// The subject of the position in a bucket.
    #[must_use]
    pub fn position_key(bucket: &str) -> String {
        Self::bucket_key(bucket, POSITION_KEY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_in_one_of_two_buckets_by_turns() {
        let subjects = Subjects::of("main".parse().unwrap());
        let bucket = |generation| subjects.generation("orders", generation);
        assert_eq!(subjects.bucket("orders"), "kassa_main_orders");
        assert_eq!([1, 3].map(bucket), ["kassa_main_orders"; 2]);
        assert_eq!([2, 4].map(bucket), ["kassa_main_orders_2"; 2]);
        assert_eq!(Subjects::bucket_stream(&bucket(2)), "KV_kassa_main_orders_2");
    }

    #[test]
    fn what_a_bucket_says_of_its_writer_is_no_value() {
        let connector = Subjects::connector_key(&"simulated".parse().unwrap());
        assert_eq!(Subjects::position_key("kassa_main_orders"), "$KV.kassa_main_orders._position");
        for key in [POSITION_KEY, &connector] {
            assert!(Subjects::is_about_writer(key), "{key}");
        }
        assert!(Subjects::matches(Subjects::every_connector(), &connector));
        assert!(!Subjects::is_about_writer("MUG-01"));
    }
}
