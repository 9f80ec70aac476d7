//! Visible units that are held at given values while the others are drawn.

use super::Rbm;
use super::units::{UnitKind, Units};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::tensor::Tensor;

/// Which visible units of each chain are held, and where.
///
/// A block Gibbs step draws all visible units given h, each independently of the others, so drawing them and putting
/// the held ones back is a step of p(the others | the held ones).
///
/// ```
/// use harmonium::Device;
/// use harmonium::models::{Clamp, Rbm, Units};
/// let rbm = Rbm::new(&Device::cpu(), Units::bernoulli(4), Units::bernoulli(3), 42)?;
/// // Two chains whose first unit is held at 1 and at 0.
/// let held = [true, false, false, false];
/// let clamp = Clamp::new(&rbm, &held, &[1., 0., 0., 0., 0., 0., 0., 0.])?;
/// let mut chains = rbm.chains(2, 1)?.clamped(clamp)?;
/// chains.step(10)?;
/// let v = chains.visible().to_vec()?;
/// assert_eq!((v[0], v[4]), (1.0, 0.0));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct Clamp {
    /// 1 where a unit is free, else 0, `[C, I]`.
    free: Tensor,
    /// 0 where a unit is free, else its value, `[C, I]`.
    held: Tensor,
}

impl Clamp {
    /// Holds the units of `mask` at `values` `[C, I]`; the mask has I values for all chains or as many as there are.
    /// What `values` says of free units is not looked at.
    ///
    /// # Errors
    /// [`Error::Shape`] where the lengths do not fit, [`Error::Data`] for a held value that is not finite, and where a
    /// softmax group is held in part: its states exclude each other. Device errors.
    pub fn new(rbm: &Rbm, mask: &[bool], values: &[f32]) -> Result<Self> {
        Clamp::of((rbm.visible(), rbm.device()), mask, values)
    }

    /// As [`Clamp::new`], of the data's units of a deep machine, or of any layer of units on a device.
    ///
    /// # Errors
    /// As there.
    pub fn of((units, device): (Units, &Device), mask: &[bool], values: &[f32]) -> Result<Self> {
        units.check()?;
        let width = units.count();
        if !values.len().is_multiple_of(width) || ![width, values.len()].contains(&mask.len()) {
            let detail = format!(
                "{} values and a mask of {} for {width} visible units; give whole rows, and one row of the mask or as \
                 many",
                values.len(),
                mask.len()
            );
            return Err(Error::shape("clamp", detail));
        }
        let holds = |at: usize| mask[if mask.len() == width { at % width } else { at }];
        let wrong = (0..values.len()).find(|&at| holds(at) && !values[at].is_finite());
        if let Some(at) = wrong {
            let (row, unit) = (at / width, at % width);
            let detail =
                format!("row {row} holds unit {unit} at {}, which is not finite", values[at]);
            return Err(Error::data("clamp", detail));
        }
        mask.chunks(width).try_for_each(|row| whole_groups(units, row))?;
        let dims = [values.len() / width, width];
        let free: Vec<f32> = (0..values.len()).map(|at| f32::from(u8::from(!holds(at)))).collect();
        let held = values.iter().enumerate().map(|(at, &x)| if holds(at) { x } else { 0.0 });
        let held: Vec<f32> = held.collect();
        Ok(Clamp {
            free: Tensor::from_f32(device, &dims, &free)?,
            held: Tensor::from_f32(device, &dims, &held)?,
        })
    }

    /// Puts the held values back into `v` `[C, I]`.
    pub(super) fn hold(&self, v: &mut Tensor) -> Result<()> {
        expect("clamp", "v", v, self.free.device(), self.free.shape().dims())?;
        // 1·v + 0 and 0·v + x have no rounding.
        elementwise_in_place(Elementwise::Multiply, v, Some(&self.free))?;
        elementwise_in_place(Elementwise::ADD, v, Some(&self.held))
    }
}

/// That a mask holds all states of a group, or none.
fn whole_groups(units: Units, mask: &[bool]) -> Result<()> {
    let grouped = match units.kind() {
        UnitKind::Bernoulli | UnitKind::Gaussian | UnitKind::Spin | UnitKind::Rectified => {
            return Ok(());
        }
        UnitKind::Softmax(_) => mask,
        UnitKind::Labelled(_) => &mask[units.features().count()..],
    };
    let states = units.kind().states();
    let torn = grouped.chunks(states).position(|group| group.iter().any(|&held| held != group[0]));
    match torn {
        None => Ok(()),
        Some(group) => {
            let detail = format!(
                "a part of the {states} states of softmax group {group} is held; hold all of them, or none"
            );
            Err(Error::data("clamp", detail))
        }
    }
}
