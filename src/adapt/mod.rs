//! Inner loops: a network that learns a task of a few examples by steps of gradient descent, while it is trained and afterwards.

pub(crate) mod inner_loop;
mod task;

pub use task::{AdaptedAccuracy, TaskAdapter};
