use harmonium::kernels::categorical::proof::case;
use harmonium::kernels::categorical::{log_sum_exp, probabilities, sample};
use harmonium::kernels::proof::Values;
use harmonium::random::Draw;
use harmonium::tensor::Tensor;
use harmonium::{Device, Error};

use super::{
    LONG, SIZES, assert_close, assert_passed, on_gpus, on_gpus_in_slices, ordinary, stale,
};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        for groups in SIZES {
            assert_passed(gpu, case(gpu, [7, groups, 3], Values::Ordinary));
        }
        for states in [1, 2, 10, 257] {
            assert_passed(gpu, case(gpu, [5, 4, states], Values::Wide));
        }
        for values in Values::ALL {
            assert_passed(gpu, case(gpu, [31, 9, 5], values));
        }
        assert_passed(gpu, case(gpu, [0, 3, 4], Values::Ordinary));
    });
}

#[test]
fn slices_agree_with_the_cpu() {
    on_gpus_in_slices(|gpu| {
        for dims in [[1, 1, 1], [3, 5, 4], [7, 67, 3], [5, 2, 300]] {
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, dims, values));
            }
        }
    });
}

/// Equal states: 1/N each, ln of their sum, and a state where the uniform number points.
#[test]
fn groups_of_many_states_are_whole() {
    on_gpus(|gpu| {
        let n = LONG;
        let x = Tensor::from_f32(gpu, &[1, n], &vec![2.0; n]).unwrap();
        let (mut p, mut sum) = (stale(gpu, &[1, n]), stale(gpu, &[1, 1]));
        probabilities(&x, n, &mut p).unwrap();
        log_sum_exp(&x, n, &mut sum).unwrap();
        let expected = 1.0 / n as f64;
        p.to_vec().unwrap().into_iter().for_each(|p| assert_close(p, expected, 1e-5 * expected));
        assert_close(sum.to_vec().unwrap()[0], 2.0 + (n as f64).ln(), 1e-4);
        for seed in 0..8 {
            let (draw, mut state) = (Draw::new(seed, 4), stale(gpu, &[1, n]));
            sample(&x, n, &draw, &mut state).unwrap();
            let state = state.to_vec().unwrap();
            assert_eq!(state.iter().filter(|&&s| s == 0.0).count(), n - 1, "{}", gpu.info());
            let one = state.iter().position(|&s| s == 1.0).unwrap();
            // The sums are whole numbers, which f32 adds exactly; u times theirs is rounded.
            let u = harmonium::random::uniform(draw.word(0, 0));
            assert_close(one as f32, (f64::from(u) * n as f64).floor(), 1.0);
        }
    });
}

#[test]
fn the_cpu_agrees_with_f64() {
    let device = Device::cpu();
    let (rows, groups, states) = (20, 3, 7);
    let x: Vec<f32> = ordinary(4, rows * groups * states).iter().map(|x| 20.0 * x).collect();
    let t = Tensor::from_f32(&device, &[rows, groups * states], &x).unwrap();
    let mut p = Tensor::for_output(&device, &[rows, groups * states]).unwrap();
    probabilities(&t, states, &mut p).unwrap();
    let mut sums = Tensor::for_output(&device, &[rows, groups]).unwrap();
    log_sum_exp(&t, states, &mut sums).unwrap();
    let (p, sums) = (p.to_vec().unwrap(), sums.to_vec().unwrap());
    for ((x, p), found) in x.chunks(states).zip(p.chunks(states)).zip(sums) {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let e: Vec<f64> = x.iter().map(|x| f64::from(*x - largest).exp()).collect();
        let sum: f64 = e.iter().sum();
        // The difference x − max rounds by half a unit in its last place, below 80·2⁻²⁴; 7 states are summed.
        for (p, e) in p.iter().zip(&e) {
            assert_close(*p, e / sum, 1e-5 * e / sum);
        }
        assert_close(found, f64::from(largest) + sum.ln(), 1e-5);
    }
}

/// Frequencies over 40,000 rows against the probabilities, to four standard errors of each.
#[test]
fn states_are_drawn_as_often_as_they_should() {
    let (rows, x) = (40_000, [0.3f32, -1.0, 2.0, 0.0, -40.0, 1.0, 1.5, -2.0]);
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let many: Vec<f32> = x.into_iter().cycle().take(rows * x.len()).collect();
        let t = Tensor::from_f32(device, &[rows, x.len()], &many).unwrap();
        let mut out = Tensor::for_output(device, &[rows, x.len()]).unwrap();
        sample(&t, 4, &Draw::new(17, 2), &mut out).unwrap();
        let out = out.to_vec().unwrap();
        for row in out.chunks(4) {
            assert!(
                row.iter().filter(|&&s| s == 1.0).count() == 1 && row.iter().sum::<f32>() == 1.0
            );
        }
        for (column, (x, group)) in
            x.iter().zip([&x[..4], &x[4..]].into_iter().flat_map(|g| [g; 4])).enumerate()
        {
            let sum: f64 = group.iter().map(|x| f64::from(*x).exp()).sum();
            let p = f64::from(*x).exp() / sum;
            let ones: f64 = out.iter().skip(column).step_by(8).map(|&x| f64::from(x)).sum();
            let found = ones / rows as f64;
            let floor = 4.0 * (p * (1.0 - p) / rows as f64).sqrt();
            assert!((found - p).abs() <= floor + 1e-9, "{found} for {p} on {}", device.info());
        }
        // The two groups of a row are independent.
        let both: f64 =
            out.chunks(8).map(|row| f64::from(row[2] * row[5])).sum::<f64>() / rows as f64;
        let p = |group: &[f32], k: usize| {
            f64::from(group[k]).exp() / group.iter().map(|x| f64::from(*x).exp()).sum::<f64>()
        };
        let p = p(&x[..4], 2) * p(&x[4..], 1);
        assert!((both - p).abs() < 4.0 * (p * (1.0 - p) / rows as f64).sqrt(), "{both} for {p}");
    }
}

#[test]
fn what_is_certain_is_drawn_and_what_is_no_number_is_not() {
    const INF: f32 = f32::INFINITY;
    let rows: Vec<[f32; 3]> = vec![
        [-INF, 0.0, -INF],
        [1e30, -1e30, 0.0],
        [f32::NAN, 0.0, 0.0],
        [0.0, INF, 0.0],
        [-INF; 3],
    ];
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let t = Tensor::from_f32(device, &[5, 3], &rows.concat()).unwrap();
        for step in 0..200 {
            let mut out = Tensor::for_output(device, &[5, 3]).unwrap();
            sample(&t, 3, &Draw::new(1, 2).at(step), &mut out).unwrap();
            let mut expected = vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
            expected.extend([0.0; 9]);
            assert_eq!(out.to_vec().unwrap(), expected, "{}", device.info());
        }
    }
}

#[test]
fn columns_that_make_no_groups_are_refused() {
    let device = Device::cpu();
    let x = Tensor::zeros(&device, &[2, 7]).unwrap();
    let mut out = Tensor::zeros(&device, &[2, 7]).unwrap();
    for states in [0, 2, 8] {
        assert!(matches!(probabilities(&x, states, &mut out), Err(Error::Shape { .. })));
    }
    let mut narrow = Tensor::zeros(&device, &[2, 6]).unwrap();
    assert!(matches!(sample(&x, 7, &Draw::new(1, 1), &mut narrow), Err(Error::Shape { .. })));
    assert!(matches!(log_sum_exp(&x, 7, &mut narrow), Err(Error::Shape { .. })));
}
