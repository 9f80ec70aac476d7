use harmonium::kernels::pool2d::proof::{POOLS, forms};
use harmonium::kernels::pool2d::{Pool, Pooled, Pooling, pool2d};
use harmonium::kernels::pool2d_grad_input::pool2d_grad_input;
use harmonium::kernels::pool2d_grad_input::proof::case;
use harmonium::kernels::proof::Values;
use harmonium::{Device, Tensor};

use super::pool2d::{PICTURES, every_small_pool, outputs};
use super::{assert_close, assert_passed, on_gpus, on_gpus_in_slices, ordinary, stale};

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
                assert_passed(gpu, case(gpu, &form, [3, 2, 9, 16], Values::Wide));
            }
            for pooling in every_small_pool(pool, [5, 6]).iter().step_by(11) {
                assert_passed(gpu, case(gpu, pooling, [2, 1, 5, 6], Values::Ordinary));
            }
        }
    });
}

/// One window more than a pixel's loop may take at once: the middle pixel lies under all 70,001 of them, the
/// first under one, and each gives it 1.
#[test]
fn pixels_under_many_windows_collect_from_all() {
    on_gpus(|gpu| {
        let size = 70_001;
        let width = 2 * size - 1;
        let average = Pool::Average { count_padding: false };
        let pooling = Pooling { stride: [1, 1], ..Pooling::new(average, [1, size]) };
        let dy = Tensor::from_f32(gpu, &[1, 1, 1, size], &vec![size as f32; size]).unwrap();
        let mut dx = stale(gpu, &[1, 1, 1, width]);
        pool2d_grad_input(&dy, &pooling, None, &mut dx).unwrap();
        for (i, dx) in dx.to_vec().unwrap().into_iter().enumerate() {
            assert_eq!(dx, (i + 1).min(width - i) as f32, "pixel {i} on {}", gpu.info());
        }
    });
}

/// dx and the forward result.
fn both_ways(pooling: &Pooling, dims: [usize; 4], x: &[f32], dy: &[f32]) -> [Vec<f32>; 2] {
    let device = Device::cpu();
    let [oh, ow] = pooling.output_size("test", [dims[2], dims[3]]).unwrap();
    let out = [dims[0], dims[1], oh, ow];
    let x = Tensor::from_f32(&device, &dims, x).unwrap();
    let dy = Tensor::from_f32(&device, &out, dy).unwrap();
    let mut y = Tensor::for_output(&device, &out).unwrap();
    let mut dx = Tensor::for_output(&device, &dims).unwrap();
    let mut indices = Tensor::for_indices(&device, &out).unwrap();
    if pooling.pool == Pool::Maximum {
        pool2d(&x, pooling, Pooled::new(&mut y).with_indices(&mut indices)).unwrap();
        pool2d_grad_input(&dy, pooling, Some(&indices), &mut dx).unwrap();
    } else {
        pool2d(&x, pooling, Pooled::new(&mut y)).unwrap();
        pool2d_grad_input(&dy, pooling, None, &mut dx).unwrap();
    }
    [dx.to_vec().unwrap(), y.to_vec().unwrap()]
}

#[test]
fn the_cpu_agrees_with_a_scatter_by_definition() {
    for pool in POOLS {
        for [h, w] in [[4, 4], [5, 6], [7, 5]] {
            for pooling in every_small_pool(pool, [h, w]) {
                let windows = outputs(&pooling, [h, w]);
                let x = ordinary(3, 6 * h * w);
                let dy = ordinary(4, 6 * windows.len());
                let [dx, _] = both_ways(&pooling, [3, 2, h, w], &x, &dy);
                for plane in 0..6 {
                    let picture = &x[plane * h * w..][..h * w];
                    let mut expected = vec![0.0f64; h * w];
                    for (dy, (pixels, divisor)) in dy[plane * windows.len()..].iter().zip(&windows)
                    {
                        if pool == Pool::Maximum {
                            let larger =
                                |a: usize, b: usize| if picture[b] > picture[a] { b } else { a };
                            expected[pixels.iter().copied().reduce(larger).unwrap()] +=
                                f64::from(*dy);
                        } else {
                            pixels.iter().for_each(|p| expected[*p] += f64::from(*dy) / divisor);
                        }
                    }
                    for (dx, expected) in dx[plane * h * w..].iter().zip(expected) {
                        // At most 16 windows cover a pixel, with at most 2 in magnitude.
                        assert_close(*dx, expected, 16.0 * 2.0 * 16.0 * 6e-8);
                    }
                }
            }
        }
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_pool() {
    for pool in POOLS {
        for form in forms(pool) {
            let dims = [2, 2, 6, 7];
            let x = ordinary(8, 2 * 2 * 6 * 7);
            let [oh, ow] = form.output_size("test", [6, 7]).unwrap();
            let dy = ordinary(9, 4 * oh * ow);
            let loss = |x: &[f32]| -> f64 {
                let y = both_ways(&form, dims, x, &dy)[1].clone();
                y.iter().zip(&dy).map(|(y, dy)| f64::from(*y) * f64::from(*dy)).sum()
            };
            let dx = both_ways(&form, dims, &x, &dy)[0].clone();
            for i in (0..x.len()).step_by(5) {
                // Both kinds are linear as long as no maximum changes its place, so the step may be wide.
                let step = 1e-3;
                let moved = |by: f32| {
                    let mut x = x.clone();
                    x[i] += by;
                    (loss(&x), f64::from(x[i]))
                };
                let ((up, above), (down, below)) = (moved(step), moved(-step));
                assert_close(dx[i], (up - down) / (above - below), 2e-2);
            }
            // And exactly: <y, dy> = <x, dx>, as y is linear in the x that it chose.
            let dot: f64 = x.iter().zip(&dx).map(|(x, dx)| f64::from(*x) * f64::from(*dx)).sum();
            assert!((dot - loss(&x)).abs() < 1e-4, "{dot} {} {form:?}", loss(&x));
        }
    }
}

#[test]
fn indices_outside_their_window_get_nothing() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        for padding in [[0, 0], [1, 1]] {
            let pooling = Pooling { padding, ..Pooling::new(Pool::Maximum, [2, 2]) };
            let [oh, ow] = pooling.output_size("test", [4, 4]).unwrap();
            let dims = [1, 1, oh, ow];
            let dy = Tensor::from_f32(device, &dims, &vec![1.0; oh * ow]).unwrap();
            // Pixel 15 lies in the last window alone.
            let mut indices = vec![u32::MAX; oh * ow];
            indices[0] = 15;
            indices[1] = 16;
            let indices = Tensor::from_u32(device, &dims, &indices).unwrap();
            let mut dx = Tensor::from_f32(device, &[1, 1, 4, 4], &[9.0; 16]).unwrap();
            pool2d_grad_input(&dy, &pooling, Some(&indices), &mut dx).unwrap();
            assert_eq!(dx.to_vec().unwrap(), [0.0; 16], "{}", device.info());
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let dy = Tensor::zeros(&device, &[2, 3, 2, 2]).unwrap();
    let mut dx = Tensor::zeros(&device, &[2, 3, 5, 5]).unwrap();
    let maximum = Pooling::new(Pool::Maximum, [2, 2]);
    let average = Pooling::new(Pool::Average { count_padding: true }, [2, 2]);
    let indices = Tensor::for_indices(&device, &[2, 3, 2, 2]).unwrap();
    let mut said = |dy: &Tensor, pooling: Pooling, indices: Option<&Tensor>| {
        pool2d_grad_input(dy, &pooling, indices, &mut dx).unwrap_err().to_string()
    };
    let text = said(&dy, maximum, None);
    assert_eq!(text, "pool2d_grad_input: a maximum needs the indices of its forward pass");
    assert!(said(&dy, average, Some(&indices)).contains("an average has no indices"));
    let ceil = Pooling { ceil: true, ..average };
    assert!(said(&dy, ceil, None).contains("dy is [2, 3, 2, 2], expected [2, 3, 3, 3]"));
    assert!(said(&dy, maximum, Some(&dy)).contains("expected U32"));
}
