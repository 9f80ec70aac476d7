//! What a number, a column or a letter meant in training it means in whatever a model reads later.

use std::fs;
use std::path::Path;

use harmonium::run::png_file::write_grey_png;

use super::{npy, say, temporary, write_npy};

/// Rows of sixteen random-looking bytes, up to `most`.
fn bytes(rows: u32, most: u32) -> Vec<Vec<u32>> {
    (0..rows)
        .map(|i| (0..16).map(|j| (i * 7919 + j * 104_729 + i * j * 31) % (most + 1)).collect())
        .collect()
}

fn table(path: &Path, rows: &[Vec<u32>]) {
    let line = |row: &Vec<u32>| row.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    fs::write(path, rows.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap();
}

fn npy_u8(path: &Path, rows: &[Vec<u32>]) {
    let header =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}, 16), }}", rows.len());
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(rows.iter().flatten().map(|&x| x as u8));
    fs::write(path, file).unwrap();
}

/// The hidden means of a machine's cases in a file.
fn transformed(at: &Path, model: &str, data: &str) -> (Vec<f32>, String) {
    let said = say(at, &format!("transform {model} --data {data} --out t.npy")).done();
    (npy(at.join("t.npy")).1, said.err)
}

#[test]
fn numbers_are_divided_as_in_training() {
    let folder = temporary();
    let at = folder.path();
    let bright = bytes(60, 255);
    table(&at.join("bright.csv"), &bright);
    say(at, "train rbm --data bright.csv --hidden 3 --epochs 40 --learning-rate 0.5 --quiet --out bright")
        .done();
    // Darker pictures run to less than half of 255: by themselves they are no pictures.
    let dark: Vec<Vec<u32>> =
        bright.iter().take(4).map(|row| row.iter().map(|x| x / 4).collect()).collect();
    table(&at.join("dark.csv"), &dark);
    npy_u8(&at.join("dark.npy"), &dark);
    let shares: Vec<f32> = dark.iter().flatten().map(|&x| x as f32 / 255.0).collect();
    write_npy(at.join("shares.npy"), &shares, 16);
    let (expected, told) = transformed(at, "bright", "shares.npy");
    assert!(!told.contains("x/255"), "{told}");
    for data in ["dark.csv", "dark.npy", "dark.csv --scale 255"] {
        let found = transformed(at, "bright", data).0;
        // A byte times 1/255 is rounded otherwise than a number divided by it.
        let close = |(x, y): (&f32, &f32)| (x - y).abs() < 1e-6;
        assert!(found.iter().zip(&expected).all(close), "{data}: {found:?}, {expected:?}");
    }
    let (_, told) = transformed(at, "bright", "dark.csv");
    assert!(told.contains("read as x/255, as the training data's were"), "{told}");
    assert!(!told.contains("stands for white"), "{told}");
    // Zeros and ones may be bits, which is said.
    let bits: Vec<Vec<u32>> =
        dark.iter().map(|row| row.iter().map(|x| u32::from(*x > 20)).collect()).collect();
    table(&at.join("bits.csv"), &bits);
    let (_, told) = transformed(at, "bright", "bits.csv");
    assert!(told.contains("not as x/255 as the training data's"), "{told}");

    // What does not look like the training data's numbers is read by itself, which is said.
    let mut far = dark.clone();
    far[0][0] = 300;
    table(&at.join("far.csv"), &far);
    say(at, "transform bright --data far.csv --out t.npy").refused(1, &["outside [0, 1]"]);

    // Numbers that were taken as they stand stay so where another file holds them as bytes.
    say(
        at,
        "train rbm --data bright.csv --visible gaussian --hidden 3 --epochs 5 --quiet --out plain",
    )
    .done();
    npy_u8(&at.join("bright.npy"), &bright);
    let (expected, _) = transformed(at, "plain", "bright.csv");
    let (found, told) = transformed(at, "plain", "bright.npy");
    assert!(found == expected && told.contains("as they stand"), "{told}");
    // In pieces as whole.
    assert_eq!(transformed(at, "plain", "bright.npy --stream").0, expected);
    assert_eq!(
        transformed(at, "bright", "dark.csv --stream").0,
        transformed(at, "bright", "dark.csv").0
    );
}

/// A scale that was given in training is that of other files too, of pictures only where the training data were such, and of
/// what goes on from the model; what lies outside [0, 1] is told with the number that mends it.
#[test]
fn a_given_scale_is_for_what_the_training_data_were() {
    let folder = temporary();
    let at = folder.path();
    let rows = bytes(60, 16);
    table(&at.join("sixteen.csv"), &rows);
    say(at, "train rbm --data sixteen.csv --scale 16 --hidden 3 --epochs 5 --quiet --out run")
        .done();
    table(&at.join("one.csv"), &rows[..1]);
    let (expected, _) = transformed(at, "run", "one.csv --scale 16");
    assert_eq!(transformed(at, "run", "one.csv").0, expected);
    let picture = |path: &str, white: u32| {
        let pixels: Vec<u8> = rows[0].iter().map(|x| (x * white / 16) as u8).collect();
        write_grey_png(at.join(path), 4, 4, &pixels).unwrap();
    };
    picture("one.png", 255);
    let close = |(x, y): (&f32, &f32)| (x - y).abs() < 1e-2;
    let (found, _) = transformed(at, "run", "one.png");
    assert!(found.iter().zip(&expected).all(close), "{found:?}, {expected:?}");
    // What goes on from it reads as it does, whatever the numbers' type and size.
    npy_u8(&at.join("wide.npy"), &bytes(60, 20));
    say(at, "train rbm --data sixteen.csv --scale 16 --visible gaussian --hidden 3 --epochs 5 --quiet --out base").done();
    say(at, "train dbn --from base --data wide.npy --no-classifier --layers 3,2 --pretrain-epochs 1 --quiet --out on").done();
    let (expected, _) = transformed(at, "on", "wide.npy --scale 16");
    assert_eq!(transformed(at, "on", "wide.npy").0, expected);

    fs::create_dir(at.join("pictures")).unwrap();
    for (k, white) in [64, 80, 96, 100, 100, 90].into_iter().enumerate() {
        picture(&format!("pictures/{k}.png"), white);
    }
    say(at, "train rbm --data pictures --labels none --scale 100 --validation 0 --hidden 3 --epochs 5 --quiet --out dark").done();
    picture("dark.png", 100);
    let (expected, _) = transformed(at, "dark", "dark.png --scale 100");
    assert_eq!(transformed(at, "dark", "dark.png").0, expected);

    npy_u8(&at.join("far.npy"), &bytes(20, 200));
    say(at, "train rbm --data far.npy --scale 16 --hidden 3 --out no")
        .refused(1, &["the file's numbers run to 199: --scale 199"]);
    table(&at.join("far.csv"), &bytes(20, 100));
    say(at, "train rbm --data far.csv --scale 16 --hidden 3 --out no")
        .refused(1, &["times the scale that is given already"]);
}

#[test]
fn columns_are_taken_by_name_where_training_goes_on_from_another_model() {
    let folder = temporary();
    let at = folder.path();
    let row = |i: u32| {
        let x = f64::from(i * 37 % 100) / 100.0;
        [x, 0.05 * f64::from(i % 3), 50.0 - 9.0 * f64::from(i * 53 % 7)]
    };
    let line = |row: [f64; 3]| row.map(|x| x.to_string()).join(",");
    let reversed = |[a, b, c]: [f64; 3]| [c, b, a];
    let file = |head: &str, rows: Vec<String>| format!("{head}\n{}\n", rows.join("\n"));
    fs::write(at.join("abc.csv"), file("a,b,c", (0..80).map(|i| line(row(i))).collect())).unwrap();
    let turned = (0..80).map(|i| line(reversed(row(i)))).collect();
    fs::write(at.join("cba.csv"), file("c,b,a", turned)).unwrap();
    say(
        at,
        "train rbm --data abc.csv --visible gaussian --hidden 6 --epochs 60 --quiet --out base",
    )
    .done();
    let line = "train dbn --from base --no-classifier --layers 6,4 --pretrain-epochs 2 --data";
    let said = say(at, &format!("{line} cba.csv --out turned")).done();
    assert!(said.err.contains("put into that order (a, b, c)"), "{}", said.err);
    let (expected, _) = transformed(at, "base", "abc.csv");
    assert_eq!(transformed(at, "turned --level 1", "abc.csv").0, expected);
    assert_eq!(transformed(at, "turned --level 1", "cba.csv").0, expected);
    // Other means and deviations are told.
    let wide = (0..80).map(|i| row(i).map(|x| (10.0 * x).to_string()).join(",")).collect();
    fs::write(at.join("wide.csv"), file("a,b,c", wide)).unwrap();
    let said = say(at, &format!("{line} wide.csv --out wide")).done();
    assert!(said.err.contains("other means and deviations"), "{}", said.err);
}

#[test]
fn residues_are_those_of_the_training_data() {
    let folder = temporary();
    let at = folder.path();
    let all = b"ACDEFGHIKLMNPQRSTVWY";
    let sequence = |i: usize| -> String {
        (0..6).map(|j| char::from(all[(i * 7 + j * 3 + i * j) % all.len()])).collect()
    };
    let fasta: String = (0..60).map(|i| format!(">s{i}\n{}\n", sequence(i))).collect();
    fs::write(at.join("proteins.fasta"), fasta).unwrap();
    say(at, "train rbm --data proteins.fasta --visible softmax:21 --hidden 3 --epochs 30 --quiet --out proteins")
        .done();
    fs::write(at.join("short.fasta"), ">q\nAGAGCA\n").unwrap();
    fs::write(at.join("both.fasta"), ">q\nAGAGCA\n>r\nWWWWWW\n").unwrap();
    let (short, told) = transformed(at, "proteins", "short.fasta");
    assert!(told.contains("6 residues"), "{told}");
    assert_eq!(short, transformed(at, "proteins", "both.fasta").0[..3]);
    fs::write(at.join("rna.fasta"), ">a\nACGU\n>b\nUUGA\n>c\nGGAC\n").unwrap();
    say(at, "train rbm --data rna.fasta --visible softmax:5 --hidden 3 --epochs 3 --validation 0 --quiet --out rna")
        .done();
    fs::write(at.join("wrong.fasta"), ">a\nACGU\n>b\nWWGA\n").unwrap();
    let line = "train rbm --data proteins.fasta --visible softmax:21 --hidden 3 --epochs 1 --quiet --out again";
    say(at, line).done();
    say(at, "transform rna --data wrong.fasta --out t.npy")
        .refused(1, &["wrong.fasta", "line 3", "trained on nucleotides"]);
}

#[test]
fn states_that_units_cannot_have_are_no_beginning() {
    let folder = temporary();
    let at = folder.path();
    let bits: Vec<f32> =
        (0..200).flat_map(|i| [i % 2, i % 2, i / 2 % 2, i / 2 % 2]).map(|x| x as f32).collect();
    write_npy(at.join("bits.npy"), &bits, 4);
    for (units, width) in [("spin", 4), ("softmax:2", 8)] {
        let train = format!(
            "train rbm --data bits.npy --visible {units} --hidden 3 --epochs 3 --quiet --force"
        );
        say(at, &format!("{train} --out run")).done();
        let zeros = vec![0.0; 2 * width];
        write_npy(at.join("zeros.npy"), &zeros, width);
        let mut mask = vec![0.0; width];
        mask[..2].fill(1.0);
        write_npy(at.join("mask.npy"), &mask, width);
        let words = match units {
            "spin" => "0 is no spin: they are -1 and 1",
            _ => "the 2 units from here on are a softmax group",
        };
        for options in ["--init zeros.npy", "--clamp mask.npy --init zeros.npy"] {
            say(at, &format!("sample run {options} --steps 3 --out o.npy"))
                .refused(1, &["zeros.npy", "row 0, column 0", words]);
        }
        // What is drawn may begin again.
        say(at, "sample run --count 5 --steps 3 --out drawn.npy").done();
        say(at, "sample run --init drawn.npy --steps 3 --out o.npy").done();
        say(at, "sample run --clamp mask.npy --init drawn.npy --steps 3 --out o.npy").done();
    }
}

/// 1 − x of a table's columns is nothing.
#[test]
fn tables_are_not_turned_as_pictures_are() {
    let folder = temporary();
    let at = folder.path();
    let row = |i: u32| {
        format!("{},{},{}", i % 3 * 4, 9 - i % 3 * 3, ["cat", "dog", "emu"][i as usize % 3])
    };
    let rows: Vec<String> = (0..90).map(row).collect();
    fs::write(at.join("t.csv"), format!("a,b,kind\n{}\n", rows.join("\n"))).unwrap();
    say(at, "train dbn --data t.csv --labels kind --layers 6 --pretrain-epochs 2 --epochs 2 --batch 10 --out run")
        .done();
    say(at, "predict run --data t.csv --invert").refused(2, &["invert", "a table's rows"]);
}
