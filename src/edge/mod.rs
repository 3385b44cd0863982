//! HTTP in.

mod webhooks;

pub use webhooks::{ListenError, WebhookListener};
