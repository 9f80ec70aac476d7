//! Products against sums in ascending k, bit for bit.

use super::split::{Form, Split};
use super::task::Task;
use super::{
    Finish, Rows, Strided, Term, Windows, add_dots, add_windows, multiply_placed, product, run,
    store,
};
use crate::random::{Draw, PhiloxRng};

/// Numbers of which a share are zero.
fn numbers(count: usize, seed: u64, density: f32) -> Vec<f32> {
    let mut rng = PhiloxRng::new(Draw::new(seed, 300));
    let mut uniform = || crate::random::uniform(rng.word());
    (0..count).map(|_| if uniform() < density { 2.0 * uniform() - 1.0 } else { 0.0 }).collect()
}

fn operand(data: &[f32], [rows, columns]: [usize; 2], turned: bool) -> Strided<'_> {
    let [row_stride, column_stride] = if turned { [1, rows] } else { [columns, 1] };
    Strided { data, row_stride, column_stride }
}

const STORE: Finish<'static> = &store;

/// Whether this machine's processor fuses products and sums.
fn fuses() -> bool {
    !matches!(pulp::Arch::new(), pulp::Arch::Scalar)
}

fn chain([m, n]: [usize; 2], terms: &[Term<'_>], fused: bool) -> Vec<f32> {
    let mut out = vec![0.0; m * n];
    for (at, sum) in out.iter_mut().enumerate() {
        let (r, c) = (at / n, at % n);
        for t in terms {
            for k in 0..t.k {
                let x = t.a.data[r * t.a.row_stride + k * t.a.column_stride];
                let y = t.b.data[k * t.b.row_stride + c * t.b.column_stride];
                let y = (y - t.offset.map_or(0.0, |beta| beta[c])) * t.scale;
                *sum = if fused { x.mul_add(y, *sum) } else { *sum + x * y };
            }
        }
    }
    out
}

fn same(found: &[f32], expected: &[f32], what: &str) {
    let bits = |x: &f32| if *x == 0.0 { 0 } else { x.to_bits() };
    let wrong = found
        .iter()
        .zip(expected)
        .position(|(f, e)| bits(f) != bits(e) && !(f.is_nan() && e.is_nan()));
    assert_eq!(wrong.map(|at| (at, found[at], expected[at])), None, "{what}");
}

/// Weights are changed by whole rows, which no two cores write beside each other; what is large goes by columns where
/// that saves reading all of B twice.
#[test]
fn parts_are_rows_where_borders_within_them_would_cost_more() {
    let grid = |[m, n, k]: [usize; 3], threads| {
        let (a, b) = (numbers(m * k, 1, 0.2), numbers(k * n, 2, 1.0));
        let terms = [Term::new(operand(&a, [m, k], false), operand(&b, [k, n], false), k)];
        let Split { rows, columns, .. } = Split::new([m, n], &terms, threads);
        [rows, columns]
    };
    assert_eq!(grid([784, 500, 256], 2), [2, 1]);
    assert_eq!(grid([784, 500, 2], 2), [2, 1]);
    assert_eq!(grid([784, 500, 256], 16), [16, 1]);
    assert_eq!(grid([128, 500, 784], 2), [1, 2]);
    assert_eq!(grid([1, 500, 784], 2), [1, 2]);
}

const SHAPES: [[usize; 3]; 12] = [
    [1, 1, 1],
    [1, 70, 33],
    [3, 100, 5],
    [7, 16, 0],
    [10, 500, 300],
    [17, 9, 64],
    [20, 130, 65],
    [33, 64, 1],
    [130, 67, 257],
    [61, 1, 700],
    [40, 530, 40],
    [300, 33, 31],
];

#[test]
fn every_element_is_one_sum_in_ascending_k_whatever_the_form_the_vectors_and_the_threads() {
    for shape @ [m, n, k] in SHAPES {
        for (turned, density) in
            [([false; 2], 1.0), ([true, false], 0.3), ([false, true], 0.3), ([true; 2], 1.0)]
        {
            let (a, b) = (numbers(m * k, 1, density), numbers(k * n, 2, 1.0));
            let (a, b) = (operand(&a, [m, k], turned[0]), operand(&b, [k, n], turned[1]));
            let terms = [Term::new(a, b, k)];
            for arch in archs() {
                let fused = !matches!(arch, pulp::Arch::Scalar);
                let expected = chain([m, n], &terms, fused);
                for form in [Form::Straight, Form::Sparse, Form::Turned] {
                    for (rows, columns) in [(1, 1), (1, 3), (3, 2)] {
                        let mut out = vec![f32::NAN; m * n];
                        let outputs = [Some(Rows { data: &mut out, stride: n }), None];
                        let split = Split { rows, columns, form };
                        let tasks = Task::divide(&split, [m, n], &terms, outputs, STORE);
                        assert!(tasks.map(|tasks| run(tasks, arch)).is_ok());
                        same(&out, &expected, &format!("{shape:?} {turned:?} {form:?} {arch:?}"));
                    }
                }
            }
        }
    }
}

/// What this machine has.
fn archs() -> Vec<pulp::Arch> {
    #[allow(unused_mut)]
    let mut all = vec![pulp::Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        all.extend(pulp::x86::V3::try_new().map(pulp::Arch::V3));
        all.extend(pulp::x86::V4::try_new().map(pulp::Arch::V4));
    }
    #[cfg(not(target_arch = "x86_64"))]
    all.push(pulp::Arch::new());
    all
}

#[test]
fn a_batch_equals_its_pieces() {
    let [m, n, k] = [130, 90, 300];
    for density in [0.2, 1.0] {
        let (a, b) = (numbers(m * k, 3, density), numbers(k * n, 4, 1.0));
        let whole = multiplied([m, n, k], &a, &b, 2);
        for piece in [1, 3, 16, 17, 64] {
            let pieces =
                a.chunks(piece * k).flat_map(|a| multiplied([a.len() / k, n, k], a, &b, 1));
            same(&pieces.collect::<Vec<_>>(), &whole, &format!("{piece} rows of {m}"));
        }
    }
}

fn multiplied([m, n, k]: [usize; 3], a: &[f32], b: &[f32], threads: usize) -> Vec<f32> {
    let mut out = vec![0.0; m * n];
    let terms = [Term::new(operand(a, [m, k], false), operand(b, [k, n], false), k)];
    let outputs = [Some(Rows { data: &mut out, stride: n }), None];
    assert!(product([m, n], &terms, outputs, threads, STORE).is_ok());
    out
}

#[test]
fn terms_follow_each_other_with_their_scales_and_offsets() {
    let [m, n] = [50, 70];
    let sizes = [20, 33];
    let data = sizes.map(|k| (numbers(m * k, k as u64, 0.4), numbers(k * n, 9, 1.0)));
    let beta = numbers(n, 11, 1.0);
    for offset in [None, Some(&beta[..])] {
        let terms = [0, 1].map(|t| Term {
            scale: [0.5, -0.25][t],
            offset,
            ..Term::new(
                operand(&data[t].0, [m, sizes[t]], true),
                operand(&data[t].1, [sizes[t], n], false),
                sizes[t],
            )
        });
        let mut out = vec![0.0; m * n];
        let outputs = [Some(Rows { data: &mut out, stride: n }), None];
        assert!(product([m, n], &terms, outputs, 2, STORE).is_ok());
        same(&out, &chain([m, n], &terms, fuses()), "two terms");
    }
}

#[test]
fn zeros_times_what_is_not_finite_are_not_skipped() {
    let [m, n, k] = [64, 64, 40];
    let a = numbers(m * k, 5, 0.1);
    let mut b = numbers(k * n, 6, 1.0);
    (b[3], b[n + 1]) = (f32::INFINITY, f32::NAN);
    let terms = [Term::new(operand(&a, [m, k], false), operand(&b, [k, n], false), k)];
    let found = multiplied([m, n, k], &a, &b, 1);
    same(&found, &chain([m, n], &terms, fuses()), "infinity and NaN");
    assert!(found.iter().filter(|x| x.is_nan()).count() >= m + m / 2);
}

#[test]
fn what_is_not_finite_is_found_among_zeros() {
    let [m, n, k] = [40, 64, 150];
    let mut a = numbers(m * k, 12, 0.1);
    let b = numbers(k * n, 13, 1.0);
    (a[5], a[200], a[301], a[302]) = (f32::NAN, f32::NEG_INFINITY, -0.0, f32::MIN_POSITIVE / 2.0);
    for turned in [false, true] {
        let terms = [Term::new(operand(&a, [m, k], turned), operand(&b, [k, n], false), k)];
        for arch in archs() {
            let mut out = vec![0.0; m * n];
            let outputs = [Some(Rows { data: &mut out, stride: n }), None];
            let split = Split { rows: 1, columns: 1, form: Form::Sparse };
            let tasks = Task::divide(&split, [m, n], &terms, outputs, STORE);
            assert!(tasks.map(|tasks| run(tasks, arch)).is_ok());
            let fused = !matches!(arch, pulp::Arch::Scalar);
            same(&out, &chain([m, n], &terms, fused), &format!("{turned} {arch:?}"));
            assert!(out.iter().filter(|x| !x.is_finite()).count() >= 2 * n);
        }
    }
}

#[test]
fn both_outputs_get_their_parts_from_columns_that_begin_random_blocks() {
    for (m, n) in [(5, 300), (90, 61), (300, 20)] {
        let (a, b) = (numbers(m * 9, 7, 1.0), numbers(9 * n, 8, 1.0));
        let terms = [Term::new(operand(&a, [m, 9], false), operand(&b, [9, n], true), 9)];
        for form in [Form::Straight, Form::Turned] {
            let (mut first, mut second) = (vec![0.0; m * (n + 3)], vec![0.0; m * n]);
            let outputs = [
                Some(Rows { data: &mut first, stride: n + 3 }),
                Some(Rows { data: &mut second, stride: n }),
            ];
            let finish: Finish<'_> = &|[row, column], sums, [first, second]| {
                assert!(column % 4 == 0 && sums.len() == first.len());
                first.copy_from_slice(sums);
                for (c, x) in second.iter_mut().enumerate() {
                    *x += (row * n + column + c) as f32;
                }
            };
            let split = Split { rows: 2, columns: 2, form };
            let tasks = Task::divide(&split, [m, n], &terms, outputs, finish);
            assert!(tasks.map(|tasks| run(tasks, pulp::Arch::new())).is_ok());
            assert!(second.iter().enumerate().all(|(at, x)| *x == at as f32));
            let expected = chain([m, n], &terms, fuses());
            for (line, expected) in first.chunks(n + 3).zip(expected.chunks(n)) {
                same(&line[..n], expected, "wide rows");
                assert_eq!(line[n..], [0.0; 3]);
            }
        }
    }
}

#[test]
fn products_that_do_not_fit_their_slices_are_refused() {
    let asked = |shape: [usize; 3], lengths: [usize; 3], stride: usize| {
        let [a, b, mut out] = lengths.map(|n| vec![1.0; n]);
        let [m, n, k] = shape;
        let terms = [Term::new(operand(&a, [m, k], false), operand(&b, [k, n], false), k)];
        product([m, n], &terms, [Some(Rows { data: &mut out, stride }), None], 1, STORE).is_ok()
    };
    assert!(asked([2, 3, 4], [8, 12, 6], 3) && asked([2, 3, 4], [8, 12, 8], 5));
    assert!(asked([0, 3, 4], [0, 12, 0], 3) && asked([2, 0, 4], [8, 0, 0], 0));
    assert!(!asked([2, 3, 4], [7, 12, 6], 3) && !asked([2, 3, 4], [8, 11, 6], 3));
    // An output too short, or rows in each other's place.
    assert!(!asked([2, 3, 4], [8, 12, 5], 3) && !asked([2, 3, 4], [8, 12, 6], 2));
}

/// Rows of a picture that overlap, in no order.
fn begins(rows: usize, most: usize) -> Vec<usize> {
    (0..rows).map(|row| row * 7919 % (most + 1)).collect()
}

/// Windows as a matrix, each row's numbers one after the other.
fn written(x: Windows<'_>) -> Vec<f32> {
    let line = |begin: usize, i: usize| &x.data[begin + i * x.step..][..x.size[1]];
    let lines = x.begins.iter().flat_map(|begin| (0..x.size[0]).map(|i| line(*begin, i)));
    lines.flatten().copied().collect()
}

fn windows<'a>(data: &'a [f32], begins: &'a [usize], step: usize, size: [usize; 2]) -> Windows<'a> {
    Windows { data, begins, step, size }
}

#[test]
fn dot_products_are_sums_in_sixteen_lanes_whatever_the_vectors() {
    for [m, n, height, width] in
        [[1, 1, 1, 1], [3, 5, 1, 16], [4, 4, 1, 37], [25, 6, 28, 28], [9, 2, 0, 5], [2, 7, 3, 15]]
    {
        let (a, b) = (numbers(2000, 1, 1.0), numbers(n * height * width, 2, 1.0));
        let begin_a = begins(m, 900);
        let begin_b: Vec<_> = (0..n).map(|c| c * height * width).collect();
        let a = windows(&a, &begin_a, width + 4, [height, width]);
        let b = windows(&b, &begin_b, width, [height, width]);
        let (x, y, k) = (written(a), written(b), height * width);
        for arch in archs() {
            let mut found = vec![1.0; m * n];
            assert!(add_dots(arch, Rows { data: &mut found, stride: n }, a, b));
            let fused = !matches!(arch, pulp::Arch::Scalar);
            let expected = (0..m * n).map(|at| {
                let (x, y) = (&x[at / n * k..][..k], &y[at % n * k..][..k]);
                let mut lanes = [0.0f32; 16];
                for (i, (x, y)) in x.iter().zip(y).enumerate() {
                    // What is left of a line goes into the last lanes.
                    let (j, whole) = (i % width, width - width % 16);
                    let lane = if j < whole { j % 16 } else { j + 16 - width };
                    let sum = &mut lanes[lane];
                    *sum = if fused { x.mul_add(*y, *sum) } else { *sum + x * y };
                }
                for half in [8, 4, 2, 1] {
                    for i in 0..half {
                        lanes[i] += lanes[i + half];
                    }
                }
                1.0 + lanes[0]
            });
            let expected: Vec<_> = expected.collect();
            same(&found, &expected, &format!("{m} {n} {height} {width}, {arch:?}"));
        }
    }
    let [a, mut out] = [6, 6].map(|n| vec![1.0; n]);
    let (begins, mut call) =
        ([0, 2], |a, b, stride| add_dots(pulp::Arch::new(), Rows { data: &mut out, stride }, a, b));
    let of = |size| windows(&a, &begins, 2, size);
    assert!(call(of([1, 3]), of([1, 3]), 2) && call(of([2, 2]), of([2, 2]), 3));
    assert!(!call(of([1, 5]), of([1, 5]), 2) && !call(of([2, 3]), of([2, 3]), 2));
    assert!(!call(of([1, 4]), of([2, 2]), 2) && !call(of([1, 3]), of([1, 3]), 1));
}

#[test]
fn products_of_rows_out_of_a_picture_are_those_of_the_rows() {
    let picture = numbers(3000, 1, 1.0);
    for [m, n, k] in [[1, 1, 1], [6, 892, 25], [16, 136, 150], [9, 50, 300], [3, 17, 0], [0, 4, 2]]
    {
        let (a, begins) = (numbers(m * k, 2, 1.0), begins(k, 2000));
        let x = written(windows(&picture, &begins, 0, [1, n]));
        let a = operand(&a, [m, k], false);
        let terms = [Term::new(a, operand(&x, [k, n], false), k)];
        for arch in archs() {
            let stride = n.next_multiple_of(16) + 3;
            let mut found = vec![f32::NAN; m * stride];
            let out = Rows { data: &mut found, stride };
            assert!(multiply_placed(arch, [m, n], out, a, &picture, &begins));
            let expected = chain([m, n], &terms, !matches!(arch, pulp::Arch::Scalar));
            for (found, expected) in found.chunks(stride).zip(expected.chunks(n)) {
                same(&found[..n], expected, &format!("{m} {n} {k}, {arch:?}"));
            }
        }
    }
    let [a, mut out] = [6, 34].map(|n| vec![1.0; n]);
    let mut call = |k: usize, stride, begins: &[usize], data: usize| {
        let out = Rows { data: &mut out, stride };
        let a = operand(&a, [2, k], false);
        multiply_placed(pulp::Arch::new(), [2, 5], out, a, &picture[..data], begins)
    };
    assert!(call(3, 16, &[0, 9, 4], 25) && !call(3, 16, &[0, 9, 4], 24));
    assert!(!call(3, 15, &[0, 9, 4], 25) && !call(3, 19, &[0, 9, 4], 25));
    assert!(!call(4, 16, &[0, 9, 4, 1], 25) && !call(3, 16, &[0, usize::MAX, 4], 25));
}

#[test]
fn products_of_windows_are_those_of_the_rows() {
    let picture = numbers(3000, 1, 1.0);
    let shapes = [[1, 1, 1, 1], [150, 16, 10, 10], [9, 5, 7, 3], [13, 70, 4, 20], [4, 3, 0, 2]];
    for [m, n, height, width] in shapes {
        let (k, begins) = (height * width, begins(m, 2000));
        let a = windows(&picture, &begins, width + 5, [height, width]);
        let (x, b) = (written(a), numbers(k * n, 2, 1.0));
        for turned in [false, true] {
            let b = operand(&b, [k, n], turned);
            let terms = [Term::new(operand(&x, [m, k], false), b, k)];
            for arch in archs() {
                let mut found = vec![1.0; m * (n + 2)];
                let out = Rows { data: &mut found, stride: n + 2 };
                assert!(add_windows(arch, out, a, b, n));
                let mut expected = chain([m, n], &terms, !matches!(arch, pulp::Arch::Scalar));
                expected.iter_mut().for_each(|sum| *sum += 1.0);
                for (found, expected) in found.chunks(n + 2).zip(expected.chunks(n)) {
                    same(&found[..n], expected, &format!("{m} {n} {height} {width}, {arch:?}"));
                    assert_eq!(found[n..], [1.0; 2]);
                }
            }
        }
    }
    let [b, mut out] = [12, 6].map(|n| vec![1.0; n]);
    let mut call = |size, n, stride| {
        let (a, b) = (windows(&picture[..9], &[0, 2], 3, size), operand(&b, [4, 3], false));
        add_windows(pulp::Arch::new(), Rows { data: &mut out, stride }, a, b, n)
    };
    assert!(call([2, 2], 3, 3) && call([2, 2], 2, 4));
    assert!(
        !call([2, 5], 3, 3) && !call([1, 5], 3, 3) && !call([2, 2], 3, 2) && !call([2, 2], 4, 4)
    );
}
