//! The logarithm of the partition function, exactly.

use crate::error::Result;
use crate::models::exact::{check_enumerable, enumerated_units, log_partition};
use crate::models::sums::gaussian_constant;
use crate::models::{Rbm, UnitKind};

/// The most units of the smaller layer that are enumerated: 2²⁴ states.
pub const MOST_ENUMERATED: usize = 24;

/// Whether [`exact_log_partition`] takes this machine.
pub fn can_enumerate(rbm: &Rbm) -> bool {
    enumerated_units(rbm) <= MOST_ENUMERATED
}

/// ln Z in f64, in parallel: by enumerating the smaller layer (beside a Gaussian layer, the other one), in closed form
/// where both are Gaussian.
///
/// ```
/// use harmonium::evaluation::partition::exact_log_partition;
/// use harmonium::models::{Rbm, UnitKind};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let [w, b, a] = [[3, 2].as_slice(), &[3], &[2]].map(|dims| Tensor::zeros(&device, dims));
/// let rbm = Rbm::from_parts(UnitKind::Bernoulli, UnitKind::Bernoulli, w?, b?, a?)?;
/// // Five fair coins have 2⁵ equally likely states.
/// assert!((exact_log_partition(&rbm)? - 32f64.ln()).abs() < 1e-12);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) past [`MOST_ENUMERATED`] units, [`Error::Data`](crate::Error::Data) for
/// two Gaussian layers that have no distribution and for parameters that are not finite, device errors while the parameters are read.
pub fn exact_log_partition(rbm: &Rbm) -> Result<f64> {
    let advice = "; estimate with annealed importance sampling";
    check_enumerable(rbm, MOST_ENUMERATED, "exact", advice)?;
    log_partition(rbm)
}

/// ln Z of units like the machine's without weights between them, of the biases `b` and `a`.
pub(super) fn independent_log_partition(rbm: &Rbm, b: &[f64], a: &[f64]) -> f64 {
    let visible = match rbm.visible().kind() {
        // Their energy is ½(v − b)².
        UnitKind::Gaussian => gaussian_constant(b.len()),
        _ => rbm.visible().log_sum(b),
    };
    visible + rbm.hidden().log_sum(a)
}
