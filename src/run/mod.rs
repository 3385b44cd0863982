//! Wires roles to a server, starts them, and stops them in order.

mod audit;
mod group;
mod money;
mod roles;
mod roll;
mod views;

pub use audit::Checkpoints;
pub use group::Group;
pub use roles::{Paces, Role, RunError, Running, Setup, start};
pub use roll::{Roll, Rolled, Step};
pub use views::{VIEWS, bucket_output, keeps, mends_itself};
