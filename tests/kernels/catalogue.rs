//! What every kernel of the catalogue owes beside its verification.

use harmonium::error::Result;
use harmonium::kernels::catalogue;
use harmonium::kernels::proof::Bench;
use harmonium::{Device, Tensor};

/// Runs each case of each kernel's bench once; the kernels, and the operations that a profile books: on the kernel, if it
/// is one of its own there, and on all.
fn booked(device: &Device) -> Vec<(&'static str, Option<u64>, u64)> {
    let one = |entry: &&harmonium::kernels::Entry| {
        let mut cases = 0;
        device.start_profile().unwrap();
        let mut once = |case: &str, work: usize, call: &mut dyn FnMut() -> Result<()>| {
            assert!(work > 0, "{} {case}", entry.name);
            cases += 1;
            // A software adapter would take most of a minute for the largest product.
            if work >= Bench::HUGE { Ok(()) } else { call() }
        };
        (entry.bench)(&mut Bench::new(device, &mut once)).unwrap();
        assert!(cases > 0, "{} has nothing to measure", entry.name);
        let rows = device.profile().unwrap();
        let row = rows.iter().find(|row| row.kernel == entry.name);
        (entry.name, row.map(|row| row.flops), rows.iter().map(|row| row.flops).sum())
    };
    catalogue().iter().map(one).collect()
}

/// A kernel of several passes books the work of each: together hardly more than the CPU's one pass.
#[test]
fn every_bench_case_runs_and_books_its_work_once() {
    let expected = booked(&Device::cpu());
    for gpu in crate::support::own_gpus() {
        for ((kernel, found, total), (_, own, all)) in booked(&gpu).into_iter().zip(&expected) {
            let found = found.unwrap_or_else(|| panic!("nothing is booked on {kernel}"));
            // The CPU takes Gibbs steps by products.
            let (found, expected) = match own {
                Some(own) => (found, own),
                None => (total, all),
            };
            assert!(own.is_some() || kernel == "gibbs_steps", "nothing is booked on {kernel}");
            let ratio = found as f64 / *expected as f64;
            assert!((1.0..1.05).contains(&ratio), "{kernel}: {ratio} on {}", gpu.info());
        }
    }
}

/// By hand: sums of 10,000 rows are made of 3 chunks a column and then of those 3.
#[test]
fn a_reduction_in_two_passes_books_both() {
    use harmonium::kernels::reduce::{Axis, Reduction, reduce};
    for gpu in crate::support::own_gpus() {
        let x = Tensor::from_f32(&gpu, &[10_000, 2], &vec![1.0; 20_000]).unwrap();
        gpu.start_profile().unwrap();
        let sums = reduce(Reduction::Sum, Axis::Columns, 1.0, &x).unwrap();
        assert_eq!(sums.to_vec().unwrap(), [10_000.0; 2]);
        let rows = gpu.profile().unwrap();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.calls, row.flops, row.bytes), (2, 20_006, 4 * (20_006 + 6 + 2)));
    }
}
