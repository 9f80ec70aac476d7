//! The restricted Boltzmann machine (Smolensky 1986; Hinton 2002; Welling et al. 2005 for Gaussian
//! visible units).
//!
//! | | Bernoulli visible units, v ∈ {0, 1}ᴵ | Gaussian visible units, v ∈ ℝᴵ, unit variance |
//! |---|---|---|
//! | energy E(v, h) | −vᵀWh − bᵀv − aᵀh | −vᵀWh + ½‖v − b‖² − aᵀh |
//! | free energy F(v) | −bᵀv − Σⱼ softplus(aⱼ + vᵀW·ⱼ) | ½‖v − b‖² − Σⱼ softplus(aⱼ + vᵀW·ⱼ) |
//! | p(hⱼ = 1 \| v) | σ(aⱼ + vᵀW·ⱼ) | the same |
//! | p(v \| h) | p(vᵢ = 1) = σ(bᵢ + Wᵢ·h) | N(b + Wh, 1) |
//!
//! p(v, h) = exp(−E)/Z. W is `[I, J]`, b `[I]`, a `[J]`; a batch of states is `[B, I]` or `[B, J]`.

use std::fmt;
use std::str::FromStr;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::kernels::matmul::{Epilogue, Noise, Sampled, Transpose, matmul, matmul_sample};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::random::{Draw, PhiloxRng, normal_pair, stream};
use crate::tensor::Tensor;

/// What the visible units are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VisibleKind {
    /// 0 or 1; a probability in between while training on grey values.
    #[default]
    Bernoulli,
    /// Real numbers with unit variance: standardise the data.
    Gaussian,
}

impl fmt::Display for VisibleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VisibleKind::Bernoulli => "bernoulli",
            VisibleKind::Gaussian => "gaussian",
        })
    }
}

impl FromStr for VisibleKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "bernoulli" => Ok(VisibleKind::Bernoulli),
            "gaussian" => Ok(VisibleKind::Gaussian),
            _ => Err(Error::setting(
                "visible",
                format!("'{text}' is neither bernoulli nor gaussian"),
            )),
        }
    }
}

/// A restricted Boltzmann machine on a device.
///
/// ```
/// use harmonium::models::{Rbm, VisibleKind};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let rbm = Rbm::new(&device, VisibleKind::Bernoulli, 6, 3, 42)?;
/// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// let h = rbm.mean_h_from_v(&v)?;
/// assert!(h.to_vec()?.iter().all(|p| (p - 0.5).abs() < 0.1));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct Rbm {
    visible: VisibleKind,
    /// W `[I, J]`.
    pub w: Tensor,
    /// The visible bias b `[I]`.
    pub b: Tensor,
    /// The hidden bias a `[J]`.
    pub a: Tensor,
}

/// The standard deviation of initial weights (Hinton 2010, section 8).
pub const INITIAL_WEIGHT_DEVIATION: f32 = 0.01;

/// Bounds of the mean in the initial visible bias, ln(p / (1 − p)).
const MEAN_BOUNDS: [f32; 2] = [0.01, 0.99];

impl Rbm {
    /// Weights N(0, 0.01²) from `seed`, biases 0.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0, [`Error::Limit`], [`Error::OutOfMemory`].
    pub fn new(
        device: &Device,
        visible: VisibleKind,
        visible_count: usize,
        hidden_count: usize,
        seed: u64,
    ) -> Result<Self> {
        if visible_count == 0 || hidden_count == 0 {
            return Err(Error::setting(
                "rbm",
                format!(
                    "{visible_count} visible and {hidden_count} hidden units; both must be at least 1"
                ),
            ));
        }
        // Refused before any large array is made on the host.
        let w = Tensor::for_output(device, &[visible_count, hidden_count])?;
        let mut rng = PhiloxRng::new(Draw::new(seed, stream::WEIGHTS));
        let mut weights = Vec::with_capacity(visible_count * hidden_count + 1);
        while weights.len() < visible_count * hidden_count {
            let pair = normal_pair(rng.word(), rng.word());
            weights.extend(pair.map(|z| z * INITIAL_WEIGHT_DEVIATION));
        }
        weights.truncate(visible_count * hidden_count);
        let mut rbm = Rbm {
            visible,
            w,
            b: Tensor::zeros(device, &[visible_count])?,
            a: Tensor::zeros(device, &[hidden_count])?,
        };
        rbm.w.upload(&weights)?;
        Ok(rbm)
    }

    /// A machine of given parameters: W `[I, J]`, b `[I]`, a `[J]` on one device.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DeviceMismatch`].
    pub fn from_parts(visible: VisibleKind, w: Tensor, b: Tensor, a: Tensor) -> Result<Self> {
        let [i, j] = w.shape().matrix("rbm", "W")?;
        expect("rbm", "W", &w, w.device(), &[i, j])?;
        expect("rbm", "b", &b, w.device(), &[i])?;
        expect("rbm", "a", &a, w.device(), &[j])?;
        Ok(Rbm { visible, w, b: b.reshape(&[i])?, a: a.reshape(&[j])? })
    }

    /// Sets the visible bias from the data's means: ln(p / (1 − p)) with p in [0.01, 0.99] for Bernoulli
    /// units (Hinton 2010, section 8.1), the mean itself for Gaussian ones.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of means is not the number of visible units.
    pub fn set_visible_bias_from_means(&mut self, means: &[f32]) -> Result<()> {
        let bias = self.visible_bias_of_means(means);
        self.b.upload(&bias)
    }

    /// The visible bias that [`Rbm::set_visible_bias_from_means`] sets.
    pub fn visible_bias_of_means(&self, means: &[f32]) -> Vec<f32> {
        match self.visible {
            VisibleKind::Gaussian => means.to_vec(),
            VisibleKind::Bernoulli => means
                .iter()
                .map(|&m| {
                    let p = m.clamp(MEAN_BOUNDS[0], MEAN_BOUNDS[1]);
                    (p / (1.0 - p)).ln()
                })
                .collect(),
        }
    }

    /// What the visible units are.
    pub fn visible(&self) -> VisibleKind {
        self.visible
    }

    /// I.
    pub fn visible_count(&self) -> usize {
        self.b.shape().len()
    }

    /// J.
    pub fn hidden_count(&self) -> usize {
        self.a.shape().len()
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.w.device()
    }

    /// p(h = 1 | v), `[B, I]` → `[B, J]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn mean_h_from_v(&self, v: &Tensor) -> Result<Tensor> {
        let mut h = self.hidden_like(v)?;
        self.mean_h_from_v_into(v, &mut h)?;
        Ok(h)
    }

    /// As [`Rbm::mean_h_from_v`], into a tensor that there is.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn mean_h_from_v_into(&self, v: &Tensor, h: &mut Tensor) -> Result<()> {
        let epilogue = Epilogue::new(&self.a, Activation::Sigmoid);
        matmul(v, &self.w, Transpose::NN, &epilogue, h)
    }

    /// h ~ p(h | v), one dispatch; the probabilities too where `mean` is given.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn sample_h_from_v(
        &self,
        v: &Tensor,
        draw: &Draw,
        mean: Option<&mut Tensor>,
        h: &mut Tensor,
    ) -> Result<()> {
        let epilogue = Epilogue::new(&self.a, Activation::Sigmoid);
        let sampled = Sampled { mean, ..Sampled::new(Noise::Bernoulli, draw, h) };
        matmul_sample(v, &self.w, Transpose::NN, &epilogue, sampled)
    }

    /// The mean of p(v | h), `[B, J]` → `[B, I]`: probabilities, or b + Wh for Gaussian units.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn mean_v_from_h(&self, h: &Tensor) -> Result<Tensor> {
        let rows = h.shape().matrix("rbm", "h")?[0];
        let mut v = Tensor::for_output(self.device(), &[rows, self.visible_count()])?;
        self.mean_v_from_h_into(h, &mut v)?;
        Ok(v)
    }

    /// As [`Rbm::mean_v_from_h`], into a tensor that there is.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn mean_v_from_h_into(&self, h: &Tensor, v: &mut Tensor) -> Result<()> {
        let (epilogue, _) = self.visible_epilogue();
        matmul(h, &self.w, Transpose::NT, &epilogue, v)
    }

    /// v ~ p(v | h), one dispatch; the means too where `mean` is given.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn sample_v_from_h(
        &self,
        h: &Tensor,
        draw: &Draw,
        mean: Option<&mut Tensor>,
        v: &mut Tensor,
    ) -> Result<()> {
        let (epilogue, noise) = self.visible_epilogue();
        let sampled = Sampled { mean, ..Sampled::new(noise, draw, v) };
        matmul_sample(h, &self.w, Transpose::NT, &epilogue, sampled)
    }

    fn visible_epilogue(&self) -> (Epilogue<'_>, Noise) {
        match self.visible {
            VisibleKind::Bernoulli => {
                (Epilogue::new(&self.b, Activation::Sigmoid), Noise::Bernoulli)
            }
            VisibleKind::Gaussian => {
                (Epilogue::new(&self.b, Activation::Identity), Noise::Gaussian(1.0))
            }
        }
    }

    fn hidden_like(&self, v: &Tensor) -> Result<Tensor> {
        let rows = v.shape().matrix("rbm", "v")?[0];
        Tensor::for_output(self.device(), &[rows, self.hidden_count()])
    }

    /// `steps` steps of block Gibbs sampling: h ~ p(h | v), v ~ p(v | h), … in place, with no host round
    /// trip. Step s draws from the streams [`stream::HIDDEN`] and [`stream::VISIBLE`] at `draw.step + s`;
    /// row r is chain `draw.first_case + r`. With 0 steps nothing changes.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn gibbs(&self, v: &mut Tensor, h: &mut Tensor, steps: u64, draw: &Draw) -> Result<()> {
        for s in 0..steps {
            let at = draw.at(draw.step + s);
            self.sample_h_from_v(v, &Draw { stream: stream::HIDDEN, ..at }, None, h)?;
            self.sample_v_from_h(h, &Draw { stream: stream::VISIBLE, ..at }, None, v)?;
        }
        Ok(())
    }

    /// E(v, h) of each case: `[B, I]`, `[B, J]` → `[B]`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn energy(&self, v: &Tensor, h: &Tensor) -> Result<Tensor> {
        // −(vᵀW + aᵀ)h and the part of v alone.
        let mut field = self.hidden_like(v)?;
        let epilogue = Epilogue::new(&self.a, Activation::Identity);
        matmul(v, &self.w, Transpose::NN, &epilogue, &mut field)?;
        elementwise_in_place(Elementwise::Multiply, &mut field, Some(h))?;
        let joint = reduce(Reduction::Sum, Axis::Rows, -1.0, &field)?;
        self.add_visible_energy(v, joint)
    }

    /// F(v) of each case: `[B, I]` → `[B]`, so that p(v) = exp(−F(v))/Z.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn free_energy(&self, v: &Tensor) -> Result<Tensor> {
        let mut field = self.hidden_like(v)?;
        let epilogue = Epilogue::new(&self.a, Activation::Softplus);
        matmul(v, &self.w, Transpose::NN, &epilogue, &mut field)?;
        let hidden = reduce(Reduction::Sum, Axis::Rows, -1.0, &field)?;
        self.add_visible_energy(v, hidden)
    }

    /// `part` − bᵀv, or `part` + ½‖v − b‖².
    fn add_visible_energy(&self, v: &Tensor, part: Tensor) -> Result<Tensor> {
        let rows = part.shape().len();
        let mut energy = Tensor::for_output(self.device(), &[rows])?;
        let own = match self.visible {
            VisibleKind::Bernoulli => {
                let mut own = Tensor::for_output(self.device(), &[rows, 1])?;
                let negative = Epilogue { alpha: -1.0, ..Epilogue::default() };
                matmul(v, &self.b, Transpose::NT, &negative, &mut own)?;
                own.reshape(&[rows])?
            }
            VisibleKind::Gaussian => {
                let mut squares = Tensor::for_output(self.device(), v.shape().dims())?;
                elementwise(Elementwise::SquaredDifference, v, Some(&self.b), &mut squares)?;
                reduce(Reduction::Sum, Axis::Rows, 0.5, &squares)?
            }
        };
        elementwise(Elementwise::ADD, &part, Some(&own), &mut energy)?;
        Ok(energy)
    }

    /// v → p(h | v) → the mean of v, without noise.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn reconstruct(&self, v: &Tensor) -> Result<Tensor> {
        self.mean_v_from_h(&self.mean_h_from_v(v)?)
    }

    /// Starting states for free-running chains, drawn from b's marginal: each visible unit on its own,
    /// with probability σ(b), or from N(b, 1). `[count, I]`; row r is chain `draw.first_case + r`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn sample_start(&self, count: usize, draw: &Draw) -> Result<Tensor> {
        // With h = 0 the conditional of v is b's marginal.
        let h = Tensor::zeros(self.device(), &[count, self.hidden_count()])?;
        let mut v = Tensor::for_output(self.device(), &[count, self.visible_count()])?;
        self.sample_v_from_h(&h, &Draw { stream: stream::CHAINS, ..*draw }, None, &mut v)?;
        Ok(v)
    }
}
