//! A level that begins where the one below ends.
//!
//! A machine with the weights of the level below turned round, and its biases exchanged, gives that level's hidden units the
//! distribution that they have there. Put on top it changes nothing about what the net generates, so the bound of the
//! likelihood begins at what the net had without it, and a level that learns better than the one below raises it (Hinton,
//! Osindero and Teh 2006, sections 2 and 4). Units beyond those that the level below reads begin with small weights.

use crate::error::{Error, Result};
use crate::models::autoencoder::Level;
use crate::models::{Rbm, UnitKind};

/// That every level from the second on has as many units as the one below reads. `sizes` are those of the data and of all
/// hidden layers, `given` how many levels are trained already.
///
/// # Errors
/// [`Error::Setting`].
pub fn check_transposed(sizes: &[usize], visible: UnitKind, given: usize) -> Result<()> {
    let refuse = |detail: String| Err(Error::setting("pretrain-transposed", detail));
    if sizes.len() < 3 {
        let detail =
            "begins a level with the weights of the one below, and there is one level only";
        return refuse(detail.into());
    }
    for (number, window) in sizes.windows(3).enumerate().skip(given.saturating_sub(1)) {
        let [reads, _, units] = window else { continue };
        let level = number + 2;
        if units < reads {
            return refuse(format!(
                "needs as many units in level {level} as level {} reads, {reads}, and it has {units}; make it larger, or \
                 leave the option out",
                level - 1
            ));
        }
        if number == 0 && visible != UnitKind::Bernoulli {
            return refuse(format!(
                "has the hidden units of level 2 stand for the data, which are {visible} units, and they are bernoulli ones; \
                 leave it out"
            ));
        }
    }
    Ok(())
}

/// Gives a new machine the weights and biases of the level `below`, turned round; where it reads more than that level's
/// units, labels, and where it has more than that one reads, it keeps its own.
///
/// # Errors
/// Device errors.
pub fn begin_transposed(rbm: &mut Rbm, below: &Level<'_>) -> Result<()> {
    let (units, columns) = (below.hidden_bias.shape().len(), rbm.hidden_count());
    let mut weights = rbm.w.to_vec()?;
    for (input, row) in below.weights.to_vec()?.chunks_exact(units).enumerate() {
        for (unit, &weight) in row.iter().enumerate() {
            weights[unit * columns + input] = weight;
        }
    }
    rbm.w.upload(&weights)?;
    for (own, below) in [(&mut rbm.b, below.hidden_bias), (&mut rbm.a, below.visible_bias)] {
        let mut biases = own.to_vec()?;
        biases[..below.shape().len()].copy_from_slice(&below.to_vec()?);
        own.upload(&biases)?;
    }
    Ok(())
}
