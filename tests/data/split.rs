//! Holding out validation cases.

use harmonium::data::{Cases, DataSet, Holdout, Values};
use proptest::prelude::*;

use super::assert_says;

/// Case i has the value and the label i.
fn numbered(n: usize) -> DataSet {
    let values = Values::F32((0..n).map(|i| i as f32 + 0.5).collect());
    let classes = (0..n).map(|i| i.to_string()).collect();
    let mut set = DataSet::new("numbered", Cases::new(values, n, 1).unwrap())
        .labelled((0..n as u32).collect(), classes)
        .unwrap();
    set.notices = vec!["a notice".into()];
    set
}

proptest! {
    #[test]
    fn a_split_is_a_partition(n in 2usize..300, seed: u64, fraction in 0.001f64..0.999) {
        let (train, held) = numbered(n).split_validation(Holdout::Fraction(fraction), seed).unwrap();
        let labels = |set: &DataSet| set.labels.clone().unwrap();
        for set in [&train, &held] {
            prop_assert!(!set.cases.is_empty());
            // Each label is still with its case, and the order is the source's.
            let expected: Vec<f32> = labels(set).iter().map(|&l| l as f32 + 0.5).collect();
            prop_assert_eq!(set.cases.to_f32(), expected);
            prop_assert!(labels(set).is_sorted());
        }
        let expected = ((n as f64 * fraction).round() as usize).clamp(1, n - 1);
        prop_assert_eq!(held.cases.len(), expected);
        let mut all = [labels(&train), labels(&held)].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..n as u32).collect::<Vec<_>>());
    }
}

#[test]
fn it_depends_on_the_seed_alone() {
    let split = |seed| numbered(200).split_validation(Holdout::Count(50), seed).unwrap();
    assert_eq!(split(3), split(3));
    assert_ne!(split(3).1.labels, split(4).1.labels);
    // The values have no say.
    let mut other = numbered(200);
    other.cases = Cases::new(Values::Bits(vec![1; 400]), 200, 2).unwrap();
    let (_, held) = other.split_validation(Holdout::Count(50), 3).unwrap();
    assert_eq!(held.labels, split(3).1.labels);
    assert_eq!(held.name, "numbered (validation)");
    // Fixed for good: a saved run must find its split again.
    let first = &split(1).1.labels.unwrap()[..6];
    assert_eq!(first, [1, 2, 4, 11, 12, 17]);
}

#[test]
fn both_sides_need_a_case() {
    let refused = |n, holdout| numbered(n).split_validation(holdout, 0).unwrap_err().to_string();
    assert_says(&refused(1, Holdout::Fraction(0.5)), &["validation", "numbered has 1 cases"]);
    assert_says(&refused(5, Holdout::Count(5)), &["5 cases asked for, of 5", "from 1 to 4"]);
    assert_says(&refused(5, Holdout::Count(0)), &["from 1 to 4"]);
    assert_says(&refused(5, Holdout::Fraction(f64::NAN)), &["fraction"]);
    assert_says(&refused(5, Holdout::Fraction(1.0)), &["fraction"]);
}

#[test]
fn limit_takes_the_first_cases_and_labels() {
    let few = numbered(10).limit(3);
    assert_eq!((few.cases.to_f32(), few.labels), (vec![0.5, 1.5, 2.5], Some(vec![0, 1, 2])));
    assert_eq!(numbered(3).limit(10), numbered(3));
}

#[test]
fn labels_are_one_for_each_case_and_need_no_names() {
    let set = |n: usize| DataSet::new("few", Cases::new(Values::Bits(vec![1; n]), n, 1).unwrap());
    let refused = |labels: &[u32], names: usize| {
        set(4).labelled(labels.to_vec(), vec!["a".into(); names]).unwrap_err().to_string()
    };
    assert_says(&refused(&[0; 9], 0), &["few", "9 labels for 4 cases"]);
    assert_says(&refused(&[0, 1, 2, 0], 2), &["label 2 is 2", "2 classes have names"]);
    let half = set(40).labelled((0..40).map(|i| u32::from(i >= 10)).collect(), vec![]).unwrap();
    let chosen = half.select(&half.balanced(20, 1).unwrap(), "half").unwrap();
    assert_eq!(chosen.labels.unwrap().iter().sum::<u32>(), 10);
    let mut short = half;
    short.labels = Some(vec![0; 3]);
    assert_says(&short.select(&[5], "one").unwrap_err().to_string(), &["3 labels for 40 cases"]);
}
