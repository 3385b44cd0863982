//! Traces travel with commands, and nothing is told that nobody asked for.

mod memory;
#[path = "../shop/mod.rs"]
mod shop;
mod spans;
mod travel;
