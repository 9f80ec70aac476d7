//! Tables as programs write them: separators, names, indices, labels, encodings, missing values.

use harmonium::data::{DataSet, ImageShape, Reading, Values};

use super::{Folder, assert_noted, assert_says, gzip, load_with, message};

fn read_with(name: &str, bytes: impl AsRef<[u8]>, reading: &Reading) -> DataSet {
    let folder = Folder::new();
    load_with(&folder.write(name, bytes), reading).unwrap().train
}

fn read(text: impl AsRef<[u8]>) -> DataSet {
    read_with("t.csv", text, &Reading::default())
}

fn rows(set: &DataSet) -> Vec<Vec<f32>> {
    (0..set.cases.len()).map(|i| set.cases.row(i)).collect()
}

/// A table of `rows` lines of `width` numbers, and a label put in as column `at`.
fn pictures(rows: usize, width: usize, at: usize, separator: &str) -> String {
    let mut text = String::new();
    for i in 0..rows {
        let pixel = |k: usize| ((i * 31 + k * 17) % 256).to_string();
        let mut cells: Vec<String> = (0..width).map(pixel).collect();
        cells.insert(at, (i % 3).to_string());
        text.push_str(&(cells.join(separator) + "\n"));
    }
    text
}

#[test]
fn separators_decimal_marks_and_encodings() {
    let expected = [vec![0.25, 0.5, 1.0], vec![0.0, 0.125, 0.75]];
    let plain = "0.25,0.5,1\n0,0.125,0.75\n";
    let utf16 = |big: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(plain.encode_utf16());
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    };
    for (i, bytes) in [
        plain.as_bytes().to_vec(),
        plain.replace(',', ";").into(),
        plain.replace(',', "\t").into(),
        plain.replace(',', "|").into(),
        plain.replace(',', "  ").into(),
        plain.replace(',', ";").replace('.', ",").into(),
        plain.replace(',', " ").replace('.', ",").into(),
        format!("sep=,\n{plain}").into(),
        format!("\u{feff}sep=;\r\n{}", plain.replace(',', ";")).into(),
        format!("# written by hand\n{plain}").into(),
        utf16(false),
        utf16(true),
        gzip(plain.as_bytes()),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(rows(&read(&bytes)), expected, "form {i}");
    }
    for name in ["t.txt", "t.tsv", "t.amat", "t.data", "t"] {
        let set = read_with(name, plain.replace(',', "\t"), &Reading::default());
        assert_eq!(rows(&set), expected, "{name}");
    }
    // Every line of three ends with a separator: no column follows it.
    let set = read("1,2,\n3,4,\n5,6,\n");
    assert_eq!(rows(&set), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    assert_noted(&set, &["ends with a separator"]);
    assert_noted(&read("0,5;1\n1,5;2\n"), &["comma", "decimal mark"]);
    assert_says(
        &message("t.csv", [b'1', 0, b',', 0, b'2', 0, b'\n', 0]),
        &["UTF-16 without its mark"],
    );
    assert_says(&message("t.csv", [0xff, 0xfe, b'1', 0, b','].as_slice()), &["UTF-16", "cut off"]);
}

#[test]
fn names_of_columns_of_every_kind() {
    let expected = [vec![7.0, 8.0, 9.0], vec![1.0, 0.0, 5.0]];
    for (names, said) in [
        ("a,b,c", "line 1 names the columns (a, b, c)"),
        ("\"a\",\"b, too\",\"c\"", "line 1 names"),
        ("a,,c", "line 1 names the columns (a, '', c)"),
        ("0,1,2", "line 1 counts 0, 1, 2"),
        ("\"1\",\"2\",\"3\"", "line 1 counts 1, 2, 3"),
        ("# a,b,c", "line 1 names the columns (a, b, c)"),
        ("index of a,b,c", "line 1 names"),
    ] {
        let set = read(format!("{names}\n7,8,9\n1,0,5\n"));
        assert_eq!(rows(&set), expected, "{names}");
        assert_noted(&set, &[said]);
    }
    // pandas without names of its own, with an index.
    let set = read(",0,1,2\n0,7,8,9\n1,1,0,5\n");
    assert_eq!(rows(&set), expected);
    assert_noted(&set, &["line 1 counts"]);
    // Numbers that are data.
    assert_eq!(read("1,2,3\n4,5,6\n").cases.len(), 2);
    assert_eq!(read("0,1,2\n0,1,2\n").cases.len(), 2, "the second line counts too");
    assert_eq!(read("0,1\n5,6\n").cases.len(), 2);
    assert_eq!(read("0,1,2\n").cases.len(), 1);
    assert_says(
        &message("t.csv", "1,2,x\n3,4,5\n"),
        &["line 1", "column 3", "'x' is not a number"],
    );
}

#[test]
fn missing_values_are_refused_with_their_place_and_never_lost_with_the_first_line() {
    for cell in ["", "NA", "nan", "NaN", "null", "?", "N/A", "#N/A", "-", "None"] {
        let says = |text: String, parts: &[&str]| {
            assert_says(&message("t.csv", text), &[&["a missing value"], parts].concat());
        };
        says(format!("{cell},{cell},{cell}\n1,2,3\n4,5,6\n"), &["line 1", "column 1"]);
        says(format!("0.5,{cell},1\n1,2,3\n"), &["line 1", "column 2"]);
        says(format!("1,2,3\n4,{cell},6\n"), &["line 2", "column 2"]);
        says(format!("a,b,c\n4,5,6\n1,2,{cell}\n"), &["line 3", "column 3 ('c')"]);
        if !["-", "None"].contains(&cell) {
            // These may be classes.
            says(format!("label,b\n1,2\n{cell},3\n"), &["line 3", "column 1 ('label')"]);
        }
    }
    assert_says(&message("t.csv", "1,\n2,\n"), &["line 1", "column 2", "a missing value"]);
    assert_says(&message("t.csv", "a,b\n1,\n2,3\n"), &["line 2", "column 2 ('b')"]);
}

#[test]
fn an_index_is_left_out_and_said() {
    let data = [vec![0.5, 0.25], vec![0.75, 1.0]];
    for (text, word) in [
        (",a,b\n0,0.5,0.25\n1,0.75,1\n", "column 1 "),
        ("\"\",a,b\n1,0.5,0.25\n2,0.75,1\n", "column 1 "),
        (",a,b\n5312,0.5,0.25\n12,0.75,1\n", "column 1 "),
        ("Unnamed: 0,a,b\n0,0.5,0.25\n1,0.75,1\n", "'Unnamed: 0'"),
        ("Id,a,b\n1,0.5,0.25\n2,0.75,1\n", "'Id'"),
        ("index;a;b\n0;0.5;0.25\n1;0.75;1\n", "'index'"),
        (",a,b\nfirst,0.5,0.25\nsecond,0.75,1\n", "column 1 "),
        // R names the columns, and not that of the rows.
        ("\"a\" \"b\"\n\"1\" 0.5 0.25\n\"2\" 0.75 1\n", "column 1 "),
    ] {
        let set = read(text);
        assert_eq!(rows(&set), data, "{text:?}");
        assert_noted(&set, &[word, "index", "left out"]);
    }
    // What comes twice, or is not whole, is data.
    for text in [",a\n3,0.5\n3,0.25\n", ",a\n0.5,0.5\n1,0.25\n"] {
        let set = read(text);
        assert_eq!(set.cases.width(), 2);
        assert_noted(&set, &["column 1 has no row numbers", "read as data"]);
    }
    let set = read("0,0.5\n1,0.25\n2,0.1\n");
    assert_eq!(set.cases.width(), 2);
    assert_noted(&set, &["column 1 counts up", "index"]);
}

#[test]
fn labels_by_the_column_s_name() {
    for name in ["label", "Label", "class", "target", "y", "labels"] {
        for text in [
            format!("{name},a,b\n2,0.5,0.25\n0,0.75,1\n"),
            format!("a,{name},b\n0.5,2,0.25\n0.75,0,1\n"),
            format!("a,b,\"{name}\"\n0.5,0.25,2.0\n0.75,1,0e0\n"),
            format!(",a,b,{name}\n0,0.5,0.25,2\n1,0.75,1,0\n"),
        ] {
            let set = read(&text);
            assert_eq!(rows(&set), [[0.5, 0.25], [0.75, 1.0]], "{text}");
            assert_eq!(
                (set.labels.as_deref(), set.classes.len()),
                (Some(&[1, 0][..]), 2),
                "{text}"
            );
            assert_noted(&set, &[&format!("('{name}') holds the labels"), "--labels none"]);
        }
    }
    // Words are classes in the alphabet's order.
    let set = read("a,class\n1,rose\n2,daisy\n3,rose\n");
    assert_eq!(
        (set.classes, set.labels),
        (vec!["daisy".into(), "rose".into()], Some(vec![1, 0, 1]))
    );
    // Numbers that are not whole are a quantity.
    let set = read("a,target\n1,0.5\n2,0.25\n");
    assert_eq!((set.cases.width(), set.labels.is_none()), (2, true));
    assert_noted(&set, &["'target'", "not whole", "data"]);
    // Coordinates.
    assert_eq!(read("x,y\n1,2\n3,4\n").cases.width(), 2);
}

#[test]
fn labels_that_the_user_names() {
    let text = "a,kind,b\n1,rose,2\n3,daisy,4\n";
    for column in ["kind", "KIND", "2"] {
        let set = read_with("t.csv", text, &Reading::default().labels(column));
        assert_eq!(rows(&set), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(set.labels, Some(vec![1, 0]));
    }
    let set = read_with("t.csv", "1,2,7\n3,4,8\n", &Reading::default().labels("last"));
    assert_eq!((set.classes.as_slice(), set.cases.width()), (&["7".into(), "8".into()][..], 2));
    let set = read_with("t.csv", "label,a\n1,2\n3,4\n", &Reading::default().labels("none"));
    assert_eq!((set.labels.is_none(), set.cases.width()), (true, 2));
    assert_says(
        &message("t.csv", text),
        &["line 2", "column 2 ('kind')", "'rose'", "--labels kind"],
    );
    let folder = Folder::new();
    let path = folder.write("t.csv", text);
    for (column, said) in [("sort", "'sort' is no column; there are 3"), ("4", "'4'"), ("0", "'0'")]
    {
        let error = load_with(&path, &Reading::default().labels(column)).unwrap_err();
        assert_says(&error.to_string(), &["labels", said, "'kind'"]);
    }
    let path = folder.write("r.csv", "a,b\n1,0.5\n2,0.25\n");
    let error = load_with(&path, &Reading::default().labels("b")).unwrap_err().to_string();
    assert_says(&error, &["labels", "column 2 ('b')", "not whole"]);
}

#[test]
fn labels_by_the_layout_of_a_table_without_names() {
    for (at, word) in [(0, "column 1 "), (784, "column 785 ")] {
        let set = read(pictures(30, 784, at, ","));
        assert_eq!((set.cases.len(), set.cases.width(), set.classes.len()), (30, 784, 3));
        assert_eq!(set.image, Some(ImageShape { height: 28, width: 28 }));
        assert_eq!(set.labels.as_ref().unwrap()[..4], [0, 1, 2, 0]);
        assert_eq!(set.cases.row(1)[..2], [31.0, 48.0]);
        assert_noted(&set, &[word, "holds the labels", "28×28", "--labels none"]);
    }
    // Larochelle's: blanks, the label last.
    let set = read_with("t.amat", pictures(30, 16, 16, "  "), &Reading::default());
    assert_eq!((set.cases.width(), set.classes.len()), (16, 3));
    // No label: a square without another column, and a column that has no classes.
    assert!(read(pictures(30, 25, 0, ",")).labels.is_some());
    assert!(read(pictures(30, 24, 0, ",")).labels.is_none());
    // The first and the last column are alike.
    let ambiguous: String =
        (0..8).map(|i| format!("{0},{1}{0}\n", i % 2, "9,".repeat(15))).collect();
    let set = read(ambiguous);
    assert_eq!((set.cases.width(), set.labels.is_none()), (17, true));
    assert_noted(&set, &["--labels first", "--labels last"]);
}

#[test]
fn values_stay_as_they_are() {
    assert_eq!(read("0,16\n255,1\n").cases.values(), &Values::F32(vec![0.0, 16.0, 255.0, 1.0]));
    assert_eq!(read("0,1\n1.0,1\n").cases.values(), &Values::Bits(vec![0, 1, 1, 1]));
}

/// Two names that were read all the same would become one class.
#[test]
fn another_encoding_is_refused_with_its_line() {
    let table: &[u8] = b"x,kind\n1,n\xe9\n2,n\xe8\n";
    assert_says(
        &message("t.csv", table),
        &["line 2, column 2", "'n\u{fffd}'", "save the file as UTF-8"],
    );
    assert_says(&message("t.csv", b"l\xe4nge,b\n1,2\n3,4\n"), &["line 1", "'l\u{fffd}nge'"]);
    // As UTF-8 they are two.
    let set = read_with("t.csv", "x,kind\n1,né\n2,nè\n", &Reading::default().labels("kind"));
    assert_eq!(set.classes, ["nè", "né"]);
}

#[test]
fn numbers_that_f32_rounds_are_told_once() {
    let set = read("when,x\n1700000001,1\n1700000002,2\n");
    assert_noted(&set, &["line 2, column 1 ('when')", "1700000001 was rounded to 1700000000"]);
    assert_eq!(set.notices.iter().filter(|notice| notice.contains("rounded")).count(), 1);
    let set = read("when,x\n1700000000,1\n16777216,2\n0.1,3\n");
    assert!(!set.notices.iter().any(|notice| notice.contains("rounded")), "{:?}", set.notices);
}

/// Words are told how they can be labels, unless that is known.
#[test]
fn words_among_numbers_are_told_what_mends_them() {
    let word = message("t.csv", "a,kind\n1,\"Birne, grün\"\n2,Apfel\n");
    assert_says(&word, &["'Birne, grün' is not a number", "say --labels kind"]);
    let folder = Folder::new();
    let path = folder.write("t.csv", "a,b,kind\n1,0x10,x\n2,3,y\n");
    let told = load_with(&path, &Reading::default().labels("kind")).unwrap_err().to_string();
    assert_says(&told, &["'0x10' is not a number; write one"]);
    assert!(!told.contains("--labels"), "{told}");
}
