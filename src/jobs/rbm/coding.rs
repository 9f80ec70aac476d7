//! Data as the visible units take them, where these are neither bits nor real numbers; and how much sequences count that
//! many others are like.

use rayon::prelude::*;

use crate::data::{Cases, Values, reserved};
use crate::error::{Error, Result};
use crate::models::UnitKind;

/// Whether units of a kind take other values than data have.
pub(super) fn codes(kind: UnitKind) -> bool {
    matches!(kind, UnitKind::Spin | UnitKind::Softmax(_))
}

/// The cases as units of this kind take them. Spins: bits 0 and 1 (or what lies between) as −1 and 1, and −1 and 1 as they
/// are. Softmax groups of K: a column of whole numbers below K as K columns, of which one is 1; ones and zeros of which
/// each group has a single 1 as they are. Others as they are.
///
/// # Errors
/// [`Error::Data`], naming case and column, for a value that the units cannot have.
pub(super) fn coded(cases: Cases, kind: UnitKind, name: &str) -> Result<Cases> {
    match kind {
        UnitKind::Spin => spins(cases, name),
        UnitKind::Softmax(states) => groups(cases, states, name),
        _ => Ok(cases),
    }
}

/// Whether all values are states of such units, so that the cases have a likelihood.
pub(super) fn are_states(cases: &Cases, kind: UnitKind) -> bool {
    match kind {
        UnitKind::Bernoulli => cases.is_binary(),
        UnitKind::Spin => cases.to_f32().iter().all(|x| x.abs() == 1.0),
        _ => true,
    }
}

fn spins(cases: Cases, name: &str) -> Result<Cases> {
    let (mut values, width) = (cases.to_f32(), cases.width());
    let signed = values.iter().any(|&x| x < 0.0);
    if let Some(at) = values.iter().position(|x| !(-1.0..=1.0).contains(x)) {
        let detail = format!(
            "case {}, column {} is {}, which no spin is: give -1 and 1, or values in [0, 1] (--binarize makes bits)",
            at / width,
            at % width,
            values[at]
        );
        return Err(Error::data(name, detail));
    }
    if !signed {
        values.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    }
    Cases::instead_of(&cases, Values::F32(values), width)
}

fn groups(cases: Cases, states: usize, name: &str) -> Result<Cases> {
    let width = cases.width();
    let values = match cases.values() {
        // Bytes are numbers of states here, not greys.
        Values::U8 { values, .. } => values.iter().map(|&state| f32::from(state)).collect(),
        _ => cases.to_f32(),
    };
    let whole = |group: &[f32]| {
        group.iter().all(|&x| x == 0.0 || x == 1.0)
            && group.iter().filter(|&&x| x == 1.0).count() == 1
    };
    if width.is_multiple_of(states) && values.chunks(states).all(whole) {
        return Cases::instead_of(&cases, Values::F32(values), width);
    }
    let wrong = |x: f32| !(x >= 0.0 && x < states as f32 && x.fract() == 0.0);
    if let Some(at) = values.iter().position(|&x| wrong(x)) {
        let detail = format!(
            "case {}, column {} is {}; softmax:{states} takes whole numbers from 0 to {}, or columns of which each \
             {states} have a single 1",
            at / width,
            at % width,
            values[at],
            states - 1
        );
        return Err(Error::data(name, detail));
    }
    let Some(columns) = width.checked_mul(states) else {
        return Err(Error::data(name, format!("{width} columns of {states} states are too many")));
    };
    let mut bits = reserved(&format!("{name} as softmax:{states}"), &[cases.len(), columns])?;
    bits.resize(cases.len() * columns, 0u8);
    for (group, &state) in bits.chunks_mut(states).zip(&values) {
        group[state as usize] = 1;
    }
    Cases::instead_of(&cases, Values::Bits(bits), columns)
}

/// The weight of each case: one over how many cases, itself among them, have at least this share of their columns in
/// common with it (Morcos et al. 2011). N² comparisons of all columns.
pub(super) fn reweighted(cases: &Cases, identity: f32) -> Vec<f32> {
    let (values, width) = (cases.to_f32(), cases.width());
    let rows: Vec<&[f32]> = values.chunks(width).collect();
    // The number that was written, which f32 holds with an error of some 1e-8: four columns of five are 0.8 of them.
    let identity: f64 = identity.to_string().parse().unwrap_or_else(|_| f64::from(identity));
    let apart = ((1.0 - identity) * width as f64 + 1e-9).floor() as usize;
    let alike = |a: &[f32], b: &[f32]| {
        // Most pairs are told apart long before their ends.
        let mut differ = 0;
        for (a, b) in a.chunks(64).zip(b.chunks(64)) {
            differ += a.iter().zip(b).filter(|(a, b)| a != b).count();
            if differ > apart {
                return false;
            }
        }
        true
    };
    let count = |a: &&[f32]| rows.iter().filter(|b| alike(a, b)).count();
    rows.par_iter().map(|a| 1.0 / count(a) as f32).collect()
}
