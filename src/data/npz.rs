//! `.npz`: a zip archive of `.npy` files. Which of its arrays are cases, which are labels, and which are for testing.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::input::Input;
use super::labels::{Labels, RawPart, check_count};
use super::npy;
use super::reading::Reading;
use crate::error::{Error, Result};

/// How many arrays an error lists.
const LISTED: usize = 12;

/// Names of the training cases, of their labels, of the test cases, of theirs: the first row that is there is taken. With
/// `x` and `X` both, the case decides nothing.
const KNOWN: [[&str; 4]; 8] = [
    ["x_train", "y_train", "x_test", "y_test"],
    ["train_images", "train_labels", "test_images", "test_labels"],
    ["train_x", "train_y", "test_x", "test_y"],
    ["train_data", "train_labels", "test_data", "test_labels"],
    ["images", "labels", "", ""],
    ["x", "y", "", ""],
    ["data", "labels", "", ""],
    ["arr_0", "arr_1", "", ""],
];
/// Further names of labels beside an array that is no training part.
const LABELS: [&str; 6] = ["labels", "label", "y", "target", "targets", "classes"];

/// An open archive.
pub(super) struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<BufReader<File>>,
    /// The arrays' names, without `.npy`, in the archive's order.
    names: Vec<String>,
}

/// What of an archive is read.
#[derive(Debug, Default, PartialEq)]
struct Chosen {
    cases: String,
    labels: Option<String>,
    test: Option<(String, Option<String>)>,
}

impl<'a> Archive<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| failed(path, e))?;
        let names =
            zip.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_string()));
        let names: Vec<String> = names.collect();
        if names.is_empty() {
            let detail = "a zip archive without a .npy file; np.savez writes arrays into one";
            return Err(Error::file(path, "zip", detail));
        }
        Ok(Archive { path, zip, names })
    }

    /// One array, as a file.
    fn array<T>(&mut self, name: &str, read: impl FnOnce(Input<'_>) -> Result<T>) -> Result<T> {
        let member = format!("{name}.npy");
        let path = self.path.join(&member);
        let file = self.zip.by_name(&member).map_err(|e| failed(&path, e))?;
        let size = file.size();
        read(Input::member(&path, file, size)?)
    }

    /// `x [60000, 28, 28], y [60000]`.
    fn list(&mut self) -> String {
        let names = self.names.clone();
        let word = |name: &String| match self.array(name, npy::read_dims) {
            Ok(dims) => format!("{name} {dims:?}"),
            Err(_) => name.clone(),
        };
        let more = if names.len() > LISTED { " …" } else { "" };
        names.iter().take(LISTED).map(word).collect::<Vec<_>>().join(", ") + more
    }

    /// The name of an array as the archive writes it.
    fn find(&self, name: &str) -> Option<String> {
        let exact = self.names.iter().find(|known| *known == name);
        let found =
            exact.or_else(|| self.names.iter().find(|known| known.eq_ignore_ascii_case(name)));
        found.cloned()
    }

    fn asked(&mut self, setting: &'static str, name: &str) -> Result<String> {
        match self.find(name.trim_end_matches(".npy")) {
            Some(found) => Ok(found),
            None => {
                let (path, list) = (self.path.display(), self.list());
                Err(Error::setting(
                    setting,
                    format!("'{name}' is no array of {path}, which holds {list}"),
                ))
            }
        }
    }

    /// Which arrays are read.
    fn choose(&mut self, reading: &Reading) -> Result<Chosen> {
        let mut chosen = match &reading.array {
            Some(name) => {
                let cases = self.asked("array", name)?;
                self.beside(cases)
            }
            None => self.known()?,
        };
        match &reading.labels {
            None => {}
            Some(_) if reading.no_labels() => {
                chosen.labels = None;
                chosen.test = chosen.test.map(|(cases, _)| (cases, None));
            }
            Some(name) => chosen.labels = Some(self.asked("labels", name)?),
        }
        Ok(chosen)
    }

    /// An array that was asked for, and its labels where a name tells of them.
    fn beside(&self, cases: String) -> Chosen {
        let row = KNOWN.iter().find_map(|row| {
            let at = [0, 2]
                .into_iter()
                .find(|&at| !row[at].is_empty() && row[at].eq_ignore_ascii_case(&cases))?;
            self.find(row[at + 1])
        });
        Chosen { labels: row.filter(|labels| *labels != cases), cases, test: None }
    }

    /// By names that are known, or the only array that there is.
    fn known(&mut self) -> Result<Chosen> {
        for [cases, labels, test, test_labels] in KNOWN {
            let Some(cases) = self.find(cases) else { continue };
            let with = |labels: &str| self.find(labels).filter(|_| !labels.is_empty());
            let others = || LABELS.iter().find_map(|name| self.find(name));
            let labels = with(labels).or_else(|| others().filter(|_| test.is_empty()));
            let test = self.find(test).map(|cases| (cases, with(test_labels)));
            return Ok(Chosen { cases, labels, test });
        }
        match self.names.as_slice() {
            [only] => Ok(Chosen { cases: only.clone(), ..Chosen::default() }),
            _ => {
                let list = self.list();
                let detail = format!(
                    "several arrays: {list}; --array NAME says which holds the cases, --labels NAME \
                                      which their labels"
                );
                Err(Error::file(self.path, "zip", detail))
            }
        }
    }

    fn part(&mut self, name: &str, cases: &str, labels: Option<&String>) -> Result<RawPart> {
        let mut part = self.array(cases, |input| npy::read(input, name))?;
        part.labels = match labels {
            Some(labels) => Some(self.array(labels, |input| labels_of(input, &part, cases))?),
            None => None,
        };
        Ok(part)
    }
}

fn labels_of(input: Input<'_>, part: &RawPart, cases: &str) -> Result<Labels> {
    let path = input.path().to_path_buf();
    let labels = npy::read_labels(input)?;
    check_count(&path, labels.len(), Path::new(cases), part.set.cases.len())?;
    Ok(labels)
}

/// The parts of an archive.
pub(super) fn read(
    path: &Path,
    name: &str,
    reading: &Reading,
) -> Result<(RawPart, Option<RawPart>)> {
    let mut archive = Archive::open(path)?;
    let chosen = archive.choose(reading)?;
    let mut train = archive.part(name, &chosen.cases, chosen.labels.as_ref())?;
    let test = match &chosen.test {
        Some((cases, labels)) => {
            Some(archive.part(&format!("{name} (test)"), cases, labels.as_ref())?)
        }
        None => None,
    };
    if archive.names.len() > 1 {
        let word = |labels: &Option<String>| {
            labels.as_ref().map_or(" without labels".into(), |l| format!(" with the labels {l}"))
        };
        let test = chosen.test.as_ref();
        let test = test.map_or(String::new(), |(x, y)| format!(", {x}{} for testing", word(y)));
        train.set.notices.push(format!(
            "{}: read {}{}{test}",
            path.display(),
            chosen.cases,
            word(&chosen.labels)
        ));
    }
    Ok((train, test))
}

/// The numbers of an array, where the archive has it.
pub(super) fn numbers(path: &Path, name: &str) -> Result<Option<Labels>> {
    let mut archive = Archive::open(path)?;
    let found = archive.find(name);
    found.map(|name| archive.array(&name, npy::read_labels)).transpose()
}

/// The labels of the only array of an archive, or of the one that names tell of.
pub(super) fn read_labels(path: &Path) -> Result<Labels> {
    let mut archive = Archive::open(path)?;
    let known = LABELS.iter().find_map(|name| archive.find(name));
    match known.or_else(|| archive.names.first().filter(|_| archive.names.len() == 1).cloned()) {
        Some(name) => archive.array(&name, npy::read_labels),
        None => {
            let list = archive.list();
            Err(Error::file(path, "zip", format!("several arrays, none named labels: {list}")))
        }
    }
}

fn failed(path: &Path, e: ZipError) -> Error {
    match e {
        ZipError::Io(e) => Error::io("read", path, e),
        ZipError::FileNotFound => Error::file(path, "zip", "no such array"),
        e => Error::file(
            path,
            "zip",
            format!("the archive is damaged, truncated or of a kind that is not read ({e})"),
        ),
    }
}
