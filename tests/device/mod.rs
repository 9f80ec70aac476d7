//! The device layer: choosing, limits, order, waiting, a wgpu device of the program's own, and what follows
//! a failure. The failures are real: an invalid dispatch, an allocation that the driver refuses, a destroyed
//! device. They happen on devices that these tests open for themselves.

mod choosing;
mod failures;
mod recording;
mod sharing;
mod waiting;
