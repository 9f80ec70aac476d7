//! Resident data: every case once an epoch, in an order of (seed, epoch), whatever holds the values.

use harmonium::data::{self, Binarize, Cases, Part, Preprocessing, Values, epoch_draw};
use harmonium::random::{bernoulli, uniform};
use harmonium::training::{BatchSource, ResidentData, Treatment};
use harmonium::{Device, Tensor};

use crate::models::exact::normals;
use crate::models::support::{devices, on_each};

const CASES: usize = 101;
const TAG: usize = 7;
const WIDTH: usize = 70;

/// Each case carries its number in its first seven columns; the other values are random.
fn tagged() -> Vec<u8> {
    let random = normals(81, CASES * WIDTH);
    (0..CASES * WIDTH)
        .map(|k| match (k / WIDTH, k % WIDTH) {
            (case, column) if column < TAG => (case >> column & 1) as u8,
            _ => u8::from(random[k] > 0.0),
        })
        .collect()
}

fn number(row: &[f32]) -> usize {
    row[..TAG].iter().enumerate().map(|(k, &x)| usize::from(x == 1.0) << k).sum()
}

/// The same zeros and ones in each form, with the bytes of one of its rows.
fn forms() -> [(Values, u64); 3] {
    let bits = tagged();
    let floats = bits.iter().map(|&x| f32::from(x)).collect();
    [
        (Values::Bits(bits.clone()), 12),
        (Values::U8 { values: bits, scale: 1.0 }, 72),
        (Values::F32(floats), 280),
    ]
}

fn resident(device: &Device, values: Values, bytes: u64) -> ResidentData {
    let cases = Cases::new(values, CASES, WIDTH).unwrap();
    ResidentData::with_shards_below(device, &cases, Treatment::default(), bytes).unwrap()
}

/// All rows of an epoch, in order; every batch but the last must be full.
fn epoch(data: &mut ResidentData, seed: u64, epoch: u64, batch: usize) -> Vec<Vec<f32>> {
    data.start_epoch(seed, epoch).unwrap();
    let (mut rows, cases) = (Vec::new(), data.cases());
    while let Some(batch_of) = data.next_batch(batch).unwrap() {
        let tensor = batch_of.cases;
        assert_eq!(tensor.shape().dims()[0], batch.min(cases - rows.len()));
        let width = tensor.shape().dims()[1];
        rows.extend(tensor.to_vec().unwrap().chunks(width).map(<[f32]>::to_vec));
    }
    assert!(data.next_batch(batch).unwrap().is_none());
    rows
}

#[test]
fn an_epoch_has_every_case_once() {
    let bits = tagged();
    on_each(|device| {
        for ((values, row_bytes), rows) in forms().into_iter().zip([CASES, 13, 50]) {
            let mut data = resident(device, values, rows as u64 * row_bytes);
            assert_eq!(data.shards(), CASES.div_ceil(rows));
            assert_eq!((data.cases(), data.width()), (CASES, WIDTH));
            for batch in [1, 10, 32, CASES, 1000] {
                let found = epoch(&mut data, 5, 2, batch);
                let mut numbers: Vec<usize> = found.iter().map(|row| number(row)).collect();
                for (row, case) in found.iter().zip(&numbers) {
                    let expected = &bits[case * WIDTH..(case + 1) * WIDTH];
                    assert!(row.iter().zip(expected).all(|(x, &bit)| *x == f32::from(bit)));
                }
                assert_ne!(numbers, (0..CASES).collect::<Vec<_>>());
                numbers.sort_unstable();
                assert_eq!(numbers, (0..CASES).collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn the_order_is_a_function_of_seed_and_epoch() {
    let order = |rows: Vec<Vec<f32>>| rows.iter().map(|row| number(row)).collect::<Vec<_>>();
    let mut first: Option<Vec<usize>> = None;
    for device in devices() {
        let mut data = resident(device, forms()[0].0.clone(), 13 * 12);
        let here = order(epoch(&mut data, 5, 2, 10));
        assert_ne!(order(epoch(&mut data, 5, 3, 10)), here);
        assert_ne!(order(epoch(&mut data, 6, 2, 10)), here);
        // Neither what went before, nor the batch, nor an epoch broken off, nor the device matters.
        data.start_epoch(9, 9).unwrap();
        data.next_batch(3).unwrap();
        assert_eq!(order(epoch(&mut data, 5, 2, 17)), here);
        assert_eq!(*first.get_or_insert(here.clone()), here);
    }
}

#[test]
fn bits_bytes_and_floats_give_the_same_batches() {
    on_each(|device| {
        let [bits, bytes, floats] =
            forms().map(|(values, row)| epoch(&mut resident(device, values, 13 * row), 5, 1, 10));
        assert_eq!(bits, bytes);
        assert_eq!(bits, floats);
        // Bytes with a scale, against the numbers that they mean.
        let train = data::load("fashion").unwrap().train.cases.limit(40);
        let floats = Cases::new(Values::F32(train.to_f32()), 40, train.width()).unwrap();
        let [bytes, floats] = [train, floats].map(|cases| {
            let mut data = ResidentData::new(device, &cases, Treatment::default()).unwrap();
            epoch(&mut data, 1, 1, 16)
        });
        assert_eq!(bytes, floats);
    });
}

#[test]
fn standardisation_on_the_device_is_the_hosts() {
    let cases = data::load("digits").unwrap().train.cases;
    let fitted = Preprocessing::fit(&cases, None, true).unwrap();
    let host = fitted.apply(cases.clone(), 1, Part::Train).unwrap().to_f32();
    let raw = cases.to_f32();
    let (mean, std) = (fitted.mean.clone().unwrap(), fitted.std.clone().unwrap());
    on_each(|device| {
        let mut data =
            ResidentData::prepare(device, cases.clone(), &fitted, 1, Part::Train).unwrap();
        let found = data.head(cases.len()).unwrap().to_vec().unwrap();
        for (k, (x, y)) in found.iter().zip(&host).enumerate() {
            let c = k % 64;
            // x·scale, the difference, the inverse and the product are rounded.
            let bound =
                2.0 * f32::EPSILON * (raw[k].abs() + mean[c].abs() + (x * std[c]).abs()) / std[c];
            assert!((x - y).abs() <= bound, "{x} is not {y} ± {bound}");
        }
        let mut rows = epoch(&mut data, 3, 1, 100);
        let mut expected: Vec<Vec<f32>> = found.chunks(64).map(<[f32]>::to_vec).collect();
        for rows in [&mut rows, &mut expected] {
            rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
        }
        assert_eq!(rows, expected);
        let mut damaged = fitted.clone();
        damaged.std.as_mut().unwrap()[3] = 0.0;
        let refused = ResidentData::prepare(device, cases.clone(), &damaged, 1, Part::Train);
        let message = refused.err().unwrap().to_string();
        assert!(message.contains("std") && message.contains("column 3"), "{message}");
        let narrow =
            Preprocessing { mean: Some(vec![0.0; 5]), std: Some(vec![1.0; 5]), ..fitted.clone() };
        assert!(ResidentData::prepare(device, cases.clone(), &narrow, 1, Part::Train).is_err());
    });
}

#[test]
fn resampling_draws_anew_each_epoch_and_alike_in_any_order() {
    let grey: Vec<u8> = tagged()
        .iter()
        .enumerate()
        .map(|(k, &bit)| if k % WIDTH < TAG { 255 * bit } else { (k * 37 % 256) as u8 })
        .collect();
    let cases = Cases::new(Values::U8 { values: grey, scale: 1.0 / 255.0 }, CASES, WIDTH).unwrap();
    let p = cases.to_f32();
    let fitted = Preprocessing::fit(&cases, Some(Binarize::Resample), false).unwrap();
    on_each(|device| {
        let treatment = Treatment { standardize: None, resample: Some(17) };
        let whole = ResidentData::prepare(device, cases.clone(), &fitted, 17, Part::Train).unwrap();
        let shards = ResidentData::with_shards_below(device, &cases, treatment, 13 * 72).unwrap();
        for mut data in [whole, shards] {
            for (shuffle, number_of_epoch) in [(5, 1), (6, 1), (5, 2)] {
                for row in epoch(&mut data, shuffle, number_of_epoch, 10) {
                    let case = number(&row);
                    let draw = epoch_draw(17, number_of_epoch);
                    for (column, x) in row.iter().enumerate() {
                        let word = draw.word(case as u32, column as u32);
                        let p = p[case * WIDTH + column];
                        assert_eq!(*x, bernoulli(word, p), "case {case}, {} < {p}", uniform(word));
                    }
                }
            }
            let head = data.head(20).unwrap().to_vec().unwrap();
            let word = epoch_draw(17, 0).word(15, 69);
            assert_eq!(head[15 * WIDTH + 69], bernoulli(word, p[15 * WIDTH + 69]));
        }
    });
}

#[test]
fn training_draws_what_evaluation_draws_with_and_without_a_held_out_part() {
    const SEED: u64 = 17;
    let grey: Vec<u8> = tagged()
        .iter()
        .enumerate()
        .map(|(k, &bit)| if k % WIDTH < TAG { 255 * bit } else { (k * 37 % 256) as u8 })
        .collect();
    let values = Values::U8 { values: grey, scale: 1.0 / 255.0 };
    let set = data::DataSet::new("tagged", Cases::new(values, CASES, WIDTH).unwrap());
    let p = set.cases.to_f32();
    let split = |held| set.clone().split_validation(data::Holdout::Count(held), 3).unwrap().0.cases;
    for binarize in [Binarize::Sample, Binarize::Resample] {
        let fitted = Preprocessing::fit(&set.cases, Some(binarize), false).unwrap();
        let evaluated = fitted.apply_for_evaluation(set.cases.clone(), SEED, Part::Train).unwrap();
        on_each(|device| {
            for train in [set.cases.clone(), split(1), split(CASES / 2)] {
                let cases = train.len();
                let whole =
                    ResidentData::prepare(device, train.clone(), &fitted, SEED, Part::Train);
                let treated = fitted.apply(train.clone(), SEED, Part::Train).unwrap();
                let resample = (binarize == Binarize::Resample).then_some(SEED);
                let treatment = Treatment { standardize: None, resample };
                let shards = ResidentData::with_shards_below(device, &treated, treatment, 5 * 72);
                for mut data in [whole.unwrap(), shards.unwrap()] {
                    let expected = |case: usize, column, epoch| match binarize {
                        Binarize::Sample => evaluated.row(case)[column],
                        _ => {
                            let word = epoch_draw(SEED, epoch).word(case as u32, column as u32);
                            bernoulli(word, p[case * WIDTH + column])
                        }
                    };
                    let head = data.head(cases).unwrap().to_vec().unwrap();
                    let head = head.chunks(WIDTH).map(|row| (0, row.to_vec()));
                    let batches =
                        [1, 2].map(|e| epoch(&mut data, 5, e, 10).into_iter().map(move |r| (e, r)));
                    let all: Vec<(u64, Vec<f32>)> =
                        head.chain(batches.into_iter().flatten()).collect();
                    assert_eq!(all.len(), 3 * cases);
                    for (number_of_epoch, row) in all {
                        let case = number(&row);
                        for (column, x) in row.iter().enumerate() {
                            let wanted = expected(case, column, number_of_epoch);
                            assert_eq!(
                                *x, wanted,
                                "{binarize}, epoch {number_of_epoch}, case {case}"
                            );
                        }
                    }
                }
            }
        });
    }
}

#[test]
fn a_case_larger_than_a_binding_is_refused() {
    on_each(|device| {
        let cases = Cases::new(forms()[2].0.clone(), CASES, WIDTH).unwrap();
        let refused = ResidentData::with_shards_below(device, &cases, Treatment::default(), 279);
        let message = refused.err().unwrap().to_string();
        assert!(message.contains("280") && message.contains("279"), "{message}");
        assert!(Tensor::zeros(device, &[1]).is_ok());
    });
}

#[test]
fn case_dims_whose_product_wraps_around_to_the_width_are_refused() {
    let data = || resident(&Device::cpu(), forms()[0].0.clone(), 1 << 20);
    assert!(data().with_case_dims(&[7, 10]).is_ok());
    // 2·(2⁶³ + 35) is 70 and a carry.
    for dims in [&[(1 << 63) + 35, 2][..], &[2, (1 << 62) + 35, 2], &[1, 7, 10, 1], &[0], &[71]] {
        let refused = data().with_case_dims(dims).err().unwrap().to_string();
        assert!(refused.contains("cases of 70 values"), "{refused}");
    }
}

#[test]
fn a_standardisation_that_standardises_nothing_is_refused() {
    let refused = |mean: f32, deviation: f32, width: usize| {
        let standardize = Some((vec![mean; width], vec![deviation; width]));
        let cases = Cases::new(Values::F32(vec![0.5; 6]), 3, 2).unwrap();
        let treatment = Treatment { standardize, resample: None };
        ResidentData::new(&Device::cpu(), &cases, treatment).err().map(|e| e.to_string())
    };
    assert_eq!(refused(0.0, 1.0, 2), None);
    for (mean, deviation) in [(0.0, 0.0), (0.0, f32::NAN), (0.0, f32::INFINITY), (f32::NAN, 1.0)] {
        let said = refused(mean, deviation, 2).unwrap();
        assert!(said.contains(&format!("mean {mean} and the deviation {deviation}")), "{said}");
    }
    assert!(refused(0.0, 1.0, 5).unwrap().contains("5 means and 5 deviations for 2 columns"));
}
