//! Reused GPU buffers: creating one zeroes it and costs a call into the driver.

use std::collections::HashMap;

/// Device memory as harmonium accounts for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct MemoryStats {
    /// Bytes held by tensors.
    pub used_bytes: u64,
    /// Bytes kept for reuse.
    pub pooled_bytes: u64,
    /// The most bytes ever held by tensors.
    pub peak_bytes: u64,
    /// Buffers that exist, in use or pooled.
    pub buffers: u64,
}

/// Free buffers by size, and the account.
#[derive(Default)]
pub(crate) struct Pool {
    free: HashMap<u64, Vec<(u64, wgpu::Buffer)>>,
    stats: MemoryStats,
    next_id: u64,
}

/// Free memory above this many bytes, and above what is in use, goes back to the driver.
const KEEP_FREE: u64 = 256 << 20;

impl Pool {
    /// The size to ask for: four steps an octave, so at most a quarter is added; 256 bytes at least.
    pub fn class(bytes: u64, limit: u64) -> u64 {
        let bytes = bytes.max(256);
        let step = (bytes.next_power_of_two() / 8).max(64);
        bytes.next_multiple_of(step).min(limit.max(bytes))
    }

    pub fn take(&mut self, class: u64) -> Option<(u64, wgpu::Buffer)> {
        let found = self.free.get_mut(&class)?.pop()?;
        self.stats.pooled_bytes -= class;
        self.count(class);
        Some(found)
    }

    /// Counts a new buffer in and names it.
    pub fn adopt(&mut self, class: u64) -> u64 {
        self.stats.buffers += 1;
        self.next_id += 1;
        self.count(class);
        self.next_id
    }

    fn count(&mut self, class: u64) {
        self.stats.used_bytes += class;
        self.stats.peak_bytes = self.stats.peak_bytes.max(self.stats.used_bytes);
    }

    /// Takes a buffer back. True where the pool has grown too fat and wants [`Pool::trim`].
    pub fn give_back(&mut self, class: u64, id: u64, buffer: wgpu::Buffer) -> bool {
        self.stats.used_bytes -= class;
        self.stats.pooled_bytes += class;
        self.free.entry(class).or_default().push((id, buffer));
        self.stats.pooled_bytes > KEEP_FREE.max(self.stats.used_bytes)
    }

    /// Drops every free buffer.
    pub fn trim(&mut self) {
        let dropped: usize = self.free.values().map(Vec::len).sum();
        self.stats.buffers -= dropped as u64;
        self.stats.pooled_bytes = 0;
        self.free.clear();
    }

    pub fn stats(&self) -> MemoryStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;

    #[test]
    fn classes_hold_what_they_are_asked_for_and_waste_little() {
        for bytes in (1..5000u64).chain((1 << 20)..(1 << 20) + 100) {
            let class = Pool::class(bytes, u64::MAX);
            assert!(class >= bytes && class.is_multiple_of(64));
            assert!(bytes < 1024 || (class as f64) < bytes as f64 * 1.26, "{bytes} -> {class}");
        }
        assert_eq!(Pool::class(100 << 20, 100 << 20), 100 << 20);
    }
}
