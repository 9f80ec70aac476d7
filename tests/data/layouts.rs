//! Arrays of pictures with their axes in every order.

use harmonium::data::{DataSet, ImageShape, PictureInput, Values};

use super::{
    Folder, assert_noted, assert_says, dictionary, idx, load, message, npy, npy_f32, npy_u8,
};

const PIXELS: [u8; 24] = [
    0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200,
    210, 220, 230,
];

fn read(name: &str, bytes: Vec<u8>) -> DataSet {
    load(&Folder::new().write(name, bytes)).unwrap().train
}

#[test]
fn one_channel_is_no_axis() {
    let plain = read("a.npy", npy_u8("(2, 4, 3)", &PIXELS));
    assert_eq!(plain.image, Some(ImageShape { height: 4, width: 3 }));
    for shape in ["(2, 4, 3, 1)", "(2, 1, 4, 3)", "(2, 1, 4, 3, 1)", "(2, 4, 1, 3)"] {
        let set = read("a.npy", npy_u8(shape, &PIXELS));
        assert_eq!((set.cases, set.image), (plain.cases.clone(), plain.image), "{shape}");
    }
    for dims in [&[2, 4, 3, 1][..], &[2, 1, 4, 3]] {
        let set = read("a-ubyte", idx(8, dims, &PIXELS));
        assert_eq!((set.cases, set.image), (plain.cases.clone(), plain.image), "{dims:?}");
    }
    let square = Some(ImageShape { height: 2, width: 2 });
    for shape in ["(6, 4)", "(6, 4, 1)", "(6, 1, 4)", "(6, 2, 2)"] {
        assert_eq!(read("a.npy", npy_u8(shape, &PIXELS)).image, square, "{shape}");
    }
}

#[test]
fn colours_become_brightness_wherever_they_stand() {
    // Two pictures of 2×2 pixels, (pixel, channel) → PIXELS[3·pixel + channel].
    let luma = |k: usize| {
        let [r, g, b] = [0, 1, 2].map(|c| f64::from(PIXELS[3 * k + c]));
        ((0.299 * r + 0.587 * g + 0.114 * b) / 255.0) as f32
    };
    let expected: Vec<f32> = (0..8).map(luma).collect();
    let first: Vec<u8> = (0..24)
        .map(|k| {
            let (picture, channel, pixel) = (k / 12, k % 12 / 4, k % 4);
            PIXELS[12 * picture + 3 * pixel + channel]
        })
        .collect();
    // [2, 2, 2, 3] and [2, 3, 2, 2]; in Fortran's order too.
    for (set, place) in [
        (read("a.npy", npy_u8("(2, 2, 2, 3)", &PIXELS)), "last"),
        (read("a.npy", npy_u8("(2, 3, 2, 2)", &first)), "first"),
        (read("a-ubyte", idx(8, &[2, 2, 2, 3], &PIXELS)), "last"),
    ] {
        let close = |(a, b): (f32, &f32)| (a - b).abs() < 1e-6;
        assert!(
            set.cases.to_f32().into_iter().zip(&expected).all(close),
            "{:?}",
            set.cases.to_f32()
        );
        assert_eq!(set.image, Some(ImageShape { height: 2, width: 2 }));
        assert_noted(&set, &["three channels", place, "brightness"]);
    }
    // Equal channels are one, in the form of the source.
    let grey: Vec<u8> = PIXELS[..8].iter().flat_map(|&x| [x; 3]).collect();
    let set = read("a.npy", npy_u8("(2, 2, 2, 3)", &grey));
    assert!(matches!(set.cases.values(), Values::U8 { values, .. } if values == &PIXELS[..8]));
    for (shape, said) in
        [("(1, 2, 3, 4)", "keep one channel"), ("(1, 2, 2, 6)", "reshape it to [N, D]")]
    {
        assert_says(&message("a.npy", npy_u8(shape, &PIXELS)), &["shape", said]);
    }
    let text = message("a.npy", npy_u8("(1, 3, 2, 3)", &PIXELS[..18]));
    assert_says(&text, &["[1, 3, 2, 3]", "first or last"]);
    assert_noted(&read("a.npy", npy_u8("(1, 9, 3)", &[1; 27])), &["1 pictures of 9×3"]);
}

#[test]
fn every_type_of_number_is_read() {
    let numbers = [0i64, 1, 2, 100, 127, 3];
    let expected: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
    type Write = fn(i64, bool) -> Vec<u8>;
    fn bytes<const N: usize>(le: [u8; N], big: bool) -> Vec<u8> {
        if big { le.into_iter().rev().collect() } else { le.to_vec() }
    }
    let types: [(&str, Write); 8] = [
        ("i1", |x, big| bytes((x as i8).to_le_bytes(), big)),
        ("i2", |x, big| bytes((x as i16).to_le_bytes(), big)),
        ("u2", |x, big| bytes((x as u16).to_le_bytes(), big)),
        ("i4", |x, big| bytes((x as i32).to_le_bytes(), big)),
        ("u4", |x, big| bytes((x as u32).to_le_bytes(), big)),
        ("i8", |x, big| bytes(x.to_le_bytes(), big)),
        ("u8", |x, big| bytes((x as u64).to_le_bytes(), big)),
        ("f2", |x, big| bytes(half::f16::from_f32(x as f32).to_le_bytes(), big)),
    ];
    for (kind, write) in types {
        for big in [false, true] {
            let payload: Vec<u8> = numbers.iter().flat_map(|&x| write(x, big)).collect();
            let descr = format!("{}{kind}", if big { '>' } else { '<' });
            let set = read("a.npy", npy(&dictionary(&descr, false, "(2, 3)"), &payload));
            assert_eq!(set.cases.to_f32(), expected, "{descr}");
            let bits: Vec<u8> = [0, 1, 1, 0, 1, 0].iter().flat_map(|&x| write(x, big)).collect();
            let set = read("a.npy", npy(&dictionary(&descr, false, "(2, 3)"), &bits));
            assert_eq!(set.cases.values(), &Values::Bits(vec![0, 1, 1, 0, 1, 0]), "{descr}");
        }
    }
    let large: Vec<u8> = [1i64 << 30, (1 << 30) + 1].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_noted(
        &read("a.npy", npy(&dictionary("<i8", false, "(1, 2)"), &large)),
        &["2^24", "rounded"],
    );
    let not_finite = half::f16::INFINITY.to_le_bytes();
    let text = message("a.npy", npy(&dictionary("<f2", false, "(1, 1)"), &not_finite));
    assert_says(&text, &["row 0, column 0 (element 0, counted from 0) is inf", "finite"]);
    // In either order by row and column, of pictures by the pixel's.
    let bytes = |at: usize| -> Vec<u8> {
        let value = |k: usize| if k == at { f32::NAN } else { 0.5 };
        (0..24).flat_map(|k| value(k).to_le_bytes()).collect()
    };
    for (fortran, shape, at, place) in [
        (false, "(4, 6)", 15, "row 2, column 3 (element 15,"),
        (true, "(4, 6)", 14, "row 2, column 3 (element 15,"),
        (false, "(2, 3, 4)", 18, "row 1, column 6 (element 18,"),
        (true, "(2, 3, 4)", 15, "row 1, column 6 (element 18,"),
    ] {
        let text = message("a.npy", npy(&dictionary("<f4", fortran, shape), &bytes(at)));
        assert_says(&text, &[place, "is NaN"]);
    }
}

#[test]
fn pictures_that_are_not_square_are_padded_and_not_squashed() {
    let input = PictureInput { margin: [0, 0], ..PictureInput::lenet5() };
    // A white square of 14×14 in the middle of 28×56 stays a square.
    let (height, width) = (28, 56);
    let inside = |k: usize| (7..21).contains(&(k / width)) && (21..35).contains(&(k % width));
    let pixels: Vec<f32> = (0..height * width).map(|k| if inside(k) { 1.0 } else { 0.0 }).collect();
    let set = read("a.npy", npy_f32("(1, 28, 56)", &pixels));
    let notice = input.notice(&set).unwrap();
    assert_says(&notice, &["28×56", "28×28", "padded"]);
    let found = input.prepare(&set).unwrap().row(0);
    let sums = |k: usize, along: bool| -> f32 {
        (0..28).map(|j| if along { found[k * 28 + j] } else { found[j * 28 + k] }).sum()
    };
    for k in 0..28 {
        assert!((sums(k, true) - sums(k, false)).abs() < 1e-4, "row and column {k} differ");
    }
    assert!((found.iter().sum::<f32>() - 49.0).abs() < 0.5, "{}", found.iter().sum::<f32>());
    // The ground is that of the picture's edges.
    let white = read("a.npy", npy_f32("(1, 2, 4)", &[0.75; 8]));
    assert!(input.prepare(&white).unwrap().row(0).iter().all(|&x| (x - 0.75).abs() < 1e-6));
    let long = read("a.npy", npy_f32("(1, 2, 400)", &[0.5; 800]));
    assert_says(&input.prepare(&long).unwrap_err().to_string(), &["2×400", "[N, H, W]"]);
    // Squares need nothing.
    assert_eq!(input.notice(&read("a.npy", npy_f32("(1, 4, 4)", &[0.5; 16]))), None);
}

#[test]
fn one_picture_without_its_first_axis_is_told() {
    let set = read("a.npy", npy_u8("(6, 6)", &[7; 36]));
    let text = PictureInput::lenet5().prepare(&set).unwrap_err().to_string();
    assert_says(&text, &["6 values a case", "one picture is [1, 6, 6]"]);
}

#[test]
fn a_test_part_of_another_size_is_refused_with_both() {
    let folder = Folder::new();
    folder.write("train-images-idx3-ubyte", idx(8, &[2, 4, 3], &PIXELS));
    for (dims, shape) in [(&[2, 3, 4][..], "3×4"), (&[4, 2, 3], "2×3")] {
        folder.write("t10k-images-idx3-ubyte", idx(8, dims, &PIXELS));
        let text = load(folder.path()).unwrap_err().to_string();
        assert_says(&text, &["test part", &format!("{shape} pixels"), "4×3 pixels"]);
    }
}
