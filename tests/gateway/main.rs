//! What every payment provider has to promise, and what is Stripe's own.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod stripe;
