//! The network that a deep Boltzmann machine becomes (Salakhutdinov and Hinton 2009, section 3.3): it sees [v, μ²(v)], and
//! its first hidden layer gets vᵀW¹ + W²μ², as in the mean field.

use super::DeepBoltzmannMachine;
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::layers::LayerSpec;
use crate::models::classifier::{Dropout, beginning_with};
use crate::models::{MeanField, Network, NetworkSpec, labels};
use crate::tensor::Tensor;

impl DeepBoltzmannMachine {
    /// [v, μ²(v)] for v `[B, I]`: `[B, I + N₂]`.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::posterior`].
    pub fn with_posterior(&self, v: &Tensor, how: MeanField) -> Result<Tensor> {
        labels::join(v, self.posterior(v, how)?.means(2))
    }

    /// The description of its classifier: sigmoid layers of the hidden layers' sizes, and softmax over the classes.
    pub fn classifier_spec(&self, classes: usize, dropout: Dropout) -> NetworkSpec {
        let hidden: Vec<usize> =
            (1..=self.hidden_layers()).map(|l| self.units[l].count()).collect();
        let inputs = self.visible_count() + self.units[2].count();
        let layers = dropout.layers(&hidden, Activation::Sigmoid).into_iter();
        let spec = layers.fold(NetworkSpec::new([1, 1, inputs], classes), NetworkSpec::layer);
        spec.layer(LayerSpec::linear(classes, Activation::Identity))
    }

    /// A network of such a description whose hidden layers begin as the machine's: the first has W¹ and, turned round, W²;
    /// the others what is below them, twice where the machine has a layer above. Its last layer starts from the seed.
    ///
    /// ```
    /// use harmonium::models::{DbmSpec, DeepBoltzmannMachine, Dropout, MeanField};
    /// use harmonium::{Device, Tensor};
    /// let device = Device::cpu();
    /// let dbm = DeepBoltzmannMachine::from_spec(&device, &DbmSpec::new([6, 4, 5]), 1)?;
    /// let network = dbm.classifier(&dbm.classifier_spec(10, Dropout::default()), 1)?;
    /// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
    /// let seen = dbm.with_posterior(&v, MeanField::default())?.reshape(&[1, 1, 1, 11])?;
    /// assert_eq!(network.probabilities(&seen)?.shape().dims(), [1, 10]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for another description; as [`Network::new`].
    pub fn classifier(&self, spec: &NetworkSpec, seed: u64) -> Result<Network> {
        let network = Network::new(self.device(), spec, seed)?;
        let [v, h1, h2] = [0, 1, 2].map(|layer| self.units[layer].count());
        let mut first = self.weights[0].to_vec()?;
        let above = self.weights[1].to_vec()?;
        first.extend((0..h2).flat_map(|k| above.iter().skip(k).step_by(h2).copied()));
        let first = Tensor::from_f32(self.device(), &[v + h2, h1], &first)?;
        let mut upper = Vec::new();
        for layer in 2..=self.hidden_layers() {
            let mut w = self.weights[layer - 1].try_clone()?;
            if layer < self.hidden_layers() {
                elementwise_in_place(Elementwise::Affine(2.0, 0.0), &mut w, None)?;
            }
            upper.push(w);
        }
        let weights = std::iter::once(&first).chain(&upper);
        beginning_with(network, weights.zip(&self.biases[1..]).flat_map(|(w, a)| [w, a]))
    }
}
