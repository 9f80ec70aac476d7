//! `Cases`: construction, selection, moments, ranges.

use harmonium::data::{Cases, Values};

use super::assert_says;

fn floats(v: &[f32], n: usize) -> Cases {
    Cases::new(Values::F32(v.to_vec()), n, v.len() / n).unwrap()
}

#[test]
fn bytes_scale_into_the_unit_interval() {
    let all: Vec<u8> = (0..=255).collect();
    let cases = Cases::new(Values::U8 { values: all, scale: 1.0 / 255.0 }, 1, 256).unwrap();
    let row = cases.row(0);
    assert_eq!((row[0], row[255]), (0.0, 1.0));
    assert!(row.windows(2).all(|w| w[0] < w[1]));
    cases.check_unit_interval("pixels").unwrap();
    assert_eq!(cases.to_f32(), row);
}

#[test]
fn what_is_no_set_of_cases() {
    let refused = |values: Values, n, d| Cases::new(values, n, d).unwrap_err().to_string();
    assert_says(&refused(Values::F32(vec![]), 0, 5), &["0 cases of 5", "empty"]);
    assert_says(&refused(Values::F32(vec![]), 5, 0), &["empty"]);
    assert_says(&refused(Values::F32(vec![1.0; 5]), 2, 3), &["2 cases of 3", "found 5"]);
    assert_says(&refused(Values::F32(vec![1.0]), usize::MAX, 2), &["4294967295"]);
    assert_says(&refused(Values::Bits(vec![0, 1, 2, 1]), 2, 2), &["case 1, column 0 is 2"]);
    let nan = vec![0.0, 1.0, 2.0, f32::NAN];
    assert_says(&refused(Values::F32(nan), 2, 2), &["case 1, column 1 is NaN"]);
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_says(&refused(Values::U8 { values: vec![1], scale }, 1, 1), &["scale"]);
    }
}

#[test]
fn selection_and_limit_in_every_form() {
    let bytes: Vec<u8> = vec![1, 0, 0, 1, 1, 1];
    for values in [
        Values::Bits(bytes.clone()),
        Values::U8 { values: bytes.clone(), scale: 1.0 },
        Values::F32(bytes.iter().map(|&x| f32::from(x)).collect()),
    ] {
        let cases = Cases::new(values, 3, 2).unwrap();
        let picked = cases.select(&[2, 0, 2]).unwrap();
        assert_eq!(picked.to_f32(), [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        assert_eq!(picked.values().kind(), cases.values().kind());
        assert_says(&cases.select(&[3]).unwrap_err().to_string(), &["case 3", "of 3"]);
        let none = cases.select(&[]).unwrap();
        assert!(none.is_empty() && none.means() == [0.0, 0.0] && none.range().is_none());
        assert!(cases.row(3).is_empty());
        let mut row = vec![9.0];
        cases.row_f32(1, &mut row);
        assert_eq!(row, [0.0, 1.0]);
        assert_eq!(cases.clone().limit(9), cases);
        assert_eq!(cases.limit(1).to_f32(), [1.0, 0.0]);
    }
}

#[test]
fn moments_and_range() {
    let cases = floats(&[1.0, -4.0, 3.0, -4.0, 8.0, -4.0], 3);
    assert_eq!(cases.means(), [4.0, -4.0]);
    // ((1−4)² + (3−4)² + (8−4)²)/3 = 26/3.
    assert_eq!(cases.deviations(), [(26.0f64 / 3.0).sqrt() as f32, 0.0]);
    assert_eq!(cases.range(), Some((-4.0, 8.0)));
    assert_eq!(floats(&[5.0, 6.0], 1).deviations(), [0.0, 0.0]);
    // In f32 a sum of 2²⁵ and many ones would stand still.
    let mut many = vec![1.0; 100_001];
    many[0] = 33_554_432.0;
    let mean = floats(&many, 100_001).means()[0];
    assert_eq!(mean, ((33_554_432.0f64 + 100_000.0) / 100_001.0) as f32);
}

#[test]
fn binary_or_not() {
    let bytes = |values: &[u8], scale| {
        Cases::new(Values::U8 { values: values.to_vec(), scale }, 1, values.len()).unwrap()
    };
    assert!(bytes(&[0, 255], 1.0 / 255.0).is_binary());
    assert!(!bytes(&[0, 254], 1.0 / 255.0).is_binary());
    assert!(bytes(&[0, 16], 1.0 / 16.0).is_binary());
    assert!(floats(&[0.0, 1.0], 1).is_binary() && !floats(&[0.0, 0.5], 1).is_binary());
    assert!(Cases::new(Values::Bits(vec![1, 0]), 2, 1).unwrap().is_binary());
}

#[test]
fn outside_the_unit_interval() {
    let says = |cases: Cases, parts: &[&str]| {
        assert_says(&cases.check_unit_interval("a.csv").unwrap_err().to_string(), parts);
    };
    says(floats(&[0.0, 1.0, 0.5, 1.5], 2), &["a.csv", "case 1, column 1 is 1.5", "--scale 1.5"]);
    let parts = ["case 0, column 1 is -0.1", "--scale does not mend", "(x - least)"];
    says(floats(&[0.0, -0.1], 1), &parts);
    let over = Values::U8 { values: vec![16, 17], scale: 1.0 / 16.0 };
    says(Cases::new(over, 2, 1).unwrap(), &["case 1, column 0 is 1.0625"]);
    // The first of several, far behind the beginning.
    let mut many = vec![0.5; 100_000];
    (many[40_123], many[40_124], many[99_999]) = (2.0, 3.0, 4.0);
    says(floats(&many, 1000), &["case 401, column 23 is 2,"]);
    floats(&[0.0, 1.0, -0.0], 1).check_unit_interval("fine").unwrap();
}
