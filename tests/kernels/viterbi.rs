//! Against the CPU here; against enumeration in `chain.rs`.

use harmonium::kernels::proof::Values;
use harmonium::kernels::viterbi::proof::case;

use super::chain::{forms, seams};
use super::{assert_passed, on_gpus, on_gpus_in_slices};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for form in forms() {
            for values in [Values::Ordinary, Values::Wide] {
                assert_passed(gpu, case(gpu, form, values));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for [small, wide] in seams() {
            assert_passed(gpu, case(gpu, small, Values::Ordinary));
            assert_passed(gpu, case(gpu, wide, Values::Wide));
        }
    });
}
