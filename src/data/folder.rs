//! A folder of files for training and testing: MNIST's, EMNIST's and other names, csv tables, class folders of pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file;
use super::gallery::{self, Gallery};
use super::labels::{RawPart, check_count};
use super::listing::{entries, folders};
use super::reading::Reading;
use super::shards;
use super::streams::ShardFiles;
use crate::error::{Error, Result};

/// What a file of a folder is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Images,
    Labels,
    /// Cases and their labels.
    Table,
}

/// Files that belong together, by (for testing, role).
#[derive(Debug, Default)]
struct Group {
    files: BTreeMap<(bool, Role), PathBuf>,
    /// Whether a name says that it is for training.
    told: bool,
}

/// Words of names: for training, for testing, pictures, labels, and what says nothing.
const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 3] = ["t10k", "test", "testing"];
const IMAGES: [&str; 6] = ["images", "image", "imgs", "img", "x", "data"];
const LABELS: [&str; 5] = ["labels", "label", "lbls", "y", "targets"];
const FORMAT: [&str; 11] =
    ["idx", "idx1", "idx2", "idx3", "idx4", "ubyte", "byte", "int", "npy", "npz", "gz"];

/// Reads a folder. `wanted`: which of several sets.
pub(super) fn read(
    folder: &Path,
    wanted: Option<&str>,
    name: &str,
    reading: &Reading,
) -> Result<(RawPart, Option<RawPart>)> {
    if let Some(kept) = kept(folder, wanted, !reading.no_labels())? {
        return kept.read(name, reading);
    }
    if let Some(gallery) = gallery(folder, wanted) {
        reading.refuse(&["labels", "array"], "pictures", "their folders name the classes")?;
        return gallery.read(name, reading);
    }
    let Some((inner, kept)) = kept_below(folder, wanted, !reading.no_labels())? else {
        return Err(missing(folder, wanted));
    };
    let (mut train, test) = kept.read(name, reading)?;
    train.set.notices.insert(0, found_in(name, &inner));
    Ok((train, test))
}

/// The pictures of a folder; a run's are none of its data.
fn gallery(folder: &Path, wanted: Option<&str>) -> Option<Gallery> {
    let is_run = folder.join("metrics.jsonl").is_file();
    if wanted.is_none() && !is_run { gallery::find(folder) } else { None }
}

/// What a folder holds beside pictures.
enum Kept {
    Shards([Vec<ShardFiles>; 2]),
    Set(Group),
}

fn kept(folder: &Path, wanted: Option<&str>, labels: bool) -> Result<Option<Kept>> {
    if wanted.is_none()
        && let Some(found) = shards::find(folder, labels)?
    {
        return Ok(Some(Kept::Shards(found)));
    }
    Ok(choose(folder, wanted)?.map(Kept::Set))
}

/// What the one folder holds, up to two levels down, that holds anything.
fn kept_below(
    folder: &Path,
    wanted: Option<&str>,
    labels: bool,
) -> Result<Option<(PathBuf, Kept)>> {
    let mut below = Vec::new();
    for inner in folders(folder) {
        if let Some(found) = kept(&inner, wanted, labels)? {
            below.push((inner, found));
            continue;
        }
        for deeper in folders(&inner) {
            below.extend(kept(&deeper, wanted, labels)?.map(|found| (deeper, found)));
        }
    }
    if below.len() > 1 {
        let found: Vec<String> = below.iter().map(|(f, _)| f.display().to_string()).collect();
        let detail = format!("several folders in it hold data: {}; name one", found.join(", "));
        return Err(Error::file(folder, "folder", detail));
    }
    Ok(below.pop())
}

fn found_in(name: &str, folder: &Path) -> String {
    format!("{name}: found in {}", folder.display())
}

impl Kept {
    fn read(&self, name: &str, reading: &Reading) -> Result<(RawPart, Option<RawPart>)> {
        match self {
            Kept::Set(group) => group.read(name, reading),
            Kept::Shards([train, test]) => {
                let train = shards::read(train, name, reading)?;
                let of_test =
                    |test: &Vec<_>| shards::read(test, &format!("{name} (test)"), reading);
                Ok((train, Some(test).filter(|t| !t.is_empty()).map(of_test).transpose()?))
            }
        }
    }

    /// The files, for training and for testing.
    fn files(self, reading: &Reading) -> [Vec<ShardFiles>; 2] {
        let group = match self {
            Kept::Shards(files) => return files,
            Kept::Set(group) => group,
        };
        let part = |test: bool| {
            let file = |role| group.files.get(&(test, role)).cloned();
            let labels = file(Role::Labels).filter(|_| !reading.no_labels());
            let images = file(Role::Images).map(|cases| ShardFiles { cases, labels });
            let table = || file(Role::Table).map(|cases| ShardFiles { cases, labels: None });
            images.or_else(table).into_iter().collect()
        };
        [part(false), part(true)]
    }
}

/// Files that can be read in pieces, for training and for testing, and what is to be told of where they are.
pub(super) type StreamFiles = ([Vec<ShardFiles>; 2], Option<String>);

/// The files of a folder that can be read in pieces: shards, or those of one set, there or in a folder in it.
///
/// # Errors
/// What choosing among them gives.
pub(super) fn stream_files(
    folder: &Path,
    wanted: Option<&str>,
    name: &str,
    reading: &Reading,
) -> Result<Option<StreamFiles>> {
    let labels = !reading.no_labels();
    if let Some(kept) = kept(folder, wanted, labels)? {
        return Ok(Some((kept.files(reading), None)));
    }
    if gallery(folder, wanted).is_some() {
        return Ok(None);
    }
    let found = kept_below(folder, wanted, labels)?;
    Ok(found.map(|(inner, kept)| (kept.files(reading), Some(found_in(name, &inner)))))
}

/// What a file's name says: the set's own name, whether it is for testing if it says so, and its role.
fn parse(file: &str) -> Option<(String, Option<bool>, Role)> {
    let lower = file.to_ascii_lowercase();
    let table = lower.trim_end_matches(".gz").ends_with(".csv");
    let (mut test, mut role, mut format, mut own) = (None, None, false, Vec::new());
    for word in lower.split(['-', '_', '.']) {
        match word {
            _ if TRAIN.contains(&word) => test = Some(false),
            _ if TEST.contains(&word) => test = Some(true),
            "csv" if table => format = true,
            _ if FORMAT.contains(&word) => format = true,
            _ if !table && IMAGES.contains(&word) => role = Some(Role::Images),
            _ if !table && LABELS.contains(&word) => role = Some(Role::Labels),
            _ => own.push(word),
        }
    }
    // A lone table says nothing of a folder; one for training does.
    let role = if table { test.map(|_| Role::Table) } else { role };
    role.filter(|_| format).map(|role| (own.join("-"), test, role))
}

/// Whether a file of such a name would be read as a part of its folder: a file of a set, a shard, or a picture.
pub fn is_part_name(name: &str) -> bool {
    parse(name).is_some() || shards::is_shard(name) || gallery::is_picture(Path::new(name))
}

/// The set of files in a folder, if there is one.
fn choose(folder: &Path, wanted: Option<&str>) -> Result<Option<Group>> {
    let mut groups: BTreeMap<(String, bool), Group> = BTreeMap::new();
    for path in entries(folder).into_iter().filter(|path| path.is_file()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((own, test, role)) = parse(&name) else { continue };
        let group = groups.entry((own, role == Role::Table)).or_default();
        group.told |= test == Some(false);
        // Sorted, the plain file comes before the gzipped one.
        group.files.entry((test == Some(true), role)).or_insert(path);
    }
    groups.retain(|_, group| group.main().is_some());
    if let Some(wanted) = wanted {
        let wanted = wanted.to_ascii_lowercase().replace(['_', '.'], "-");
        groups.retain(|(own, _), _| *own == wanted);
    }
    // Names that tell of training go before those that do not, arrays before tables.
    if groups.values().any(|group| group.told) {
        groups.retain(|_, group| group.told);
    }
    if groups.keys().any(|(_, table)| !table) {
        groups.retain(|(_, table), _| !table);
    }
    if groups.len() > 1 {
        let names: Vec<String> =
            groups.keys().map(|(own, _)| folder.join(own).display().to_string()).collect();
        let detail = format!("several data sets: {}; name one of them so", names.join(", "));
        return Err(Error::file(folder, "folder", detail));
    }
    Ok(groups.into_values().next())
}

impl Group {
    /// The training cases.
    fn main(&self) -> Option<&PathBuf> {
        let file = |role| self.files.get(&(false, role));
        file(Role::Images).or_else(|| file(Role::Table))
    }

    fn read(&self, name: &str, reading: &Reading) -> Result<(RawPart, Option<RawPart>)> {
        let Some(train) = self.main() else { return Err(missing(Path::new(name), None)) };
        let (train, own_test) = self.part(train, false, name.to_string(), reading)?;
        let files = &self.files;
        let test = files.get(&(true, Role::Images)).or_else(|| files.get(&(true, Role::Table)));
        let by_train = reading.clone().or(&Reading::default().columns(train.set.columns.clone()));
        let test = match test {
            Some(path) => Some(self.part(path, true, format!("{name} (test)"), &by_train)?.0),
            None => own_test,
        };
        Ok((train, test))
    }

    fn part(
        &self,
        path: &Path,
        test: bool,
        name: String,
        reading: &Reading,
    ) -> Result<(RawPart, Option<RawPart>)> {
        let table = !self.files.contains_key(&(test, Role::Images));
        let own = match table {
            // A test table may have no labels.
            true if test && reading.labels.is_some() && !reading.no_labels() => {
                file::read(path, &name, reading).or_else(|_| {
                    file::read(path, &name, &Reading { labels: None, ..reading.clone() })
                })
            }
            true => file::read(path, &name, reading),
            false => file::read(path, &name, &Reading { labels: None, ..reading.clone() }),
        };
        let (mut part, other) = own?;
        if let Some(labels) = self.files.get(&(test, Role::Labels)).filter(|_| !reading.no_labels())
        {
            let found = file::read_labels(labels)?;
            check_count(labels, found.len(), path, part.set.cases.len())?;
            part.labels = Some(found);
        }
        if !test
            && part.set.notices.is_empty()
            && path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("emnist"))
        {
            part.set.notices.push(format!(
                "{}: EMNIST stores its pictures with rows and columns exchanged, and they are read so: pictures of your own \
                 must be exchanged too",
                path.display()
            ));
        }
        Ok((part, other))
    }
}

fn missing(folder: &Path, wanted: Option<&str>) -> Error {
    if let Some(wanted) = wanted {
        let detail = format!("no data set named {wanted} here, and no file of that name");
        return Error::file(folder, "folder", detail);
    }
    let mut detail = String::from(
        "no train-images-idx3-ubyte here; a folder holds that file and, where there are some, \
         train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or .gz (other sets' \
         names before these, as emnist-letters-train-…, are known too), or train.csv and test.csv, or a folder of \
         pictures for each class",
    );
    if let Some(picture) = gallery::unread_picture(folder) {
        detail.push_str(&format!(
            "; it holds pictures ({picture}) of a kind that is not read: convert them to PNG"
        ));
    }
    let files: Vec<String> = entries(folder)
        .iter()
        .filter(|path| path.is_file())
        .take(4)
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    if !files.is_empty() {
        detail.push_str(&format!("; it holds {}: a single file is named itself", files.join(", ")));
    }
    Error::file(folder, "folder", detail)
}

#[cfg(test)]
mod tests {
    use super::{Role, parse};

    #[test]
    fn names() {
        let train = |own: &str, role| Some((own.to_string(), Some(false), role));
        let test = |own: &str, role| Some((own.to_string(), Some(true), role));
        for (name, expected) in [
            ("train-images-idx3-ubyte", train("", Role::Images)),
            ("train-images.idx3-ubyte.gz", train("", Role::Images)),
            ("t10k-labels-idx1-ubyte", test("", Role::Labels)),
            ("emnist-letters-train-images-idx3-ubyte.gz", train("emnist-letters", Role::Images)),
            ("emnist-letters-test-labels-idx1-ubyte", test("emnist-letters", Role::Labels)),
            ("qmnist-train-labels-idx2-int.gz", train("qmnist", Role::Labels)),
            ("kmnist-train-imgs.npz", train("kmnist", Role::Images)),
            ("x_train.npy", train("", Role::Images)),
            ("y_test.npy", test("", Role::Labels)),
            ("images.npy", Some((String::new(), None, Role::Images))),
            ("mnist_train.csv", train("mnist", Role::Table)),
            ("test.csv", test("", Role::Table)),
            ("iris.csv", None),
            ("emnist-letters-mapping.txt", None),
            ("train-images.txt", None),
        ] {
            assert_eq!(parse(name), expected, "{name}");
        }
    }
}
