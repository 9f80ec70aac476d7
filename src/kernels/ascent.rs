//! The step of contrastive divergence.

/// One step of steepest ascent with momentum and weight decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// η, the learning rate.
    pub rate: f32,
    /// m, the momentum.
    pub momentum: f32,
    /// d, the weight decay (L2).
    pub decay: f32,
}
