//! What a provider said, whichever way the money goes.

use crate::domain::payment::DeclineClass;
use crate::domain::{Command, PaymentResult, RecordPayment, RecordRefund, RefundResult, Token};
use crate::port::{Ask, Called, Charge, Gateway, GatewayError, GiveBack, News};
use crate::view::owed::{Owed, Way};

/// One call, as the provider is to carry it out.
pub(super) enum Call {
    Charge(Charge),
    GiveBack(GiveBack),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Charge(PaymentResult),
    Refund(RefundResult),
}

impl Call {
    /// The call for an attempt.
    pub(super) fn of(owed: &Owed) -> Self {
        match &owed.way {
            Way::Charge { payment_method_token } => Self::Charge(Charge {
                order_id: owed.order_id,
                attempt: owed.attempt,
                idempotency_key: owed.idempotency_key.clone(),
                amount: owed.amount_minor,
                currency: owed.currency,
                payment_method_token: payment_method_token.clone(),
            }),
            Way::Refund { refund, capture_ref, .. } => Self::GiveBack(GiveBack {
                order_id: owed.order_id,
                refund: *refund,
                attempt: owed.attempt,
                idempotency_key: owed.idempotency_key.clone(),
                capture_ref: capture_ref.clone(),
                amount: owed.amount_minor,
                currency: owed.currency,
            }),
        }
    }

    /// Has it carried out. A provider that says it does not know has not answered.
    pub(super) async fn make(&self, gateway: &impl Gateway) -> Result<Word, GatewayError> {
        known(match self {
            Self::Charge(charge) => Word::Charge(gateway.charge(charge).await?),
            Self::GiveBack(refund) => Word::Refund(gateway.refund(refund).await?),
        })
    }

    /// Looks what became of it: by the provider's name for it when that is known, else by our key.
    /// What never came is said to have failed.
    pub(super) async fn look(
        &self,
        gateway: &impl Gateway,
        (ask, called): (&Ask, Called),
    ) -> Result<Word, GatewayError> {
        if let Ask::ByName(name) = ask
            && let Some(word) = self.named(gateway.look_up(name).await?)
        {
            return known(word);
        }
        let code = Token::NEVER_CHARGED;
        known(match self {
            Self::Charge(charge) => {
                let found = gateway.find(charge, called).await?;
                Word::Charge(found.unwrap_or(PaymentResult::Failed { code }))
            }
            Self::GiveBack(refund) => {
                let found = gateway.find_refund(refund).await?;
                Word::Refund(found.unwrap_or(RefundResult::Failed { code }))
            }
        })
    }

    /// News of what this call is about; nothing when it is of something else.
    fn named(&self, news: Option<News>) -> Option<Word> {
        match (self, news?) {
            (Self::Charge(_), News::Charge { result, .. }) => Some(Word::Charge(result)),
            (Self::GiveBack(_), News::Refund { result, .. }) => Some(Word::Refund(result)),
            (Self::Charge(_) | Self::GiveBack(_), News::Charge { .. } | News::Refund { .. }) => {
                None
            }
        }
    }

    /// Nobody answered.
    pub(super) const fn unknown(&self) -> Word {
        match self {
            Self::Charge(_) => Word::Charge(PaymentResult::Unknown),
            Self::GiveBack(_) => Word::Refund(RefundResult::Unknown),
        }
    }

    /// The provider was not there, often enough.
    pub(super) const fn turned_away(&self) -> Word {
        let code = Token::GATEWAY_UNAVAILABLE;
        match self {
            Self::Charge(_) => Word::Charge(PaymentResult::Failed { code }),
            Self::GiveBack(_) => Word::Refund(RefundResult::Failed { code }),
        }
    }
}

/// An answer that says something.
fn known(word: Word) -> Result<Word, GatewayError> {
    let says = "the provider says that it does not know";
    if word.is_unknown() { Err(GatewayError::pending(Ask::Again, says)) } else { Ok(word) }
}

impl Word {
    /// Whether money moved.
    pub(super) const fn has_moved(&self) -> bool {
        matches!(
            self,
            Self::Charge(PaymentResult::Captured { .. })
                | Self::Refund(RefundResult::Refunded { .. })
        )
    }

    const fn is_unknown(&self) -> bool {
        matches!(self, Self::Charge(PaymentResult::Unknown) | Self::Refund(RefundResult::Unknown))
    }

    /// Whether the provider has never seen the call.
    pub(super) fn is_unseen(&self) -> bool {
        match self {
            Self::Charge(PaymentResult::Failed { code })
            | Self::Refund(RefundResult::Failed { code }) => *code == Token::NEVER_CHARGED,
            Self::Charge(_) | Self::Refund(_) => false,
        }
    }

    /// The command that tells the committer.
    pub(super) fn command(self, owed: &Owed, connector: Token) -> Command {
        let (order_id, attempt) = (owed.order_id, owed.attempt);
        match self {
            Self::Charge(result) => {
                Command::RecordPayment(RecordPayment { order_id, attempt, connector, result })
            }
            Self::Refund(result) => {
                let refund = owed.debt().refund.unwrap_or(0);
                let record = RecordRefund { order_id, refund, attempt, connector, result };
                Command::RecordRefund(record)
            }
        }
    }

    /// The result and the class by which it is counted.
    pub(super) fn in_words(
        &self,
        class: impl Fn(&Token) -> DeclineClass,
    ) -> (&'static str, &'static str) {
        match self {
            Self::Charge(PaymentResult::Captured { .. }) => ("captured", "none"),
            Self::Refund(RefundResult::Refunded { .. }) => ("refunded", "none"),
            Self::Charge(PaymentResult::Declined { code })
            | Self::Refund(RefundResult::Declined { code }) => ("declined", class(code).name()),
            Self::Charge(PaymentResult::Failed { .. })
            | Self::Refund(RefundResult::Failed { .. }) => ("failed", "infra"),
            Self::Charge(PaymentResult::Unknown) | Self::Refund(RefundResult::Unknown) => {
                ("unknown", "infra")
            }
        }
    }
}
