use harmonium::kernels::gather::proof::{case, forms};
use harmonium::kernels::gather::{Binarization, Selection, Transform, gather};
use harmonium::random::{Draw, stream, uniform};
use harmonium::tensor::{Element, Tensor};
use harmonium::{Device, Error};

use super::{SIZES, assert_passed, on_gpus, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for form in forms() {
            for columns in SIZES {
                assert_passed(gpu, case(gpu, form, [11, columns], 17));
            }
            assert_passed(gpu, case(gpu, form, [11, 33], 0));
            assert_passed(gpu, case(gpu, form, [11, 33], 1));
        }
    });
}

/// Cases 2, 0 and 2 of three into rows 1 to 3 of five.
fn gathered(source: &Tensor, transform: &Transform<'_>) -> Vec<f32> {
    let device = source.device();
    let columns = source.shape().dims()[1];
    let indices = Tensor::from_u32(device, &[5], &[1, 2, 0, 2, 1]).unwrap();
    let mut out = Tensor::from_f32(device, &[5, columns], &vec![-9.0; 5 * columns]).unwrap();
    let pick = Selection { indices: &indices, first_index: 1, rows: 3, first_row: 1 };
    gather(source, pick, transform, &mut out).unwrap();
    out.to_vec().unwrap()
}

#[test]
fn by_hand_on_every_device() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for columns in [1, 5, 37, 66] {
            let bytes: Vec<u8> = (0..3 * columns).map(|i| (i * 89 % 256) as u8).collect();
            let floats: Vec<f32> = ordinary(1, 3 * columns);
            let mean = ordinary(2, columns);
            let inverse = vec![0.5; columns];
            let mean_t = Tensor::from_f32(device, &[columns], &mean).unwrap();
            let inverse_t = Tensor::from_f32(device, &[columns], &inverse).unwrap();
            let dims = [3, columns];
            let sources = [
                (Tensor::from_u8(device, dims, &bytes).unwrap(), 0),
                (Tensor::from_bits(device, dims, &bytes).unwrap(), 1),
                (Tensor::from_f32(device, &dims, &floats).unwrap(), 2),
            ];
            for (source, kind) in &sources {
                let stored = |at: usize| match kind {
                    0 => f32::from(bytes[at]),
                    1 => f32::from(u8::from(bytes[at] != 0)),
                    _ => floats[at],
                };
                for standardize in [false, true] {
                    let transform = Transform {
                        scale: 0.25,
                        standardize: standardize.then_some((&mean_t, &inverse_t)),
                        ..Transform::default()
                    };
                    let out = gathered(source, &transform);
                    for (at, x) in out.iter().enumerate() {
                        let (row, column) = (at / columns, at % columns);
                        let case = match row {
                            1 | 3 => 2,
                            2 => 0,
                            _ => {
                                assert_eq!(*x, -9.0, "row {row} is not of the batch");
                                continue;
                            }
                        };
                        let mut expected = 0.25 * stored(case * columns + column);
                        if standardize {
                            expected = (expected - mean[column]) * 0.5;
                        }
                        assert!((x - expected).abs() <= 1e-5, "{:?}: {x}", source);
                    }
                }
            }
        }
    }
}

#[test]
fn a_threshold_is_reached_by_what_equals_it() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        let source =
            Tensor::from_f32(device, &[3, 2], &[0.5, 0.49, f32::NAN, 0.51, 0.0, 1.0]).unwrap();
        let transform =
            Transform { binarize: Binarization::Threshold(0.5), ..Transform::default() };
        let out = gathered(&source, &transform);
        assert_eq!(out[2..8], [0.0, 1.0, 1.0, 0.0, 0.0, 1.0], "{}", device.info());
    }
}

#[test]
fn sampled_binarisation_depends_on_the_number_and_not_on_the_order() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        let (cases, columns) = (19, 23);
        let bytes: Vec<u8> = (0..cases * columns).map(|i| (i * 37 % 256) as u8).collect();
        let source = Tensor::from_u8(device, [cases, columns], &bytes).unwrap();
        let draw = Draw::new(11, stream::BINARIZE).at(2).from_case(500);
        let order: Vec<u32> = (0..cases as u32).map(|i| (i * 7 + 3) % cases as u32).collect();
        let indices = Tensor::from_u32(device, &[cases], &order).unwrap();
        let own: Vec<u32> = (0..cases as u32).map(|i| i * i + 40).collect();
        let own_t = Tensor::from_u32(device, &[cases], &own).unwrap();
        let mut out = Tensor::zeros(device, &[cases, columns]).unwrap();
        for numbers in [None, Some(&own_t)] {
            let transform = Transform {
                scale: 1.0 / 255.0,
                binarize: Binarization::Sample(draw),
                numbers,
                ..Transform::default()
            };
            let pick = Selection { indices: &indices, first_index: 0, rows: cases, first_row: 0 };
            gather(&source, pick, &transform, &mut out).unwrap();
            for (i, row) in out.to_vec().unwrap().chunks(columns).enumerate() {
                let case = order[i];
                let number = if numbers.is_some() { own[case as usize] } else { case };
                for (column, x) in row.iter().enumerate() {
                    let p = f32::from(bytes[case as usize * columns + column]) * (1.0 / 255.0);
                    let u = uniform(draw.word(number, column as u32));
                    assert_eq!(*x, f32::from(u8::from(u < p)), "{}", device.info());
                }
            }
        }
        let few = Tensor::from_u32(device, &[3], &[1, 2, 3]).unwrap();
        let transform = Transform { numbers: Some(&few), ..Transform::default() };
        let pick = Selection { indices: &indices, first_index: 0, rows: cases, first_row: 0 };
        let error = gather(&source, pick, &transform, &mut out).unwrap_err();
        assert!(error.to_string().contains("3 numbers for 19 cases"), "{error}");
    }
}

#[test]
fn wrong_calls_are_refused() {
    let device = Device::cpu();
    let source = Tensor::from_u8(&device, [3, 4], &[1; 12]).unwrap();
    let indices = Tensor::from_u32(&device, &[2], &[0, 1]).unwrap();
    let mut out = Tensor::zeros(&device, &[2, 4]).unwrap();
    let mut call = |first_index, rows, first_row| {
        let pick = Selection { indices: &indices, first_index, rows, first_row };
        gather(&source, pick, &Transform::default(), &mut out)
    };
    call(0, 2, 0).unwrap();
    for (first_index, rows, first_row) in
        [(1, 2, 0), (0, 2, 1), (0, 3, 0), (usize::MAX, 2, 0), (0, 2, usize::MAX)]
    {
        let error = call(first_index, rows, first_row).unwrap_err();
        assert!(matches!(error, Error::Shape { op: "gather", .. }), "{error}");
    }
    assert_eq!(source.element(), Element::U8);
}
