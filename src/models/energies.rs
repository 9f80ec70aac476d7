//! Whether units have an energy, of which free energies, log Z and temperatures come: rectified ones have none.

use super::units::UnitKind;
use crate::error::{Error, Result};

impl UnitKind {
    /// Whether there is an energy, of which free energies, log Z and temperatures come.
    pub(crate) fn has_energy(self) -> bool {
        self != UnitKind::Rectified
    }

    /// Refuses units that have none.
    pub(crate) fn check_energy(self) -> Result<()> {
        match self.has_energy() {
            true => Ok(()),
            false => {
                let detail = format!(
                    "{self} hidden units are drawn as max(0, N(x, σ(x))), which comes of no energy: such a machine has no free \
                     energy, no log Z, no likelihood and no temperature. It reconstructs, transforms and samples"
                );
                Err(Error::setting("hidden-units", detail))
            }
        }
    }
}
