//! Buyers, payers and a warehouse against a committer that is not left in peace.

use std::time::Duration;

use tokio::task::JoinSet;

use super::truth;
use super::world::{Instance, World};
use crate::domain::fixtures::{
    PRICE, T0, cancel, capture, command_made, decline, fulfil, line, list, order, place, receive,
};
use crate::port::testing::{Dice, SeedOnPanic};
use crate::wire::OutcomeKind;

const BUYERS: u8 = 14;
const MUGS: u32 = 9;

/// Names a command: who it is about, and which step of theirs.
fn id(who: u8, step: u8) -> crate::domain::CommandId {
    command_made(T0, who * 8 + step)
}

async fn think(dice: &mut Dice) {
    tokio::time::sleep(Duration::from_millis(dice.below(600) as u64)).await;
}

/// Lists and stocks the one SKU.
async fn open_shop(world: &World, dice: &mut Dice) {
    let listed = world.insist(id(30, 0), &list("mug", PRICE, "EUR"), dice).await;
    assert_ne!(listed.result, OutcomeKind::Refused);
    let received = world.insist(id(30, 1), &receive("mug", MUGS, "first"), dice).await;
    assert_ne!(received.result, OutcomeKind::Refused);
}

/// One buyer, from the cart to whatever end.
async fn buy(world: World, who: u8, mut dice: Dice) {
    think(&mut dice).await;
    let units = 1 + u32::try_from(dice.below(2)).unwrap();
    let basket = [line("mug", units)];
    let placed = place(order(who), &basket);
    let (outcome, again) = if dice.chance(30) {
        // A double click: the same order under two commands.
        let (mut one, mut other) = (Dice::new(who.into()), Dice::new(u64::from(who) + 99));
        tokio::join!(
            world.insist(id(who, 0), &placed, &mut one),
            world.insist(id(who, 1), &placed, &mut other),
        )
    } else {
        let outcome = world.insist(id(who, 0), &placed, &mut dice).await;
        (outcome.clone(), outcome)
    };
    assert_eq!(outcome.address(), again.address(), "one order, one answer");
    assert_eq!(outcome.refusal, again.refusal);
    if outcome.refusal.is_some() {
        return;
    }
    think(&mut dice).await;
    let owed = u64::from(units) * PRICE;
    match dice.below(10) {
        0..=5 => {
            world.insist(id(who, 2), &capture(order(who), owed), &mut dice).await;
            think(&mut dice).await;
            // Too late for an order whose hold had ended.
            world.insist(id(who, 3), &fulfil(order(who), "s-1"), &mut dice).await;
        }
        6 => drop(world.insist(id(who, 2), &decline(order(who), "lost_card"), &mut dice).await),
        7 => drop(world.insist(id(who, 2), &cancel(order(who)), &mut dice).await),
        // Walks away; the hold ends by itself.
        _ => {}
    }
}

/// Kills, hangs, stops and starts committers, and spoils their commits, until told to stop.
async fn trouble(world: World, mut dice: Dice, calm: tokio_util::sync::CancellationToken) {
    let mut instances = vec![world.start(0)];
    let mut started = 1;
    while !calm.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(20 + dice.below(400) as u64)).await;
        match dice.below(6) {
            0 => {
                // Killed in the middle of whatever it did; its lease stays until it expires.
                let victim = dice.below(instances.len());
                instances.swap_remove(victim).task.abort();
                if dice.chance(50) {
                    world.take_lease_away();
                }
            }
            // Hangs, for those who look at its lease; and wakes up, not knowing.
            1 => world.take_lease_away(),
            2 => {
                let victim = dice.below(instances.len());
                stop(instances.swap_remove(victim)).await;
            }
            3 => world.events.deliver_late(),
            4 => world.clock.step_back(Duration::from_millis(dice.below(900) as u64)),
            _ => world.events.faults().plan(dice.faults_and_power_cuts()),
        }
        while instances.is_empty() || (instances.len() < 3 && dice.chance(30)) {
            instances.push(world.start(started));
            started += 1;
        }
        for instance in &instances {
            assert!(!instance.task.is_finished(), "a committer gave up by itself");
        }
    }
    // The last holds end while nothing goes wrong any more. A clock that was set back has to come
    // up with the log first.
    for _ in 0..600 {
        if !truth::somebody_holds(&world) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for instance in instances {
        stop(instance).await;
    }
    world.events.deliver_late();
}

async fn stop(instance: Instance) {
    instance.stop.cancel();
    instance.task.await.expect("no panic").expect("stops in order");
}

async fn history(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let world = World::new(seed);
    let clock = tokio::spawn(world.clone().tick());
    let calm = tokio_util::sync::CancellationToken::new();
    let fate = Dice::new(dice.below(usize::MAX) as u64);
    let trouble = tokio::spawn(trouble(world.clone(), fate, calm.clone()));
    open_shop(&world, &mut dice).await;
    let mut buyers = JoinSet::new();
    for who in 0..BUYERS {
        let dice = Dice::new(dice.below(usize::MAX) as u64);
        buyers.spawn(buy(world.clone(), who, dice));
    }
    while let Some(bought) = buyers.join_next().await {
        bought.expect("every buyer gets an answer");
    }
    calm.cancel();
    trouble.await.expect("no committer gives up");
    clock.abort();
    world
}

#[test]
fn whatever_goes_wrong_every_command_is_decided_once() {
    for seed in 0..300 {
        let _said = SeedOnPanic(seed);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let limit = Duration::from_secs(3_600);
            let world = tokio::time::timeout(limit, history(seed)).await.expect("comes to an end");
            truth::check(&world, MUGS).await;
        });
    }
}
