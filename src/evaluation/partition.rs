//! The logarithm of the partition function, exactly.

use crate::error::{Error, Result};
use crate::models::Rbm;
use crate::models::enumeration::{Enumeration, enumerated_units};

/// The most units of the smaller layer that are enumerated: 2²⁴ states.
pub const MOST_ENUMERATED: usize = 24;

/// Whether [`exact_log_partition`] takes this machine.
pub fn can_enumerate(rbm: &Rbm) -> bool {
    enumerated_units(rbm) <= MOST_ENUMERATED
}

/// ln Z by enumerating the smaller layer (a Gaussian machine: its hidden layer), in f64, in parallel.
///
/// The formulas are in [`enumeration`](crate::models::enumeration).
///
/// ```
/// use harmonium::evaluation::partition::exact_log_partition;
/// use harmonium::models::{Rbm, VisibleKind};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let [w, b, a] = [[3, 2].as_slice(), &[3], &[2]].map(|dims| Tensor::zeros(&device, dims));
/// let rbm = Rbm::from_parts(VisibleKind::Bernoulli, w?, b?, a?)?;
/// // Five fair coins have 2⁵ equally likely states.
/// assert!((exact_log_partition(&rbm)? - 32f64.ln()).abs() < 1e-12);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] past [`MOST_ENUMERATED`] units; device errors while the parameters are read.
pub fn exact_log_partition(rbm: &Rbm) -> Result<f64> {
    let units = enumerated_units(rbm);
    if units > MOST_ENUMERATED {
        return Err(Error::setting(
            "exact",
            format!(
                "{units} units are too many to enumerate, {MOST_ENUMERATED} is the most; estimate with annealed importance sampling"
            ),
        ));
    }
    Ok(Enumeration::new(rbm)?.log_partition())
}
