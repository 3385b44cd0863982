//! Test tokens: payment methods that say what becomes of them.

use std::time::Duration;

use super::decline::Decline;

/// Stripe's own names, behind `pm_card_` or `pm_card_visa_`, and their codes.
/// Source: Stripe's table of test payment methods.
const DECLINED: &[(&str, &str)] = &[
    ("chargeDeclined", "generic_decline"),
    ("chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ("chargeDeclinedLostCard", "lost_card"),
    ("chargeDeclinedStolenCard", "stolen_card"),
    ("chargeDeclinedExpiredCard", "expired_card"),
    ("chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    ("chargeDeclinedProcessingError", "processing_error"),
    ("chargeDeclinedFraudulent", "fraudulent"),
    ("chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
];

/// The first attempt of an order, and the attempt when the caller does not say which.
const FIRST: u8 = 1;

/// What becomes of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The money comes.
    Captured,
    /// It does not.
    Declined(Decline),
    /// The customer has to show that it is them.
    Authentication,
    /// The money comes later.
    Processing,
    /// One minor unit too much comes.
    WrongAmount,
    /// The provider does not take the call: 429.
    Busy,
    /// The provider is not there: 503.
    Away,
    /// The provider fails, and says so to every call under that key: 500. Nothing is taken.
    Broken,
}

/// How the caller hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// At once.
    Answered,
    /// The connection is cut.
    Silent,
    /// With 500, although it was carried out.
    Error,
    /// After so long; it was carried out at once.
    Slow(Duration),
    /// After so long, and it is carried out only then.
    Late(Duration),
}

/// What becomes of the refunds of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RefundFate {
    /// The money goes back.
    Succeeds,
    /// It does not, and that is said at once.
    Fails(String),
    /// It goes back later.
    Pending,
    /// It is said to have gone back, and comes back later.
    FailsLater,
}

/// What a payment method says of attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method<'a>(&'a str);

impl<'a> Method<'a> {
    /// A payment method by its name; none when there is no such.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let known = ["pm_", "tok_", "card_"].iter().any(|prefix| name.starts_with(prefix))
            || matches!(name, "processing" | "wrong_amount")
            || MOODS.iter().any(|mood| name.starts_with(mood));
        (known && name.chars().all(legal)).then_some(Self(name))
    }

    /// Stripe's own name, without what all of them begin with.
    fn stripes(self) -> Option<&'a str> {
        let rest = self.0.strip_prefix("pm_card_")?;
        Some(rest.strip_prefix("visa_").unwrap_or(rest))
    }

    /// What becomes of an attempt.
    pub(super) fn fate(self, attempt: u8) -> Fate {
        if let Some(rest) = self.0.strip_prefix("decline_") {
            let (attempts, code) = counted(rest);
            return decided(attempt <= attempts, || match code {
                "authentication_required" => Fate::Authentication,
                code => Fate::Declined(Decline::of(code)),
            });
        }
        if let Some(rest) = self.0.strip_prefix("advice_") {
            let (attempts, advice) = counted(rest);
            return decided(attempt <= attempts, || Fate::Declined(Decline::advised(advice)));
        }
        if let Some(rest) = self.0.strip_prefix("busy_") {
            return decided(attempt <= counted(rest).0, || Fate::Busy);
        }
        if let Some(rest) = self.0.strip_prefix("away_") {
            return decided(attempt <= counted(rest).0, || Fate::Away);
        }
        if let Some(rest) = self.0.strip_prefix("broken_") {
            return decided(attempt <= counted(rest).0, || Fate::Broken);
        }
        match (self.0, self.stripes()) {
            ("processing", _) => Fate::Processing,
            ("wrong_amount", _) => Fate::WrongAmount,
            (_, Some("authenticationRequired")) => Fate::Authentication,
            (_, Some(name)) => DECLINED
                .iter()
                .find(|(own, _)| *own == name)
                .map_or(Fate::Captured, |(_, code)| Fate::Declined(Decline::of(code))),
            (_, None) => Fate::Captured,
        }
    }

    /// How the first call of an attempt is answered.
    pub(super) fn telling(self, attempt: u8) -> Telling {
        let applies =
            |prefix| self.0.strip_prefix(prefix).is_some_and(|rest| attempt <= counted(rest).0);
        let millis = |prefix| {
            let millis = self.0.strip_prefix(prefix)?.parse().ok()?;
            Some(Duration::from_millis(millis))
        };
        if applies("silent_") {
            Telling::Silent
        } else if applies("error500_") {
            Telling::Error
        } else if let Some(after) = millis("slow_") {
            Telling::Slow(after)
        } else if let Some(after) = millis("late_") {
            Telling::Late(after)
        } else {
            Telling::Answered
        }
    }

    /// The mood of its refunds, as a payment method of theirs.
    fn refunds(self) -> Option<Self> {
        self.0.strip_prefix("refund_").map(Self)
    }

    /// What becomes of a refund.
    pub(super) fn refund_fate(self, attempt: u8) -> RefundFate {
        match self.stripes() {
            Some("pendingRefund") => return RefundFate::Pending,
            Some("refundFail") => return RefundFate::FailsLater,
            Some(_) | None => {}
        }
        let Some(Self(mood)) = self.refunds() else { return RefundFate::Succeeds };
        match (mood, mood.strip_prefix("decline_").map(counted)) {
            ("pending", _) => RefundFate::Pending,
            ("fails_later", _) => RefundFate::FailsLater,
            (_, Some((attempts, code))) if attempt <= attempts => {
                RefundFate::Fails(code.to_owned())
            }
            (_, Some(_) | None) => RefundFate::Succeeds,
        }
    }

    /// How the first call of a refund is answered.
    pub(super) fn refund_telling(self, attempt: u8) -> Telling {
        self.refunds().map_or(Telling::Answered, |mood| mood.telling(attempt))
    }

    /// Whether a refund is not taken: [`Fate::Busy`] and [`Fate::Away`] are the answers.
    pub(super) fn refund_refused(self, attempt: u8) -> Option<Fate> {
        match self.refunds()?.fate(attempt) {
            fate @ (Fate::Busy | Fate::Away) => Some(fate),
            Fate::Captured
            | Fate::Declined(_)
            | Fate::Authentication
            | Fate::Processing
            | Fate::Broken
            | Fate::WrongAmount => None,
        }
    }
}

/// What tokens of our own begin with.
const MOODS: &[&str] = &[
    "decline_",
    "advice_",
    "busy_",
    "away_",
    "broken_",
    "silent_",
    "error500_",
    "slow_",
    "late_",
    "refund_",
];

fn decided(applies: bool, fate: impl FnOnce() -> Fate) -> Fate {
    if applies { fate() } else { Fate::Captured }
}

/// How many attempts a token is about, and what it says of them; all when it has no number.
fn counted(rest: &str) -> (u8, &str) {
    let (count, what) = rest.split_once('_').unwrap_or((rest, ""));
    match count.strip_suffix('x').and_then(|count| count.parse().ok()) {
        Some(count) => (count, what),
        None => (u8::MAX, rest),
    }
}

/// Which attempt a call is, as its metadata says.
pub(super) fn attempt(said: Option<&String>) -> u8 {
    said.and_then(|said| said.parse().ok()).unwrap_or(FIRST)
}
