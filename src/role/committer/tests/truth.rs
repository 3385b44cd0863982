//! What must be so afterwards, read from the log and from what senders were told.

use std::collections::HashMap;

use super::world::World;
use crate::domain::fixtures::{Books, sku};
use crate::domain::market::LedgerEntry;
use crate::domain::{Address, CommandId, Market, Recorded, Sequence};
use crate::engine::verify_log_and_commands;
use crate::port::Entry;
use crate::wire::{Commit, Ledger, Outcome, OutcomeKind, Snapshot};

/// Checks the log of a world, and every answer against it.
pub(super) async fn check(world: &World, received: u32) {
    let (state, events) = read(world).expect("all entries, or none");
    let stock = state.market.item(&sku("mug")).unwrap().stock;
    assert_eq!(stock.reserved(), 0, "every hold has ended");
    let sold = i64::try_from(stock.sold()).unwrap();
    assert_eq!(stock.available() + sold, i64::from(received), "nothing is lost, nothing made up");
    assert!(state.chain.position <= world.commands_end().await);
    assert_eq!(state.market.next_deadline(), None, "nothing waits for a sweep");
    check_answers(world, &events);
    let streams = (&world.events, &world.commands);
    let verified = verify_log_and_commands(streams, &world.subjects, |_| {}).await.unwrap();
    assert_eq!(verified.violations, [], "the verifier agrees");
}

/// Whether an order still waits for its money, as far as it can be told.
pub(super) fn somebody_holds(world: &World) -> bool {
    read(world).is_none_or(|(state, _)| state.market.next_deadline().is_some())
}

/// Reads the log from its start: the chain, the books, and the ledger entries behind each commit;
/// nothing while the last one is there in part.
fn read(world: &World) -> Option<(Snapshot, HashMap<Address, Recorded>)> {
    let (mut state, mut books, mut market) = (Snapshot::default(), Books::default(), Market::new());
    let mut events = HashMap::new();
    let entries = world.events.entries();
    let mut rest = &entries[..];
    let mut next = Sequence(1);
    while let Some((head, behind)) = rest.split_first() {
        assert_eq!((head.sequence, &head.subject), (next, &world.subjects.commit()));
        state.follow(head.sequence, &head.payload).expect("the log folds");
        let commit = Commit::decode(&head.payload).unwrap();
        market.begin(head.sequence);
        for (index, record) in (0..).zip(&commit.events) {
            let at = Address::new(head.sequence, index);
            market.evolve(at, record).unwrap();
            books.enter(record, commit.head.at);
            events.insert(at, record.clone());
        }
        let ledger = market.finish(commit.head.at);
        let (own, more) = behind.split_at_checked(ledger.len())?;
        check_ledger(world, commit.head.number, &ledger, own);
        books.agree_with(&market);
        next = state.chain.next();
        rest = more;
    }
    Some((state, events))
}

fn check_ledger(world: &World, number: u64, ledger: &[LedgerEntry], stored: &[Entry]) {
    for (entry, stored) in ledger.iter().zip(stored) {
        assert_eq!(stored.subject, world.subjects.stock(&entry.sku));
        assert_eq!(Ledger::decode(&stored.payload).unwrap(), Ledger::new(number, entry));
    }
}

/// Every answer stands in the log where it says, and one command never got two different ones.
fn check_answers(world: &World, events: &HashMap<Address, Recorded>) {
    let mut first: HashMap<CommandId, Outcome> = HashMap::new();
    for outcome in world.told() {
        let at = outcome.address().expect("nobody was told to come back later");
        let record = events.get(&at).unwrap_or_else(|| panic!("{at} is not in the log"));
        let id = outcome.command_id.expect("every command had an id");
        match outcome.result {
            OutcomeKind::Accepted => assert_eq!(record.cause, Some(id), "{outcome:?}"),
            // Told by the state an order was in; it may have been in another one later.
            OutcomeKind::AlreadyApplied => continue,
            OutcomeKind::Refused => {}
            OutcomeKind::Busy => panic!("nothing in memory is busy: {outcome:?}"),
        }
        if let Some(before) = first.insert(id, outcome.clone()) {
            assert_eq!(before.address(), outcome.address(), "two answers to {id}");
            assert_eq!(before.refusal, outcome.refusal, "two answers to {id}");
        }
    }
}
