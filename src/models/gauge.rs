//! The zero-sum gauge of a machine of Potts units.

use super::rbm::Rbm;
use super::units::UnitKind;
use crate::error::{Error, Result};

impl Rbm {
    /// Brings a machine of softmax visible units into the zero-sum gauge: the weights of each group's states with a hidden
    /// unit sum to 0, and so do their biases. As one state of each group is 1, what is taken from all weights of a group
    /// with a hidden unit goes into that unit's bias, and what is taken from a group's biases moves the energy of every
    /// state alike: no probability changes (ln Z does).
    ///
    /// ```
    /// use harmonium::models::{Rbm, Units};
    /// let device = harmonium::Device::cpu();
    /// let mut rbm = Rbm::new(&device, Units::softmax(2, 3), Units::bernoulli(4), 1)?;
    /// rbm.zero_sum()?;
    /// let w = rbm.weights().to_vec()?;
    /// assert!((0..4).all(|j| (w[j] + w[4 + j] + w[8 + j]).abs() < 1e-6));
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] where the visible units are not softmax; device errors.
    pub fn zero_sum(&mut self) -> Result<()> {
        let UnitKind::Softmax(states) = self.visible().kind() else {
            let kind = self.visible().kind();
            let detail = format!("{kind} visible units have no gauge; softmax groups do");
            return Err(Error::setting("zero-sum", detail));
        };
        let hidden = self.hidden_count();
        let read = |x: Vec<f32>| x.into_iter().map(f64::from).collect::<Vec<f64>>();
        let (mut w, mut b) = (read(self.w.to_vec()?), read(self.b.to_vec()?));
        let mut a = read(self.a.to_vec()?);
        for group in w.chunks_mut(states * hidden) {
            for (unit, bias) in a.iter_mut().enumerate() {
                let own = || (0..states).map(|state| state * hidden + unit);
                let mean = own().map(|at| group[at]).sum::<f64>() / states as f64;
                own().for_each(|at| group[at] -= mean);
                *bias += mean;
            }
        }
        for group in b.chunks_mut(states) {
            let mean = group.iter().sum::<f64>() / states as f64;
            group.iter_mut().for_each(|b| *b -= mean);
        }
        let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        self.w.upload(&narrow(&w))?;
        self.b.upload(&narrow(&b))?;
        self.a.upload(&narrow(&a))
    }
}
