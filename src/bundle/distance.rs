//! A distance by its full name.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ops::Distance;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Distance", rename_all = "kebab-case")]
enum Named {
    #[serde(rename = "squared-euclidean")]
    Euclidean,
    Cosine,
}

pub(super) fn serialize<S: Serializer>(distance: &Distance, to: S) -> Result<S::Ok, S::Error> {
    Named::serialize(distance, to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Distance, D::Error> {
    Named::deserialize(from)
}
