//! Classification machines between files and devices: what they make of cases, and what they draw.

use std::path::{Path, PathBuf};

use crate::data::{Cases, ImageShape};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::Predictions;
use crate::jobs::dbn::Origin;
use crate::jobs::file::{Training, take_image, take_json, take_preprocessing};
use crate::jobs::network::Shown;
use crate::jobs::rbm::{Held, Keep, Sampling, Watch, run_chains};
use crate::jobs::rows::{Reconstruction, for_picture, map_rows, upload_rows};
use crate::jobs::{Choice, Chosen, Pieces};
use crate::models::{ClassRbm, Rbm, UnitKind};
use crate::random::ChainDraw;
use crate::run::features::{Answer, LayerPicture, Maps, features};
use crate::run::png_file::Picture;
use crate::run::{ModelFile, ModelKind};
use crate::tensor::Tensor;

const VISIBLE_KEY: &str = "harmonium.visible";
const CLASSES_KEY: &str = "harmonium.classes";

/// Chains of a classification machine.
#[derive(Debug, Clone)]
pub struct ClassSampling<'a> {
    /// How many, where no classes are given.
    pub count: usize,
    /// The class of each chain, which its label is held at.
    pub classes: Option<Vec<usize>>,
    /// Gibbs steps of each.
    pub steps: u64,
    /// Of the starts and of all draws.
    pub draw: ChainDraw,
    /// What of the chains' ends is kept.
    pub keep: Keep,
    /// Who is told of the steps.
    pub watch: Watch<'a>,
}

/// Runs chains of a machine to their ends, and gives their features `[count, I]`.
///
/// # Errors
/// [`Error::Setting`] for a class that there is not; [`Error::Data`] where so many do not fit in memory; device errors.
pub fn sample(machine: &ClassRbm, sampling: &ClassSampling<'_>) -> Result<Vec<f32>> {
    let (features, classes) = (machine.features(), machine.classes());
    let width = features + classes;
    if let Some(class) = sampling.classes.iter().flatten().find(|class| **class >= classes) {
        let detail = format!("{class} is none of the {classes}, which are counted from 0");
        return Err(Error::setting("class", detail));
    }
    let held = sampling.classes.as_ref().map(|chosen| {
        let mut values = vec![0.0; chosen.len() * width];
        for (row, class) in values.chunks_mut(width).zip(chosen) {
            row[features + class] = 1.0;
        }
        Held { mask: (0..width).map(|unit| unit >= features).collect(), values }
    });
    let both = run_chains(
        machine.joint(),
        &Sampling {
            count: sampling.classes.as_ref().map_or(sampling.count, Vec::len),
            steps: sampling.steps,
            draw: sampling.draw,
            init: None,
            keep: sampling.keep,
            held: held.as_ref(),
            ladder: None,
            watch: sampling.watch,
        },
    )?;
    Ok(both.chunks(width).flat_map(|row| row[..features].iter().copied()).collect())
}

/// What a machine says of cases, and the losses of their own classes where these are known.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) where labels do not fit; device errors.
pub fn predict(machine: &ClassRbm, cases: &Cases, labels: Option<&[u32]>) -> Result<Predictions> {
    let energies = map_rows(machine.device(), cases, |x| machine.joint().class_free_energies(x))?;
    Predictions::of_energies(&energies, machine.classes(), labels)
}

/// A classification machine on a device, and where it comes from.
#[derive(Debug)]
pub struct TrainedClassRbm {
    /// The machine.
    pub machine: ClassRbm,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedClassRbm {
    /// The machine of a file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File), naming the tensor or the metadata key, for another kind of model and for
    /// everything that does not fit together. Device errors.
    pub fn from_file(mut file: ModelFile, device: &Device) -> Result<Self> {
        file.check_kind(ModelKind::ClassRbm)?;
        let units = file.metadata.remove(VISIBLE_KEY).unwrap_or_default();
        let visible = match units.parse() {
            Ok(kind @ UnitKind::Labelled(_)) => kind,
            _ => {
                let detail = format!("'{units}', expected bernoulli+softmax:CLASSES");
                return Err(file.wrong(format!("metadata {VISIBLE_KEY}"), detail));
            }
        };
        let tensor = |name: &str| match file.tensors.get(name) {
            Some(array) => Tensor::from_f32(device, &array.shape, &array.values),
            None => Err(file.wrong(format!("tensor {name}"), "missing")),
        };
        let hidden = UnitKind::Bernoulli;
        let joint = Rbm::from_parts(visible, hidden, tensor("W")?, tensor("b")?, tensor("a")?);
        let wrong = |e: crate::Error| file.wrong("tensor W".to_string(), e.to_string());
        let machine = ClassRbm::from_joint(joint.map_err(wrong)?)?;
        let preprocessing = take_preprocessing(&mut file)?;
        let classes: Vec<String> = match file.metadata.contains_key(CLASSES_KEY) {
            true => take_json(&mut file, CLASSES_KEY)?,
            false => (0..machine.classes()).map(|class| class.to_string()).collect(),
        };
        if classes.len() != machine.classes() {
            let detail = format!("{} names for {} classes", classes.len(), machine.classes());
            return Err(file.wrong(format!("metadata {CLASSES_KEY}"), detail));
        }
        let Training { seed, data, reading } = Training::take(&mut file);
        let image = take_image(&mut file, machine.features());
        let image = image.or_else(|| ImageShape::guess(machine.features()));
        let metadata = std::mem::take(&mut file.metadata);
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        let origin = Origin { preprocessing, image, classes, seed, data, reading, metadata };
        Ok(TrainedClassRbm { machine, origin, notices, path })
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cases as the machine was trained to see them.
    ///
    /// # Errors
    /// As for deep belief nets ([`TrainedDbn::cases`](crate::jobs::TrainedDbn::cases)).
    pub fn cases(&self, choice: &Choice<'_>) -> Result<Chosen> {
        self.pieces(choice)?.whole()
    }

    /// The same, piece by piece where they are read in pieces.
    ///
    /// # Errors
    /// As [`TrainedClassRbm::cases`].
    pub fn pieces(&self, choice: &Choice<'_>) -> Result<Pieces<'_>> {
        self.origin.pieces(choice, self.machine.joint().visible().features(), "machine")
    }

    /// The mean of p(h | x) of each case, the class summed out: `[cases, J]`.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// Device errors.
    pub fn transform(&self, cases: &Cases) -> Result<Vec<f32>> {
        map_rows(self.machine.device(), cases, |x| self.machine.mean_h_from_x(x))
    }

    /// x → the mean of p(h | x) → the mean of x, without noise.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, cases: &Cases) -> Result<Reconstruction> {
        Reconstruction::of(self.machine.device(), cases, |x| self.machine.reconstruct(x))
    }

    /// What it says of cases.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) where labels do not fit; device errors.
    pub fn predict(&self, cases: &Cases, labels: Option<&[u32]>) -> Result<Predictions> {
        predict(&self.machine, cases, labels)
    }

    /// Runs chains to their ends, and gives their features `[count, I]`.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) where so many do not fit in memory; device errors.
    pub fn sample(&self, sampling: &ClassSampling<'_>) -> Result<Vec<f32>> {
        sample(&self.machine, sampling)
    }

    /// The hidden means of one of the cases, what comes back of it, and its class, on a sheet with this title.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) where there is no such case; where it cannot be drawn; device errors.
    pub fn features(&self, chosen: &Chosen, case: usize, title: &str) -> Result<Picture> {
        chosen.check_case(case)?;
        let machine = &self.machine;
        let x = upload_rows(machine.device(), &chosen.cases, case, 1)?;
        let (height, width) = self.image_shape().unwrap_or((1, machine.features()));
        let picture = |values: Vec<f32>| Maps { count: 1, height, width, values };
        let hidden = machine.mean_h_from_x(&x)?.to_vec()?;
        let [mut values, mut again] = [x.to_vec()?, machine.reconstruct(&x)?.to_vec()?];
        self.for_picture(&mut values)?;
        self.for_picture(&mut again)?;
        let layers = [
            LayerPicture {
                title: format!("{} hidden units, means", hidden.len()),
                maps: Maps { count: hidden.len(), height: 1, width: 1, values: hidden },
                ..LayerPicture::default()
            },
            LayerPicture {
                title: "Back through the hidden units, by means".into(),
                maps: picture(again),
                ..LayerPicture::default()
            },
        ];
        let found = self.predict(&chosen.cases.select(&[case as u32])?, None)?;
        let said = found.predicted.first().map(|&class| class as usize);
        let answer = Answer {
            names: self.origin.classes.clone(),
            predicted: said.filter(|&class| class < machine.classes()),
            probabilities: found.probabilities,
            truth: chosen.labels.as_ref().and_then(|l| Some(*l.get(case)? as usize)),
        };
        features(title, &picture(values), &layers, Some(&answer))
    }

    /// Values as a person wants to see them: in the data's own scale. And what black and white are.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) where they are no rows of the data's width.
    pub fn for_picture(&self, values: &mut [f32]) -> Result<(f32, f32)> {
        for_picture(&self.origin.preprocessing, UnitKind::Bernoulli, values)
    }

    /// The (height, width) of a case.
    pub fn image_shape(&self) -> Option<(usize, usize)> {
        self.origin.image.map(|i| (i.height, i.width))
    }

    /// How its cases are shown.
    pub fn shown(&self) -> Shown<'_> {
        let image = self.image_shape().unwrap_or((1, self.machine.features()));
        let origin = &self.origin;
        Shown { image, classes: &origin.classes, preprocessing: &origin.preprocessing }
    }
}
