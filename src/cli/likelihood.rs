//! Likelihoods in words.

use super::print::{count, no_round_trip, out, warn};
use crate::error::Result;
use crate::jobs::dbn::Bounded;
use crate::jobs::rbm::{self, Climbed, LogPartition};

/// Prints ln Z; `start` is where reverse annealing started, unless at chains from the data.
pub fn print_log_partition(
    z: &LogPartition,
    start: Option<&str>,
    trusted: Option<bool>,
) -> Result<()> {
    match z.method {
        "exact" => out!("log Z: {:.4} (exact)", z.value),
        _ => {
            let [low, high] = z.interval.map(|x| x.map_or("-inf".into(), |x| format!("{x:.3}")));
            out!(
                "log Z: {:.3} by AIS, standard error {:.3}, three errors {low} to {high}",
                z.value,
                z.std_error
            );
        }
    }
    if let (Some(value), Some(error)) = (z.reverse, z.reverse_std_error) {
        let start = start.map_or(String::new(), |start| format!(" from samples of the {start}"));
        out!("log Z: {value:.3} by reverse AIS{start}, standard error {error:.3}");
    }
    if trusted == Some(false) {
        out!(
            "the two disagree by more than three of their standard errors: neither is to be trusted; use more \
             temperatures (--ais), chains (--chains) or burn-in (--burn-in)"
        );
    }
    Ok(())
}

/// That data give no likelihood; `what` is a machine or a net.
pub fn warn_of_values(what: &str) {
    warn(format_args!(
        "the data are not 0 or 1, so {what} of Bernoulli units gives them no likelihood; let them be binarised, \
         in training by --binarize, of a model made elsewhere by harmonium.binarize = 0.5 in its file's metadata \
         (docs/model-file.md)"
    ));
}

/// Prints ln Z and the bound that it gives; where a likelihood was enumerated (with its error over the cases), that too.
pub fn print_bounded(found: &Bounded, exact: Option<(f64, Option<f64>)>) -> Result<()> {
    let start = found.ladder.log_partition.map(|_| "ladder");
    print_log_partition(&found.log_partition, start, found.trusted)?;
    print_ladder(&found.ladder)?;
    if let Some((mean, error)) = exact {
        out!("mean log-likelihood: {mean:.3} nats per case, {} (exact)", over_cases(error));
    }
    if let Some(bound) = found.mean_log_likelihood_bound {
        let error = over_cases(found.mean_log_likelihood_bound_std_error);
        out!("mean log-likelihood: at least {bound:.3} nats per case, {error}");
    }
    if let Some(bound) = found.mean_log_likelihood_bound_reverse {
        out!("mean log-likelihood: at least {bound:.3} nats per case with reverse AIS");
    }
    if let Some(bound) = found.mean_log_likelihood_bound_ladder {
        out!("mean log-likelihood: at least {bound:.3} nats per case with the ladder");
    }
    Ok(())
}

/// The standard error of a mean over the cases, which a single case has none of.
pub fn over_cases(error: Option<f64>) -> String {
    match error {
        Some(error) => format!("standard error {error:.3} over the cases"),
        None => "of a single case".into(),
    }
}

/// Prints what was found of a machine; `by` says how its means were weighted, if they were.
pub fn print(found: &rbm::Evaluation, by: &str) -> Result<()> {
    let start = found.log_partition_reverse_start.filter(|start| *start != "data");
    match &found.log_partition {
        Some(z) => print_log_partition(z, start, found.trusted)?,
        None => out!("log Z: none, since rectified hidden units have no energy"),
    }
    print_ladder(&found.ladder)?;
    if let Some(likelihood) = found.mean_log_likelihood {
        let error = over_cases(found.mean_log_likelihood_std_error);
        out!("mean log-likelihood: {likelihood:.3} nats per case, {error}");
    }
    if let Some(likelihood) = found.mean_log_likelihood_reverse {
        out!(
            "mean log-likelihood: {likelihood:.3} nats per case with reverse AIS (in expectation AIS flatters a \
             machine and reverse AIS does not, if its starting samples are the model's)"
        );
    }
    if let Some(likelihood) = found.mean_log_likelihood_ladder {
        out!("mean log-likelihood: {likelihood:.3} nats per case with the ladder");
    }
    if let (Some(pseudo), Some(method)) =
        (found.pseudo_log_likelihood, found.pseudo_log_likelihood_method)
    {
        let error = found.pseudo_log_likelihood_std_error;
        let error = error.map_or(String::new(), |error| format!(", standard error {error:.3}"));
        out!("pseudo-log-likelihood: {pseudo:.3} nats per case ({method}{error})");
    }
    if let Some(error) = found.reconstruction_error {
        out!("reconstruction error: {error:.4} (squared, summed over the visible units)");
    }
    if let (Some(cases), Some(data), Some(split)) = (found.cases, &found.data, found.split) {
        let space = if found.standardized { ", in the standardised space" } else { "" };
        out!("cases: {cases} of {data}, {split} part{by}{space}");
    }
    Ok(())
}

/// What climbing a ladder found.
fn print_ladder(found: &Climbed) -> Result<()> {
    let (Some(log_z), Some(error), Some([low, high])) =
        (found.log_partition, found.std_error, found.interval)
    else {
        return Ok(());
    };
    out!("log Z: {log_z:.3} by the ladder, standard error {error:.3}, 95 % {low:.3} to {high:.3}");
    let acceptance = found.acceptance.as_deref().unwrap_or_default();
    let least = acceptance.iter().copied().fold(f64::INFINITY, f64::min);
    let trips = match (found.round_trips, found.rounds_per_trip) {
        (Some(trips), Some(rounds)) => {
            format!("{} of {rounds:.0} rounds on average", count(trips, "round trip"))
        }
        _ => no_round_trip("--rounds"),
    };
    out!(
        "ladder: {} rungs, neighbours exchange at least {least:.2}, {trips}",
        acceptance.len() + 1
    );
    Ok(())
}
