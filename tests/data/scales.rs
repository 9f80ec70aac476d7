//! What stands for 1.

use harmonium::data::{Reading, Splits, Values};

use super::{Folder, assert_noted, assert_says, idx, load, load_with, npy_f32, npy_u8};

fn unit(path: &std::path::Path) -> Splits {
    let mut splits = load(path).unwrap();
    splits.pictures_into_unit_interval().unwrap();
    splits
}

#[test]
fn a_small_range_is_told_and_scaled() {
    let folder = Folder::new();
    let values = [0, 3, 16, 8];
    let path = folder.write("a.npy", npy_u8("(1, 2, 2)", &values));
    let set = load(&path).unwrap().train;
    assert_noted(&set, &["the largest value is 16 of 255", "--scale 16"]);
    let set = load_with(&path, &Reading::default().scale(16.0)).unwrap().train;
    assert_eq!(set.cases.row(0), [0.0, 3.0 / 16.0, 1.0, 0.5]);
    assert!(set.notices.is_empty(), "{:?}", set.notices);
    let floats = folder.write("f.npy", npy_f32("(1, 2, 2)", &[0.0, 3.0, 16.0, 8.0]));
    let set = load_with(&floats, &Reading::default().scale(16.0)).unwrap().train;
    assert_eq!(set.cases.row(0), [0.0, 3.0 / 16.0, 1.0, 0.5]);
    let table = folder.write("t.csv", "0,3,16,8\n");
    let set = load_with(&table, &Reading::default().scale(16.0)).unwrap().train;
    assert_eq!(set.cases.row(0), [0.0, 3.0 / 16.0, 1.0, 0.5]);
    // Zero and one are no bits where the user says what 1 is.
    let bits = folder.write("b.npy", npy_u8("(1, 4)", &[0, 1, 1, 0]));
    let set = load_with(&bits, &Reading::default().scale(2.0)).unwrap().train;
    assert_eq!(set.cases.row(0), [0.0, 0.5, 0.5, 0.0]);
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let text = load_with(&path, &Reading::default().scale(scale)).unwrap_err().to_string();
        assert_says(&text, &["scale", "outside (0, "]);
    }
    let dark = folder.write("d.npy", npy_u8("(1, 2, 2)", &[0, 1, 1, 2]));
    assert_noted(&load(&dark).unwrap().train, &["is 2 of 255", "darker than 0.0078;"]);
    // Bright enough, and nearly black on the whole.
    for (bytes, told) in [([0, 128, 3, 4], false), ([0, 127, 3, 4], true), ([0, 0, 0, 0], false)] {
        let set = load(&folder.write("c.npy", npy_u8("(1, 2, 2)", &bytes))).unwrap().train;
        assert_eq!(set.notices.len(), usize::from(told), "{bytes:?}: {:?}", set.notices);
    }
}

#[test]
fn numbers_of_bytes_come_into_the_unit_interval_by_the_training_part() {
    let folder = Folder::new();
    let path = folder.write("a.npy", npy_f32("(1, 2, 2)", &[0.0, 51.0, 255.0, 102.0]));
    let set = unit(&path).train;
    assert!(
        matches!(set.cases.values(), Values::U8 { values, .. } if *values == [0, 51, 255, 102])
    );
    assert_noted(&set, &["run to 255", "x/255", "--scale"]);
    let path = folder.write("h.npy", npy_f32("(1, 2, 2)", &[0.5, 51.0, 250.0, 102.0]));
    assert_eq!(unit(&path).train.cases.row(0)[0], 0.5 / 255.0);
    let path = folder.write("w.npy", npy_f32("(1, 2, 2)", &[0.0, 65535.0, 250.0, 102.0]));
    assert_eq!(unit(&path).train.cases.row(0)[1], 1.0);
    // Left as they are: in [0, 1], negative, of another range, no picture.
    for (shape, values) in [
        ("(1, 2, 2)", [0.0, 0.5, 1.0, 0.25]),
        ("(1, 2, 2)", [-1.0, 51.0, 255.0, 102.0]),
        ("(1, 2, 2)", [0.0, 3.0, 16.0, 8.0]),
        ("(2, 2)", [0.0, 51.0, 255.0, 102.0]),
    ] {
        let set = unit(&folder.write("l.npy", npy_f32(shape, &values))).train;
        assert_eq!(set.cases.to_f32(), values, "{shape}");
        assert!(set.notices.is_empty());
    }
    // The test part follows, though its own numbers say nothing.
    let float =
        |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|x| x.to_be_bytes()).collect() };
    folder.write(
        "train-images-idx3-ubyte",
        idx(0x0d, &[1, 2, 2], &float(&[0.0, 51.0, 255.0, 102.0])),
    );
    folder.write("t10k-images-idx3-ubyte", idx(0x0d, &[1, 2, 2], &float(&[0.0, 0.0, 1.0, 1.0])));
    let splits = unit(folder.path());
    assert_eq!(splits.test.unwrap().cases.row(0)[2], 1.0 / 255.0);
    let text = splits.train.cases.check_unit_interval("x");
    assert!(text.is_ok());
    let set =
        load(&folder.write("s.npy", npy_f32("(1, 2, 2)", &[0.0, 3.0, 16.0, 8.0]))).unwrap().train;
    let text = set.cases.check_unit_interval("s").unwrap_err().to_string();
    assert_says(&text, &["column 1 is 3", "run from 0 to 16", "--scale 16"]);
}
