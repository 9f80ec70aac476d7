use harmonium::Device;
use harmonium::device::{Policy, testing};
use harmonium::kernels::activation::Activation;
use harmonium::kernels::matmul::proof::{FORMS, PLAIN, UPLOADED, case};
use harmonium::kernels::matmul::{
    Epilogue, Noise, Sampled, Sums, Transpose, matmul, matmul_sample, matmul_sums,
};
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::kernels::{Tiles, with_tiles, with_vector_loads};
use harmonium::random::{Draw, bernoulli, normal};
use harmonium::tensor::Tensor;
use harmonium::{Error, Result};

use super::{
    LONG, SIZES, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ones, ordinary, stale,
};

#[test]
fn plain_products_of_every_size_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for tiles in Tiles::ALL {
            for size in SIZES {
                for dims in [[size, 67, 19], [13, size, 19], [13, 67, size], [size; 3]] {
                    assert_passed(gpu, case(gpu, tiles, PLAIN, dims, Values::Ordinary));
                }
            }
        }
    });
}

#[test]
fn slices_of_every_form_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for tiles in Tiles::ALL {
            for form in FORMS {
                for dims in [[3, 5, 0], [1, 1, 2], [9, 67, 31], [65, 129, 97]] {
                    assert_passed(gpu, case(gpu, tiles, form, dims, Values::Ordinary));
                }
                assert_passed(gpu, case(gpu, tiles, form, [9, 67, 31], Values::NonFinite));
            }
        }
    });
}

/// Rows that are whole vectors of four, under the loops that load such vectors: right, and the same bits as without.
#[test]
fn loads_of_vectors_change_no_bit() {
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for gpu in crate::support::own_gpus() {
        for tiles in Tiles::ALL.into_iter().take(4) {
            for form in FORMS {
                for dims in [[4, 4, 4], [12, 8, 0], [64, 132, 36], [132, 68, 100], [135, 20, 68]] {
                    assert_passed(&gpu, case(&gpu, tiles, form, dims, Values::Ordinary));
                }
            }
            let [m, n, k] = [132, 68, 100];
            let of = |dims: [usize; 2], seed| {
                Tensor::from_f32(&gpu, &dims, &ordinary(seed, dims[0] * dims[1])).unwrap()
            };
            let bias = Tensor::from_f32(&gpu, &[n], &ordinary(3, n)).unwrap();
            let epilogue = Epilogue::new(&bias, Activation::Sigmoid);
            for t in [Transpose::NN, Transpose::NT, Transpose::TN, Transpose::TT] {
                let a = of(if t.a { [k, m] } else { [m, k] }, 1);
                let b = of(if t.b { [n, k] } else { [k, n] }, 2);
                let run = |on| {
                    let product = || {
                        let [mut mean, mut drawn] = [0; 2].map(|_| stale(&gpu, &[m, n]));
                        let draw = Draw::new(1, 1);
                        let sampled = Sampled::new(Noise::Bernoulli, &draw, &mut drawn);
                        let sampled = sampled.with_mean(&mut mean);
                        matmul_sample(&a, &b, t, &epilogue, sampled).unwrap();
                        [mean, drawn].map(|found| bits(found.to_vec().unwrap()))
                    };
                    with_vector_loads(on, || with_tiles(tiles, product))
                };
                assert!(run(true) == run(false), "{tiles:?} {t:?} on {}", gpu.info());
            }
            let (a, b) = (of([k, m], 1), of([k, n], 2));
            let run = |on| {
                let product = || {
                    let (mut out, mut sums) = (stale(&gpu, &[m, n]), stale(&gpu, &[n]));
                    matmul_sums([&a, &b], Sums::OfB, &mut out, &mut sums).unwrap();
                    [out, sums].map(|found| bits(found.to_vec().unwrap()))
                };
                with_vector_loads(on, || with_tiles(tiles, product))
            };
            assert!(run(true) == run(false), "{tiles:?}, sums, on {}", gpu.info());
        }
        let names = testing::pipeline_names(&gpu);
        for tiles in &Tiles::ALL[..4] {
            let name = format!("matmul_quads_{} ", tiles.key());
            assert!(names.iter().any(|n| n.starts_with(&name)), "{name} in {names:?}");
        }
    }
}

/// Sums of ones are exact in f32, in whatever order.
#[test]
fn long_products_are_whole() {
    on_gpus(|gpu| {
        for tiles in Tiles::ALL {
            for k in [65_503, 65_535, 65_536, LONG, 1_000_003] {
                let (a, b) = (ones(gpu, &[3, k]), ones(gpu, &[k, 5]));
                let mut out = stale(gpu, &[3, 5]);
                with_tiles(tiles, || {
                    matmul(&a, &b, Transpose::NN, &Epilogue::default(), &mut out).unwrap();
                });
                let found = out.to_vec().unwrap();
                assert_eq!(found, [k as f32; 15], "{tiles:?} on {}", gpu.info());
            }
        }
    });
}

#[test]
fn every_form_agrees_with_the_cpu_and_with_its_parts() {
    on_gpus(|gpu| {
        for tiles in Tiles::ALL {
            for form in FORMS {
                for dims in
                    [[1, 1, 1], [0, 3, 2], [3, 0, 2], [17, 63, 0], [63, 65, 31], [65, 129, 97]]
                {
                    assert_passed(gpu, case(gpu, tiles, form, dims, Values::Ordinary));
                }
                for values in Values::ALL {
                    assert_passed(gpu, case(gpu, tiles, form, [9, 67, 31], values));
                }
            }
        }
    });
}

#[test]
fn draws_from_uploaded_probabilities_are_exact() {
    on_gpus(|gpu| {
        for tiles in Tiles::ALL {
            for columns in SIZES {
                let dims = [21, columns, 0];
                let outcome = case(gpu, tiles, UPLOADED, dims, Values::Ordinary).unwrap();
                assert_eq!(outcome.worst, 0.0, "{}: {outcome:?}", gpu.info());
            }
        }
    });
}

/// AB for operands stored as the transposition says, in f64, and Σ|aᵢbᵢ|.
fn naive(t: Transpose, [m, n, k]: [usize; 3], a: &[f32], b: &[f32]) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for row in 0..m {
        for column in 0..n {
            let products = (0..k).map(|i| {
                let a = if t.a { a[i * m + row] } else { a[row * k + i] };
                let b = if t.b { b[column * k + i] } else { b[i * n + column] };
                f64::from(a) * f64::from(b)
            });
            out.push(products.fold((0.0, 0.0), |(s, size), p| (s + p, size + p.abs())));
        }
    }
    out
}

#[test]
fn the_cpu_agrees_with_f64() {
    let device = Device::cpu();
    for t in [Transpose::NN, Transpose::NT, Transpose::TN, Transpose::TT] {
        for dims in [[1, 1, 1], [3, 5, 0], [7, 9, 8], [64, 33, 65], [31, 130, 97]] {
            let [m, n, k] = dims;
            let (a, b) = (ordinary(1, m * k), ordinary(2, k * n));
            let (c, old) = (ordinary(3, m * n), ordinary(4, m * n));
            let (bias0, bias1) = (ordinary(5, n), ordinary(6, n));
            let turned = |t: bool, [r, c]: [usize; 2]| if t { [c, r] } else { [r, c] };
            let upload = |dims: &[usize], x: &[f32]| Tensor::from_f32(&device, dims, x).unwrap();
            let ta = upload(&turned(t.a, [m, k]), &a);
            let tb = upload(&turned(t.b, [k, n]), &b);
            let [tc, t0, t1] = [upload(&[m, n], &c), upload(&[n], &bias0), upload(&[n], &bias1)];
            let full = Epilogue {
                slope: None,
                alpha: 0.5,
                beta: 0.25,
                c: Some(&tc),
                bias0: Some(&t0),
                bias1: Some(&t1),
                activation: Activation::Tanh,
                accumulate: false,
            };
            let accumulate = Epilogue { accumulate: true, ..Epilogue::default() };
            for (i, epilogue) in [Epilogue::default(), full, accumulate].iter().enumerate() {
                let mut out = upload(&[m, n], &old);
                matmul(&ta, &tb, t, epilogue, &mut out).unwrap();
                let out = out.to_vec().unwrap();
                for (at, (sum, size)) in naive(t, dims, &a, &b).into_iter().enumerate() {
                    let column = at % n;
                    let expected = match i {
                        0 => sum,
                        1 => (0.5 * (sum + f64::from(c[at]))
                            + 0.75 * f64::from(bias0[column])
                            + 0.25 * f64::from(bias1[column]))
                        .tanh(),
                        _ => sum + f64::from(old[at]),
                    };
                    // (K + 8) roundings of 2⁻²⁴ of the magnitudes, here below size + 6.
                    let allowed = (k as f64 + 8.0) * 2f64.powi(-24) * (size + 6.0);
                    assert_close(out[at], expected, allowed);
                }
            }
        }
    }
}

#[test]
fn samples_on_the_cpu_are_the_draws_from_the_mean() {
    let device = Device::cpu();
    let [m, n, k] = [6, 11, 5];
    let upload = |seed, dims: [usize; 2]| {
        Tensor::from_f32(&device, &dims, &ordinary(seed, dims[0] * dims[1])).unwrap()
    };
    let (a, b) = (upload(1, [m, k]), upload(2, [k, n]));
    let draw = Draw::new(5, 6).at(7).from_case(8);
    let epilogue = Epilogue { activation: Activation::Sigmoid, ..Epilogue::default() };
    for noise in [Noise::Bernoulli, Noise::Gaussian(0.5)] {
        let sampled = |mean: Option<&mut Tensor>| {
            let mut out = Tensor::for_output(&device, &[m, n]).unwrap();
            let sampled = Sampled { mean, ..Sampled::new(noise, &draw, &mut out) };
            matmul_sample(&a, &b, Transpose::NN, &epilogue, sampled).unwrap();
            out.to_vec().unwrap()
        };
        let mut mean = Tensor::for_output(&device, &[m, n]).unwrap();
        let both = sampled(Some(&mut mean));
        assert_eq!(sampled(None), both);
        for (i, (x, p)) in both.iter().zip(mean.to_vec().unwrap()).enumerate() {
            let (row, column) = ((i / n) as u32, (i % n) as u32);
            let expected = match noise {
                Noise::Bernoulli => bernoulli(draw.word(row, column), p),
                Noise::Gaussian(s) => p + s * normal(draw.block(row, column / 4), column % 4),
            };
            assert_eq!(*x, expected);
        }
    }
}

#[test]
fn nan_and_infinities_spread_along_their_row_and_column_only() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for tiles in Tiles::ALL {
            let [m, n, k] = [70, 66, 20];
            let (mut a, mut b) = (ordinary(1, m * k), ordinary(2, k * n));
            a[3 * k + 7] = f32::NAN;
            a[65 * k + 1] = f32::INFINITY;
            b[4 * n + 65] = f32::NAN;
            let a = Tensor::from_f32(device, &[m, k], &a).unwrap();
            let b = Tensor::from_f32(device, &[k, n], &b).unwrap();
            let mut out = Tensor::for_output(device, &[m, n]).unwrap();
            let epilogue = Epilogue::default();
            harmonium::kernels::with_tiles(tiles, || {
                matmul(&a, &b, Transpose::NN, &epilogue, &mut out)
            })
            .unwrap();
            for (i, x) in out.to_vec().unwrap().into_iter().enumerate() {
                let (row, column) = (i / n, i % n);
                let right = match (row, column) {
                    (3, _) | (_, 65) => x.is_nan(),
                    (65, _) => x.is_infinite(),
                    _ => x.is_finite(),
                };
                assert!(right, "[{row}, {column}] is {x} on {}, {tiles:?}", device.info());
            }
        }
    }
}

#[test]
fn wrong_calls_are_refused_with_the_shapes() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (a, b, mut out) = (zeros(&[128, 784]), zeros(&[500, 784]), zeros(&[128, 500]));
    let message = |r: Result<()>| match r {
        Err(error @ Error::Shape { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let plain = Epilogue::default();
    let text = message(matmul(&a, &b, Transpose::NN, &plain, &mut out));
    assert!(text.contains("[128, 784]") && text.contains("[500, 784]"), "{text}");
    matmul(&a, &b, Transpose::NT, &plain, &mut out).unwrap();
    let bias = zeros(&[499]);
    let epilogue = Epilogue::new(&bias, Activation::Sigmoid);
    let text = message(matmul(&a, &b, Transpose::NT, &epilogue, &mut out));
    assert!(text.contains("bias1") && text.contains("[499]") && text.contains("500"), "{text}");
    let c = zeros(&[128, 500]);
    let epilogue = Epilogue { c: Some(&c), accumulate: true, ..plain };
    message(matmul(&a, &b, Transpose::NT, &epilogue, &mut out));
    let epilogue = Epilogue { accumulate: true, ..plain };
    let draw = Draw::new(1, 1);
    let sampled = Sampled::new(Noise::Bernoulli, &draw, &mut out);
    message(matmul_sample(&a, &b, Transpose::NT, &epilogue, sampled));
}

#[test]
fn every_loop_runs_where_it_is_asked_for() {
    for gpu in crate::support::own_gpus() {
        for (tiles, expected) in Tiles::ALL.into_iter().zip(1..) {
            for _ in 0..2 {
                assert_passed(&gpu, case(&gpu, tiles, PLAIN, [3, 4, 5], Values::Ordinary));
                assert_eq!(testing::pipelines(&gpu), expected, "{tiles:?} on {}", gpu.info());
            }
            let name = format!("matmul_{tiles:?} ").to_lowercase();
            let names = testing::pipeline_names(&gpu);
            assert!(names.iter().any(|n| n.starts_with(&name)), "{name} in {names:?}");
        }
    }
}

/// The policy of a device decides, and the loops that it takes give the same bits every time.
#[test]
fn a_policy_decides_between_the_loops() {
    for gpu in crate::support::own_gpus() {
        let policy = gpu.policy().unwrap();
        let speeds = |policy, speed: &dyn Fn(Tiles) -> f64| {
            Tiles::ALL.into_iter().fold(policy, |p: Policy, t| p.with_speed(t, speed(t)))
        };
        let (a, b) = (ordinary(1, 50 * 300), ordinary(2, 300 * 70));
        let a = Tensor::from_f32(&gpu, &[50, 300], &a).unwrap();
        let b = Tensor::from_f32(&gpu, &[300, 70], &b).unwrap();
        let product = || {
            let mut out = Tensor::for_output(&gpu, &[50, 70]).unwrap();
            matmul(&a, &b, Transpose::NN, &Epilogue::default(), &mut out).unwrap();
            out.to_vec().unwrap()
        };
        for tiles in Tiles::ALL {
            gpu.set_policy(speeds(policy, &|t| f64::from(u8::from(t == tiles))));
            let found = product();
            assert_eq!(found, product(), "{tiles:?}");
            assert_eq!(found, with_tiles(tiles, product), "{tiles:?}");
        }
        assert_eq!(testing::pipelines(&gpu), Tiles::ALL.len());
        // One tile of 128, two of 64, six of 32 or twenty of 16: more of the larger ones lies outside, and where twenty
        // workgroups leave most of a card idle, six leave more.
        let speed = |tiles| [1.0, 0.9, 0.8, 0.5, 0.0][tiles as usize];
        assert_ne!(with_tiles(Tiles::Small, product), with_tiles(Tiles::Narrow, product));
        for (workgroups, expected) in [(1, Tiles::Small), (1000, Tiles::Narrow)] {
            gpu.set_policy(speeds(policy, &speed).with_workgroups(workgroups));
            assert_eq!(product(), with_tiles(expected, product), "{workgroups}");
        }
    }
}

#[test]
fn random_inputs_are_never_zero() {
    for values in Values::ALL {
        assert!(Inputs::new(1).values(values, 10_000).iter().all(|&x| x != 0.0));
    }
}
