//! One layer's place in a network.

use super::{
    ActivationLayer, Build, Conv, Dropout, Layer, LayerSpec, Linear, Parameter, Pass, PoolLayer,
    Subsample,
};
use crate::error::{Error, Result};
use crate::random::Draw;

pub(super) struct Stage {
    pub name: String,
    /// None for a flattening: what it gives is what it gets under another shape.
    pub layer: Option<Box<dyn Layer>>,
    /// A case's sizes after it.
    pub dims: Vec<usize>,
    /// The place of the workspace where its input lies; `None` for the batch itself. A flattening at the front
    /// has a place, for a copy of the batch.
    pub from: Option<usize>,
}

impl Stage {
    pub fn parameters(&self) -> &[Parameter] {
        self.layer.as_ref().map_or(&[], |layer| layer.parameters())
    }
}

/// Builds what a description says.
pub(super) fn layer(
    build: &mut Build<'_>,
    spec: &LayerSpec,
    input: &[usize],
) -> Result<Box<dyn Layer>> {
    let channels = input.first().copied().unwrap_or(0);
    Ok(match spec {
        LayerSpec::Linear(spec) => Box::new(Linear::new(build, spec, channels)?),
        LayerSpec::Conv(spec) => Box::new(Conv::new(build, spec, channels)?),
        LayerSpec::Pool(spec) => Box::new(PoolLayer::new(spec.pooling())),
        LayerSpec::Subsample { size, activation } => {
            Box::new(Subsample::new(build, channels, size.sides(), *activation)?)
        }
        LayerSpec::Activation { function } => Box::new(ActivationLayer::new(*function)),
        LayerSpec::Dropout { rate } => Box::new(Dropout::new(*rate)),
        LayerSpec::Flatten => {
            return Err(Error::setting("layer", "a flattening has no layer of its own"));
        }
    })
}

/// Layers that may draw random numbers: the draws of one step.
const MOST_DRAWING: usize = 256;

/// Refuses a layer that draws where so many come before it that a step has no numbers for it.
pub(super) fn check_draws(spec: &LayerSpec, before: usize) -> Result<()> {
    if !matches!(spec, LayerSpec::Dropout { .. }) || before < MOST_DRAWING {
        return Ok(());
    }
    let detail = format!(
        "{before} come before it, flattenings counted, and only the first {MOST_DRAWING} of a network can drop \
         units: later ones would repeat the masks of other updates"
    );
    Err(Error::setting("layers", detail))
}

/// No two of the first layers draw the same numbers; later ones draw none.
pub(super) fn numbered(pass: Pass, layer: usize) -> Pass {
    match pass {
        Pass::Evaluate => Pass::Evaluate,
        Pass::Train(draw) => {
            let first = draw.step.wrapping_mul(MOST_DRAWING as u64);
            Pass::Train(Draw { step: first | layer as u64, ..draw })
        }
    }
}
