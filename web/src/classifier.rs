//! A network that says what a drawing shows, layer by layer.

use harmonium::data::{self, Cases, DataSet, ImageShape, Values};
use harmonium::jobs::TrainedNetwork;
use harmonium::layers::Workspace;
use harmonium::run::ModelFile;
use harmonium::{Result, Tensor};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::{Opened, error};

/// A case of the bundled digits' test part, 8×8 pixels; empty where there is none of that number.
#[wasm_bindgen]
pub fn test_digit(number: usize) -> std::result::Result<Vec<f32>, JsError> {
    let test = data::digits().map_err(error)?.test;
    Ok(test.map_or(Vec::new(), |test| test.cases.row(number)))
}

/// A trained network.
#[wasm_bindgen]
pub struct Classifier(TrainedNetwork);

#[wasm_bindgen]
impl Classifier {
    /// The network of a model file.
    pub fn of_file(
        device: &Opened,
        name: &str,
        bytes: &[u8],
    ) -> std::result::Result<Classifier, JsError> {
        let file = ModelFile::from_bytes(name, bytes).map_err(error)?;
        TrainedNetwork::from_file(file, &device.0).map(Classifier).map_err(error)
    }

    /// What a grey picture shows, as JSON: `classes`, their `probabilities`, and of each layer the `name`, the sizes
    /// `count`, `height`, `width`, and the `values`.
    pub async fn classify(
        &self,
        pixels: Vec<f32>,
        height: usize,
        width: usize,
    ) -> std::result::Result<String, JsError> {
        let seen = self.seen(pixels, ImageShape { height, width }).await.map_err(error)?;
        Ok(seen.to_string())
    }

    async fn seen(&self, pixels: Vec<f32>, image: ImageShape) -> Result<Value> {
        let cases = Cases::new(Values::F32(pixels), 1, image.height * image.width)?;
        let origin = &self.0.origin;
        let cases = origin.input.prepare(&DataSet::new("the drawing", cases).image(image))?;
        let network = &self.0.network;
        let [c, h, w] = network.spec().input;
        let values = origin.input.values(&cases);
        let x = Tensor::from_f32(network.device(), &[1, c, h, w], &values)?;
        let mut space = Workspace::new();
        network.scores_in(&x, &mut space)?;
        let probabilities = network.probabilities(&x)?.to_vec_async().await?;
        let mut layers = vec![layer("input", &[c, h, w], values)];
        for (number, stage) in network.layers().stages().enumerate() {
            if stage.name == "flatten" {
                continue;
            }
            let Some(value) = space.value(number) else { continue };
            layers.push(layer(stage.name, stage.output, value.to_vec_async().await?));
        }
        Ok(json!({ "classes": origin.classes, "probabilities": probabilities, "layers": layers }))
    }
}

fn layer(name: &str, dims: &[usize], values: Vec<f32>) -> Value {
    let [count, height, width] = match *dims {
        [count, height, width] => [count, height, width],
        _ => [values.len(), 1, 1],
    };
    json!({ "name": name, "count": count, "height": height, "width": width, "values": values })
}
