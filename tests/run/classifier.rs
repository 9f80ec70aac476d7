//! Pictures about classifiers: the right words and the right colours at the right places.

use harmonium::run::Confusion;
use harmonium::run::features::{Answer, LayerPicture, Maps, features};
use harmonium::run::mistakes::{MOST, Mistake, mistakes};
use harmonium::run::pictures::NAN_COLOUR;
use harmonium::run::png_file::Picture;
use harmonium::run::text;

type Colour = [u8; 3];

/// Where a line of text stands in a picture, from the top; in any colour that nothing around it has.
fn places(picture: &Picture, line: &str, scale: usize) -> Vec<(usize, usize)> {
    let mut stamp = Picture::new(text::width(line, scale), text::HEIGHT * scale, [0; 3]);
    text::draw(&mut stamp, (0, 0), scale, [255; 3], line);
    let dots: Vec<(usize, usize, bool)> = (0..stamp.pixels.len())
        .filter(|at| at / stamp.width < text::CAPITAL * scale)
        .map(|at| (at % stamp.width, at / stamp.width, stamp.pixels[at] == [255; 3]))
        .collect();
    let lit = dots.iter().find(|dot| dot.2).expect("a letter");
    let mut found = Vec::new();
    for y in 0..picture.height.saturating_sub(text::CAPITAL * scale) {
        for x in 0..picture.width.saturating_sub(stamp.width) {
            let ink = picture.pixel(x + lit.0, y + lit.1);
            if dots.iter().all(|&(i, j, on)| (picture.pixel(x + i, y + j) == ink) == on) {
                found.push((x, y));
            }
        }
    }
    found
}

#[track_caller]
fn shows(picture: &Picture, line: &str, scale: usize) -> (usize, usize) {
    *places(picture, line, scale).first().unwrap_or_else(|| panic!("{line:?} is not to be seen"))
}

/// The box around all pixels of a colour: left, top, right and bottom, the last two included.
fn around(picture: &Picture, colour: Colour) -> Option<[usize; 4]> {
    let all = (0..picture.pixels.len()).filter(|&at| picture.pixels[at] == colour);
    all.map(|at| (at % picture.width, at / picture.width)).fold(None, |found, (x, y)| {
        let [left, top, right, bottom] = found.unwrap_or([x, y, x, y]);
        Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
    })
}

fn digits(n: usize) -> Vec<String> {
    (0..n).map(|class| class.to_string()).collect()
}

fn confusion(n: usize, truth: &[u32], predicted: &[u32]) -> Confusion {
    let mut confusion = Confusion::new(digits(n));
    confusion.count(truth, predicted).unwrap();
    confusion
}

#[test]
fn confusions_are_counted_and_written() {
    let mut counted = Confusion::new(vec!["cat".into(), "dog, large".into(), "owl".into()]);
    counted.count(&[0, 0, 1, 2], &[0, 1, 1, 0]).unwrap();
    counted.count(&[2, 0], &[0, 0]).unwrap();
    assert_eq!(counted.counts(), [2, 1, 0, 0, 1, 0, 2, 0, 0]);
    assert_eq!((counted.cases(), counted.errors()), (6, 3));
    let before = counted.clone();
    let text = counted.count(&[0, 1], &[0, 3]).unwrap_err().to_string();
    assert!(text.contains("class 3 of 3"), "{text}");
    let text = counted.count(&[0, 1], &[0]).unwrap_err().to_string();
    assert!(text.contains("2 classes, 1 predictions"), "{text}");
    assert_eq!(counted, before);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("confusion.csv");
    counted.save_csv(&path).unwrap();
    let expected =
        "true \\ predicted,cat,\"dog, large\",owl\ncat,2,1,0\n\"dog, large\",0,1,0\nowl,2,0,0\n";
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    Confusion::new(vec![]).save_csv(folder.path().join("none.csv")).unwrap();
}

/// Cases without a class are counted, as errors, in a column of their own.
#[test]
fn cases_that_were_taken_for_no_class() {
    let mut counted = confusion(2, &[0, 0, 1], &[0, 1, 1]);
    let (plain, before) = (counted.clone(), counted.picture().unwrap());
    counted.count_unclassified(1).unwrap();
    counted.count_unclassified(1).unwrap();
    assert_ne!(counted, plain);
    assert_eq!((counted.cases(), counted.errors()), (5, 3));
    assert_eq!((counted.counts(), counted.unclassified()), (&[1, 1, 0, 1][..], &[0, 2][..]));
    let text = counted.count_unclassified(2).unwrap_err().to_string();
    assert!(text.contains("class 2 of 2"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("confusion.csv");
    counted.save_csv(&path).unwrap();
    let expected = "true \\ predicted,0,1,none\n0,1,1,0\n1,0,1,2\n";
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    let picture = counted.picture().unwrap();
    shows(&picture, "3 of 5 cases are wrong (60.00 %)", 2);
    assert!(places(&before, "none", 2).is_empty());
    // Above the last column, and its cell has two thirds of the second row.
    let shade = |full: f64| (255.0 + (2.0f64 / 3.0).cbrt() * (full - 255.0)).round() as u8;
    let cell = around(&picture, [190.0, 40.0, 30.0].map(shade)).unwrap();
    let turned = shows(&picture, "2", 2);
    assert!(turned.1 > 0 && around(&before, [190.0, 40.0, 30.0].map(shade)).is_none());
    assert!(cell[0] > around(&picture, [21, 76, 148]).map_or(0, |right| right[2]));
}

#[test]
fn a_confusion_picture_has_rows_for_the_truth() {
    // Both classes are taken for the first.
    let picture = confusion(2, &[0, 0, 0, 1, 1], &[0; 5]).picture().unwrap();
    let (right, wrong) = ([21, 76, 148], [190, 40, 30]);
    let (blue, red) = (around(&picture, right).unwrap(), around(&picture, wrong).unwrap());
    assert_eq!((blue[0], blue[2]), (red[0], red[2]), "one column");
    assert_eq!(blue[3] + 2, red[1], "the red cell lies below");
    let side = blue[2] - blue[0] + 1;
    assert_eq!(picture.pixel(blue[2] + side / 2, blue[1] + 3), Some([255; 3]));
    shows(&picture, "2 of 5 cases are wrong (40.00 %)", 2);
    // The counts stand in their cells, the names beside.
    let inside = |place: (usize, usize), cell: [usize; 4]| {
        (cell[0]..cell[2]).contains(&place.0) && (cell[1]..cell[3]).contains(&place.1)
    };
    assert!(places(&picture, "3", 2).iter().any(|&place| inside(place, blue)));
    assert!(places(&picture, "2", 2).iter().any(|&place| inside(place, red)));
    assert!(places(&picture, "1", 2).iter().any(|place| place.0 < red[0] && place.1 > red[1]));
    assert!(places(&picture, "1", 2).iter().any(|place| place.0 > blue[2] && place.1 < blue[1]));
    // A share is a shade: an eighth of the row is half of the way, by the cube root.
    let picture = confusion(2, &[0; 8], &[0, 0, 0, 0, 0, 0, 0, 1]).picture().unwrap();
    assert!(around(&picture, [223, 148, 143]).is_some());
    assert!(around(&picture, wrong).is_none());
}

#[test]
fn confusions_of_any_number_of_classes() {
    for n in [1, 2, 20, 21, 60, 61, 200, 201, 1000] {
        let all: Vec<u32> = (0..n as u32).collect();
        let picture = confusion(n, &all, &all).picture().unwrap();
        let cells = picture.pixels.iter().filter(|p| **p == [21, 76, 148]).count();
        assert!(cells >= 9 * n / 2, "{n}: {cells}");
        assert!(picture.width < 4000 && picture.height < 4000);
    }
    assert!(Confusion::new(digits(3)).picture().is_ok(), "no case");
    for n in [0, 1001] {
        assert!(Confusion::new(digits(n)).picture().is_err());
    }
    // Long names are written upwards above the columns and in full beside the rows.
    let names = ["trouser", "ankle boot"].map(String::from).to_vec();
    let picture = Confusion::new(names).picture().unwrap();
    assert_eq!(places(&picture, "ankle boot", 2).len(), 1);
    let mut turned = Picture::new(picture.height, picture.width, [0; 3]);
    for (at, pixel) in picture.pixels.iter().enumerate() {
        let (x, y) = (at % picture.width, at / picture.width);
        turned.fill(picture.height - 1 - y, x, 1, 1, *pixel);
    }
    assert_eq!(places(&turned, "ankle boot", 2).len(), 1);
}

#[test]
fn the_surest_mistakes_come_first() {
    let images: Vec<Vec<f32>> = (0..3).map(|k| vec![k as f32 / 2.0; 4]).collect();
    let mistake = |k: usize, probability| Mistake {
        values: &images[k],
        truth: ["4", "7", "1"][k],
        predicted: ["9", "2", "8"][k],
        probability,
    };
    let all = [mistake(0, 0.61), mistake(1, f32::NAN), mistake(2, 0.98)];
    let picture = mistakes(&all, Some((2, 2)), (0.0, 1.0)).unwrap();
    shows(&picture, "All 3 mistakes, the surest first", 3);
    let captions = ["1>8 0.98", "4>9 0.61", "7>2 NaN"].map(|line| shows(&picture, line, 2));
    assert!(captions[0].0 < captions[1].0 && captions[1].0 < captions[2].0, "{captions:?}");
    // The pictures stand above their captions.
    for (caption, grey) in captions.iter().zip([255, 0, 128]) {
        assert_eq!(picture.pixel(caption.0 + 5, caption.1 - 20), Some([grey; 3]));
    }
}

#[test]
fn forty_mistakes_at_most_and_none_is_a_result() {
    let values = [0.5; 6];
    let of = |k: usize| Mistake {
        values: &values,
        truth: "3",
        predicted: "5",
        probability: 0.10 + 0.01 * k as f32,
    };
    let all: Vec<Mistake> = (0..MOST + 5).map(of).collect();
    let picture = mistakes(&all, Some((2, 3)), (0.0, 1.0)).unwrap();
    shows(&picture, "The 40 surest of 45 mistakes", 3);
    assert_eq!(places(&picture, "3>5", 2).len(), MOST);
    shows(&picture, "3>5 0.15", 2);
    assert!(places(&picture, "3>5 0.14", 2).is_empty());
    shows(&mistakes(&[], None, (0.0, 1.0)).unwrap(), "No mistakes", 3);
    let one = mistakes(&all[..1], None, (0.0, 1.0)).unwrap();
    shows(&one, "The one mistake", 3);
    // Long names take lines of their own.
    let boot = Mistake { truth: "ankle boot", predicted: "sneaker", ..of(0) };
    let picture = mistakes(&[boot, of(1)], Some((3, 2)), (0.0, 1.0)).unwrap();
    let lines = ["ankle boot", ">sneaker", "0.10"].map(|line| shows(&picture, line, 2));
    assert!(lines[0].1 < lines[1].1 && lines[1].1 < lines[2].1, "{lines:?}");
    assert!(lines.iter().all(|place| place.0 == lines[0].0));
    for (image, part) in [(Some((2, 2)), "6 values, the image 2x2"), (Some((0, 0)), "0x0")] {
        let text = mistakes(&all, image, (0.0, 1.0)).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
    let wide = vec![0.0; 5000];
    let large = [Mistake { values: &wide, ..of(0) }];
    assert!(mistakes(&large, Some((1, 5000)), (0.0, 1.0)).is_err());
}

fn maps(count: usize, height: usize, width: usize, values: &[f32]) -> Maps {
    Maps { count, height, width, values: values.to_vec() }
}

#[test]
fn kernels_have_signs_and_maps_a_scale() {
    let layer = LayerPicture {
        title: "C1: convolution 2x2".into(),
        kernels: Some(maps(2, 2, 2, &[3.0, -3.0, 0.0, f32::NAN, 0.0, 0.0, 1.5, 0.0])),
        inputs: 1,
        maps: maps(2, 1, 3, &[-2.0, 0.0, 2.0, 6.0, f32::INFINITY, -2.0]),
    };
    let input = maps(1, 2, 2, &[0.25; 4]);
    let picture = features("tiny", &input, &[layer], None).unwrap();
    shows(&picture, "tiny", 3);
    shows(&picture, "Input: 2x2", 2);
    shows(&picture, "Values. All are 0.25", 2);
    shows(&picture, "C1: convolution 2x2: 2 maps of 1x3", 2);
    shows(&picture, "Kernels 2x2. White: 0, red: above, blue: below; full colour: 3", 2);
    shows(&picture, "Maps. Black: -2, white: 6", 2);
    // The first kernel's four values, row by row.
    let [red, blue, half, nan] = [[196, 44, 32], [33, 82, 168], [226, 150, 144], NAN_COLOUR]
        .map(|c| around(&picture, c).unwrap());
    let side = red[2] - red[0] + 1;
    assert_eq!((blue[0], blue[1]), (red[0] + side, red[1]));
    assert_eq!((nan[0], nan[1]), (red[0] + side, red[1] + side));
    assert_eq!(picture.pixel(red[0], red[1] + side), Some([255; 3]));
    // The second kernel stands to the right, its 1.5 in the lower row: half of full red.
    assert!(half[0] > blue[2] && half[1] == nan[1]);
    // Maps: from -2 to 6; the least is drawn black, a quarter of the way at 0.
    let grey = around(&picture, [64; 3]).unwrap();
    assert!(grey[1] > nan[3]);
    let at = |k: usize| picture.pixel(grey[0] + k * (grey[2] - grey[0] + 1), grey[1] + 2);
    assert_eq!(at(1), Some([128; 3]));
    let before = picture.pixel(grey[0] - 2, grey[1] + 2);
    assert_eq!(before, Some([0; 3]));
}

#[test]
fn kernels_of_one_map_stand_together() {
    // Two maps of three inputs: kernel k is k everywhere but for the largest, 5.
    let values: Vec<f32> = (0..6).flat_map(|k| [k as f32; 9]).collect();
    let layer = LayerPicture {
        title: "C3".into(),
        kernels: Some(maps(6, 3, 3, &values)),
        inputs: 3,
        maps: maps(2, 1, 1, &[0.0, 1.0]),
    };
    let picture = features("x", &maps(1, 1, 1, &[0.0]), &[layer], None).unwrap();
    shows(&picture, "C3: 2 units", 2);
    shows(&picture, "Units. Black: 0, white: 1", 2);
    let mix =
        |k: f64| [196.0, 44.0, 32.0].map(|c: f64| (255.0 + k / 5.0 * (c - 255.0)).round() as u8);
    let boxes: Vec<[usize; 4]> =
        (1..6).map(|k| around(&picture, mix(f64::from(k))).unwrap()).collect();
    let gaps: Vec<usize> = boxes.windows(2).map(|pair| pair[1][0] - pair[0][2] - 1).collect();
    assert!(boxes.iter().all(|b| b[1] == boxes[0][1]), "one row");
    assert_eq!([gaps[0], gaps[2], gaps[3]], [1, 1, 1]);
    assert!(gaps[1] >= 10, "{gaps:?}");
}

#[test]
fn answers_are_bars() {
    let answer = |probabilities: &[f32], truth| Answer {
        names: ["cat", "dog", "owl"].map(String::from).to_vec(),
        probabilities: probabilities.to_vec(),
        predicted: (0..probabilities.len()).max_by(|&a, &b| {
            let sureness = |class: usize| probabilities[class].max(-1.0);
            sureness(a).total_cmp(&sureness(b))
        }),
        truth,
    };
    let draw = |answer: Answer| features("x", &maps(1, 1, 1, &[0.0]), &[], Some(&answer));
    let picture = draw(answer(&[0.2, 0.7, 0.1], Some(1))).unwrap();
    let verdict = shows(&picture, "dog: right", 3);
    let bars =
        [([32, 128, 64], 0.7), ([140, 150, 172], 0.2)].map(|(colour, share): (Colour, f64)| {
            let below = |at: &&usize| **at / picture.width > verdict.1 + 30;
            let all: Vec<usize> =
                (0..picture.pixels.len()).filter(|&at| picture.pixels[at] == colour).collect();
            let columns = all.iter().filter(below).map(|at| at % picture.width);
            (columns.clone().max().unwrap() - columns.min().unwrap() + 1) as f64 / share
        });
    assert!((bars[0] / bars[1] - 1.0).abs() < 0.02, "{bars:?}");
    let rows = ["20.0 %", "70.0 % (true)", "10.0 %"].map(|line| shows(&picture, line, 2).1);
    assert!(rows[0] < rows[1] && rows[1] < rows[2]);
    let wrong = draw(answer(&[0.2, 0.7, f32::NAN], Some(0))).unwrap();
    shows(&wrong, "dog: wrong, it is cat", 3);
    shows(&wrong, "no number", 2);
    assert!(around(&wrong, [32, 128, 64]).is_none());
    shows(&draw(answer(&[0.2, 0.1, 0.7], None)).unwrap(), "owl", 3);
    // The network's word counts, not the largest probability.
    let told = |predicted| draw(Answer { predicted, ..answer(&[f32::NAN; 3], Some(1)) }).unwrap();
    shows(&told(Some(2)), "owl: wrong, it is dog", 3);
    shows(&told(Some(1)), "dog: right", 3);
    shows(&told(None), "none: wrong, it is dog", 3);
    let beyond = Answer { predicted: Some(3), ..answer(&[0.2; 3], None) };
    assert!(draw(beyond).unwrap_err().to_string().contains("predicted class is 3"));
    assert!(
        draw(answer(&[0.2, 0.1], None)).unwrap_err().to_string().contains("2 probabilities of 3")
    );
    assert!(draw(answer(&[0.2; 3], Some(3))).unwrap_err().to_string().contains("true class is 3"));
    // Many classes: the largest probabilities, in the classes' order.
    let many = Answer {
        names: digits(100),
        probabilities: (0..100).map(|k| k as f32 / 4950.0).collect(),
        predicted: Some(99),
        truth: Some(99),
    };
    let picture = draw(many).unwrap();
    shows(&picture, "The 20 largest of 100 probabilities", 2);
    assert!(shows(&picture, "80", 2).1 < shows(&picture, "99", 2).1);
    assert!(places(&picture, "79", 2).is_empty());
}

#[test]
fn sheets_of_every_size() {
    let nan = f32::NAN;
    for (count, height, width, inputs) in [
        (0, 5, 5, 1),
        (3, 0, 4, 1),
        (1, 1, 1, 1),
        (1920, 5, 5, 16),
        (9000, 7, 7, 3),
        (700, 1, 1, 1),
        (2, 400, 960, 1),
    ] {
        for value in [0.5, nan] {
            let own = maps(count, height, width, &vec![value; count * height * width]);
            let layer = LayerPicture {
                title: "a layer with a name that is far too long to be written on one line of the sheet".into(),
                kernels: Some(own.clone()),
                inputs,
                maps: own.clone(),
            };
            let picture = features("x", &own, &[layer], None).unwrap();
            assert_eq!(picture.pixels.len(), picture.width * picture.height);
            assert!(picture.height < 3000, "{count} {height} {width}: {}", picture.height);
            if count == 9000 {
                shows(&picture, "9000", 2);
            }
        }
    }
    let fails = |maps: Maps, part: &str| {
        let text = features("x", &maps, &[], None).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    };
    fails(maps(2, 2, 2, &[0.0; 7]), "7 values do not fill [2, 2, 2]");
    fails(maps(1, 1, 961, &[0.0; 961]), "too large");
    fails(maps(usize::MAX, 2, 2, &[0.0; 4]), "4 values do not fill");
}

#[test]
fn the_search_for_words_finds_no_others() {
    let mut picture = Picture::new(200, 40, [240; 3]);
    text::draw(&mut picture, (20, 10), 2, [0; 3], "4>9 0.98");
    assert_eq!(places(&picture, "4>9 0.98", 2), [(20, 10)]);
    assert!(places(&picture, "4>9 0.99", 2).is_empty());
    assert!(places(&picture, "4>8 0.98", 2).is_empty());
}
