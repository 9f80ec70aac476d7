//! A folder of shards: `part-*.npy` with cases and, where there are some, `labels-*.npy` with the labels of each, in the
//! order of their names; those for training and for testing may stand in folders `train` and `test`.

use std::path::{Path, PathBuf};

use super::cases::Cases;
use super::file;
use super::labels::{RawPart, check_count};
use super::listing::entries;
use super::npy;
use super::reading::Reading;
use super::streams::ShardFiles;
use super::{input::Input, set::DataSet};
use crate::error::{Error, Result};

const CASES: &str = "part-";
const LABELS: &str = "labels-";

/// The shards of a folder: for training and for testing, with their labels if these are wanted. Nothing where it holds none.
///
/// # Errors
/// [`Error::File`] for a shard without labels where others have some, and for labels of no shard.
pub(super) fn find(folder: &Path, labels: bool) -> Result<Option<[Vec<ShardFiles>; 2]>> {
    let here = of(folder, labels)?;
    if !here.is_empty() {
        return Ok(Some([here, Vec::new()]));
    }
    let train = of(&folder.join("train"), labels)?;
    match train.is_empty() {
        true => Ok(None),
        false => Ok(Some([train, of(&folder.join("test"), labels)?])),
    }
}

/// `0007` of `part-0007.npy`.
fn key<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(prefix)?;
    rest.strip_suffix(".npy").or_else(|| rest.strip_suffix(".npy.gz"))
}

/// Whether it is the name of a shard or of its labels.
pub(super) fn is_shard(name: &str) -> bool {
    [CASES, LABELS].iter().any(|prefix| key(name, prefix).is_some())
}

fn of(folder: &Path, labels: bool) -> Result<Vec<ShardFiles>> {
    let files = entries(folder);
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let with = |prefix: &str, wanted: &str| {
        files.iter().find(|path| key(&name(path), prefix) == Some(wanted)).cloned()
    };
    let mut shards = Vec::new();
    for path in &files {
        if let Some(key) = key(&name(path), CASES) {
            let labels = if labels { with(LABELS, key) } else { None };
            shards.push(ShardFiles { cases: path.clone(), labels });
        } else if let Some(key) = key(&name(path), LABELS)
            && with(CASES, key).is_none()
        {
            let detail = format!("these are the labels of {CASES}{key}.npy, which is not here");
            return Err(Error::file(path, "name", detail));
        }
    }
    if let Some(labelled) = shards.iter().find_map(|shard| shard.labels.as_ref())
        && let Some(shard) = shards.iter().find(|shard| shard.labels.is_none())
    {
        let detail = format!(
            "no labels, and other shards have some ({}); give each its own, or --labels none",
            labelled.display()
        );
        return Err(Error::file(&shard.cases, "labels", detail));
    }
    Ok(shards)
}

/// All cases of some shards.
pub(super) fn read(shards: &[ShardFiles], name: &str, reading: &Reading) -> Result<RawPart> {
    reading.refuse(&["array"], "a folder of shards", "only a .npz holds several arrays")?;
    if let Some(labels) = reading.labels.as_ref().filter(|_| !reading.no_labels()) {
        let detail = format!("{labels}: the labels of shards stand beside them, in {LABELS}*.npy");
        return Err(Error::setting("labels", detail));
    }
    let mut whole: Option<RawPart> = None;
    for shard in shards {
        let mut part = npy::read(Input::open(&shard.cases)?, name)?;
        if let Some(labels) = shard.labels.as_ref().filter(|_| !reading.no_labels()) {
            let found = file::read_labels(labels)?;
            check_count(labels, found.len(), &shard.cases, part.set.cases.len())?;
            part.labels = Some(found);
        }
        whole = Some(match whole {
            Some(first) => append(first, part, &shard.cases)?,
            None => part,
        });
    }
    whole.ok_or_else(|| Error::data(name, "no shard"))
}

fn append(first: RawPart, more: RawPart, path: &Path) -> Result<RawPart> {
    let bytes = |part: &RawPart| part.unit != 1.0;
    let (wide, image) = (first.set.cases.width(), first.set.image);
    if (wide, image, bytes(&first)) != (more.set.cases.width(), more.set.image, bytes(&more)) {
        let words = |part: &RawPart| {
            let kind = if bytes(part) { "bytes" } else { "numbers" };
            format!("{} {kind} a case", part.set.cases.width())
        };
        let detail = format!(
            "{}, and the shards before it have {}; all files of a set have cases of one size and kind",
            words(&more),
            words(&first)
        );
        return Err(Error::file(path, "header", detail));
    }
    let n = first.set.cases.len() + more.set.cases.len();
    let DataSet { name, cases, mut notices, .. } = first.set;
    notices
        .extend(more.set.notices.into_iter().filter(|n| !notices.contains(n)).collect::<Vec<_>>());
    let values = cases.into_values().append(more.set.cases.into_values());
    let cases = Cases::new(values, n, wide)?;
    let set = DataSet { image, notices, ..DataSet::new(name, cases) };
    let labels = match (first.labels, more.labels) {
        (Some(labels), Some(more)) => Some(labels.append(more)),
        _ => None,
    };
    Ok(RawPart { set, labels, unit: first.unit, pictures: first.pictures })
}
