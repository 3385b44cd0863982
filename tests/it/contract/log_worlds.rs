//! The log contract, on the model, on one node and on three.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::Info;
use futures::future::{LocalBoxFuture, join_all};
use futures::{FutureExt, TryStreamExt};
use kassa::domain::{Sequence, Timestamp};
use kassa::nats::{JsLog, Scratch};
use kassa::port::model::{Fault, ModelClock, ModelLog};
use kassa::port::{CommitError, Log, Tail};
use serde_json::json;

use super::log::{LogWorld, Place, batch};
use super::{log, log_faults, log_reading};
use crate::support::eventually;
use crate::support::nats::{Nats, connect};
use crate::support::proxy::{Act, Passing, Proxy};

/// How long a case may take: some wait for a connection to be missed and made again.
const CASE_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs every case, all at once, each on a stream of its own.
macro_rules! log_contract {
    ($world:expr; $($module:ident :: $case:ident),* $(,)?) => {{
        let mut cases = Vec::<LocalBoxFuture<'_, Option<&str>>>::new();
        $(
            let world = $world.clone();
            cases.push(Box::pin(async move {
                let case = AssertUnwindSafe($module::$case(world)).catch_unwind();
                let ended = tokio::time::timeout(CASE_TIMEOUT, case).await;
                (!matches!(ended, Ok(Ok(())))).then_some(stringify!($case))
            }));
        )*
        let broken: Vec<_> = join_all(cases).await.into_iter().flatten().collect();
        assert!(broken.is_empty(), "broken promises: {broken:?}");
    }};
}

/// The whole contract.
macro_rules! whole_log_contract {
    ($world:expr) => {
        log_contract!($world;
            log::the_messages_of_a_batch_stand_one_behind_the_other,
            log::one_writer_wins,
            log::writers_in_a_hurry_never_overwrite_each_other,
            log::a_batch_is_stored_whole_or_not_at_all,
            log::a_claim_that_nobody_ever_wrote_is_checked,
            log::the_end_of_the_stream_may_be_expected,
            log::every_ledger_entry_has_its_own_expectation,
            log::what_is_stored_is_what_was_sent,
            log::a_batch_of_nothing_is_a_defect,
            log_reading::a_reader_skips_nothing_and_repeats_nothing,
            log_reading::a_reader_goes_on_with_what_is_written_meanwhile,
            log_reading::a_reader_sees_only_the_subjects_it_asked_for,
            log_reading::waiting_may_be_given_up,
            log_reading::the_last_entry_of_a_subject_is_found,
            log_reading::what_was_acknowledged_is_seen_at_once,
            log_reading::a_moment_is_a_place,
            log_reading::a_reader_survives_its_connection,
            log_reading::an_entry_that_was_lost_on_the_way_comes_although_nothing_follows,
            log_reading::a_reader_survives_that_the_server_forgets_it,
            log_reading::a_reader_that_is_lost_before_its_first_entry_keeps_its_place,
            log_faults::a_lost_answer_is_unknown_and_the_batch_is_there,
            log_faults::a_lost_request_is_unknown_and_settled_by_a_claim,
            log_faults::a_batch_that_arrives_after_the_claim_is_refused,
            log::the_head_of_a_batch_may_stand_last,
            log_faults::what_is_missing_of_a_batch_is_stored_once,
            log_faults::a_batch_that_arrives_before_the_claim_has_happened,
            log_faults::an_answer_belongs_to_its_own_batch,
            log_faults::a_full_stream_is_busy_and_keeps_nothing,
        )
    };
}

/// The whole contract, on servers.
pub(crate) async fn whole_contract(world: NatsWorld) {
    whole_log_contract!(world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_keeps_the_promises_of_a_log() {
    whole_log_contract!(ModelWorld);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_keeps_the_promises_of_a_log() {
    let nats = Nats::one_in_a_hurry().await;
    let world = NatsWorld::of(&nats.url());
    whole_contract(world.clone()).await;
    whoever_reads_much_lets_others_have_their_turn(world.clone()).await;
    what_is_stored_says_which_one_it_follows(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_keep_the_promises_of_a_log() {
    let nats = Nats::three_in_a_hurry().await;
    let world = NatsWorld::of(&nats.url());
    whole_contract(world.clone()).await;
    whoever_reads_much_lets_others_have_their_turn(world.clone()).await;
    what_is_stored_says_which_one_it_follows(world).await;
}

/// A committer that folds a long log is not the only one in its process.
async fn whoever_reads_much_lets_others_have_their_turn(world: NatsWorld) {
    let place = world.stream().await;
    let many: Vec<_> = (0..600).map(|_| place.message("a", "x")).collect();
    for some in many.chunks(200) {
        place.log.commit(&batch(some.to_vec())).await.unwrap();
    }
    for limit in [1, 30] {
        let mut tail = place.log.follow(&place.subject(">"), Sequence::START).await.unwrap();
        let (turns, done) = (Cell::new(0_u32), Cell::new(false));
        let reads = async {
            let (mut read, mut last, mut in_a_row) = (0, 0, 0);
            while read < many.len() {
                read += tail.next(limit).await.unwrap().len();
                in_a_row = if last == turns.get() { in_a_row + 1 } else { 0 };
                last = turns.get();
                assert!(in_a_row < 3, "{in_a_row} portions of {limit} in a row");
            }
            done.set(true);
        };
        let others = async {
            while !done.get() {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(reads, others);
    }
}

/// A reader of commits need not ask whether one was left out before this one: the server keeps
/// what it was held against when it was stored, in a batch and alone.
async fn what_is_stored_says_which_one_it_follows(world: NatsWorld) {
    let place = world.stream().await;
    let ledger = |payload| place.message("ledger", payload);
    let first = batch([place.fenced("commit", "1", 0), ledger("a"), ledger("b")]);
    place.log.commit(&first).await.unwrap();
    place.log.commit(&batch([place.fenced("commit", "2", 1)])).await.unwrap();
    place.log.commit(&batch([place.fenced("commit", "3", 4), ledger("c")])).await.unwrap();
    let entries = place.entries().await;
    let commits = entries.iter().filter(|entry| entry.subject == place.subject("commit"));
    let follows: Vec<_> = commits
        .map(|entry| (entry.sequence.0, entry.header("Nats-Expected-Last-Subject-Sequence")))
        .collect();
    assert_eq!(follows, [(1, Some("0")), (4, Some("1")), (5, Some("4"))]);
}

#[derive(Clone)]
struct ModelWorld;

impl LogWorld for ModelWorld {
    type Log = ModelLog;

    async fn stream(&self) -> Place<ModelLog> {
        let log = ModelLog::new(ModelClock::at(Timestamp(1_700_000_000_000)));
        Place { log, prefix: "model".to_owned() }
    }

    fn has_copies(&self) -> bool {
        false
    }

    async fn elsewhere(&self, place: &Place<ModelLog>) -> ModelLog {
        place.log.clone()
    }

    async fn lose_answer(&self, place: &Place<ModelLog>) {
        place.log.faults().plan([Fault::AnswerLost]);
    }

    async fn lose_request(&self, place: &Place<ModelLog>) {
        place.log.faults().plan([Fault::RequestLost]);
    }

    async fn delay_request(&self, place: &Place<ModelLog>) {
        place.log.faults().plan([Fault::Late(u32::MAX)]);
    }

    async fn deliver_late(&self, place: &Place<ModelLog>) {
        place.log.deliver_late();
    }

    async fn fill_up(&self, place: &Place<ModelLog>) {
        place.log.faults().plan([Fault::Busy]);
    }

    async fn make_room(&self, _: &Place<ModelLog>) {}

    async fn cut(&self, _: &Place<ModelLog>) {}

    async fn deafen(&self, _: &Place<ModelLog>) {}

    async fn until_delivered(&self, _: &Place<ModelLog>, _: Sequence) {}

    async fn forget_readers(&self, _: &Place<ModelLog>) {}
}

/// Servers, each stream behind a wire of its own that breaks on demand.
#[derive(Clone)]
pub(crate) struct NatsWorld {
    urls: Arc<Vec<String>>,
    /// Cases begin at the same time: each takes a number before it waits for anything.
    places: Arc<AtomicUsize>,
    wires: Arc<Mutex<HashMap<String, Arc<Proxy>>>>,
}

impl NatsWorld {
    /// On the servers at `urls`, separated by commas.
    pub(crate) fn of(urls: &str) -> Self {
        let urls = urls.split(',').map(ToOwned::to_owned).collect();
        Self { urls: Arc::new(urls), places: Arc::default(), wires: Arc::default() }
    }

    fn wire(&self, place: &Place<JsLog>) -> Arc<Proxy> {
        Arc::clone(&self.wires.lock().unwrap()[&place.prefix])
    }

    async fn operator(&self) -> Context {
        async_nats::jetstream::new(async_nats::connect(self.urls.as_slice()).await.unwrap())
    }

    async fn allow(&self, place: &Place<JsLog>, max_messages: i64) {
        let operator = self.operator().await;
        let mut config =
            operator.get_stream(place.log.stream()).await.unwrap().cached_info().config.clone();
        config.max_messages = max_messages;
        operator.update_stream(config).await.unwrap();
    }
}

impl LogWorld for NatsWorld {
    type Log = JsLog;

    async fn stream(&self) -> Place<JsLog> {
        let number = self.places.fetch_add(1, Ordering::SeqCst);
        let (prefix, stream) = (format!("place{number}"), format!("PLACE{number}"));
        // Each wire leads to another server, so that the leader of a stream is near or far.
        let wire = Arc::new(Proxy::before(&self.urls[number % self.urls.len()]).await);
        self.wires.lock().unwrap().insert(prefix.clone(), Arc::clone(&wire));
        let connection = connect(&wire.url(), "contract").await;
        let config = json!({
            "name": stream, "subjects": [format!("{prefix}.>")], "storage": "file",
            "num_replicas": self.urls.len(), "discard": "new", "allow_atomic": true,
            "allow_direct": true,
        });
        let create = async || Scratch::create(&connection, &stream, &config).await.ok();
        eventually("a cluster that has just started has leaders", CASE_TIMEOUT, create).await;
        let place = Place { log: JsLog::open(&connection, stream).await.unwrap(), prefix };
        // Every server of a cluster has to hear of the new subjects; a batch that cannot be stored
        // is refused by whoever is there. The one that leads them all may be the last to know, and
        // says of whatever is read that there is no such stream.
        let probe = batch([place.fenced("probe", "-", u64::MAX)]);
        let heard = async || match place.log.commit(&probe).await {
            Err(CommitError::Fenced) => {
                place.log.last(&place.subject("probe")).await.ok().map(drop)
            }
            Ok(_) | Err(_) => None,
        };
        eventually("the stream is there for everybody", CASE_TIMEOUT, heard).await;
        place
    }

    fn has_copies(&self) -> bool {
        self.urls.len() > 1
    }

    async fn elsewhere(&self, place: &Place<JsLog>) -> JsLog {
        let connection = connect(&self.urls.join(","), "elsewhere").await;
        JsLog::open(&connection, place.log.stream().to_owned()).await.unwrap()
    }

    async fn lose_answer(&self, place: &Place<JsLog>) {
        let prefix = place.prefix.clone();
        let last = move |passing: &Passing<'_>| passing.is_under(&prefix) && passing.ends_batch();
        self.wire(place).once(last, Act::Mute, || {});
    }

    async fn lose_request(&self, place: &Place<JsLog>) {
        let prefix = place.prefix.clone();
        let first = move |passing: &Passing<'_>| passing.is_under(&prefix);
        self.wire(place).once(first, Act::Lose, || {});
    }

    async fn delay_request(&self, place: &Place<JsLog>) {
        let prefix = place.prefix.clone();
        let first = move |passing: &Passing<'_>| passing.is_under(&prefix);
        self.wire(place).once(first, Act::Stall, || {});
    }

    async fn deliver_late(&self, place: &Place<JsLog>) {
        self.wire(place).let_go();
    }

    async fn fill_up(&self, place: &Place<JsLog>) {
        let end = place.log.end().await.unwrap();
        self.allow(place, i64::try_from(end.0).unwrap()).await;
    }

    async fn make_room(&self, place: &Place<JsLog>) {
        self.allow(place, -1).await;
    }

    async fn cut(&self, place: &Place<JsLog>) {
        self.wire(place).cut();
    }

    async fn deafen(&self, place: &Place<JsLog>) {
        self.wire(place).deafen();
    }

    async fn until_delivered(&self, place: &Place<JsLog>, sequence: Sequence) {
        let stream = self.operator().await.get_stream(place.log.stream()).await.unwrap();
        let delivered = async || {
            let readers: Vec<Info> = stream.consumers().try_collect().await.unwrap();
            let mut reached = readers.iter().map(|reader| reader.delivered.stream_sequence);
            reached.any(|reached| sequence.0 <= reached).then_some(())
        };
        eventually("the entry is sent to a reader", CASE_TIMEOUT, delivered).await;
    }

    async fn forget_readers(&self, place: &Place<JsLog>) {
        let operator = self.operator().await;
        let stream = operator.get_stream(place.log.stream()).await.unwrap();
        // A cluster takes a moment to list what it has just made.
        let listed = async || {
            let names: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
            (!names.is_empty()).then_some(names)
        };
        let names = eventually("there is a reader", CASE_TIMEOUT, listed).await;
        for name in names {
            stream.delete_consumer(&name).await.unwrap();
        }
    }
}
