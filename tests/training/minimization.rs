//! Conjugate gradients and L-BFGS on functions whose minimum is known, on every device.

use harmonium::models::state;
use harmonium::tensor::Tensor;
use harmonium::training::{
    ConjugateGradient, Lbfgs, LineSearch, Minimum, MinimumEnd, Objective, Until,
};
use harmonium::{Device, Error, Result};

use crate::models::support::on_each;

/// A function on the host, in f64, of a point that lies on a device.
struct Host<F> {
    device: Device,
    size: usize,
    f: F,
    evaluations: usize,
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>)> Host<F> {
    fn new(device: &Device, size: usize, f: F) -> Self {
        Host { device: device.clone(), size, f, evaluations: 0 }
    }
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>)> Objective for Host<F> {
    fn size(&self) -> usize {
        self.size
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn evaluate(&mut self, x: &Tensor, gradient: &mut Tensor) -> Result<f64> {
        self.evaluations += 1;
        let x: Vec<f64> = x.to_vec()?.into_iter().map(f64::from).collect();
        let (loss, slopes) = (self.f)(&x);
        gradient.upload(&slopes.into_iter().map(|g| g as f32).collect::<Vec<_>>())?;
        Ok(loss)
    }
}

/// ½(x − x*)ᵀA(x − x*) with eigenvalues of A from 1 to `condition`, evenly spread in their logarithms, along axes that
/// a reflection has turned; x*ᵢ = sin i.
fn quadratic(size: usize, condition: f64) -> impl Fn(&[f64]) -> (f64, Vec<f64>) {
    let axis: Vec<f64> = (0..size).map(|i| (1.7 * i as f64 + 0.3).cos()).collect();
    let square: f64 = axis.iter().map(|u| u * u).sum();
    let reflect = move |x: &[f64]| -> Vec<f64> {
        let along: f64 = x.iter().zip(&axis).map(|(x, u)| x * u).sum::<f64>() * 2.0 / square;
        x.iter().zip(&axis).map(|(x, u)| x - along * u).collect()
    };
    move |x| {
        let from: Vec<f64> = x.iter().enumerate().map(|(i, x)| x - (i as f64).sin()).collect();
        let mut turned = reflect(&from);
        let mut loss = 0.0;
        for (i, t) in turned.iter_mut().enumerate() {
            let eigenvalue = condition.powf(i as f64 / (size - 1).max(1) as f64);
            loss += 0.5 * eigenvalue * *t * *t;
            *t *= eigenvalue;
        }
        (loss, reflect(&turned))
    }
}

/// Σ 100(x_{i+1} − xᵢ²)² + (1 − xᵢ)², whose minimum is 0 at (1, …, 1).
fn rosenbrock(x: &[f64]) -> (f64, Vec<f64>) {
    let (mut loss, mut slopes) = (0.0, vec![0.0; x.len()]);
    for i in 0..x.len() - 1 {
        let (a, b) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
        loss += 100.0 * a * a + b * b;
        slopes[i] -= 400.0 * a * x[i] + 2.0 * b;
        slopes[i + 1] += 200.0 * a;
    }
    (loss, slopes)
}

/// What both kinds have in common.
trait Minimizer {
    fn minimize(&mut self, f: &mut dyn Objective, x: &mut Tensor, until: Until) -> Result<Minimum>;
    fn state(&mut self, device: &Device) -> state::Arrays;
    fn restore(&mut self, device: &Device, arrays: &state::Arrays);
}

macro_rules! minimizer {
    ($($kind:ty)*) => {$(
        impl Minimizer for $kind {
            fn minimize(
                &mut self,
                f: &mut dyn Objective,
                x: &mut Tensor,
                until: Until,
            ) -> Result<Minimum> {
                <$kind>::minimize(self, f, x, until)
            }

            fn state(&mut self, device: &Device) -> state::Arrays {
                state::read(|v| self.visit(device, v)).unwrap()
            }

            fn restore(&mut self, device: &Device, arrays: &state::Arrays) {
                state::write(arrays, |v| self.visit(device, v)).unwrap();
            }
        }
    )*};
}

minimizer! { ConjugateGradient Lbfgs }

/// How a minimiser is made.
type Make = fn() -> Box<dyn Minimizer>;
const CG: Make = || Box::new(ConjugateGradient::new());
const LBFGS: Make = || Box::new(Lbfgs::new(10).unwrap());
const BOTH: [Make; 2] = [CG, LBFGS];

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// ‖∇f(x)‖ over ‖∇f(0)‖ after so many searches from 0.
fn slope_left(
    device: &Device,
    minimizer: &mut dyn Minimizer,
    [size, searches]: [usize; 2],
    condition: f64,
) -> f64 {
    let f = quadratic(size, condition);
    let mut x = Tensor::zeros(device, &[size]).unwrap();
    let mut objective = Host::new(device, size, &f);
    let until = Until::searches(searches);
    let found = minimizer.minimize(&mut objective, &mut x, until).unwrap();
    assert_eq!(found.evaluations, objective.evaluations);
    let x: Vec<f64> = x.to_vec().unwrap().into_iter().map(f64::from).collect();
    norm(&f(&x).1) / norm(&f(&vec![0.0; size]).1)
}

/// The theorem of conjugate directions: n exact searches in n dimensions leave no gradient. c₂ = 10⁻⁶ is as exact as
/// steps of f32 are; a gradient of 10⁻⁴ of the first may be left. With larger conditions what rounding leaves is more,
/// with exact steps in numbers of f32 too: 2e-4 in 5 dimensions with a condition of 100, 1e-3 in 10 with 1000.
#[test]
fn conjugate_gradients_take_n_exact_searches_on_a_quadratic() {
    on_each(|device| {
        for (size, condition) in [(2, 1000.0), (3, 30.0), (5, 10.0), (10, 10.0), (20, 30.0)] {
            let search = LineSearch::new(1e-6).sufficient_decrease(1e-7).evaluations(40);
            let mut cg = ConjugateGradient::new().line_search(search);
            let left = slope_left(device, &mut cg, [size, size], condition);
            assert!(left < 1e-4, "{size} {condition}: {left:e} on {}", device.info());
        }
    });
}

#[test]
fn both_take_at_most_3n_wolfe_searches_on_a_quadratic() {
    on_each(|device| {
        for make in BOTH {
            for (size, condition) in [(2, 1000.0), (5, 100.0), (20, 100.0), (50, 1000.0)] {
                let left = slope_left(device, &mut *make(), [size, 3 * size], condition);
                assert!(left < 1e-4, "{size} {condition}: {left:e} on {}", device.info());
            }
        }
    });
}

#[test]
fn both_find_the_minimum_of_rosenbrock_s_function() {
    on_each(|device| {
        for make in BOTH {
            for (size, searches) in [(2, 60), (10, 200)] {
                let mut objective = Host::new(device, size, rosenbrock);
                let start: Vec<f32> =
                    (0..size).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
                let mut x = Tensor::from_f32(device, &[size], &start).unwrap();
                let until = Until::searches(searches).gradient_norm(1e-3);
                let found = make().minimize(&mut objective, &mut x, until).unwrap();
                let x = x.to_vec().unwrap();
                let far = x.iter().fold(0f32, |far, x| far.max((x - 1.0).abs()));
                assert!(found.loss < 1e-6 && far < 2e-3, "{size}: {found:?}, {x:?}");
            }
        }
    });
}

/// Steepest descent on the same searches does not come there: the tests above are not passed by anything that descends.
#[test]
fn steepest_descent_does_not_come_so_far() {
    let device = Device::cpu();
    let f = quadratic(20, 100.0);
    let mut x = Tensor::zeros(&device, &[20]).unwrap();
    let mut objective = Host::new(&device, 20, &f);
    for _ in 0..60 {
        // A new one each time begins along −g.
        CG().minimize(&mut objective, &mut x, Until::searches(1)).unwrap();
    }
    let x: Vec<f64> = x.to_vec().unwrap().into_iter().map(f64::from).collect();
    let left = norm(&f(&x).1) / norm(&f(&[0.0; 20]).1);
    assert!(left > 1e-3, "{left:e}");
}

/// Stopped after each number of searches, and taken up by another minimiser from arrays.
#[test]
fn a_restored_minimiser_goes_on_bit_for_bit() {
    on_each(|device| {
        for make in BOTH {
            let begin = || Tensor::from_f32(device, &[4], &[-1.2, 1.0, -1.2, 1.0]).unwrap();
            let mut objective = Host::new(device, 4, rosenbrock);
            let (mut whole, mut x) = (make(), begin());
            whole.minimize(&mut objective, &mut x, Until::searches(25)).unwrap();
            let expected = x.to_words().unwrap();
            for stop in [0, 1, 2, 7, 14] {
                let (mut first, mut x) = (make(), begin());
                first.minimize(&mut objective, &mut x, Until::searches(stop)).unwrap();
                // Another one, which knows of another way.
                let (mut second, mut elsewhere) = (make(), Tensor::zeros(device, &[4]).unwrap());
                second.minimize(&mut objective, &mut elsewhere, Until::searches(3)).unwrap();
                second.restore(device, &first.state(device));
                assert_eq!(second.state(device), first.state(device));
                second.minimize(&mut objective, &mut x, Until::searches(25 - stop)).unwrap();
                assert_eq!(x.to_words().unwrap(), expected, "{stop} on {}", device.info());
                assert_eq!(second.state(device), whole.state(device));
            }
        }
    });
}

/// With exact searches, and pairs enough, L-BFGS goes the way of conjugate gradients on a quadratic (Nocedal and Wright,
/// theorem 6.4).
#[test]
fn lbfgs_goes_the_way_of_conjugate_gradients_on_a_quadratic() {
    on_each(|device| {
        let search = LineSearch::new(1e-6).sufficient_decrease(1e-7).evaluations(40);
        for searches in 1..=5 {
            let mut ends = Vec::new();
            let mut cg = ConjugateGradient::new().line_search(search);
            let mut lbfgs = Lbfgs::new(6).unwrap().line_search(search);
            for minimizer in [&mut cg as &mut dyn Minimizer, &mut lbfgs] {
                let mut objective = Host::new(device, 6, quadratic(6, 10.0));
                let mut x = Tensor::zeros(device, &[6]).unwrap();
                minimizer.minimize(&mut objective, &mut x, Until::searches(searches)).unwrap();
                ends.push(x.to_vec().unwrap());
            }
            let far = ends[0].iter().zip(&ends[1]).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(far < 1e-4, "{far} after {searches} on {}: {ends:?}", device.info());
        }
    });
}

/// With few evaluations the lowest point of a search is often not the last one tried.
#[test]
fn the_loss_told_is_that_of_the_point_it_ends_at() {
    let device = Device::cpu();
    let mut lower = 0;
    for evaluations in 2..6 {
        for curvature in [1e-3, 0.1] {
            let search = LineSearch::new(curvature).evaluations(evaluations);
            for searches in 1..12 {
                let mut objective = Host::new(&device, 2, rosenbrock);
                let mut x = Tensor::from_f32(&device, &[2], &[-1.2, 1.0]).unwrap();
                let mut cg = ConjugateGradient::new().line_search(search);
                let found = cg.minimize(&mut objective, &mut x, Until::searches(searches)).unwrap();
                let x: Vec<f64> = x.to_vec().unwrap().into_iter().map(f64::from).collect();
                assert_eq!(found.loss, rosenbrock(&x).0, "{evaluations} {curvature} {searches}");
                lower += usize::from(found.loss < found.start);
            }
        }
    }
    assert!(lower > 60, "{lower} came lower");
}

#[test]
fn the_end_of_what_losses_tell_is_no_error() {
    on_each(|device| {
        for make in BOTH {
            // A loss with a large constant, in f32 as networks have it.
            let f = |x: &[f64]| {
                let (loss, slopes) = quadratic(3, 10.0)(x);
                (f64::from((1000.0 + loss) as f32), slopes)
            };
            let mut x = Tensor::zeros(device, &[3]).unwrap();
            let mut objective = Host::new(device, 3, f);
            let found = make().minimize(&mut objective, &mut x, Until::searches(100)).unwrap();
            assert!(found.gradient_norm < 1e-4, "{found:?}");
            assert!(found.end == MinimumEnd::Stalled && found.evaluations < 400, "{found:?}");
        }
    });
}

#[test]
fn a_gradient_of_another_function_is_told() {
    on_each(|device| {
        for make in BOTH {
            let wrong = |x: &[f64]| {
                let (loss, slopes) = quadratic(3, 10.0)(x);
                (loss, slopes.into_iter().map(|g| -g).collect())
            };
            let mut x = Tensor::zeros(device, &[3]).unwrap();
            let mut objective = Host::new(device, 3, wrong);
            let end = make().minimize(&mut objective, &mut x, Until::searches(100));
            let error = end.unwrap_err().to_string();
            assert!(error.contains("the gradient is not that of the loss"), "{error}");
            assert!(objective.evaluations < 60 && x.to_vec().unwrap() == [0.0; 3]);
        }
    });
}

#[test]
fn cliffs_are_stepped_back_from_and_a_start_beyond_is_refused() {
    on_each(|device| {
        for make in BOTH {
            // Minus the logarithm, of which there is none below 0; its slope is large at the cliff.
            let barrier = |x: &[f64]| {
                let loss = x[0] - 0.01 * x[0].ln();
                (loss, vec![1.0 - 0.01 / x[0]])
            };
            let mut x = Tensor::from_f32(device, &[1], &[5.0]).unwrap();
            let mut objective = Host::new(device, 1, barrier);
            let found = make().minimize(&mut objective, &mut x, Until::searches(30)).unwrap();
            assert!((x.to_vec().unwrap()[0] - 0.01).abs() < 1e-4, "{x:?} {found:?}");
            let mut x = Tensor::from_f32(device, &[1], &[-1.0]).unwrap();
            let error = make().minimize(&mut objective, &mut x, Until::searches(1)).unwrap_err();
            assert!(
                matches!(error, Error::Run { .. }) && error.to_string().contains("NaN"),
                "{error}"
            );
            let mut long = Tensor::zeros(device, &[2]).unwrap();
            let error = make().minimize(&mut objective, &mut long, Until::searches(1)).unwrap_err();
            assert!(error.to_string().contains("the start is [2], expected [1]"), "{error}");
        }
    });
}

#[test]
fn it_ends_where_it_is_told_to() {
    let device = Device::cpu();
    for make in BOTH {
        let mut objective = Host::new(&device, 5, quadratic(5, 10.0));
        let mut x = Tensor::zeros(&device, &[5]).unwrap();
        let none = make().minimize(&mut objective, &mut x, Until::searches(0)).unwrap();
        assert_eq!((none.end, none.searches, none.evaluations), (MinimumEnd::Searches, 0, 1));
        let until = Until::searches(100).gradient_norm(1e-2);
        let found = make().minimize(&mut objective, &mut x, until).unwrap();
        assert_eq!(found.end, MinimumEnd::Gradient);
        assert!(found.gradient_norm <= 1e-2 && found.searches < 30, "{found:?}");
        assert!(found.loss < found.start);
        // At the minimum itself.
        let zero = |_: &[f64]| (1.0, vec![0.0; 5]);
        let mut objective = Host::new(&device, 5, zero);
        let found = make().minimize(&mut objective, &mut x, Until::searches(9)).unwrap();
        assert_eq!((found.end, found.searches), (MinimumEnd::Gradient, 0));
    }
}
