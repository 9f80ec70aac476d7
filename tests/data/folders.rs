//! Folders: names of other sets, files further down, tables, pictures by class.

use std::fs;
use std::path::Path;

use harmonium::data::{ImageShape, Reading, Values};
use harmonium::run::png_file::write_grey_png;

use super::{Folder, assert_noted, assert_says, gzip, idx, load, load_with, npy_u8};

/// Two pictures of 2×2 and their labels.
fn pair(folder: &Path, part: &str, labels: [u8; 2]) {
    fs::create_dir_all(folder).unwrap();
    let pixels = idx(8, &[2, 2, 2], &[9, 200, 30, 4, 5, 60, 7, 80]);
    fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).unwrap();
    fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), idx(8, &[2], &labels)).unwrap();
}

fn picture(path: impl AsRef<Path>, size: [usize; 2], grey: u8) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixels: Vec<u8> =
        (0..size[0] * size[1]).map(|k| if k % 2 == 0 { grey } else { 0 }).collect();
    write_grey_png(path, size[1], size[0], &pixels).unwrap();
}

#[test]
fn names_of_other_sets() {
    for (train, test) in [
        ("emnist-digits-train", "emnist-digits-test"),
        ("qmnist-train", "qmnist-test"),
        ("train", "test"),
        ("Train", "T10K"),
        ("my_training", "my_testing"),
    ] {
        let folder = Folder::new();
        pair(folder.path(), train, [1, 0]);
        pair(folder.path(), test, [0, 0]);
        let splits = load(folder.path()).unwrap_or_else(|e| panic!("{train}: {e}"));
        assert_eq!(splits.train.labels, Some(vec![1, 0]), "{train}");
        assert_eq!(splits.test.unwrap().labels, Some(vec![0, 0]), "{test}");
        let told = splits.train.notices.iter().any(|n| n.contains("rows and columns exchanged"));
        assert_eq!(told, train.starts_with("emnist"));
    }
    // Arrays of their own.
    let folder = Folder::new();
    folder.write("x_train.npy", npy_u8("(2, 2, 2)", &[9, 200, 30, 4, 5, 60, 7, 80]));
    folder.write("y_train.npy", npy_u8("(2,)", &[1, 0]));
    folder.write("x_test.npy", npy_u8("(1, 2, 2)", &[9, 200, 30, 4]));
    let splits = load(folder.path()).unwrap();
    assert_eq!((splits.train.labels, splits.test.unwrap().labels), (Some(vec![1, 0]), None));
}

#[test]
fn one_of_several_sets_is_named() {
    let folder = Folder::new();
    for set in ["emnist-letters", "emnist-digits"] {
        pair(folder.path(), &format!("{set}-train"), [1, 2]);
    }
    let text = load(folder.path()).unwrap_err().to_string();
    let named = |set: &str| folder.path().join(set);
    assert_says(
        &text,
        &["several data sets", named("emnist-letters").to_str().unwrap(), "emnist-digits"],
    );
    let letters = load(&named("emnist-letters")).unwrap().train;
    assert_eq!(letters.classes, ["1", "2"]);
    let text = load(&named("emnist-byclass")).unwrap_err().to_string();
    assert_says(&text, &["no data set named emnist-byclass"]);
}

#[test]
fn files_further_down_are_found_and_said() {
    for inner in ["raw", "MNIST/raw"] {
        let folder = Folder::new();
        let deep = folder.path().join(inner);
        pair(&deep, "train", [0, 1]);
        let set = load(folder.path()).unwrap().train;
        assert_eq!(set.labels, Some(vec![0, 1]));
        assert_noted(&set, &["found in", deep.to_str().unwrap()]);
    }
    let folder = Folder::new();
    for inner in ["MNIST/raw", "FashionMNIST/raw"] {
        pair(&folder.path().join(inner), "train", [0, 1]);
    }
    let text = load(folder.path()).unwrap_err().to_string();
    assert_says(&text, &["several folders", "MNIST/raw", "FashionMNIST/raw", "name one"]);
    // The plain file goes before the gzipped one.
    let folder = Folder::new();
    pair(folder.path(), "train", [0, 1]);
    folder.write("train-labels-idx1-ubyte.gz", gzip(&idx(8, &[3], &[1, 1, 1])));
    assert_eq!(load(folder.path()).unwrap().train.labels, Some(vec![0, 1]));
    let folder = Folder::new();
    folder.write("notes.txt", "x");
    assert_says(&load(folder.path()).unwrap_err().to_string(), &["it holds notes.txt"]);
}

#[test]
fn tables_for_training_and_testing() {
    let folder = Folder::new();
    folder.write("mnist_train.csv", "label,a,b\n3,1,2\n7,3,4\n");
    folder.write("mnist_test.csv", "label,a,b\n7,5,6\n");
    folder.write("sample_submission.csv", "ImageId,Label\n1,0\n");
    let splits = load(folder.path()).unwrap();
    let test = splits.test.unwrap();
    assert_eq!((splits.train.labels, test.labels), (Some(vec![0, 1]), Some(vec![1])));
    // Kaggle's test part has no labels.
    let folder = Folder::new();
    folder.write("train.csv", "label,a,b\n3,1,2\n7,3,4\n");
    folder.write("test.csv", "a,b\n5,6\n");
    let splits = load(folder.path()).unwrap();
    let test = splits.test.unwrap();
    assert_eq!((test.labels, test.cases.width()), (None, 2));
    let reading = Reading::default().labels("label");
    assert!(load_with(folder.path(), &reading).unwrap().test.unwrap().labels.is_none());
}

#[test]
fn a_folder_of_pictures_for_each_class() {
    let folder = Folder::new();
    for (class, count) in [("cat", 3), ("dog", 1)] {
        for i in 0..count {
            picture(folder.path().join(class).join(format!("{i}.png")), [4, 4], 100 + 10 * i);
        }
    }
    picture(folder.path().join("dog/7.PNG"), [4, 4], 250);
    fs::create_dir(folder.path().join("empty")).unwrap();
    folder.write("README.md", "x");
    fs::write(folder.path().join("cat/.DS_Store"), "x").unwrap();
    let set = load(folder.path()).unwrap().train;
    assert_eq!(set.classes, ["cat", "dog"]);
    // In turn, so that the first cases are of all classes.
    assert_eq!(set.labels, Some(vec![0, 1, 0, 1, 0]));
    assert_eq!(set.image, Some(ImageShape { height: 4, width: 4 }));
    assert!(
        matches!(set.cases.values(), Values::U8 { values, .. } if values[16] == 100 && values[48] == 250)
    );
    assert_noted(&set, &["5 pictures", "2 classes (cat, dog)"]);

    // Digits are in the order of their numbers, and parts have folders too.
    let folder = Folder::new();
    for class in 0..12u8 {
        picture(folder.path().join(format!("training/{class}/a.png")), [4, 4], 9 + class);
    }
    picture(folder.path().join("testing/10/a.png"), [4, 4], 77);
    let splits = load(folder.path()).unwrap();
    assert_eq!(splits.train.classes[10], "10");
    assert_eq!(splits.test.unwrap().labels, Some(vec![10]));

    // Pictures alone.
    let folder = Folder::new();
    for name in ["b.png", "a.png"] {
        picture(folder.path().join(name), [4, 2], if name == "a.png" { 200 } else { 90 });
    }
    let set = load(folder.path()).unwrap().train;
    assert_eq!((set.labels, set.cases.row(0)[0]), (None, 200.0 * (1.0 / 255.0)));
    let reading = Reading::default().labels("x");
    assert_says(
        &load_with(folder.path(), &reading).unwrap_err().to_string(),
        &["labels", "name the classes"],
    );
}

#[test]
fn pictures_of_several_sizes_are_brought_to_one() {
    let folder = Folder::new();
    for (i, size) in [[6, 6], [6, 6], [12, 12], [3, 6]].into_iter().enumerate() {
        picture(folder.path().join(format!("{}/{i}.png", i % 2)), size, 200);
    }
    let set = load(folder.path()).unwrap().train;
    assert_eq!((set.cases.width(), set.cases.len()), (36, 4));
    assert_noted(&set, &["3 sizes", "6×6"]);
    fs::write(folder.path().join("0/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    assert_says(&load(folder.path()).unwrap_err().to_string(), &["broken.png", "png"]);
}
