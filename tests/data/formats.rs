//! What each format is read as.

use std::fs;

use harmonium::data::{ImageShape, Reading, Values, load_bytes};
use npyz::WriterBuilder;

use super::{Folder, dictionary, gzip, idx, load, load_with, npy, npy_f32};

/// Not all equal, not only 0 and 1.
const PIXELS: [u8; 12] = [0, 1, 127, 128, 255, 7, 9, 0, 200, 33, 4, 5];

fn u8_values(bytes: &[u8]) -> Values {
    Values::U8 { values: bytes.to_vec(), scale: 1.0 / 255.0 }
}

#[test]
fn idx_of_images_plain_and_gzipped_under_any_name() {
    let folder = Folder::new();
    let bytes = idx(8, &[3, 2, 2], &PIXELS);
    for (name, bytes) in [
        ("a-idx3-ubyte", bytes.clone()),
        ("a.idx", bytes.clone()),
        ("a.idx3-ubyte", bytes.clone()),
        ("anything", bytes.clone()),
        ("a-idx3-ubyte.gz", gzip(&bytes)),
        ("anything.gz", gzip(&bytes)),
        ("gzipped-but-not-so-named-ubyte", gzip(&bytes)),
        ("not-gzipped-ubyte.gz", bytes.clone()),
    ] {
        let set = load(&folder.write(name, &bytes)).unwrap().train;
        assert_eq!(set.cases.values(), &u8_values(&PIXELS), "{name}");
        assert_eq!((set.cases.len(), set.cases.width()), (3, 4), "{name}");
        assert_eq!(set.image, Some(ImageShape { height: 2, width: 2 }), "{name}");
        assert!(set.notices.is_empty() && set.labels.is_none(), "{name}");
    }
}

/// A page has files' contents and no folder.
#[test]
fn contents_in_memory_are_read_as_their_file_is() {
    let folder = Folder::new();
    let pixels = idx(8, &[3, 2, 2], &PIXELS);
    let csv = b"length,width,kind\n1,2,rose\n3,4.5,daisy\n0,1,rose\n".to_vec();
    for (name, bytes) in [
        ("a-idx3-ubyte", pixels.clone()),
        ("a.gz", gzip(&pixels)),
        ("a.npy", npy_f32("(2, 3)", &[1.0, 0.5, 0.25, 0.0, 1.0, 2.0])),
        ("flowers.csv", csv),
    ] {
        let reading = match name {
            "flowers.csv" => Reading::default().labels("kind"),
            _ => Reading::default(),
        };
        let on_disk = load_with(&folder.write(name, &bytes), &reading).unwrap().train;
        let read = load_bytes(name, bytes, &reading).unwrap();
        assert!(read.test.is_none(), "{name}");
        let in_memory = read.train;
        assert_eq!(in_memory.name, name);
        assert_eq!(in_memory.cases.values(), on_disk.cases.values(), "{name}");
        assert_eq!((in_memory.labels, in_memory.classes), (on_disk.labels, on_disk.classes));
        assert_eq!(in_memory.image, on_disk.image, "{name}");
    }
    let refused = |name: &str, bytes: &[u8]| {
        load_bytes(name, bytes.to_vec(), &Reading::default()).unwrap_err().to_string()
    };
    let archive = refused("a.npz", b"PK\x03\x04 and so on");
    assert!(archive.contains("a.npz") && archive.contains(".npy"), "{archive}");
    let short = refused("short-ubyte", &pixels[..10]);
    assert!(short.contains("short-ubyte") && short.contains("truncated"), "{short}");
    assert!(refused("nothing.csv", b"").contains("empty"));
}

#[test]
fn several_gzip_members_are_one_file() {
    let bytes = idx(8, &[3, 4], &PIXELS);
    let folder = Folder::new();
    let path = folder.write("a.gz", [gzip(&bytes[..15]), gzip(&bytes[15..])].concat());
    assert_eq!(load(&path).unwrap().train.cases.values(), &u8_values(&PIXELS));
}

#[test]
fn idx_of_any_rank() {
    let folder = Folder::new();
    let read = |dims: &[u32]| {
        let set = load(&folder.write("a-ubyte", idx(8, dims, &PIXELS))).unwrap().train;
        (set.cases.len(), set.cases.width(), set.image.map(|i| (i.height, i.width)), set.notices)
    };
    let (n, d, image, notices) = read(&[12]);
    assert_eq!((n, d, image), (12, 1, None));
    assert!(notices[0].contains("12 cases of one value"), "{notices:?}");
    assert_eq!(read(&[3, 4]), (3, 4, Some((2, 2)), vec![]));
    assert_eq!(read(&[4, 3]), (4, 3, None, vec![]));
    assert_eq!(read(&[2, 2, 3]), (2, 6, Some((2, 3)), vec![]));
    assert_eq!(read(&[1, 4, 3, 1]), (1, 12, Some((4, 3)), vec![]));
}

#[test]
fn idx_of_floats_is_big_endian() {
    let folder = Folder::new();
    let values = [0.5f32, -3.25, 1e30, 0.1];
    let payload: Vec<u8> = values.iter().flat_map(|x| x.to_be_bytes()).collect();
    let set = load(&folder.write("a.idx", idx(0x0d, &[2, 2], &payload))).unwrap().train;
    assert_eq!(set.cases.values(), &Values::F32(values.to_vec()));
    assert!(set.notices.is_empty());

    let wide = [0.5f64, -3.25, 1e30, 0.1];
    let payload: Vec<u8> = wide.iter().flat_map(|x| x.to_be_bytes()).collect();
    let set = load(&folder.write("a.idx", idx(0x0e, &[2, 2], &payload))).unwrap().train;
    assert_eq!(set.cases.values(), &Values::F32(values.to_vec()));
    assert!(set.notices[0].contains("f64 values were rounded to f32"), "{:?}", set.notices);
}

#[test]
fn npy_as_an_independent_writer_writes_it() {
    let folder = Folder::new();
    let path = folder.path().join("a.npy");
    fn save<T: npyz::AutoSerialize + Copy>(path: &std::path::Path, shape: &[u64], v: &[T]) {
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(shape)
            .writer(fs::File::create(path).unwrap())
            .begin_nd()
            .unwrap();
        writer.extend(v.iter().copied()).unwrap();
        writer.finish().unwrap();
    }
    save(&path, &[3, 2, 2], &PIXELS);
    let set = load(&path).unwrap().train;
    assert_eq!(set.cases.values(), &u8_values(&PIXELS));
    assert_eq!((set.cases.len(), set.image), (3, Some(ImageShape { height: 2, width: 2 })));

    save(&path, &[2, 3], &[1.5f32, 2.0, -7.0, 0.0, 1.0, 0.1]);
    let set = load(&path).unwrap().train;
    assert_eq!(set.cases.values(), &Values::F32(vec![1.5, 2.0, -7.0, 0.0, 1.0, 0.1]));
    assert_eq!((set.cases.len(), set.cases.width(), set.image), (2, 3, None));

    save(&path, &[1, 2], &[0.1f64, 2.0]);
    let set = load(&path).unwrap().train;
    assert_eq!(set.cases.values(), &Values::F32(vec![0.1, 2.0]));
    assert!(set.notices[0].contains("f64 values were rounded to f32"), "{:?}", set.notices);

    save(&path, &[2, 2], &[true, false, false, true]);
    let set = load(&path).unwrap().train;
    assert_eq!(set.cases.values(), &Values::Bits(vec![1, 0, 0, 1]));
    assert!(set.notices.is_empty());
}

#[test]
fn npy_in_other_byte_orders_versions_and_gzipped() {
    let folder = Folder::new();
    let payload: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let bytes = npy(&dictionary(">f4", false, "(1, 2)"), &payload);
    let expected = Values::F32(vec![1.5, -2.0]);
    for (name, bytes) in
        [("a.npy", bytes.clone()), ("a.npy.gz", gzip(&bytes)), ("sniffed", bytes.clone())]
    {
        assert_eq!(load(&folder.write(name, &bytes)).unwrap().train.cases.values(), &expected);
    }
    // Version 2 has a header length of four bytes.
    let dictionary = dictionary("|u1", false, "(3L, 2L)");
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend((dictionary.len() as u32).to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.extend(&PIXELS[..6]);
    let set = load(&folder.write("a.npy", bytes)).unwrap().train;
    assert_eq!(set.cases.values(), &u8_values(&PIXELS[..6]));
}

#[test]
fn npy_in_fortran_order_is_turned() {
    let folder = Folder::new();
    // a[i, j, k] = 100 i + 10 j + k, first index fastest.
    let (mut stored, mut expected) = (Vec::new(), Vec::new());
    for k in 0..4u8 {
        for j in 0..3u8 {
            (0..2u8).for_each(|i| stored.push(100 * i + 10 * j + k));
        }
    }
    for i in 0..2u8 {
        for j in 0..3u8 {
            (0..4u8).for_each(|k| expected.push(100 * i + 10 * j + k));
        }
    }
    let bytes = npy(&dictionary("|u1", true, "(2, 3, 4)"), &stored);
    let set = load(&folder.write("a.npy", bytes)).unwrap().train;
    assert_eq!(set.cases.values(), &u8_values(&expected));
}

#[test]
fn floats_of_zero_and_one_are_bits_and_so_are_bytes_with_a_notice() {
    let folder = Folder::new();
    let payload: Vec<u8> = [0f32, 1.0, -0.0, 1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let set =
        load(&folder.write("a.npy", npy(&dictionary("<f4", false, "(2, 2)"), &payload))).unwrap();
    assert_eq!(set.train.cases.values(), &Values::Bits(vec![0, 1, 0, 1]));

    let bytes = npy(&dictionary("|u1", false, "(2, 2)"), &[0, 1, 1, 0]);
    let set = load(&folder.write("a.npy", bytes)).unwrap().train;
    assert_eq!(set.cases.values(), &Values::Bits(vec![0, 1, 1, 0]));
    assert!(set.notices[0].contains("read as bits"), "{:?}", set.notices);

    // Black pictures stay pictures, and so do black and white ones.
    for payload in [[0, 0, 0, 0], [0, 255, 0, 255]] {
        let set = load(&folder.write("a-ubyte", idx(8, &[2, 2], &payload))).unwrap().train;
        assert_eq!(set.cases.values(), &u8_values(&payload));
        assert!(set.cases.is_binary());
    }
}

#[test]
fn csv_with_and_without_a_header() {
    let folder = Folder::new();
    let expected = Values::F32(vec![1.0, 2.5, -3e-3, 4.0, 5.0, 0.1]);
    for text in [
        "1,2.5,-3e-3\n4,5,0.1\n",
        "1,2.5,-3e-3\r\n4,5,0.1",
        "a,b,c\n1, 2.5,-3e-3\n\n4 ,5,0.1\n",
        "\u{feff}1,2.5,\"-3e-3\"\n4,5,0.1\n",
    ] {
        let set = load(&folder.write("a.csv", text)).unwrap().train;
        assert_eq!(set.cases.values(), &expected, "{text:?}");
        assert_eq!((set.cases.len(), set.cases.width()), (2, 3));
        assert_eq!(set.notices.len(), usize::from(text.starts_with('a')), "{:?}", set.notices);
    }
    // Integers stay as they are; 0 and 1 alone are bits.
    let set = load(&folder.write("a.csv", "0,16\n255,1\n")).unwrap().train;
    assert_eq!(set.cases.values(), &Values::F32(vec![0.0, 16.0, 255.0, 1.0]));
    let set = load(&folder.write("a.csv", "0,1\n1.0,1\n")).unwrap().train;
    assert_eq!(set.cases.values(), &Values::Bits(vec![0, 1, 1, 1]));
}

#[test]
fn folders_in_mnist_naming() {
    let train = idx(8, &[3, 2, 2], &PIXELS);
    let test = idx(8, &[2, 2, 2], &PIXELS[..8]);
    for (dash, gz) in [("-", false), (".", false), ("-", true), (".", true)] {
        let folder = Folder::new();
        let put = |stem: &str, bytes: &[u8]| {
            let name = stem.replace('@', dash) + if gz { ".gz" } else { "" };
            folder.write(&name, if gz { gzip(bytes) } else { bytes.to_vec() });
        };
        put("train-images@idx3-ubyte", &train);
        let splits = load(folder.path()).unwrap();
        assert!(splits.test.is_none() && splits.train.labels.is_none());
        put("train-labels@idx1-ubyte", &idx(8, &[3], &[5, 0, 9]));
        put("t10k-images@idx3-ubyte", &test);
        put("t10k-labels@idx1-ubyte", &idx(8, &[2], &[1, 2]));
        let splits = load(folder.path()).unwrap();
        // The classes of both parts, in order.
        assert_eq!(splits.train.classes, ["0", "1", "2", "5", "9"]);
        assert_eq!(splits.train.labels, Some(vec![3, 0, 4]));
        let test = splits.test.unwrap();
        assert_eq!((&test.classes, test.labels), (&splits.train.classes, Some(vec![1, 2])));
        assert_eq!(test.cases.values(), &u8_values(&PIXELS[..8]));
        assert!(test.name.ends_with("(test)"));
    }
}
