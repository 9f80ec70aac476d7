//! Every kind of bad input is an error with the path and the place.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use harmonium::Error;
use harmonium::data;

use super::{Folder, assert_says, dictionary, gzip, idx, load, message, npy};

#[test]
fn idx_headers() {
    assert_says(&message("a-ubyte", ""), &["byte 0", "ends within an idx header"]);
    assert_says(&message("a-ubyte", [0, 0, 8]), &["byte 3", "ends within an idx header"]);
    assert_says(&message("a-ubyte", [1, 2, 3, 4]), &["byte 0", "[01, 02, 03, 04]"]);
    assert_says(&message("a-ubyte", [0, 0, 7, 1]), &["byte 2", "unknown idx type 0x07"]);
    assert_says(&message("a-ubyte", [0, 0, 8, 0]), &["byte 3", "rank is 0"]);
    assert_says(&message("a-ubyte", [0, 0, 8, 3, 0, 0]), &["byte 6", "sizes of an idx header"]);
}

#[test]
fn idx_empty_and_absurd_sizes() {
    let says = |dims: &[u32], what: &str| {
        let bytes = idx(8, dims, &[]);
        assert_says(&message("a-ubyte", &bytes), &["byte 4", what]);
        assert_says(&message("a.gz", gzip(&bytes)), &["byte 4 of the unpacked data", what]);
    };
    says(&[0, 28, 28], "empty: its dimensions are [0, 28, 28]");
    says(&[5, 0], "empty");
    says(&[1 << 31, 1 << 31], "beyond what is read");
    says(&[u32::MAX; 32], "beyond what is read");
    // Not absurd in itself, but more than the file can hold: refused before anything is allocated.
    let bytes = idx(8, &[1 << 31, 1 << 30], &[]);
    assert_says(&message("a-ubyte", &bytes), &["byte 12", "promises 2305843009213693952"]);
    assert_says(&message("a.gz", gzip(&bytes)), &["byte 12", "of gzip can hold"]);
}

#[test]
fn truncated_and_overlong() {
    let whole = idx(8, &[10, 3, 4], &[9; 120]);
    let short = &whole[..whole.len() - 1];
    let promise = "10 × 3 × 4 u8";
    assert_says(
        &message("a-ubyte", short),
        &["byte 135", "119 bytes after its header", "promises 120", promise, "truncated"],
    );
    assert_says(
        &message("a.gz", gzip(short)),
        &["byte 135 of the unpacked data", "119 bytes", "promises 120", promise],
    );
    let long = [&whole[..], &[0]].concat();
    assert_says(&message("a-ubyte", &long), &["byte 136", "more bytes follow", promise]);
    assert_says(&message("a.gz", gzip(&long)), &["byte 136 of the unpacked", "more bytes follow"]);
}

#[test]
fn damaged_gzip() {
    let mut noise = 1u32;
    let pixels: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(4000)
    .collect();
    let packed = gzip(&idx(8, &[40, 100], &pixels));
    assert_says(&message("a.gz", &packed[..packed.len() / 2]), &["unpacked data", "ends early"]);
    assert_says(&message("a.gz", &packed[..5]), &["gzip stream ends early"]);
    let mut wrong_sum = packed.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    assert_says(&message("a.gz", &wrong_sum), &["gzip stream is damaged"]);
    let garbage = [&packed[..], b"garbage after the end"].concat();
    assert_says(&message("a.gz", garbage), &["gzip stream is damaged"]);
}

#[test]
fn a_gzip_bomb_is_read_no_further_than_its_header_says() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&idx(8, &[2, 2], &[])).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..200 {
        encoder.write_all(&zeros).unwrap();
    }
    let text = message("bomb.gz", encoder.finish().unwrap());
    assert_says(&text, &["byte 16 of the unpacked data", "4 bytes", "more bytes follow"]);
}

#[test]
fn counts_that_disagree() {
    let folder = Folder::new();
    folder.write("train-images-idx3-ubyte", idx(8, &[2, 2, 2], &[7; 8]));
    folder.write("train-labels-idx1-ubyte", idx(8, &[3], &[1, 2, 3]));
    let text = load(folder.path()).unwrap_err().to_string();
    assert_says(&text, &["train-labels-idx1-ubyte: size", "3 labels for the 2 cases of"]);

    folder.write("train-labels-idx1-ubyte", idx(8, &[2, 2], &[1, 2, 3, 4]));
    let text = load(folder.path()).unwrap_err().to_string();
    assert_says(&text, &["train-labels-idx1-ubyte: byte 2", "expected labels", "2 × 2 u8"]);

    folder.write("train-labels-idx1-ubyte", idx(8, &[2], &[1, 2]));
    folder.write("t10k-images-idx3-ubyte", idx(8, &[2, 1, 3], &[7; 6]));
    let text = load(folder.path()).unwrap_err().to_string();
    assert_says(&text, &["test part has 1×3 pixels", "the training part 2×2 pixels"]);
}

#[test]
fn folders_that_are_none() {
    let folder = Folder::new();
    let text = load(folder.path()).unwrap_err().to_string();
    assert_says(&text, &[folder.path().to_str().unwrap(), "train-images-idx3-ubyte", "t10k-"]);
    assert!(!text.contains("convert them"));
    folder.write("cat.BMP", "x");
    let text = load(folder.path()).unwrap_err().to_string();
    assert_says(&text, &["pictures (cat.BMP)", "convert them to PNG"]);
}

#[test]
fn nothing_there() {
    let text = data::load("mnst").unwrap_err().to_string();
    assert_says(&text, &["'mnst'", "digits and fashion", ".npy", ".csv", "idx"]);
    let text = data::load("mnist").unwrap_err().to_string();
    assert_says(&text, &["scripts/fetch-data mnist", "downloads/mnist"]);
    let text = data::load("nowhere/fashion-mnist").unwrap_err().to_string();
    assert_says(&text, &["nowhere/fashion-mnist", "scripts/fetch-data fashion-mnist"]);
    let e = data::load("no/such/file.npy").unwrap_err();
    assert!(matches!(e, Error::Io { action: "read", .. }), "{e}");
    assert_says(&e.to_string(), &["cannot read no/such/file.npy"]);
    assert!(data::load("").is_err());
    assert_says(&message("a.bin", [1, 2, 3]), &["byte 0", "[01, 02, 03]", "expected idx"]);
}

#[test]
fn npy_headers() {
    let with = |dictionary: &str| message("a.npy", npy(dictionary, &[0; 64]));
    assert_says(&message("a.npy", "\u{1}NUMPYxxxx"), &["byte 0", "\\x93NUMPY"]);
    assert_says(&message("a.npy", "abc"), &["byte 3", "ends within a .npy header"]);
    assert_says(&message("a.npy", b"\x93NUMPY\x09\x00aaaa"), &["byte 6", "version 9"]);
    assert_says(
        &message("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
        &["byte 8", "header of 4294967295 bytes"],
    );
    assert_says(&message("a.npy", b"\x93NUMPY\x01\x00\x20\x00{'"), &["byte 12", "dictionary"]);
    assert_says(&with("{'descr': '<f4'}"), &["byte 10", "lacks one of"]);
    assert_says(&with("nonsense"), &["byte 10", "expected '{'"]);
    assert_says(&with("{'descr': [('a', '<f4')]}"), &["byte 20", "named fields"]);
    assert_says(&with(&dictionary("<c8", false, "(2, 4)")), &["'<c8'", "complex"]);
    assert_says(&with(&dictionary("<U8", false, "(2,)")), &["'<U8'", "text"]);
    assert_says(&with(&dictionary("<M8[ns]", false, "(2, 4)")), &["astype('float32')"]);
    assert_says(&with(&dictionary("|O", false, "(2, 4)")), &["'|O'"]);
    assert_says(&with(&dictionary("|u1", false, "(8,)")), &["[8]", "reshape"]);
    assert_says(&with(&dictionary("|u1", false, "()")), &["[]", "reshape"]);
    assert_says(&with(&dictionary("|u1", false, "(0, 4)")), &["empty", "[0, 4]"]);
    assert_says(&with(&dictionary("|u1", false, "(-2, 4)")), &["expected a size"]);
    assert_says(
        &with(&dictionary("|u1", false, "(99999999999999999999999, 4)")),
        &["a size below 2^64"],
    );
    let absurd = dictionary("<f8", false, "(4294967296, 4294967296, 4294967296)");
    assert_says(&with(&absurd), &["beyond what is read"]);
    let nested = "(".repeat(9000);
    assert_says(&with(&format!("{{'shape': {nested}")), &["expected a size"]);
}

#[test]
fn npy_sizes() {
    let header = dictionary("<f4", false, "(3, 5)");
    let begin = 10 + header.len();
    assert_says(
        &message("a.npy", npy(&header, &[0; 59])),
        &[&format!("byte {}", begin + 59), "promises 60", "3 × 5 f32"],
    );
    assert_says(
        &message("a.npy", npy(&header, &[0; 61])),
        &[&format!("byte {}", begin + 60), "more bytes follow"],
    );
    let claims = dictionary("<f4", false, "(100000, 100000)");
    assert_says(&message("a.npy", npy(&claims, &[0; 8])), &["promises 40000000000", "truncated"]);
    assert_says(&message("a.npy.gz", gzip(&npy(&claims, &[0; 8]))), &["of gzip can hold"]);
}

#[test]
fn values_that_are_no_numbers() {
    for (bad, word) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let values = [1.0, 2.0, 3.0, bad];
        let le: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let be: Vec<u8> = values.iter().flat_map(|x| x.to_be_bytes()).collect();
        let header = dictionary("<f4", false, "(2, 2)");
        let at = format!("byte {}", 10 + header.len() + 12);
        assert_says(&message("a.npy", npy(&header, &le)), &[&at, "element 3", word]);
        assert_says(
            &message("a.idx", idx(0x0d, &[2, 2], &be)),
            &["byte 24", "element 3", word, "finite"],
        );
    }
    let header = dictionary("<f8", false, "(1, 1)");
    let text = message("a.npy", npy(&header, &1e300f64.to_le_bytes()));
    assert_says(&text, &["1e300", "too large for f32"]);
    let header = dictionary("|b1", false, "(1, 2)");
    let text = message("a.npy", npy(&header, &[1, 2]));
    assert_says(&text, &["element 1 is 2", "bool"]);
}

#[test]
fn csv_lines_and_columns() {
    let says = |text: &str, parts: &[&str]| assert_says(&message("a.csv", text), parts);
    says("", &["line 1", "empty"]);
    says("a,b\n", &["line 2", "empty"]);
    says("1,2\n3,4\n5\n", &["line 3", "1 cells", "first line has 2"]);
    says("a,b,c\n1,2\n", &["line 2", "2 cells", "first line has 3"]);
    says("1,2\n3,4,5\n", &["line 2", "3 cells"]);
    says("a,b\r\n1,2\r\n3,x\r\n", &["line 3", "column 2"]);
    says("1,2\r3,x", &["line 2", "column 2"]);
    says("a,b\n1,2\n\n3,x\n", &["line 4", "column 2", "'x' is not a number"]);
    says("1,x\n", &["line 1", "column 2", "'x' is not a number"]);
    says("1,2\n3,\n", &["line 2", "column 2", "empty"]);
    says("1,2\nNaN,4\n", &["line 2", "column 1", "'NaN'", "finite"]);
    says("1,-inf\n", &["line 1", "column 2", "'-inf'", "finite"]);
    says("1,1e40\n", &["line 1", "column 2", "'1e40'", "too large for f32"]);
    says("1,2\n3,4;5\n", &["line 2", "separated by commas"]);
    assert_says(&message("a.csv", b"1,2\n\xff\xfe,4\n"), &["line 2", "column 1"]);
}
