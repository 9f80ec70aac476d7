//! PNG pictures of every kind, written here bit by bit, and broken ones.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use harmonium::data::{self, Image, Values};
use harmonium::run::png_file::Picture;
use proptest::prelude::*;

use super::{Folder, assert_says, gzip, load, message};

/// Passes of Adam7: first column and row, steps.
const ADAM7: [[usize; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

fn chunk(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let body = [&kind[..], payload].concat();
    let sum = crc32fast::hash(&body);
    [&(payload.len() as u32).to_be_bytes()[..], &body, &sum.to_be_bytes()].concat()
}

/// What a header says: width, height, depth in bits, colour type, interlaced.
#[derive(Clone, Copy)]
struct Kind {
    width: usize,
    height: usize,
    depth: usize,
    colour: u8,
    interlaced: bool,
}

impl Kind {
    fn channels(self) -> usize {
        match self.colour {
            0 | 3 => 1,
            4 => 2,
            2 => 3,
            _ => 4,
        }
    }

    /// A whole file; `extra` are chunks before the pixels.
    fn file(self, extra: &[u8], sample: impl Fn(usize, usize, usize) -> u16) -> Vec<u8> {
        let passes = if self.interlaced { &ADAM7[..] } else { &[[0, 0, 1, 1]] };
        let mut rows = Vec::new();
        for &[left, top, across, down] in passes {
            let columns: Vec<usize> = (left..self.width).step_by(across).collect();
            for y in (top..self.height).step_by(down).filter(|_| !columns.is_empty()) {
                rows.push(0); // no filter
                let (mut bits, mut used) = (0u32, 0);
                for &x in &columns {
                    for channel in 0..self.channels() {
                        bits = bits << self.depth | u32::from(sample(x, y, channel));
                        used += self.depth;
                        while used >= 8 {
                            rows.push((bits >> (used - 8)) as u8);
                            used -= 8;
                            bits &= (1 << used) - 1;
                        }
                    }
                }
                if used > 0 {
                    rows.push((bits << (8 - used)) as u8);
                }
            }
        }
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&rows).unwrap();
        let mut header =
            [(self.width as u32).to_be_bytes(), (self.height as u32).to_be_bytes()].concat();
        header.extend([self.depth as u8, self.colour, 0, 0, u8::from(self.interlaced)]);
        [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IHDR", &header),
            extra.to_vec(),
            chunk(b"IDAT", &zlib.finish().unwrap()),
            chunk(b"IEND", &[]),
        ]
        .concat()
    }
}

/// A sample that differs from its neighbours.
fn noise(x: usize, y: usize, channel: usize) -> u16 {
    (((x * 7919 + y * 104_729 + channel * 1_299_709 + 17) * 2_654_435) >> 7) as u16
}

fn image(bytes: &[u8]) -> harmonium::Result<Image> {
    let folder = Folder::new();
    Image::load(folder.write("x.png", bytes))
}

/// Every colour type and depth that PNG knows, plain and interlaced, at sizes around a byte.
#[test]
fn every_kind_is_read() {
    let kinds =
        [(0, &[1, 2, 4, 8, 16][..]), (2, &[8, 16][..]), (4, &[8, 16][..]), (6, &[8, 16][..])];
    for (colour, depths) in kinds {
        for (&depth, interlaced) in depths.iter().flat_map(|d| [(d, false), (d, true)]) {
            for (width, height) in [(1, 1), (3, 2), (8, 8), (13, 9)] {
                let kind = Kind { width, height, depth, colour, interlaced };
                let most = ((1u32 << depth) - 1) as u16;
                let sample = |x, y, c| noise(x, y, c) & most;
                let found = image(&kind.file(&[], sample)).unwrap();
                let case = format!("colour {colour}, {depth} bits, {width}×{height} {interlaced}");
                assert_eq!((found.shape.width, found.shape.height), (width, height), "{case}");
                let expect = |c: usize| -> Vec<f32> {
                    let pixels = (0..width * height).map(|k| sample(k % width, k / width, c));
                    pixels.map(|x| f32::from(x) / f32::from(most)).collect()
                };
                let colours = if colour & 2 == 2 { 3 } else { 1 };
                assert_eq!(found.channels, colours, "{case}");
                let planes: Vec<f32> = (0..colours).flat_map(expect).collect();
                assert_eq!(found.values, planes, "{case}");
                let alpha = (colour >= 4).then(|| expect(colours));
                assert_eq!(found.alpha, alpha, "{case}");
                let told = alpha.is_some_and(|alpha| alpha.iter().any(|a| *a < 1.0));
                assert_eq!(found.notices.len(), usize::from(told), "{case}: {:?}", found.notices);
            }
        }
    }
}

#[test]
fn palettes_are_looked_up() {
    let palette: Vec<u8> = (0..4 * 3).map(|k| (k * 23) as u8).collect();
    for (depth, interlaced) in [(2, false), (2, true), (4, false), (8, false)] {
        let kind = Kind { width: 11, height: 5, depth, colour: 3, interlaced };
        let index = |x: usize, y: usize, _: usize| ((x + y) % 4) as u16;
        let plain = image(&kind.file(&chunk(b"PLTE", &palette), index)).unwrap();
        assert_eq!((plain.channels, plain.alpha), (3, None));
        for k in 0..55 {
            for c in 0..3 {
                let colour = palette[usize::from(index(k % 11, k / 11, 0)) * 3 + c];
                assert_eq!(plain.values[c * 55 + k], f32::from(colour) / 255.0);
            }
        }
        // Colours may be transparent, in a chunk of their own.
        let extra = [chunk(b"PLTE", &palette), chunk(b"tRNS", &[0, 128])].concat();
        let clear = image(&kind.file(&extra, index)).unwrap();
        assert_eq!(clear.values, plain.values);
        let alpha = clear.alpha.unwrap();
        assert_eq!(alpha[..3], [0.0, 128.0 / 255.0, 1.0]);
        assert!(clear.notices[0].contains("transparency is ignored"), "{:?}", clear.notices);
        assert!(!clear.notices[0].contains("alike"));
    }
}

#[test]
fn brightness_weighs_the_colours() {
    let kind = Kind { width: 4, height: 1, depth: 8, colour: 2, interlaced: false };
    // Red, green, blue and a grey.
    let pure = |x: usize, _, c: usize| if x == 3 { 77 } else { 255 * u16::from(x == c) };
    let luma = image(&kind.file(&[], pure)).unwrap().luma();
    assert_eq!(luma, [0.299, 0.587, 0.114, 77.0 / 255.0]);
}

#[test]
fn one_png_is_one_case() {
    let folder = Folder::new();
    let grey = Kind { width: 3, height: 2, depth: 8, colour: 0, interlaced: false };
    let sample = |x: usize, y: usize, _: usize| (40 * (x + 3 * y) + 55) as u16;
    let path = folder.write("a.png", grey.file(&[], sample));
    let set = data::from_png(&path).unwrap();
    let bytes = vec![55, 95, 135, 175, 215, 255];
    let expected = Values::U8 { values: bytes, scale: 1.0 / 255.0 };
    assert_eq!((set.cases.len(), set.cases.width(), set.cases.values()), (1, 6, &expected));
    let shape = set.image.unwrap();
    assert_eq!((shape.height, shape.width), (2, 3));
    assert_eq!(set.cases.range(), Some((55.0 * (1.0 / 255.0), 1.0)));
    // A colour picture of greys is the same; so is a copy under another name, and a gzipped one.
    let rgb = Kind { colour: 2, ..grey };
    let load_case = |path: std::path::PathBuf| load(&path).unwrap().train;
    for bytes in [grey.file(&[], sample), rgb.file(&[], sample), gzip(&rgb.file(&[], sample))] {
        for name in ["b.png", "b.PNG", "b"] {
            let set = load_case(folder.write(name, &bytes));
            assert_eq!(set.cases.values(), &expected, "{name}");
            assert!(set.notices.is_empty(), "{:?}", set.notices);
        }
    }
    // Colours become brightness, and that is said; 16 bits are kept.
    let set = load_case(folder.write("c.png", rgb.file(&[], |_, _, c| [255, 0, 255][c])));
    assert!(matches!(set.cases.values(), Values::F32(v) if v.iter().all(|&x| x == 0.413)));
    assert!(set.notices[0].contains("brightness"), "{:?}", set.notices);
    let deep = Kind { depth: 16, ..grey };
    let set = load_case(folder.write("d.png", deep.file(&[], |_, _, _| 257)));
    assert_eq!(set.cases.row(0), [257.0 / 65535.0; 6]);
    // 1 of 255 is nearly black, not a bit.
    let set = load_case(folder.write("e.png", grey.file(&[], |x, _, _| u16::from(x == 1))));
    assert_eq!(set.cases.row(0)[..2], [0.0, 1.0 / 255.0]);
    // A drawing that is in the transparency alone.
    let drawn = Kind { colour: 4, ..grey };
    let ink = |x: usize, _, c: usize| if c == 1 { 255 * u16::from(x == 1) } else { 0 };
    let set = load_case(folder.write("f.png", drawn.file(&[], ink)));
    assert_says(&set.notices[0], &["f.png", "transparent", "on a white ground"]);
    assert_eq!(set.cases.row(0), [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
    assert!(set.ground_chosen);
}

#[test]
fn pictures_of_every_kind_load_as_eight_bits() {
    let folder = Folder::new();
    let kind = Kind { width: 5, height: 3, depth: 16, colour: 6, interlaced: true };
    let sample = |x: usize, y: usize, c: usize| 257 * ((x * 50 + y * 9 + c * 11) as u16) + 100;
    let picture = Picture::load(folder.write("x.png", kind.file(&[], sample))).unwrap();
    for (k, pixel) in picture.pixels.iter().enumerate() {
        let expected = [0, 1, 2].map(|c| (k % 5 * 50 + k / 5 * 9 + c * 11) as u8);
        assert_eq!(*pixel, expected, "pixel {k}");
    }
    assert!(picture.notes[0].contains("transparency"));
}

#[test]
fn what_is_no_png_is_named() {
    let kind = Kind { width: 40, height: 30, depth: 8, colour: 2, interlaced: false };
    let whole = kind.file(&[], |x, y, c| noise(x, y, c) & 255);
    let edited = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let header = |width: u32, height: u32| {
        let mut bytes = whole[..8].to_vec();
        let sizes = [width.to_be_bytes(), height.to_be_bytes()].concat();
        bytes.extend(chunk(b"IHDR", &[&sizes[..], &[8, 2, 0, 0, 0]].concat()));
        bytes.extend(&whole[33..]);
        bytes
    };
    for (bytes, said) in [
        (vec![], "the file is empty"),
        (b"hello world".to_vec(), "a PNG begins with"),
        (whole[..6].to_vec(), "truncated"),
        (whole[..200].to_vec(), "the file ends early; it is truncated"),
        (edited(20, 9), "CRC"),
        (edited(100, whole[100] ^ 1), "orrupt"),
        (header(0, 30), "nvalid image dimensions"),
        (header(9000, 9000), "9000×9000 pixels are more than the 67108864"),
        (header(8000, 8000), "more than a file of"),
        (header(40, 31), ""),
    ] {
        assert_says(&message("x.png", &bytes), &["x.png: png: ", said]);
    }
    assert_says(&message("x.png", b"GIF89a\x01\0"), &["a GIF picture", "convert it to PNG"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(at in 0usize..300, byte: u8, keep in 0usize..300) {
        let kind = Kind { width: 7, height: 6, depth: 4, colour: 3, interlaced: true };
        let palette = chunk(b"PLTE", &[9; 48]);
        let mut bytes = kind.file(&palette, |x, y, c| noise(x, y, c) & 15);
        let last = bytes.len() - 1;
        bytes[at.min(last)] = byte;
        let _ = image(&bytes);
        bytes.truncate(keep);
        let _ = image(&bytes);
    }
}
