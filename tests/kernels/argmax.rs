use harmonium::Device;
use harmonium::kernels::Place;
use harmonium::kernels::argmax::proof::{EXTREMES, case};
use harmonium::kernels::argmax::{Extreme, argmax};
use harmonium::kernels::proof::Values;
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, choices_in_slices, everywhere, tensor};
use super::{LONG, assert_passed, on_gpus};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for extreme in EXTREMES {
            for columns in [0, 1, 2, 10, 97, 513, 1000, 5003, 20_011] {
                for rows in [0, 1, 13] {
                    assert_passed(gpu, case(gpu, [rows, columns], extreme, Values::Wide));
                }
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, [131, 31], extreme, values));
                assert_passed(gpu, case(gpu, [13, 1021], extreme, values));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    choices_in_slices(case);
}

/// Rows for teams of 64, the choice in the first, a middle and the last slice, and a NaN in each.
#[test]
fn long_rows_are_seen_to_their_end() {
    on_gpus(|gpu| {
        let d = 64 * LONG;
        for at in [0, d / 2, d - 1] {
            for (value, column) in [(-1.0, at), (f32::NAN, d)] {
                let mut row = vec![1.0; d];
                row[at] = value;
                let mut chosen = Tensor::from_u32(gpu, &[1], &[77]).unwrap();
                let x = tensor(gpu, &[1, d], &row);
                argmax(&x, Extreme::Smallest, Place::at(&mut chosen, 0)).unwrap();
                assert_eq!(chosen.to_words().unwrap(), [column as u32], "{}", gpu.info());
            }
        }
    });
}

#[test]
fn the_first_of_equal_ones_is_chosen_and_nan_chooses_none() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    let tiny = f32::from_bits(1);
    // Row, column of the largest, of the smallest.
    let rows = [
        ([1.0, 3.0, 3.0, 1.0], 1, 0),
        ([-3.0, -1.0, -1.0, -3.0], 1, 0),
        ([0.0, -0.0, 0.0, -0.0], 0, 0),
        ([-0.0, 0.0, -1.0, 0.0], 0, 2),
        ([-INF, INF, INF, -INF], 1, 0),
        ([-INF, -INF, -INF, -INF], 0, 0),
        ([0.0, tiny, -tiny, tiny], 1, 2),
        ([NAN, 3.0, 3.0, 1.0], 4, 4),
        ([1.0, 3.0, 3.0, -NAN], 4, 4),
        ([INF, NAN, -INF, 1.0], 4, 4),
        ([4.0, 3.0, 2.0, 1.0], 0, 3),
    ];
    everywhere(|device| {
        let n = rows.len();
        let x = tensor(device, &[n, 4], &rows.iter().flat_map(|r| r.0).collect::<Vec<_>>());
        for extreme in EXTREMES {
            let mut chosen = Tensor::from_u32(device, &[n + 3], &vec![99; n + 3]).unwrap();
            argmax(&x, extreme, Place::at(&mut chosen, 2)).unwrap();
            let mut expected = vec![99, 99];
            expected
                .extend(rows.iter().map(|r| if extreme == Extreme::Largest { r.1 } else { r.2 }));
            expected.push(99);
            assert_eq!(chosen.to_words().unwrap(), expected, "{extreme:?} on {}", device.info());
        }
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[4, 3]).unwrap();
    let mut floats = Tensor::zeros(&device, &[4]).unwrap();
    assert_refused(
        argmax(&x, Extreme::Largest, Place::at(&mut floats, 0)),
        &["argmax", "chosen has F32 elements, expected U32"],
    );
    let mut chosen = Tensor::for_indices(&device, &[4]).unwrap();
    assert_refused(
        argmax(&x, Extreme::Largest, Place::at(&mut chosen, 1)),
        &["chosen is [4]", "4 cases from element 1"],
    );
}
