use harmonium::kernels::proof::Values;
use harmonium::kernels::settle::proof::case;
use harmonium::kernels::settle::{Part, Progress, settle};
use harmonium::{Device, Tensor};

use super::losses::{assert_refused, everywhere, tensor};
use super::{LONG, assert_passed, on_gpus, on_gpus_in_slices, ones, stale};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for columns in [0, 1, 2, 17, 64, 97, 513, 5003] {
            for rows in [0, 1, 13, 65] {
                assert_passed(gpu, case(gpu, [rows, columns], Values::Ordinary));
            }
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, [131, 31], values));
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for dims in [[5, 37], [13, 784], [3, 0]] {
            assert_passed(gpu, case(gpu, dims, Values::Ordinary));
        }
    });
}

/// Rows for teams of 64: what changes stands in the last column alone.
#[test]
fn long_rows_are_whole() {
    on_gpus(|gpu| {
        let d = 64 * LONG;
        let mut last = vec![-77.0; d];
        last[d - 1] = -70.0;
        let next = Tensor::from_f32(gpu, &[1, d], &last).unwrap();
        let mut values = stale(gpu, &[1, d]);
        let mut progress = Progress::new(gpu, 1).unwrap();
        let part = |round| Part { round, first: true, tolerance: 0.5 };
        settle(&next, &mut values, &mut progress, part(0)).unwrap();
        settle(&ones(gpu, &[1, d]), &mut values, &mut progress, part(1)).unwrap();
        assert!(values.to_vec().unwrap().iter().all(|&x| x == 1.0), "{}", gpu.info());
        assert_eq!(progress.rounds().to_vec().unwrap(), [2.0]);
    });
}

/// By hand: three cases of two tensors. The first settles by both, the second changes in one tensor alone and goes on,
/// the third holds what is no number and never settles.
#[test]
fn a_case_goes_on_until_no_part_of_it_changes() {
    everywhere(|device| {
        let mut progress = Progress::new(device, 3).unwrap();
        let mut values = [0, 1].map(|_| tensor(device, &[3, 2], &[0.0; 6]));
        let rounds = [
            // Case 0 changes by 0.05 and 0.02, case 1 by 0.05 and 0.5, case 2 not at all but for a NaN.
            [[0.0, 0.05, -0.05, 0.0, 0.0, 0.0], [0.02, 0.0, 0.5, 0.0, 0.0, f32::NAN]],
            [[9.0, 9.0, -0.05, 0.0, 0.0, 0.0], [9.0, 9.0, 0.55, 0.0, 0.0, f32::NAN]],
            [[8.0, 8.0, 8.0, 8.0, 1.0, 1.0], [8.0, 8.0, 8.0, 8.0, 1.0, 1.0]],
        ];
        for (round, next) in rounds.iter().enumerate() {
            for (part, next) in next.iter().enumerate() {
                let next = tensor(device, &[3, 2], next);
                let part_of = Part { round: round as u64, first: part == 0, tolerance: 0.1 };
                let settled = settle(&next, &mut values[part], &mut progress, part_of).unwrap();
                // Known once all parts of a round are done.
                assert!(part == 0 || !settled);
            }
        }
        let [one, two] = values.map(|v| v.to_vec().unwrap());
        assert_eq!(one, [0.0, 0.05, -0.05, 0.0, 1.0, 1.0], "{}", device.info());
        assert_eq!(two, [0.02, 0.0, 0.55, 0.0, 1.0, 1.0], "{}", device.info());
        assert_eq!(progress.rounds().to_vec().unwrap(), [1.0, 2.0, 3.0]);
        // The first round of a new iteration knows nothing of this one.
        let next = tensor(device, &[3, 2], &[0.0; 6]);
        let again = Part { round: 0, first: true, tolerance: 0.1 };
        let mut values = tensor(device, &[3, 2], &[7.0; 6]);
        settle(&next, &mut values, &mut progress, again).unwrap();
        assert_eq!(progress.rounds().to_vec().unwrap(), [1.0; 3]);
        assert_eq!(values.to_vec().unwrap(), [0.0; 6]);
    });
}

/// The CPU tells once all have settled; a tolerance of 0 lets none settle.
#[test]
fn the_cpu_knows_when_all_have_settled() {
    let device = Device::cpu();
    for (tolerance, expected) in [(0.1, [false, true]), (0.0, [false, false])] {
        let mut progress = Progress::new(&device, 2).unwrap();
        let mut values = tensor(&device, &[2, 1], &[0.0, 1.0]);
        let next = tensor(&device, &[2, 1], &[0.0, 2.0]);
        for (round, expected) in expected.into_iter().enumerate() {
            let part = Part { round: round as u64, first: true, tolerance };
            assert_eq!(settle(&next, &mut values, &mut progress, part).unwrap(), expected);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let mut values = Tensor::zeros(&device, &[4, 3]).unwrap();
    let next = Tensor::zeros(&device, &[3, 4]).unwrap();
    let part = Part { round: 0, first: true, tolerance: 0.1 };
    let mut progress = Progress::new(&device, 4).unwrap();
    assert_refused(
        settle(&next, &mut values, &mut progress, part).map(drop),
        &["settle", "the next values is [3, 4], expected [4, 3]"],
    );
    let mut few = Progress::new(&device, 3).unwrap();
    let next = Tensor::zeros(&device, &[4, 3]).unwrap();
    assert_refused(
        settle(&next, &mut values, &mut few, part).map(drop),
        &["settle", "the rounds is [3], expected [4]"],
    );
}
