//! The log from outside: what is planted in it is found, and what was ever written is read.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod tape;
