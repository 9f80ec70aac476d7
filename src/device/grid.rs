//! How a kernel's workgroups lie in a grid, and roughly how long it takes.

use super::Cost;
use super::driver::Driver;

/// The widest row of a grid.
pub(super) const GRID_WIDTH: u64 = super::select::GRID_WIDTH as u64;

/// `groups` workgroups as a grid of rows of one length, with fewer idle ones than rows.
pub(super) fn split(groups: u64) -> (u32, u32) {
    let rows = groups.div_ceil(GRID_WIDTH).max(1);
    (groups.div_ceil(rows) as u32, rows as u32)
}

/// A rough time, for the size of submissions only.
pub(super) fn estimate(driver: &Driver, cost: Cost) -> f64 {
    let (flops, bytes, each) =
        if driver.is_software() { (8e9, 4e9, 2e-5) } else { (1e12, 1e11, 2e-6) };
    cost.flops as f64 / flops + cost.bytes as f64 / bytes + each
}

#[cfg(test)]
mod tests {
    use super::{GRID_WIDTH, split};

    #[test]
    fn grids_cover_every_group_and_little_more() {
        let around = |groups: u64| groups - 1..=groups + 1;
        let many = [2, GRID_WIDTH, 2 * GRID_WIDTH, 3 * GRID_WIDTH + 7, GRID_WIDTH * GRID_WIDTH - 1];
        for groups in many.into_iter().flat_map(around) {
            let (x, y) = split(groups);
            let (x, y) = (u64::from(x), u64::from(y));
            assert!(x <= GRID_WIDTH && y <= GRID_WIDTH, "{groups} are {x} by {y}");
            assert!((groups..groups + y).contains(&(x * y)), "{groups} are {x} by {y}");
        }
    }
}
