//! The data sets compiled into the crate.

use std::path::Path;

use super::cases::Cases;
use super::idx;
use super::input::Input;
use super::labels::{Labels, check_count};
use super::set::{DataSet, ImageShape, Splits};
use super::values::Values;
use crate::error::{Error, Result};

/// The digits' first cases are for training, the rest for testing.
const DIGITS_TRAIN: usize = 1500;
const DIGITS: &[u8] = include_bytes!("../../data/digits/digits.csv.gz");

const TRAIN_IMAGES: &[u8] = include_bytes!("../../data/fashion/train-images-idx3-ubyte.gz");
const TRAIN_LABELS: &[u8] = include_bytes!("../../data/fashion/train-labels-idx1-ubyte.gz");
const TEST_IMAGES: &[u8] = include_bytes!("../../data/fashion/t10k-images-idx3-ubyte.gz");
const TEST_LABELS: &[u8] = include_bytes!("../../data/fashion/t10k-labels-idx1-ubyte.gz");

/// Classes of Fashion-MNIST.
const CLOTHES: [&str; 10] = [
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
];

/// The bundled digits, as [`load`](super::load) gives them under the name `digits`; a program that names no other
/// bundled set needs not carry those.
///
/// # Errors
/// None, where the crate is whole.
pub fn digits() -> Result<Splits> {
    let path = "digits.csv.gz (bundled)";
    let mut input = Input::bundled(path, DIGITS)?;
    let text = input.header(264_712, "the digits")?;
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for (i, line) in text.split(|&b| b == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let wrong = || Error::file(path, format!("line {}", i + 1), "not 65 small numbers");
        let line = std::str::from_utf8(line).map_err(|_| wrong())?;
        let before = pixels.len();
        for cell in line.split(',') {
            pixels.push(cell.parse::<u8>().map_err(|_| wrong())?);
        }
        if pixels.len() != before + 65 {
            return Err(wrong());
        }
        labels.extend(pixels.pop().map(u32::from));
    }
    let n = labels.len();
    let cases = Cases::new(Values::U8 { values: pixels, scale: 1.0 / 16.0 }, n, 64)?;
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    let all = DataSet::new("digits", cases)
        .image(ImageShape { height: 8, width: 8 })
        .labelled(labels, classes)?;
    let test: Vec<u32> = (DIGITS_TRAIN as u32..n as u32).collect();
    // Each part counts its own cases.
    let mut test = all.select(&test, "digits (test)")?;
    test.cases = test.cases.numbered_anew();
    Ok(Splits { test: Some(test), train: all.limit(DIGITS_TRAIN) })
}

/// The first part of Fashion-MNIST.
pub(super) fn fashion() -> Result<Splits> {
    Ok(Splits {
        train: part("fashion", TRAIN_IMAGES, TRAIN_LABELS)?,
        test: Some(part("fashion (test)", TEST_IMAGES, TEST_LABELS)?),
    })
}

fn part(name: &str, images: &'static [u8], labels: &'static [u8]) -> Result<DataSet> {
    let set = idx::read(Input::bundled(name, images)?, name)?.set;
    let labels = match idx::read_labels(Input::bundled(name, labels)?)? {
        Labels::Numbers(numbers) => numbers.into_iter().map(|class| class as u32).collect(),
        Labels::Words(_) => Vec::new(),
    };
    check_count(Path::new(name), labels.len(), Path::new(name), set.cases.len())?;
    set.labelled(labels, CLOTHES.map(String::from).into())
}
