//! JPEG pictures. Their bytes were written once by Pillow 12 (quality 90; the second one progressive, without
//! subsampling), and so were the values that they are held against.

use harmonium::data::{self, Image};

use super::{Folder, assert_noted, assert_says, load, message};

const GREY: &str = "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b\
    0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc0000b080008000801011100ffc4001f000001050101\
    0101010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d010203000411051221314106\
    13516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455\
    565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9ba\
    c2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f00f06fd873e327fc2a\
    5ff84d7fe251fdabfda1f62ff979f27cbf2fed1fec3673bfdba57fffd9";

const COLOUR: &str = "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b\
    0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffdb00430103040405040509050509140d0b0d14141414\
    14141414141414141414141414141414141414141414141414141414141414141414141414141414141414141414ffc20011080008000803\
    011100021101031101ffc40014000100000000000000000000000000000007ffc40014010100000000000000000000000000000006ffda00\
    0c03010002100310000001384a9bffc4001510010100000000000000000000000000000003ffda0008010100010502abffc4001811000203\
    0000000000000000000000000000064482c2ffda0008010301013f01738f6c9fffc400181100020300000000000000000000000000000644\
    82c2ffda0008010201013f014c915d1fffc4001510010100000000000000000000000000000001ffda0008010100063f028fffc400141001\
    00000000000000000000000000000000ffda0008010100013f215fffda000c03010002000300000010dfffc4001411010000000000000000\
    0000000000000000ffda0008010301013f1017ffc40014110100000000000000000000000000000000ffda0008010201013f1057ffc40015\
    1001010000000000000000000000000000c100ffda0008010100013f1052ffd9";

/// The rows of GREY, in bytes.
const ROWS: [[u8; 8]; 8] = [
    [20, 20, 21, 21, 199, 200, 200, 201],
    [21, 22, 20, 17, 205, 202, 200, 200],
    [18, 21, 22, 17, 202, 198, 198, 201],
    [23, 17, 17, 25, 195, 203, 203, 197],
    [18, 21, 25, 14, 97, 85, 90, 93],
    [23, 17, 20, 22, 89, 91, 94, 88],
    [20, 16, 22, 22, 87, 87, 93, 89],
    [21, 18, 21, 18, 93, 89, 92, 89],
];

fn bytes(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// With an EXIF segment that says how the camera was held.
fn held(file: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, &exif, &file[2..]].concat()
}

/// Decoders may round differently by a step or two.
fn assert_near(found: &[f32], expected: impl Iterator<Item = u8>) {
    let expected: Vec<u8> = expected.collect();
    assert_eq!(found.len(), expected.len());
    for (k, (x, e)) in found.iter().zip(expected).enumerate() {
        assert!((x * 255.0 - f32::from(e)).abs() <= 3.0, "pixel {k}: {} for {e}", x * 255.0);
    }
}

#[test]
fn a_jpeg_is_one_case() {
    let folder = Folder::new();
    for name in ["a.jpg", "a.jpeg", "a.png", "a"] {
        let set = load(&folder.write(name, bytes(GREY))).unwrap().train;
        assert_eq!(set.image.map(|i| (i.height, i.width)), Some((8, 8)), "{name}");
        assert_near(&set.cases.row(0), ROWS.into_iter().flatten());
        assert!(set.notices.is_empty(), "{:?}", set.notices);
    }
    let path = folder.write("c.jpg", bytes(COLOUR));
    let set = data::from_png(&path).unwrap();
    assert_noted(&set, &["c.jpg", "brightness"]);
    // 0.299·200 + 0.587·30 + 0.114·30 = 81 and 0.299·30 + 0.587·60 + 0.114·220 = 69.
    assert_near(&set.cases.row(0), (0..64).map(|k| if k % 8 < 4 { 81 } else { 69 }));
    let image = Image::load(&path).unwrap();
    assert_eq!(image.channels, 3);
    assert_near(&image.values[..64], (0..64).map(|k| if k % 8 < 4 { 200 } else { 30 }));
}

#[test]
fn a_camera_s_picture_is_turned_upright() {
    let folder = Folder::new();
    // 6: the camera was turned so that the picture's first row is its right side.
    for (orientation, at) in [(1, [0usize, 0]), (3, [7, 7]), (6, [7, 0]), (8, [0, 7])] {
        let set = load(&folder.write("a.jpg", held(&bytes(GREY), orientation))).unwrap().train;
        let upright = |r: usize, c: usize| match orientation {
            1 => ROWS[r][c],
            3 => ROWS[7 - r][7 - c],
            6 => ROWS[7 - c][r],
            _ => ROWS[c][7 - r],
        };
        assert_eq!(upright(0, 0), ROWS[at[0]][at[1]]);
        assert_near(&set.cases.row(0), (0..64).map(|k| upright(k / 8, k % 8)));
        assert_eq!(set.notices.iter().any(|n| n.contains("turned upright")), orientation > 1);
    }
}

#[test]
fn broken_ones_are_told() {
    let whole = bytes(GREY);
    for keep in [3, 20, 200, whole.len() - 2] {
        assert_says(&message("a.jpg", &whole[..keep]), &["a.jpg: jpeg: ", "truncated"]);
    }
    for at in 2..whole.len() - 2 {
        let mut broken = whole.clone();
        broken[at] ^= 0x5a;
        let _ = Image::load(Folder::new().write("a.jpg", broken));
    }
}
