//! The tensors of a bundle.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype as Stored, TensorView};

use super::error::{BundleError, damaged, require};
use crate::gpu::{Dtype, TensorInfo};

/// How words of this type are stored.
pub(super) fn stored(dtype: Dtype) -> Stored {
    match dtype {
        Dtype::F32 => Stored::F32,
        // Two halves in a word.
        Dtype::U32 | Dtype::F16 => Stored::U32,
    }
}

/// Tensors by name, over the bytes of their file.
#[derive(Debug)]
pub(super) struct Tensors<'a> {
    by_name: BTreeMap<String, TensorView<'a>>,
}

impl<'a> Tensors<'a> {
    /// The file that holds all of them.
    pub(super) const FILE: &'static str = "tensors.safetensors";

    /// Those of a file, whose header is checked against its length.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| {
            damaged(
                Self::FILE,
                format!("is not in the safetensors format ({e})"),
            )
        })?;
        let by_name: BTreeMap<String, TensorView> = tensors.tensors().into_iter().collect();
        for (name, tensor) in &by_name {
            let known = matches!(tensor.dtype(), Stored::F32 | Stored::U32);
            require(known, Self::FILE, || {
                format!("has `{name}` of type {:?}", tensor.dtype())
            })?;
        }
        Ok(Self { by_name })
    }

    /// The words of a tensor of this type that fills a place of a plan; `file` asks for it.
    pub(super) fn words(
        &self,
        file: &str,
        name: &str,
        place: &TensorInfo,
    ) -> Result<Vec<u32>, BundleError> {
        let tensor = self.get(file, name)?;
        let fits =
            tensor.dtype() == stored(place.dtype) && tensor.data().len() as u64 == place.bytes();
        require(fits, file, || {
            format!(
                "wants {} bytes of {:?} for `{}`, and `{name}` has {} of {:?}",
                place.bytes(),
                stored(place.dtype),
                place.label,
                tensor.data().len(),
                tensor.dtype()
            )
        })?;
        Ok(bytemuck::pod_collect_to_vec(tensor.data()))
    }

    /// Checks that a tensor is so many finite numbers; `file` asks for them.
    pub(super) fn finite(&self, file: &str, name: &str, count: usize) -> Result<(), BundleError> {
        let tensor = self.get(file, name)?;
        let of_floats = tensor.dtype() == Stored::F32 && tensor.data().len() / 4 == count;
        require(of_floats, file, || {
            let (shape, dtype) = (tensor.shape(), tensor.dtype());
            format!("wants {count} numbers, and `{name}` has {shape:?} of {dtype:?}")
        })?;
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(tensor.data());
        require(values.iter().all(|value| value.is_finite()), file, || {
            format!("has `{name}`, which is not finite")
        })
    }

    fn get(&self, file: &str, name: &str) -> Result<&TensorView<'a>, BundleError> {
        let missing = || damaged(file, format!("wants a tensor `{name}` that is not there"));
        self.by_name.get(name).ok_or_else(missing)
    }
}
