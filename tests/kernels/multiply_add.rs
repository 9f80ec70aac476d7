use harmonium::kernels::multiply_add::proof::case;
use harmonium::kernels::multiply_add::{MultiplyAdd, multiply_add};
use harmonium::kernels::proof::Values;
use harmonium::{Device, Tensor};

use super::{assert_close, assert_passed, on_gpus, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for count in [0, 1, 2, 3, 4, 5, 63, 257, 4097] {
            for times in [0, 1, 2, 100] {
                assert_passed(gpu, case(gpu, [count, times], 0.9, Values::Ordinary));
                assert_passed(gpu, case(gpu, [count, times], -0.5, Values::Wide));
            }
        }
        assert_passed(gpu, case(gpu, [70_001, 3], 0.99, Values::Ordinary));
        assert_passed(gpu, case(gpu, [9, 1 << 14], 0.9999, Values::Ordinary));
    });
}

/// aⁿx + b(1 − aⁿ)/(1 − a), within the roundings of as many rounds as matter. Lengths with and without a rest behind whole
/// vectors and whole blocks of them.
#[test]
fn the_cpu_agrees_with_the_closed_form() {
    for (count, times) in [(1, 1), (7, 3), (16, 40), (197, 500), (9000, 11)] {
        let x = ordinary(3, count);
        let (factor, summand) = (0.875f32, -0.25f32);
        let mut found = Tensor::from_f32(&Device::cpu(), &[count], &x).unwrap();
        multiply_add(MultiplyAdd { factor, summand, times }, &mut found).unwrap();
        let power = f64::from(factor).powi(times as i32);
        for (x, found) in x.iter().zip(found.to_vec().unwrap()) {
            let expected = power * f64::from(*x) + f64::from(summand) * (1.0 - power) / 0.125;
            assert_close(found, expected, 8.0 * 2.0 * 6e-8 * (f64::from(x.abs()) + 2.0));
        }
    }
}

#[test]
fn too_many_rounds_are_refused() {
    let mut x = Tensor::from_f32(&Device::cpu(), &[1], &[1.0]).unwrap();
    let what = MultiplyAdd { factor: 1.0, summand: 1.0, times: MultiplyAdd::MOST + 1 };
    let words = multiply_add(what, &mut x).unwrap_err().to_string();
    assert!(words.contains("16385 times, at most 16384"), "{words}");
}
