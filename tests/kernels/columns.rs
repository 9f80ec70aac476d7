use harmonium::kernels::columns::proof::case;
use harmonium::kernels::columns::{Span, columns};
use harmonium::kernels::proof::Values;
use harmonium::{Device, Tensor};

use super::{SIZES, assert_passed, on_gpus};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for count in SIZES {
            let span = Span { from: 2, to: 5, count };
            assert_passed(gpu, case(gpu, 7, [count + 3, count + 5], span, Values::Wide));
        }
        for values in Values::ALL {
            let span = Span { from: 11, to: 1, count: 97 };
            assert_passed(gpu, case(gpu, 65, [130, 99], span, values));
        }
        let span = Span { from: 0, to: 0, count: 4 };
        assert_passed(gpu, case(gpu, 0, [4, 4], span, Values::Ordinary));
    });
}

/// Against indexing, on every device: joined, parted, and the columns beside stay.
#[test]
fn what_is_joined_is_parted_again() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let (rows, n, k) = (5, 7, 3);
        let of = |width: usize, plus: f32| {
            let x: Vec<f32> = (0..rows * width).map(|i| i as f32 + plus).collect();
            (Tensor::from_f32(device, &[rows, width], &x).unwrap(), x)
        };
        let ((left, l), (right, r)) = (of(n, 0.5), of(k, -99.0));
        let mut both = Tensor::zeros(device, &[rows, n + k]).unwrap();
        columns(&left, Span { from: 0, to: 0, count: n }, &mut both).unwrap();
        columns(&right, Span { from: 0, to: n, count: k }, &mut both).unwrap();
        let expected: Vec<f32> =
            l.chunks(n).zip(r.chunks(k)).flat_map(|(l, r)| l.iter().chain(r).copied()).collect();
        assert_eq!(both.to_vec().unwrap(), expected, "{}", device.info());
        let mut back = Tensor::zeros(device, &[rows, k]).unwrap();
        columns(&both, Span { from: n, to: 0, count: k }, &mut back).unwrap();
        assert_eq!(back.to_vec().unwrap(), r);
    }
}

#[test]
fn columns_that_are_not_there_are_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[2, 3]).unwrap();
    let mut y = Tensor::zeros(&device, &[2, 4]).unwrap();
    for span in [
        Span { from: 1, to: 0, count: 3 },
        Span { from: 0, to: 2, count: 3 },
        Span { from: usize::MAX, to: 0, count: 2 },
    ] {
        let error = columns(&x, span, &mut y).unwrap_err().to_string();
        assert!(error.contains("do not fit"), "{error}");
    }
    let mut short = Tensor::zeros(&device, &[1, 4]).unwrap();
    assert!(columns(&x, Span { from: 0, to: 0, count: 1 }, &mut short).is_err());
}
