//! What stacking cost, for people and for the summary.

use serde_json::Value;

/// Memory and time of training level by level.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    /// Device memory at its highest when the last level was trained; none where no level was.
    pub peak_bytes: Option<u64>,
    /// Of each level, seconds that an epoch spends in passes through the levels below.
    pub passes: Vec<f64>,
}

impl Cost {
    /// For `summary.json`.
    pub fn numbers(&self) -> [(&'static str, Value); 2] {
        let passes = (!self.passes.is_empty()).then(|| self.passes.clone());
        [("stacking_peak_bytes", self.peak_bytes.into()), ("level_pass_seconds", passes.into())]
    }

    /// In words.
    pub fn words(&self) -> Vec<String> {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let memory = self.peak_bytes.map(|bytes| {
            format!("note: stacking took {:.1} MiB of device memory at most", mib(bytes))
        });
        let level = |(number, seconds): (usize, &f64)| match number {
            0 => None,
            _ => Some(format!("{seconds:.3} s of level {}", number + 1)),
        };
        let passes: Vec<String> = self.passes.iter().enumerate().filter_map(level).collect();
        let time = (!passes.is_empty()).then(|| {
            format!("note: in an epoch, passes through the levels below took {}", passes.join(", "))
        });
        memory.into_iter().chain(time).collect()
    }
}
