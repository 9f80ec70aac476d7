//! What descriptions of layers share: defaults for files, and words.

use crate::kernels::activation::Activation;

pub(super) fn yes() -> bool {
    true
}

pub(super) fn is_yes(x: &bool) -> bool {
    *x
}

pub(super) fn is_no(x: &bool) -> bool {
    !*x
}

pub(super) fn is_identity(f: &Activation) -> bool {
    *f == Activation::Identity
}

pub(super) fn unless(usual: bool, text: String) -> String {
    if usual { String::new() } else { text }
}

pub(super) fn activated(f: Activation) -> String {
    unless(is_identity(&f), format!(", {}", function_words(f)))
}

pub(super) fn biased(bias: bool) -> String {
    unless(bias, ", no bias".into())
}

pub(super) fn function_words(f: Activation) -> &'static str {
    match f {
        Activation::Identity => "identity",
        Activation::Sigmoid => "sigmoid",
        Activation::Tanh => "tanh",
        Activation::Relu => "ReLU",
        Activation::Softplus => "softplus",
        Activation::ScaledTanh => "scaled tanh",
    }
}
