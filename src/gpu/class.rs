//! Kinds of adapter.

/// The kinds of adapter that kernels are tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterClass {
    /// Runs on CPU cores: loads are dear, workgroup memory and barriers dearer. Mesa's lavapipe before 24.2, and what is not known.
    Software,
    /// lavapipe of Mesa 24.2 to 25.0, which turns loops around before it unrolls them (`shaders/shared/idle_turn.wgsl`).
    SoftwareTurned,
    /// lavapipe from Mesa 25.1 on, which loads once what it knows to be the same for all lanes.
    SoftwareScalar,
    /// A GPU: many lanes, cheap workgroup memory.
    Hardware,
}

impl AdapterClass {
    /// Every class.
    pub const ALL: [Self; 4] = [
        Self::Software,
        Self::SoftwareTurned,
        Self::SoftwareScalar,
        Self::Hardware,
    ];

    /// Whether it runs on CPU cores.
    pub fn is_software(self) -> bool {
        self != Self::Hardware
    }

    /// The class of software whose driver tells this of itself, as "Mesa 22.3.6 (LLVM 15.0.6)".
    pub(super) fn of_software(driver_info: &str) -> Self {
        match mesa_version(driver_info) {
            Some(version) if version >= [25, 1] => Self::SoftwareScalar,
            Some(version) if version >= [24, 2] => Self::SoftwareTurned,
            _ => Self::Software,
        }
    }

    /// Turns that loops over register tiles run past their length.
    pub(super) fn idle_turns(self) -> u32 {
        match self {
            Self::SoftwareTurned | Self::SoftwareScalar => 1,
            Self::Software | Self::Hardware => 0,
        }
    }
}

/// Year and number of the Mesa that a driver says it is of, "... Mesa 25.0.7-2 (LLVM 19.1.7)".
pub(super) fn mesa_version(driver: &str) -> Option<[u32; 2]> {
    let (_, version) = driver.split_once("Mesa ")?;
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    Some([parts.next()?.parse().ok()?, parts.next()?.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_told_apart_by_its_driver() {
        for (driver, class) in [
            ("Mesa 22.3.6 (LLVM 15.0.6)", AdapterClass::Software),
            (
                "Mesa 24.0.9-0ubuntu0.3 (LLVM 17.0.6)",
                AdapterClass::Software,
            ),
            (
                "Mesa 24.2.8-1ubuntu1~24.04.1 (LLVM 19.1.1)",
                AdapterClass::SoftwareTurned,
            ),
            ("Mesa 25.0.7-2 (LLVM 19.1.7)", AdapterClass::SoftwareTurned),
            (
                "Mesa 25.1.0-rc1 (LLVM 20.1.2)",
                AdapterClass::SoftwareScalar,
            ),
            (
                "Mesa 26.1.6-1~bpo13+1 (LLVM 19.1.7)",
                AdapterClass::SoftwareScalar,
            ),
            (
                "Mesa 100.0.0-devel (git-0123abc)",
                AdapterClass::SoftwareScalar,
            ),
            ("", AdapterClass::Software),
            ("5.0.0 of SwiftShader", AdapterClass::Software),
            ("Mesa", AdapterClass::Software),
            ("Mesa next", AdapterClass::Software),
            ("Mesa 25", AdapterClass::Software),
            ("Mesa 99999999999.1", AdapterClass::Software),
        ] {
            assert_eq!(AdapterClass::of_software(driver), class, "{driver}");
        }
    }
}
