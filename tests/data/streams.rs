//! Sets that are read in pieces: each form gives the cases that reading the whole gives, once in an epoch, and says what is
//! wrong as clearly.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harmonium::data::{self, Found, Holdout, Preprocessing, Reading, Streamed, Streaming};
use harmonium::training::{BatchSource, StreamedData};
use harmonium::{Device, Error};

use super::{Folder, assert_says, dictionary, gzip, idx, npy, npy_f32, npy_u8};

const LEAST: u64 = Streaming::LEAST;

fn open(path: &Path, reading: &Reading, how: &Streaming) -> Result<Streamed, Error> {
    let found = Found::at(path.to_str().unwrap(), reading)?;
    found.expect("it can be streamed").open(how)
}

/// The rows of an epoch in their order, with their classes.
fn epoch(source: &mut StreamedData, number: u64, batch: usize) -> Vec<(Vec<f32>, Option<u32>)> {
    source.start_epoch(7, number).unwrap();
    let mut rows = Vec::new();
    while let Some(found) = source.next_batch(batch).unwrap() {
        let width = found.cases.shape().dims()[1];
        let values = found.cases.to_vec().unwrap();
        let classes = found.classes.map(|classes| classes.to_vec().unwrap());
        for (i, row) in values.chunks(width).enumerate() {
            rows.push((row.to_vec(), classes.as_ref().map(|classes| classes[i] as u32)));
        }
    }
    rows
}

fn source(streamed: &Streamed) -> StreamedData {
    let stream = streamed.train.clone();
    StreamedData::new(&Device::cpu(), stream, &Preprocessing::default(), 1).unwrap().with_labels()
}

/// Rows as a multiset.
fn counted(rows: impl IntoIterator<Item = (Vec<f32>, Option<u32>)>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    rows.into_iter().for_each(|row| *counts.entry(format!("{row:?}")).or_default() += 1);
    counts
}

/// What reading the whole gives.
fn whole(path: &Path, reading: &Reading, unit: bool) -> (data::DataSet, BTreeMap<String, usize>) {
    let mut splits = data::load_with(path.to_str().unwrap(), reading).unwrap();
    if unit {
        splits.pictures_into_unit_interval().unwrap();
    }
    let set = splits.train;
    let label = |i: usize| set.labels.as_ref().map(|labels| labels[i]);
    let counts = counted((0..set.cases.len()).map(|i| (set.cases.row(i), label(i))));
    (set, counts)
}

/// That a file gives the same cases, classes, notices and statistics in pieces as whole.
#[track_caller]
fn assert_alike(path: &Path, reading: &Reading) {
    for unit in [false, true] {
        let (set, expected) = whole(path, reading, unit);
        let how = Streaming::new(LEAST).unit_pictures(unit).spread(true);
        let streamed = open(path, reading, &how).unwrap();
        let (train, sample) = (&streamed.train, &streamed.sample);
        assert_eq!((train.len(), train.width()), (set.cases.len(), set.cases.width()));
        assert_eq!((sample.image, &sample.classes), (set.image, &set.classes), "{path:?}");
        assert_eq!(sample.cases.values().kind(), set.cases.values().kind(), "{path:?} {unit}");
        let found = epoch(&mut source(&streamed), 1, 7);
        assert_eq!(counted(found), expected, "{path:?} {unit}");
        for notice in &set.notices {
            let by_lines = format!("{notice} (by the first lines)");
            assert!(
                sample.notices.iter().any(|n| n == notice || *n == by_lines),
                "{notice}: {:?}",
                sample.notices
            );
        }
        let fitted = train.fit(None, true).unwrap();
        let expected = Preprocessing::fit(&set.cases, None, true).unwrap();
        let pairs = [(fitted.mean, expected.mean), (fitted.std, expected.std)];
        for (found, expected) in pairs.map(|(a, b)| (a.unwrap(), b.unwrap())) {
            for (a, b) in found.into_iter().zip(expected) {
                // Sums in another order, in f64, rounded to f32.
                assert!((a - b).abs() <= 2.0 * f32::EPSILON * b.abs(), "{path:?}: {a} and {b}");
            }
        }
    }
}

/// Bytes that no two rows share.
fn bytes(rows: usize, width: usize) -> Vec<u8> {
    let byte = |k: usize| match k % width {
        0 => (k / width % 256) as u8,
        1 => (k / width / 256) as u8,
        j => (k * 7 + j * 31) as u8,
    };
    (0..rows * width).map(byte).collect()
}

/// Arrays of every kind of value.
fn arrays(folder: &Folder) -> Vec<std::path::PathBuf> {
    let (rows, width) = (300, 16);
    let all = bytes(rows, width);
    let bits: Vec<u8> = all.iter().map(|b| b & 1).collect();
    let floats: Vec<f32> = all.iter().map(|&b| f32::from(b)).collect();
    let halves: Vec<f32> = floats.iter().map(|x| x / 2.0 - 3.0).collect();
    let zero_one: Vec<f32> = bits.iter().map(|&b| f32::from(b)).collect();
    // Bits in the first pieces, numbers in the last.
    let mut late = zero_one.clone();
    *late.last_mut().unwrap() = 255.0;
    let doubles: Vec<u8> =
        halves.iter().flat_map(|&x| (f64::from(x) / 3.0).to_le_bytes()).collect();
    let grey: Vec<u8> = all.iter().flat_map(|&b| [b, b, b]).collect();
    let mut coloured = grey.clone();
    *coloured.last_mut().unwrap() ^= 9;
    let shape = format!("({rows}, {width})");
    let pictures = format!("({rows}, 4, 4)");
    let colours = format!("({rows}, 4, 4, 3)");
    let files = [
        ("bytes.npy", npy_u8(&shape, &all)),
        ("dark.npy", npy_u8(&pictures, &all.iter().map(|b| b / 16).collect::<Vec<_>>())),
        ("bits.npy", npy_u8(&shape, &bits)),
        ("bools.npy", npy(&dictionary("|b1", false, &shape), &bits)),
        ("floats.npy", npy_f32(&shape, &halves)),
        ("pictures.npy", npy_f32(&pictures, &floats)),
        (
            "half-pictures.npy",
            npy_f32(&pictures, &floats.iter().map(|x| x / 2.0 + 100.0).collect::<Vec<_>>()),
        ),
        ("zero-one.npy", npy_f32(&shape, &zero_one)),
        ("late.npy", npy_f32(&pictures, &late)),
        ("doubles.npy", npy(&dictionary("<f8", false, &shape), &doubles)),
        ("grey.npy", npy_u8(&colours, &grey)),
        ("coloured.npy", npy_u8(&colours, &coloured)),
        ("images-idx3-ubyte", idx(0x08, &[rows as u32, 4, 4], &all)),
    ];
    files.into_iter().map(|(name, bytes)| folder.write(name, bytes)).collect()
}

#[test]
fn arrays_are_in_pieces_what_they_are_whole() {
    let folder = Folder::new();
    for path in arrays(&folder) {
        for reading in [Reading::default(), Reading::default().scale(64.0)] {
            assert_alike(&path, &reading);
        }
        let name = format!("{}.gz", path.file_name().unwrap().to_string_lossy());
        let packed = folder.write(&name, gzip(&fs::read(&path).unwrap()));
        assert_alike(&packed, &Reading::default());
    }
}

#[test]
fn tables_are_in_pieces_what_they_are_whole() {
    let folder = Folder::new();
    let line = |i: usize, sep: char| {
        let cells: Vec<String> = (0..9).map(|j| ((i * 13 + j * 5) % 100).to_string()).collect();
        cells.join(&sep.to_string())
    };
    let lines =
        |n: usize, f: &dyn Fn(usize) -> String| -> String { (0..n).map(|i| f(i) + "\n").collect() };
    // More than a piece of 256 KiB holds.
    let many = 20_000;
    let names = "id,a,b,c,d,e,f,g,h,label\n".to_string();
    let tables = [
        ("plain.csv", lines(many, &|i| line(i, ','))),
        ("names.csv", names.clone() + &lines(many, &|i| format!("{},{}", i, &line(i, ',')))),
        (
            "words.csv",
            names
                + &lines(many, &|i| {
                    let eight = line(i, ',');
                    let (eight, _) = eight.rsplit_once(',').unwrap();
                    format!("{i},{eight},{}", ["rose", "daisy"][i % 2])
                }),
        ),
        ("blanks.csv", lines(300, &|i| line(i, ' '))),
        ("commas.csv", lines(300, &|i| format!("{};{},5", line(i, ';'), i % 7))),
        ("cr.csv", lines(300, &|i| line(i, ',')).replace('\n', "\r")),
        ("crlf.csv", lines(many, &|i| line(i, ',')).replace('\n', "\r\n")),
        ("marked.csv", format!("\u{feff}# made by hand\n\n{}", lines(300, &|i| line(i, ',')))),
    ];
    for (name, text) in tables {
        let path = folder.write(name, &text);
        assert_alike(&path, &Reading::default());
        let packed = folder.write(&format!("{name}.gz"), gzip(text.as_bytes()));
        assert_alike(&packed, &Reading::default());
    }
    let path = folder.path().join("names.csv");
    assert_alike(&path, &Reading::default().labels("c"));
    assert_alike(&path, &Reading::default().labels("none"));
}

/// Shards with labels, of so many cases each.
fn shards(folder: &Folder, sizes: &[usize]) {
    let all = bytes(sizes.iter().sum(), 6);
    let mut first = 0;
    for (k, &n) in sizes.iter().enumerate() {
        let values = &all[first * 6..(first + n) * 6];
        folder.write(&format!("part-{k:03}.npy"), npy_u8(&format!("({n}, 6)"), values));
        let labels: Vec<u8> = (first..first + n).map(|i| (i % 10) as u8).collect();
        folder.write(&format!("labels-{k:03}.npy"), npy_u8(&format!("({n},)"), &labels));
        first += n;
    }
}

#[test]
fn shards_are_one_set() {
    let folder = Folder::new();
    shards(&folder, &[100, 1, 57]);
    let (set, _) = whole(folder.path(), &Reading::default(), false);
    assert_eq!((set.cases.len(), set.classes.len()), (158, 10));
    assert_eq!(set.labels.as_ref().unwrap()[100..103], [0, 1, 2]);
    assert_alike(folder.path(), &Reading::default());
    assert_alike(folder.path(), &Reading::default().labels("none"));
    // For training and for testing, each in a folder.
    let both = Folder::new();
    let deep = both.path().join("sets/flowers");
    for (inner, sizes) in [("train", &[30, 40][..]), ("test", &[11])] {
        let part = Folder::new();
        shards(&part, sizes);
        fs::create_dir_all(deep.join(inner)).unwrap();
        for entry in fs::read_dir(part.path()).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), deep.join(inner).join(entry.file_name())).unwrap();
        }
    }
    // Two folders further down too, which is said.
    for (path, notes) in [(&deep, 0), (&both.path().to_path_buf(), 1)] {
        let splits = data::load(path.to_str().unwrap()).unwrap();
        let sizes = (splits.train.cases.len(), splits.test.map(|test| test.cases.len()));
        assert_eq!(sizes, (70, Some(11)));
        let streamed = open(path, &Reading::default(), &Streaming::new(LEAST)).unwrap();
        assert_eq!((streamed.train.len(), streamed.test.unwrap().cases.len()), (70, 11));
        for notices in [splits.train.notices, streamed.sample.notices] {
            let told = notices.iter().filter(|n| n.contains("found in") && n.ends_with("flowers"));
            assert_eq!(told.count(), notes, "{notices:?}");
        }
        assert_alike(path, &Reading::default());
    }
    // Pictures beside them go first, as they do where the whole is read, and are no stream.
    fs::create_dir(both.path().join("sets/rose")).unwrap();
    both.write("sets/rose/1.png", "a picture");
    let sets = both.path().join("sets");
    assert!(Found::at(sets.to_str().unwrap(), &Reading::default()).unwrap().is_none());
}

#[test]
fn cases_held_out_are_not_learnt_from_and_all_others_are() {
    let folder = Folder::new();
    shards(&folder, &[100, 1, 57]);
    let how = Streaming::new(LEAST).holdout(Holdout::Count(20)).limit(120).seed(3);
    let streamed = open(folder.path(), &Reading::default(), &how).unwrap();
    let out = streamed.validation.as_ref().unwrap();
    assert_eq!((streamed.train.len(), out.cases.len()), (100, 20));
    let (set, _) = whole(folder.path(), &Reading::default(), false);
    let numbers: Vec<u32> = (0..20).map(|i| out.cases.number(i)).collect();
    let label = |i: u32| Some(set.labels.as_ref().unwrap()[i as usize]);
    for (i, &number) in numbers.iter().enumerate() {
        assert_eq!(out.cases.row(i), set.cases.row(number as usize));
        assert_eq!(out.labels.as_ref().map(|labels| labels[i]), label(number));
    }
    let kept = (0..120).filter(|i| !numbers.contains(i));
    let expected = counted(kept.map(|i| (set.cases.row(i as usize), label(i))));
    let mut source = source(&streamed);
    let [first, again, second] = [1, 1, 2].map(|number| epoch(&mut source, number, 9));
    assert_eq!(first, again);
    assert_ne!(first, second);
    assert_eq!(counted(first), expected);
    assert_eq!(counted(second), expected);
    // Another seed holds others out.
    let other = open(folder.path(), &Reading::default(), &how.clone().seed(4)).unwrap();
    let others = other.validation.unwrap();
    assert_ne!(numbers, (0..20).map(|i| others.cases.number(i)).collect::<Vec<_>>());
    let sample = &streamed.sample.cases;
    assert!((0..sample.len()).all(|i| !numbers.contains(&sample.number(i))));
}

/// A file of several windows: of wide cases, so that a MiB holds some hundred.
fn several_windows(folder: &Folder, packed: bool) -> std::path::PathBuf {
    let (rows, width) = (2000, 1000);
    let whole = npy_u8(&format!("({rows}, {width})"), &bytes(rows, width));
    match packed {
        true => folder.write("a.npy.gz", gzip(&whole)),
        false => folder.write("a.npy", whole),
    }
}

#[test]
fn windows_mix_the_whole_set_and_skipping_is_reading() {
    let folder = Folder::new();
    for packed in [false, true] {
        let path = several_windows(&folder, packed);
        let how = Streaming::new(LEAST).holdout(Holdout::Count(5));
        let mut source = source(&open(&path, &Reading::default(), &how).unwrap());
        let number = |row: &[f32]| {
            (255.0 * row[0]).round() as usize + 256 * (255.0 * row[1]).round() as usize
        };
        let order: Vec<usize> =
            epoch(&mut source, 1, 100).iter().map(|(row, _)| number(row)).collect();
        assert_eq!(order.len(), 1995);
        // What comes in its order alone is mixed within windows; other files over their whole length.
        let first = &order[..100];
        let spread = first.iter().max().unwrap() - first.iter().min().unwrap();
        assert!(if packed { spread < 400 } else { spread > 800 }, "{packed}: {spread}");
        assert!(first.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() < 10);
        for skipped in [1, 99, 250, 251, 1000, 1994, 1995, 3000] {
            source.start_epoch(7, 1).unwrap();
            source.skip(skipped).unwrap();
            let mut rest = Vec::new();
            while let Some(batch) = source.next_batch(64).unwrap() {
                let values = batch.cases.to_vec().unwrap();
                rest.extend(values.chunks(1000).map(number));
            }
            assert_eq!(rest, order[skipped.min(1995)..], "{packed}, {skipped}");
        }
        // In the middle of a window too.
        source.start_epoch(7, 1).unwrap();
        source.next_batch(30).unwrap();
        source.skip(500).unwrap();
        let next = source.next_batch(1).unwrap().unwrap().cases.to_vec().unwrap();
        assert_eq!(number(&next), order[530]);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let reading = Reading::default();
    let folder = Folder::new();
    let at = |name: &str, bytes: Vec<u8>| folder.write(name, bytes);
    let refused =
        |path: &Path, how: &Streaming| match Found::at(path.to_str().unwrap(), &Reading::default())
        {
            Ok(found) => found.expect("streams").open(how).expect_err("refused").to_string(),
            Err(e) => e.to_string(),
        };
    let how = Streaming::new(LEAST);
    let all = bytes(50, 8);
    let whole = npy_u8("(50, 8)", &all);
    let cut = at("cut.npy", whole[..whole.len() - 9].to_vec());
    assert_says(&refused(&cut, &how), &["cut.npy", "promises 400", "50 × 8 u8", "truncated"]);
    let long = at("long.npy", [whole.clone(), vec![1, 2]].concat());
    assert_says(&refused(&long, &how), &["long.npy", "2 bytes follow"]);
    let packed = gzip(&whole);
    let half = at("half.npy.gz", packed[..packed.len() / 2].to_vec());
    assert_says(&refused(&half, &how), &["half.npy.gz", "unpacked data", "truncated"]);
    let longer = at("longer.npy.gz", gzip(&[whole.clone(), vec![1]].concat()));
    assert_says(&refused(&longer, &how), &["longer.npy.gz", "more bytes follow"]);
    let fortran = at("fortran.npy", npy(&dictionary("|u1", true, "(50, 8)"), &all));
    assert_says(&refused(&fortran, &how), &["fortran.npy", "np.ascontiguousarray"]);
    let mut values = vec![0.5f32; 400];
    values[123] = f32::NAN;
    let nan = at("nan.npy", npy_f32("(50, 8)", &values));
    assert_says(&refused(&nan, &how), &["nan.npy", "byte", "NaN"]);
    let table = at("a.csv", format!("{}1,x,3\n", "1,2,3\n".repeat(40_000)).into_bytes());
    assert_says(&refused(&table, &how), &["a.csv", "line 40001", "column 2", "'x'"]);
    let ragged = at("b.csv", format!("{}1,2\n", "1,2,3\n".repeat(50_000)).into_bytes());
    assert_says(&refused(&ragged, &how), &["b.csv", "line 50001", "2 cells"]);
    let wide: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = at("utf16.csv", [vec![0xff, 0xfe], wide].concat());
    assert_says(&refused(&utf16, &how), &["utf16.csv", "UTF-8"]);
    let one = at("one.npy", npy_u8("(2, 300000)", &vec![3; 600_000]));
    assert_says(&refused(&one, &how), &["memory", "300000 bytes", "--memory"]);
    let small = at("small.npy", whole.clone());
    let most = how.clone().holdout(Holdout::Count(50));
    assert_says(&refused(&small, &most), &["validation", "50 cases asked for, of 50"]);
    let (rows, width) = (3000, 1000);
    let large = at("large.npy", npy_u8(&format!("({rows}, {width})"), &bytes(rows, width)));
    let held = how.clone().holdout(Holdout::Count(2000));
    assert_says(&refused(&large, &held), &["validation", "2000 cases held out", "--memory"]);
    let at_most =
        open(&large, &reading, &how.clone().holdout_at_most(Holdout::Fraction(0.1))).unwrap();
    let kept = at_most.validation.unwrap().cases.len();
    assert!((1..300).contains(&kept), "{kept}");
    // What is no array and no table.
    assert!(Found::at("digits", &reading).unwrap().is_none());
    assert!(Found::at("no such file", &reading).unwrap().is_none());
}

#[test]
fn shards_that_do_not_fit_together_are_refused() {
    let refused = |change: &dyn Fn(&Folder)| {
        let folder = Folder::new();
        shards(&folder, &[20, 30]);
        change(&folder);
        let path = folder.path().to_str().unwrap();
        let streamed = match Found::at(path, &Reading::default()) {
            Ok(found) => found.expect("streams").open(&Streaming::new(LEAST)).expect_err("refused"),
            Err(e) => e,
        };
        [streamed.to_string(), data::load(path).unwrap_err().to_string()]
    };
    let texts = refused(&|folder| _ = folder.write("part-001.npy", npy_u8("(30, 7)", &[1; 210])));
    texts.iter().for_each(|text| assert_says(text, &["part-001.npy", "7", "6", "one size"]));
    let texts =
        refused(&|folder| _ = folder.write("part-001.npy", npy_f32("(30, 6)", &[0.5; 180])));
    texts.iter().for_each(|text| assert_says(text, &["part-001.npy", "one size"]));
    let texts = refused(&|folder| fs::remove_file(folder.path().join("labels-001.npy")).unwrap());
    texts
        .iter()
        .for_each(|text| assert_says(text, &["part-001.npy", "no labels", "labels-000.npy"]));
    let texts = refused(&|folder| fs::remove_file(folder.path().join("part-001.npy")).unwrap());
    texts
        .iter()
        .for_each(|text| assert_says(text, &["labels-001.npy", "part-001.npy", "not here"]));
    let texts = refused(&|folder| _ = folder.write("labels-001.npy", npy_u8("(29,)", &[1; 29])));
    texts
        .iter()
        .for_each(|text| assert_says(text, &["labels-001.npy", "29 labels for the 30 cases"]));
    let texts = refused(&|folder| _ = folder.write("part-001.npy", b"no array"));
    texts.iter().for_each(|text| assert_says(text, &["part-001.npy"]));
}

#[test]
fn files_that_change_while_they_are_read_are_seen() {
    for (change, said) in [
        (&|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2), "the file ends here"),
        (&|bytes: &mut Vec<u8>| bytes.push(0), "it had"),
        (&|bytes: &mut Vec<u8>| _ = bytes.pop(), "it had"),
    ] as [(&dyn Fn(&mut Vec<u8>), &str); 3]
    {
        let folder = Folder::new();
        let path = several_windows(&folder, false);
        let mut source = source(&open(&path, &Reading::default(), &Streaming::new(LEAST)).unwrap());
        source.start_epoch(1, 1).unwrap();
        assert!(source.next_batch(10).unwrap().is_some());
        let before = fs::read(&path).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        // Only lengths change, and in one step: a file that is written anew is empty for a moment, which the reader may see.
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        let mut failed = None;
        while failed.is_none() {
            match source.next_batch(100) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{said}: it was not seen"),
                Err(e) => failed = Some(e.to_string()),
            }
        }
        let text = failed.unwrap();
        assert_says(&text, &["a.npy", "--resume"]);
        assert!(text.contains(said) || text.contains("it had"), "{said}: {text}");
    }
}
