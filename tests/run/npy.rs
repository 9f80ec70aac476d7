//! Matrices there and back, other people's arrays, and broken ones.

use std::fs;
use std::path::PathBuf;

use harmonium::run::npy;
use npyz::WriterBuilder;
use proptest::prelude::*;

fn in_folder(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

/// A file of any header, as NumPy would write it.
fn file(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn read(bytes: &[u8]) -> harmonium::Result<npy::NpyMatrix> {
    let (_folder, path) = in_folder("x.npy");
    fs::write(&path, bytes).unwrap();
    npy::read(&path)
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn round_trip() {
    for (rows, columns) in [(3, 5), (1, 1), (0, 7), (7, 0)] {
        let (_folder, path) = in_folder("x.npy");
        let values: Vec<f32> = (0..rows * columns).map(|k| k as f32 * 0.37 - 1.0).collect();
        npy::write(&path, &values, rows, columns).unwrap();
        let back = npy::read(&path).unwrap();
        assert_eq!((back.rows, back.columns, back.values), (rows, columns, values));
    }
    let (_folder, path) = in_folder("x.npy");
    let text = npy::write(&path, &[0.0; 5], 2, 3).unwrap_err().to_string();
    assert!(text.contains("5 values do not fill [2, 3]"), "{text}");
    assert!(!path.exists());
}

#[test]
fn arrays_of_other_types_and_orders() {
    let of = |bytes: Vec<u8>| {
        let m = read(&bytes).unwrap();
        (m.rows, m.columns, m.values)
    };
    let doubles: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(of(file("'<f8'", false, "(1, 2)", &doubles)), (1, 2, vec![1.5, -2.0]));
    let big: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    assert_eq!(of(file("'>f4'", false, "(2, 1)", &big)), (2, 1, vec![1.5, -2.0]));
    assert_eq!(of(file("'|u1'", false, "(1, 2)", &[0, 255])), (1, 2, vec![0.0, 255.0]));
    assert_eq!(of(file("'|b1'", false, "(1, 2)", &[0, 1])), (1, 2, vec![0.0, 1.0]));
    // [[1, 2, 3], [4, 5, 6]] by columns.
    let columns = floats(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let rows = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(of(file("'<f4'", true, "(2, 3)", &columns)), (2, 3, rows));
    // Two images of 2 × 2, first in C order, then in Fortran order.
    let c = floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let f = floats(&[0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0]);
    let images = (2, 4, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(of(file("'<f4'", false, "(2, 2, 2)", &c)), images);
    assert_eq!(of(file("'<f4'", true, "(2, 2, 2)", &f)), images);
    // As npyz writes it.
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(&[2, 2]);
    let mut npy = options.writer(&mut bytes).begin_nd().unwrap();
    npy.extend([0.5f64, 1.0, 1.5, 2.0]).unwrap();
    npy.finish().unwrap();
    assert_eq!(of(bytes), (2, 2, vec![0.5, 1.0, 1.5, 2.0]));
}

#[test]
fn arrays_of_any_rank_and_of_integers() {
    let of = |bytes: Vec<u8>| {
        let (_folder, path) = in_folder("x.npy");
        fs::write(&path, bytes).unwrap();
        harmonium::data::read_array(&path).map(|array| (array.dims, array.values))
    };
    for dims in [&[][..], &[1], &[5], &[2, 3], &[2, 3, 4], &[2, 0, 4], &[1, 2, 3, 4]] {
        let values: Vec<f32> = (0..dims.iter().product()).map(|k| k as f32 - 2.5).collect();
        let (_folder, path) = in_folder("x.npy");
        npy::write_array(&path, &values, dims).unwrap();
        let back = harmonium::data::read_array(&path).unwrap();
        assert_eq!((&back.dims[..], back.values), (dims, values));
    }
    let text = npy::write_array("x.npy", &[0.0; 5], &[2, 3, 1]).unwrap_err().to_string();
    assert!(text.contains("5 values do not fill [2, 3, 1]"), "{text}");
    // Three kernels of 1 × 2 in Fortran's order.
    let f = floats(&[0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    let expected = (vec![3, 1, 2], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(of(file("'<f4'", true, "(3, 1, 2)", &f)).unwrap(), expected);
    // Integers of every kind keep their sign; those beyond 2^24 are rounded.
    let whole: [(&str, &[u8], [f32; 2]); 10] = [
        ("'|i1'", &[255, 127], [-1.0, 127.0]),
        ("'<i2'", &[254, 255, 1, 2], [-2.0, 513.0]),
        ("'>i2'", &[255, 254, 2, 1], [-2.0, 513.0]),
        ("'<u2'", &[254, 255, 1, 2], [65534.0, 513.0]),
        ("'<i4'", &[255, 255, 255, 255, 0, 0, 0, 1], [-1.0, 16_777_216.0]),
        ("'>u4'", &[255, 255, 255, 255, 0, 0, 0, 1], [4_294_967_296.0, 1.0]),
        ("'<i8'", &[254, 255, 255, 255, 255, 255, 255, 255, 3, 0, 0, 0, 0, 0, 0, 0], [-2.0, 3.0]),
        ("'>i8'", &[128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3], [-9.223_372e18, 3.0]),
        (
            "'<u8'",
            &[255, 255, 255, 255, 255, 255, 255, 255, 3, 0, 0, 0, 0, 0, 0, 0],
            [1.844_674_4e19, 3.0],
        ),
        ("'|u1'", &[0, 255], [0.0, 255.0]),
    ];
    for (descr, bytes, expected) in whole {
        let found = of(file(descr, false, "(2,)", bytes)).unwrap();
        assert_eq!(found, (vec![2], expected.to_vec()), "{descr}");
    }
    for (bytes, part) in [
        (file("'<c8'", false, "(2,)", &[0; 16]), "f32, f64, bool and integers are read"),
        (file("'<i4'", false, "(3,)", &[0; 8]), "truncated"),
        (file("'<f4'", false, "(1,)", &floats(&[f32::NAN])), "(element 0, counted from 0) is NaN"),
    ] {
        let text = of(bytes).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let four = floats(&[1.0, 2.0, 3.0, 4.0]);
    let huge = "(99999999999, 99999999999, 99999999999)";
    let infinite = 1e300f64.to_le_bytes();
    let mut long_header = b"\x93NUMPY\x02\x00".to_vec();
    long_header.extend(u32::MAX.to_le_bytes());
    let cases: [(Vec<u8>, &str); 16] = [
        (vec![], "ends within a .npy header"),
        (b"PNG and so on".to_vec(), "a .npy file begins with \\x93NUMPY"),
        (b"\x93NUMPY\x01\x00".to_vec(), "ends within the header's length"),
        (long_header, "a header of 4294967295 bytes"),
        (
            file("'<f4'", false, "(2, 2)", &four)[..40].to_vec(),
            "ends within the header's dictionary",
        ),
        (
            file("'<f4'", false, "(2, 2)", &four[..15]),
            "15 bytes after its header, which promises 16",
        ),
        (file("'<f4'", false, "(2, 1)", &four), "8 bytes: 2 × 1 f32), and more bytes follow"),
        (file("'<f4'", false, "(0, 1)", &four), "0 bytes: an empty array), and more bytes follow"),
        (file("'<c4'", false, "(2, 2)", &four), "complex"),
        (file("[('x', '<f4')]", false, "(2, 2)", &four), "named fields"),
        (file("'<f4'", false, "(4,)", &four), "expected [N, D] or [N, H, W]"),
        (file("'<f4'", false, "(-2, 2)", &four), "damaged: expected a size"),
        (file("'<f4'", false, huge, &four), "beyond what is read"),
        (file("'<f4'", false, &"(".repeat(3000), &four), "damaged: expected a size"),
        (
            file("'<f4'", false, "(1, 2)", &floats(&[1.0, f32::NAN])),
            "(element 1, counted from 0) is NaN",
        ),
        (file("'<f8'", false, "(1, 1)", &infinite), "too large for f32"),
    ];
    for (bytes, expected) in cases {
        let text = read(&bytes).unwrap_err().to_string();
        assert!(text.contains(expected), "expected {expected:?} in {text:?}");
        assert!(text.contains("x.npy"), "{text}");
    }
    let text = npy::read("nowhere.npy").unwrap_err().to_string();
    assert!(text.contains("cannot read nowhere.npy"), "{text}");
}

proptest! {
    #[test]
    fn broken_files_never_panic(position in 0usize..120, byte: u8, keep in 0usize..120) {
        let mut bytes = file("'<f4'", false, "(2, 3)", &floats(&[0.5; 6]));
        let last = bytes.len() - 1;
        bytes[position.min(last)] = byte;
        let _ = read(&bytes);
        bytes.truncate(keep);
        let _ = read(&bytes);
    }

    #[test]
    fn any_header_text_never_panics(text in "[(){}\\[\\],:'<>|a-z0-9 .\\-]{0,80}") {
        let _ = read(&file("'<f4'", false, &text, &[]));
        let _ = read(&file(&text, true, "(1, 1)", &[]));
    }
}
