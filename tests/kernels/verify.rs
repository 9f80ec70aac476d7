//! The comparison itself, and the standard set on every adapter.

use harmonium::device::testing;
use harmonium::kernels::catalogue;
use harmonium::kernels::proof::Check;
use harmonium::verify::verify;

use super::{assert_passed, on_gpus};

#[test]
fn the_standard_set_passes_on_every_adapter() {
    on_gpus(|gpu| {
        let start = std::time::Instant::now();
        let mut names = Vec::new();
        let outcomes = verify(gpu, |name| names.push(name.to_string())).unwrap();
        println!("{} cases on {} in {:.1?}", outcomes.len(), gpu.info(), start.elapsed());
        for kernel in &names {
            let of = outcomes.iter().filter(|o| o.kernel == kernel);
            let worst = of.map(|o| o.worst).fold(0.0, f64::max);
            println!("  {kernel}: worst error is {worst:.3} of its tolerance");
        }
        assert_eq!(names.len(), catalogue().len());
        assert!(outcomes.len() > 200);
        outcomes.into_iter().for_each(|outcome| assert_passed(gpu, Ok(outcome)));
    });
}

/// Every kernel with a change that its standard set has to see: a line of its shader, and what it becomes.
const WRONG: [(&str, &str, &str); 30] = [
    ("sample", "params.first_case + row", "params.first_case + row + 1u"),
    ("elementwise", "r = p * q;", "r = p * q * 1.000001;"),
    ("activation", "vec4<f32>(value)).x", "vec4<f32>(value * 1.00001)).x"),
    ("activation_grad", "dy[i] * slope(value);", "dy[i] * slope(value) * 1.00001;"),
    ("dropout", "params.scale * x[start + c]", "params.scale * x[start + c] * 1.000001"),
    ("softmax", "- largest) / sum;", "- largest) / sum * 1.001;"),
    ("reduce", "return a + b;", "return a + b * 1.00001;"),
    ("gather", "x[c] *= params.scale;", "x[c] *= params.scale * 1.000001;"),
    ("bias_update", "params.scale0 * sum0", "params.scale0 * sum0 * 1.01"),
    ("matmul", "x[i] *= params.alpha;", "x[i] *= params.alpha * 1.01;"),
    ("cd_update", "velocity[start + i] = change;", "velocity[start + i] = change * 1.01;"),
    ("anneal", "= partial[0];", "= partial[0] * 1.01;"),
    ("conv2d", "var value = sums;", "var value = sums * 1.01;"),
    ("conv2d_grad_input", "= sums[i];", "= sums[i] * 1.01;"),
    ("conv2d_grad_kernel", "sums[start + i] = value[i];", "sums[start + i] = value[i] * 1.01;"),
    ("cross_entropy", "gap + ln_one_plus(beyond_one)", "gap + ln_one_plus(beyond_one) * 1.001"),
    ("squared_error", "= sum / params.divisor;", "= sum / params.divisor * 1.001;"),
    ("rbf", "y[row] = sum;", "y[row] = sum * 1.001;"),
    ("rbf_grad_input", "dx[at] = sum;", "dx[at] = sum * 1.001;"),
    ("rbf_loss", "gap + ln_one_plus(beyond_one)", "gap + ln_one_plus(beyond_one) * 1.001"),
    ("argmax", "+ row] = column;", "+ row] = column + 1u;"),
    ("error_count", "select(1.0, 0.0, right)", "select(0.0, 1.0, right)"),
    ("sgd", "params.rate * direction", "params.rate * direction * 1.001"),
    ("adam", "params.rate * mean / deviation", "params.rate * mean / deviation * 1.001"),
    ("pool2d", "y[i] = sum / (", "y[i] = 1.001 * sum / ("),
    ("pool2d_grad_input", "dx[i] = sum;", "dx[i] = sum * 1.001;"),
    ("subsample", "coefficient[channel] * sum", "coefficient[channel] * sum * 1.01"),
    ("subsample_grad_input", "dx[i] = value;", "dx[i] = value * 1.00001;"),
    ("subsample_grad_parameters", "= sums[0].x;", "= sums[0].x * 1.01;"),
    ("affine", "y[at] = value;", "y[at] = value * 1.001;"),
];

fn made_wrong(shader: &str, source: String) -> String {
    let kernel = shader.trim_end_matches("_register");
    let Some((_, right, wrong)) = WRONG.iter().find(|w| w.0 == kernel) else { return source };
    assert!(source.contains(right), "{shader} has no {right:?}");
    source.replace(right, wrong)
}

/// Not one that computes nothing: one that is out by a little.
#[test]
fn every_kernel_wrong_on_purpose_is_rejected_on_every_adapter() {
    for gpu in crate::support::own_gpus() {
        testing::patch_shaders(&gpu, made_wrong);
        let outcomes = verify(&gpu, |_| {}).unwrap();
        for kernel in catalogue().iter().map(|entry| entry.name) {
            assert!(WRONG.iter().any(|w| w.0 == kernel), "{kernel} is not made wrong");
            let rejected = outcomes.iter().any(|o| o.kernel == kernel && !o.passed());
            assert!(rejected, "{kernel} is wrong, and passes on {}", gpu.info());
        }
    }
}

/// The verdict on two short lists with a tolerance of 0.1.
fn worst(expected: &[f32], found: &[f32]) -> f64 {
    let mut check = Check::default();
    check.compare("x", expected, found, |_| 0.1);
    check.outcome("test", String::new()).worst
}

#[test]
fn the_comparison_rejects_what_is_wrong() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    assert_eq!(worst(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
    assert!((worst(&[1.0, 2.0], &[1.0, 2.05]) - 0.5).abs() < 1e-5);
    assert!(worst(&[1.0, 2.0], &[1.0, 2.2]) > 1.9);
    // The bad element comes before a good one.
    assert!(worst(&[1.0, 2.0], &[1.3, 2.0]) > 1.0);
    assert_eq!(worst(&[1.0, 2.0], &[1.0]), f64::INFINITY);
    for (expected, found) in
        [(NAN, 1.0), (1.0, NAN), (INF, 1.0), (1.0, INF), (INF, -INF), (INF, NAN), (NAN, INF)]
    {
        assert_eq!(worst(&[expected], &[found]), f64::INFINITY, "{expected} {found}");
    }
    assert_eq!(worst(&[NAN, INF, -INF], &[NAN, INF, -INF]), 0.0);

    let zero = |found: f32| {
        let mut check = Check::default();
        check.compare("x", &[1.0], &[found], |_| 0.0);
        check.outcome("test", String::new())
    };
    assert!(zero(1.0).passed());
    assert!(!zero(1.0 + f32::EPSILON).passed());
    assert!(zero(2.0).detail.unwrap().contains("x[0] is 2e0, expected 1e0"));
}

#[test]
fn exact_comparisons_reject_one_bit() {
    let exact = |expected: &[f32], found: &[f32]| {
        let mut check = Check::default();
        check.exact_f32("x", expected, found);
        check.outcome("test", String::new()).worst
    };
    assert_eq!(exact(&[1.0, f32::NAN], &[1.0, f32::NAN]), 0.0);
    assert_eq!(exact(&[1.0], &[1.0 + f32::EPSILON]), f64::INFINITY);
    assert_eq!(exact(&[0.0], &[-0.0]), f64::INFINITY);
    assert_eq!(exact(&[0.0], &[]), f64::INFINITY);
}

#[test]
fn sampled_bits_may_differ_only_where_the_probability_is_uncertain() {
    let draws = |p: f32, u: f32, found: f32| {
        let mut check = Check::default();
        check.bernoulli(&[p], &[u], &[found], |_| 0.01);
        check.outcome("test", String::new()).passed()
    };
    assert!(draws(0.5, 0.3, 1.0) && draws(0.5, 0.7, 0.0));
    assert!(!draws(0.5, 0.3, 0.0) && !draws(0.5, 0.7, 1.0));
    assert!(draws(0.5, 0.495, 0.0) && draws(0.5, 0.505, 1.0));
    assert!(!draws(0.5, 0.495, 0.5), "only 0 and 1 are draws");
    assert!(draws(f32::NAN, 0.3, 0.0) && !draws(f32::NAN, 0.3, 1.0), "NaN never fires");
}
