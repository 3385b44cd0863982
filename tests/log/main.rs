//! The log from outside: what is planted in it is found, and what was ever written is read.

mod commands;
mod planted;
mod shop;
mod tape;
