//! Kinds of adapter.

/// The two kinds of adapter that kernels are tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterClass {
    /// Runs on CPU cores: loads are dear, workgroup memory and barriers dearer.
    Software,
    /// A GPU: many lanes, cheap workgroup memory.
    Hardware,
}

impl AdapterClass {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Software, Self::Hardware];
}
