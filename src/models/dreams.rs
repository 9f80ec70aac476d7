//! What a deep belief net dreams: Gibbs sampling in its top machine, then one pass down.

use super::chains::check_steps;
use super::dbn::DeepBeliefNet;
use super::labels;
use super::labels::one_hot;
use super::passes::{Pass, at};
use crate::error::{Error, Result};
use crate::random::{ChainDraw, ChainStreams, Draw};
use crate::tensor::Tensor;

impl DeepBeliefNet {
    /// `count` dreams that begin at the top's [`Rbm::sample_start`](super::Rbm::sample_start); none has moved yet.
    ///
    /// ```
    /// use harmonium::models::{DbnSpec, DeepBeliefNet};
    /// let net = DeepBeliefNet::from_spec(&harmonium::Device::cpu(), &DbnSpec::new([6, 4, 5]), 1)?;
    /// let mut dreams = net.dreams(16, 1)?;
    /// dreams.step(100)?;
    /// assert_eq!(dreams.samples()?.shape().dims(), [16, 6]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`](super::Rbm::mean_h_from_v).
    pub fn dreams(&self, count: usize, seed: u64) -> Result<Dreams<'_>> {
        Dreams::start(self, count, ChainDraw::new(seed, ChainStreams::DREAMS))
    }

    /// A dream of each of `classes`: its label stays while the chain runs.
    ///
    /// ```
    /// use harmonium::models::{DbnSpec, DeepBeliefNet};
    /// let spec = DbnSpec::new([6, 4, 5]).classes(3);
    /// let net = DeepBeliefNet::from_spec(&harmonium::Device::cpu(), &spec, 1)?;
    /// let mut dreams = net.dreams_of(&[2, 0], 1)?;
    /// dreams.step(100)?;
    /// assert_eq!(dreams.labels()?.to_vec()?, [0., 0., 1., 1., 0., 0.]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dreams::of_classes`].
    pub fn dreams_of(&self, classes: &[usize], seed: u64) -> Result<Dreams<'_>> {
        Dreams::of_classes(self, classes, ChainDraw::new(seed, ChainStreams::DREAMS))
    }
}

/// Gibbs chains of a net's top machine, all moved at once, and what they are of data.
#[derive(Debug)]
pub struct Dreams<'a> {
    net: &'a DeepBeliefNet,
    v: Tensor,
    h: Tensor,
    /// What the labels stay at.
    label: Option<Tensor>,
    /// At the top's level.
    draw: ChainDraw,
}

impl<'a> Dreams<'a> {
    /// `count` dreams with the numbers of `draw`, whose levels they set. Labels, where the top has some, move freely.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`](super::Rbm::mean_h_from_v).
    pub fn start(net: &'a DeepBeliefNet, count: usize, draw: ChainDraw) -> Result<Self> {
        let draw = draw.at_level(net.levels().len() as u8);
        let v = net.top().sample_start(count, &draw.start())?;
        let h = Tensor::zeros(net.device(), &[count, net.top().hidden_count()])?;
        Ok(Dreams { net, v, h, label: None, draw })
    }

    /// One dream of each of `classes`, with the numbers of `draw`.
    ///
    /// # Errors
    /// [`Error::Setting`] where the net has no labels or not this class; as [`Dreams::start`].
    pub fn of_classes(net: &'a DeepBeliefNet, classes: &[usize], draw: ChainDraw) -> Result<Self> {
        let Some(count) = net.classes() else {
            let detail =
                "the net was trained without labels; join them to its top to dream of a class";
            return Err(Error::setting("class", detail));
        };
        if let Some(class) = classes.iter().find(|class| **class >= count) {
            let detail = format!("{class}, and the classes are 0 to {}", count - 1);
            return Err(Error::setting("class", detail));
        }
        let numbers: Vec<f32> = classes.iter().map(|&class| class as f32).collect();
        let label = one_hot(&Tensor::from_f32(net.device(), &[classes.len()], &numbers)?, count)?;
        let mut dreams = Dreams::start(net, classes.len(), draw)?;
        labels::set_label(net.top().visible(), &label, &mut dreams.v)?;
        Ok(Dreams { label: Some(label), ..dreams })
    }

    /// Moves every chain of the top by `steps` steps. Two calls do what one of as many steps does.
    ///
    /// # Errors
    /// As [`Rbm::gibbs`](super::Rbm::gibbs).
    pub fn step(&mut self, steps: u64) -> Result<()> {
        let top = self.net.top();
        let Some(label) = &self.label else {
            top.gibbs(&mut self.v, &mut self.h, steps, &self.draw)?;
            self.draw = self.draw.at(self.draw.step() + steps);
            return Ok(());
        };
        check_steps("gibbs", top.device(), self.draw.step().saturating_add(steps))?;
        for _ in 0..steps {
            top.gibbs(&mut self.v, &mut self.h, 1, &self.draw)?;
            labels::set_label(top.visible(), label, &mut self.v)?;
            self.draw = self.draw.at(self.draw.step() + 1);
        }
        Ok(())
    }

    /// The top's visible states `[count, N_{L−1}]`, with the label behind them where there is one.
    pub fn visible(&self) -> &Tensor {
        &self.v
    }

    /// The top's hidden states `[count, N_L]` that the visible ones were drawn from; zeros before the first step.
    pub fn hidden(&self) -> &Tensor {
        &self.h
    }

    /// The labels `[count, K]`; without labels `[count, 0]`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn labels(&self) -> Result<Tensor> {
        labels::label(self.net.top().visible(), &self.v)
    }

    /// Data `[count, N₀]`, by one pass down from the top's visible states.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`](super::Rbm::mean_h_from_v).
    pub fn samples(&self) -> Result<Tensor> {
        self.down(Pass::Samples(&self.numbers()))
    }

    /// The means `[count, N₀]` that [`Dreams::samples`] are drawn from, the layers between being sampled: smoother
    /// pictures. Of a net of one level of no use before the first step.
    ///
    /// # Errors
    /// As [`Dreams::samples`].
    pub fn means(&self) -> Result<Tensor> {
        match self.net.levels() {
            // Its data are the states of the chain.
            [_] => self.net.down(&self.h, 1, Pass::Means),
            _ => self.down(Pass::MeansAtTheEnd(&self.numbers())),
        }
    }

    fn down(&self, pass: Pass<'_>) -> Result<Tensor> {
        let features = labels::features(self.net.top().visible(), &self.v)?;
        self.net.down(&features, self.net.levels().len() - 1, pass)
    }

    /// The lower levels' numbers of the present step; the chain's own are at the top's level.
    fn numbers(&self) -> Draw {
        at(&self.draw.visible(), 0)
    }
}
