//! What can go wrong with one commit, on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes well.
    None,
    /// It is stored, and the answer is lost.
    AnswerLost,
    /// It never arrives.
    RequestLost,
    /// It arrives later: after this many further attempts to commit anything.
    Late(u32),
    /// The server loses its power after this many of its messages, and does not remember the rest.
    Torn(usize),
    /// The server has no room for it just now.
    Busy,
}

/// A plan of faults, taken one by one by the commits as they come; then nothing more goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<VecDeque<Fault>>>);

impl Faults {
    /// Adds to the plan.
    pub fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    pub(super) fn take(&self) -> Fault {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plan.pop_front().unwrap_or(Fault::None)
    }
}
