//! Classifiers between files and devices, and data made ready for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::shown::Shown;
use crate::data::{Cases, DataSet, ImageShape, Part, PictureInput, Preprocessing, Reading};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::{Predictions, predict};
use crate::jobs::choice::TrainedOn;
use crate::jobs::classes::known_classes;
use crate::jobs::file::{Training, put_preprocessing, take_json, take_preprocessing};
use crate::jobs::rows::{layer_at, map_rows};
use crate::jobs::{Choice, Chosen, Pieces};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::layers::{Pass, Workspace};
use crate::models::network::OutputSpec;
use crate::models::{Model, Network, NetworkSpec};
use crate::run::{ModelFile, ModelKind};

/// What a classifier was trained on, and how it sees that.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// What is done to pictures first.
    pub input: PictureInput,
    /// What is done to values before that; where they are standardised, cases need not be pictures.
    pub preprocessing: Preprocessing,
    /// A name for each class.
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

const NETWORK_KEY: &str = "harmonium.network";
const INPUT_KEY: &str = "harmonium.input";
const CLASSES_KEY: &str = "harmonium.classes";

impl Origin {
    /// A classifier of these classes, seed 1.
    pub fn new(input: PictureInput, classes: Vec<String>) -> Self {
        Origin {
            input,
            preprocessing: Preprocessing::default(),
            classes,
            seed: 1,
            data: None,
            reading: Reading::default(),
            metadata: BTreeMap::new(),
        }
    }

    /// How its cases are shown.
    pub fn shown(&self) -> Shown<'_> {
        let Origin { input, preprocessing, classes, .. } = self;
        let [height, width] = [0, 1].map(|side| input.size[side] + 2 * input.margin[side]);
        Shown { image: (height, width), classes, preprocessing }
    }

    pub(super) fn trained_on(&self) -> TrainedOn<'_> {
        let [height, width] = self.input.size;
        let image = Some(ImageShape { height, width });
        TrainedOn { data: self.data.as_deref(), reading: &self.reading, image }
    }

    /// A network of this origin as a file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) for what has no JSON form; device errors.
    pub fn file(&self, network: &mut dyn Model) -> Result<ModelFile> {
        let mut file = ModelFile::of(network)?;
        file.metadata.extend(self.metadata.clone());
        Training::put(self.seed, self.data.as_deref(), &self.reading, &mut file);
        put_preprocessing(&self.preprocessing, &mut file);
        for (key, json) in [
            (INPUT_KEY, serde_json::to_string(&self.input)),
            (CLASSES_KEY, serde_json::to_string(&self.classes)),
        ] {
            let json = json.map_err(|e| file.wrong(format!("metadata {key}"), e.to_string()))?;
            file.metadata.insert(key.into(), json);
        }
        Ok(file)
    }
}

/// A classifier on a device, and where it comes from.
#[derive(Debug)]
pub struct TrainedNetwork {
    /// The classifier.
    pub network: Network,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedNetwork {
    /// The network of a file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File), naming the tensor or the metadata key, for another kind of model and
    /// for everything that does not fit together. [`Error::Setting`](crate::Error::Setting) where the
    /// description makes no network. Device errors.
    pub fn from_file(mut file: ModelFile, device: &Device) -> Result<Self> {
        file.check_kind(ModelKind::Network)?;
        let spec: NetworkSpec = take_json(&mut file, NETWORK_KEY)?;
        let input: PictureInput = take_json(&mut file, INPUT_KEY)?;
        let classes: Vec<String> = take_json(&mut file, CLASSES_KEY)?;
        let wrong = |detail: String| file.wrong(format!("metadata {INPUT_KEY}"), detail);
        input.check().map_err(|e| wrong(e.to_string()))?;
        let pictures = input.shape().map_err(|e| wrong(e.to_string()))?;
        if pictures != spec.input || classes.len() != spec.classes {
            return Err(wrong(format!(
                "pictures of {pictures:?} and {} classes do not fit the network's {:?} and {}",
                classes.len(),
                spec.input,
                spec.classes
            )));
        }
        let preprocessing = take_preprocessing(&mut file)?;
        let mut network = Network::new(device, &spec, 1)?;
        file.restore(&mut network)?;
        let Training { seed, data, reading } = Training::take(&mut file);
        let metadata = std::mem::take(&mut file.metadata);
        let origin = Origin { input, preprocessing, classes, seed, data, reading, metadata };
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        Ok(TrainedNetwork { network, origin, notices, path })
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cases as the network sees them.
    ///
    /// # Errors
    /// Those of [`data::load`](crate::data::load); [`Error::Setting`](crate::Error::Setting) where there is no
    /// such part; [`Error::Data`](crate::Error::Data) where the cases are no pictures, or of classes that the
    /// network does not know.
    pub fn cases(&self, choice: &Choice<'_>) -> Result<Chosen> {
        self.pieces(choice)?.whole()
    }

    /// The same, piece by piece where they are read in pieces.
    ///
    /// # Errors
    /// As [`TrainedNetwork::cases`].
    pub fn pieces(&self, choice: &Choice<'_>) -> Result<Pieces<'_>> {
        let standardized = self.origin.preprocessing.mean.is_some();
        let treat = |set, name: &str, part| self.treat(set, name, part);
        choice.pieces(self.origin.trained_on(), !standardized, treat)
    }

    /// The cases of one part of the data `name` as the network sees them.
    fn treat(&self, mut set: DataSet, name: &str, part: Part) -> Result<Chosen> {
        let Origin { preprocessing, input, seed, .. } = &self.origin;
        let standardized = preprocessing.mean.is_some();
        let labels = known_classes(&mut set, &self.origin.classes, "network")?;
        let cases = match standardized {
            true => set.cases.clone(),
            false => {
                self.check_rows(&mut set)?;
                set.notices.extend(input.notice(&set));
                input.prepare(&set)?
            }
        };
        let cases = preprocessing.apply_for_evaluation(cases, *seed, part)?;
        let DataSet { files, ground_chosen, notices, .. } = set;
        Ok(Chosen { cases, labels, data: name.into(), part, files, ground_chosen, notices })
    }

    /// That rows are as long as those that the network learnt from, where it learnt from rows: they are no pictures to be
    /// brought to its size. What may be either is told.
    fn check_rows(&self, set: &mut DataSet) -> Result<()> {
        let Origin { input: PictureInput { size: [height, width], .. }, reading, .. } =
            &self.origin;
        let (found, rows) = (set.cases.width(), set.guessed || set.image.is_none());
        let wanted = match reading.columns.len() {
            0 if *height == 1 => *width,
            named if named > 0 && rows => named,
            _ => found,
        };
        if found != wanted {
            let detail = format!("{found} values a case, and the network takes {wanted}");
            return Err(Error::data(&set.name, detail));
        }
        if let (Some(image), true) = (set.image, rows && found != height * width) {
            set.notices.push(format!(
                "{}: {found} values a case are taken for pictures of {image} pixels, and brought to {height}×{width}",
                set.name
            ));
        }
        Ok(())
    }

    /// What layer `level` gives for each case, `[cases, values]`, and how many values these are. Layers are counted from
    /// 1 as the network describes them, those that drop units or change shapes alone left out; where it is not given it is
    /// the last one before the outputs: of LeNet-5 F6, whether its outputs are a layer or radial basis functions.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a layer that there is not; device errors.
    pub fn transform(&self, cases: &Cases, level: Option<usize>) -> Result<(Vec<f32>, usize)> {
        let layers = self.network.layers();
        let (at, units) = self.layer_at(level)?;
        let ([c, h, w], (mean, deviation)) =
            (self.network.spec().input, self.origin.input.spread());
        let inverse = 1.0 / deviation;
        let values = map_rows(self.network.device(), cases, |x| {
            let rows = x.shape().dims()[0];
            let mut x = x.try_clone()?.reshape(&[rows, c, h, w])?;
            let spread = Elementwise::Affine(inverse, -mean * inverse);
            elementwise_in_place(spread, &mut x, None)?;
            let mut space = Workspace::new();
            let given = layers.forward_through(0..at + 1, &x, Pass::Evaluate, &mut space)?;
            given.try_clone()?.reshape(&[rows, units])
        })?;
        Ok((values, units))
    }

    /// The name of the layer that [`TrainedNetwork::transform`] gives.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a layer that there is not.
    pub fn layer_name(&self, level: Option<usize>) -> Result<String> {
        let (at, _) = self.layer_at(level)?;
        Ok(self.network.layers().stages().nth(at).map_or(String::new(), |stage| stage.name.into()))
    }

    fn layer_at(&self, level: Option<usize>) -> Result<(usize, usize)> {
        // These outputs have no parameters that are trained, and are no layer.
        let beside = matches!(self.network.spec().output, OutputSpec::Rbf { .. });
        layer_at(self.network.layers(), level, ("network", beside))
    }

    /// The probability of each class for each case. Pictures without contrast get no class.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// As [`predict`].
    pub fn predict(&self, cases: &Cases) -> Result<Predictions> {
        let mut found = predict(&self.network, cases, &self.origin.input, None)?;
        for case in self.blank(cases) {
            found.predicted[case] = found.classes as u32;
        }
        Ok(found)
    }
}
