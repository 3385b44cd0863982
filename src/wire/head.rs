//! Signed heads: what the last commit of a log was, for keeping where the log is not.
//!
//! Shape: `{v, market, sequence, number, epoch, hash, at_ms, signed_at_ms, key, signature}`, one
//! JSON line each. What is signed are eight lines of text that end with a line feed each:
//! `kassa head 1`, the market, the sequence, the number, the epoch, the hash, and both times.

use std::fmt;
use std::str::FromStr;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::chain::{Chain, Hash};
use super::subject::MarketName;
use crate::domain::{Sequence, Timestamp};

/// The only version so far.
const VERSION: u32 = 1;

/// The end of a log, as far as commits go. Its hash stands for every commit before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version.
    pub v: u32,
    /// The market.
    pub market: MarketName,
    /// Where the commit stands.
    pub sequence: Sequence,
    /// How many commits there are.
    pub number: u64,
    /// Which committer wrote it.
    pub epoch: u64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
    /// When it was made.
    pub at_ms: Timestamp,
    /// When it was signed.
    pub signed_at_ms: Timestamp,
}

/// A head, and who vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// What is vouched for.
    #[serde(flatten)]
    pub head: Head,
    /// The public key, in hexadecimal digits.
    pub key: String,
    /// The signature, in hexadecimal digits.
    pub signature: String,
}

/// What heads are signed with.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

/// What tells who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Why a head is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Another build wrote it.
    #[error("a head of version {v} is not known to this build")]
    Version {
        /// Its version.
        v: u32,
    },
    /// It is of another market.
    #[error("it is of market {found}, not of {wanted}")]
    Market {
        /// Its market.
        found: MarketName,
        /// The one that was asked for.
        wanted: MarketName,
    },
    /// Nobody who is trusted has signed it.
    #[error("it is signed with {key}, which is not the key that was named")]
    Stranger {
        /// Whose key it is.
        key: String,
    },
    /// It says something else than what was signed.
    #[error("its signature is not of what it says")]
    Forged,
}

/// 32 bytes in hexadecimal digits are expected, and these are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct NoKey;

impl Head {
    /// The end of a log of `market`, signed at `now`.
    #[must_use]
    pub fn of(market: MarketName, chain: &Chain, now: Timestamp) -> Self {
        Self {
            v: VERSION,
            market,
            sequence: chain.head,
            number: chain.number,
            epoch: chain.epoch,
            hash: chain.hash.to_string(),
            at_ms: chain.at,
            signed_at_ms: now,
        }
    }

    /// Whether it is of a commit with that hash.
    #[must_use]
    pub fn is_of(&self, hash: Hash) -> bool {
        self.hash == hash.to_string()
    }

    fn signed(&self) -> Vec<u8> {
        let Self { v, market, sequence, number, epoch, hash, at_ms, signed_at_ms } = self;
        format!(
            "kassa head {v}\n{market}\n{sequence}\n{number}\n{epoch}\n{hash}\n{}\n{}\n",
            at_ms.0, signed_at_ms.0
        )
        .into_bytes()
    }
}

impl SignedHead {
    /// Whether somebody trusted has signed it, for that market. Without trusted keys whoever it
    /// names is taken at their word: then it only proves that nobody without that key changed it.
    ///
    /// # Errors
    ///
    /// [`HeadError`].
    pub fn check(&self, market: &MarketName, trusted: &[PublicKey]) -> Result<&Head, HeadError> {
        let head = &self.head;
        if head.v != VERSION {
            return Err(HeadError::Version { v: head.v });
        }
        if head.market != *market {
            let (found, wanted) = (head.market.clone(), market.clone());
            return Err(HeadError::Market { found, wanted });
        }
        let stranger = || HeadError::Stranger { key: self.key.clone() };
        let key: PublicKey = self.key.parse().map_err(|_| stranger())?;
        if !trusted.is_empty() && !trusted.contains(&key) {
            return Err(stranger());
        }
        let signature = bytes_of(&self.signature).ok_or(HeadError::Forged)?;
        let key = UnparsedPublicKey::new(&ED25519, key.0);
        key.verify(&head.signed(), &signature).map_err(|_| HeadError::Forged)?;
        Ok(head)
    }
}

impl SigningKey {
    /// The key of a secret. Chance is data here: whoever makes a new key draws the secret.
    ///
    /// # Errors
    ///
    /// [`NoKey`].
    pub fn of_secret(secret: [u8; 32]) -> Result<Self, NoKey> {
        Ed25519KeyPair::from_seed_unchecked(&secret).map(Self).map_err(|_| NoKey)
    }

    /// What tells that it was this key.
    ///
    /// # Errors
    ///
    /// [`NoKey`], never with a key that was made.
    pub fn public(&self) -> Result<PublicKey, NoKey> {
        self.0.public_key().as_ref().try_into().map(PublicKey).map_err(|_| NoKey)
    }

    /// Vouches for a head.
    #[must_use]
    pub fn sign(&self, head: Head) -> SignedHead {
        let signature = digits(self.0.sign(&head.signed()).as_ref());
        SignedHead { head, key: digits(self.0.public_key().as_ref()), signature }
    }
}

impl FromStr for SigningKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let secret = bytes_of(text).ok_or(NoKey)?;
        Self::of_secret(secret.try_into().map_err(|_| NoKey)?)
    }
}

impl FromStr for PublicKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let bytes = bytes_of(text).ok_or(NoKey)?;
        bytes.try_into().map(Self).map_err(|_| NoKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digits(&self.0))
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let pair = |pair: &[u8]| {
        let legal = pair.iter().all(u8::is_ascii_hexdigit);
        u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| legal)
    };
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(name: &str) -> MarketName {
        name.parse().unwrap()
    }

    fn head() -> Head {
        let chain = Chain {
            head: Sequence(17),
            end: Sequence(19),
            epoch: 2,
            number: 9,
            position: Sequence(4),
            at: Timestamp(1_760_000_000_000),
            hash: Hash::of(b"a commit"),
        };
        Head::of(market("main"), &chain, Timestamp(1_760_000_000_500))
    }

    fn key(number: u8) -> SigningKey {
        SigningKey::of_secret([number; 32]).unwrap()
    }

    #[test]
    fn a_head_is_believed_as_it_was_signed() {
        let signed = key(1).sign(head());
        let line = serde_json::to_string(&signed).unwrap();
        let read: SignedHead = serde_json::from_str(&line).unwrap();
        assert_eq!(read, signed);
        let trusted = [key(2).public().unwrap(), key(1).public().unwrap()];
        assert_eq!(read.check(&market("main"), &trusted), Ok(&head()));
        assert_eq!(read.check(&market("main"), &[]), Ok(&head()));
        assert!(head().is_of(Hash::of(b"a commit")) && !head().is_of(Hash::of(b"another")));
    }

    #[test]
    fn every_figure_of_a_head_is_signed() {
        let changes: [fn(&mut Head); 7] = [
            |head| head.sequence = Sequence(18),
            |head| head.number = 10,
            |head| head.epoch = 3,
            |head| head.hash = Hash::of(b"another").to_string(),
            |head| head.at_ms = Timestamp(1),
            |head| head.signed_at_ms = Timestamp(1),
            |head| head.market = "mail".parse().unwrap(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut signed = key(1).sign(head());
            change(&mut signed.head);
            let market = signed.head.market.clone();
            assert_eq!(signed.check(&market, &[]), Err(HeadError::Forged), "change {number}");
        }
    }

    #[test]
    fn heads_of_others_are_told_apart() {
        let signed = key(1).sign(head());
        let other = signed.check(&market("other"), &[]).unwrap_err();
        assert_eq!(other.to_string(), "it is of market main, not of other");
        let trusted = [key(2).public().unwrap()];
        let stranger = signed.check(&market("main"), &trusted).unwrap_err();
        assert!(matches!(stranger, HeadError::Stranger { .. }), "{stranger}");
        let mut borrowed = signed.clone();
        borrowed.key = trusted[0].to_string();
        assert_eq!(borrowed.check(&market("main"), &trusted), Err(HeadError::Forged));
        let newer = SignedHead { head: Head { v: 2, ..head() }, ..signed };
        assert_eq!(newer.check(&market("main"), &[]), Err(HeadError::Version { v: 2 }));
    }

    #[test]
    fn keys_are_digits_and_nothing_else() {
        let public = key(7).public().unwrap();
        assert_eq!(public.to_string().parse(), Ok(public));
        for text in ["", "ab", &"+1".repeat(32), &"0".repeat(63), &"zz".repeat(32)] {
            assert_eq!(text.parse::<PublicKey>(), Err(NoKey), "{text}");
            assert!(text.parse::<SigningKey>().is_err(), "{text}");
        }
    }
}
