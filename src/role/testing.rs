//! Shops in which something happened, and their logs.

use std::time::Duration;

use crate::domain::fixtures::*;
use crate::port::model::{ModelClock, ModelLog};
use crate::port::testing::Dice;
use crate::port::{Batch, Clock, Log, Message};
use crate::wire::{CommitDraft, CommitHead, Hash};

/// A shop in which some orders were placed, paid, cancelled and rejected.
pub(crate) fn busy_shop(dice: &mut Dice) -> Shop {
    let mut shop = Shop::default();
    shop.send_all(&[list("mug", PRICE, "EUR"), list("pot", PRICE, "EUR")]);
    shop.send_all(&[receive("mug", 7, "first"), receive("pot", 7, "first")]);
    for n in 1..=12 {
        let basket = [line(["mug", "pot"][dice.below(2)], 1 + u32::from(dice.chance(40)))];
        let mut requests = vec![place(order(n), &basket)];
        match dice.below(4) {
            0 => requests.push(capture(order(n), total(&basket).minor())),
            1 => requests.push(cancel(order(n))),
            2 => requests.push(decline(order(n), "lost_card")),
            _ => {}
        }
        shop.send_all(&requests);
        shop.wait(Duration::from_secs(dice.below(40) as u64));
    }
    shop
}

/// The commits of a shop, on the subject `commits`.
pub(crate) async fn logged(shop: &Shop) -> ModelLog {
    let clock = ModelClock::at(T0);
    let log = ModelLog::new(clock.clone());
    let mut prev_hash = Hash::default();
    for (number, commit) in (1..).zip(&shop.log) {
        let mut draft = CommitDraft::default();
        commit.records.iter().for_each(|record| draft.push(record).unwrap());
        let head = CommitHead { epoch: 1, number, at: commit.at, prev_hash, ..Default::default() };
        let payload = draft.seal(&head).unwrap();
        prev_hash = Hash::of(&payload);
        clock.advance(commit.at.since(clock.now()));
        let message = Message { subject: "commits".to_owned(), payload, ..Message::default() };
        let batch = Batch { messages: vec![message], expected_end: None };
        log.commit(&batch).await.unwrap();
    }
    log
}
