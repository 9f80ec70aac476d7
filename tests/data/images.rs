//! Pictures of another size.

use harmonium::data::{self, Cases, Image, ImageShape, PictureInput, Values, pad, resize};

const fn shape(height: usize, width: usize) -> ImageShape {
    ImageShape { height, width }
}

fn floats(values: &[f32], n: usize) -> Cases {
    Cases::new(Values::F32(values.to_vec()), n, values.len() / n).unwrap()
}

fn bytes(values: &[u8], n: usize, scale: f32) -> Cases {
    Cases::new(Values::U8 { values: values.to_vec(), scale }, n, values.len() / n).unwrap()
}

/// As PyTorch documents `interpolate` (bilinear, align_corners false), in f64.
fn interpolated(values: &[f32], from: ImageShape, to: ImageShape) -> Vec<f64> {
    let place = |i: usize, from: usize, to: usize| {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let low = (at as usize).min(from - 1);
        (low, (low + 1).min(from - 1), at - at.floor())
    };
    let value = |y: usize, x: usize| f64::from(values[y * from.width + x]);
    let mut out = Vec::new();
    for i in 0..to.height {
        let (y0, y1, t) = place(i, from.height, to.height);
        for j in 0..to.width {
            let (x0, x1, s) = place(j, from.width, to.width);
            let top = value(y0, x0) * (1.0 - s) + value(y0, x1) * s;
            let bottom = value(y1, x0) * (1.0 - s) + value(y1, x1) * s;
            out.push(top * (1.0 - t) + bottom * t);
        }
    }
    out
}

fn noise(count: usize) -> Vec<f32> {
    (0..count).map(|k| ((k * 7919 + 13) % 1009) as f32 / 500.0 - 1.0).collect()
}

#[test]
fn enlarging_is_linear_interpolation() {
    // Twice as large, by hand.
    let twice = resize(&floats(&[0.0, 4.0, 8.0, 12.0], 1), shape(2, 2), shape(4, 4)).unwrap();
    let expected =
        [0.0, 1.0, 3.0, 4.0, 2.0, 3.0, 5.0, 6.0, 6.0, 7.0, 9.0, 10.0, 8.0, 9.0, 11.0, 12.0];
    assert_eq!(twice.row(0), expected);
    for (from, to) in [
        (shape(1, 1), shape(5, 3)),
        (shape(8, 8), shape(32, 32)),
        (shape(3, 5), shape(7, 5)),
        (shape(28, 28), shape(29, 31)),
        (shape(2, 7), shape(9, 100)),
    ] {
        let values = noise(3 * from.height * from.width);
        let found = resize(&floats(&values, 3), from, to).unwrap();
        assert_eq!((found.len(), found.width()), (3, to.height * to.width));
        for (case, source) in values.chunks(from.height * from.width).enumerate() {
            for (k, e) in interpolated(source, from, to).iter().enumerate() {
                let f = f64::from(found.row(case)[k]);
                // The interpolation is in f64 and rounded once.
                assert!((f - e).abs() <= 1e-7 * (1.0 + e.abs()), "{from} to {to}, {k}: {f} {e}");
            }
        }
    }
}

#[test]
fn shrinking_leaves_nothing_out() {
    // To half the size: a triangle 4 wide, 1/8 3/8 3/8 1/8, cut off and filled up at the edges.
    let source = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let half = resize(&floats(&source, 1), shape(1, 8), shape(1, 4)).unwrap();
    assert_eq!(half.row(0), [1.0 / 7.0, 0.375, 0.0, 0.0]);
    // The mean stays nearly the same for what is away from the edges, whatever the size.
    let mut dot = vec![0.0; 30 * 30];
    dot[15 * 30 + 14] = 1.0;
    for side in [29, 17, 15, 10, 7] {
        let small = resize(&floats(&dot, 1), shape(30, 30), shape(side, side)).unwrap();
        let sum: f32 = small.row(0).iter().sum();
        let expected = (side * side) as f32 / 900.0;
        assert!((sum / expected - 1.0).abs() < 0.35, "{side}: {sum}, expected {expected}");
    }
}

#[test]
fn the_same_size_and_constants_stay() {
    for cases in [
        floats(&noise(24), 2),
        bytes(&[3; 24], 2, 1.0 / 16.0),
        Cases::new(Values::Bits(vec![1; 24]), 2, 12).unwrap(),
    ] {
        assert_eq!(resize(&cases, shape(3, 4), shape(3, 4)).unwrap(), cases);
        assert_eq!(pad(&cases, shape(3, 4), [0, 0]).unwrap(), cases);
    }
    for x in [1.0f32, 0.1, -3.3e-20, 7e30, 0.0] {
        for to in [shape(7, 5), shape(2, 3), shape(1, 1), shape(50, 4)] {
            let cases = floats(&[x; 12], 1);
            assert!(resize(&cases, shape(3, 4), to).unwrap().row(0).iter().all(|&y| y == x));
        }
    }
    for x in [0u8, 1, 16, 255] {
        let big = resize(&bytes(&[x; 12], 1, 1.0 / 255.0), shape(3, 4), shape(7, 9)).unwrap();
        assert_eq!(big, bytes(&[x; 63], 1, 1.0 / 255.0));
    }
}

#[test]
fn bytes_are_rounded_to_the_nearest() {
    // 100 and 101: a quarter and three quarters between.
    let big = resize(&bytes(&[100, 101], 1, 1.0 / 255.0), shape(1, 2), shape(1, 4)).unwrap();
    assert_eq!(big, bytes(&[100, 100, 101, 101], 1, 1.0 / 255.0));
    // A half goes up.
    let big = resize(&bytes(&[0, 1], 1, 1.0 / 255.0), shape(1, 2), shape(1, 3)).unwrap();
    assert_eq!(big, bytes(&[0, 1, 1], 1, 1.0 / 255.0));
    let bits = Cases::new(Values::Bits(vec![0, 1]), 1, 2).unwrap();
    let big = resize(&bits, shape(1, 2), shape(1, 4)).unwrap();
    assert_eq!(big, bytes(&[0, 64, 191, 255], 1, 1.0 / 255.0));
    // Sixteenths get a finer unit, and are right to half of it; nothing passes 1.
    let digits = data::load("digits").unwrap().train.cases.limit(50);
    let found = resize(&digits, shape(8, 8), shape(32, 32)).unwrap();
    assert!(matches!(found.values(), Values::U8 { scale, .. } if *scale == 1.0 / 240.0));
    assert_eq!(found.range(), Some((0.0, 1.0)));
    for case in 0..50 {
        let expected = interpolated(&digits.row(case), shape(8, 8), shape(32, 32));
        for (f, e) in found.row(case).iter().zip(expected) {
            assert!((f64::from(*f) - e).abs() <= 1.0 / 480.0 + 1e-7, "{f} {e}");
        }
    }
    // No byte is fine enough for whole numbers up to 255.
    let coarse = resize(&bytes(&[0, 255], 1, 1.0), shape(1, 2), shape(1, 4)).unwrap();
    assert_eq!(coarse, floats(&[0.0, 63.75, 191.25, 255.0], 1));
}

#[test]
fn borders_are_zeros_and_the_rest_is_untouched() {
    let found = pad(&bytes(&[1, 2, 3, 4, 5, 6], 1, 0.5), shape(2, 3), [1, 2]).unwrap();
    #[rustfmt::skip]
    let expected = [
        0, 0, 0, 0, 0, 0, 0,
        0, 0, 1, 2, 3, 0, 0,
        0, 0, 4, 5, 6, 0, 0,
        0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(found, bytes(&expected, 1, 0.5));
    let bits = Cases::new(Values::Bits(vec![1; 4]), 2, 2).unwrap();
    let found = pad(&bits, shape(2, 1), [0, 1]).unwrap();
    assert_eq!(found.values(), &Values::Bits(vec![0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0]));
    let values = noise(6);
    let found = pad(&floats(&values, 3), shape(1, 2), [1, 0]).unwrap();
    assert_eq!(found.row(1), [0.0, 0.0, values[2], values[3], 0.0, 0.0]);
}

#[test]
fn no_case_is_no_error_and_wrong_sizes_are() {
    let none = floats(&noise(12), 2).select(&[]).unwrap();
    for found in
        [resize(&none, shape(2, 3), shape(4, 4)).unwrap(), pad(&none, shape(2, 3), [1, 0]).unwrap()]
    {
        assert!(found.is_empty());
    }
    assert_eq!(resize(&none, shape(2, 3), shape(4, 4)).unwrap().width(), 16);
    let cases = floats(&noise(12), 2);
    let says = |result: harmonium::Result<Cases>, parts: &[&str]| {
        super::assert_says(&result.unwrap_err().to_string(), parts);
    };
    says(resize(&cases, shape(2, 2), shape(4, 4)), &["resize pictures", "6 values", "2×2"]);
    says(pad(&cases, shape(4, 3), [1, 1]), &["pad pictures", "6 values", "4×3"]);
    says(pad(&cases, shape(usize::MAX, 2), [1, 1]), &["6 values"]);
    says(resize(&cases, shape(2, 3), shape(0, 4)), &["0×4", "no pixel"]);
    says(resize(&cases, shape(2, 3), shape(usize::MAX, 2)), &["do not fit in memory"]);
    says(resize(&cases, shape(2, 3), shape(1 << 30, 1 << 30)), &["do not fit in memory"]);
    says(pad(&cases, shape(2, 3), [usize::MAX, 0]), &["do not fit in memory"]);
    // The data are named, and not the step.
    let long = data::DataSet::new("long.npy", floats(&[0.5; 2000], 1)).image(shape(2000, 1));
    let error = PictureInput::lenet5().prepare(&long).unwrap_err().to_string();
    assert!(error.starts_with("long.npy: pictures of 2000×1 pixels"), "{error}");
}

#[test]
fn sizes_whose_products_are_too_large_are_refused() {
    let tall = bytes(&vec![1; 1 << 16], 1, 1.0 / 255.0);
    // Either size fits; the rows of one with the columns of the other do not.
    let refused = resize(&tall, shape(1 << 16, 1), shape(1, 1 << 30)).unwrap_err();
    assert!(refused.to_string().contains("do not fit in memory"), "{refused}");
    for to in [shape(1 << 33, 1 << 33), shape(usize::MAX, 2), shape(1 << 16, 1 << 16)] {
        let refused = resize(&tall, shape(1 << 16, 1), to).unwrap_err();
        assert!(refused.to_string().contains("do not fit in memory"), "{refused}");
    }
    assert!(resize(&tall, shape(usize::MAX, 2), shape(1, 1)).is_err());
    for margins in [[usize::MAX, 0], [1 << 40, 1 << 40]] {
        assert!(pad(&tall, shape(1 << 16, 1), margins).is_err());
    }
    // A network's input says what is wrong before anything is multiplied.
    for (size, margin) in [([28, 28], [usize::MAX, 0]), ([usize::MAX, 1], [1, 1]), ([0, 5], [0, 0])]
    {
        let input = PictureInput { size, margin, ..PictureInput::lenet5() };
        let refused = input.shape().unwrap_err().to_string();
        assert!(refused.contains("use 1 to 4096"), "{refused}");
    }
    // Fields that do not fit each other.
    let image = Image {
        shape: shape(usize::MAX, 3),
        channels: 3,
        values: vec![0.5; 7],
        alpha: None,
        notices: Vec::new(),
    };
    assert_eq!(image.luma().len(), 2);
}
