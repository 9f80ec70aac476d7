//! What an evaluation says of a deep model's likelihood: ln Z, and the bound that it gives.

use serde::Serialize;

use crate::jobs::rbm::Partition;

/// ln Z and a lower bound of the likelihood; logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Bounded {
    /// ln Z: of a net that of its top.
    pub log_partition: f64,
    /// `exact` or `ais`.
    pub log_partition_method: &'static str,
    /// 0 where it is exact.
    pub log_partition_std_error: f64,
    /// Three standard errors either way.
    pub log_partition_interval: [Option<f64>; 2],
    /// ln Z by reverse annealing.
    pub log_partition_reverse: Option<f64>,
    /// Its standard error.
    pub log_partition_reverse_std_error: Option<f64>,
    /// Whether both directions agree within their errors; null where ln Z is exact.
    pub trusted: Option<bool>,
    /// A lower bound of the mean of ln p(v), nats per case; null for data that are not 0 or 1 under Bernoulli units.
    pub mean_log_likelihood_bound: Option<f64>,
    /// Over the cases; ln Z's own error is not in it.
    pub mean_log_likelihood_bound_std_error: Option<f64>,
    /// With the reverse estimate in the place of ln Z.
    pub mean_log_likelihood_bound_reverse: Option<f64>,
}

impl Bounded {
    /// Of ln Z, and of the bound's mean over the cases with its standard error, where there is one.
    pub(in crate::jobs) fn of(z: &Partition, bound: Option<(f64, f64)>) -> Self {
        let reverse = z.reverse.as_ref();
        Bounded {
            log_partition: z.log_partition,
            log_partition_method: if z.forward.is_some() { "ais" } else { "exact" },
            log_partition_std_error: z.forward.as_ref().map_or(0.0, |e| e.std_error),
            log_partition_interval: z.interval(),
            log_partition_reverse: reverse.map(|e| e.log_partition),
            log_partition_reverse_std_error: reverse.map(|e| e.std_error),
            trusted: z.trusted(),
            mean_log_likelihood_bound: bound.map(|(mean, _)| mean),
            mean_log_likelihood_bound_std_error: bound.map(|(_, error)| error),
            mean_log_likelihood_bound_reverse: reverse
                .zip(bound)
                .map(|(reverse, (mean, _))| mean + z.log_partition - reverse.log_partition),
        }
    }
}
