//! p(h | v) and p(v | h), against ratios of the enumerated joint distribution.

use harmonium::models::UnitKind;
use harmonium::random::Draw;
use harmonium::{Device, Tensor};

use super::exact::{Exact, normals, states, to_f64};
use super::support::{matrix, on_each, worst};

fn rows(x: &[Vec<f64>]) -> Vec<Vec<f32>> {
    x.iter().map(|row| row.iter().map(|&x| x as f32).collect()).collect()
}

/// Fields are below 16 here: a few roundings of them, and of a sigmoid whose slope is at most ¼.
const BOUND: f64 = 4e-6;

#[test]
fn bernoulli_conditionals_are_ratios_of_the_joint() {
    let exact = Exact::random(UnitKind::Bernoulli, 5, 4, 1.5, 21);
    let joint = exact.joint();
    let (all_v, all_h) = (states(exact.i), states(exact.j));
    // Marginals of the joint: p(h_j = 1, v)/p(v), and likewise the other way.
    let mut h_from_v = Vec::new();
    for row in &joint {
        let p_v: f64 = row.iter().sum();
        h_from_v.extend((0..exact.j).map(|j| {
            row.iter().zip(&all_h).filter(|(_, h)| h[j] == 1.0).map(|(p, _)| p).sum::<f64>() / p_v
        }));
    }
    let mut v_from_h = Vec::new();
    for k in 0..all_h.len() {
        let p_h: f64 = joint.iter().map(|row| row[k]).sum();
        v_from_h.extend((0..exact.i).map(|i| {
            let on = joint.iter().zip(&all_v).filter(|(_, v)| v[i] == 1.0);
            on.map(|(row, _)| row[k]).sum::<f64>() / p_h
        }));
    }
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let (v, h) = (matrix(device, &rows(&all_v)), matrix(device, &rows(&all_h)));
        let mean_h = to_f64(&rbm.mean_h_from_v(&v).unwrap().to_vec().unwrap());
        let mean_v = to_f64(&rbm.mean_v_from_h(&h).unwrap().to_vec().unwrap());
        let errors = (worst(&mean_h, &h_from_v), worst(&mean_v, &v_from_h));
        assert!(errors.0 < BOUND && errors.1 < BOUND, "{errors:?}");
    });
}

#[test]
fn a_gaussian_mean_is_where_the_energy_is_least() {
    let exact = Exact::random(UnitKind::Gaussian, 5, 3, 1.5, 22);
    let all_h = states(exact.j);
    on_each(|device| {
        let rbm = exact.to_rbm(device);
        let means = rbm.mean_v_from_h(&matrix(device, &rows(&all_h))).unwrap().to_vec().unwrap();
        for (h, mean) in all_h.iter().zip(to_f64(&means).chunks(exact.i)) {
            // E(m + δ, h) − E(m, h) = ½‖δ‖² exactly, for the density N(m, 1).
            for seed in 0..4 {
                let delta = normals(30 + seed, exact.i);
                let moved: Vec<f64> = mean.iter().zip(&delta).map(|(m, d)| m + d).collect();
                let rise = exact.energy(&moved, h) - exact.energy(mean, h);
                let expected = 0.5 * delta.iter().map(|d| d * d).sum::<f64>();
                assert!((rise - expected).abs() < 1e-4, "{rise} is not {expected}");
            }
        }
    });
}

/// A sample's mean output is what the mean call gives, and a Bernoulli sample is the draw of those
/// probabilities: the fused half-step equals its parts.
#[test]
fn fused_half_steps_equal_their_parts() {
    for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
        let exact = Exact::random(visible, 5, 4, 1.5, 23);
        on_each(|device| {
            let rbm = exact.to_rbm(device);
            let (b, i, j) = (67, exact.i, exact.j);
            let draw = Draw::new(9, 902).at(5).from_case(3);
            let v: Vec<f32> =
                normals(24, b * i).iter().map(|&x| f32::from(u8::from(x > 0.0))).collect();
            let v = Tensor::from_f32(device, &[b, i], &v).unwrap();
            let empty = |n: usize| Tensor::for_output(device, &[b, n]).unwrap();
            let (mut p, mut h) = (empty(j), empty(j));
            rbm.h_from_v(&v).sample_and_mean_into(&draw, &mut p, &mut h).unwrap();
            assert_eq!(p.to_vec().unwrap(), rbm.mean_h_from_v(&v).unwrap().to_vec().unwrap());
            check_draw(&draw, device, &p, &h);
            let (mut m, mut s) = (empty(i), empty(i));
            rbm.v_from_h(&h).sample_and_mean_into(&draw, &mut m, &mut s).unwrap();
            assert_eq!(m.to_vec().unwrap(), rbm.mean_v_from_h(&h).unwrap().to_vec().unwrap());
            if visible == UnitKind::Bernoulli {
                return check_draw(&draw, device, &m, &s);
            }
            let (m, s) = (m.to_vec().unwrap(), s.to_vec().unwrap());
            for (k, (m, s)) in m.iter().zip(&s).enumerate() {
                let (row, column) = ((k / i) as u32, (k % i) as u32);
                let z = harmonium::random::normal(draw.block(row, column / 4), column % 4);
                assert!((s - m - z).abs() < 2e-5 + 1e-6 * m.abs(), "{s} is not {m} + {z}");
            }
        });
    }
}

fn check_draw(draw: &Draw, device: &Device, p: &Tensor, sample: &Tensor) {
    let mut unfused = Tensor::for_output(device, p.shape().dims()).unwrap();
    harmonium::kernels::sample::bernoulli(draw, p, &mut unfused).unwrap();
    assert_eq!(unfused.to_vec().unwrap(), sample.to_vec().unwrap());
}
