//! Reading data: every format, every kind of bad input, what is fitted to the data.

mod archives;
mod bad_input;
mod bundled;
mod cases;
mod csv;
mod folders;
mod formats;
mod images;
mod items;
mod jpeg;
mod kinds;
mod labels;
mod layouts;
mod png;
mod preprocessing;
mod robustness;
mod scales;
mod sequences;
mod split;
mod streams;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use harmonium::Error;
use harmonium::data::{self, DataSet, Reading, Splits};
use tempfile::TempDir;

use crate::support::{dictionary, npy, npy_u8};

/// A folder that goes away with the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn load(path: &Path) -> Result<Splits, Error> {
    data::load(path.to_str().unwrap())
}

fn load_with(path: &Path, reading: &Reading) -> Result<Splits, Error> {
    data::load_with(path.to_str().unwrap(), reading)
}

/// The message of what a file with these bytes gives, after checks that it names the path.
fn message(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let path = folder.write(name, bytes);
    let text = load(&path).expect_err("this must be refused").to_string();
    assert!(text.contains(path.to_str().unwrap()), "no path in: {text}");
    text
}

/// Asserts that a message holds all of these.
#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "'{part}' is not in: {message}");
    }
}

fn npy_f32(shape: &str, values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    npy(&dictionary("<f4", false, shape), &bytes)
}

/// Asserts that one of the notices holds all of these.
#[track_caller]
fn assert_noted(set: &DataSet, parts: &[&str]) {
    let found = set.notices.iter().any(|notice| parts.iter().all(|part| notice.contains(part)));
    assert!(found, "{parts:?} are not together in one of: {:#?}", set.notices);
}

fn idx(kind: u8, dims: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, dims.len() as u8];
    dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.extend(payload);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
