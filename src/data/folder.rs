//! A folder in MNIST's naming: images and labels for training and test.

use std::fs;
use std::path::{Path, PathBuf};

use super::idx;
use super::input::Input;
use super::set::{DataSet, Splits};
use crate::error::{Error, Result};

/// Reads the folder; test data and labels may be missing.
pub(super) fn read(folder: &Path, name: &str) -> Result<Splits> {
    let Some(images) = find(folder, "train", "images-idx3-ubyte") else {
        return Err(missing(folder));
    };
    let train = part(folder, "train", &images, name.to_string())?;
    let test = match find(folder, "t10k", "images-idx3-ubyte") {
        Some(images) => {
            let test = part(folder, "t10k", &images, format!("{name} (test)"))?;
            if test.cases.width() != train.cases.width() {
                return Err(Error::file(
                    images,
                    "byte 4",
                    format!(
                        "the test images have {} pixels, the training images {}",
                        test.cases.width(),
                        train.cases.width()
                    ),
                ));
            }
            Some(test)
        }
        None => None,
    };
    Ok(Splits { train, test })
}

/// `train-images-idx3-ubyte`, or with a dot in place of the last hyphen but one, or gzipped.
fn find(folder: &Path, part: &str, rest: &str) -> Option<PathBuf> {
    let hyphens = format!("{part}-{rest}");
    let dotted = format!("{part}-{}", rest.replacen("-idx", ".idx", 1));
    [&hyphens, &dotted]
        .into_iter()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

fn part(folder: &Path, part: &str, images: &Path, name: String) -> Result<DataSet> {
    let mut set = idx::read(Input::open(images)?, &name)?;
    if let Some(path) = find(folder, part, "labels-idx1-ubyte") {
        let labels = idx::read_labels(Input::open(&path)?)?;
        check_count(&path, labels.len(), images, set.cases.len())?;
        set.labels = Some(labels);
    }
    Ok(set)
}

/// As many labels as images.
pub(super) fn check_count(path: &Path, labels: usize, images: &Path, cases: usize) -> Result<()> {
    if labels == cases {
        return Ok(());
    }
    Err(Error::file(
        path,
        "byte 4",
        format!("{labels} labels for the {cases} images in {}", images.display()),
    ))
}

fn missing(folder: &Path) -> Error {
    let mut detail = String::from(
        "no train-images-idx3-ubyte here; a folder holds that file and, where there are some, \
         train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or .gz",
    );
    if let Some(picture) = first_picture(folder) {
        detail.push_str(&format!(
            "; it holds pictures ({picture}), which are not read: store them as one .npy array, u8 [N, H, W]"
        ));
    }
    Error::file(folder, "folder", detail)
}

/// The name of one picture in the folder or in a folder in it.
fn first_picture(folder: &Path) -> Option<String> {
    let entries = |f: &Path| fs::read_dir(f).into_iter().flatten().flatten().take(1000);
    let picture = |path: &Path| {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        ["png", "jpg", "jpeg", "bmp", "gif", "pgm", "tif", "tiff", "webp"]
            .contains(&extension.as_str())
            .then(|| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
    };
    entries(folder).find_map(|entry| {
        let path = entry.path();
        picture(&path).or_else(|| entries(&path).find_map(|inner| picture(&inner.path())))
    })
}
