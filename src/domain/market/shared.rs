//! A map whose copy costs next to nothing.
//!
//! A snapshot is a copy of the state, taken between two commits: a million orders copied one by
//! one would keep every buyer waiting for seconds, and have the lease expire. So a copy shares what
//! it is of, and what changes afterwards is copied then: one value, and the list of its part.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::{CommandId, OrderId};

/// Parts of a map. With a million values each has 250: listing those anew takes a few microseconds,
/// and so many parts are counted in a tenth of a millisecond.
const PARTS: usize = 4_096;

type Part<K, V> = Arc<HashMap<K, Arc<V>>>;

/// Values by key; equal maps are equal bytes.
#[derive(Clone, Debug)]
pub(super) struct SharedMap<K, V> {
    parts: Box<[Part<K, V>]>,
}

/// What is spread over the parts.
pub(super) trait Spread {
    /// Any number, as long as few have the same.
    fn number(&self) -> u64;
}

impl Spread for OrderId {
    fn number(&self) -> u64 {
        // The last bits of such an id are random. Whoever makes others has long parts copied.
        self.uuid().as_u64_pair().1
    }
}

impl Spread for CommandId {
    fn number(&self) -> u64 {
        self.uuid().as_u64_pair().1
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        // One empty part for all: most markets of a test, and many shops, have few values.
        Self { parts: vec![Arc::default(); PARTS].into() }
    }
}

impl<K: Spread + Eq + Hash + Clone, V: Clone> SharedMap<K, V> {
    fn place(&self, key: &K) -> usize {
        let number = usize::try_from(key.number()).unwrap_or_default();
        number.checked_rem(self.parts.len()).unwrap_or_default()
    }

    fn part(&self, key: &K) -> Option<&HashMap<K, Arc<V>>> {
        self.parts.get(self.place(key)).map(Arc::as_ref)
    }

    fn part_mut(&mut self, key: &K) -> Option<&mut HashMap<K, Arc<V>>> {
        let place = self.place(key);
        self.parts.get_mut(place).map(Arc::make_mut)
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.part(key)?.get(key).map(Arc::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.part_mut(key)?.get_mut(key).map(Arc::make_mut)
    }

    /// Returns whether there was none before.
    pub(super) fn insert(&mut self, key: K, value: V) -> bool {
        let part = self.part_mut(&key);
        part.is_some_and(|part| part.insert(key, Arc::new(value)).is_none())
    }

    pub(super) fn remove(&mut self, key: &K) {
        // What is not there must not have its part copied.
        if self.get(key).is_some()
            && let Some(part) = self.part_mut(key)
        {
            part.remove(key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// In no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|part| part.iter()).map(|(key, value)| (key, value.as_ref()))
    }
}

impl<K, V> Serialize for SharedMap<K, V>
where
    K: Spread + Eq + Hash + Clone + Ord + Serialize,
    V: Clone + Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut values: Vec<_> = self.iter().collect();
        values.sort_unstable_by_key(|(key, _)| *key);
        serializer.collect_map(values)
    }
}

impl<'de, K, V> Deserialize<'de> for SharedMap<K, V>
where
    K: Spread + Eq + Hash + Clone + Deserialize<'de>,
    V: Clone + Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Values(PhantomData))
    }
}

struct Values<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for Values<K, V>
where
    K: Spread + Eq + Hash + Clone + Deserialize<'de>,
    V: Clone + Deserialize<'de>,
{
    type Value = SharedMap<K, V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = SharedMap::default();
        while let Some((key, value)) = access.next_entry()? {
            map.insert(key, value);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Spread for u8 {
        fn number(&self) -> u64 {
            u64::from(*self)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u8),
        Change(u8, u8),
        Remove(u8),
        Copy,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
            4 => (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Change(key, value)),
            2 => any::<u8>().prop_map(Step::Remove),
            1 => Just(Step::Copy),
        ]
    }

    fn all(map: &SharedMap<u8, u8>) -> Vec<(u8, u8)> {
        let mut all: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
        all.sort_unstable();
        all
    }

    proptest! {
        /// As a plain map does; and whatever was copied stays what it was when it was copied.
        #[test]
        fn a_copy_keeps_what_it_is_a_copy_of(steps in prop::collection::vec(step(), 0..200)) {
            let mut map = SharedMap::default();
            let mut plain = std::collections::BTreeMap::new();
            let mut copies = Vec::new();
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        let is_new = plain.insert(key, value).is_none();
                        prop_assert_eq!(map.insert(key, value), is_new);
                    }
                    Step::Change(key, value) => {
                        prop_assert_eq!(map.get(&key), plain.get(&key));
                        if let (Some(ours), Some(theirs)) =
                            (map.get_mut(&key), plain.get_mut(&key))
                        {
                            (*ours, *theirs) = (value, value);
                        }
                    }
                    Step::Remove(key) => {
                        map.remove(&key);
                        plain.remove(&key);
                    }
                    Step::Copy => copies.push((map.clone(), plain.clone())),
                }
            }
            copies.push((map, plain));
            for (map, plain) in copies {
                prop_assert_eq!(map.len(), plain.len());
                let expected: Vec<_> = plain.iter().map(|(key, value)| (*key, *value)).collect();
                prop_assert_eq!(all(&map), expected);
                let bytes = rmp_serde::to_vec(&map).unwrap();
                prop_assert_eq!(&bytes, &rmp_serde::to_vec(&plain).unwrap());
                let read: SharedMap<u8, u8> = rmp_serde::from_slice(&bytes).unwrap();
                prop_assert_eq!(all(&read), all(&map));
            }
        }
    }

    #[test]
    fn a_copy_shares_every_value_but_those_that_change() {
        let mut map = SharedMap::default();
        (0..=255_u8).for_each(|key| assert!(map.insert(key, key.to_string())));
        let copy = map.clone();
        map.get_mut(&7).unwrap().push('!');
        let shared = |key: &u8| std::ptr::eq(map.get(key).unwrap(), copy.get(key).unwrap());
        assert_eq!((0..=255).filter(|key| !shared(key)).collect::<Vec<_>>(), [7]);
        assert_eq!((map.get(&7).unwrap().as_str(), copy.get(&7).unwrap().as_str()), ("7!", "7"));
    }
}
