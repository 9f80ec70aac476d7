//! Tensors' buffers on a GPU: lent from a pool, given back when they are dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::faults::WriteState;
use super::pool::{MemoryStats, Pool};
use super::profile::lock;
use crate::error::{Error, Result};

/// Bind groups kept; past that all are made anew.
const BIND_GROUPS: usize = 4096;

/// Pipeline, and (buffer, bytes) of each storage binding.
pub(super) type BindKey = (usize, Vec<(u64, u64)>);

/// The pool, and the bind groups over its buffers.
#[derive(Default)]
pub(super) struct Memory {
    pool: Mutex<Pool>,
    bind_groups: Mutex<HashMap<BindKey, wgpu::BindGroup>>,
}

/// A pooled buffer; dropping it gives it back. What was recorded before runs before whatever uses it
/// next, because the queue keeps the order.
pub(crate) struct GpuBuffer {
    memory: Arc<Memory>,
    raw: Option<wgpu::Buffer>,
    /// The buffer's name; it stays the same when the buffer is reused.
    pub(super) id: u64,
    /// The bytes that are bound; the buffer may be larger.
    pub(super) bytes: u64,
    class: u64,
    pub(super) state: Arc<WriteState>,
}

impl GpuBuffer {
    pub(super) fn raw(&self) -> Result<&wgpu::Buffer> {
        self.raw.as_ref().ok_or_else(|| Error::shape("buffer", "already given back"))
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        let Some(raw) = self.raw.take() else { return };
        if lock(&self.memory.pool).give_back(self.class, self.id, raw) {
            self.memory.trim();
        }
    }
}

impl Memory {
    /// A buffer of the class: a free one, or what `create` makes.
    pub fn lend(
        self: &Arc<Self>,
        class: u64,
        bytes: u64,
        create: impl FnOnce() -> Result<wgpu::Buffer>,
    ) -> Result<GpuBuffer> {
        let found = lock(&self.pool).take(class);
        let (id, raw) = match found {
            Some(found) => found,
            None => {
                let raw = create()?;
                (lock(&self.pool).adopt(class), raw)
            }
        };
        Ok(GpuBuffer {
            memory: self.clone(),
            raw: Some(raw),
            id,
            bytes,
            class,
            state: Arc::default(),
        })
    }

    /// Gives every free buffer back to the driver.
    pub fn trim(&self) {
        lock(&self.pool).trim();
        lock(&self.bind_groups).clear();
    }

    pub fn stats(&self) -> MemoryStats {
        lock(&self.pool).stats()
    }

    /// The bind group of this key, made where it is new.
    pub fn bind_group(
        &self,
        key: BindKey,
        make: impl FnOnce() -> Result<wgpu::BindGroup>,
    ) -> Result<wgpu::BindGroup> {
        let found = lock(&self.bind_groups).get(&key).cloned();
        if let Some(group) = found {
            return Ok(group);
        }
        let group = make()?;
        let mut cache = lock(&self.bind_groups);
        if cache.len() >= BIND_GROUPS {
            cache.clear();
        }
        cache.insert(key, group.clone());
        Ok(group)
    }
}
