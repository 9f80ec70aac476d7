//! Binarisation and standardisation.

use harmonium::data::{
    Binarize, Cases, DataSet, Holdout, ImageShape, Part, Preprocessing, Values, epoch_draw, pad,
    resize,
};
use harmonium::random::{Draw, bernoulli, stream};

use super::assert_says;

fn floats(v: &[f32], n: usize) -> Cases {
    Cases::new(Values::F32(v.to_vec()), n, v.len() / n).unwrap()
}

fn fitted(cases: &Cases, binarize: Binarize) -> Preprocessing {
    Preprocessing::fit(cases, Some(binarize), false).unwrap()
}

#[test]
fn the_threshold_itself_is_one() {
    let pixels = Values::U8 { values: vec![0, 127, 128, 255], scale: 1.0 / 255.0 };
    let cases = Cases::new(pixels, 1, 4).unwrap();
    let half = fitted(&cases, Binarize::Threshold(0.5));
    let bits = half.apply(cases, 0, Part::Train).unwrap();
    assert_eq!(bits.values(), &Values::Bits(vec![0, 0, 1, 1]));

    let digits = Values::U8 { values: vec![7, 8, 9], scale: 1.0 / 16.0 };
    let bits = half.apply(Cases::new(digits, 3, 1).unwrap(), 0, Part::Train).unwrap();
    assert_eq!(bits.values(), &Values::Bits(vec![0, 1, 1]));

    let below = f32::from_bits(0.5f32.to_bits() - 1);
    let bits = half.apply(floats(&[below, 0.5, 1.0], 1), 0, Part::Test).unwrap();
    assert_eq!(bits.values(), &Values::Bits(vec![0, 1, 1]));

    let cases = floats(&[0.999, 1.0], 1);
    let bits = fitted(&cases, Binarize::Threshold(1.0)).apply(cases, 0, Part::Train).unwrap();
    assert_eq!(bits.values(), &Values::Bits(vec![0, 1]));
}

#[test]
fn sampling_is_the_documented_draw_and_has_the_values_as_means() {
    let (n, levels) = (20_000, [0.0f32, 1.0 / 255.0, 0.25, 0.5, 200.0 / 255.0, 1.0, 0.9]);
    let values: Vec<f32> = levels.iter().copied().cycle().take(n * levels.len()).collect();
    let cases = floats(&values, n);
    let sample = fitted(&cases, Binarize::Sample);
    let bits = sample.apply(cases.clone(), 7, Part::Train).unwrap();
    assert!(matches!(bits.values(), Values::Bits(_)));
    for (mean, p) in bits.means().into_iter().zip(levels) {
        // Five standard deviations of a mean of n draws: wrong by chance once in 1.7 million; the seed is fixed.
        let bound = 5.0 * (p * (1.0 - p) / n as f32).sqrt();
        assert!((mean - p).abs() <= bound, "mean {mean} for p = {p}, bound {bound}");
    }
    let draw = Draw::new(7, stream::BINARIZE);
    for (i, j) in [(0, 0), (3, 4), (19_999, 6), (777, 3)] {
        assert_eq!(bits.row(i)[j], bernoulli(draw.word(i as u32, j as u32), levels[j]));
    }

    let again = sample.apply(cases.clone(), 7, Part::Train).unwrap();
    assert_eq!(again, bits);
    for (seed, part) in [(8, Part::Train), (7, Part::Test), (8, Part::Validation)] {
        assert_ne!(sample.apply(cases.clone(), seed, part).unwrap(), bits, "{seed} {part:?}");
    }
    // A shorter set is the same set's beginning.
    let few = sample.apply(cases.limit(50), 7, Part::Train).unwrap();
    assert_eq!(few, bits.limit(50));
}

#[test]
fn a_case_becomes_the_same_bits_in_every_part_of_its_source() {
    let (n, side) = (120, 6);
    let grey: Vec<u8> = (0..n * side * side).map(|k| (k * 37 % 256) as u8).collect();
    let pixels = Values::U8 { values: grey, scale: 1.0 / 255.0 };
    let set = DataSet::new("grey", Cases::new(pixels, n, side * side).unwrap());
    let fitted = |b| Preprocessing::fit(&set.cases, Some(b), false).unwrap();
    let draw = Part::Train.draw(3);
    let split = |set: &DataSet, held, seed| {
        set.clone().split_validation(Holdout::Count(held), seed).unwrap()
    };
    for binarize in [Binarize::Sample, Binarize::Resample] {
        let bits = |cases: &Cases, part| {
            fitted(binarize).apply_for_evaluation(cases.clone(), 3, part).unwrap()
        };
        let whole = bits(&set.cases, Part::Train);
        let same = |cases: &Cases, part: Part| {
            let found = bits(cases, part);
            for i in 0..cases.len() {
                let number = cases.number(i);
                assert_eq!(found.number(i), number);
                assert_eq!(cases.row(i), set.cases.row(number as usize), "another case");
                assert_eq!(found.row(i), whole.row(number as usize), "case {number}, {part:?}");
            }
        };
        // And those bits are the documented draws.
        assert_eq!(whole.row(41)[7], bernoulli(draw.word(41, 7), set.cases.row(41)[7]));
        for held in [1, 50, 119] {
            let (train, validation) = split(&set, held, 9);
            same(&train.cases, Part::Train);
            same(&validation.cases, Part::Validation);
            same(&train.clone().limit(5).cases, Part::Train);
            same(&train.cases.select(&[0]).unwrap(), Part::Train);
            if held == 50 {
                // A part of a part, in another order.
                same(&split(&train, 20, 4).1.cases, Part::Validation);
                same(&train.cases.select(&[30, 3, 30]).unwrap(), Part::Train);
                same(&train.cases.select(&[3, 4, 5, 6]).unwrap(), Part::Train);
                assert!(train.cases.select(&[]).unwrap().is_empty());
            }
        }
    }
    // Whatever becomes of the values.
    let (train, _) = split(&set, 60, 9);
    let from = ImageShape { height: side, width: side };
    let standard = Preprocessing::fit(&train.cases, None, true).unwrap();
    let half = fitted(Binarize::Threshold(0.5));
    for other in [
        pad(&train.cases, from, [2, 1]).unwrap(),
        resize(&train.cases, from, ImageShape { height: 9, width: 3 }).unwrap(),
        standard.apply(train.cases.clone(), 1, Part::Train).unwrap(),
        half.apply(train.cases.clone(), 1, Part::Train).unwrap(),
    ] {
        assert!((0..60).all(|i| other.number(i) == train.cases.number(i)));
    }
}

#[test]
fn resampling_keeps_probabilities_for_training_and_draws_once_for_scores() {
    let cases = floats(&[0.5; 400], 4);
    let resample = fitted(&cases, Binarize::Resample);
    assert_eq!(resample.apply(cases.clone(), 1, Part::Train).unwrap(), cases);
    let scored = resample.apply_for_evaluation(cases.clone(), 1, Part::Test).unwrap();
    let sample = fitted(&cases, Binarize::Sample);
    assert_eq!(scored, sample.apply(cases.clone(), 1, Part::Test).unwrap());
    assert_eq!(scored, sample.apply_for_evaluation(cases, 1, Part::Test).unwrap());
    // The epochs' draws are none of the parts'.
    for part in [Part::Train, Part::Test, Part::Validation] {
        assert!((0..100).all(|epoch| epoch_draw(1, epoch) != part.draw(1)));
    }
}

#[test]
fn bits_stay_bits_and_nothing_changes_nothing() {
    let bits = Cases::new(Values::Bits(vec![1, 0, 1]), 1, 3).unwrap();
    for b in [Binarize::Threshold(0.5), Binarize::Sample, Binarize::Resample] {
        assert_eq!(fitted(&bits, b).apply(bits.clone(), 3, Part::Train).unwrap(), bits);
    }
    let wild = floats(&[-7.0, 1e30], 1);
    let none = Preprocessing::fit(&wild, None, false).unwrap();
    assert_eq!(none, Preprocessing::default());
    assert_eq!(none.apply(wild.clone(), 0, Part::Train).unwrap(), wild);
}

#[test]
fn a_threshold_that_divides_nothing_is_refused() {
    let fit = |values: Values, t| {
        let n = values.len();
        let cases = Cases::new(values, 1, n).unwrap();
        Preprocessing::fit(&cases, Some(Binarize::Threshold(t)), false)
    };
    let sixteenths = |scale| Values::U8 { values: vec![0, 7, 16], scale };
    let text = fit(sixteenths(1.0 / 255.0), 0.5).unwrap_err().to_string();
    assert_says(&text, &["binarize", "no value reaches 0.5", "the largest is 0.0627", "--scale"]);
    assert!(fit(sixteenths(1.0 / 16.0), 0.5).is_ok());
    let text = fit(Values::F32(vec![0.5, 0.75]), 0.5).unwrap_err().to_string();
    assert_says(&text, &["every value reaches 0.5", "the least is 0.5"]);
    // Bits are what they are.
    assert!(fit(Values::Bits(vec![1, 1]), 0.5).is_ok());
}

#[test]
fn what_cannot_be_binarised() {
    let wild = floats(&[0.5, 3.0], 1);
    for b in [Binarize::Threshold(0.5), Binarize::Sample, Binarize::Resample] {
        let text = Preprocessing::fit(&wild, Some(b), false).unwrap_err().to_string();
        assert_says(&text, &["case 0, column 1 is 3"]);
        let text = fitted(&floats(&[0.25, 0.5], 1), b).apply(wild.clone(), 0, Part::Test);
        assert_says(&text.unwrap_err().to_string(), &["case 0, column 1 is 3"]);
    }
    let cases = floats(&[0.5], 1);
    let text = Preprocessing::fit(&cases, Some(Binarize::Sample), true).unwrap_err().to_string();
    assert_says(&text, &["standardize", "binarize = sample"]);
    for t in [0.0, 1.5, f32::NAN] {
        assert!(Preprocessing::fit(&cases, Some(Binarize::Threshold(t)), false).is_err());
    }
}

#[test]
fn settings_are_written_and_read() {
    for text in ["0.5", "1", "0.123", "sample", "resample"] {
        assert_eq!(text.parse::<Binarize>().unwrap().to_string(), text);
    }
    for text in ["0", "-1", "1.5", "nan", "", "yes"] {
        let e = text.parse::<Binarize>().unwrap_err().to_string();
        assert_says(&e, &["binarize", &format!("'{text}'"), "(0, 1]", "resample"]);
    }
    for text in ["0.25", "17"] {
        assert_eq!(text.parse::<Holdout>().unwrap().to_string(), text);
    }
    assert!(["0", "1.0", "-0.5", "many"].iter().all(|t| t.parse::<Holdout>().is_err()));

    let cases = floats(&[0.1, 2.0, 0.3, 7.0], 2);
    for fitted in [
        Preprocessing::default(),
        Preprocessing::fit(&cases, None, true).unwrap(),
        Preprocessing { binarize: Some(Binarize::Threshold(0.3)), ..Default::default() },
    ] {
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<Preprocessing>(&text).unwrap(), fitted, "{text}");
        let text = toml::to_string(&fitted).unwrap();
        assert_eq!(toml::from_str::<Preprocessing>(&text).unwrap(), fitted, "{text}");
    }
    assert!(serde_json::from_str::<Preprocessing>(r#"{"binarize": "7"}"#).is_err());
}

#[test]
fn standardised_columns_have_mean_0_and_deviation_1_and_constants_give_no_nan() {
    // Columns: ordinary, constant, constant where 0.1's mean rounds, huge, nearly always 0.
    let n = 1000;
    let mut v = Vec::new();
    for i in 0..n {
        let x = (i * 37 % 101) as f32;
        let rare = if i == 5 { 1.0 / 255.0 } else { 0.0 };
        v.extend([x, -3.0, 0.1, x * 3e36, rare]);
    }
    let cases = floats(&v, n);
    let fitted = Preprocessing::fit(&cases, None, true).unwrap();
    let std = fitted.std.as_ref().unwrap();
    assert_eq!((std[1], std[2]), (1.0, 1.0));
    let z = fitted.apply(cases.clone(), 0, Part::Train).unwrap();
    for (j, (m, s)) in z.means().into_iter().zip(z.deviations()).enumerate() {
        // Mean and deviation are rounded to f32 (relative 2⁻²⁴ of the mean, here at most 1.8 deviations, and
        // of z itself, at most 32): |z| stays within 1e-6 · 32 of exact.
        let constant = j == 1 || j == 2;
        assert!(m.abs() < 3.2e-5, "column {j}: mean {m}");
        assert!((s - if constant { 0.0 } else { 1.0 }).abs() < 3.2e-5, "column {j}: deviation {s}");
    }
    let mut back = z.to_f32();
    fitted.undo(&mut back).unwrap();
    for (a, b) in back.iter().zip(&v) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} {b}");
    }
    assert!(fitted.undo(&mut [0.0; 7]).is_err());

    let one = floats(&[5.0, -2.0], 1);
    let fitted = Preprocessing::fit(&one, None, true).unwrap();
    assert_eq!(fitted.apply(one, 0, Part::Train).unwrap().to_f32(), [0.0, 0.0]);
}

#[test]
fn standardisation_uses_the_training_parts_numbers() {
    let fitted = Preprocessing::fit(&floats(&[0.0, 4.0], 2), None, true).unwrap();
    assert_eq!(
        (fitted.mean.as_deref(), fitted.std.as_deref()),
        (Some(&[2.0][..]), Some(&[2.0][..]))
    );
    let test = fitted.apply(floats(&[10.0], 1), 0, Part::Test).unwrap();
    assert_eq!(test.to_f32(), [4.0]);
    let bytes = Cases::new(Values::U8 { values: vec![0, 255], scale: 1.0 / 255.0 }, 2, 1).unwrap();
    assert_eq!(fitted.apply(bytes, 0, Part::Test).unwrap().to_f32(), [-1.0, -0.5]);
    let text = fitted.apply(floats(&[1.0, 2.0], 1), 0, Part::Test).unwrap_err().to_string();
    assert_says(&text, &["1 columns", "have 2"]);
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let damaged = Preprocessing { std: Some(vec![bad]), ..fitted.clone() };
        assert!(damaged.apply(floats(&[1.0], 1), 0, Part::Test).is_err());
    }
}

/// Of times in seconds f32 keeps steps of 128: such a column would be noise of rounding.
#[test]
fn columns_that_only_rounding_varies_are_refused() {
    let times: Vec<f32> = (0..100).flat_map(|i| [i as f32, (1_700_000_000 + i) as f32]).collect();
    let text = Preprocessing::fit(&floats(&times, 100), None, true).unwrap_err().to_string();
    assert_says(&text, &["column 1", "cannot be standardised", "subtract"]);
}
