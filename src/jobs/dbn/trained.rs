//! Deep belief nets between files and devices: what they make of cases, and what they dream.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::{Cases, DataSet, ImageShape, Part, Preprocessing, Reading};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::Predictions;
use crate::jobs::choice::TrainedOn;
use crate::jobs::classes::known_classes;
use crate::jobs::file::{
    Training, put_image, put_preprocessing, take_image, take_json, take_preprocessing,
};
use crate::jobs::rbm::{Keep, Watch};
use crate::jobs::rows::{ROWS, Reconstruction, for_picture, map_rows};
use crate::jobs::{Choice, Chosen, Pieces};
use crate::models::{DbnSpec, DeepBeliefNet, Model, UnitKind, Units};
use crate::random::{ChainDraw, ChainStreams};
use crate::run::{ModelFile, ModelKind};

const SPEC_KEY: &str = "harmonium.dbn";
const CLASSES_KEY: &str = "harmonium.classes";

/// What a deep belief net was trained on, and what was fitted to that.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// What is done to data before the net sees them.
    pub preprocessing: Preprocessing,
    /// How a case is shown as a picture.
    pub image: Option<ImageShape>,
    /// A name for each class whose labels are joined; else none.
    pub classes: Vec<String>,
    /// Of the training.
    pub seed: u64,
    /// What the data are called, where that is known.
    pub data: Option<String>,
    /// How they were read.
    pub reading: Reading,
    /// Further keys of its file, kept as they are.
    pub metadata: BTreeMap<String, String>,
}

impl Default for Origin {
    /// Of nothing that is known, with the seed 1, which is that of a file without one.
    fn default() -> Self {
        Origin {
            preprocessing: Preprocessing::default(),
            image: None,
            classes: Vec::new(),
            seed: 1,
            data: None,
            reading: Reading::default(),
            metadata: BTreeMap::new(),
        }
    }
}

impl Origin {
    /// A net of this origin as a file.
    ///
    /// # Errors
    /// [`Error::File`] for what has no JSON form; device errors.
    pub fn file(&self, net: &mut dyn Model) -> Result<ModelFile> {
        let mut file = ModelFile::of(net)?;
        file.metadata.extend(self.metadata.clone());
        Training::put(self.seed, self.data.as_deref(), &self.reading, &mut file);
        put_preprocessing(&self.preprocessing, &mut file);
        put_image(self.image, &mut file);
        if !self.classes.is_empty() {
            let json = serde_json::to_string(&self.classes)
                .map_err(|e| file.wrong(format!("metadata {CLASSES_KEY}"), e.to_string()))?;
            file.metadata.insert(CLASSES_KEY.into(), json);
        }
        Ok(file)
    }
}

impl Origin {
    /// What a file says of a model of so many values, beside its classes and the preprocessing, which are taken out.
    pub(in crate::jobs) fn take(
        file: &mut ModelFile,
        preprocessing: Preprocessing,
        values: usize,
        classes: Vec<String>,
    ) -> Self {
        let Training { seed, data, reading } = Training::take(file);
        let image = take_image(file, values).or_else(|| ImageShape::guess(values));
        let metadata = std::mem::take(&mut file.metadata);
        Origin { preprocessing, image, classes, seed, data, reading, metadata }
    }

    /// Cases as a `model` whose visible units these are was trained to see them.
    ///
    /// # Errors
    /// Those of [`data::load`](crate::data::load); [`Error::Setting`] where there is no such part; [`Error::Data`] for
    /// another width, for values that its units cannot have, and for classes that it does not know.
    pub(in crate::jobs) fn pieces<'m>(
        &'m self,
        choice: &Choice<'_>,
        units: Units,
        model: &'static str,
    ) -> Result<Pieces<'m>> {
        let (data, image) = (self.data.as_deref(), self.image);
        let trained_on = TrainedOn { data, reading: &self.reading, image };
        let treat = move |set, name: &str, part| self.treat((set, name, part), units, model);
        choice.pieces(trained_on, units.kind() == UnitKind::Bernoulli, treat)
    }

    /// The cases of one part of the data as a `model` of such visible units sees them.
    fn treat(
        &self,
        (mut set, name, part): (DataSet, &str, Part),
        units: Units,
        model: &str,
    ) -> Result<Chosen> {
        let Origin { preprocessing, seed, classes, .. } = self;
        let (width, visible) = (set.cases.width(), units.count());
        if width != visible {
            let detail = format!("{width} values a case, and the {model} takes {visible}");
            return Err(Error::data(name, detail));
        }
        let labels = match classes.is_empty() {
            true => set.labels.take(),
            false => known_classes(&mut set, classes, model)?,
        };
        if units.kind() == UnitKind::Bernoulli {
            set.cases.check_unit_interval(name)?;
        }
        let cases = preprocessing.apply_for_evaluation(set.cases, *seed, part)?;
        let DataSet { files, ground_chosen, notices, .. } = set;
        Ok(Chosen { cases, labels, data: name.into(), part, files, ground_chosen, notices })
    }

    /// The number of a class by its name, or else, where no class is called by a number, by that number.
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no such class.
    pub fn class(&self, text: &str) -> Result<usize> {
        let classes = &self.classes;
        let by_name = classes.iter().position(|class| class == text);
        let numbered = classes.iter().any(|class| class.parse::<f64>().is_ok());
        let by_number =
            || text.parse().ok().filter(|&class: &usize| !numbered && class < classes.len());
        by_name.or_else(by_number).ok_or_else(|| {
            let known: Vec<&str> = classes.iter().map(String::as_str).take(20).collect();
            let detail = format!("{text} is none of the classes: {}", known.join(", "));
            Error::setting("class", detail)
        })
    }
}

/// What is to be dreamt.
#[derive(Debug, Clone)]
pub struct Dreaming<'a> {
    /// How many dreams, where no classes are given.
    pub count: usize,
    /// The class of each dream, which its label stays at.
    pub classes: Option<Vec<usize>>,
    /// Gibbs steps of the top.
    pub steps: u64,
    /// Of the starts and of all draws.
    pub draw: ChainDraw,
    /// What of the data's units is wanted.
    pub keep: Keep,
    /// Who is told of the steps.
    pub watch: Watch<'a>,
}

impl Dreaming<'_> {
    /// Means of the data's units, as pictures show them.
    pub fn pictures(count: usize, steps: u64, seed: u64) -> Self {
        let draw = ChainDraw::new(seed, ChainStreams::DREAMS);
        let (keep, watch) = (Keep::Means, Watch::default());
        Dreaming { count, classes: None, steps, draw, keep, watch }
    }

    /// A dream of each of these classes.
    pub fn of(self, classes: impl Into<Option<Vec<usize>>>) -> Self {
        Dreaming { classes: classes.into(), ..self }
    }
}

/// Dreams, `[count, N₀]`.
///
/// # Errors
/// [`Error::Setting`] for a class that there is not, and for averages, which are of machines' own chains; device errors.
pub fn dream(net: &DeepBeliefNet, dreaming: &Dreaming<'_>) -> Result<Vec<f32>> {
    let Dreaming { count, classes, steps, draw, keep, watch } = dreaming;
    if *keep == Keep::Average {
        let detail =
            "a net's chains are its top's, far from the values whose means would be averaged";
        return Err(Error::setting("keep", detail));
    }
    let count = classes.as_ref().map_or(*count, Vec::len);
    let mut values = Vec::new();
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        let draw = draw.from_chain(first as u32);
        let mut dreams = match classes {
            None => crate::models::Dreams::start(net, rows, draw)?,
            Some(classes) => {
                crate::models::Dreams::of_classes(net, &classes[first..first + rows], draw)?
            }
        };
        watch.over(*steps, rows, |steps| dreams.step(steps))?;
        let found = if *keep == Keep::Means { dreams.means()? } else { dreams.samples()? };
        values.extend(found.to_vec()?);
    }
    Ok(values)
}

/// What a net with labels says of cases, and the losses of their own classes where these are known.
///
/// # Errors
/// [`Error::Setting`] where no labels are joined; [`Error::Data`] where labels do not fit; device errors.
pub fn predict(net: &DeepBeliefNet, cases: &Cases, labels: Option<&[u32]>) -> Result<Predictions> {
    let below = net.levels().len() - 1;
    let energies =
        map_rows(net.device(), cases, |v| net.top().class_free_energies(&net.up_means(v, below)?))?;
    Predictions::of_energies(&energies, net.classes().unwrap_or(0), labels)
}

/// A deep belief net on a device, and where it comes from.
#[derive(Debug)]
pub struct TrainedDbn {
    /// The net.
    pub net: DeepBeliefNet,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedDbn {
    /// The net of a file.
    ///
    /// # Errors
    /// [`Error::File`], naming the tensor or the metadata key; [`Error::Setting`] where the description makes no net.
    /// Device errors.
    pub fn from_file(mut file: ModelFile, device: &Device) -> Result<Self> {
        file.check_kind(ModelKind::Dbn)?;
        let spec: DbnSpec = take_json(&mut file, SPEC_KEY)?;
        let preprocessing = take_preprocessing(&mut file)?;
        let mut net = DeepBeliefNet::from_spec(device, &spec, 1)?;
        file.restore(&mut net)?;
        let classes: Vec<String> = match (spec.classes, file.metadata.contains_key(CLASSES_KEY)) {
            (Some(_), true) => take_json(&mut file, CLASSES_KEY)?,
            (Some(classes), false) => (0..classes).map(|class| class.to_string()).collect(),
            (None, _) => Vec::new(),
        };
        if classes.len() != spec.classes.unwrap_or(0) {
            let detail = format!("{} names for {:?} classes", classes.len(), spec.classes);
            return Err(file.wrong(format!("metadata {CLASSES_KEY}"), detail));
        }
        let origin = Origin::take(&mut file, preprocessing, net.visible_count(), classes);
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        Ok(TrainedDbn { net, origin, notices, path })
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was trained on standardised values.
    pub fn standardized(&self) -> bool {
        self.origin.preprocessing.mean.is_some()
    }

    /// Cases as the net was trained to see them.
    ///
    /// # Errors
    /// Those of [`data::load`](crate::data::load); [`Error::Setting`] where there is no such part; [`Error::Data`] for
    /// another width, for values that its units cannot have, and for classes that it does not know.
    pub fn cases(&self, choice: &Choice<'_>) -> Result<Chosen> {
        self.pieces(choice)?.whole()
    }

    /// The same, piece by piece where they are read in pieces.
    ///
    /// # Errors
    /// As [`TrainedDbn::cases`].
    pub fn pieces(&self, choice: &Choice<'_>) -> Result<Pieces<'_>> {
        self.origin.pieces(choice, self.net.units(0), "net")
    }

    /// The means of level `level` (counted from 1; the top where it is not given) for each case, `[cases, units]`, and
    /// how many units it has.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// [`Error::Setting`] for a level that there is not; device errors.
    pub fn transform(&self, cases: &Cases, level: Option<usize>) -> Result<(Vec<f32>, usize)> {
        let levels = self.net.levels().len();
        let level = level.unwrap_or(levels);
        if !(1..=levels).contains(&level) {
            let detail = format!("{level} is outside 1 to {levels}, the net's levels");
            return Err(Error::setting("level", detail));
        }
        let values = map_rows(self.net.device(), cases, |v| self.net.up_means(v, level))?;
        Ok((values, self.net.units(level).count()))
    }

    /// Up and down through all layers, by means.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, cases: &Cases) -> Result<Reconstruction> {
        Reconstruction::of(self.net.device(), cases, |v| self.net.reconstruct(v))
    }

    /// The error of that alone.
    pub(super) fn error(net: &DeepBeliefNet, cases: &Cases) -> Result<f64> {
        Ok(Reconstruction::of(net.device(), cases, |v| net.reconstruct(v))?.error)
    }

    /// Dreams, `[count, N₀]`, in the net's own units.
    ///
    /// # Errors
    /// [`Error::Setting`] for a class that there is not, or where no labels are joined; device errors.
    pub fn dream(&self, dreaming: &Dreaming<'_>) -> Result<Vec<f32>> {
        dream(&self.net, dreaming)
    }

    /// The number of a class by its name, or else by that number.
    ///
    /// # Errors
    /// [`Error::Setting`] where no labels are joined, or there is no such class.
    pub fn class(&self, text: &str) -> Result<usize> {
        if self.origin.classes.is_empty() {
            let detail = "the net was trained without labels, and dreams of no class; train it with --join-labels";
            return Err(Error::setting("class", detail));
        }
        self.origin.class(text)
    }

    /// What it says of cases.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// [`Error::Setting`] where no labels are joined; device errors.
    pub fn predict(&self, cases: &Cases, labels: Option<&[u32]>) -> Result<Predictions> {
        if self.origin.classes.is_empty() {
            let detail = format!(
                "{} has no labels joined to its top, so that it knows no classes: train it with --join-labels, or as a \
                 classifier",
                self.path.display()
            );
            return Err(Error::setting("predict", detail));
        }
        predict(&self.net, cases, labels)
    }

    /// Values as a person wants to see them: in the data's own scale. And what black and white are.
    ///
    /// # Errors
    /// [`Error::Data`] where they are no rows of the data's width.
    pub fn for_picture(&self, values: &mut [f32]) -> Result<(f32, f32)> {
        for_picture(&self.origin.preprocessing, self.net.units(0).kind(), values)
    }

    /// The (height, width) of a case.
    pub fn image_shape(&self) -> Option<(usize, usize)> {
        self.origin.image.map(|i| (i.height, i.width))
    }
}
