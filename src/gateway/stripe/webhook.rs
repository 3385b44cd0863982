//! Whether a webhook came from the provider. It is a hint all the same: what it is about is asked.

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::domain::Timestamp;
use crate::port::{BadWebhook, Hint, WEBHOOK_BYTES_MAX, WEBHOOK_TOLERANCE_S};

/// The header with the signatures.
pub(super) const SIGNATURE: &str = "stripe-signature";

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    id: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    payment_intent: Option<String>,
}

/// Believes a webhook when one of its signatures was made with one of the secrets, lately.
///
/// # Errors
///
/// [`BadWebhook`].
pub(super) fn verify(
    body: &[u8],
    header: Option<&str>,
    secrets: &[SecretString],
    now: Timestamp,
) -> Result<Hint, BadWebhook> {
    if WEBHOOK_BYTES_MAX < body.len() {
        return Err(BadWebhook::TooLarge);
    }
    let (signed_at, signatures) = read(header.ok_or(BadWebhook::Unsigned)?)?;
    let signed = [signed_at.to_string().as_bytes(), b".", body].concat();
    let is_right = |secret: &SecretString| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        // Compared in constant time.
        signatures.iter().any(|signature| hmac::verify(&key, &signed, signature).is_ok())
    };
    if !secrets.iter().any(is_right) {
        return Err(BadWebhook::Forged);
    }
    let away = (now.0 / 1_000).abs_diff(signed_at);
    if WEBHOOK_TOLERANCE_S < away {
        return Err(BadWebhook::Stale(away));
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| BadWebhook::NoEvent)?;
    let object = envelope.data.object;
    let about = match object.object.as_str() {
        "payment_intent" | "refund" => Some(object.id),
        "charge" => object.payment_intent,
        _ => None,
    };
    Ok(Hint {
        id: envelope.id.parse().map_err(|_| BadWebhook::NoEvent)?,
        kind: envelope.kind,
        about: about.and_then(|about| about.parse().ok()),
    })
}

/// `t=<seconds>,v1=<hex>[,v1=<hex>…]`; other schemes are passed over.
fn read(header: &str) -> Result<(u64, Vec<Vec<u8>>), BadWebhook> {
    let (mut at, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or(BadWebhook::Malformed)?;
        match name {
            "t" => at = Some(value.parse().map_err(|_| BadWebhook::Malformed)?),
            "v1" => signatures.push(unhex(value).ok_or(BadWebhook::Malformed)?),
            _ => {}
        }
    }
    match at {
        Some(at) if !signatures.is_empty() => Ok((at, signatures)),
        Some(_) | None => Err(BadWebhook::Malformed),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const BODY: &str = r#"{"id":"evt_1","type":"payment_intent.succeeded",
        "data":{"object":{"id":"pi_1","object":"payment_intent"}}}"#;

    fn secrets(all: &[&str]) -> Vec<SecretString> {
        all.iter().map(|secret| SecretString::from(*secret)).collect()
    }

    fn sign(at: u64, secret: &str, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn header(at: u64, secret: &str, body: &str) -> String {
        format!("t={at},v1={}", sign(at, secret, body))
    }

    fn seconds() -> u64 {
        NOW.0 / 1_000
    }

    #[test]
    fn what_the_provider_signed_is_believed() {
        let header = header(seconds(), "whsec_a", BODY);
        let event = verify(BODY.as_bytes(), Some(&header), &secrets(&["whsec_a"]), NOW).unwrap();
        assert_eq!((event.id.as_str(), event.kind.as_str()), ("evt_1", "payment_intent.succeeded"));
        assert_eq!(event.about, Some("pi_1".parse().unwrap()));
    }

    #[test]
    fn a_secret_that_is_being_changed_is_one_of_two() {
        let (old, new) = (sign(seconds(), "old", BODY), sign(seconds(), "new", BODY));
        let both = format!("t={},v1={old},v0=ff,v1={new}", seconds());
        for known in [["old", "other"], ["new", "other"], ["other", "new"]] {
            assert!(verify(BODY.as_bytes(), Some(&both), &secrets(&known), NOW).is_ok());
        }
    }

    #[test]
    fn what_is_forged_changed_stale_or_unsigned_is_not_believed() {
        let good = header(seconds(), "whsec_a", BODY);
        let known = secrets(&["whsec_a"]);
        let said = |body: &str, header: Option<&str>, now: Timestamp| {
            verify(body.as_bytes(), header, &known, now).unwrap_err()
        };
        assert_eq!(said(BODY, None, NOW), BadWebhook::Unsigned);
        for bad in ["", "t=", "v1=00", "t=1", "t=1,v1=0", "t=1,v1=zz", "t=-1,v1=00"] {
            assert_eq!(said(BODY, Some(bad), NOW), BadWebhook::Malformed, "{bad}");
        }
        let by_another = header(seconds(), "whsec_b", BODY);
        assert_eq!(said(BODY, Some(&by_another), NOW), BadWebhook::Forged);
        assert_eq!(said(&BODY.replace("pi_1", "pi_2"), Some(&good), NOW), BadWebhook::Forged);
        assert_eq!(said(&format!("{BODY} "), Some(&good), NOW), BadWebhook::Forged);
        let late = Timestamp(NOW.0 + 301_000);
        assert_eq!(said(BODY, Some(&good), late), BadWebhook::Stale(301));
        assert_eq!(said(BODY, Some(&good), Timestamp(NOW.0 - 301_000)), BadWebhook::Stale(301));
        let nothing = header(seconds(), "whsec_a", "{}");
        assert_eq!(said("{}", Some(&nothing), NOW), BadWebhook::NoEvent);
        let large = " ".repeat(WEBHOOK_BYTES_MAX + 1);
        assert_eq!(said(&large, Some(&good), NOW), BadWebhook::TooLarge);
    }

    /// A vector of the provider's own documentation style, made with another tool.
    #[test]
    fn the_signature_is_hmac_sha256_over_the_moment_a_dot_and_the_body() {
        assert_eq!(
            sign(1, "key", "body"),
            "91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5"
        );
    }
}
