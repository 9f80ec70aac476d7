//! What a network makes of one picture.

use super::trained::TrainedNetwork;
use crate::error::Result;
use crate::jobs::Chosen;
use crate::layers::{LayerSpec, StageView, Workspace};
use crate::run::features::{Answer, LayerPicture, Maps, features};
use crate::run::png_file::Picture;
use crate::tensor::Tensor;

impl TrainedNetwork {
    /// The kernels, what each layer makes of one of the cases, and the answer, on a sheet with this title.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) where there is no such case; where it cannot be drawn; device errors.
    pub fn features(&self, chosen: &Chosen, case: usize, title: &str) -> Result<Picture> {
        chosen.check_case(case)?;
        let one = chosen.cases.select(&[case as u32])?;
        let [c, h, w] = self.network.spec().input;
        let values = self.origin.input.values(&one);
        let x = Tensor::from_f32(self.network.device(), &[1, c, h, w], &values)?;
        let (layers, mut space) = (self.network.layers(), Workspace::new());
        let scores = self.network.scores_in(&x, &mut space)?;
        let mut said = self.network.classes_of(&scores)?.into_iter().map(|class| class as usize);
        let answer = Answer {
            names: self.origin.classes.clone(),
            predicted: said.find(|&class| class < self.origin.classes.len()),
            probabilities: self.network.probabilities_of(scores)?.to_vec()?,
            truth: chosen.labels.as_ref().and_then(|labels| Some(*labels.get(case)? as usize)),
        };
        let mut specs = self.network.spec().layers.iter();
        let mut pictures: Vec<LayerPicture> = Vec::new();
        for (i, stage) in layers.stages().enumerate() {
            if stage.name == "flatten" {
                if matches!(specs.as_slice().first(), Some(LayerSpec::Flatten)) {
                    specs.next();
                }
                continue;
            }
            let spec = specs.next();
            let Some(value) = space.value(i) else { continue };
            pictures.push(LayerPicture {
                title: format!("{}: {}", stage.name, spec.map_or(String::new(), described)),
                kernels: kernels(&stage)?,
                inputs: inputs(&stage),
                maps: maps(stage.output, value.to_vec()?),
            });
        }
        let input = Maps { count: c, height: h, width: w, values };
        features(title, &input, &pictures, Some(&answer))
    }
}

fn maps(dims: &[usize], values: Vec<f32>) -> Maps {
    match *dims {
        [count, height, width] => Maps { count, height, width, values },
        _ => Maps { count: values.len(), height: 1, width: 1, values },
    }
}

/// What a layer does here, in words.
fn described(spec: &LayerSpec) -> String {
    match spec {
        LayerSpec::Dropout { .. } => "dropout (nothing dropped)".into(),
        spec => spec.words(),
    }
}

fn kernels(stage: &StageView<'_>) -> Result<Option<Maps>> {
    let Some(kernel) = stage.parameters.iter().find(|p| p.name.ends_with(".kernel")) else {
        return Ok(None);
    };
    let &[outputs, inputs, height, width] = kernel.value.shape().dims() else { return Ok(None) };
    Ok(Some(Maps { count: outputs * inputs, height, width, values: kernel.value.to_vec()? }))
}

fn inputs(stage: &StageView<'_>) -> usize {
    let kernel = stage.parameters.iter().find(|p| p.name.ends_with(".kernel"));
    kernel.map_or(0, |p| p.value.shape().dims().get(1).copied().unwrap_or(0))
}
