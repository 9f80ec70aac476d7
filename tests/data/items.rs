//! Items with attributes, as CRFsuite reads them.

use harmonium::data::{Sequences, load_sequences};
use tempfile::TempDir;

fn read(text: &str) -> Result<Sequences, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("items.txt");
    std::fs::write(&path, text).unwrap();
    load_sequences(path.to_str().unwrap()).map(|read| read.train).map_err(|e| e.to_string())
}

#[test]
fn attributes_have_names_values_and_escapes() {
    let text = "B-NP\tw[0]=He\tpos=PRP\n\
                B-VP\tw[0]=a\\:b\tpos=VBD:0.5\tback\\\\slash\tpos=VBD:0.25\n\
                \n\
                \n\
                O\tw[0]=C\\D:-2e1\n\
                O\n";
    for text in [text.to_string(), text.replace('\n', "\r\n"), text.trim_end().to_string()] {
        let read = read(&text).unwrap();
        assert_eq!(read.starts, [0, 2, 4]);
        assert_eq!(read.classes, ["B-NP", "B-VP", "O"]);
        assert_eq!(read.labels, Some(vec![0, 1, 2, 2]));
        let names = ["w[0]=He", "pos=PRP", "w[0]=a:b", "pos=VBD", "back\\slash", "w[0]=C\\D"];
        assert_eq!(read.attributes, names);
        assert_eq!(read.cases.row(0), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(read.cases.row(1), [0.0, 0.0, 1.0, 0.75, 1.0, 0.0]);
        assert_eq!(read.cases.row(2), [0.0, 0.0, 0.0, 0.0, 0.0, -20.0]);
        assert_eq!(read.cases.row(3), [0.0; 6]);
    }
    // Attributes without values are bits.
    assert!(read("a\tx\ty\nb\ty\n").unwrap().cases.is_binary());
}

#[test]
fn labels_are_given_or_not() {
    let bare = read("\tx\n\ty\n\n\tx\n").unwrap();
    assert_eq!((bare.labels, bare.starts), (None, vec![0, 2, 3]));
    let mixed = read("a\tx\n\ty\n").unwrap_err();
    assert!(mixed.contains("item 2") && mixed.contains("has no label"), "{mixed}");
}

#[test]
fn what_is_wrong_with_items_is_told_with_its_line() {
    for (text, words) in [
        ("a\tx\n\nb\ty:z\n", vec!["line 3", "attribute 'y' is 'z'", "is written \\:"]),
        ("a\tx:1:2\n", vec!["line 1", "'1:2'"]),
        ("a\tx:inf\n", vec!["line 1", "'inf'"]),
        ("a\t@weight:2\tx\n", vec!["line 1", "@weight"]),
        ("just words\nof a text\n", vec!["no line has an attribute", "letter.data", "CRFsuite"]),
    ] {
        let error = read(text).unwrap_err();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    // 17,000 items, each with an attribute of its own: 289 million numbers.
    let many: String = (0..17_000).map(|i| format!("a\tx{i}\n")).collect();
    let error = read(&many).unwrap_err();
    for word in
        ["17000 items with 17000 attributes", "268435456 is the most", "leave out attributes"]
    {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn attributes_are_matched_by_their_names() {
    let learnt = read("a\tx\ty\tz\nb\tz\n").unwrap().attributes;
    let other = read("a\tz\tnew\nb\ty:0.5\tx\n").unwrap().with_attributes(&learnt).unwrap();
    assert_eq!(other.attributes, ["x", "y", "z"]);
    assert_eq!(other.cases.row(0), [0.0, 0.0, 1.0]);
    assert_eq!(other.cases.row(1), [1.0, 0.5, 0.0]);
    assert!(other.notices[0].contains("1 of 4 attributes"), "{:?}", other.notices);
    // Positions that are rows of numbers stay as they are.
    let words = load_sequences("words").unwrap().train;
    assert_eq!(words.with_attributes(&learnt).unwrap(), words);
}
