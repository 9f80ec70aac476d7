//! What becomes of a deep belief net, or of an autoencoder's encoder, with an output layer: a network to be trained by
//! backpropagation.

use super::autoencoder::{Autoencoder, AutoencoderSpec};
use super::dbn::{DbnSpec, DeepBeliefNet};
use super::network::{Network, NetworkSpec};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::layers::LayerSpec;
use crate::tensor::Tensor;

/// Shares of units that are dropped in training (Srivastava et al. 2014), in [0, 1): 0 drops none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dropout {
    /// Of the input's values.
    pub input: f32,
    /// Of the units of each hidden layer.
    pub hidden: f32,
}

impl Dropout {
    /// Fully connected layers of so many units that compute f, with what is dropped before the first and behind each.
    pub fn layers(&self, units: &[usize], f: Activation) -> Vec<LayerSpec> {
        // What is no share is not left out, so that the network's layers refuse it.
        let dropped = |rate: f32| (rate != 0.0).then_some(LayerSpec::Dropout { rate });
        let hidden = units
            .iter()
            .flat_map(|&units| [Some(LayerSpec::linear(units, f)), dropped(self.hidden)]);
        std::iter::once(dropped(self.input)).chain(hidden).flatten().collect()
    }
}

impl DbnSpec {
    /// The network that a net of this description becomes: its hidden layers with sigmoid units, and softmax over the
    /// classes. `input` are the sizes of a case, [1, height, width].
    pub fn classifier(&self, input: [usize; 3], classes: usize, dropout: Dropout) -> NetworkSpec {
        let hidden = dropout.layers(self.units.get(1..).unwrap_or_default(), Activation::Sigmoid);
        let spec = hidden.into_iter().fold(NetworkSpec::new(input, classes), NetworkSpec::layer);
        spec.layer(LayerSpec::linear(classes, Activation::Identity))
    }
}

impl DeepBeliefNet {
    /// A network whose first layers with weights have those of the net's levels and their hidden biases; all others start
    /// from the seed.
    ///
    /// ```
    /// use harmonium::models::{DbnSpec, DeepBeliefNet, Dropout};
    /// use harmonium::{Device, Tensor};
    /// let device = Device::cpu();
    /// let spec = DbnSpec::new([6, 4, 5]);
    /// let net = DeepBeliefNet::from_spec(&device, &spec, 1)?;
    /// let network = net.classifier(&spec.classifier([1, 2, 3], 10, Dropout::default()), 1)?;
    /// let x = Tensor::from_f32(&device, &[1, 1, 2, 3], &[1., 0., 1., 0., 1., 0.])?;
    /// assert_eq!(network.probabilities(&x)?.shape().dims(), [1, 10]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] where a label is joined to the top; [`Error::Shape`] where a level does not fit its layer; as
    /// [`Network::new`].
    pub fn classifier(&self, spec: &NetworkSpec, seed: u64) -> Result<Network> {
        if self.classes().is_some() {
            let detail = "are joined to the top, which reads them; a network gives them";
            return Err(Error::setting("labels", detail));
        }
        let network = Network::new(self.device(), spec, seed)?;
        let levels = self.levels().iter();
        beginning_with(network, levels.flat_map(|rbm| [rbm.weights(), rbm.hidden_bias()]))
    }
}

impl AutoencoderSpec {
    /// The network that the encoder becomes with softmax over the classes above its code. `input` are the sizes of a
    /// case, [1, height, width].
    pub fn classifier(&self, input: [usize; 3], classes: usize) -> NetworkSpec {
        let encoder = self.layer_specs().into_iter().take(self.layers.len());
        let spec = encoder.fold(NetworkSpec::new(input, classes), NetworkSpec::layer);
        spec.layer(LayerSpec::linear(classes, Activation::Identity))
    }
}

impl Autoencoder {
    /// A network whose first layers are the encoder's; its last one starts from the seed.
    ///
    /// ```
    /// use harmonium::models::{Autoencoder, AutoencoderSpec};
    /// let spec = AutoencoderSpec::new(6, &[4, 2]);
    /// let model = Autoencoder::new(&harmonium::Device::cpu(), &spec, 1)?;
    /// let network = model.classifier(&spec.classifier([1, 2, 3], 10), 1)?;
    /// assert_eq!(network.trained(), (6 * 4 + 4) + (4 * 2 + 2) + (2 * 10 + 10));
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where the encoder's layers do not fit; as [`Network::new`].
    pub fn classifier(&self, spec: &NetworkSpec, seed: u64) -> Result<Network> {
        let network = Network::new(self.device(), spec, seed)?;
        let encoder = self.layers().parameters().take(2 * self.spec().layers.len());
        beginning_with(network, encoder.map(|parameter| &parameter.value))
    }
}

/// A network whose first parameters are these.
pub(super) fn beginning_with<'a>(
    mut network: Network,
    given: impl Iterator<Item = &'a Tensor>,
) -> Result<Network> {
    let mut parameters = network.layers_mut().parameters_mut();
    for from in given {
        let to = parameters.next().filter(|to| to.value.shape() == from.shape());
        let to = to.ok_or_else(|| {
            Error::shape("classifier", format!("no layer has parameters {}", from.shape()))
        })?;
        to.value.copy_from(from)?;
    }
    drop(parameters);
    Ok(network)
}
