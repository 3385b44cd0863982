//! Test tokens: payment methods that say what becomes of them.

/// What share of a hundred thousand a mood has.
pub(super) const SHARES: u64 = 100_000;

/// A token that begins so is declined with the code behind it: `decline_lost_card`. With a number
/// before the code only so many attempts are: `decline_2x_do_not_honor`.
const DECLINE: &str = "decline_";

/// A token that begins so finds nobody there, for so many attempts: `away_1x`.
const AWAY: &str = "away_";

/// A token that begins so is carried out, and its first answer lost, for so many attempts:
/// `silent_1x`.
const SILENT: &str = "silent_";

/// This token is carried out, and the answer to each call is that it is not final yet.
const PROCESSING: &str = "processing";

/// A token that begins so is charged, and its refunds are as the rest says:
/// `refund_decline_expired_or_canceled_card`.
const REFUND: &str = "refund_";

/// Stands between a payment's name and the mood of its refunds.
const BETWEEN: char = '-';

/// What a test token says of attempts; nothing, when it is none.
#[derive(Clone, Copy)]
pub(super) struct Mood<'a>(&'a str);

impl<'a> Mood<'a> {
    /// The mood of a payment method.
    pub(super) const fn of(method: &'a str) -> Self {
        Self(method)
    }

    /// What a payment's name ends with, so that its refunds know their mood.
    pub(super) fn of_refund(method: &str) -> String {
        method.strip_prefix(REFUND).map_or_else(String::new, |mood| format!("{BETWEEN}{mood}"))
    }

    /// The mood of the refunds of a payment of that name.
    pub(super) fn in_reference(capture_ref: &'a str) -> Self {
        Self(capture_ref.split_once(BETWEEN).map_or("", |(_, mood)| mood))
    }

    /// The code with which the attempt is declined, when it is.
    pub(super) fn decline(self, attempt: u8) -> Option<&'a str> {
        let (attempts, code) = counted(self.0.strip_prefix(DECLINE)?);
        (attempt <= attempts).then_some(code)
    }

    /// Whether the attempt finds nobody there.
    pub(super) fn is_away(self, attempt: u8) -> bool {
        self.0.strip_prefix(AWAY).is_some_and(|rest| attempt <= counted(rest).0)
    }

    /// Whether the attempt is not final, as far as its calls are told.
    pub(super) fn is_processing(self) -> bool {
        self.0 == PROCESSING
    }

    /// Whether the first answer of the attempt is lost.
    pub(super) fn is_silent(self, attempt: u8) -> bool {
        self.0.strip_prefix(SILENT).is_some_and(|rest| attempt <= counted(rest).0)
    }
}

/// How many attempts a test token is about, and what it says of them; all when it has no number.
fn counted(rest: &str) -> (u8, &str) {
    let (count, what) = rest.split_once('_').unwrap_or((rest, ""));
    match count.strip_suffix('x').and_then(|count| count.parse().ok()) {
        Some(count) => (count, what),
        None => (u8::MAX, rest),
    }
}
