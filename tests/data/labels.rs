//! Labels of every type, and the classes that they make.

use harmonium::data::{DataSet, Reading};

use super::{Folder, assert_noted, assert_says, dictionary, idx, load, load_with, npy, npy_u8};

/// A folder of `n` pictures of 2×2 with these labels as a file of a type.
fn labelled(n: u32, labels: Vec<u8>) -> harmonium::Result<DataSet> {
    let folder = Folder::new();
    let pixels: Vec<u8> = (0..4 * n).map(|k| (k * 29 % 256) as u8).collect();
    folder.write("train-images-idx3-ubyte", idx(8, &[n, 2, 2], &pixels));
    folder.write("train-labels-idx1-ubyte", labels);
    Ok(load(folder.path())?.train)
}

#[test]
fn idx_labels_of_every_type_are_classes() {
    let numbers = [2i32, 0, 1, 2, 1];
    let types: [(u8, Vec<u8>); 6] = [
        (0x08, numbers.iter().map(|&x| x as u8).collect()),
        (0x09, numbers.iter().map(|&x| x as u8).collect()),
        (0x0b, numbers.iter().flat_map(|&x| (x as i16).to_be_bytes()).collect()),
        (0x0c, numbers.iter().flat_map(|&x| x.to_be_bytes()).collect()),
        (0x0d, numbers.iter().flat_map(|&x| (x as f32).to_be_bytes()).collect()),
        (0x0e, numbers.iter().flat_map(|&x| f64::from(x).to_be_bytes()).collect()),
    ];
    for (kind, payload) in types {
        for dims in [&[5][..], &[5, 1]] {
            let set = labelled(5, idx(kind, dims, &payload)).unwrap();
            assert_eq!(set.labels, Some(vec![2, 0, 1, 2, 1]), "{kind:#04x}");
            assert_eq!(set.classes, ["0", "1", "2"]);
            assert!(set.notices.is_empty(), "{:?}", set.notices);
        }
    }
    // One number of eight is the class (QMNIST).
    let eight: Vec<u8> = numbers
        .iter()
        .flat_map(|&x| [x, 9, 400, 7, 1, 2, 3, 4])
        .flat_map(i32::to_be_bytes)
        .collect();
    assert_eq!(labelled(5, idx(0x0c, &[5, 8], &eight)).unwrap().labels, Some(vec![2, 0, 1, 2, 1]));
    // A single 1 at the class's place.
    let hot: Vec<u8> = numbers.iter().flat_map(|&x| [0, 1, 2].map(|k| u8::from(k == x))).collect();
    assert_eq!(labelled(5, idx(8, &[5, 3], &hot)).unwrap().labels, Some(vec![2, 0, 1, 2, 1]));
    let half = 0.5f32.to_be_bytes().repeat(5);
    let text = labelled(5, idx(0x0d, &[5], &half)).unwrap_err().to_string();
    assert_says(&text, &["train-labels-idx1-ubyte", "label 0 is 0.5", "whole number"]);
}

#[test]
fn labels_are_named_as_they_stand() {
    let of = |labels: &[u8]| {
        labelled(labels.len() as u32, idx(8, &[labels.len() as u32], labels)).unwrap()
    };
    let set = of(&[3, 1, 2, 3]);
    assert_eq!(
        (set.classes.as_slice(), set.labels),
        (&["1", "2", "3"].map(String::from)[..], Some(vec![2, 0, 1, 2]))
    );
    assert!(set.notices[0].contains("run from 1 to 3: 3 classes"), "{:?}", set.notices);
    let set = of(&[0, 1, 4, 7]);
    assert_eq!(set.classes, ["0", "1", "4", "7"]);
    assert_noted(&set, &["gaps (2 to 3, 5 to 6 do not occur)", "4 classes"]);
    // Ten sorts numbers as numbers.
    let set = of(&[10, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((set.classes[9].as_str(), set.labels.unwrap()[..2].to_vec()), ("9", vec![10, 9]));
    let mut many = [0, 1].repeat(20);
    many.push(255);
    let set = of(&many);
    assert_eq!(set.classes, ["0", "1", "255"]);
    assert_noted(&set, &["label 255", "one case only"]);
    let signed = labelled(3, idx(9, &[3], &[255, 0, 1])).unwrap();
    assert_eq!(signed.classes, ["-1", "0", "1"]);
    assert_noted(&signed, &["run from -1 to 1"]);
}

#[test]
fn labels_of_an_array_stand_in_another_file() {
    let folder = Folder::new();
    let images = folder
        .write("pictures.npy", npy_u8("(3, 2, 2)", &[9, 200, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    let whole: Vec<u8> = [5i64, 3, 5].iter().flat_map(|x| x.to_le_bytes()).collect();
    folder.write("a.npy", npy(&dictionary("<i8", false, "(3,)"), &whole));
    folder.write("b.idx", idx(8, &[3], &[5, 3, 5]));
    folder.write("c.csv", "label\n5\n3\n5\n");
    folder.write("d.txt", "5\n3\n5\n");
    for name in ["a.npy", "b.idx", "c.csv", "d.txt"] {
        let path = folder.path().join(name);
        let reading = Reading::default().labels(path.to_str().unwrap());
        let set = load_with(&images, &reading).unwrap().train;
        assert_eq!(
            (set.classes.as_slice(), set.labels.as_deref()),
            (&["3".to_string(), "5".into()][..], Some(&[1, 0, 1][..])),
            "{name}"
        );
        assert_noted(&set, &["labels are those of", name]);
    }
    folder.write("short.npy", npy_u8("(2,)", &[1, 2]));
    let path = folder.path().join("short.npy");
    let error = load_with(&images, &Reading::default().labels(path.to_str().unwrap())).unwrap_err();
    assert_says(&error.to_string(), &["short.npy", "2 labels for the 3 cases of", "pictures.npy"]);
    let error = load_with(&images, &Reading::default().labels("species")).unwrap_err().to_string();
    assert_says(&error, &["labels", "'species' is no file", "pictures.npy"]);
    let error = load_with(&images, &Reading::default().array("x")).unwrap_err().to_string();
    assert_says(&error, &["array", "means nothing", ".npz"]);
    let error = harmonium::data::load_with("digits", &Reading::default().scale(2.0)).unwrap_err();
    assert_says(&error.to_string(), &["scale", "digits"]);
}
