//! .npz, and gzip as gunzip reads it.

use std::io::{Cursor, Write};

use harmonium::data::Reading;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{
    Folder, assert_noted, assert_says, dictionary, gzip, idx, load, load_with, message, npy, npy_u8,
};

fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        zip.start_file(
            format!("{name}.npy"),
            SimpleFileOptions::default().compression_method(method),
        )
        .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn stored(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    npz(arrays, CompressionMethod::Stored)
}

fn pictures(n: usize) -> Vec<u8> {
    let pixels: Vec<u8> = (0..4 * n).map(|k| (k * 37 % 256) as u8).collect();
    npy_u8(&format!("({n}, 2, 2)"), &pixels)
}

fn labels(numbers: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    npy(&dictionary("<i8", false, &format!("({},)", numbers.len())), &bytes)
}

#[test]
fn names_that_are_known_find_each_other() {
    let folder = Folder::new();
    for names in [
        ["x_train", "y_train", "x_test", "y_test"],
        ["train_images", "train_labels", "test_images", "test_labels"],
        ["X_train", "y_train", "X_test", "y_test"],
    ] {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let arrays = [
                (names[3], labels(&[3])),
                (names[0], pictures(3)),
                (names[1], labels(&[5, 0, 3])),
                (names[2], pictures(1)),
            ];
            let splits = load(&folder.write("mnist.npz", npz(&arrays, method))).unwrap();
            let test = splits.test.unwrap();
            assert_eq!(splits.train.labels, Some(vec![2, 0, 1]), "{names:?}");
            assert_eq!((test.labels, test.cases.len()), (Some(vec![1]), 1));
            assert_eq!(splits.train.classes, ["0", "3", "5"]);
            assert_noted(&splits.train, &[names[0], names[1], names[2], "for testing"]);
        }
    }
    for [cases, of] in
        [["x", "y"], ["X", "y"], ["images", "labels"], ["data", "target"], ["arr_0", "arr_1"]]
    {
        let bytes = stored(&[(of, labels(&[1, 0])), (cases, pictures(2))]);
        let set = load(&folder.write("a.npz", bytes)).unwrap().train;
        assert_eq!(set.labels, Some(vec![1, 0]), "{cases}");
    }
    let set = load(&folder.write("one.npz", stored(&[("weights", pictures(2))]))).unwrap().train;
    assert_eq!((set.cases.len(), set.labels.is_none(), set.notices.len()), (2, true, 0));
    // The first bytes tell, not the name.
    let set = load(&folder.write("one.npy", stored(&[("z", pictures(2))]))).unwrap().train;
    assert_eq!(set.cases.len(), 2);
}

#[test]
fn arrays_that_the_user_names() {
    let folder = Folder::new();
    let bytes = stored(&[("a", pictures(2)), ("b", pictures(3)), ("of_b", labels(&[4, 4, 2]))]);
    let path = folder.write("a.npz", bytes);
    let text = load(&path).unwrap_err().to_string();
    assert_says(&text, &["a [2, 2, 2], b [3, 2, 2], of_b [3]", "--array NAME"]);
    let set = load_with(&path, &Reading::default().array("b").labels("of_b")).unwrap().train;
    assert_eq!((set.cases.len(), set.labels), (3, Some(vec![1, 1, 0])));
    assert!(load_with(&path, &Reading::default().array("a.npy")).unwrap().train.labels.is_none());
    let text = load_with(&path, &Reading::default().array("c")).unwrap_err().to_string();
    assert_says(&text, &["array", "'c' is no array", "b [3, 2, 2]"]);
    let text =
        load_with(&path, &Reading::default().array("a").labels("of_b")).unwrap_err().to_string();
    assert_says(&text, &["of_b.npy", "3 labels for the 2 cases of a"]);
    let path =
        folder.write("k.npz", stored(&[("x_train", pictures(2)), ("y_train", labels(&[1, 2]))]));
    let none = load_with(&path, &Reading::default().labels("none")).unwrap().train;
    assert!(none.labels.is_none());
    let named = load_with(&path, &Reading::default().array("x_train")).unwrap().train;
    assert_eq!(named.labels, Some(vec![0, 1]));
    // Labels in an archive of their own.
    let images = folder.write("imgs.npz", stored(&[("arr_0", pictures(2))]));
    let of = folder.write("labels.npz", stored(&[("arr_0", labels(&[7, 8]))]));
    let set = load_with(&images, &Reading::default().labels(of.to_str().unwrap())).unwrap().train;
    assert_eq!(set.classes, ["7", "8"]);
}

#[test]
fn broken_archives_are_told() {
    let whole = npz(&[("x", pictures(60))], CompressionMethod::Deflated);
    assert_says(&message("a.npz", &whole[..whole.len() / 2]), &["zip"]);
    assert_says(&message("a.npz", stored(&[])), &["seems to be an empty zip"]);
    let mut other = ZipWriter::new(Cursor::new(Vec::new()));
    other.start_file("readme.txt", SimpleFileOptions::default()).unwrap();
    let other = other.finish().unwrap().into_inner();
    assert_says(&message("a.npz", &other), &["without a .npy"]);
    assert_says(&message("a.zip", &other), &["seems to be a zip archive", "unpack"]);
    let claims = npy(&dictionary("<f8", false, "(100000, 100000)"), &[0; 8]);
    assert_says(&message("a.npz", stored(&[("x", claims)])), &["x.npy", "promises 80000000000"]);
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let folder = Folder::new();
        let _ = load(&folder.write("a.npz", bytes));
    }
}

#[test]
fn gzip_with_padding_and_several_members() {
    let bytes = idx(8, &[2, 2, 2], &[1, 20, 200, 4, 5, 6, 7, 8]);
    let (one, two) = (gzip(&bytes[..9]), gzip(&bytes[9..]));
    let zeros = vec![0; 512];
    let folder = Folder::new();
    let expected = load(&folder.write("plain", &bytes)).unwrap().train.cases;
    for (i, packed) in [
        [gzip(&bytes), zeros.clone()].concat(),
        [one.clone(), two.clone()].concat(),
        [one.clone(), two.clone(), vec![0]].concat(),
        [one.clone(), zeros.clone(), two.clone(), zeros.clone()].concat(),
        [one.clone(), gzip(b""), two.clone()].concat(),
        [gzip(&bytes), vec![0; 1 << 17]].concat(),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(load(&folder.write("a.idx.gz", packed)).unwrap().train.cases, expected, "{i}");
    }
    let garbage = [gzip(&bytes), zeros, b"bytes that are no gzip".to_vec()].concat();
    assert_says(&message("a.idx.gz", garbage), &["gzip stream is damaged"]);
}

/// Positions, their labels, and where sequences begin; with where the last one ends or without.
#[test]
fn an_archive_of_sequences() {
    let folder = Folder::new();
    for starts in [&[0, 2, 3][..], &[0, 2, 3, 6]] {
        let arrays =
            [("x", pictures(6)), ("y", labels(&[4, 7, 4, 7, 4, 4])), ("starts", labels(starts))];
        let path = folder.write("sequences.npz", stored(&arrays));
        let read = harmonium::data::load_sequences(path.to_str().unwrap()).unwrap().train;
        assert_eq!(read.starts, [0, 2, 3, 6]);
        assert_eq!(read.labels, Some(vec![0, 1, 0, 1, 0, 0]));
        assert_eq!((read.classes, read.cases.width()), (vec!["4".into(), "7".to_string()], 4));
    }
    for (starts, words) in [(&[0, 2, 9][..], "9 is no position of 6"), (&[1, 3], "rise from 0")] {
        let arrays = [("x", pictures(6)), ("y", labels(&[4; 6])), ("starts", labels(starts))];
        let path = folder.write("wrong.npz", stored(&arrays));
        let error =
            harmonium::data::load_sequences(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let path = folder.write("plain.npz", stored(&[("x", pictures(6)), ("y", labels(&[4; 6]))]));
    let error = harmonium::data::load_sequences(path.to_str().unwrap()).unwrap_err().to_string();
    assert!(error.contains("no array 'starts'"), "{error}");
}
