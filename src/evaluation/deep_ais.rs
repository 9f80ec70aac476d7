//! Annealed importance sampling of a deep Boltzmann machine's ln Z, forwards and backwards: over the layers of odd
//! number, those of even number, the data among them, being summed out (Salakhutdinov and Hinton 2009, section 4).
//!
//! With s the states of the odd layers, a_A their biases in the base and x(s) the inputs of the even layers' units,
//! ln f_β(s) = ((1 − β)a_A + βa)ᵀs + Σ softplus(βx(s)); of Gaussian data ½β²x² + ½ ln 2π in place of a softplus, and −½‖b‖²
//! once. The base has its odd units independent and its even ones without input. What the estimates of both directions
//! are worth: [`ais`](super::ais).

use super::ais::{AisConfig, Estimate, walk};
use super::log_weights::Weights;
use crate::error::{Error, Result};
use crate::kernels::anneal::{Chains, Draws, anneal};
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::models::dbm::{Neighbours, Parity};
use crate::models::sums::sum_of_softplus;
use crate::models::{DeepBoltzmannMachine, UnitKind};
use crate::random::{ChainDraw, ChainStreams, Draw};
use crate::tensor::Tensor;

/// ln Z by annealing from the base to the machine. `config.base_bias` are the biases of the odd layers' units in the
/// base, layer by layer: [biases of their means](crate::models::Units::bias_of_means) under the data, or zeros.
/// `progress` gets the number of temperature steps done.
///
/// ```
/// use harmonium::evaluation::ais::{AisConfig, Temperatures};
/// use harmonium::evaluation::deep_ais::deep_ais;
/// use harmonium::models::dbm::exact::ExactDbm;
/// use harmonium::models::{DbmSpec, DeepBoltzmannMachine};
/// let dbm = DeepBoltzmannMachine::from_spec(&harmonium::Device::cpu(), &DbmSpec::new([6, 4, 5]), 1)?;
/// let config = AisConfig::new(vec![0.0; 4]).temperatures(Temperatures::linear(20)?);
/// let found = deep_ais(&dbm, &config, |_| ())?;
/// assert!((found.log_partition - ExactDbm::new(&dbm)?.log_partition()).abs() < 0.01);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for fewer than 2 chains, too many of them, or a base bias of the wrong length, [`Error::Data`] where a weight is not
/// finite, device errors.
pub fn deep_ais(
    dbm: &DeepBoltzmannMachine,
    config: &AisConfig,
    mut progress: impl FnMut(usize),
) -> Result<Estimate> {
    let path = Path::new(dbm, config, ChainStreams::ANNEALING)?;
    let weights = config.weights(|| {
        let mut chains = Walk::new(&path, config.ranks.own(config.chains).len())?;
        // β = 0 is the base, whatever the even layers are.
        chains.draw_odd(0.0, &|draw| draw.start(), 0)?;
        chains.along(config.temperatures.values(), &mut progress)
    })?;
    Ok(Estimate::new(path.base_log_partition(), weights, 1.0))
}

/// ln Z by the same path walked backwards from the `states` `[chains, N]` of all layers, which should be exact samples of
/// the machine; from long Gibbs chains they are not quite. `config.chains` is not used, unless ranks share the chains: the
/// states are then those of this rank's.
///
/// # Errors
/// As [`deep_ais`]; [`Error::Shape`] where the states are not those of the machine's layers.
pub fn deep_reverse_ais(
    dbm: &DeepBoltzmannMachine,
    config: &AisConfig,
    states: Vec<Tensor>,
    mut progress: impl FnMut(usize),
) -> Result<Estimate> {
    let layers = dbm.hidden_layers() + 1;
    if states.len() != layers {
        let detail = format!("states of {} layers, expected those of {layers}", states.len());
        return Err(Error::shape("reverse ais", detail));
    }
    let count = states[0].shape().matrix("reverse ais", "v")?[0];
    let config = config.of_states(count)?;
    let path = Path::new(dbm, &config, ChainStreams::REVERSE_ANNEALING)?;
    let betas: Vec<f64> = config.temperatures.values().iter().rev().copied().collect();
    let weights = config.weights(|| {
        let mut chains = Walk::new(&path, count)?;
        for (layer, state) in states.into_iter().enumerate() {
            let own = if layer % 2 == 0 { &mut chains.even } else { &mut chains.odd };
            own[layer / 2] = state;
        }
        chains.along(&betas, &mut progress)
    })?;
    // These weights estimate Z_A / Z.
    Ok(Estimate::new(path.base_log_partition(), weights, -1.0))
}

/// The annealing path of a machine.
struct Path<'a> {
    dbm: &'a DeepBoltzmannMachine,
    draw: ChainDraw,
    base: Vec<f64>,
    /// a_A of each odd layer.
    base_biases: Vec<Tensor>,
    /// a − a_A of each odd layer.
    tilts: Vec<Tensor>,
    /// Nothing, for even layers that no odd one is beside.
    still: Tensor,
    /// ½‖b‖² of Gaussian data.
    offset: f64,
}

impl<'a> Path<'a> {
    fn new(
        dbm: &'a DeepBoltzmannMachine,
        config: &AisConfig,
        streams: ChainStreams,
    ) -> Result<Self> {
        let device = dbm.device();
        let units: usize = dbm.layers_of(Parity::Odd).map(|l| dbm.units(l).count()).sum();
        if config.base_bias.len() != units {
            let found = config.base_bias.len();
            let detail = format!("{found} values for {units} units in the layers of odd number");
            return Err(Error::setting("base_bias", detail));
        }
        config.check_chains()?;
        let (mut base_biases, mut tilts, mut rest) =
            (Vec::new(), Vec::new(), &config.base_bias[..]);
        for layer in dbm.layers_of(Parity::Odd) {
            let (own, others) = rest.split_at(dbm.units(layer).count());
            let base = Tensor::from_f32(device, &[own.len()], own)?;
            let mut tilt = Tensor::for_output(device, &[own.len()])?;
            elementwise(Elementwise::SUBTRACT, dbm.bias(layer), Some(&base), &mut tilt)?;
            base_biases.push(base);
            tilts.push(tilt);
            rest = others;
        }
        let offset = match dbm.units(0).kind() {
            UnitKind::Gaussian => {
                0.5 * dbm.bias(0).to_vec()?.iter().map(|b| f64::from(*b).powi(2)).sum::<f64>()
            }
            _ => 0.0,
        };
        Ok(Path {
            dbm,
            draw: ChainDraw::new(config.seed, streams)
                .from_chain(config.ranks.own(config.chains).start as u32),
            base: config.base_bias.iter().map(|&b| f64::from(b)).collect(),
            still: Tensor::zeros(device, &[dbm.units(1).count()])?,
            base_biases,
            tilts,
            offset,
        })
    }

    /// ln Z_A: odd units by their own biases, even ones without input.
    fn base_log_partition(&self) -> f64 {
        let odd = sum_of_softplus(&self.base);
        let even = self.dbm.layers_of(Parity::Even).map(|layer| {
            let units = self.dbm.units(layer);
            units.log_sum(&vec![0.0; units.count()])
        });
        odd + even.sum::<f64>() - self.offset
    }
}

/// The chains on their way.
struct Walk<'a> {
    path: &'a Path<'a>,
    even: Vec<Tensor>,
    odd: Vec<Tensor>,
    /// x of each even layer.
    fields: Vec<Tensor>,
    weights: Weights,
}

impl<'a> Walk<'a> {
    fn new(path: &'a Path<'a>, count: usize) -> Result<Self> {
        let dbm = path.dbm;
        let layers = |parity| {
            let of = |l: usize| Tensor::zeros(dbm.device(), &[count, dbm.units(l).count()]);
            dbm.layers_of(parity).map(of).collect::<Result<Vec<_>>>()
        };
        Ok(Walk {
            path,
            even: layers(Parity::Even)?,
            odd: layers(Parity::Odd)?,
            fields: layers(Parity::Even)?,
            weights: Weights::new(dbm.device(), count)?,
        })
    }

    /// Adds ln f_to − ln f_from of the odd layers to the weights; then, where `moved` is given, one sweep at it.
    fn step(&mut self, [from, to]: [f64; 2], moved: Option<f64>, number: u64) -> Result<()> {
        let (path, betas) = (self.path, [from as f32, to as f32]);
        for (at, layer) in path.dbm.layers_of(Parity::Even).enumerate() {
            let below = at.checked_sub(1).and_then(|below| self.odd.get(below));
            let neighbours = Neighbours { below, above: self.odd.get(at) };
            let field = &mut self.fields[at];
            path.dbm.given(layer, neighbours)?.conditional().field_into(field)?;
            // The tilt of each odd layer counts once, beside the even layer below it.
            let (v, tilt) = match (self.odd.get(at), path.tilts.get(at)) {
                (Some(odd), Some(tilt)) => (odd, tilt),
                _ => (&self.odd[0], &path.still),
            };
            let Some(hidden) = path.dbm.units(layer).kind().annealed() else { continue };
            let chains = Chains { field, v, tilt, hidden };
            let draw = path.draw.at_level(layer as u8).at(number);
            let draw = if layer == 0 { draw.visible() } else { draw.hidden() };
            let h = &mut self.even[at];
            let sample = moved.map(|beta| Draws { beta: beta as f32, draw: &draw, h });
            self.weights.add(|place| anneal(&chains, betas, place, sample))?;
        }
        match moved {
            Some(beta) => self.draw_odd(beta, &|draw| draw.hidden(), number),
            None => Ok(()),
        }
    }

    /// The weights at the end of a path.
    fn along(mut self, betas: &[f64], progress: &mut dyn FnMut(usize)) -> Result<Vec<f64>> {
        walk(betas, progress, |pair, moved, k| self.step(pair, moved, k))?;
        self.weights.finish()
    }

    /// Draws the odd layers at a temperature.
    fn draw_odd(
        &mut self,
        beta: f64,
        stream: &dyn Fn(&ChainDraw) -> Draw,
        number: u64,
    ) -> Result<()> {
        let path = self.path;
        for (at, layer) in path.dbm.layers_of(Parity::Odd).enumerate() {
            let neighbours = Neighbours { below: self.even.get(at), above: self.even.get(at + 1) };
            let given = path.dbm.given(layer, neighbours)?;
            let conditional = given.conditional().at(beta as f32, &path.base_biases[at]);
            let draw = stream(&path.draw.at_level(layer as u8).at(number));
            conditional.sample_into(&draw, &mut self.odd[at])?;
        }
        Ok(())
    }
}
