//! The attention list: the last word about each item, on a subject of its own.

use std::collections::HashMap;

use super::shown::{Met, Shown};
use super::{Proof, Proved, READ_AT_ONCE};
use crate::domain::{Sequence, Timestamp};
use crate::engine::Projection;
use crate::port::{Clock, Log, ReadError, Tail};
use crate::role::attention::AttentionList;
use crate::view::attention::AttentionItem;
use crate::wire::{Commit, Encoding, Hash, Position, Subjects};

/// What is told of the list.
const OF: &str = "the attention list";

/// The list as a follower keeps it, who has read the log from its start.
struct ListProof {
    shown: Shown,
    /// What every key's subject begins with.
    prefix: String,
    list: AttentionList<Unasked>,
    /// What the log has up to the list's position and the list does not show.
    missing: HashMap<String, Sequence>,
    /// The list was so full that it may have forgotten its oldest items.
    forgets: bool,
}

/// Nobody waits for anything here.
#[derive(Clone, Copy, Debug)]
struct Unasked;

impl Clock for Unasked {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
}

/// What the attention list shows, as it is now. One that `forgets` need not show what is older than
/// everything it shows.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn attention_list<L: Log>(
    (list, subjects): (&L, &Subjects),
    forgets: bool,
) -> Result<Box<dyn Proof>, ReadError> {
    let at = subjects.attention_position();
    // Asked for first: the items are as new or newer.
    let position = list.last(&at).await?.map(|entry| Position::decode(&entry.payload)).transpose();
    let position = position.map_err(|error| ReadError::Broken(error.into()))?.unwrap_or_default();
    let mut shown = Shown::new(OF, position.event_seq);
    let filter = subjects.every_attention();
    let prefix = filter.trim_end_matches(Subjects::everything()).to_owned();
    let mut tail = list.follow(&filter, Sequence::START).await?;
    while 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            if let Some(key) = entry.subject.strip_prefix(&prefix).filter(|_| entry.subject != at) {
                shown
                    .show(key, Encoding::Json.read(&entry.payload).ok().as_ref().and_then(written));
            }
        }
    }
    let list = AttentionList::new(subjects.clone(), Unasked);
    Ok(Box::new(ListProof { shown, prefix, list, missing: HashMap::new(), forgets }))
}

impl ListProof {
    /// What the commit makes of each item it touches, the last word last.
    fn made(&mut self, sequence: Sequence, commit: &Commit) -> HashMap<String, Vec<Hash>> {
        let mut made: HashMap<String, Vec<Hash>> = HashMap::new();
        let folded = self.list.fold(sequence, 0, commit).and_then(|()| self.list.take(usize::MAX));
        for message in folded.map(|taken| taken.messages).unwrap_or_default() {
            if let Some(key) = message.subject.strip_prefix(&self.prefix) {
                made.entry(key.to_owned()).or_default().push(Hash::of(&message.payload));
            }
        }
        made
    }
}

impl Proof for ListProof {
    fn until(&self) -> Sequence {
        self.shown.until()
    }

    fn follow(&mut self, sequence: Sequence, commit: &Commit) {
        for (key, hashes) in self.made(sequence, commit) {
            let met = self.shown.meet(&key, sequence, || hashes);
            if met == Met::Unshown && sequence <= self.shown.position {
                self.missing.insert(key, sequence);
            }
        }
    }

    fn end(mut self: Box<Self>) -> Proved {
        let oldest = self.shown.oldest().filter(|_| self.forgets);
        let told = |sequence: &Sequence| oldest.is_none_or(|oldest| oldest < *sequence);
        let missing = self.missing.into_iter().filter(|(_, sequence)| told(sequence));
        self.shown.miss(missing.map(|(key, sequence)| (sequence, key)).collect());
        self.shown.end()
    }
}

/// The commit that has said the last word about an item, and the hash of the item as it is written.
fn written(item: &AttentionItem) -> Option<(Sequence, Hash)> {
    let last = item.resolved.as_ref().map_or(item.event_seq, |resolved| resolved.event_seq);
    Some((Sequence(last), Hash::of(&Encoding::Json.write(item).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AttentionAction;
    use crate::domain::fixtures::*;
    use crate::domain::{Event, ItemKind, Recorded};
    use crate::port::model::{ModelClock, ModelLog};
    use crate::port::{Batch, Message};
    use crate::role::view_proof::hold;
    use crate::wire::{CommitDraft, CommitHead};

    fn subjects() -> Subjects {
        Subjects::of("main".parse().unwrap())
    }

    fn one(subject: String, payload: bytes::Bytes) -> Batch {
        let message = Message { subject, payload, ..Message::default() };
        Batch::of(vec![message])
    }

    /// A log whose commits are these.
    async fn log(commits: &[Vec<Event>]) -> ModelLog {
        let log = ModelLog::new(ModelClock::at(T0));
        for events in commits {
            let mut draft = CommitDraft::default();
            for event in events.clone() {
                let source = source("ops");
                let record = Recorded { event, cause: None, source, body: None, trace: None };
                draft.push(&record).unwrap();
            }
            let head = CommitHead { at: T0, ..CommitHead::default() };
            log.commit(&one(subjects().commit(), draft.seal(&head).unwrap())).await.unwrap();
        }
        log
    }

    /// The stream of the list, as its follower leaves it once it has come to `position`.
    async fn kept(log: &ModelLog, position: Sequence) -> ModelLog {
        let stream = ModelLog::new(ModelClock::at(T0));
        let mut list = AttentionList::new(subjects(), Unasked);
        for entry in log.entries().iter().take_while(|entry| entry.sequence <= position) {
            list.fold(entry.sequence, 0, &Commit::decode(&entry.payload).unwrap()).unwrap();
            for message in list.take(usize::MAX).unwrap().messages {
                // The stream keeps the last message of a subject.
                stream.tamper(|kept| kept.retain(|one| one.subject != message.subject));
                let batch = Batch::of(vec![message]);
                stream.commit(&batch).await.unwrap();
            }
        }
        let at = Position { event_seq: position, ..Position::default() };
        stream.commit(&one(subjects().attention_position(), at.encode())).await.unwrap();
        stream
    }

    async fn told(log: &ModelLog, list: &ModelLog, forgets: bool) -> Vec<String> {
        let subjects = subjects();
        let proof = attention_list((list, &subjects), forgets).await.unwrap();
        let proved = hold((log, &subjects), vec![proof]).await.unwrap();
        proved[0].found.iter().map(ToString::to_string).collect()
    }

    /// Two findings, of which one is resolved, then a shortage, and a finding once more.
    fn story() -> Vec<Vec<Event>> {
        let discard = resolved(ItemKind::ViewDiffers, "orders", AttentionAction::Discard);
        vec![
            vec![finding("orders"), finding("stock")],
            vec![shortage("mug", 3, &[order(1)]), discard],
            vec![listed("pot", 500, "EUR")],
            vec![finding("stock")],
        ]
    }

    fn at(kind: &str, id: &str) -> String {
        subjects().attention(kind, id)
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_of_everything_that_was_raised_is_right() {
        let log = log(&story()).await;
        for position in (0..=4).map(Sequence) {
            let list = kept(&log, position).await;
            assert_eq!(told(&log, &list, false).await, Vec::<String>::new(), "at {position}");
        }
        // What is written may be ahead of the position.
        let (list, before) = (kept(&log, Sequence(4)).await, Position::default());
        list.commit(&one(subjects().attention_position(), before.encode())).await.unwrap();
        assert_eq!(told(&log, &list, false).await, Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_that_is_missing_is_told() {
        let log = log(&story()).await;
        for (kind, id, sequence) in
            [("view_differs", "orders", 2), ("view_differs", "stock", 4), ("shortage", "mug", 2)]
        {
            let list = kept(&log, Sequence(4)).await;
            list.tamper(|all| all.retain(|one| one.subject != at(kind, id)));
            let says = format!(
                "sequence {sequence}: I9: the attention list: it shows nothing of {kind}.{id}"
            );
            assert_eq!(told(&log, &list, false).await, [says]);
        }
        // A list that was full has let the oldest go, and no other.
        let list = kept(&log, Sequence(4)).await;
        list.tamper(|all| all.retain(|one| one.subject == at("view_differs", "stock")));
        list.tamper(|all| all.iter_mut().for_each(|one| one.sequence = Sequence(1)));
        let end = Position { event_seq: Sequence(4), ..Position::default() };
        list.commit(&one(subjects().attention_position(), end.encode())).await.unwrap();
        assert_eq!(told(&log, &list, true).await, Vec::<String>::new());
        assert_eq!(told(&log, &list, false).await.len(), 2);
        let list = kept(&log, Sequence(4)).await;
        list.tamper(|all| all.retain(|one| one.subject != at("view_differs", "stock")));
        assert_eq!(told(&log, &list, true).await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_too_many_is_told() {
        let log = log(&story()).await;
        let list = kept(&log, Sequence(4)).await;
        let strange = list.last(&at("shortage", "mug")).await.unwrap().unwrap();
        list.commit(&one(at("shortage", "pot"), strange.payload)).await.unwrap();
        let told = told(&log, &list, false).await;
        let says = "the attention list: it shows shortage.pot, and no commit says so";
        assert!(told.len() == 1 && told[0].contains(says), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_that_was_changed_or_is_as_it_was_before_is_told() {
        let log = log(&story()).await;
        let list = kept(&log, Sequence(4)).await;
        let change = |from: &str, to: &str| {
            list.tamper(|all| {
                let item = all.iter_mut().find(|one| one.subject == at("shortage", "mug")).unwrap();
                let text = String::from_utf8(item.payload.to_vec()).unwrap();
                item.payload = text.replace(from, to).into();
            });
        };
        change("3 promised", "2 promised");
        let says =
            "sequence 2: I9: the attention list: shortage.mug is not what the log adds up to";
        assert_eq!(told(&log, &list, false).await, [says]);
        change("2 promised", "3 promised");
        assert_eq!(told(&log, &list, false).await, Vec::<String>::new());
        // The item that was open before it was resolved.
        let early = kept(&log, Sequence(1)).await.last(&at("view_differs", "orders")).await;
        list.commit(&one(at("view_differs", "orders"), early.unwrap().unwrap().payload))
            .await
            .unwrap();
        let says = "sequence 2: I9: the attention list: view_differs.orders changed, and it shows \
                    what was at 1";
        assert_eq!(told(&log, &list, false).await, [says]);
    }
}
