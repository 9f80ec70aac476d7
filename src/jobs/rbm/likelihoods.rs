//! What `eval.json` says, with what each number is.

use serde_json::{Map, Value};

use crate::run::Record;
use crate::run::html::{self, escape, figure};
use crate::run::report::{Section, text_of, with_error};

/// The numbers of `eval.json` but for the likelihood: (key, name, what it is).
const EVALUATED: [(&str, &str, &str); 5] = [
    ("log_partition", "log Z", "The logarithm of the partition function, in nats."),
    (
        "log_partition_reverse",
        "log Z, reverse AIS",
        "From the model's own samples back to the base distribution: too large in expectation where AIS is too small.",
    ),
    (
        "log_partition_ladder",
        "log Z, ladder",
        "By Bennett's acceptance ratio up a ladder of machines from independent units, whose chains exchange their \
         states. Its error is that between independent chains.",
    ),
    (
        "pseudo_log_likelihood",
        "pseudo-likelihood",
        "Sum over visible units of ln p(unit | the others), in nats per case. Needs no log Z.",
    ),
    (
        "reconstruction_error",
        "reconstruction error",
        "v → p(h|v) → mean of v, squared error summed over visible units, mean over cases. No likelihood.",
    ),
];

/// The section of likelihoods.
pub fn section(record: &Record) -> Section {
    Section::new("likelihoods", "Likelihoods", body(record))
}

fn body(record: &Record) -> String {
    let mut out = String::new();
    let Some(eval) = &record.eval else {
        return out
            + "<p class=\"quiet\">Not evaluated yet. <code>harmonium eval RUN</code> computes log Z and the \
               mean log-likelihood; <code>harmonium report RUN</code> then shows them here.</p>\n";
    };
    if let Some(words) = record.distrust() {
        out += &format!("<p class=\"warn\">{words} Use more temperatures or more chains.</p>\n");
    }
    let exact = record.method() == "exact";
    let error = |key: &str| record.evaluated(&format!("{key}_std_error"));
    let no_energy = eval.get("log_partition_method").is_none_or(Value::is_null);
    if no_energy {
        out += "<p class=\"quiet\">Rectified hidden units have no energy, so that there is neither log Z nor likelihood.</p>\n";
    }
    let mut rows = Vec::new();
    if !no_energy {
        rows.push(vec![
            "mean log-likelihood".to_string(),
            with_error(record.evaluated("mean_log_likelihood"), error("mean_log_likelihood")),
            likelihood_text(record, exact),
        ]);
    }
    for (key, name, what) in EVALUATED {
        let value = record.evaluated(key);
        if value.is_none() && (no_energy || key.starts_with("log_partition_")) {
            continue;
        }
        let mut what = what.to_string();
        if key == "log_partition" {
            what += if exact {
                " By enumeration: exact."
            } else {
                " By annealed importance sampling: too small in expectation, which makes likelihoods too large."
            };
            if let Some([low, high]) = interval(eval) {
                what += &format!(" 3-σ interval {} to {}.", figure(Some(low)), figure(Some(high)));
            }
        }
        let shown = with_error(value, error(key).filter(|e| *e > 0.0));
        rows.push(vec![escape(name), shown, escape(&what)]);
    }
    out += &format!(
        "<p class=\"quiet\">{} cases of {} ({}{}). These are bounds in expectation where they are estimates, \
         not sure ones.</p>\n",
        figure(record.evaluated("cases")),
        escape(text_of(eval, "data")),
        escape(text_of(eval, "split")),
        record.weighed()
    );
    out + &html::table("figures", &["number", "value", "what it is"], &rows)
}

fn likelihood_text(record: &Record, exact: bool) -> String {
    let mut what = String::from(
        "Mean ln p(v) over the cases, in nats; ± is its standard error over cases and leaves out log Z's.",
    );
    let (Some(score), Some(log_z)) =
        (record.evaluated("mean_log_likelihood"), record.evaluated("log_partition"))
    else {
        return what + " None: it needs data that are 0 or 1 for Bernoulli units.";
    };
    if let Some([low, high]) = record.eval.as_ref().and_then(interval)
        && !exact
    {
        let (low, high) = (score + log_z - high, score + log_z - low);
        what += &format!(
            " With log Z's 3-σ interval: {} to {}.",
            figure(Some(low)),
            figure(Some(high))
        );
    }
    if let Some(ladder) = record.evaluated("log_partition_ladder") {
        what += &format!(" With the ladder's log Z: {}.", figure(Some(score + log_z - ladder)));
    }
    if let Some(reverse) = record.evaluated("log_partition_reverse") {
        what += &format!(
            " With reverse AIS's log Z, which errs on the careful side in expectation: {}.",
            figure(Some(score + log_z - reverse))
        );
    }
    what
}

/// `log_partition_interval`: two numbers.
fn interval(eval: &Map<String, Value>) -> Option<[f64; 2]> {
    let ends = eval.get("log_partition_interval")?.as_array()?;
    Some([ends.first()?.as_f64()?, ends.get(1)?.as_f64()?])
}
