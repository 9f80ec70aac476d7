//! Against the CPU here; against enumeration in `chain.rs`.

use harmonium::kernels::proof::Values;
use harmonium::kernels::viterbi::proof::case;

use super::{assert_passed, on_gpus, on_gpus_in_slices};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for sizes in
            [[0, 3, 2], [2, 0, 2], [1, 1, 1], [7, 13, 26], [2, 5, 64], [2, 5, 65], [1, 3, 511]]
        {
            for values in [Values::Ordinary, Values::Wide] {
                assert_passed(gpu, case(gpu, sizes, values));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        assert_passed(gpu, case(gpu, [5, 11, 7], Values::Ordinary));
        assert_passed(gpu, case(gpu, [2, 4, 67], Values::Wide));
    });
}
