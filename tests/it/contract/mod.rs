//! The promises of the ports as code, for the models and for servers alike.

mod lease;
mod lease_worlds;
mod log;
mod log_faults;
mod log_reading;
mod log_worlds;
