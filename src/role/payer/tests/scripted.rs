//! A provider that says what a test wants, and a committer that takes down what it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::FINAL_AFTER;
use crate::domain::fixtures::{amount, currency, order, token};
use crate::domain::{
    Command, CommandId, PaymentResult, RefundResult, Timestamp, Token, TraceParent,
};
use crate::port::{
    Ask, BadWebhook, Called, Charge, Commands, Gateway, GatewayError, GiveBack, Hint, News, Page,
    Unanswered,
};
use crate::wire::Outcome;

/// What the provider is asked, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Charge,
    Find,
    LookUp,
    Refund,
    FindRefund,
}

/// What it says to that.
#[derive(Clone, Debug)]
pub(super) enum Says {
    Captured,
    Refunded,
    Away,
    Nobody,
    Silence,
    WrongKey,
    NotYet(Ask),
    Nothing,
}

/// A provider that follows a script, and says the last line of it again and again.
pub(super) struct Scripted {
    pub(super) lines: Mutex<VecDeque<Says>>,
    pub(super) asked: Mutex<Vec<Asked>>,
}

impl Scripted {
    fn next(&self, asked: Asked) -> Says {
        self.asked.lock().unwrap().push(asked);
        let mut lines = self.lines.lock().unwrap();
        if 1 < lines.len() { lines.pop_front().unwrap() } else { lines[0].clone() }
    }

    fn error(says: &Says) -> GatewayError {
        match says {
            Says::Silence => GatewayError::Unknown("silence".into()),
            Says::WrongKey => GatewayError::Misconfigured("wrong key".into()),
            Says::Nobody => GatewayError::Unreachable("refused".into()),
            Says::NotYet(ask) => GatewayError::pending(ask.clone(), "processing"),
            Says::Captured | Says::Refunded | Says::Away | Says::Nothing => {
                GatewayError::Unavailable("away".into())
            }
        }
    }

    fn charged(says: &Says) -> Result<Option<PaymentResult>, GatewayError> {
        match says {
            Says::Captured => Ok(Some(PaymentResult::Captured {
                amount_minor: amount(1_000),
                currency: currency("EUR"),
                provider_ref: token("pay-1"),
            })),
            Says::Nothing => Ok(None),
            Says::Refunded
            | Says::Away
            | Says::Nobody
            | Says::Silence
            | Says::WrongKey
            | Says::NotYet(_) => Err(Self::error(says)),
        }
    }

    fn given_back(says: &Says) -> Result<Option<RefundResult>, GatewayError> {
        match says {
            Says::Refunded => Ok(Some(RefundResult::Refunded { provider_ref: token("re-1") })),
            Says::Nothing => Ok(None),
            Says::Captured
            | Says::Away
            | Says::Nobody
            | Says::Silence
            | Says::WrongKey
            | Says::NotYet(_) => Err(Self::error(says)),
        }
    }
}

impl Gateway for Scripted {
    fn connector(&self) -> Token {
        Token::SIMULATED
    }

    fn final_after(&self) -> Duration {
        FINAL_AFTER
    }

    async fn charge(&self, _: &Charge) -> Result<PaymentResult, GatewayError> {
        Ok(Self::charged(&self.next(Asked::Charge))?.expect("a charge is answered"))
    }

    async fn find(&self, _: &Charge, _: Called) -> Result<Option<PaymentResult>, GatewayError> {
        Self::charged(&self.next(Asked::Find))
    }

    async fn refund(&self, _: &GiveBack) -> Result<RefundResult, GatewayError> {
        Ok(Self::given_back(&self.next(Asked::Refund))?.expect("a refund is answered"))
    }

    async fn find_refund(&self, _: &GiveBack) -> Result<Option<RefundResult>, GatewayError> {
        Self::given_back(&self.next(Asked::FindRefund))
    }

    fn hear(
        &self,
        _: &dyn Fn(&str) -> Option<String>,
        _: &[u8],
        _: Timestamp,
    ) -> Result<Hint, BadWebhook> {
        Err(BadWebhook::Unexpected)
    }

    async fn look_up(&self, _: &Token) -> Result<Option<News>, GatewayError> {
        let result = Self::charged(&self.next(Asked::LookUp))?;
        Ok(result.map(|result| News::Charge { order_id: order(1), attempt: 1, result }))
    }

    async fn list(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: Option<&str>,
    ) -> Result<Page, GatewayError> {
        Ok(Page::default())
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

/// A committer that takes down what it is told.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<Command>>>);

impl Commands for Told {
    async fn send(
        &self,
        _: CommandId,
        command: &Command,
        _: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        self.0.lock().unwrap().push(command.clone());
        Err(Unanswered::Accepted { command_seq: 1 })
    }
}

impl Told {
    /// What was told, in a few words each.
    pub(super) fn words(&self) -> Vec<String> {
        let word = |command: &Command| {
            if let Command::RecordPayment(record) = command {
                return match &record.result {
                    PaymentResult::Captured { .. } => "captured".to_owned(),
                    PaymentResult::Declined { code } => format!("declined {code}"),
                    PaymentResult::Failed { code } => format!("failed {code}"),
                    PaymentResult::Unknown => "unknown".to_owned(),
                };
            }
            let Command::RecordRefund(record) = command else { panic!("{command:?}") };
            match &record.result {
                RefundResult::Refunded { .. } => "refunded".to_owned(),
                RefundResult::Declined { code } => format!("declined {code}"),
                RefundResult::Failed { code } => format!("failed {code}"),
                RefundResult::Unknown => "unknown".to_owned(),
            }
        };
        self.0.lock().unwrap().iter().map(word).collect()
    }
}
