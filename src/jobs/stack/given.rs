//! Levels that were trained elsewhere: by a machine, a deep belief net, or an autoencoder's encoder.

use super::levels::Trained;
use crate::data::{Binarize, Preprocessing};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs;
use crate::jobs::trained::named_by_from;
use crate::kernels::activation::Activation;
use crate::models::UnitKind;
use crate::run::{Event, Observer};

/// What is told where a second net is trained for comparison and there are no test cases.
pub const NONE_TO_COMPARE_ON: &str = "note: there are no test cases, on which the two nets would be compared: metrics.jsonl has both \
                                      nets' errors of the training cases and of those held out";

/// A stack that is to begin with such levels.
pub struct Wanted<'a> {
    /// Values of a case.
    pub inputs: usize,
    /// The data's units.
    pub units: UnitKind,
    /// What is done to the data.
    pub preprocessing: &'a Preprocessing,
    /// Units of each layer.
    pub layers: &'a [usize],
    /// What those of a layer compute, counted from 0.
    pub activation: &'a dyn Fn(usize) -> Activation,
    /// The classes that are joined to what the last level reads.
    pub classes: Option<&'a [String]>,
}

/// What was found in a file.
struct Found {
    levels: Vec<Trained>,
    /// A level above those that reads labels of these classes too.
    top: Option<(Trained, Vec<String>)>,
    activations: Vec<Activation>,
    /// The visible units and what was done to their data; of an autoencoder nothing is known.
    data: Option<(UnitKind, Preprocessing)>,
}

/// That the model of `path` takes data standardised, or not, as they are taken here; that they are other bits is told.
///
/// # Errors
/// [`Error::Setting`].
pub fn same_preparation(
    path: &str,
    [its, ours]: [&Preprocessing; 2],
    observer: &mut dyn Observer,
) -> Result<()> {
    let standardized = [its, ours].map(|seen| seen.mean.is_some());
    if standardized[0] != standardized[1] {
        let [its, ours] = standardized.map(|yes| if yes { "standardised" } else { "as they are" });
        let detail = format!("{path}: it takes its data {its}, and here they are taken {ours}");
        return Err(Error::setting("from", detail));
    }
    if let Some((column, far)) = moved(its, ours) {
        let note = format!(
            "note: {path} learnt from columns that other means and deviations standardised than these cases have: value {column} \
             (from 0) stands {far:.2} of its deviations away from where it stood there"
        );
        observer.see(Event::Note(&note));
    }
    // Bits that are drawn are the same whenever that is done.
    let bits = |seen: &Preprocessing| match seen.binarize {
        Some(Binarize::Resample) => Some(Binarize::Sample),
        how => how,
    };
    if bits(its) != bits(ours) {
        let words = |seen: &Preprocessing| match seen.binarize {
            Some(how) => format!("binarised ({how})"),
            None => "as they are".into(),
        };
        let note = format!(
            "note: {path} learnt from values {}, and here they are taken {}",
            words(its),
            words(ours)
        );
        observer.see(Event::Note(&note));
    }
    Ok(())
}

/// The column whose standardised values move most from one preparation to the other, and by how many deviations, where that
/// is a tenth or more.
fn moved(its: &Preprocessing, ours: &Preprocessing) -> Option<(usize, f32)> {
    const TOLD: f32 = 0.1;
    let columns = |p: &Preprocessing| Some((p.mean.clone()?, p.std.clone()?));
    let ((means, deviations), (our_means, our_deviations)) = (columns(its)?, columns(ours)?);
    let of = |j: usize| {
        let shift = (our_means[j] - means[j]).abs() / deviations[j];
        shift.max((our_deviations[j] / deviations[j] - 1.0).abs())
    };
    let columns =
        0..means.len().min(our_means.len()).min(deviations.len().min(our_deviations.len()));
    let most = columns.map(|j| (j, of(j))).max_by(|a, b| a.1.total_cmp(&b.1));
    most.filter(|(_, far)| *far >= TOLD)
}

impl Wanted<'_> {
    /// The first levels, as many as both this stack and the model of a run or a file have.
    ///
    /// # Errors
    /// What opening it gives; [`Error::Setting`] where it is no stack, or its sizes or units are others.
    pub fn from(
        &self,
        path: &str,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Trained>> {
        let wrong = |detail: String| Error::setting("from", format!("{path}: {detail}"));
        let found = found(path, device)?;
        if let Some((units, preprocessing)) = &found.data {
            if *units != self.units {
                let wanted = self.units;
                let detail =
                    format!("its visible units are {units}, and these data ask for {wanted} ones");
                return Err(wrong(detail));
            }
            same_preparation(path, [preprocessing, self.preprocessing], observer)?;
        }
        let mut below = self.inputs;
        let mut kept = Vec::new();
        // A level that reads labels and one that reads none are not for each other.
        let plain = self.layers.len() - usize::from(self.classes.is_some());
        let pairs = found.levels.into_iter().zip(found.activations).zip(&self.layers[..plain]);
        for (number, ((level, activation), &units)) in pairs.enumerate() {
            let ([reads, gives], wanted) = (level.sizes(), (self.activation)(number));
            if [reads, gives] != [below, units] || activation != wanted {
                let name = |f| {
                    if f == Activation::Identity {
                        "linear".into()
                    } else {
                        format!("{f:?}").to_lowercase()
                    }
                };
                let detail = format!(
                    "its level {} is {reads}-{gives}, {}, and that asked for is {below}-{units}, {}; give the same layers",
                    number + 1,
                    name(activation),
                    name(wanted)
                );
                return Err(wrong(detail));
            }
            below = units;
            kept.push(level);
        }
        if let (Some((top, its)), Some(classes)) = (found.top, self.classes)
            && kept.len() == plain
            && top.sizes() == [below + classes.len(), self.layers[plain]]
        {
            match its == classes {
                true => kept.push(top),
                false => {
                    let note = format!(
                        "note: the top of {path} reads the classes {}, and these are {}: it is trained anew",
                        its.join(", "),
                        classes.join(", ")
                    );
                    observer.see(Event::Note(&note));
                }
            }
        }
        Ok(kept)
    }
}

fn found(path: &str, device: &Device) -> Result<Found> {
    let wrong = |detail: String| Err(Error::setting("from", format!("{path}: {detail}")));
    let sigmoid = |levels: Vec<Trained>, data| {
        let activations = vec![Activation::Sigmoid; levels.len()];
        Ok(Found { levels, top: None, activations, data: Some(data) })
    };
    match named_by_from(path, device)? {
        jobs::Trained::Rbm(machine) => {
            let (rbm, hidden) = (&machine.rbm, machine.rbm.hidden().kind());
            if hidden != UnitKind::Bernoulli {
                return wrong(format!("its hidden units are {hidden}; bernoulli ones stack"));
            }
            sigmoid(
                vec![Trained::of(rbm)?],
                (rbm.visible().kind(), machine.origin.preprocessing.clone()),
            )
        }
        jobs::Trained::Dbn(dbn) => {
            let mut levels = Trained::of_net(&dbn.net)?;
            let classes = dbn.net.top().visible().classes();
            let names = dbn.origin.classes.clone();
            let top = classes.and_then(|_| Some((levels.pop()?, names)));
            let data = (dbn.net.units(0).kind(), dbn.origin.preprocessing.clone());
            Ok(Found { top, ..sigmoid(levels, data)? })
        }
        jobs::Trained::Autoencoder(autoencoder) => {
            let model = &autoencoder.model;
            let activations = (0..model.spec().layers.len()).map(|at| model.spec().activation(at));
            let activations = activations.collect();
            Ok(Found { levels: Trained::of_layers(model)?, top: None, activations, data: None })
        }
        other => wrong(format!(
            "it is {}; a machine, a deep belief net or an autoencoder has levels to begin with",
            other.kind().one()
        )),
    }
}
