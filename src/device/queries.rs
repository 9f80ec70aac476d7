//! Timestamps around kernels, for profiles.

use super::Cost;
use super::driver::Driver;
use super::read::PendingRead;
use crate::error::Result;

/// Timed kernels of one submission.
pub(super) type Timed = Vec<(&'static str, Cost)>;

pub(super) struct Queries {
    pub set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
}

impl Queries {
    /// Room for `kernels` kernels.
    pub fn new(driver: &Driver, kernels: usize) -> Result<Self> {
        let count = kernels as u32 * 2;
        let (op, bytes) = ("timestamps", u64::from(count) * 8);
        use wgpu::BufferUsages as Usage;
        let descriptor =
            wgpu::QuerySetDescriptor { label: Some(op), ty: wgpu::QueryType::Timestamp, count };
        Ok(Queries {
            set: driver.checked(op, || driver.device.create_query_set(&descriptor))?,
            resolved: driver.create_buffer(op, bytes, Usage::QUERY_RESOLVE | Usage::COPY_SRC)?,
            readable: driver.create_buffer(op, bytes, Usage::COPY_DST | Usage::MAP_READ)?,
        })
    }

    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder, kernels: usize) {
        let count = kernels as u32 * 2;
        encoder.resolve_query_set(&self.set, 0..count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readable, 0, u64::from(count) * 8);
    }

    /// Waits for the submission and books its kernels' times.
    pub fn collect(
        &self,
        driver: &Driver,
        submission: Option<wgpu::SubmissionIndex>,
        timed: &Timed,
    ) -> Result<()> {
        let (staging, bytes) = (self.readable.clone(), timed.len() * 16);
        let bytes = PendingRead { staging, bytes, submission }.wait(driver)?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&bytes);
        let period = f64::from(driver.queue.get_timestamp_period()) * 1e-9;
        for (pair, &(op, cost)) in ticks.chunks_exact(2).zip(timed) {
            driver.profile.add(op, cost, pair[1].saturating_sub(pair[0]) as f64 * period);
        }
        Ok(())
    }
}
