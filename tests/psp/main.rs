//! The simulated payment provider, as a connector meets it: over HTTP.

#[cfg(test)]
mod caller;
#[cfg(test)]
mod door;
#[cfg(test)]
mod finding;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod moods;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod webhooks;
