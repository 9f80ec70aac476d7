//! A deep machine that was trained elsewhere, for the whole to begin with.

use crate::data::Preprocessing;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::Trained;
use crate::jobs::stack::same_preparation;
use crate::jobs::trained::named_by_from;
use crate::models::{DbmSpec, DeepBoltzmannMachine};
use crate::run::{ModelKind, Observer};

/// The machine of a run or a file.
///
/// # Errors
/// What opening it gives; [`Error::Setting`] where it is none, its layers or units are others than `wanted`, or its data are
/// standardised where these are not.
pub fn machine(
    path: &str,
    wanted: &DbmSpec,
    preprocessing: &Preprocessing,
    (device, observer): (&Device, &mut dyn Observer),
) -> Result<DeepBoltzmannMachine> {
    let wrong = |detail: String| Error::setting("from", format!("{path}: {detail}"));
    let given = match named_by_from(path, device)? {
        Trained::Dbm(given) => given,
        other => {
            let kind = other.kind();
            let why = match kind {
                ModelKind::Rbm | ModelKind::Dbn | ModelKind::Autoencoder => {
                    ": its levels were trained as if each were fed from one side, and a deep machine's layers are fed from \
                     both; --pretrain trains levels that compose"
                }
                _ => "",
            };
            return Err(wrong(format!(
                "it is {}, and a deep machine is expected{why}",
                kind.one()
            )));
        }
    };
    let found = given.dbm.spec();
    if found != *wanted {
        let [its, ours] = [&found, wanted].map(|spec| {
            let sizes: Vec<String> = spec.units.iter().map(usize::to_string).collect();
            format!("{} of {} data", sizes.join("-"), spec.visible)
        });
        let detail = format!("it is {its}, and that asked for is {ours}; give the same layers");
        return Err(wrong(detail));
    }
    same_preparation(path, [&given.origin.preprocessing, preprocessing], observer)?;
    Ok(given.dbm)
}
