//! The plans that use a model.

use crate::gpu::{AdapterClass, BufferRole, Plan};
use crate::mel::MelError;
use crate::model_file::Model;
use crate::ops::{self, Distance};

/// Embeddings that the plan `distances` compares at a time, and those that it compares them with.
const ROWS: usize = 16;
const COLUMNS: usize = 256;

/// Clips that the plan `embed` takes at a time: a page wants a sign of life, and a browser's software adapter is slow.
fn batch(class: AdapterClass) -> usize {
    match class.is_software() {
        true => 4,
        false => 32,
    }
}

/// From samples to embeddings, and the words of its port `parameters`.
pub(super) fn embed(model: &Model, class: AdapterClass) -> Result<(Plan, Vec<u32>), MelError> {
    model.plan(class, batch(class))
}

/// Distances [1, 1, 16, 256] of rows [16, width, 1, 1] to columns [256, width, 1, 1].
pub(super) fn distances(distance: Distance, width: usize, class: AdapterClass) -> Plan {
    let mut plan = Plan::new(class);
    let [rows, columns] = [("rows", ROWS), ("columns", COLUMNS)].map(|(name, count)| {
        let tensor = plan.tensor(name, [count, width, 1, 1], BufferRole::Input);
        plan.name_port(name, tensor);
        tensor
    });
    let found = plan.tensor("distances", [1, 1, ROWS, COLUMNS], BufferRole::Output);
    plan.name_port("distances", found);
    // What the kernel leaves for a gradient, which nobody wants here.
    let products = [1, ROWS, COLUMNS, 3];
    let products = plan.tensor("inner products", products, BufferRole::Scratch);
    ops::distance_forward(&mut plan, distance, 0, [rows, columns], found, products);
    plan
}
