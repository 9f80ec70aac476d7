//! Energies of states, and of layers of odd number with those of even number summed out.

use super::{DeepBoltzmannMachine, Neighbours, Parity};
use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::UnitKind;
use crate::models::rbm::own_energy;
use crate::tensor::Tensor;

impl DeepBoltzmannMachine {
    /// E(v, h¹, …) of each case, for the states `[B, N]` of all layers from the data's up: `[B]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn energy(&self, states: &[Tensor]) -> Result<Tensor> {
        self.check_states(states)?;
        let mut energy = own_energy(self.units[0], &self.biases[0], &states[0])?;
        for (l, w) in self.weights.iter().enumerate() {
            // −(hˡᵀW + aᵀ)hˡ⁺¹.
            let (below, above) = (&states[l], &states[l + 1]);
            let mut field = Tensor::for_output(self.device(), above.shape().dims())?;
            let input = Epilogue { bias1: Some(&self.biases[l + 1]), ..Epilogue::default() };
            matmul(below, w, Transpose::NN, &input, &mut field)?;
            elementwise_in_place(Elementwise::Multiply, &mut field, Some(above))?;
            let joint = reduce(Reduction::Sum, Axis::Rows, -1.0, &field)?;
            elementwise_in_place(Elementwise::ADD, &mut energy, Some(&joint))?;
        }
        Ok(energy)
    }

    /// F of the layers of odd number, so that p(h¹, h³) = exp(−F)/Z: the layers of even number, the data among them, are
    /// summed out (Gaussian data integrated). `states` are those of all layers, of which the even ones are not looked at
    /// but for their sizes: `[B]`.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::energy`].
    pub fn odd_free_energy(&self, states: &[Tensor]) -> Result<Tensor> {
        self.check_states(states)?;
        let mut energy = own_energy(self.units[1], &self.biases[1], &states[1])?;
        for layer in self.layers_of(Parity::Odd).skip(1) {
            let linear = own_energy(self.units[layer], &self.biases[layer], &states[layer])?;
            elementwise_in_place(Elementwise::ADD, &mut energy, Some(&linear))?;
        }
        for layer in self.layers_of(Parity::Even) {
            let below = layer.checked_sub(1).map(|below| &states[below]);
            let neighbours = Neighbours { below, above: states.get(layer + 1) };
            let summed = self.given(layer, neighbours)?.conditional().free_energy()?;
            elementwise_in_place(Elementwise::ADD, &mut energy, Some(&summed))?;
        }
        if self.units[0].kind() == UnitKind::Gaussian {
            // The energy of the data has ½‖b‖² that the square of their input has not.
            let squares = reduce(Reduction::SumOfSquares, Axis::All, 0.5, &self.biases[0])?;
            let cases = energy.shape().len();
            energy = energy.reshape(&[cases, 1])?;
            elementwise_in_place(Elementwise::ADD, &mut energy, Some(&squares))?;
            energy = energy.reshape(&[cases])?;
        }
        Ok(energy)
    }
}
