//! The restricted Boltzmann machine (Smolensky 1986; Hinton 2002; Welling et al. 2005 for Gaussian
//! units).
//!
//! p(v, h) = exp(−E)/Z with E(v, h) = −vᵀWh + E(v) + E(h). What a layer's own part is, its states and its
//! conditional depend on its kind ([`units`](super::units)); either layer may be of either kind.
//!
//! | | Bernoulli, softmax | Gaussian, unit variance |
//! |---|---|---|
//! | own energy of v | −bᵀv (spins too) | ½‖v − b‖² |
//! | own energy of h | −aᵀh | ½‖h‖² − aᵀh |
//! | mean of v given h | σ(b + Wh), softmax(b + Wh) by groups | b + Wh |
//! | mean of h given v | σ(a + vᵀW), softmax(a + vᵀW) by groups | a + vᵀW |
//! | hidden part of F(v), x = a + vᵀW | −Σⱼ softplus(xⱼ), −Σ ln Σₖ exp(xₖ) by groups | −½‖x‖² − ½ J ln 2π |
//!
//! F(v) = own energy of v + hidden part, so that p(v) = exp(−F(v))/Z. W is `[I, J]`, b `[I]`, a `[J]`; a batch of
//! states is `[B, I]` or `[B, J]`. A machine of Gaussian units on both sides has a distribution only where the
//! spectral norm of W is below 1: likelihoods of others are refused.

use std::collections::BTreeMap;

use super::conditional::Conditional;
use super::state::{Model, Visit};
use super::units::{UnitKind, Units};
use crate::data::reserved;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::random::{Draw, PhiloxRng, normal_pair, stream};
use crate::tensor::Tensor;

/// A restricted Boltzmann machine on a device.
///
/// ```
/// use harmonium::models::{Rbm, Units};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let rbm = Rbm::new(&device, Units::bernoulli(6), Units::bernoulli(3), 42)?;
/// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// let h = rbm.mean_h_from_v(&v)?;
/// assert!(h.to_vec()?.iter().all(|p| (p - 0.5).abs() < 0.1));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct Rbm {
    visible: Units,
    hidden: Units,
    pub(crate) w: Tensor,
    pub(crate) b: Tensor,
    pub(crate) a: Tensor,
    /// The factor of Wh, of a level in training; else 1.
    gain: f32,
}

/// The standard deviation of initial weights (Hinton 2010, section 8).
pub const INITIAL_WEIGHT_DEVIATION: f32 = 0.01;

impl Rbm {
    /// Weights N(0, 0.01²) from `seed`, biases 0.
    ///
    /// # Errors
    /// [`Error::Setting`] for a layer without units, [`Error::Limit`], [`Error::OutOfMemory`], [`Error::Data`] where the
    /// weights do not fit in the host's memory.
    pub fn new(device: &Device, visible: Units, hidden: Units, seed: u64) -> Result<Self> {
        Rbm::from_draw(device, visible, hidden, Draw::new(seed, stream::WEIGHTS))
    }

    /// As [`Rbm::new`], for a layer of a stack whose layers share a seed: level 0 has the weights of
    /// [`Rbm::new`], every other its own.
    ///
    /// # Errors
    /// As [`Rbm::new`].
    pub fn new_at_level(
        device: &Device,
        visible: Units,
        hidden: Units,
        seed: u64,
        level: u8,
    ) -> Result<Self> {
        let draw = Draw::new(seed, stream::WEIGHTS).at_level(level);
        Rbm::from_draw(device, visible, hidden, draw)
    }

    fn from_draw(device: &Device, visible: Units, hidden: Units, draw: Draw) -> Result<Self> {
        let (i, j) = (visible.count(), hidden.count());
        if i == 0 || j == 0 {
            return Err(Error::setting(
                "rbm",
                format!("{i} visible and {j} hidden units; both must be at least 1"),
            ));
        }
        visible.check_visible()?;
        hidden.check_hidden()?;
        // Refused before any large array is made on the host.
        let w = Tensor::for_output(device, &[i, j])?;
        let mut rng = PhiloxRng::new(draw);
        let mut weights = reserved("rbm", &[i, j])?;
        while weights.len() < i * j {
            let pair = normal_pair(rng.word(), rng.word());
            let left = i * j - weights.len();
            weights.extend(pair.into_iter().take(left).map(|z| z * INITIAL_WEIGHT_DEVIATION));
        }
        let (b, a) = (Tensor::zeros(device, &[i])?, Tensor::zeros(device, &[j])?);
        let mut rbm = Rbm { visible, hidden, w, b, a, gain: 1.0 };
        rbm.w.upload(&weights)?;
        Ok(rbm)
    }

    /// A machine of given parameters: W `[I, J]`, b `[I]`, a `[J]` on one device.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Setting`] where a layer has no unit or no whole
    /// groups.
    pub fn from_parts(
        visible: UnitKind,
        hidden: UnitKind,
        w: Tensor,
        b: Tensor,
        a: Tensor,
    ) -> Result<Self> {
        let [i, j] = w.shape().matrix("rbm", "W")?;
        expect("rbm", "W", &w, w.device(), &[i, j])?;
        expect("rbm", "b", &b, w.device(), &[i])?;
        expect("rbm", "a", &a, w.device(), &[j])?;
        let (visible, hidden) = (Units::new(visible, i)?, Units::new(hidden, j)?);
        visible.check_visible()?;
        hidden.check_hidden()?;
        Ok(Rbm {
            visible,
            hidden,
            w: w.reshape(&[i, j])?,
            b: b.reshape(&[i])?,
            a: a.reshape(&[j])?,
            gain: 1.0,
        })
    }

    /// A level of a deep Boltzmann machine while it is trained alone: p(v | h) gets this factor times Wh, to stand for
    /// neighbours that are not there yet ([`DeepBoltzmannMachine::from_levels`](super::DeepBoltzmannMachine::from_levels)).
    /// Energies and likelihoods are not those of such a level.
    pub(crate) fn with_gain(self, gain: f32) -> Self {
        Rbm { gain, ..self }
    }

    /// The factor of Wh.
    pub(super) fn gain(&self) -> f32 {
        self.gain
    }

    /// W, b and a.
    pub fn into_parts(self) -> [Tensor; 3] {
        [self.w, self.b, self.a]
    }

    /// Sets the visible bias from the data's means, as [`Units::bias_of_means`] says.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of means is not the number of visible units.
    pub fn set_visible_bias_from_means(&mut self, means: &[f32]) -> Result<()> {
        self.b.upload(&self.visible.bias_of_means(means))
    }

    /// The visible units.
    pub fn visible(&self) -> Units {
        self.visible
    }

    /// The hidden units.
    pub fn hidden(&self) -> Units {
        self.hidden
    }

    /// I.
    pub fn visible_count(&self) -> usize {
        self.visible.count()
    }

    /// J.
    pub fn hidden_count(&self) -> usize {
        self.hidden.count()
    }

    /// W `[I, J]`.
    pub fn weights(&self) -> &Tensor {
        &self.w
    }

    /// b `[I]`.
    pub fn visible_bias(&self) -> &Tensor {
        &self.b
    }

    /// a `[J]`.
    pub fn hidden_bias(&self) -> &Tensor {
        &self.a
    }

    /// Replaces W `[I, J]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DeviceMismatch`].
    pub fn set_weights(&mut self, w: Tensor) -> Result<()> {
        replace("W", &mut self.w, w)
    }

    /// Replaces b `[I]`.
    ///
    /// # Errors
    /// As [`Rbm::set_weights`].
    pub fn set_visible_bias(&mut self, b: Tensor) -> Result<()> {
        replace("b", &mut self.b, b)
    }

    /// Replaces a `[J]`.
    ///
    /// # Errors
    /// As [`Rbm::set_weights`].
    pub fn set_hidden_bias(&mut self, a: Tensor) -> Result<()> {
        replace("a", &mut self.a, a)
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.w.device()
    }

    /// p(h | v) for `v` `[B, I]`.
    pub fn h_from_v<'a>(&'a self, v: &'a Tensor) -> Conditional<'a> {
        Conditional {
            units: self.hidden,
            given: v,
            weights: &self.w,
            transpose: Transpose::NN,
            input: Epilogue { bias1: Some(&self.a), ..Epilogue::default() },
        }
    }

    /// p(v | h) for `h` `[B, J]`.
    pub fn v_from_h<'a>(&'a self, h: &'a Tensor) -> Conditional<'a> {
        Conditional {
            units: self.visible,
            given: h,
            weights: &self.w,
            transpose: Transpose::NT,
            input: Epilogue { alpha: self.gain, bias1: Some(&self.b), ..Epilogue::default() },
        }
    }

    /// The mean of p(h | v), `[B, I]` → `[B, J]`; into a tensor that there is, and samples:
    /// [`Rbm::h_from_v`].
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn mean_h_from_v(&self, v: &Tensor) -> Result<Tensor> {
        self.h_from_v(v).mean()
    }

    /// The mean of p(v | h), `[B, J]` → `[B, I]`: probabilities, or b + Wh for Gaussian units.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn mean_v_from_h(&self, h: &Tensor) -> Result<Tensor> {
        self.v_from_h(h).mean()
    }

    /// h ~ p(h | v), `[B, I]` → `[B, J]`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn sample_h_from_v(&self, v: &Tensor, draw: &Draw) -> Result<Tensor> {
        self.h_from_v(v).sample(draw)
    }

    /// v ~ p(v | h), `[B, J]` → `[B, I]`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn sample_v_from_h(&self, h: &Tensor, draw: &Draw) -> Result<Tensor> {
        self.v_from_h(h).sample(draw)
    }

    /// E(v, h) of each case: `[B, I]`, `[B, J]` → `[B]`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn energy(&self, v: &Tensor, h: &Tensor) -> Result<Tensor> {
        self.hidden.kind().check_energy()?;
        // What has other sizes would be spread over the cases or the units.
        let rows = v.shape().matrix("energy", "v")?[0];
        expect("energy", "h", h, self.device(), &[rows, self.hidden_count()])?;
        // −(vᵀW + aᵀ)h, then the parts of one layer alone.
        let mut field = self.h_from_v(v).field()?;
        elementwise_in_place(Elementwise::Multiply, &mut field, Some(h))?;
        let mut joint = reduce(Reduction::Sum, Axis::Rows, -1.0, &field)?;
        if self.hidden.kind() == UnitKind::Gaussian {
            let squares = reduce(Reduction::SumOfSquares, Axis::Rows, 0.5, h)?;
            elementwise_in_place(Elementwise::ADD, &mut joint, Some(&squares))?;
        }
        self.add_visible_energy(v, joint)
    }

    /// F(v) of each case: `[B, I]` → `[B]`, so that p(v) = exp(−F(v))/Z.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn free_energy(&self, v: &Tensor) -> Result<Tensor> {
        self.add_visible_energy(v, self.h_from_v(v).free_energy()?)
    }

    /// `part` − bᵀv, or `part` + ½‖v − b‖².
    fn add_visible_energy(&self, v: &Tensor, part: Tensor) -> Result<Tensor> {
        let mut energy = own_energy(self.visible, &self.b, v)?;
        elementwise_in_place(Elementwise::ADD, &mut energy, Some(&part))?;
        Ok(energy)
    }

    /// v → the mean of h → the mean of v, without noise.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn reconstruct(&self, v: &Tensor) -> Result<Tensor> {
        self.mean_v_from_h(&self.mean_h_from_v(v)?)
    }

    /// Starting states for free-running chains, drawn from b's marginal: each visible unit (or group) on its own,
    /// with its mean at h = 0. `[count, I]`; row r is chain `draw.first_case + r`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn sample_start(&self, count: usize, draw: &Draw) -> Result<Tensor> {
        let h = Tensor::zeros(self.device(), &[count, self.hidden_count()])?;
        self.sample_v_from_h(&h, draw)
    }
}

/// The part of the energy of each case that visible states have alone: −bᵀv, or ½‖v − b‖².
pub(super) fn own_energy(units: Units, b: &Tensor, v: &Tensor) -> Result<Tensor> {
    let rows = v.shape().matrix("rbm", "v")?[0];
    match units.kind() {
        UnitKind::Bernoulli
        | UnitKind::Spin
        | UnitKind::Rectified
        | UnitKind::Softmax(_)
        | UnitKind::Labelled(_) => {
            let mut own = Tensor::for_output(b.device(), &[rows, 1])?;
            let negative = Epilogue { alpha: -1.0, ..Epilogue::default() };
            matmul(v, b, Transpose::NT, &negative, &mut own)?;
            own.reshape(&[rows])
        }
        UnitKind::Gaussian => {
            let mut squares = Tensor::for_output(b.device(), v.shape().dims())?;
            elementwise(Elementwise::SquaredDifference, v, Some(b), &mut squares)?;
            reduce(Reduction::Sum, Axis::Rows, 0.5, &squares)
        }
    }
}

/// Puts `new` in the place of `old`, whose shape and device it must have.
fn replace(name: &str, old: &mut Tensor, new: Tensor) -> Result<()> {
    let dims = old.shape().dims().to_vec();
    expect("rbm", name, &new, old.device(), &dims)?;
    *old = new.reshape(&dims)?;
    Ok(())
}

impl Model for Rbm {
    fn kind(&self) -> &'static str {
        "rbm"
    }

    fn description(&self) -> BTreeMap<String, String> {
        let mut told =
            BTreeMap::from([("harmonium.visible".to_string(), self.visible.kind().to_string())]);
        // Files of machines with hidden units of the usual kind are as they always were.
        if self.hidden.kind() != UnitKind::Bernoulli {
            told.insert("harmonium.hidden".into(), self.hidden.kind().to_string());
        }
        told
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        visit.array("W", &mut self.w)?;
        visit.array("b", &mut self.b)?;
        visit.array("a", &mut self.a)
    }
}
