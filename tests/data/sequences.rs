//! Sequences: letters in Taskar's form, archives, the bundled words.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use harmonium::Device;
use harmonium::data::{Cases, Holdout, Sequences, Values, load_sequences};
use harmonium::training::ResidentSequences;
use tempfile::TempDir;

/// A line of letter.data: word, position, whether it is the last one, letter, fold; `ink` pixels are 1.
fn line(id: usize, word: usize, position: usize, last: bool, letter: char, ink: usize) -> String {
    let next = if last { -1 } else { id as i64 + 1 };
    let pixels: String = (0..128).map(|p| if p < ink { "1\t" } else { "0\t" }).collect();
    format!("{id}\t{letter}\t{next}\t{word}\t{position}\t{}\t{pixels}\n", word % 10)
}

/// `ab`, `c`, `zza`.
fn letters() -> String {
    [
        line(1, 3, 1, false, 'a', 1),
        line(2, 3, 2, true, 'b', 2),
        line(3, 4, 1, true, 'c', 3),
        line(4, 15, 1, false, 'z', 4),
        line(5, 15, 2, false, 'z', 5),
        line(6, 15, 3, true, 'a', 6),
    ]
    .concat()
}

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn letters_are_words_with_folds_plain_and_gzipped() {
    let folder = TempDir::new().unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(letters().as_bytes()).unwrap();
    let plain = file(&folder, "letter.data", letters().as_bytes());
    let packed = file(&folder, "letter.data.gz", &packed.finish().unwrap());
    // Without tabs at the ends, and with the line ends of another system.
    let other = letters().replace("\t\n", "\r\n");
    let other = file(&folder, "other.data", other.as_bytes());
    for path in [plain, packed, other] {
        let read = load_sequences(&path).unwrap();
        assert!(read.test.is_none());
        let words = read.train;
        assert_eq!((words.len(), words.cases.len(), words.cases.width()), (3, 6, 128));
        assert_eq!(words.starts, [0, 2, 3, 6]);
        assert_eq!(words.labels, Some(vec![0, 1, 2, 25, 25, 0]));
        assert_eq!(words.folds, Some(vec![3, 4, 5]));
        assert_eq!(words.classes.len(), 26);
        assert!(words.cases.is_binary());
        for letter in 0..6 {
            assert_eq!(words.cases.row(letter).iter().sum::<f32>(), letter as f32 + 1.0);
        }
        let image = words.image.unwrap();
        assert_eq!((image.height, image.width), (16, 8));
    }
}

#[test]
fn a_folder_is_no_source_and_names_its_files() {
    let folder = TempDir::new().unwrap();
    let name = folder.path().display().to_string();
    let error = || load_sequences(&name).unwrap_err().to_string();
    assert!(error().contains("it is a folder without files"), "{}", error());
    let path = file(&folder, "letter.data", letters().as_bytes());
    assert!(error().ends_with(&format!("give one of those in it: {path}")), "{}", error());
    let error = load_sequences(&format!("{name}/none")).unwrap_err().to_string();
    assert!(error.contains("there is no such file"), "{error}");
}

#[test]
fn what_is_wrong_with_letters_is_told_with_its_line() {
    let folder = TempDir::new().unwrap();
    let refused = |text: String, words: &[&str]| {
        let path = file(&folder, "bad.data", text.as_bytes());
        let error = load_sequences(&path).unwrap_err().to_string();
        for word in words.iter().chain(&["bad.data"]) {
            assert!(error.contains(word), "'{word}' is not in: {error}");
        }
    };
    let good = letters();
    let second = line(2, 3, 2, true, 'b', 2);
    refused(
        good.replace(&second, &line(2, 3, 3, true, 'b', 2)),
        &["line 2", "letter 3", "follows letter 1"],
    );
    refused(
        good.replace(&second, ""),
        &["line 2", "word 4 begins", "letter 1 of word 3 is not the last"],
    );
    refused(line(1, 3, 2, true, 'a', 1), &["line 1", "the first letter of a word"]);
    refused(good.replace("\tb\t", "\tB\t"), &["line 2", "the letter is 'B'"]);
    refused(good.replace("2\tb\t-1", "2\tb\tx"), &["line 2", "next id is 'x'"]);
    refused(good.replacen("\t1\t", "\t2\t1\t", 1), &["line 1", "135 values", "expected 134"]);
    refused(line(1, 3, 1, true, 'a', 1).replace("\t0\t0\t", "\t0\t7\t"), &["line 1", "'7'"]);
    refused(line(1, 3, 1, true, 'a', 1) + &line(2, 3, 1, true, 'a', 1), &["line 2"]);
    refused(
        line(1, 3, 1, true, 'a', 1) + &line(2, 3, 2, true, 'a', 1),
        &["line 2", "calls the last"],
    );
    refused("\n\n".into(), &["there is no letter"]);
    let error = load_sequences("nowhere").unwrap_err().to_string();
    assert!(error.contains("'words' are bundled") && error.contains("fetch-data"), "{error}");
}

fn made() -> Sequences {
    let values = (0..12).map(|x| x as f32 + 0.5).collect();
    let cases = Cases::new(Values::F32(values), 6, 2).unwrap();
    let mut made = Sequences::new("made", cases, vec![0, 2, 3, 6]).unwrap();
    made.labels = Some(vec![0, 1, 2, 3, 4, 5]);
    made.folds = Some(vec![0, 1, 0]);
    made
}

#[test]
fn windows_end_where_sequences_end() {
    let made = made().with_window(1).unwrap();
    assert_eq!((made.cases.width(), made.len()), (6, 3));
    let rows: Vec<Vec<f32>> = (0..6).map(|p| made.cases.row(p)).collect();
    assert_eq!(rows[0], [0.0, 0.0, 0.5, 1.5, 2.5, 3.5]);
    assert_eq!(rows[1], [0.5, 1.5, 2.5, 3.5, 0.0, 0.0]);
    assert_eq!(rows[2], [0.0, 0.0, 4.5, 5.5, 0.0, 0.0]);
    assert_eq!(rows[4], [6.5, 7.5, 8.5, 9.5, 10.5, 11.5]);
    let wide = self::made().with_window(2).unwrap();
    assert_eq!(wide.cases.row(3), [0.0, 0.0, 0.0, 0.0, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5]);
    let widest = self::made().with_window(9).unwrap();
    let row = widest.cases.row(4);
    assert_eq!(row.iter().sum::<f32>(), 54.0);
    assert_eq!(row[16..22], [6.5, 7.5, 8.5, 9.5, 10.5, 11.5]);
    for window in [1 << 50, 1 << 63, usize::MAX / 2, usize::MAX] {
        let refused = self::made().with_window(window).unwrap_err().to_string();
        assert!(refused.contains("window"), "{refused}");
    }
}

#[test]
fn a_selection_keeps_sequences_whole() {
    let made = made();
    let fold = made.folds.clone().unwrap();
    let rest = made.select("rest", |s| fold[s] == 0).unwrap();
    assert_eq!((rest.starts, rest.labels), (vec![0, 2, 5], Some(vec![0, 1, 3, 4, 5])));
    assert_eq!((rest.folds, rest.cases.row(2)), (Some(vec![0, 0]), vec![6.5, 7.5]));
    let none = made.select("fold 7", |_| false).unwrap_err().to_string();
    assert!(none.contains("fold 7") && none.contains("no sequence"), "{none}");
    for starts in [vec![0, 2], vec![1, 6], vec![0, 3, 3, 6], vec![0, 4, 2, 6], vec![]] {
        let error = Sequences::new("made", made.cases.clone(), starts).unwrap_err().to_string();
        assert!(error.contains("rise from 0") && error.contains('6'), "{error}");
    }
}

#[test]
fn bundled_words_follow_their_chain() {
    let words = load_sequences("words").unwrap();
    for (part, count) in [(words.train, 600), (words.test.unwrap(), 200)] {
        assert_eq!((part.len(), part.classes.len()), (count, 10));
        let labels = part.labels.as_ref().unwrap();
        let (mut pairs, mut likely, mut second) = (0.0f64, 0.0, 0.0);
        for s in 0..part.len() {
            let own = part.positions(s);
            assert!((3..=9).contains(&own.len()));
            for pair in labels[own].windows(2) {
                pairs += 1.0;
                likely += f64::from(u8::from(pair[1] == (3 * pair[0] + 1) % 10));
                second += f64::from(u8::from(pair[1] == (3 * pair[0] + 2) % 10));
            }
        }
        // 0.6 and 0.3, and a tenth of the tenth that may be anything; within four standard errors.
        let error = 4.0 * (0.25f64 / pairs).sqrt();
        assert!((likely / pairs - 0.61).abs() < error, "{}", likely / pairs);
        assert!((second / pairs - 0.31).abs() < error, "{}", second / pairs);
        let n = part.cases.len();
        let blotted = (0..n).filter(|&p| part.cases.row(p).iter().all(|&x| x == 0.5)).count();
        let share = blotted as f64 / n as f64;
        assert!((share - 0.25).abs() < 4.0 * (0.19 / n as f64).sqrt(), "{share}");
    }
}

/// Fields that anyone may set are looked at before they are used.
#[test]
fn fields_that_do_not_belong_together_are_refused() {
    let broken = |set: fn(&mut Sequences)| {
        let mut made = made();
        set(&mut made);
        made
    };
    for (made, said) in [
        (broken(|s| s.labels = Some(vec![0, 1])), "2 labels for 6 positions"),
        (broken(|s| s.classes = vec!["a".into(); 5]), "label 5 is 5, and 5 classes have names"),
        (broken(|s| s.folds = Some(vec![0])), "1 folds for 3 sequences"),
        (broken(|s| s.attributes = vec!["a".into(); 9]), "9 attributes name the 2 values"),
        (broken(|s| s.starts = vec![0, 4, 20]), "rise from 0"),
        (broken(|s| s.starts = vec![5, 4, 6]), "rise from 0"),
        (broken(|s| s.starts.clear()), "rise from 0"),
    ] {
        let found = [
            made.select("some", |s| s == 2).unwrap_err().to_string(),
            made.with_window(1).unwrap_err().to_string(),
            made.with_attributes(&["b".into()]).unwrap_err().to_string(),
            made.clone().split_validation(Holdout::Count(1), 1).unwrap_err().to_string(),
            ResidentSequences::new(&Device::cpu(), &made, &[2], 2).err().unwrap().to_string(),
        ];
        assert!(found.iter().all(|found| found.contains(said)), "{found:?}");
    }
    assert_eq!([made().positions(2), made().positions(3)], [3..6, 0..0]);
    assert_eq!(made().positions(usize::MAX), 0..0);
    assert!(made().labelled(vec![0; 5], vec![]).is_err());
    // A window's positions keep the names of their values, but are not chosen from.
    let mut named = made();
    named.attributes = vec!["a".into(), "b".into()];
    let windows = named.with_window(2).unwrap();
    let refused = windows.with_attributes(&["b".into()]).unwrap_err().to_string();
    assert!(refused.contains("choose attributes first"), "{refused}");
}

#[test]
fn sequences_are_held_out_as_cases_are() {
    let refused = |holdout| made().split_validation(holdout, 1).unwrap_err().to_string();
    for fraction in [f64::NAN, -1.0, 0.0, 2.0] {
        assert!(refused(Holdout::Fraction(fraction)).contains("no fraction"), "{fraction}");
    }
    assert!(refused(Holdout::Count(0)).contains("0 sequences asked for, of 3; from 1 to 2"));
    assert!(refused(Holdout::Count(3)).contains("3 sequences asked for"));
    let (train, held) = made().split_validation(Holdout::Fraction(0.3), 1).unwrap();
    assert_eq!((train.len(), held.len()), (2, 1));
}
