//! What a command's body was, in 16 bytes.

use serde::Serialize;

use super::command::Body;
use super::encoding::EncodingError;
use crate::domain::{Command, Fingerprint};

/// The fingerprint of a command, whatever encoding it comes in.
///
/// # Errors
///
/// What the encoder says; every command has a form in MessagePack.
pub fn fingerprint_of(command: &Command) -> Result<Fingerprint, EncodingError> {
    fingerprint(&Body(command))
}

pub(super) fn fingerprint<B: Serialize>(body: &B) -> Result<Fingerprint, EncodingError> {
    Ok(fingerprint_of_bytes(&rmp_serde::to_vec_named(body)?))
}

pub(super) fn fingerprint_of_bytes(bytes: &[u8]) -> Fingerprint {
    let hash = blake3::hash(bytes);
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    Fingerprint(short)
}
