//! All tests that need an adapter, in one process: the driver compiles each kernel once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod bundle;
mod contest;
mod ear;
mod explain;
mod faults;
mod fine_tune;
mod gradients;
mod hearing;
#[allow(dead_code, reason = "its own main is not called")]
#[path = "../../examples/kan_function.rs"]
mod kan_function;
mod kernels;
mod learn;
mod maml;
mod mel;
mod quantise;
mod replay;
mod similar;
mod teacher;
mod training;
mod variants;

use std::sync::OnceLock;

use gamaka::gpu::{DeviceChoice, Gpu};

/// The device under test: GAMAKA_DEVICE, or the best there is.
fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let choice: DeviceChoice = std::env::var("GAMAKA_DEVICE")
            .unwrap_or_default()
            .parse()
            .expect("any text is a choice");
        Gpu::open(&choice)
            .expect("these tests need an adapter; `make setup` installs a software one")
    })
}

#[test]
fn the_example_learns_its_function() {
    let error = kan_function::learn(gpu()).unwrap();
    assert!(error < 0.05, "{error}");
}
