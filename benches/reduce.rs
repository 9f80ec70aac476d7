//! Sums of a million elements; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::kernels::reduce::{Axis, Reduction, reduce};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let x = support::random(&device, &[1024, 1024], 1);
        for axis in [Axis::Rows, Axis::Columns, Axis::All] {
            support::bench(c, &device, ("reduce", &format!("sum {axis:?}")), 1 << 20, || {
                reduce(Reduction::Sum, axis, 1.0, &x).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
