//! What a user says of a source that does not say it itself.

use serde::{Deserialize, Serialize};

use super::set::{DataSet, ImageShape};
use crate::error::{Error, Result};
use crate::interval::Interval;

/// How a source is read, where it does not tell by itself.
///
/// ```
/// use harmonium::data::{self, Reading};
/// # let folder = std::env::temp_dir().join(format!("harmonium-reading-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("flowers.csv");
/// std::fs::write(&path, "length,kind\n8,rose\n2,daisy\n16,rose\n").unwrap();
/// let reading = Reading::default().labels("kind").scale(16.0);
/// let flowers = data::load_with(path.to_str().unwrap(), &reading)?.train;
/// assert_eq!(flowers.classes, ["daisy", "rose"]);
/// assert_eq!(flowers.labels, Some(vec![1, 0, 1]));
/// assert_eq!(flowers.cases.row(0), [0.5]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Reading {
    /// Where the labels are. Of a csv the column, by its name or by its number counted from 1, or `last`; of arrays
    /// another array of the same .npz, or a file; `none` where nothing is to be taken for labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Which array of a .npz holds the cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// What the number 1 stands for: every number is divided by it. Above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f32>,
    /// The names of a table's columns of data, in the order that a case has them; empty where the table names none. Tables
    /// that name the same columns in another order are put into this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Which number was seen to stand for 1, as [`DataSet::one`] has it, where no scale is given: other files are divided by
    /// it too, as far as their numbers allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one: Option<f32>,
    /// Whether the source is known to be made of pictures: a scale is then for pictures too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pictures: bool,
    /// The residues that the numbers of aligned sequences stand for; else they are seen from the sequences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residues: Option<String>,
    /// The scale that a model was trained with, and whether on pictures: others than those of its training say themselves what
    /// is white.
    #[serde(skip)]
    pub(super) trained_scale: Option<(f32, bool)>,
    /// The column of labels that a model was trained with: where a table that names the model's columns has it too, it
    /// holds the labels.
    #[serde(skip)]
    pub(super) trained_labels: Option<String>,
    /// Whether labels are left out where some are missing.
    #[serde(skip)]
    pub(super) labels_optional: bool,
    /// What pictures of several sizes are brought to; else the size that most have.
    #[serde(skip)]
    pub(super) size: Option<ImageShape>,
}

impl Reading {
    /// The scales that there are.
    pub const SCALE: Interval = Interval::above(0.0);

    /// All that can be said.
    pub fn of(labels: Option<String>, array: Option<String>, scale: Option<f32>) -> Self {
        Reading { labels, array, scale, ..Reading::default() }
    }

    /// The same with labels from there.
    #[must_use]
    pub fn labels(self, labels: impl Into<String>) -> Self {
        Reading { labels: Some(labels.into()), ..self }
    }

    /// The same with this array.
    #[must_use]
    pub fn array(self, array: impl Into<String>) -> Self {
        Reading { array: Some(array.into()), ..self }
    }

    /// The same with this scale.
    #[must_use]
    pub fn scale(self, scale: f32) -> Self {
        Reading { scale: Some(scale), ..self }
    }

    /// The same of a table whose columns of data have these names.
    #[must_use]
    pub fn columns(self, columns: Vec<String>) -> Self {
        Reading { columns, ..self }
    }

    /// The same for a model that was trained on data read as `training` says: the columns are taken by its names.
    #[must_use]
    pub(crate) fn for_model(self, training: &Reading, size: Option<ImageShape>) -> Self {
        Reading { trained_labels: training.labels.clone(), size, ..self.like(training) }
    }

    /// The same for data that are to mean what those mean that were read as `other` says: columns by name, the numbers' scale,
    /// residues.
    #[must_use]
    pub(crate) fn like(self, other: &Reading) -> Self {
        Reading {
            columns: other.columns.clone(),
            one: other.one.filter(|one| one.is_finite() && *one > 0.0),
            residues: other.residues.clone(),
            trained_scale: other.scale.map(|scale| (scale, other.pictures)),
            ..self
        }
    }

    /// The same with what was seen of the source itself.
    #[must_use]
    pub(crate) fn seen(self, set: &DataSet) -> Self {
        Reading {
            columns: set.columns.clone(),
            scale: self.scale.or(set.scale),
            one: set.one,
            pictures: set.pictures,
            residues: set.residues.clone(),
            ..self
        }
    }

    /// The same where labels are not needed: they are left out where some are missing.
    #[must_use]
    pub(crate) fn without_need_of_labels(self, optional: bool) -> Self {
        Reading { labels_optional: optional, ..self }
    }

    /// The same, and of `other` what this does not say.
    #[must_use]
    pub fn or(self, other: &Reading) -> Self {
        Reading {
            labels: self.labels.or_else(|| other.labels.clone()),
            array: self.array.or_else(|| other.array.clone()),
            scale: self.scale.or(other.scale),
            columns: if self.columns.is_empty() { other.columns.clone() } else { self.columns },
            ..self
        }
    }

    /// The scale that is given for such a source, here or in the training of the model that reads it.
    pub(super) fn given_scale(&self, pictures: bool) -> Option<f32> {
        let trained = self.trained_scale.filter(|(_, of_pictures)| *of_pictures || !pictures);
        self.scale.or(trained.map(|(scale, _)| scale))
    }

    /// Whether nothing is to be taken for labels.
    pub(super) fn no_labels(&self) -> bool {
        self.labels.as_deref() == Some("none")
    }

    /// That the scale is one.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<()> {
        self.scale.map_or(Ok(()), |scale| Self::SCALE.check("scale", scale))
    }

    /// The setting of these that means nothing for a source of this kind, refused.
    pub(super) fn refuse(&self, unused: &[&'static str], source: &str, why: &str) -> Result<()> {
        let given = [
            ("labels", self.labels.is_some() && !self.no_labels()),
            ("array", self.array.is_some()),
            ("scale", self.scale.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && unused.contains(name)) {
            Some((name, _)) => {
                Err(Error::setting(*name, format!("means nothing for {source}: {why}")))
            }
            None => Ok(()),
        }
    }
}
