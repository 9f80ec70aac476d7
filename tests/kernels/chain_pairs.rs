//! Against the CPU here; against enumeration in `chain.rs`.

use harmonium::kernels::chain_pairs::proof::case;
use harmonium::kernels::proof::Values;

use super::chain::{forms, seams};
use super::{assert_passed, on_gpus, on_gpus_in_slices};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for form in forms() {
            for how in [true, false] {
                assert_passed(gpu, case(gpu, form, how, Values::Ordinary));
                assert_passed(gpu, case(gpu, form, how, Values::NonFinite));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for how in [true, false] {
            for [small, wide] in seams() {
                assert_passed(gpu, case(gpu, small, how, Values::Ordinary));
                assert_passed(gpu, case(gpu, wide, how, Values::NonFinite));
            }
        }
    });
}
