//! A milestone: the whole shop as of a commit, and its bytes.
//!
//! Shape: a zstd stream of MessagePack: the logic hash, the hash of the commit, the shop. It is a
//! cache: whoever looks back starts from the last one before, and from the first commit when there
//! is none.

use serde::{Deserialize, Serialize};

use super::chain::Hash;
use super::snapshot::{BadSnapshot, DIGITS, LOGIC};
use crate::domain::Sequence;
use crate::view::Shop;

/// What the names of milestones begin with, among the snapshots of a market.
const PREFIX: &str = "shop-";

/// zstd's own level for speed.
const LEVEL: i32 = 1;

/// The whole shop as of a commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Milestone {
    /// The hash of that commit, which stands for every commit before it as well: in another log,
    /// another one stands there.
    pub commit: Hash,
    /// The shop.
    pub shop: Shop,
}

#[derive(Serialize)]
struct Written<'a> {
    logic: &'a str,
    #[serde(flatten)]
    milestone: &'a Milestone,
}

#[derive(Deserialize)]
struct Head {
    logic: String,
}

impl Milestone {
    /// The name of the milestone at a commit.
    #[must_use]
    pub fn name_at(sequence: Sequence) -> String {
        format!("{PREFIX}{:0DIGITS$}", sequence.0)
    }

    /// The commit of the milestone with that name; none when it is the name of something else.
    #[must_use]
    pub fn place(name: &str) -> Option<Sequence> {
        name.strip_prefix(PREFIX)?.parse().ok().map(Sequence)
    }

    /// Its bytes.
    ///
    /// # Errors
    ///
    /// What the encoder says; writing to memory does not fail.
    pub fn encode(&self) -> Result<Vec<u8>, BadSnapshot> {
        let bytes = self.written()?;
        zstd::encode_all(bytes.as_slice(), LEVEL).map_err(|error| BadSnapshot::Packed(error.into()))
    }

    /// Equal milestones have equal digests, however they were reached.
    ///
    /// # Errors
    ///
    /// What the encoder says; writing to memory does not fail.
    pub fn digest(&self) -> Result<Hash, BadSnapshot> {
        Ok(Hash::of(&self.written()?))
    }

    fn written(&self) -> Result<Vec<u8>, BadSnapshot> {
        let bytes = rmp_serde::to_vec_named(&Written { logic: LOGIC, milestone: self });
        bytes.map_err(|error| BadSnapshot::Packed(error.into()))
    }

    /// Reads a milestone.
    ///
    /// # Errors
    ///
    /// [`BadSnapshot`]: fold the log instead.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSnapshot> {
        let bytes = zstd::decode_all(bytes).map_err(|error| BadSnapshot::Packed(error.into()))?;
        // What other logic wrote may have another shape: it is told by its head alone.
        let Head { logic } = rmp_serde::from_slice(&bytes)?;
        if logic != LOGIC {
            return Err(BadSnapshot::OtherLogic(logic));
        }
        Ok(rmp_serde::from_slice(&bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Source;
    use crate::domain::fixtures::{T0, listed};
    use crate::domain::{Event, Recorded};

    fn milestone() -> Milestone {
        let record = |event: Event| Recorded {
            event,
            cause: None,
            source: Source::COMMITTER,
            body: None,
            trace: None,
        };
        let mut shop = Shop::default();
        shop.follow(Sequence(7), T0, &[record(listed("mug", 1_250, "EUR"))]).unwrap();
        Milestone { commit: Hash::of(b"a commit"), shop }
    }

    #[test]
    fn a_milestone_is_read_as_it_was_written() {
        let milestone = milestone();
        assert_eq!(Milestone::decode(&milestone.encode().unwrap()).unwrap(), milestone);
    }

    #[test]
    fn the_milestone_of_other_logic_is_not_used_whatever_its_shape() {
        #[derive(Serialize)]
        struct Other {
            logic: &'static str,
            shop: u8,
        }
        let bytes = rmp_serde::to_vec_named(&Other { logic: "older", shop: 1 }).unwrap();
        let read = Milestone::decode(&zstd::encode_all(bytes.as_slice(), 1).unwrap());
        assert!(matches!(read, Err(BadSnapshot::OtherLogic(logic)) if logic == "older"));
        assert!(matches!(Milestone::decode(b"no milestone"), Err(BadSnapshot::Packed(_))));
    }

    #[test]
    fn the_names_of_milestones_stand_in_the_order_of_their_commits() {
        let names = [9, 10, 1_000_000].map(|sequence| Milestone::name_at(Sequence(sequence)));
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(Milestone::place(&names[2]), Some(Sequence(1_000_000)));
        assert_eq!(Milestone::place("market"), None);
    }
}
