//! The partition function and the expectations of a machine, exactly: by enumeration, or in closed form where both
//! layers are Gaussian. Only where one layer is small is there the time for it.

use super::Rbm;
use super::enumeration::{Enumeration, enumerated};
pub use super::expectations::Expectations;
use super::gaussian::GaussianPair;
use super::units::UnitKind;
use crate::error::{Error, Result};

/// The most binary units' worth of states that are enumerated at all: 2³⁰ states take minutes to hours.
pub const MOST: usize = 30;

/// ln Z. Up to 2³⁰ states are the caller's to wait for.
///
/// # Errors
/// [`Error::Setting`] for more than [`MOST`] binary units' worth of states, [`Error::Data`] for two Gaussian layers
/// whose exp(−E) has no finite integral and for parameters of which comes no finite number, device errors.
pub fn log_partition(rbm: &Rbm) -> Result<f64> {
    check_enumerable(rbm, MOST, "enumeration", "")?;
    let found = match enumerated(rbm) {
        Some(_) => Enumeration::new(rbm)?.log_partition(),
        None => GaussianPair::new(rbm)?.log_partition(),
    };
    match found.is_finite() {
        true => Ok(found),
        false => {
            let detail =
                format!("it is {found}; the model's parameters are too large or not finite");
            Err(Error::data("log Z", detail))
        }
    }
}

/// ln Z and the expectations of v, h and v hᵀ.
///
/// # Errors
/// As [`log_partition`].
pub fn expectations(rbm: &Rbm) -> Result<Expectations> {
    check_enumerable(rbm, MOST, "enumeration", "")?;
    match enumerated(rbm) {
        Some(_) => Ok(Enumeration::new(rbm)?.expectations()),
        None => Ok(GaussianPair::new(rbm)?.expectations()),
    }
}

/// The binary units that the enumerated layer's states are worth: log₂ of their number, rounded up. Of Bernoulli
/// units it is the size of the smaller layer (beside a Gaussian one, of the other); 0 where both are Gaussian.
pub fn enumerated_units(rbm: &Rbm) -> usize {
    enumerated(rbm).map_or(0, |units| units.bits())
}

/// Checks that no more than 2^`most` states are enumerated; `setting` names what asks for it, `advice` ends the
/// message.
pub(crate) fn check_enumerable(rbm: &Rbm, most: usize, setting: &str, advice: &str) -> Result<()> {
    rbm.hidden().kind().check_energy()?;
    let Some(units) = enumerated(rbm).filter(|units| units.bits() > most) else { return Ok(()) };
    let what = match units.kind() {
        UnitKind::Softmax(states) => {
            let (groups, bits) = (units.choices(), units.bits());
            format!("{groups} groups of {states} states, or {bits} binary units,")
        }
        UnitKind::Labelled(classes) => {
            let (features, bits) = (units.features().count(), units.bits());
            format!("{features} units and a group of {classes} states, or {bits} binary units,")
        }
        _ => format!("{} units", units.bits()),
    };
    let detail = format!("{what} are too many to enumerate, {most} is the most{advice}");
    Err(Error::setting(setting, detail))
}
