//! A storm of failed payments, in compressed time.

use std::sync::Arc;
use std::time::Duration;

use kassa::bench::{
    Embedded, Nodes, PaymentsOptions, Servers, Shares, WorldOptions, bench_payments,
};
use kassa::domain::Policy;
use kassa::domain::payment::RetrySchedule;
use kassa::gateway::SimulatedGateway;
use kassa::role::payer::Payments;
use kassa::run::Role;
use kassa::server::{Staging, Sync};

use crate::support::nats::program;

/// How much faster than in a shop everything waits.
const COMPRESS: u32 = 60;

/// Every kind of failure, and a provider that is out for three minutes of the shop's time: nearly
/// all that can be recovered is, nobody is charged twice, and no money is left lying about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_recovered_of_a_storm_is_and_nobody_pays_twice() {
    crate::support::log();
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::Embedded(Embedded {
        program: program().await,
        folder: folder.path().to_path_buf(),
        nodes: Nodes::One,
        sync: Sync::Default,
        staging: Staging::Memory,
    });
    let shares = Shares { infra: 3, soft: 5, customer: 3, hard: 1, away: 2, silent: 2 };
    let outage = Some((Duration::from_secs(2), Duration::from_secs(180) / COMPRESS));
    let books = folder.path().join("gateway.jsonl");
    let gateway =
        SimulatedGateway::with_ledger(shares.simulation(7, outage).unwrap(), &books).unwrap();
    let shorter = |seconds| Duration::from_secs(seconds) / COMPRESS;
    let world = WorldOptions {
        policy: Policy {
            hold: Policy::HOLD_DEFAULT / COMPRESS,
            attempt: Policy::ATTEMPT_DEFAULT / COMPRESS,
            unknown_hold: Policy::HOLD_DEFAULT / COMPRESS,
            retries: RetrySchedule::try_new([20, 90, 240].map(shorter).to_vec()).unwrap(),
            ..Policy::default()
        },
        payments: Payments { hurry: COMPRESS, ..Payments::default() },
        gateway: Arc::new(gateway),
        ..WorldOptions::new(servers, vec![Role::Committer, Role::Payer, Role::RetryScheduler])
    };
    let options = PaymentsOptions {
        world,
        books,
        payments: 2_000,
        rate: 300.0,
        compress: COMPRESS,
        drain: Duration::from_secs(90),
    };
    let report = bench_payments(&options).await.unwrap();
    assert_eq!(report.payments, 2_000);
    let wrong = [report.double_captures, report.kept_for_nothing, report.owed, report.differences];
    assert_eq!(wrong, [0; 4], "{report:?}");
    assert_eq!(report.violation, None);
    assert!(95.0 <= report.recovered_percent, "{report:?}");
    assert!(95.0 <= report.recovered_or_waited_percent, "{report:?}");
    assert!(report.attempts.keys().all(|attempts| *attempts <= 4), "{report:?}");
    for class in ["infra", "soft", "customer", "unknown"] {
        assert!(0 < report.classes[class].recovered, "{class}: {report:?}");
    }
    assert!(0 < report.held_back.recovered, "{report:?}");
}
