//! What levels that were trained one by one become (Salakhutdinov and Hinton 2009, section 3).
//!
//! In a deep machine a layer is fed from both sides, and a level trained alone knows one of them. So each is trained as
//! if its missing neighbour said what the one that is there says: upwards every level but the top sees its input twice,
//! downwards every level but the first its output. With U the weights that a level uses upwards that is
//!
//! | level | p(hidden \| visible) | p(visible \| hidden) | what it becomes |
//! |---|---|---|---|
//! | first | σ(vᵀU + a) | σ(½Uh + b) | W = ½U |
//! | between | σ(vᵀU + a) | σ(Uh + b) | W = ½U |
//! | top | σ(vᵀU + a) | σ(2Uh + b) | W = U |
//!
//! and a hidden layer gets the mean of its two biases. A level so trained is a machine of two copies of a layer with the
//! same weights; with one copy of each the prior of h¹ becomes √(p₁p₂), normalised, of what both levels made of it.

use super::{DeepBoltzmannMachine, check_layers};
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::models::{Rbm, UnitKind};

/// The factor of what level `level` of `levels`, counted from 0, gives downwards while it is trained.
pub(crate) fn gain_down(level: usize, levels: usize) -> f32 {
    match level {
        0 => 0.5,
        _ if level + 1 == levels => 2.0,
        _ => 1.0,
    }
}

impl DeepBoltzmannMachine {
    /// The deep machine of levels that were trained one by one, from the data upwards; their weights are those that they
    /// use upwards.
    ///
    /// ```
    /// use harmonium::models::{DeepBoltzmannMachine, Rbm, Units};
    /// let device = harmonium::Device::cpu();
    /// let level = |v, h| Rbm::new(&device, Units::bernoulli(v), Units::bernoulli(h), 42);
    /// let levels = vec![level(6, 4)?, level(4, 5)?];
    /// let upwards = levels[0].weights().to_vec()?;
    /// let dbm = DeepBoltzmannMachine::from_levels(levels)?;
    /// assert_eq!(dbm.weights(1).to_vec()?[0], 0.5 * upwards[0]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] where there are not two or three levels, or a level's visible units are not the hidden ones
    /// below it, or hidden ones are not Bernoulli; device errors.
    pub fn from_levels(levels: Vec<Rbm>) -> Result<Self> {
        check_layers(levels.len())?;
        let count = levels.len();
        for (number, pair) in (2..).zip(levels.windows(2)) {
            let (below, own) = (pair[0].hidden(), pair[1].visible());
            if below != own {
                let [below, own] = [below, own].map(|u| format!("{} {}", u.count(), u.kind()));
                let detail = format!(
                    "level {number} has {own} visible units above {below} hidden ones; give the same"
                );
                return Err(Error::setting("levels", detail));
            }
        }
        if let Some(top) = levels.last().filter(|top| top.hidden().kind() != UnitKind::Bernoulli) {
            let kind = top.hidden().kind();
            let detail = format!("the top has {kind} hidden units; use bernoulli");
            return Err(Error::setting("levels", detail));
        }
        let visible = levels[0].visible().kind();
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (number, level) in levels.into_iter().enumerate() {
            let [mut w, b, a] = level.into_parts();
            if number + 1 < count {
                elementwise_in_place(Elementwise::Affine(0.5, 0.0), &mut w, None)?;
            }
            match biases.last_mut() {
                None => biases.push(b),
                Some(own) => {
                    let mean = Elementwise::Combine(0.5, 0.5);
                    elementwise_in_place(mean, own, Some(&b))?;
                }
            }
            weights.push(w);
            biases.push(a);
        }
        DeepBoltzmannMachine::from_parts(visible, weights, biases)
    }
}
