//! What a file is, by its bytes; and what one that is not read seems to be.

use super::{Folder, assert_says, idx, load, message, npy_u8};

#[test]
fn bytes_go_before_names() {
    let folder = Folder::new();
    for (name, bytes) in [
        ("a.csv", npy_u8("(1, 4)", &[9, 8, 7, 6])),
        ("a.png", npy_u8("(1, 4)", &[9, 8, 7, 6])),
        ("a.npy", idx(8, &[1, 4], &[9, 8, 7, 6])),
        ("a.txt", b"9 8 7 6\n".to_vec()),
        ("a", b"9,8,7,6\n".to_vec()),
        ("a.idx.txt", b"9;8;7;6\n".to_vec()),
    ] {
        let set = load(&folder.write(name, bytes)).unwrap().train;
        assert_eq!((set.cases.len(), set.cases.width()), (1, 4), "{name}");
    }
}

#[test]
fn what_is_not_read_is_named() {
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let cases: [(&str, &[u8], &str); 26] = [
        ("a.h5", b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
        ("a.mat", b"MATLAB 5.0 MAT-file, made by hand\0\x01", "a MATLAB file"),
        ("a.pkl", b"\x80\x04\x95\0\0", "a Python pickle"),
        ("a.pt", b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl", "PyTorch"),
        ("a.xlsx", b"PK\x03\x04\x14\0\0\0", "spreadsheet"),
        ("a.csv", b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml", "office"),
        ("a.parquet", b"PAR1\x15\x04", "a Parquet file"),
        ("a.feather", b"ARROW1\0\0", "an Arrow file"),
        ("a.bz2", b"BZh91AY&SY\x01", "bzip2"),
        ("a.xz", b"\xfd7zXZ\0", "an xz archive"),
        ("a.zst", b"\x28\xb5\x2f\xfd\0", "a zstd archive"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        ("a.gif", b"GIF89a\x01\0", "a GIF picture"),
        ("a.bmp", b"BM\x9a\0\0\0", "a BMP picture"),
        ("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP picture"),
        ("a.tif", b"II*\0\x08\0", "a TIFF picture"),
        ("a.pgm", b"P5\n2 2\n255\n", "a PGM or PPM picture"),
        ("a.csv", b"<!DOCTYPE html>\n<html>", "a web page"),
        ("a.npy", b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of git-lfs"),
        ("a.arff", b"@relation iris\n", "an ARFF file"),
        ("a.json", b"{\"x\": [1, 2]}", "JSON"),
        ("a.txt", b"1 3:0.5 7:1\n", "svmlight"),
        ("a.safetensors", b"\x40\0\0\0\0\0\0\0{\"W\":{}}", "a safetensors file"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF"),
        ("a.txt", b"hello world\n", "text"),
        ("a.txt", b"", "the file is empty"),
    ];
    for (name, bytes, said) in cases {
        assert_says(&message(name, bytes), &[said]);
    }
    assert_says(&message("a.tar", tar), &["a tar archive"]);
    // Words of a table that begin like marks.
    let folder = Folder::new();
    for text in ["BMI,age\n1,2\n3,4\n", "PAR1,x\n1,2\n3,4\n", "P5,x\n1,2\n3,4\n"] {
        assert_eq!(load(&folder.write("a.csv", text)).unwrap().train.cases.len(), 2, "{text}");
    }
}
