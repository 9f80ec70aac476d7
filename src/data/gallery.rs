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
use super::reading::Reading;
use super::set::{DataSet, ImageShape};
use super::values::Values;
use crate::error::{Error, Result};

const READ: [&str; 3] = ["png", "jpg", "jpeg"];
/// How many names a note lists.
const LISTED: usize = 5;
const UNREAD: [&str; 9] = ["bmp", "gif", "pgm", "ppm", "tif", "tiff", "webp", "heic", "svg"];
/// Folders of the parts. Cases for validation are held out of those for training; a folder of them serves for testing
/// where there is no other.
const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 5] = ["test", "testing", "val", "valid", "validation"];

/// The pictures of each class.
type Classes = Vec<(String, Vec<PathBuf>)>;

fn is_one_of(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|e| known.contains(&e.as_str()))
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.is_file() && is_one_of(path, known)
}

fn pictures(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| has_extension(path, &READ)).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether the name is that of a picture that is read.
pub(super) fn is_picture(path: &Path) -> bool {
    is_one_of(path, &READ)
}

fn classes(folder: &Path) -> Classes {
    let class = |folder: PathBuf| (name_of(&folder), pictures(&folder));
    folders(folder).into_iter().map(class).filter(|(_, pictures)| !pictures.is_empty()).collect()
}

/// What folders hold that is left out: pictures of kinds that are not read and, where folders name classes, pictures beside
/// these and folders without any.
fn left_out(parts: &[&Path], by_class: bool) -> Vec<String> {
    let inner: Vec<PathBuf> = match by_class {
        true => parts.iter().flat_map(|part| folders(part)).collect(),
        false => parts.iter().map(|part| part.to_path_buf()).collect(),
    };
    let unread = |folder: &PathBuf| {
        let known = |path: &PathBuf| has_extension(path, &UNREAD);
        entries(folder).into_iter().filter(known).map(|path| name_of(&path)).collect::<Vec<_>>()
    };
    let unread: Vec<String> = inner.iter().flat_map(unread).collect();
    let empty: Vec<String> = inner
        .iter()
        .filter(|folder| by_class && pictures(folder).is_empty())
        .map(|folder| name_of(folder))
        .collect();
    let beside: Vec<String> = match by_class {
        true => parts.iter().flat_map(|part| pictures(part)).map(|path| name_of(&path)).collect(),
        false => Vec::new(),
    };
    let told = [
        left(&beside, |n, names| match n {
            1 => format!(
                "1 picture beside the folders of the classes is left out ({names}): put it into the folder of its class"
            ),
            n => format!(
                "{n} pictures beside the folders of the classes are left out ({names}): put them into the folders of their \
                 classes"
            ),
        }),
        left(&unread, |n, names| match n {
            1 => format!(
                "1 picture of a kind that is not read is left out ({names}): convert it to PNG"
            ),
            n => format!(
                "{n} pictures of kinds that are not read are left out ({names}): convert them to PNG"
            ),
        }),
        left(&empty, |n, names| match n {
            1 => format!("1 folder has no picture that is read, and is no class: {names}"),
            n => format!("{n} folders have no picture that is read, and are no classes: {names}"),
        }),
    ];
    told.into_iter().flatten().collect()
}

/// What is said of so many names, where there are any.
fn left(names: &[String], say: impl Fn(usize, String) -> String) -> Option<String> {
    (!names.is_empty()).then(|| say(names.len(), listed(names)))
}

fn listed(names: &[String]) -> String {
    let more = if names.len() > LISTED { " …" } else { "" };
    format!("{}{more}", names[..names.len().min(LISTED)].join(", "))
}

/// The name of one picture of a kind that is not read, in the folder or in a folder in it.
pub(super) fn unread_picture(folder: &Path) -> Option<String> {
    let here =
        |folder: &Path| entries(folder).into_iter().find(|path| has_extension(path, &UNREAD));
    let found = here(folder).or_else(|| folders(folder).iter().find_map(|inner| here(inner)));
    found.map(|path| name_of(&path))
}

/// The pictures of a folder, and what is to be told of what it holds beside.
pub(super) struct Gallery {
    pictures: Pictures,
    notes: Vec<String>,
}

enum Pictures {
    /// By class; those for testing where they stand apart.
    Classes(Classes, Option<Classes>),
    Alone(Vec<PathBuf>),
}

/// The pictures of a folder, if it has any.
pub(super) fn find(folder: &Path) -> Option<Gallery> {
    let inner = folders(folder);
    let part = |names: &[&str]| {
        let wanted = |name: &&str| inner.iter().find(|f| name_of(f).eq_ignore_ascii_case(name));
        let found = names.iter().filter_map(&wanted).map(|folder| (folder, classes(folder)));
        found.into_iter().find(|(_, classes)| !classes.is_empty())
    };
    if let Some((train_folder, train)) = part(&TRAIN) {
        let (test_folder, test) = part(&TEST).unzip();
        let parts = [Some(train_folder), test_folder].into_iter().flatten();
        let notes = left_out(&parts.map(|part| part.as_path()).collect::<Vec<_>>(), true);
        return Some(Gallery { pictures: Pictures::Classes(train, test), notes });
    }
    let classes = classes(folder);
    if !classes.is_empty() {
        let pictures = Pictures::Classes(classes, None);
        return Some(Gallery { pictures, notes: left_out(&[folder], true) });
    }
    let all = Some(pictures(folder)).filter(|all| !all.is_empty())?;
    Some(Gallery { pictures: Pictures::Alone(all), notes: left_out(&[folder], false) })
}

impl Gallery {
    /// The cases for training, and for testing.
    pub fn read(self, name: &str, reading: &Reading) -> Result<(RawPart, Option<RawPart>)> {
        let of_test = format!("{name} (test)");
        let (mut train, test) = match self.pictures {
            Pictures::Classes(train, test) => {
                let test = test.map(|test| of_classes(test, of_test, reading));
                (of_classes(train, name.into(), reading)?, test.transpose()?)
            }
            Pictures::Alone(pictures) => (of_pictures(&pictures, name.into(), reading)?, None),
        };
        train.set.notices.extend(self.notes.iter().map(|note| format!("{name}: {note}")));
        Ok((train, test))
    }
}

/// A picture of each class in turn, so that the first cases are not all of one.
fn of_classes(classes: Classes, name: String, reading: &Reading) -> Result<RawPart> {
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
    let mut part = of_pictures(&paths, name, reading)?;
    if reading.no_labels() {
        return Ok(part);
    }
    if let Some((class, _)) =
        classes.iter().find(|(class, _)| class.contains(char::REPLACEMENT_CHARACTER))
    {
        let detail =
            "its name is a class, and is no UTF-8: two such names could come out alike; rename it";
        return Err(Error::file(paths[0].with_file_name(""), format!("folder {class}"), detail));
    }
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

fn of_pictures(paths: &[PathBuf], name: String, reading: &Reading) -> Result<RawPart> {
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
        // What becomes of a picture for a model must not depend on those beside it.
        shape = reading.size.unwrap_or(ImageShape { height: side, width: side });
        notices.push(match reading.size {
            Some(_) => format!(
                "{name}: pictures of {} sizes, each brought to the model's {shape}; those of other proportions are padded",
                sizes.len()
            ),
            None => format!(
                "{name}: pictures of {} sizes, all brought to {shape}, as the most are; those that are not square are padded",
                sizes.len()
            ),
        });
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
    set.files = paths.iter().map(|path| in_folder(path, &set.name)).collect();
    Ok(RawPart { set, labels: None, unit, pictures: true })
}

/// A picture's file as its folder knows it: `cat/1.png`.
fn in_folder(path: &Path, folder: &str) -> String {
    let folder = folder.strip_suffix(" (test)").unwrap_or(folder);
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
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
