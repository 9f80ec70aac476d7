//! Comparison of what a device computed with what was expected.

use super::Outcome;

/// The spacing of f32 numbers at 1, 2⁻²³. WGSL leaves the rounding mode open, so one operation on a GPU
/// errs by up to EPSILON relative to its result; on the CPU by half of that.
pub const EPSILON: f64 = f32::EPSILON as f64;

/// The smallest normal f32, 2⁻¹²⁶: GPUs may flush what is smaller to 0.
pub const FLUSH: f64 = f32::MIN_POSITIVE as f64;

/// Gathers the comparisons of one case.
#[derive(Debug, Default)]
pub struct Check {
    worst: f64,
    detail: Option<String>,
}

impl Check {
    /// Compares element by element: `tolerance(i)` bounds the absolute error of element i. NaN asks for
    /// NaN and an infinity for the same infinity. Where the tolerance is not finite the inputs were not,
    /// and a finite result is a saturated activation's: it must agree to rounding.
    pub fn compare(
        &mut self,
        name: &str,
        expected: &[f32],
        found: &[f32],
        tolerance: impl Fn(usize) -> f64,
    ) {
        if expected.len() != found.len() {
            let sizes = format!("{name}: {} values, expected {}", found.len(), expected.len());
            return self.note(f64::INFINITY, || sizes);
        }
        for (i, (&e, &f)) in expected.iter().zip(found).enumerate() {
            let ratio = if e.is_nan() || e.is_infinite() {
                if e == f || (e.is_nan() && f.is_nan()) { 0.0 } else { f64::INFINITY }
            } else if f.is_finite() {
                let error = (f64::from(f) - f64::from(e)).abs();
                let mut bound = tolerance(i);
                if !bound.is_finite() {
                    bound = EPSILON * (1.0 + f64::from(e).abs());
                }
                if error == 0.0 { 0.0 } else { error / bound }
            } else {
                f64::INFINITY
            };
            self.note(ratio, || format!("{name}[{i}] is {f:e}, expected {e:e}"));
        }
    }

    /// Every word must be the same.
    pub fn exact(&mut self, name: &str, expected: &[u32], found: &[u32]) {
        if expected.len() != found.len() {
            let sizes = format!("{name}: {} values, expected {}", found.len(), expected.len());
            return self.note(f64::INFINITY, || sizes);
        }
        let differs = expected.iter().zip(found).position(|(e, f)| e != f);
        if let Some(i) = differs {
            let (e, f) = (expected[i], found[i]);
            self.note(f64::INFINITY, || format!("{name}[{i}] is {f:#010x}, expected {e:#010x}"));
        }
    }

    /// As [`Check::exact`], for f32 values.
    pub fn exact_f32(&mut self, name: &str, expected: &[f32], found: &[f32]) {
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        self.exact(name, &bits(expected), &bits(found));
    }

    /// Bernoulli draws by the uniform numbers `u` from probabilities that are known to within
    /// `tolerance`: a draw may differ only where u and p are closer than that. NaN never fires.
    pub fn bernoulli(
        &mut self,
        p: &[f32],
        u: &[f32],
        found: &[f32],
        tolerance: impl Fn(usize) -> f64,
    ) {
        for (i, ((&p, &u), &f)) in p.iter().zip(u).zip(found).enumerate() {
            let expected = f32::from(u8::from(u < p));
            let distance = (f64::from(u) - f64::from(p)).abs();
            let excused = distance <= tolerance(i) && (f == 0.0 || f == 1.0);
            if f != expected && !excused {
                self.note(f64::INFINITY, || format!("sample[{i}] is {f}, u = {u:e}, p = {p:e}"));
            }
        }
        if p.len() != found.len() || u.len() != found.len() {
            self.note(f64::INFINITY, || "the numbers of samples differ".into());
        }
    }

    /// Keeps the worst ratio. One that is NaN counts as infinite.
    pub fn note(&mut self, ratio: f64, detail: impl FnOnce() -> String) {
        let ratio = if ratio.is_nan() { f64::INFINITY } else { ratio };
        if ratio > self.worst {
            self.worst = ratio;
            self.detail = (ratio > 1.0).then(detail);
        }
    }

    /// The case's result.
    pub fn outcome(self, kernel: &'static str, case: String) -> Outcome {
        Outcome { kernel, case, worst: self.worst, detail: self.detail }
    }
}
