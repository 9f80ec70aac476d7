//! Pictures decode, have the right size, and hold the right value at the right place.

use harmonium::run::pictures::{
    FILTER_GAP, MOST_TILES, NAN_COLOUR, SHEET_GAP, filters, image, map_sheet, reconstructions,
    robust_range, sheet, square_shape,
};
use harmonium::run::png_file::{Picture, write_grey_png};

/// Columns (or rows) that hold a tile: those that are not all of the gap's colour.
fn spans(picture: &Picture, gap: [u8; 3], across: bool) -> Vec<(usize, usize)> {
    let (long, short) =
        if across { (picture.width, picture.height) } else { (picture.height, picture.width) };
    let at = |i, k| if across { picture.pixel(i, k) } else { picture.pixel(k, i) };
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for i in 0..long {
        if (0..short).all(|k| at(i, k) == Some(gap)) {
            continue;
        }
        match spans.last_mut() {
            Some((_, end)) if *end == i => *end = i + 1,
            _ => spans.push((i, i + 1)),
        }
    }
    spans
}

/// The grey value in the middle of value (row, column) of the image at tile (down, across).
fn value(
    picture: &Picture,
    gap: [u8; 3],
    (height, width): (usize, usize),
    (down, across): (usize, usize),
    (row, column): (usize, usize),
) -> [u8; 3] {
    let middle = |(start, end): (usize, usize), parts: usize, part: usize| {
        assert_eq!((end - start) % parts, 0, "tiles are whole pixels per value");
        start + (2 * part + 1) * (end - start) / parts / 2
    };
    let x = middle(spans(picture, gap, true)[across], width, column);
    let y = middle(spans(picture, gap, false)[down], height, row);
    picture.pixel(x, y).unwrap()
}

fn saved_and_loaded(picture: &Picture) -> Picture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    picture.save(&path).unwrap();
    let mut back = Picture::load(&path).unwrap();
    back.notes = picture.notes.clone();
    assert_eq!(&back, picture);
    back
}

#[test]
fn filters_put_each_weight_at_its_place() {
    // 6 visible units as 2 × 3, 4 hidden units; all 24 weights differ, the largest is 1.2.
    let (visible, hidden) = (6, 4);
    let w: Vec<f32> = (0..24).map(|k| 0.1 * (k as f32 - 11.5)).collect();
    let picture = saved_and_loaded(&filters(&w, visible, hidden, Some((2, 3))).unwrap());
    assert!(picture.width.max(picture.height) >= 400);
    let (rows, columns) = (spans(&picture, FILTER_GAP, false), spans(&picture, FILTER_GAP, true));
    assert_eq!(rows.len() * columns.len(), 4);
    for j in 0..hidden {
        for i in 0..visible {
            let place = (j / columns.len(), j % columns.len());
            let [grey, ..] = value(&picture, FILTER_GAP, (2, 3), place, (i / 3, i % 3));
            let expected = (w[i * hidden + j] / 1.15 * 127.5 + 127.5).round().clamp(0.0, 255.0);
            assert!((f32::from(grey) - expected).abs() <= 1.0, "i {i} j {j}: {grey} {expected}");
        }
    }
}

#[test]
fn too_many_filters_leave_the_strongest() {
    let hidden = MOST_TILES + 37;
    // Unit j has weights ±(j + 1): the last are the strongest.
    let w: Vec<f32> = (0..4 * hidden)
        .map(|k| (k % hidden + 1) as f32 * if k / hidden < 2 { 1.0 } else { -1.0 })
        .collect();
    let picture = filters(&w, 4, hidden, Some((2, 2))).unwrap();
    assert!(picture.notes[0].contains("the 400 of 437 hidden units"), "{:?}", picture.notes);
    let tile = |down, across| value(&picture, FILTER_GAP, (2, 2), (down, across), (0, 0))[0];
    assert_eq!(spans(&picture, FILTER_GAP, true).len(), 20);
    assert_eq!(tile(0, 0), 255);
    assert!(tile(0, 0) > tile(10, 0) && tile(10, 0) > tile(19, 19) && tile(19, 19) > 128);
    // Nothing is left out below the limit.
    assert!(filters(&w[..4 * 4], 4, 4, None).unwrap().notes.is_empty());
}

#[test]
fn sheets_read_like_a_page() {
    // Case n is n / 11 everywhere but for its second value, 1: right of the first, not below it.
    let count = 10usize;
    let mut images: Vec<f32> = (0..count).flat_map(|n| [n as f32 / 11.0; 4]).collect();
    images.chunks_mut(4).for_each(|case| case[1] = 1.0);
    let picture = saved_and_loaded(&sheet(&images, 4, Some((2, 2)), (0.0, 1.0)).unwrap());
    let columns = spans(&picture, SHEET_GAP, true).len();
    assert_eq!(spans(&picture, SHEET_GAP, false).len(), count.div_ceil(columns));
    for n in 0..count {
        let at = |place| value(&picture, SHEET_GAP, (2, 2), (n / columns, n % columns), place);
        assert_eq!(at((0, 0)), [(n as f32 / 11.0 * 255.0).round() as u8; 3]);
        assert_eq!(at((1, 0)), at((0, 0)));
        assert_eq!(at((0, 1)), [255; 3]);
    }
}

#[test]
fn reconstructions_lie_below_their_originals() {
    let count = 6usize;
    let originals: Vec<f32> = (0..count).flat_map(|n| [n as f32 / 10.0; 9]).collect();
    let again: Vec<f32> = originals.iter().map(|x| x + 0.4).collect();
    let picture = reconstructions(&originals, &again, 9, Some((3, 3)), (0.0, 1.0)).unwrap();
    let columns = spans(&picture, SHEET_GAP, true).len();
    let rows = spans(&picture, SHEET_GAP, false);
    assert_eq!(rows.len(), 2 * count.div_ceil(columns));
    for n in 0..count {
        let at = |layer| {
            let place = (2 * (n / columns) + layer, n % columns);
            f32::from(value(&picture, SHEET_GAP, (3, 3), place, (1, 1))[0]) / 255.0
        };
        assert!((at(0) - n as f32 / 10.0).abs() < 0.01);
        assert!((at(1) - at(0) - 0.4).abs() < 0.01);
    }
    // Pairs are closer to each other than to their neighbours.
    assert!(rows.len() >= 4, "{rows:?}");
    assert!(rows[2].0 - rows[1].1 >= 3 * (rows[1].0 - rows[0].1), "{rows:?}");
}

#[test]
fn data_that_are_no_images_become_strips() {
    let images: Vec<f32> = (0..15).map(|k| k as f32 / 14.0).collect();
    let picture = sheet(&images, 5, None, (0.0, 1.0)).unwrap();
    assert_eq!(spans(&picture, SHEET_GAP, true).len(), 1);
    for (k, x) in images.iter().enumerate() {
        let [grey, ..] = value(&picture, SHEET_GAP, (1, 5), (k / 5, 0), (0, k % 5));
        assert_eq!(grey, (x * 255.0).round() as u8);
    }
}

#[test]
fn odd_values_have_a_colour() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let picture = sheet(&[nan, inf, -inf, 0.5], 4, Some((2, 2)), (0.0, 1.0)).unwrap();
    let picture = saved_and_loaded(&picture);
    let at = |place| value(&picture, SHEET_GAP, (2, 2), (0, 0), place);
    assert_eq!([at((0, 0)), at((0, 1))], [NAN_COLOUR, [255; 3]]);
    assert_eq!([at((1, 0)), at((1, 1))], [[0; 3], [128; 3]]);
    // Weights: dead, broken, sparse, of any size.
    let grey =
        |w: &[f32]| value(&filters(w, 4, 1, None).unwrap(), FILTER_GAP, (1, 4), (0, 0), (0, 0));
    assert_eq!(grey(&[0.0; 4]), [128; 3]);
    assert_eq!(grey(&[nan; 4]), NAN_COLOUR);
    assert_eq!(grey(&[f32::MAX, 0.0, 0.0, f32::MIN]), [255; 3]);
    assert_eq!(grey(&[1e-42, 0.0, 0.0, 0.0]), [255; 3]);
    let mut sparse = vec![0.0; 1000];
    sparse[0] = 3.0;
    let picture = filters(&sparse, 1000, 1, None).unwrap();
    assert_eq!(value(&picture, FILTER_GAP, (1, 1000), (0, 0), (0, 0)), [255; 3]);
}

#[test]
fn every_size_can_be_drawn() {
    for (count, length) in [(0, 4), (1, 1), (1, 9), (2, 1), (13, 6), (401, 4), (3, 5000)] {
        let images = vec![0.25; count * length];
        for image in [None, Some((1, length)), Some((length, 1)), square_shape(length)] {
            for range in [(0.0, 1.0), (0.25, 0.25), (1.0, 0.0), (f32::NAN, 1.0)] {
                let picture = sheet(&images, length, image, range).unwrap();
                assert!(picture.width.max(picture.height) >= 400);
                assert_eq!(picture.notes.is_empty(), count <= MOST_TILES);
            }
            let picture = reconstructions(&images, &images, length, image, (0.0, 1.0)).unwrap();
            assert_eq!(picture.pixels.len(), picture.width * picture.height);
            filters(&images, length, count, image).unwrap();
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let fails = |result: harmonium::Result<Picture>, expected: &str| {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    };
    fails(sheet(&[0.0; 5], 4, None, (0.0, 1.0)), "5 values are no whole number of cases of 4");
    fails(sheet(&[0.0; 5], 0, None, (0.0, 1.0)), "cases of 0");
    fails(sheet(&[0.0; 4], 4, Some((3, 2)), (0.0, 1.0)), "3x2 does not have 4 values");
    fails(filters(&[0.0; 4], 3, 2, None), "W has 4 values, not 3 × 2");
    fails(reconstructions(&[0.0; 4], &[0.0; 8], 4, None, (0.0, 1.0)), "4 original values, 8");
}

#[test]
fn ranges_ignore_outliers() {
    let mut values: Vec<f32> = (0..1000).map(|k| k as f32 / 999.0).collect();
    values[0] = -1e30;
    values[1] = f32::NAN;
    let (low, high) = robust_range(&values);
    assert!((0.0..0.02).contains(&low) && (0.98..1.0).contains(&high), "{low} {high}");
    assert_eq!(robust_range(&[]), (0.0, 1.0));
    assert_eq!(robust_range(&[2.0]), (2.0, 2.0));
    assert_eq!([square_shape(64), square_shape(65), square_shape(1)], [Some((8, 8)), None, None]);
}

#[test]
fn a_picture_of_its_own_size_says_what_it_clips() {
    let values = [0.0, 0.5, 1.0, 1.003, -0.5, f32::NAN];
    let grey = image(&values[..4], 1, (2, 2), false).unwrap();
    assert_eq!((grey.width, grey.height, grey.notes.len()), (2, 2, 0));
    assert_eq!(grey.pixels, [[0; 3], [128; 3], [255; 3], [255; 3]]);
    let clipped = image(&values[..5], 1, (1, 5), false).unwrap();
    assert!(clipped.notes[0].starts_with("20.0 % of the values"), "{:?}", clipped.notes);
    let signed = image(&[0.0, -0.5, 0.5, 0.25, 0.51, -0.51], 1, (3, 2), true).unwrap();
    let shades: Vec<u8> = signed.pixels.iter().map(|pixel| pixel[0]).collect();
    assert_eq!(shades, [128, 1, 255, 192, 255, 0]);
    assert!(signed.notes[0].starts_with("33.3 %"), "{:?}", signed.notes);
    // Three planes are red, green and blue.
    let colours = image(&[1.0, 0.0, 0.0, 1.0, 0.2, f32::NAN], 3, (1, 2), false).unwrap();
    assert_eq!(colours.pixels, [[255, 0, 51], NAN_COLOUR]);
    // A trace is not worth a word.
    let mut many = vec![0.5; 2000];
    many[7] = 3.0;
    assert!(image(&many, 1, (2000, 1), false).unwrap().notes.is_empty());
    for (length, channels, size) in [(6, 2, (1, 3)), (5, 1, (1, 6)), (0, 1, (0, 3))] {
        assert!(image(&vec![0.0; length], channels, size, false).is_err());
    }
}

#[test]
fn sheets_of_maps_have_a_scale_for_each_kind() {
    // A map with signs between two without.
    let maps = [[0.0, 0.25, 0.5, 1.0], [-0.04, 0.0, 0.02, 0.04], [1.0; 4]].concat();
    let kinds = [false, true, false];
    let picture = map_sheet(&maps, (2, 2), &kinds).unwrap();
    let columns = spans(&picture, SHEET_GAP, true).len();
    let at =
        |n: usize, place| value(&picture, SHEET_GAP, (2, 2), (n / columns, n % columns), place)[0];
    let whole = |n| [(0, 0), (0, 1), (1, 0), (1, 1)].map(|place| at(n, place));
    assert_eq!(whole(0), [0, 64, 128, 255]);
    assert_eq!(whole(1), [0, 128, 191, 255]);
    assert_eq!(whole(2), [255; 4]);
    assert_eq!(picture.notes, ["mid grey is 0, black -0.040 and white 0.040"]);
    // Beyond black and white, the others get a scale of their own.
    let wide: Vec<f32> = maps.iter().map(|x| 100.0 * x).collect();
    let picture = map_sheet(&wide, (2, 2), &kinds).unwrap();
    assert!(picture.notes[1].contains("black is 0.000 and white 100.000"), "{:?}", picture.notes);
    let at = |place| value(&picture, SHEET_GAP, (2, 2), (0, 0), place)[0];
    assert_eq!([at((0, 0)), at((0, 1)), at((1, 1))], [0, 64, 255]);
    // Nothing to see is mid grey.
    let flat = map_sheet(&[0.0; 4], (2, 2), &[true]).unwrap();
    assert_eq!(value(&flat, SHEET_GAP, (2, 2), (0, 0), (0, 0)), [128; 3]);
    let flat = map_sheet(&[7.0; 4], (2, 2), &[false]).unwrap();
    assert_eq!(value(&flat, SHEET_GAP, (2, 2), (0, 0), (1, 1)), [128; 3]);
    assert!(map_sheet(&maps, (2, 2), &[true; 2]).is_err());
}

#[test]
fn png_files_are_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    write_grey_png(&path, 3, 2, &[0, 50, 100, 150, 200, 250]).unwrap();
    let picture = Picture::load(&path).unwrap();
    assert_eq!((picture.width, picture.height), (3, 2));
    assert_eq!(picture.pixel(2, 0), Some([100; 3]));
    assert_eq!(picture.pixel(0, 1), Some([150; 3]));
    assert_eq!(picture.pixel(3, 0), None);
    for (width, height) in [(3, 3), (0, 2)] {
        assert!(write_grey_png(&path, width, height, &[0; 6]).is_err());
        assert_eq!(Picture::load(&path).unwrap(), picture);
    }
    std::fs::write(&path, b"no picture").unwrap();
    let text = Picture::load(&path).unwrap_err().to_string();
    assert!(text.contains("x.png: png:"), "{text}");
}
