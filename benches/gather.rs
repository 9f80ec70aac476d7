//! Minibatches of 100 cases of 784 values; elements are values.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::kernels::gather::{Selection, Transform, gather};
use harmonium::random::{Draw, PhiloxRng, stream};
use harmonium::{Device, Tensor};

fn benches(c: &mut Criterion) {
    let (cases, columns, rows) = (10_000, 784, 100);
    let order = PhiloxRng::new(Draw::new(1, stream::SHUFFLE)).permutation(cases as u32);
    let bytes: Vec<u8> = (0..cases * columns).map(|i| (i * 7919 % 251) as u8 + 1).collect();
    for device in support::devices() {
        let indices = Tensor::from_u32(&device, &[cases], &order).unwrap();
        let mut out = Tensor::for_output(&device, &[rows, columns]).unwrap();
        let dims = [cases, columns];
        type Upload = fn(&Device, [usize; 2], &[u8]) -> harmonium::Result<Tensor>;
        for (name, upload) in
            [("u8", Tensor::from_u8 as Upload), ("bits", Tensor::from_bits as Upload)]
        {
            let source = upload(&device, dims, &bytes).unwrap();
            support::bench(c, &device, ("gather", name), rows * columns, || {
                let pick = Selection { indices: &indices, first_index: 300, rows, first_row: 0 };
                gather(&source, pick, &Transform::default(), &mut out).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
