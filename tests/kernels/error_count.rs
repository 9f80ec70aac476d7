use harmonium::Device;
use harmonium::kernels::Place;
use harmonium::kernels::argmax::Extreme;
use harmonium::kernels::argmax::proof::EXTREMES;
use harmonium::kernels::error_count::error_count;
use harmonium::kernels::error_count::proof::case;
use harmonium::kernels::proof::Values;
use harmonium::kernels::reduce::{Axis, Reduction, reduce};
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, choices_in_slices, everywhere, tensor};
use super::{LONG, assert_passed, on_gpus};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for extreme in EXTREMES {
            for columns in [0, 1, 2, 10, 1000, 20_011] {
                for rows in [0, 1, 29] {
                    assert_passed(gpu, case(gpu, [rows, columns], extreme, Values::Wide));
                }
            }
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, [131, 31], extreme, values));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    choices_in_slices(case);
}

/// Rows for teams of 64.
#[test]
fn long_rows_are_seen_to_their_end() {
    on_gpus(|gpu| {
        let d = 64 * LONG;
        let mut row = vec![1.0; d];
        row[d - 1] = 2.0;
        let x = tensor(gpu, &[1, d], &row);
        for (class, expected) in [(d - 1, 0.0), (0, 1.0)] {
            let (classes, mut wrong) =
                (tensor(gpu, &[1], &[class as f32]), tensor(gpu, &[1], &[7.0]));
            error_count(&x, &classes, Extreme::Largest, Place::at(&mut wrong, 0)).unwrap();
            assert_eq!(wrong.to_vec().unwrap(), [expected], "{}", gpu.info());
        }
    });
}

#[test]
fn an_epoch_of_batches_gathers_in_one_tensor() {
    everywhere(|device| {
        let mut wrong = tensor(device, &[7], &[0.0; 7]);
        // The largest: 1 0 2 | the smallest: 0 1 1.
        let x = tensor(device, &[3, 3], &[1., 3., 2., 5., 4., 4., 7., 6., 9.]);
        let classes = tensor(device, &[3], &[1.0, 0.0, 1.0]);
        error_count(&x, &classes, Extreme::Largest, Place::at(&mut wrong, 0)).unwrap();
        error_count(&x, &classes, Extreme::Smallest, Place::at(&mut wrong, 3)).unwrap();
        assert_eq!(wrong.to_vec().unwrap(), [0., 0., 1., 1., 1., 0., 0.], "{}", device.info());
        let errors = reduce(Reduction::Sum, Axis::All, 1.0, &wrong).unwrap();
        assert_eq!(errors.to_vec().unwrap(), [3.0]);
    });
}

#[test]
fn nan_and_classes_that_are_none_are_wrong() {
    const NAN: f32 = f32::NAN;
    everywhere(|device| {
        let x = tensor(device, &[6, 2], &[NAN, 1., NAN, 1., 1., 0., 1., 0., 0., 1., 1., 0.]);
        // 2 is what a row with NaN chooses; it is no class all the same.
        let classes = tensor(device, &[6], &[0.0, 2.0, NAN, -1.0, 0.5, -0.0]);
        let mut wrong = tensor(device, &[6], &[9.0; 6]);
        error_count(&x, &classes, Extreme::Largest, Place::at(&mut wrong, 0)).unwrap();
        assert_eq!(wrong.to_vec().unwrap(), [1., 1., 1., 1., 1., 0.], "{}", device.info());
        let empty = tensor(device, &[6, 0], &[]);
        error_count(&empty, &classes, Extreme::Largest, Place::at(&mut wrong, 0)).unwrap();
        assert_eq!(wrong.to_vec().unwrap(), [1.0; 6], "{}", device.info());
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[4, 3]).unwrap();
    let classes = Tensor::zeros(&device, &[4]).unwrap();
    let mut wrong = Tensor::zeros(&device, &[5]).unwrap();
    assert_refused(
        error_count(&x, &classes, Extreme::Largest, Place::at(&mut wrong, 2)),
        &["error_count", "wrong is [5]", "4 cases from element 2"],
    );
    assert_refused(
        error_count(&x, &x, Extreme::Largest, Place::at(&mut wrong, 0)),
        &["the classes is [4, 3], expected [4]"],
    );
}
