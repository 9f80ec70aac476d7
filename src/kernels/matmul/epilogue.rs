//! What a matrix product is made of and what becomes of it.

use crate::kernels::activation::Activation;
use crate::tensor::Tensor;

/// What becomes of the product.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// α, the factor of AB + C.
    pub alpha: f32,
    /// β, the weight of `bias1`; `bias0` has 1 − β.
    pub beta: f32,
    /// C `[m, n]`, added before everything else.
    pub c: Option<&'a Tensor>,
    /// bias₀ `[n]`, added to every row with weight 1 − β.
    pub bias0: Option<&'a Tensor>,
    /// bias₁ `[n]`, added to every row with weight β.
    pub bias1: Option<&'a Tensor>,
    /// f.
    pub activation: Activation,
    /// Whether C is what the output held before.
    pub accumulate: bool,
    /// An activation and its outputs `[m, n]`: where the mean is a gradient with respect to these, it goes on through the
    /// activation, times its slope ([`activation_grad`](crate::kernels::activation_grad::activation_grad)), after all else.
    pub slope: Option<(Activation, &'a Tensor)>,
}

impl Default for Epilogue<'_> {
    /// The plain product: α = β = 1 and nothing else.
    fn default() -> Self {
        Epilogue {
            alpha: 1.0,
            beta: 1.0,
            c: None,
            bias0: None,
            bias1: None,
            activation: Activation::Identity,
            accumulate: false,
            slope: None,
        }
    }
}

impl<'a> Epilogue<'a> {
    /// f(AB + bias).
    pub fn new(bias: &'a Tensor, activation: Activation) -> Self {
        Epilogue { bias1: Some(bias), activation, ..Self::default() }
    }
}

/// Which operands are stored transposed: A as `[k, m]`, B as `[n, k]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transpose {
    /// A is stored as `[k, m]`.
    pub a: bool,
    /// B is stored as `[n, k]`.
    pub b: bool,
}

impl Transpose {
    /// Neither.
    pub const NN: Self = Transpose { a: false, b: false };
    /// B alone.
    pub const NT: Self = Transpose { a: false, b: true };
    /// A alone.
    pub const TN: Self = Transpose { a: true, b: false };
    /// Both.
    pub const TT: Self = Transpose { a: true, b: true };
}

/// The noise of a sample around the mean f(…).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// 1 with probability f(…), to less than 2⁻²⁴ and at 0 and 1 exactly ([`bernoulli`](crate::random::bernoulli)), else 0.
    Bernoulli,
    /// f(…) plus a normal number of this standard deviation.
    Gaussian(f32),
}
