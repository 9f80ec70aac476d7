//! The matrix products of a Boltzmann machine and a square one; elements are FLOP.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::activation::Activation;
use harmonium::kernels::matmul::{Epilogue, Noise, Transpose, matmul, matmul_sample};
use harmonium::random::Draw;

fn benches(c: &mut Criterion) {
    let cases = [
        ("512x512x512 NN", [512, 512, 512], Transpose::NN),
        ("100x500x784 NN", [100, 500, 784], Transpose::NN),
        ("100x784x500 NT", [100, 784, 500], Transpose::NT),
        ("784x500x100 TN", [784, 500, 100], Transpose::TN),
    ];
    for device in support::devices() {
        for (name, [m, n, k], t) in cases {
            let a = support::random(&device, &if t.a { [k, m] } else { [m, k] }, 1);
            let b = support::random(&device, &if t.b { [n, k] } else { [k, n] }, 2);
            let mut out = Tensor::for_output(&device, &[m, n]).unwrap();
            support::bench(c, &device, ("matmul", name), 2 * m * n * k, || {
                matmul(&a, &b, t, &Epilogue::default(), &mut out).unwrap();
            });
        }
        let v = support::random(&device, &[100, 784], 1);
        let w = support::random(&device, &[784, 500], 2);
        let bias = support::random(&device, &[500], 3);
        let mut h = Tensor::for_output(&device, &[100, 500]).unwrap();
        let work = 2 * 100 * 500 * 784;
        support::bench(c, &device, ("matmul", "100x500x784 sample h from v"), work, || {
            let epilogue = Epilogue::new(&bias, Activation::Sigmoid);
            let noise = (Noise::Bernoulli, &Draw::new(1, 1));
            matmul_sample(&v, &w, Transpose::NN, &epilogue, noise, None, &mut h).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
