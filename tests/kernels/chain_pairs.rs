//! Against the CPU here; against enumeration in `chain.rs`.

use harmonium::kernels::chain_pairs::proof::case;
use harmonium::kernels::proof::Values;

use super::{assert_passed, on_gpus, on_gpus_in_slices};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for sizes in
            [[0, 3, 2], [2, 0, 2], [1, 1, 1], [7, 13, 26], [2, 5, 64], [2, 5, 65], [1, 3, 511]]
        {
            for form in [true, false] {
                assert_passed(gpu, case(gpu, sizes, form, Values::Ordinary));
                assert_passed(gpu, case(gpu, sizes, form, Values::NonFinite));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for form in [true, false] {
            assert_passed(gpu, case(gpu, [5, 11, 7], form, Values::Ordinary));
            assert_passed(gpu, case(gpu, [2, 4, 67], form, Values::NonFinite));
        }
    });
}
