//! Letting go of what is large.

use std::thread;

/// Drops something on a thread of its own. Millions of orders take seconds to free, in which no
/// task of the process would have its turn, and its leases expire. Nobody waits for it: a process
/// that ends does not free what it had.
pub(super) fn let_go<T: Send + 'static>(large: T) {
    // Where no thread is to be had, it is dropped here.
    let _ = thread::Builder::new().name("letting-go".to_owned()).spawn(move || drop(large));
}
