//! Whatever can be written is read back as it was, and no bytes make a reader fall over.

#[cfg(test)]
mod bytes;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod events;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod round_trips;
