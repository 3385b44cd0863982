//! Every rule and every refusal, through the market as a whole: given, when, then.

mod attention;
mod cancelling;
mod catalogue;
mod classes;
mod goods;
mod holds;
mod identity;
mod late;
mod paying;
mod placing;
mod properties;
mod refund_results;
mod refunding;
mod retrying;
mod stock;
mod undoing;
