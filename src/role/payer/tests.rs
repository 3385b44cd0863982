//! One payer, one provider that says what a test wants, and a clock that stands still.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::drive::ToMake;
use super::pay::{Payer, Payments};
use crate::domain::fixtures::{T0, amount, currency, order, token};
use crate::domain::payment::{DeclineClasses, RetrySchedule};
use crate::domain::{
    Command, CommandId, PaymentResult, RefundResult, Sequence, Timestamp, Token, TraceParent,
};
use crate::port::model::ModelClock;
use crate::port::{
    BadWebhook, Charge, Clock, Commands, Gateway, GatewayError, GiveBack, Hint, News, Page,
    Unanswered,
};
use crate::view::owed::{Owed, Way};
use crate::wire::Outcome;

/// What the provider is asked, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Charge,
    Find,
    Refund,
    FindRefund,
}

/// What it says to that.
#[derive(Clone, Debug)]
enum Says {
    Captured,
    Refunded,
    Away,
    Silence,
    WrongKey,
    Nothing,
}

/// A provider that follows a script, and says the last line of it again and again.
struct Scripted {
    lines: Mutex<VecDeque<Says>>,
    asked: Mutex<Vec<Asked>>,
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
            Says::Refunded | Says::Away | Says::Silence | Says::WrongKey => Err(Self::error(says)),
        }
    }

    fn given_back(says: &Says) -> Result<Option<RefundResult>, GatewayError> {
        match says {
            Says::Refunded => Ok(Some(RefundResult::Refunded { provider_ref: token("re-1") })),
            Says::Nothing => Ok(None),
            Says::Captured | Says::Away | Says::Silence | Says::WrongKey => Err(Self::error(says)),
        }
    }
}

impl Gateway for Scripted {
    fn connector(&self) -> Token {
        Token::SIMULATED
    }

    async fn charge(&self, _: &Charge) -> Result<PaymentResult, GatewayError> {
        Ok(Self::charged(&self.next(Asked::Charge))?.expect("a charge is answered"))
    }

    async fn find(&self, _: &Charge, _: Duration) -> Result<Option<PaymentResult>, GatewayError> {
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
        Ok(None)
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
struct Told(Arc<Mutex<Vec<Command>>>);

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
    fn words(&self) -> Vec<String> {
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

fn charge() -> ToMake {
    let owed = Owed {
        order_id: order(1),
        attempt: 1,
        idempotency_key: token("key-1"),
        amount_minor: amount(1_000),
        currency: currency("EUR"),
        way: Way::Charge { payment_method_token: token("tok_visa") },
        asked_at_ms: T0,
        not_before_ms: None,
        off: false,
        trace: None,
        event_seq: Sequence(7),
    };
    ToMake { owed, may_be_out: false }
}

fn refund_by(connector: &str) -> ToMake {
    let way = Way::Refund { refund: 1, connector: token(connector), capture_ref: token("pay-1") };
    let mut attempt = charge();
    attempt.owed.way = way;
    attempt
}

/// What a payer asks and tells within `patience` of its own time, at `now`.
async fn pays(
    attempt: ToMake,
    lines: &[Says],
    when: (Timestamp, Duration),
) -> (Vec<Asked>, Vec<String>) {
    pays_all(vec![attempt], lines, when).await
}

async fn pays_all(
    attempts: Vec<ToMake>,
    lines: &[Says],
    (now, patience): (Timestamp, Duration),
) -> (Vec<Asked>, Vec<String>) {
    let lines = Mutex::new(lines.iter().cloned().collect());
    let gateway = Arc::new(Scripted { lines, asked: Mutex::default() });
    let told = Told::default();
    let clock = ModelClock::at(now);
    assert_eq!(clock.now(), now);
    let payer = Payer::new(
        Arc::clone(&gateway),
        (told.clone(), clock),
        Payments::default(),
        DeclineClasses::default(),
    );
    let (drive, stop) = (payer.drive(), CancellationToken::new());
    attempts.into_iter().for_each(|attempt| drive.pay(attempt));
    let _ = tokio::time::timeout(patience, payer.run(&stop)).await;
    let asked = gateway.asked.lock().unwrap().clone();
    (asked, told.words())
}

const MINUTE: Duration = Duration::from_secs(60);

fn tomorrow() -> Timestamp {
    T0.after(Duration::from_secs(23 * 60 * 60))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_told_once() {
    let (asked, told) = pays(charge(), &[Says::Captured], (T0, MINUTE)).await;
    assert_eq!((asked, told), (vec![Asked::Charge], vec!["captured".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_turns_an_attempt_away_three_times_has_failed_it() {
    let (asked, told) = pays(charge(), &[Says::Away], (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Charge; 3]);
    assert_eq!(told, ["failed gateway_unavailable"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_may_be_out_never_fails_because_nobody_is_there() {
    let script = [Says::Silence, Says::Away, Says::Away, Says::Away, Says::Away, Says::Captured];
    let (asked, told) = pays(charge(), &script, (T0, 10 * MINUTE)).await;
    assert_eq!(asked, [Asked::Charge; 6]);
    assert_eq!(told, ["unknown", "captured"]);
    // Nor when another payer may have made it before.
    let mut taken_over = charge();
    taken_over.may_be_out = true;
    let (_, told) = pays(taken_over, &[Says::Away], (T0, 10 * MINUTE)).await;
    assert_eq!(told, Vec::<String>::new());
}

/// The server's timers have another clock; should none fire, this is how long a buyer waits.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_nobody_wait_for_longer_than_a_retry_may() {
    let mut attempt = charge();
    attempt.owed.not_before_ms = Some(T0.after(MINUTE));
    let yesterday = T0.before(Duration::from_secs(24 * 60 * 60));
    let patience = RetrySchedule::WINDOW + MINUTE;
    let (asked, told) = pays(attempt, &[Says::Captured], (yesterday, patience)).await;
    assert_eq!((asked, told), (vec![Asked::Charge], vec!["captured".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_provider_may_have_forgotten_is_looked_up_and_never_charged() {
    let (asked, told) = pays(charge(), &[Says::Captured], (tomorrow(), MINUTE)).await;
    assert_eq!((asked, told), (vec![Asked::Find], vec!["captured".to_owned()]));
    let (asked, told) = pays(charge(), &[Says::Nothing], (tomorrow(), MINUTE)).await;
    assert_eq!(asked, [Asked::Find; 5], "a few times may be too early to see it");
    assert_eq!(told, ["failed never_charged"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_off_is_looked_up_twice_and_never_charged() {
    let mut off = charge();
    off.owed.off = true;
    let (asked, told) = pays(off, &[Says::Nothing], (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Find; 2]);
    assert_eq!(told, ["failed never_charged"]);
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_fail_no_order_and_are_tried_until_they_are_right() {
    let script = [Says::WrongKey, Says::WrongKey, Says::WrongKey, Says::WrongKey, Says::Captured];
    let (asked, told) = pays(charge(), &script, (T0, 10 * MINUTE)).await;
    assert_eq!(asked, [Asked::Charge; 5]);
    assert_eq!(told, ["captured"]);
}

#[tokio::test(start_paused = true)]
async fn money_goes_back_like_it_came() {
    let script = [Says::Away, Says::Silence, Says::Refunded];
    let (asked, told) = pays(refund_by("simulated"), &script, (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Refund; 3]);
    assert_eq!(told, ["unknown", "refunded"]);
    let (asked, _) = pays(refund_by("simulated"), &[Says::Refunded], (tomorrow(), MINUTE)).await;
    assert_eq!(asked, [Asked::FindRefund]);
}

#[tokio::test(start_paused = true)]
async fn money_goes_back_by_whoever_took_it_and_by_nobody_else() {
    let (asked, told) = pays(refund_by("another"), &[Says::Refunded], (T0, 10 * MINUTE)).await;
    assert_eq!((asked, told), (vec![], vec![]));
}

fn of(number: u8, mut attempt: ToMake) -> ToMake {
    attempt.owed.order_id = order(number);
    attempt
}

/// What only concerns one order does not keep the others from paying.
#[tokio::test(start_paused = true)]
async fn refunds_of_another_provider_and_looks_that_fail_hold_up_nobody() {
    let at_once = Duration::from_millis(500);
    let mut all: Vec<_> = (2..40).map(|number| of(number, refund_by("another"))).collect();
    all.push(charge());
    let (asked, told) = pays_all(all, &[Says::Captured], (T0, at_once)).await;
    assert_eq!((asked, told), (vec![Asked::Charge], vec!["captured".to_owned()]));
    // Their keys are old, so they are looked up; the charge is of today.
    let mut all: Vec<_> = (2..40).map(|number| of(number, charge())).collect();
    let mut fresh = charge();
    fresh.owed.asked_at_ms = tomorrow();
    all.push(fresh);
    let script = [vec![Says::Away; 38], vec![Says::Captured]].concat();
    let (asked, told) = pays_all(all, &script, (tomorrow(), Duration::from_millis(50))).await;
    assert_eq!(asked.iter().filter(|asked| **asked == Asked::Find).count(), 38);
    assert_eq!(told, ["captured"], "nobody left the provider alone");
}
