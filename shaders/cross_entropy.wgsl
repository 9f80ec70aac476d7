// Softmax with cross-entropy. Needs shared/rows.wgsl and shared/log_loss.wgsl.

const SIGN: f32 = 1.0;
const FLOOR: bool = false;
