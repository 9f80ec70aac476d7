//! The line search: what it promises holds for random smooth functions, it never hangs, and takes nothing that is not
//! finite.

use std::cell::Cell;

use harmonium::training::{LinePoint, LineSearch, LineSearchEnd, LineSearchResult};
use proptest::prelude::*;

/// A smooth function and its derivative.
type Curve<'a> = &'a dyn Fn(f64) -> [f64; 2];

fn search(search: &LineSearch, curve: Curve<'_>, first: f64, noise: f64) -> LineSearchResult {
    let at = |step: f64| {
        let [loss, slope] = curve(step);
        LinePoint { step, loss, slope }
    };
    search.search(at(0.0), first, noise, &mut |step| Ok(at(step))).unwrap()
}

/// Checks what each kind of end says.
fn check(rule: &LineSearch, found: &LineSearchResult, curve: Curve<'_>) -> Result<(), String> {
    let LinePoint { step, loss, slope } = found.point;
    let [start, first] = curve(0.0);
    let low = loss <= start + rule.sufficient_decrease * step * first;
    let flat = slope.abs() <= rule.curvature * first.abs();
    let holds = match found.end {
        LineSearchEnd::Wolfe => low && flat && step > 0.0,
        LineSearchEnd::Lower => low && loss < start && step > 0.0,
        LineSearchEnd::Nothing => step == 0.0 && loss == start,
    };
    let finite = loss.is_finite() && slope.is_finite();
    let few = found.tried.len() <= rule.evaluations;
    let real = curve(step) == [loss, slope];
    match holds && finite && few && real {
        true => Ok(()),
        false => Err(format!("{found:?}")),
    }
}

proptest! {
    /// Sums of a parabola and of waves, which have many minima: bounded below and smooth, so that there are steps
    /// which satisfy both conditions (Nocedal and Wright, lemma 3.1), and forty evaluations find one.
    #[test]
    fn both_conditions_hold_at_its_end(
        waves in prop::collection::vec((0.1f64..3.0, 0.2f64..4.0, 0.0f64..6.3), 0..4),
        bend in 0.05f64..5.0,
        tilt in 0.1f64..20.0,
        first in -4.0f64..3.0,
        curvature in prop::sample::select(vec![0.01, 0.1, 0.5, 0.9]),
    ) {
        let curve = |a: f64| {
            let mut value = [bend * a * a - tilt * a, 2.0 * bend * a - tilt];
            for &(size, rate, phase) in &waves {
                value[0] += size * (rate * a + phase).cos();
                value[1] -= size * rate * (rate * a + phase).sin();
            }
            value
        };
        prop_assume!(curve(0.0)[1] < -1e-3);
        let rule = LineSearch::new(curvature).evaluations(40);
        let found = search(&rule, &curve, 10f64.powf(first), 0.0);
        prop_assert_eq!(found.end, LineSearchEnd::Wolfe);
        prop_assert!(check(&rule, &found, &curve).is_ok(), "{:?}", found);
    }

    /// With few evaluations, cliffs of NaN and infinity, slopes that are not those of the function: whatever it ends
    /// with is as it says.
    #[test]
    fn whatever_the_function_is_the_end_is_as_it_says(
        bend in -3.0f64..3.0,
        tilt in 0.01f64..20.0,
        lie in prop::sample::select(vec![1.0, -1.0, 0.0, 10.0]),
        cliff in prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        edge in -6.0f64..2.0,
        first in -8.0f64..8.0,
        evaluations in 2usize..30,
    ) {
        let edge = 10f64.powf(edge);
        let curve = |a: f64| match a {
            a if a > edge => [cliff, 1.0],
            0.0 => [0.0, -tilt],
            a => [bend * a * a - tilt * a, lie * (2.0 * bend * a - tilt)],
        };
        let rule = LineSearch::new(0.1).evaluations(evaluations);
        let found = search(&rule, &curve, 10f64.powf(first), 0.0);
        prop_assert!(check(&rule, &found, &curve).is_ok(), "{:?}", found);
    }
}

#[test]
fn a_parabola_takes_two_evaluations_whatever_the_first_step() {
    for first in [0.02, 0.3, 0.999, 1.9] {
        let found = search(
            &LineSearch::new(1e-6).sufficient_decrease(1e-7),
            &|a| [(a - 1.0).powi(2), 2.0 * (a - 1.0)],
            first,
            0.0,
        );
        assert_eq!(found.end, LineSearchEnd::Wolfe);
        assert!((found.point.step - 1.0).abs() < 1e-6, "{found:?}");
        assert!(found.tried.len() <= if first < 0.1 { 3 } else { 2 }, "{found:?}");
    }
}

/// Losses that end in noise, as those of f32 do: the slopes find the minimum, and no search needs many evaluations.
#[test]
fn where_losses_tell_nothing_slopes_decide() {
    let count = Cell::new(0u32);
    let noisy = |a: f64| {
        count.set(count.get() + 1);
        // Seemingly random, of a size of 1e-7.
        let noise = (f64::from(count.get()) * 12.9898).sin() * 1e-7;
        [1.0 + 1e-9 * (a - 1.0).powi(2) + noise, 2e-9 * (a - 1.0)]
    };
    for first in [0.01, 0.3, 5.0, 40.0] {
        let found = search(&LineSearch::new(0.1), &noisy, first, 3e-7);
        assert_eq!(found.end, LineSearchEnd::Wolfe);
        assert!((found.point.step - 1.0).abs() < 0.1 && found.tried.len() < 7, "{found:?}");
    }
}

#[test]
fn a_function_without_a_minimum_ends_too() {
    let found = search(&LineSearch::new(0.1), &|a| [-a, -1.0], 1.0, 0.0);
    assert_eq!((found.end, found.tried.len()), (LineSearchEnd::Lower, 20));
    // Until steps are no numbers of f32 any more.
    let found = search(&LineSearch::new(0.1).evaluations(1000), &|a| [-a, -1.0], 1.0, 0.0);
    assert!(found.end == LineSearchEnd::Lower && found.tried.len() < 50, "{:?}", found.end);
    // And one whose slope says down while it goes up.
    let found = search(&LineSearch::new(0.1).evaluations(1000), &|a| [a, -1.0], 1.0, 0.0);
    assert!(
        found.end == LineSearchEnd::Nothing && found.tried.len() < 200,
        "{}",
        found.tried.len()
    );
    assert_eq!(found.point, LinePoint { step: 0.0, loss: 0.0, slope: -1.0 });
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let mut along = |step: f64| Ok(LinePoint { step, loss: 0.0, slope: 0.0 });
    for (loss, slope, first, noise, said) in [
        (1.0, 0.0, 1.0, 0.0, "slope of 0"),
        (1.0, 2.0, 1.0, 0.0, "leads downwards"),
        (f64::NAN, -1.0, 1.0, 0.0, "a loss of NaN"),
        (f64::INFINITY, -1.0, 1.0, 0.0, "finite loss"),
        (1.0, f64::NAN, 1.0, 0.0, "slope of NaN"),
        (1.0, -1.0, 0.0, 0.0, "a first step of 0"),
        (1.0, -1.0, f64::NAN, 0.0, "a first step of NaN"),
        (1.0, -1.0, 1.0, -1.0, "noise of -1"),
    ] {
        let start = LinePoint { step: 0.0, loss, slope };
        let error = LineSearch::new(0.1).search(start, first, noise, &mut along).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    for (rule, said) in [
        (LineSearch::new(1.0), "curvature: 1 is outside (0, 1)"),
        (LineSearch::new(f64::NAN), "curvature: NaN"),
        (
            LineSearch::new(0.1).sufficient_decrease(0.5),
            "sufficient-decrease: 0.5 is outside (0, 0.5)",
        ),
        (LineSearch::new(0.1).sufficient_decrease(0.2), "curvature: 0.1 is not above"),
        (LineSearch::new(0.1).evaluations(1), "evaluations: 1 is too few"),
        (LineSearch::new(0.1).evaluations(0), "evaluations: 0 is too few"),
    ] {
        let error = rule.check().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
