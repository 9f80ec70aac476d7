//! Pools of a batch of 128 with 6 channels of 28x28; elements are pixels of the input.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::evaluation::verify::pool2d::POOLS;
use harmonium::kernels::pool2d::{Pool, Pooling, pool2d};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let dims = [128, 6, 28, 28];
        let x = support::random(&device, &dims, 1);
        let count = dims.iter().product();
        for pool in POOLS {
            for (size, stride) in [([2, 2], [2, 2]), ([3, 3], [2, 2])] {
                let pooling = Pooling { stride, ..Pooling::new(pool, size) };
                let [oh, ow] = pooling.output_size("bench", [28, 28]).unwrap();
                let mut y = Tensor::for_output(&device, &[128, 6, oh, ow]).unwrap();
                let mut indices = Tensor::for_indices(&device, &[128, 6, oh, ow]).unwrap();
                let name = format!("{pool:?} {}x{}", size[0], size[1]);
                support::bench(c, &device, ("pool2d", &name), count, || {
                    let indices = (pool == Pool::Maximum).then_some(&mut indices);
                    pool2d(&x, &pooling, &mut y, indices).unwrap();
                });
            }
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
