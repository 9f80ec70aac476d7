//! Filters against the formula, on every device.

use harmonium::Device;
use harmonium::data::ImageShape;
use harmonium::models::filters::{Edges, FilterBank, NAMES};

use super::support::on_each;

const fn shape(height: usize, width: usize) -> ImageShape {
    ImageShape { height, width }
}

fn noise(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|k| ((k * 7919 + seed * 104_729 + 13) % 1009) as f32 / 1008.0).collect()
}

/// The map of one kernel on one picture, in f64, and the sum of the products' sizes.
fn formula(
    kernel: &[f32],
    size: ImageShape,
    picture: &[f32],
    picture_size: ImageShape,
    edges: Edges,
) -> Vec<(f64, f64)> {
    let ImageShape { height, width } = picture_size;
    let (rows, columns, top, left) = match edges {
        Edges::Valid => (height - size.height + 1, width - size.width + 1, 0, 0),
        Edges::Same => (height, width, (size.height - 1) / 2, (size.width - 1) / 2),
    };
    let clamp = |at: usize, offset: usize, before: usize, most: usize| {
        (at as isize + offset as isize - before as isize).clamp(0, most as isize - 1) as usize
    };
    let mut out = Vec::new();
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        let (mut sum, mut sizes) = (0.0, 0.0);
        for (a, b) in (0..size.height).flat_map(|a| (0..size.width).map(move |b| (a, b))) {
            let (y, x) = (clamp(i, a, top, height), clamp(j, b, left, width));
            let product = f64::from(kernel[a * size.width + b]) * f64::from(picture[y * width + x]);
            sum += product;
            sizes += product.abs();
        }
        out.push((sum, sizes));
    }
    out
}

#[test]
fn maps_are_what_the_formula_says() {
    on_each(|device| {
        for (count, kernel, planes, picture) in [
            (1, shape(1, 1), 1, shape(1, 1)),
            (3, shape(3, 3), 3, shape(7, 11)),
            (2, shape(2, 4), 1, shape(9, 5)),
            (5, shape(1, 6), 2, shape(1, 6)),
            (32, shape(16, 16), 1, shape(33, 40)),
        ] {
            let length = kernel.height * kernel.width;
            let kernels: Vec<f32> = noise(count * length, 5).iter().map(|x| x - 0.4).collect();
            let pixels = picture.height * picture.width;
            let pictures = noise(planes * pixels, 1);
            let bank = FilterBank::new(kernels.clone(), count, kernel).unwrap();
            for edges in [Edges::Valid, Edges::Same] {
                let maps = bank.apply(device, &pictures, picture, edges).unwrap();
                let expected: Vec<(f64, f64)> = pictures
                    .chunks(pixels)
                    .flat_map(|one| kernels.chunks(length).map(move |k| (k, one)))
                    .flat_map(|(k, one)| formula(k, kernel, one, picture, edges))
                    .collect();
                assert_eq!((maps.planes, maps.count), (planes, count));
                assert_eq!(maps.values.len(), expected.len());
                for (at, (f, (sum, sizes))) in maps.values.iter().zip(expected).enumerate() {
                    let bound = length as f64 * f64::from(f32::EPSILON) * sizes + 1e-30;
                    let off = (f64::from(*f) - sum).abs();
                    assert!(off <= bound, "{kernel} on {picture} {edges:?}, {at}: {f} {sum}");
                }
            }
        }
    });
}

/// Larger than what the device sees at once.
#[test]
fn strips_join_without_a_seam() {
    let picture_size = shape(5000, 900);
    let picture = noise(5000 * 900, 3);
    let mut kernels = vec![0.0; 5 * 15];
    // Kernel o shifts by o rows and o columns.
    (0..5).for_each(|o| kernels[o * 15 + o * 3 + o.min(2)] = 1.0);
    let bank = FilterBank::new(kernels, 5, shape(5, 3)).unwrap();
    let maps = bank.apply(&Device::cpu(), &picture, picture_size, Edges::Valid).unwrap();
    assert_eq!(maps.shape, shape(4996, 898));
    for (o, map) in maps.values.chunks(4996 * 898).enumerate() {
        for (i, row) in map.chunks(898).enumerate() {
            assert_eq!(row, &picture[(i + o) * 900 + o.min(2)..][..898], "map {o}, row {i}");
        }
    }
}

#[test]
fn named_filters_do_what_their_names_say() {
    let cpu = Device::cpu();
    let ramp =
        |f: fn(usize, usize) -> f32| -> Vec<f32> { (0..36).map(|k| f(k / 6, k % 6)).collect() };
    let right = ramp(|_, x| x as f32);
    let down = ramp(|y, _| y as f32);
    let both = ramp(|y, x| 3.0 * x as f32 + 4.0 * y as f32);
    let at = |name: &str, picture: &[f32]| {
        let bank = FilterBank::named(name).unwrap();
        bank.apply(&cpu, picture, shape(6, 6), Edges::Valid).unwrap().values
    };
    assert_eq!(at("sobel-x", &right), [8.0; 16]);
    assert_eq!(at("sobel-x", &down), [0.0; 16]);
    assert_eq!(at("sobel-y", &down), [8.0; 16]);
    let sobel = FilterBank::named("sobel").unwrap();
    let maps = sobel.apply(&cpu, &both.repeat(2), shape(6, 6), Edges::Valid).unwrap();
    let size = maps.magnitude();
    assert_eq!((size.planes, size.count), (2, 1));
    assert_eq!(size.values, [40.0; 32]);
    assert_eq!(at("laplacian", &both), [0.0; 16]);
    assert_eq!(at("laplacian", &ramp(|y, x| (x * x + y * y) as f32)), [4.0; 16]);
    for name in ["sharpen", "box"] {
        assert!((at(name, &both)[6] - 17.0).abs() < 1e-5, "{name}: {:?}", at(name, &both));
    }
    assert_eq!(at("gaussian", &both), [14.0, 17.0, 18.0, 21.0]);
    // What blurs or sharpens keeps the brightness, what finds edges has none; all by their own names.
    for name in NAMES {
        let bank = FilterBank::named(name).unwrap();
        let edges = name.starts_with("sobel") || name == "laplacian";
        for index in 0..bank.count() {
            assert_eq!(bank.is_signed(index), edges, "{name}");
        }
        let sum: f32 = bank.kernels().iter().sum();
        assert!((sum - f32::from(u8::from(!edges))).abs() < 1e-6, "{name}: {sum}");
    }
    let text = FilterBank::named("emboss").unwrap_err().to_string();
    for name in NAMES {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn normalising_keeps_the_brightness() {
    // Sums of 8, −4, 0, almost 0, and little of what there is.
    let kernels = [
        [1.0, 2.0, 4.0, 1.0],
        [-1.0, -2.0, 0.0, -1.0],
        [3.0, -1.0, -1.0, -1.0],
        [0.1, 0.2, -0.3, 0.0],
        [1.0, -1.0, 0.002, 0.0],
    ];
    let mut bank = FilterBank::new(kernels.concat(), 5, shape(2, 2)).unwrap();
    let signed: Vec<bool> = (0..6).map(|index| bank.is_signed(index)).collect();
    assert_eq!(signed, [false, false, true, true, false, false]);
    let notices = bank.normalize().unwrap();
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(notices[0].contains("kernel 4 sums to 0.10 %"), "{notices:?}");
    assert!(notices[1].contains("2 of 5 kernels sum to 0"), "{notices:?}");
    let sums: Vec<f32> = bank.kernels().chunks(4).map(|k| k.iter().sum()).collect();
    for (sum, expected) in sums.iter().zip([1.0, 1.0, 0.0, 0.0, 1.0]) {
        assert!((sum - expected).abs() < 1e-4, "{sums:?}");
    }
    assert_eq!(bank.kernels()[..4], [0.125, 0.25, 0.5, 0.125]);
    assert_eq!(bank.kernels()[8..12], [0.5, -1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0]);
    let once = bank.clone();
    bank.normalize().unwrap();
    for (a, b) in once.kernels().iter().zip(bank.kernels()) {
        assert!((a - b).abs() <= 1e-3 * a.abs(), "twice is once: {a} {b}");
    }
    // A picture's mean is the map's, wherever no edge is seen.
    let even = vec![0.3; 49];
    let maps = bank.apply(&Device::cpu(), &even, shape(7, 7), Edges::Same).unwrap();
    assert!(maps.values[..98].iter().all(|y| (y - 0.3).abs() < 1e-6));
    assert!(maps.values[98..196].iter().all(|y| y.abs() < 1e-6));
    // Nothing to divide by.
    let mut bank = FilterBank::new([&[1.0; 4][..], &[0.0; 4]].concat(), 2, shape(2, 2)).unwrap();
    let text = bank.normalize().unwrap_err().to_string();
    assert!(text.contains("kernel 1: is all zeros"), "{text}");
    assert_eq!(bank.kernels()[..4], [1.0; 4]);
}

#[test]
fn what_does_not_fit_is_named() {
    let bank = FilterBank::new(vec![1.0; 12], 1, shape(3, 4)).unwrap();
    let says = |result: harmonium::Result<()>, parts: &[&str]| {
        let text = result.unwrap_err().to_string();
        parts.iter().for_each(|part| assert!(text.contains(part), "{part} in {text}"));
    };
    let cpu = Device::cpu();
    let apply = |n: usize, size, edges| bank.apply(&cpu, &vec![0.5; n], size, edges).map(|_| ());
    says(apply(6, shape(2, 3), Edges::Valid), &["kernel of 3×4", "picture of 2×3"]);
    says(apply(12, shape(4, 3), Edges::Valid), &["kernel of 3×4", "picture of 4×3"]);
    says(apply(7, shape(2, 3), Edges::Same), &["7 values", "2×3"]);
    says(apply(7, shape(0, 3), Edges::Same), &["7 values", "0×3"]);
    // Repeated edges are as large as any kernel wants them; no picture gives no map.
    let maps = bank.apply(&cpu, &[0.5; 6], shape(2, 3), Edges::Same).unwrap();
    assert_eq!(maps.values, [6.0; 6]);
    assert!(bank.apply(&cpu, &[], shape(5, 5), Edges::Valid).unwrap().values.is_empty());
    let new = |n: usize, count, size| FilterBank::new(vec![1.0; n], count, size).map(|_| ());
    says(new(11, 1, shape(3, 4)), &["11 values", "[1, 3, 4]"]);
    says(new(0, 0, shape(3, 4)), &["[0, 3, 4]", "no value"]);
    says(new(1, usize::MAX, shape(3, 4)), &["1 values"]);
    let nan = FilterBank::new(vec![1.0, f32::NAN], 1, shape(1, 2)).map(|_| ());
    says(nan, &["value 1 is NaN"]);
}
