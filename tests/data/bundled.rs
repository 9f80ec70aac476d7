//! The bundled sets are what their documentation says.

use harmonium::data::{self, DataSet, ImageShape, Values};

/// (cases, sum of the raw values, sum of the labels), as counted from the sources by another program.
fn sums(set: &DataSet) -> (usize, u64, u32) {
    let Values::U8 { values, .. } = set.cases.values() else { panic!("not u8") };
    let labels = set.labels.as_ref().unwrap();
    assert_eq!(labels.len(), set.cases.len());
    assert!(labels.iter().all(|&l| l < 10));
    assert!(set.notices.is_empty());
    (set.cases.len(), values.iter().map(|&x| u64::from(x)).sum(), labels.iter().sum())
}

#[test]
fn digits() {
    let splits = data::load("digits").unwrap();
    let test = splits.test.unwrap();
    assert_eq!(sums(&splits.train), (1500, 468_645, 6720));
    assert_eq!(sums(&test), (297, 93_073, 1350));
    for set in [&splits.train, &test] {
        assert_eq!(set.cases.range(), Some((0.0, 1.0)));
        assert_eq!(set.image, Some(ImageShape { height: 8, width: 8 }));
    }
    // The first digit is a 0 whose first row reads 0 0 5 13 9 1 0 0.
    assert_eq!(splits.train.labels.unwrap()[0], 0);
    assert_eq!(splits.train.cases.row(0)[2..5], [5.0 / 16.0, 13.0 / 16.0, 9.0 / 16.0]);
}

#[test]
fn fashion() {
    let splits = data::load("fashion").unwrap();
    let test = splits.test.unwrap();
    assert_eq!(sums(&splits.train), (2000, 113_529_887, 9002));
    assert_eq!(sums(&test), (500, 29_494_551, 2138));
    for set in [&splits.train, &test] {
        assert_eq!(set.cases.range(), Some((0.0, 1.0)));
        assert_eq!(set.image, Some(ImageShape { height: 28, width: 28 }));
    }
}

#[test]
fn together_they_are_small_and_their_licences_lie_beside_them() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut bytes = 0;
    for name in data::BUNDLED {
        let folder = root.join(name);
        assert!(folder.join("LICENSE.md").is_file(), "{name}");
        for entry in std::fs::read_dir(folder).unwrap() {
            bytes += entry.unwrap().metadata().unwrap().len();
        }
    }
    assert!(bytes < 1_500_000, "{bytes}");
}
