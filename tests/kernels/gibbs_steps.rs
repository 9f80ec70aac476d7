use harmonium::kernels::gibbs_steps::proof::case;
use harmonium::kernels::gibbs_steps::{Machine, gibbs_steps, with_steps_at_once};
use harmonium::random::Draw;
use harmonium::tensor::Tensor;

use super::losses::{assert_refused, everywhere, tensor};
use super::{assert_passed, on_gpus};

#[test]
fn steps_at_once_draw_what_half_steps_draw() {
    on_gpus(|gpu| {
        for dims in [[1, 3, 2], [3, 128, 127], [4, 127, 128], [5, 129, 1], [6, 1, 129]] {
            assert_passed(gpu, case(gpu, dims, 3));
        }
        // As many units as fit, and one more, which go half-step by half-step.
        for dims in [[2, 800, 96], [2, 800, 97]] {
            assert_passed(gpu, case(gpu, dims, 0));
        }
        assert_passed(gpu, case(gpu, [3, 9, 5], (1 << 32) - 1));
    });
}

/// So many steps are several dispatches on a software adapter, whose loops end: all of them are taken, and a machine that
/// copies (h = v and v = h) keeps its states.
#[test]
fn a_thousand_steps_are_taken() {
    everywhere(|device| {
        for at_once in [false, true] {
            let machine = [[200.0, 0.0], [0.0, 200.0]].concat();
            let w = tensor(device, &[2, 2], &machine);
            let (b, a) = (tensor(device, &[2], &[-100.0; 2]), tensor(device, &[2], &[-100.0; 2]));
            let mut v = tensor(device, &[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
            let mut h = Tensor::zeros(device, &[3, 2]).unwrap();
            let draws = [Draw::new(1, 30), Draw::new(1, 31)];
            let machine = Machine { w: &w, b: &b, a: &a };
            let steps = 1001;
            with_steps_at_once(at_once, || gibbs_steps(machine, [&mut v, &mut h], steps, &draws))
                .unwrap();
            assert_eq!(v.to_vec().unwrap(), [1.0, 0.0, 0.0, 1.0, 1.0, 1.0], "{}", device.info());
            assert_eq!(h.to_vec().unwrap(), [1.0, 0.0, 0.0, 1.0, 1.0, 1.0], "{}", device.info());
        }
    });
}

/// Two calls draw what one of as many steps draws, across the seams of dispatches.
#[test]
fn two_calls_are_one_of_as_many_steps() {
    everywhere(|device| {
        let run = |at_once: bool, parts: &[u64]| {
            let w = tensor(device, &[3, 2], &[0.5, -1.0, 2.0, 0.25, -0.5, 1.0]);
            let (b, a) =
                (tensor(device, &[3], &[0.5, 0.0, -0.5]), tensor(device, &[2], &[0.25; 2]));
            let mut v = Tensor::zeros(device, &[7, 3]).unwrap();
            let mut h = Tensor::zeros(device, &[7, 2]).unwrap();
            let machine = Machine { w: &w, b: &b, a: &a };
            let mut step = 0;
            for &steps in parts {
                let draws = [30, 31].map(|stream| Draw::new(9, stream).at(step));
                with_steps_at_once(at_once, || {
                    gibbs_steps(machine, [&mut v, &mut h], steps, &draws)
                })
                .unwrap();
                step += steps;
            }
            [v.to_vec().unwrap(), h.to_vec().unwrap()]
        };
        let whole = run(true, &[5000]);
        assert_eq!(whole, run(true, &[1, 0, 4321, 678]), "{}", device.info());
        assert_eq!(whole, run(false, &[5000]), "{}", device.info());
    });
}

#[test]
fn other_shapes_are_refused() {
    everywhere(|device| {
        let zeros = |dims: &[usize]| Tensor::zeros(device, dims).unwrap();
        let (w, b, a) = (zeros(&[3, 2]), zeros(&[3]), zeros(&[2]));
        let draws = [Draw::new(1, 30), Draw::new(1, 31)];
        let refused = |a: &Tensor, mut v: Tensor, mut h: Tensor, text: &str| {
            let machine = Machine { w: &w, b: &b, a };
            assert_refused(gibbs_steps(machine, [&mut v, &mut h], 2, &draws), &[text]);
        };
        refused(&b, zeros(&[4, 3]), zeros(&[4, 2]), "the hidden bias is [3], expected [2]");
        refused(&a, zeros(&[4, 2]), zeros(&[4, 2]), "v is [4, 2], expected [4, 3]");
        refused(&a, zeros(&[4, 3]), zeros(&[5, 2]), "h is [5, 2], expected [4, 2]");
    });
}
