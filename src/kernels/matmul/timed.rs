//! The cases that are timed.

use super::*;
use crate::kernels::proof::Bench;

/// The products of a Boltzmann machine and a square one; elements are FLOP.
pub(super) fn bench(b: &mut Bench<'_>) -> Result<()> {
    for (name, [m, n, k], t) in [
        ("512x512x512 NN", [512, 512, 512], Transpose::NN),
        ("1024x1024x1024 NN", [1024, 1024, 1024], Transpose::NN),
        ("100x500x784 NN", [100, 500, 784], Transpose::NN),
        ("100x784x500 NT", [100, 784, 500], Transpose::NT),
        ("784x500x100 TN", [784, 500, 100], Transpose::TN),
        // Only this one fills a large GPU.
        ("4096x4096x4096 NN", [4096, 4096, 4096], Transpose::NN),
    ] {
        let x = b.random(&if t.a { [k, m] } else { [m, k] }, 1)?;
        let y = b.random(&if t.b { [n, k] } else { [k, n] }, 2)?;
        let mut out = b.output(&[m, n])?;
        b.case(name, 2 * m * n * k, || matmul(&x, &y, t, &Epilogue::default(), &mut out))?;
    }
    let (v, w, bias) = (b.random(&[100, 784], 1)?, b.random(&[784, 500], 2)?, b.random(&[500], 3)?);
    let (draw, mut h) = (Draw::new(1, 1), b.output(&[100, 500])?);
    b.case("100x500x784 sample h from v", 2 * 100 * 500 * 784, || {
        let epilogue = Epilogue::new(&bias, Activation::Sigmoid);
        let sampled = Sampled::new(Noise::Bernoulli, &draw, &mut h);
        matmul_sample(&v, &w, Transpose::NN, &epilogue, sampled)
    })
}
