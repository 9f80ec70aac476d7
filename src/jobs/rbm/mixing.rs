//! What `eval.json` says of chains: whether they mix, and whether their states are like the data.

use serde_json::Value;

use super::diagnostics::{Diagnostics, Histogram, Time};
use super::ladder;
use crate::error::Result;
use crate::run::Record;
use crate::run::html::{self, escape, figure};
use crate::run::report::{Section, with_error};

/// The section, where `eval` was asked for either.
///
/// # Errors
/// Where a diagram cannot be drawn.
pub fn section(record: &Record) -> Result<Option<Section>> {
    let Some(eval) = &record.eval else { return Ok(None) };
    let mut out = String::new();
    // Of another version they may lack what is asked for: then they are left out.
    let found = eval.get("diagnostics").cloned();
    if let Some(found) = found.and_then(|found| serde_json::from_value::<Diagnostics>(found).ok()) {
        out += &diagnostics(&found)?;
    }
    let list = |key: &str| -> Option<Vec<f64>> {
        eval.get(key)?.as_array()?.iter().map(Value::as_f64).collect()
    };
    if let (Some(acceptance), Some(rungs)) =
        (list("ladder_acceptance"), list("ladder_log_partitions"))
    {
        let [exchanges, log_z] = ladder::panels(&acceptance, &rungs);
        let trips = match record.evaluated("ladder_round_trips") {
            Some(trips) if trips > 0.0 => format!("{trips} ways from end to end and back."),
            _ => "No chain went from end to end and back: modes may be missing.".into(),
        };
        let note = format!("How often neighbours exchange, of the times they try. {trips}");
        let drawn = [
            html::diagram(&exchanges, &note)?,
            html::diagram(&log_z, "By Bennett's acceptance ratio up the ladder.")?,
        ];
        out += &format!("<div class=\"grid\">\n{}</div>\n", drawn.concat());
    }
    Ok((!out.is_empty()).then(|| Section::new("mixing", "Chains", out)))
}

fn diagnostics(found: &Diagnostics) -> Result<String> {
    let Diagnostics { chains, burn_in, steps, .. } = found;
    let mut out = format!(
        "<p class=\"quiet\">{chains} chains from the biases, {burn_in} steps of burn-in and {steps} more.</p>\n"
    );
    let row = |name: &str, value: String, what: &str| vec![escape(name), value, escape(what)];
    let window = "In steps; summed to the window of Sokal's rule.";
    let mut rows = vec![
        row("autocorrelation time of the free energy", time(&found.free_energy), window),
        row("autocorrelation time of the visible sum", time(&found.visible_sum), window),
        row("free energy of samples", mean(&found.samples), "± its standard deviation, in nats."),
    ];
    if let Some(data) = &found.data {
        rows.push(row("free energy of the data", mean(data), "The same of the cases."));
    }
    if let (Some(data), Some(samples), Some(cases)) = (
        found.adversarial_accuracy_data,
        found.adversarial_accuracy_samples,
        found.adversarial_cases,
    ) {
        let what = format!(
            "Of {cases} each, the share whose nearest neighbour is of its own side: 50 % where nothing tells samples from \
             data; more where samples are unlike them, less where they are copies."
        );
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        rows.push(row("cases next to a case", percent(data), &what));
        rows.push(row("samples next to a sample", percent(samples), "The same of samples."));
    }
    out += &html::table("figures", &["number", "value", "what it is"], &rows);
    let notes =
        ["Of samples and of data: alike where the machine is right.", "Of the final weights."];
    out += "<div class=\"grid\">\n";
    for (panel, note) in found.panels().iter().zip(notes) {
        out += &html::diagram(panel, note)?;
    }
    Ok(out + "</div>\n")
}

fn time(time: &Option<Time>) -> String {
    match time {
        None => "–, it never changes".into(),
        Some(t) if t.resolved => with_error(Some(t.time), Some(t.std_error)),
        Some(t) => {
            format!("above {}: the chains are too short, or do not mix", figure(Some(t.time)))
        }
    }
}

fn mean(of: &Histogram) -> String {
    with_error(Some(of.mean), Some(of.deviation))
}
