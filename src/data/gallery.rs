//! Folders of pictures: a folder for each class, below `train` and `test` where there are both, or pictures alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::cases::Cases;
use super::images::{fill, resize};
use super::input::Input;
use super::labels::{Labels, RawPart};
use super::listing::{entries, folders};
use super::picture::decode;
use super::pixels::Grey;
use super::set::{DataSet, ImageShape};
use super::values::Values;
use crate::error::Result;

const READ: [&str; 3] = ["png", "jpg", "jpeg"];
const UNREAD: [&str; 9] = ["bmp", "gif", "pgm", "ppm", "tif", "tiff", "webp", "heic", "svg"];
/// Folders of the parts. Cases for validation are held out of those for training; a folder of them serves for testing
/// where there is no other.
const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 5] = ["test", "testing", "val", "valid", "validation"];

/// The pictures of each class.
type Classes = Vec<(String, Vec<PathBuf>)>;

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    path.is_file() && extension.is_some_and(|e| known.contains(&e.as_str()))
}

fn pictures(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| has_extension(path, &READ)).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn classes(folder: &Path) -> Classes {
    let class = |folder: PathBuf| (name_of(&folder), pictures(&folder));
    folders(folder).into_iter().map(class).filter(|(_, pictures)| !pictures.is_empty()).collect()
}

/// The name of one picture of a kind that is not read, in the folder or in a folder in it.
pub(super) fn unread_picture(folder: &Path) -> Option<String> {
    let here =
        |folder: &Path| entries(folder).into_iter().find(|path| has_extension(path, &UNREAD));
    let found = here(folder).or_else(|| folders(folder).iter().find_map(|inner| here(inner)));
    found.map(|path| name_of(&path))
}

/// The pictures of a folder.
pub(super) enum Gallery {
    /// By class; those for testing where they stand apart.
    Classes(Classes, Option<Classes>),
    Alone(Vec<PathBuf>),
}

/// The pictures of a folder, if it has any.
pub(super) fn find(folder: &Path) -> Option<Gallery> {
    let inner = folders(folder);
    let part = |names: &[&str]| {
        let wanted = |name: &&str| inner.iter().find(|f| name_of(f).eq_ignore_ascii_case(name));
        let found = names.iter().filter_map(&wanted).map(|folder| classes(folder));
        found.into_iter().find(|classes| !classes.is_empty())
    };
    if let Some(train) = part(&TRAIN) {
        return Some(Gallery::Classes(train, part(&TEST)));
    }
    let classes = classes(folder);
    if !classes.is_empty() {
        return Some(Gallery::Classes(classes, None));
    }
    Some(pictures(folder)).filter(|all| !all.is_empty()).map(Gallery::Alone)
}

impl Gallery {
    /// The cases for training, and for testing.
    pub fn read(self, name: &str) -> Result<(RawPart, Option<RawPart>)> {
        Ok(match self {
            Gallery::Classes(train, test) => {
                let test = test.map(|test| of_classes(test, format!("{name} (test)")));
                (of_classes(train, name.into())?, test.transpose()?)
            }
            Gallery::Alone(pictures) => (of_pictures(&pictures, name.into())?, None),
        })
    }
}

/// A picture of each class in turn, so that the first cases are not all of one.
fn of_classes(classes: Classes, name: String) -> Result<RawPart> {
    let most = classes.iter().map(|(_, pictures)| pictures.len()).max().unwrap_or(0);
    let (mut paths, mut labels) = (Vec::new(), Vec::new());
    for turn in 0..most {
        for (class, pictures) in &classes {
            if let Some(path) = pictures.get(turn) {
                paths.push(path.clone());
                labels.push(class.clone());
            }
        }
    }
    let mut part = of_pictures(&paths, name)?;
    let names: Vec<&str> = classes.iter().map(|(class, _)| class.as_str()).take(5).collect();
    let more = if classes.len() > names.len() { " …" } else { "" };
    part.set.notices.insert(
        0,
        format!(
            "{}: {} pictures, whose folders name {} classes ({}{more})",
            part.set.name,
            paths.len(),
            classes.len(),
            names.join(", ")
        ),
    );
    part.labels = Some(Labels::from_words(labels));
    Ok(part)
}

fn of_pictures(paths: &[PathBuf], name: String) -> Result<RawPart> {
    let read = |path: &PathBuf| {
        let pixels = decode(Input::open(path)?)?;
        Ok((pixels.shape, pixels.grey(path)))
    };
    let read: Vec<(ImageShape, Grey)> = paths.par_iter().map(read).collect::<Result<_>>()?;
    let mut notices = common_notices(&name, paths, &read);
    let ground_chosen = read.iter().any(|(_, grey)| grey.ground_chosen);
    let unit = read.iter().map(|(_, grey)| grey.unit).fold(0.0, f32::max);
    let mut sizes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    read.iter().for_each(|(s, _)| *sizes.entry((s.height, s.width)).or_default() += 1);
    let common = sizes.iter().max_by_key(|(_, count)| **count).map_or((1, 1), |(size, _)| *size);
    let mut shape = ImageShape { height: common.0, width: common.1 };
    let mut values: Vec<Values> = Vec::with_capacity(read.len());
    if sizes.len() > 1 {
        let side = shape.height.max(shape.width);
        shape = ImageShape { height: side, width: side };
        notices.push(format!(
            "{name}: pictures of {} sizes, all brought to {shape}, as the most are; those that are not square are padded",
            sizes.len()
        ));
        let fit = |(from, grey): (ImageShape, Grey)| {
            let case = Cases::new(grey.values, 1, from.height * from.width)?;
            let (case, from) = fill(&case, from, shape)?;
            Ok(resize(&case, from, shape)?.values().clone())
        };
        values = read.into_par_iter().map(fit).collect::<Result<_>>()?;
    } else {
        values.extend(read.into_iter().map(|(_, grey)| grey.values));
    }
    let cases = Cases::new(joined(values), paths.len(), shape.height * shape.width)?;
    let mut set = DataSet::new(name, cases).image(shape);
    (set.notices, set.ground_chosen) = (notices, ground_chosen);
    Ok(RawPart { set, labels: None, unit, pictures: true })
}

/// Bytes where all are such and of one scale.
fn joined(values: Vec<Values>) -> Values {
    let scale = values
        .first()
        .and_then(|v| if let Values::U8 { scale, .. } = v { Some(*scale) } else { None });
    let bytes = |v: &Values| matches!(v, Values::U8 { scale: own, .. } if Some(*own) == scale);
    if let Some(scale) = scale.filter(|_| values.iter().all(bytes)) {
        let all = values
            .into_iter()
            .flat_map(|v| if let Values::U8 { values, .. } = v { values } else { Vec::new() });
        return Values::U8 { values: all.collect(), scale };
    }
    let floats = values.into_iter().flat_map(|v| match v {
        Values::U8 { values, scale } => values.into_iter().map(|x| f32::from(x) * scale).collect(),
        Values::Bits(bits) => bits.into_iter().map(f32::from).collect(),
        Values::F32(values) => values,
    });
    Values::F32(floats.collect())
}

/// What was said of single pictures, once, with their number.
fn common_notices(name: &str, paths: &[PathBuf], read: &[(ImageShape, Grey)]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (path, (_, grey)) in paths.iter().zip(read) {
        let prefix = format!("{}: ", path.display());
        for notice in &grey.notices {
            let text = notice.strip_prefix(&prefix).unwrap_or(notice);
            *counts.entry(text.to_string()).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .map(|(text, count)| format!("{name}: {count} of {} pictures: {text}", paths.len()))
        .collect()
}
