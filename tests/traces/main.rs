//! Traces travel with commands, and nothing is told that nobody asked for.

#[cfg(test)]
mod memory;
#[cfg(test)]
#[path = "../shop/mod.rs"]
mod shop;
#[cfg(test)]
mod spans;
#[cfg(test)]
mod travel;
