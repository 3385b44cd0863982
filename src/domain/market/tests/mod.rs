//! Every rule and every refusal, through the market as a whole: given, when, then.

mod cancelling;
mod catalogue;
mod holds;
mod identity;
mod paying;
mod placing;
mod properties;
mod retrying;
mod stock;
