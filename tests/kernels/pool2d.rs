use std::ops::Range;

use harmonium::kernels::pool2d::proof::{POOLS, case, forms};
use harmonium::kernels::pool2d::{Pool, Pooled, Pooling, pool2d};
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::{Device, Tensor};

use super::{assert_close, assert_passed, on_gpus, on_gpus_in_slices, ordinary};

/// The windows of one axis by definition: the real values that each covers, and how many values count
/// where padding does.
fn windows(size: usize, stride: usize, padding: usize, input: usize, ceil: bool) -> Vec<Window> {
    let (input, size, padding) = (input as i64, size as i64, padding as i64);
    let mut all = Vec::new();
    for start in (-padding..).step_by(stride) {
        let whole = start + size <= input + padding;
        let before = all.last().map_or(i64::MIN, |_: &Window| start - stride as i64 + size);
        let reaches = ceil && before < input + padding && start < input && !all.is_empty();
        if !whole && !reaches {
            return all;
        }
        let end = start + size;
        all.push(Window {
            real: start.max(0) as usize..end.min(input) as usize,
            padded: (end.min(input + padding) - start) as usize,
        });
    }
    all
}

struct Window {
    real: Range<usize>,
    padded: usize,
}

/// The windows of each output: the pixels as indices in the picture, and the divisor of an average.
pub(super) fn outputs(pooling: &Pooling, [h, w]: [usize; 2]) -> Vec<(Vec<usize>, f64)> {
    let axis = |k: usize, input| {
        windows(pooling.size[k], pooling.stride[k], pooling.padding[k], input, pooling.ceil)
    };
    let mut all = Vec::new();
    for rows in axis(0, h) {
        for columns in axis(1, w) {
            let pixels =
                rows.real.clone().flat_map(|i| columns.real.clone().map(move |j| i * w + j));
            let pixels: Vec<usize> = pixels.collect();
            let count = match pooling.pool {
                Pool::Average { count_padding: true } => rows.padded * columns.padded,
                _ => pixels.len(),
            };
            all.push((pixels, count as f64));
        }
    }
    all
}

/// Every small pool that fits pictures of [h, w], with some more kinds of strides than windows.
pub(super) fn every_small_pool(pool: Pool, [h, w]: [usize; 2]) -> Vec<Pooling> {
    let mut all = Vec::new();
    for size in 1..=4 {
        for stride in 1..=4 {
            for padding in 0..=size / 2 {
                for ceil in [false, true] {
                    for other in [1, 2, 3] {
                        let pooling = Pooling {
                            pool,
                            size: [size, other],
                            stride: [stride, 1 + (stride + other) % 4],
                            padding: [padding, other / 2 * (padding % 2)],
                            ceil,
                        };
                        if pooling.output_size("test", [h, w]).is_ok() {
                            all.push(pooling);
                        }
                    }
                }
            }
        }
    }
    assert!(all.len() > 10);
    all
}

/// Pictures of sizes 0, 1, odd, prime and around the shader's workgroup.
pub(super) const PICTURES: [[usize; 4]; 9] = [
    [1, 1, 1, 1],
    [2, 3, 2, 2],
    [0, 3, 5, 5],
    [5, 0, 4, 4],
    [3, 5, 17, 13],
    [1, 1, 63, 65],
    [1, 1, 64, 128],
    [65, 1, 2, 3],
    [2, 6, 28, 28],
];

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for pool in POOLS {
            for form in forms(pool) {
                for dims in PICTURES {
                    if form.output_size("test", [dims[2], dims[3]]).is_ok() {
                        assert_passed(gpu, case(gpu, &form, dims, Values::Wide));
                    }
                }
                for values in Values::ALL {
                    assert_passed(gpu, case(gpu, &form, [3, 2, 9, 16], values));
                }
            }
            for pooling in every_small_pool(pool, [5, 6]).iter().step_by(5) {
                assert_passed(gpu, case(gpu, pooling, [2, 1, 5, 6], Values::Ordinary));
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for pool in POOLS {
            for form in forms(pool) {
                for values in Values::ALL {
                    assert_passed(gpu, case(gpu, &form, [3, 2, 9, 16], values));
                }
            }
            for pooling in every_small_pool(pool, [5, 6]).iter().step_by(11) {
                assert_passed(gpu, case(gpu, pooling, [2, 1, 5, 6], Values::Ordinary));
            }
        }
    });
}

/// 300 x 301 values, of which the last is the largest; in one row, 1 x 90,300; and padded.
#[test]
fn large_windows_are_seen_to_their_end() {
    on_gpus(|gpu| {
        for (size, padding) in
            [([300, 301], [0, 0]), ([1, 90_300], [0, 0]), ([600, 602], [150, 150])]
        {
            let [h, w] = [size[0] - 2 * padding[0], size[1] - 2 * padding[1]];
            let x: Vec<f32> = (0..h * w).map(|i| (i % 2) as f32).collect();
            for pool in POOLS {
                let pooling = Pooling { padding, ..Pooling::new(pool, size) };
                let mut x = x.clone();
                if pool == Pool::Maximum {
                    x[h * w - 1] = 2.0;
                }
                let (y, indices) = pooled(gpu, &pooling, [1, 1, h, w], &x).unwrap();
                let ones = (h * w / 2) as f64;
                match pool {
                    Pool::Maximum => {
                        assert_eq!((y, indices), (vec![2.0], vec![(h * w - 1) as u32]));
                    }
                    Pool::Average { count_padding: false } => {
                        assert_close(y[0], ones / (h * w) as f64, 1e-6);
                    }
                    Pool::Average { count_padding: true } => {
                        assert_close(y[0], ones / (size[0] * size[1]) as f64, 1e-6);
                    }
                }
            }
        }
    });
}

/// The result of a pool, and the indices of a maximum.
fn pooled(
    device: &Device,
    pooling: &Pooling,
    dims: [usize; 4],
    x: &[f32],
) -> harmonium::Result<(Vec<f32>, Vec<u32>)> {
    let [oh, ow] = pooling.output_size("test", [dims[2], dims[3]])?;
    let out = [dims[0], dims[1], oh, ow];
    let x = Tensor::from_f32(device, &dims, x)?;
    let mut y = super::stale(device, &out);
    let mut indices = Tensor::for_indices(device, &out)?;
    let maximum = pooling.pool == Pool::Maximum;
    pool2d(&x, pooling, Pooled { y: &mut y, indices: maximum.then_some(&mut indices) })?;
    let indices = if maximum { indices.to_words()? } else { Vec::new() };
    Ok((y.to_vec()?, indices))
}

#[test]
fn the_cpu_agrees_with_the_definition() {
    let device = Device::cpu();
    for pool in POOLS {
        for [h, w] in [[1, 1], [4, 4], [5, 6], [7, 5], [6, 9]] {
            for pooling in if h == 1 {
                vec![Pooling::new(pool, [1, 1])]
            } else {
                every_small_pool(pool, [h, w])
            } {
                let x = ordinary((h * w) as u64, 6 * h * w);
                let [oh, ow] = pooling.output_size("test", [h, w]).unwrap();
                let expected = outputs(&pooling, [h, w]);
                assert_eq!(expected.len(), oh * ow, "{pooling:?} on {h} x {w}");
                let t = Tensor::from_f32(&device, &[2, 3, h, w], &x).unwrap();
                let dims = [2, 3, oh, ow];
                let mut y = Tensor::for_output(&device, &dims).unwrap();
                let mut indices = Tensor::for_indices(&device, &dims).unwrap();
                let wanted = (pool == Pool::Maximum).then_some(&mut indices);
                pool2d(&t, &pooling, Pooled { y: &mut y, indices: wanted }).unwrap();
                let (y, indices) = (y.to_vec().unwrap(), indices.to_words().unwrap());
                for (plane, picture) in x.chunks(h * w).enumerate() {
                    for (o, (pixels, divisor)) in expected.iter().enumerate() {
                        let at = plane * oh * ow + o;
                        let values = || pixels.iter().map(|p| f64::from(picture[*p]));
                        assert!(!pixels.is_empty());
                        if pool == Pool::Maximum {
                            let largest = values().fold(f64::NEG_INFINITY, f64::max);
                            assert_eq!(f64::from(y[at]), largest, "{pooling:?}");
                            let first = pixels.iter().find(|p| f64::from(picture[**p]) == largest);
                            assert_eq!(indices[at] as usize, *first.unwrap(), "{pooling:?}");
                        } else {
                            let sum: f64 = values().sum();
                            let size: f64 = values().map(f64::abs).sum();
                            assert_close(y[at], sum / divisor, 6e-7 * size / divisor);
                        }
                    }
                }
            }
        }
    }
}

/// A maximum without its indices is computed by another loop.
#[test]
fn maxima_are_the_same_without_indices() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        for form in forms(Pool::Maximum) {
            let x = Inputs::new(5).values(Values::NonFinite, 12 * 11 * 15);
            let x = Tensor::from_f32(device, &[3, 4, 11, 15], &x).unwrap();
            let [oh, ow] = form.output_size("test", [11, 15]).unwrap();
            let dims = [3, 4, oh, ow];
            let mut indices = Tensor::for_indices(device, &dims).unwrap();
            let [mut y, mut alone] = [(); 2].map(|()| Tensor::for_output(device, &dims).unwrap());
            pool2d(&x, &form, Pooled::new(&mut y).with_indices(&mut indices)).unwrap();
            pool2d(&x, &form, Pooled::new(&mut alone)).unwrap();
            let bits = |t: &Tensor| t.to_words().unwrap();
            assert_eq!(bits(&y), bits(&alone), "{}", device.info());
        }
    }
}

#[test]
fn nan_wins_and_the_first_of_equal_values_is_named() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    let windows: [([f32; 4], f32, u32); 9] = [
        ([1.0, 1.0, 1.0, 1.0], 1.0, 0),
        ([0.0, 2.0, 2.0, 1.0], 2.0, 1),
        ([1.0, NAN, 3.0, 4.0], NAN, 1),
        ([INF, 2.0, 3.0, NAN], NAN, 3),
        ([NAN, NAN, INF, 1.0], NAN, 0),
        ([1.0, 2.0, NAN, NAN], NAN, 2),
        ([-INF, -INF, -INF, -INF], -INF, 0),
        ([-INF, -INF, -1e38, -INF], -1e38, 2),
        ([-3.0, -2.0, -4.0, -2.0], -2.0, 1),
    ];
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        // Padding and a window of three by three lead past the fast path; the pixels are the same.
        for padded in [false, true] {
            let x: Vec<f32> = windows.iter().flat_map(|w| w.0).collect();
            let x = Tensor::from_f32(device, &[3, 3, 2, 2], &x).unwrap();
            let mut pooling = Pooling::new(Pool::Maximum, [2, 2]);
            if padded {
                pooling = Pooling { size: [4, 4], stride: [4, 4], padding: [1, 1], ..pooling };
            }
            let mut y = Tensor::for_output(device, &[3, 3, 1, 1]).unwrap();
            let mut indices = Tensor::for_indices(device, &[3, 3, 1, 1]).unwrap();
            pool2d(&x, &pooling, Pooled::new(&mut y).with_indices(&mut indices)).unwrap();
            let found = y.to_vec().unwrap().into_iter().zip(indices.to_words().unwrap());
            for ((y, index), (window, largest, at)) in found.zip(windows) {
                assert!(
                    index == at && (y == largest || y.is_nan() && largest.is_nan()),
                    "{y} at {index} of {window:?} on {}",
                    device.info()
                );
            }
        }
    }
}

#[test]
fn padding_counts_or_not_but_never_what_lies_beyond() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let x = Tensor::from_f32(device, &[1, 1, 1, 4], &[12.0; 4]).unwrap();
        // Columns -1 … 1, 2 … 4 (one of padding) and none past it.
        for (count_padding, expected) in [(false, [12.0, 12.0]), (true, [8.0, 8.0])] {
            let pooling = Pooling {
                stride: [1, 3],
                padding: [0, 1],
                ..Pooling::new(Pool::Average { count_padding }, [1, 3])
            };
            let mut y = Tensor::for_output(device, &[1, 1, 1, 2]).unwrap();
            pool2d(&x, &pooling, Pooled::new(&mut y)).unwrap();
            assert_eq!(y.to_vec().unwrap(), expected, "{}", device.info());
        }
        // Rounded up, the last window holds one real value and two that are beyond all padding.
        for count_padding in [false, true] {
            let pool = Pool::Average { count_padding };
            let pooling = Pooling { ceil: true, ..Pooling::new(pool, [1, 3]) };
            let mut y = Tensor::for_output(device, &[1, 1, 1, 2]).unwrap();
            pool2d(&x, &pooling, Pooled::new(&mut y)).unwrap();
            assert_eq!(y.to_vec().unwrap(), [12.0, 12.0], "{}", device.info());
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[2, 3, 5, 5]).unwrap();
    let mut y = Tensor::zeros(&device, &[2, 3, 2, 2]).unwrap();
    let pooling = Pooling::new(Pool::Maximum, [2, 2]);
    let mut said = |pooling: Pooling, indices: Option<&mut Tensor>| {
        pool2d(&x, &pooling, Pooled { y: &mut y, indices }).unwrap_err().to_string()
    };
    let text = said(Pooling { padding: [0, 2], ..pooling }, None);
    assert_eq!(
        text,
        "pool2d: the width's padding of 2 is more than half the window of 2; use 1 at most"
    );
    assert!(said(Pooling { size: [6, 2], ..pooling }, None).contains("height of 5"));
    assert!(said(Pooling { stride: [2, 0], ..pooling }, None).contains("the width's stride is 0"));
    assert!(said(Pooling { size: [0, 2], ..pooling }, None).contains("the height's size is 0"));
    assert!(said(Pooling { ceil: true, ..pooling }, None).contains("expected [2, 3, 3, 3]"));
    let huge = Pooling { size: [1 << 40, 2], padding: [1 << 39, 0], ..pooling };
    assert!(said(huge, None).contains("too large"));
    let mut indices = Tensor::for_indices(&device, &[2, 3, 4, 1]).unwrap();
    assert!(said(pooling, Some(&mut indices)).contains("the indices are [2, 3, 4, 1]"));
    let mut indices = Tensor::zeros(&device, &[2, 3, 2, 2]).unwrap();
    assert!(said(pooling, Some(&mut indices)).contains("expected U32"));
    let average = Pooling::new(Pool::Average { count_padding: true }, [2, 2]);
    let mut indices = Tensor::for_indices(&device, &[2, 3, 2, 2]).unwrap();
    assert!(said(average, Some(&mut indices)).contains("an average has no indices"));
    let flat = Tensor::zeros(&device, &[5, 5]).unwrap();
    let text = pool2d(&flat, &pooling, Pooled::new(&mut y)).unwrap_err().to_string();
    assert!(text.contains("expected pictures"), "{text}");
    let empty = Pooling { padding: [1, 1], ..pooling };
    let text = empty.output_size("pool2d", [0, 4]).unwrap_err().to_string();
    assert!(text.contains("height 0 have nothing to pool"), "{text}");
}

#[test]
fn strides_of_any_length_are_no_error() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let x = Tensor::from_f32(device, &[1, 1, 2, 3], &[1., 7., 3., 4., 5., 6.]).unwrap();
        let pooling = Pooling { stride: [usize::MAX; 2], ..Pooling::new(Pool::Maximum, [2, 2]) };
        let mut y = Tensor::for_output(device, &[1, 1, 1, 1]).unwrap();
        pool2d(&x, &pooling, Pooled::new(&mut y)).unwrap();
        assert_eq!(y.to_vec().unwrap(), [7.0], "{}", device.info());
    }
}
