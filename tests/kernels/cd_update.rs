use harmonium::Device;
use harmonium::kernels::cd_update::proof::{FORMS, case};
use harmonium::kernels::cd_update::{Phases, Step, cd_gradient, cd_update};
use harmonium::kernels::proof::Values;
use harmonium::kernels::{Tiles, with_tiles, with_vector_loads};
use harmonium::tensor::Tensor;

use super::{LONG, SIZES, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for tiles in Tiles::ALL {
            for form in FORMS {
                for dims in [
                    [0, 3, 2, 2],
                    [3, 0, 2, 2],
                    [5, 7, 0, 0],
                    [5, 7, 0, 3],
                    [5, 7, 3, 0],
                    [1, 1, 1, 1],
                    [63, 65, 16, 15],
                    [65, 129, 17, 1],
                    [97, 127, 1, 31],
                ] {
                    assert_passed(gpu, case(gpu, tiles, form, dims, Values::Ordinary));
                }
                for values in Values::ALL {
                    assert_passed(gpu, case(gpu, tiles, form, [9, 67, 5, 3], values));
                }
            }
            for size in SIZES {
                let dims = [size, 130, 20, 10];
                assert_passed(gpu, case(gpu, tiles, FORMS[0], dims, Values::Ordinary));
                let dims = [70, size, 20, 10];
                assert_passed(gpu, case(gpu, tiles, FORMS[0], dims, Values::Ordinary));
            }
        }
    });
}

/// Centred and plain gradients of rows that are whole vectors of four, with loads of such vectors and without.
#[test]
fn loads_of_vectors_change_no_bit() {
    let [i, j, rows, chains] = [132, 68, 17, 9];
    on_gpus(|gpu| {
        let of = |dims: [usize; 2], seed| {
            Tensor::from_f32(gpu, &dims, &ordinary(seed, dims[0] * dims[1])).unwrap()
        };
        let [v0, p0] = [of([rows, i], 1), of([rows, j], 2)];
        let [vk, pk] = [of([chains, i], 3), of([chains, j], 4)];
        let mu = Tensor::from_f32(gpu, &[i], &ordinary(5, i)).unwrap();
        let lambda = Tensor::from_f32(gpu, &[j], &ordinary(6, j)).unwrap();
        for offsets in [None, Some((&mu, &lambda))] {
            let phases = Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales: [0.1, 0.2], offsets };
            for tiles in Tiles::ALL.into_iter().take(4) {
                let run = |on| {
                    let mut gradient = Tensor::zeros(gpu, &[i, j]).unwrap();
                    let work = || cd_gradient(&phases, &mut gradient).unwrap();
                    with_vector_loads(on, || with_tiles(tiles, work));
                    gradient.to_vec().unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                assert!(run(true) == run(false), "{tiles:?} on {}", gpu.info());
            }
        }
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for tiles in Tiles::ALL {
            for form in FORMS {
                for dims in
                    [[9, 67, 5, 3], [3, 5, 0, 9], [3, 5, 9, 0], [3, 5, 0, 0], [33, 65, 31, 37]]
                {
                    assert_passed(gpu, case(gpu, tiles, form, dims, Values::Ordinary));
                }
            }
        }
    });
}

/// 1 · LONG − ½ · 3 of ones; then Δ = ½ · 1 + ¼ (that − 2 · 1) and W = 1 + Δ, all exact in f32.
#[test]
fn sums_over_many_cases_are_whole() {
    on_gpus(|gpu| {
        let [v0, p0] = [2, 3].map(|n| ones(gpu, &[LONG, n]));
        let [vk, pk] = [2, 3].map(|n| ones(gpu, &[3, n]));
        let phases =
            Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales: [1.0, 0.5], offsets: None };
        let gradient = LONG as f32 - 1.5;
        let (mut weights, mut velocity) = (ones(gpu, &[2, 3]), ones(gpu, &[2, 3]));
        cd_gradient(&phases, &mut velocity).unwrap();
        assert_eq!(velocity.to_vec().unwrap(), [gradient; 6], "{}", gpu.info());
        let mut velocity = ones(gpu, &[2, 3]);
        let step = Step { rate: 0.25, momentum: 0.5, decay: 2.0 };
        cd_update(&phases, step, &mut weights, &mut velocity).unwrap();
        let change = 0.5 + 0.25 * (gradient - 2.0);
        assert_eq!(velocity.to_vec().unwrap(), [change; 6], "{}", gpu.info());
        assert_eq!(weights.to_vec().unwrap(), [1.0 + change; 6], "{}", gpu.info());
    });
}

/// Two steps on the CPU against the formula in f64.
fn check_formula([i, j, b, c]: [usize; 4], centered: bool) {
    let device = Device::cpu();
    let upload = |dims: &[usize], x: &[f32]| Tensor::from_f32(&device, dims, x).unwrap();
    let (v0, p0) = (ordinary(1, b * i), ordinary(2, b * j));
    let (vk, pk) = (ordinary(3, c * i), ordinary(4, c * j));
    let (mu, lambda) = (ordinary(5, i), ordinary(6, j));
    let (w, velocity) = (ordinary(7, i * j), ordinary(8, i * j));
    let tensors = [
        upload(&[b, i], &v0),
        upload(&[b, j], &p0),
        upload(&[c, i], &vk),
        upload(&[c, j], &pk),
        upload(&[i], &mu),
        upload(&[j], &lambda),
    ];
    let scales = [1.0 / b as f32, 0.5 / c as f32];
    let phases = Phases {
        v0: &tensors[0],
        p0: &tensors[1],
        vk: &tensors[2],
        pk: &tensors[3],
        scales,
        offsets: centered.then_some((&tensors[4], &tensors[5])),
    };
    let step = Step { rate: 0.1, momentum: 0.9, decay: 0.01 };
    let (mut tw, mut tv) = (upload(&[i, j], &w), upload(&[i, j], &velocity));
    cd_update(&phases, step, &mut tw, &mut tv).unwrap();
    let first = (tw.to_vec().unwrap(), tv.to_vec().unwrap());
    cd_update(&phases, step, &mut tw, &mut tv).unwrap();
    let second = (tw.to_vec().unwrap(), tv.to_vec().unwrap());
    let mut gradient = Tensor::from_f32(&device, &[i, j], &velocity).unwrap();
    cd_gradient(&phases, &mut gradient).unwrap();
    let gradient = gradient.to_vec().unwrap();

    let f = |x: &[f32], at: usize| f64::from(x[at]);
    for row in 0..i {
        for column in 0..j {
            let at = row * j + column;
            let (m, l) = if centered { (f(&mu, row), f(&lambda, column)) } else { (0.0, 0.0) };
            let phase = |v: &[f32], p: &[f32], rows: usize| -> f64 {
                (0..rows).map(|r| (f(v, r * i + row) - m) * (f(p, r * j + column) - l)).sum()
            };
            let g = f64::from(scales[0]) * phase(&v0, &p0, b)
                - f64::from(scales[1]) * phase(&vk, &pk, c);
            // Sums of b + c terms below 16, scaled to averages.
            let allowed = (b + c + 8) as f64 * 2f64.powi(-24) * 40.0;
            assert_close(gradient[at], g, allowed);
            let (mut w, mut change) = (f(&w, at), f(&velocity, at));
            for (found_w, found_v) in [(&first.0, &first.1), (&second.0, &second.1)] {
                change = 0.9 * change + 0.1 * (g - 0.01 * w);
                w += change;
                assert_close(found_v[at], change, allowed);
                assert_close(found_w[at], w, 2.0 * allowed);
            }
        }
    }
}

#[test]
fn the_cpu_agrees_with_the_formula() {
    for centered in [false, true] {
        for dims in [[1, 1, 1, 1], [5, 7, 3, 11], [33, 65, 20, 4]] {
            check_formula(dims, centered);
        }
    }
}
