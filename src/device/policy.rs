//! Which of the matrix loops serves which product: one table, by what an adapter is and by the sizes, and never by a
//! clock. The same policy takes the same loops for the same sizes, and so gives the same bits.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The loops that matrix kernels share (`shaders/shared/tile_*.wgsl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiles {
    /// 128×128 outputs a workgroup: for large products.
    Large,
    /// 64×64 outputs.
    Medium,
    /// 32×32 outputs, K in four parts: for products that are too small to fill a GPU otherwise.
    Small,
    /// 16×16 outputs, K in sixteen parts: for few rows or columns.
    Narrow,
    /// In registers alone: for software adapters.
    Register,
}

impl Tiles {
    /// All of them, in the order of their numbers.
    pub const ALL: [Tiles; 5] =
        [Tiles::Large, Tiles::Medium, Tiles::Small, Tiles::Narrow, Tiles::Register];

    /// Its name in a policy.
    pub fn key(self) -> &'static str {
        match self {
            Tiles::Large => "large",
            Tiles::Medium => "medium",
            Tiles::Small => "small",
            Tiles::Narrow => "narrow",
            Tiles::Register => "register",
        }
    }
}

/// What decides between the loops: the fastest by this estimate, which is a loop's speed, times the part of its work
/// that lies inside the result, times the part of the adapter that its workgroups fill.
///
/// ```
/// use harmonium::Device;
/// // The CPU has one loop.
/// assert!(Device::cpu().policy().is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// Workgroups that fill the adapter: about two for each of its multiprocessors, whose number no driver tells.
    pub workgroups: u32,
    /// How fast 128×128 outputs a workgroup are where the adapter is full and nothing lies outside, relative to the
    /// other loops; 0 where it is never taken.
    pub large: f64,
    /// 64×64 outputs.
    pub medium: f64,
    /// 32×32 outputs.
    pub small: f64,
    /// 16×16 outputs.
    pub narrow: f64,
    /// The loop in registers; where it is the only one, convolutions go along rows of the picture.
    pub register: f64,
    /// Whether products and updates load vectors of four numbers in the loops through workgroup memory, where each row of
    /// all operands and results is a whole number of them; the same sums either way. A file that says nothing wants them.
    #[serde(default = "wanted")]
    pub vector_loads: bool,
}

fn wanted() -> bool {
    true
}

/// The loops of GPUs as others found theirs to be: tiles of 128 reach about nine tenths of a vendor's own, those of
/// 64 two thirds, smaller ones as they read more for each product.
const GPU: Policy = Policy {
    workgroups: 128,
    large: 1.0,
    medium: 0.75,
    small: 0.45,
    narrow: 0.25,
    register: 0.0,
    vector_loads: true,
};

/// The numbers of a policy and their ranges: workgroups, and speeds.
const WORKGROUPS: std::ops::RangeInclusive<u32> = 1..=1_000_000;
const FASTEST: f64 = 1e6;

impl Policy {
    /// Reads a policy file, as `harmonium tune` writes them.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] with the line or the key for what is no policy.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let policy: Policy = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            let detail = e.message().replace('\n', "; ");
            let help = "`harmonium tune` writes such a file";
            Error::file(path, format!("line {line}"), format!("{detail}; {help}"))
        })?;
        policy.check().map_err(|(key, detail)| Error::file(path, key, detail))?;
        Ok(policy)
    }

    /// The key whose number is none, and what is wrong with it.
    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        if !WORKGROUPS.contains(&self.workgroups) {
            let (least, most) = (WORKGROUPS.start(), WORKGROUPS.end());
            let detail = format!("{} is outside {least} to {most}", self.workgroups);
            return Err(("workgroups", detail));
        }
        for tiles in Tiles::ALL {
            let speed = self.speed(tiles);
            if !(0.0..=FASTEST).contains(&speed) {
                let detail = format!("{speed} is no speed: from 0, which is never, to {FASTEST}");
                return Err((tiles.key(), detail));
            }
        }
        if Tiles::ALL.iter().all(|&tiles| self.speed(tiles) == 0.0) {
            return Err(("large", "every loop has a speed of 0; one must be above it".into()));
        }
        Ok(())
    }

    /// The built-in table.
    pub(super) fn of(kind: wgpu::DeviceType) -> Self {
        match kind {
            // The largest cards have about 130 multiprocessors; on smaller ones somewhat smaller tiles cost little.
            wgpu::DeviceType::DiscreteGpu => Policy { workgroups: 256, ..GPU },
            wgpu::DeviceType::IntegratedGpu => Policy { workgroups: 32, ..GPU },
            wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => GPU,
            wgpu::DeviceType::Cpu => Policy {
                workgroups: 256,
                large: 0.0,
                medium: 0.0,
                small: 0.0,
                narrow: 0.0,
                register: 1.0,
                vector_loads: true,
            },
        }
    }

    /// The same with another speed of a loop.
    #[must_use]
    pub fn with_speed(mut self, tiles: Tiles, speed: f64) -> Self {
        *match tiles {
            Tiles::Large => &mut self.large,
            Tiles::Medium => &mut self.medium,
            Tiles::Small => &mut self.small,
            Tiles::Narrow => &mut self.narrow,
            Tiles::Register => &mut self.register,
        } = speed;
        self
    }

    /// The same with another number of workgroups that fill the adapter.
    #[must_use]
    pub fn with_workgroups(self, workgroups: u32) -> Self {
        Policy { workgroups, ..self }
    }

    /// The same with loads of vectors, or without.
    #[must_use]
    pub fn with_vector_loads(self, vector_loads: bool) -> Self {
        Policy { vector_loads, ..self }
    }

    /// How fast a loop is, relative to the others.
    pub fn speed(&self, tiles: Tiles) -> f64 {
        match tiles {
            Tiles::Large => self.large,
            Tiles::Medium => self.medium,
            Tiles::Small => self.small,
            Tiles::Narrow => self.narrow,
            Tiles::Register => self.register,
        }
    }

    /// Whether there is this loop alone.
    pub(crate) fn is_only(&self, tiles: Tiles) -> bool {
        Tiles::ALL.iter().all(|&other| (self.speed(other) > 0.0) == (other == tiles))
    }

    /// The loop that is the fastest by the estimate, of equals the first.
    pub(crate) fn choose(&self, fit: impl Fn(Tiles) -> Fit) -> Tiles {
        let mut best = (Tiles::Medium, -1.0);
        for tiles in Tiles::ALL.into_iter().filter(|&tiles| self.speed(tiles) > 0.0) {
            let Fit { groups, inside } = fit(tiles);
            let filled = (groups as f64 / f64::from(self.workgroups.max(1))).min(1.0);
            let estimate = self.speed(tiles) * inside * filled;
            if estimate > best.1 {
                best = (tiles, estimate);
            }
        }
        best.0
    }
}

/// As it stands in a file.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "workgroups = {}", self.workgroups)?;
        Tiles::ALL.iter().try_for_each(|&t| writeln!(f, "{} = {:?}", t.key(), self.speed(t)))?;
        writeln!(f, "vector_loads = {}", self.vector_loads)
    }
}

/// What a product comes to in one of the loops.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fit {
    /// Workgroups.
    pub groups: u64,
    /// The part of their work that lies inside the result and inside K, up to 1.
    pub inside: f64,
}

#[cfg(test)]
mod tests {
    use super::{Fit, Policy, Tiles};

    /// Sides of a tile, of outputs and along K.
    fn side(tiles: Tiles) -> [f64; 2] {
        match tiles {
            Tiles::Large => [128.0, 8.0],
            Tiles::Medium => [64.0, 16.0],
            Tiles::Small => [32.0, 32.0],
            Tiles::Narrow => [16.0, 64.0],
            Tiles::Register => [8.0, 1.0],
        }
    }

    fn chosen(policy: &Policy, sizes: [f64; 3]) -> Tiles {
        policy.choose(|tiles| {
            let [side, step] = side(tiles);
            let [m, n, k] = sizes;
            let counts = [m / side, n / side, k / step].map(f64::ceil);
            let whole = counts[0] * side * counts[1] * side * counts[2] * step;
            Fit { groups: (counts[0] * counts[1]) as u64, inside: m * n * k / whole }
        })
    }

    #[test]
    fn larger_products_get_larger_tiles_and_software_adapters_keep_theirs() {
        let discrete = Policy::of(wgpu::DeviceType::DiscreteGpu);
        let by_size = [
            ([10.0, 500.0, 784.0], Tiles::Narrow),
            ([784.0, 500.0, 256.0], Tiles::Small),
            ([1024.0, 1024.0, 1024.0], Tiles::Medium),
            ([4096.0, 4096.0, 4096.0], Tiles::Large),
        ];
        for (sizes, expected) in by_size {
            assert_eq!(chosen(&discrete, sizes), expected, "{sizes:?}");
        }
        let integrated = Policy::of(wgpu::DeviceType::IntegratedGpu);
        assert_eq!(chosen(&integrated, [1024.0, 1024.0, 1024.0]), Tiles::Large);
        let software = Policy::of(wgpu::DeviceType::Cpu);
        assert!(software.is_only(Tiles::Register) && !discrete.is_only(Tiles::Large));
        for (sizes, _) in by_size {
            assert_eq!(chosen(&software, sizes), Tiles::Register, "{sizes:?}");
        }
    }

    #[test]
    fn files_are_read_back_and_wrong_ones_refused_by_line_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Policy::read(&path)
        };
        let policy = Policy::of(wgpu::DeviceType::DiscreteGpu).with_workgroups(77);
        let policy = policy.with_speed(Tiles::Small, 0.1 + 0.2);
        let text = policy.to_string();
        assert_eq!(read(&format!("# of a test\n{text}")).unwrap(), policy);
        // A file of an older version says nothing of loads; one that does is heard.
        assert_eq!(read(&text.replace("vector_loads = true\n", "")).unwrap(), policy);
        let without = policy.with_vector_loads(false);
        assert_eq!(read(&without.to_string()).unwrap(), without);
        // A whole number is a number too.
        assert_eq!(read(&text.replace("large = 1.0", "large = 1")).unwrap(), policy);
        let refused = |text: &str, parts: &[&str]| {
            let error = read(text).unwrap_err().to_string();
            for part in [&["policy.toml"], parts].concat() {
                assert!(error.contains(part), "{part} in {error}");
            }
        };
        refused(&text.replace("small", "tiny"), &["line 4", "`tiny`", "`small`", "tune"]);
        refused(&text.replace("narrow = 0.25\n", ""), &["`narrow`"]);
        refused(&text.replace("0.75", "fast"), &["line 3"]);
        refused(&text.replace("0.75", "-0.75"), &["medium", "-0.75"]);
        refused(&text.replace("0.75", "nan"), &["medium", "NaN"]);
        refused(&text.replace("77", "0"), &["workgroups", "0 is outside 1 to 1000000"]);
        refused(&text.replace("77", "-1"), &["line 1"]);
        refused(
            "workgroups = 1\nlarge = 0\nmedium = 0\nsmall = 0\nnarrow = 0\nregister = 0",
            &["every loop"],
        );
    }

    #[test]
    fn a_loop_of_speed_0_is_never_taken_and_of_equals_the_first_is() {
        let fit = |_| Fit { groups: 0, inside: 1.0 };
        let policy = Policy { large: 0.0, ..Policy::of(wgpu::DeviceType::DiscreteGpu) };
        assert_eq!(policy.choose(fit), Tiles::Medium);
        let full = |_| Fit { groups: 1 << 40, inside: 0.5 };
        assert_eq!(policy.choose(full), Tiles::Medium);
        assert_eq!(Policy { narrow: 0.8, ..policy }.choose(full), Tiles::Narrow);
    }
}
