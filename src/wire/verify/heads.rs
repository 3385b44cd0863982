//! Whether a log is still the one whose heads were signed.

use std::collections::VecDeque;

use crate::domain::Sequence;
use crate::wire::chain::Hash;
use crate::wire::head::Head;

/// Heads that the log has to pass, and the last one that it did.
#[derive(Debug, Default)]
pub(super) struct Heads {
    expected: VecDeque<Head>,
    last: Option<Head>,
    pub(super) passed: u64,
}

impl Heads {
    pub(super) fn of(mut heads: Vec<Head>) -> Self {
        heads.sort_by_key(|head| head.sequence);
        Self { expected: heads.into(), ..Self::default() }
    }

    /// Passes the message at `sequence`, which is a commit when there is a payload; says which
    /// heads do not stand there.
    pub(super) fn pass(&mut self, sequence: Sequence, commit: Option<&[u8]>) -> Vec<String> {
        let mut wrong = Vec::new();
        while self.expected.front().is_some_and(|head| head.sequence <= sequence) {
            let Some(head) = self.expected.pop_front() else { break };
            let here = commit.filter(|_| head.sequence == sequence).map(Hash::of);
            match here {
                Some(hash) if head.is_of(hash) => {
                    self.passed = self.passed.saturating_add(1);
                    self.last = Some(head);
                }
                Some(hash) => {
                    let (number, signed, behind) = (head.number, &head.hash, self.behind());
                    wrong.push(format!(
                        "commit {number} was signed as {signed} and is {hash} now: the log was \
                         rewritten {behind}"
                    ));
                }
                None => {
                    let (number, at, behind) = (head.number, head.sequence, self.behind());
                    wrong.push(format!(
                        "commit {number} was signed at sequence {at} and no commit is there: \
                         something was dropped or added {behind}"
                    ));
                }
            }
        }
        wrong
    }

    /// The log ends at `end`: says which heads stood behind it.
    pub(super) fn close(&mut self, end: Sequence) -> Vec<String> {
        let cut = |head: Head| {
            let (number, at) = (head.number, head.sequence);
            format!("commit {number} was signed at sequence {at}; the log was cut at {end}")
        };
        std::mem::take(&mut self.expected).into_iter().map(cut).collect()
    }

    /// How far it is still what was signed.
    fn behind(&self) -> String {
        match &self.last {
            Some(head) => format!("behind commit {} (sequence {})", head.number, head.sequence),
            None => "somewhere before".to_owned(),
        }
    }
}
