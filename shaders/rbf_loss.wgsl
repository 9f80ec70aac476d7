// LeNet-5's loss: the scores are -y, and -j is the floor. Needs shared/rows.wgsl and shared/log_loss.wgsl.

const SIGN: f32 = -1.0;
const FLOOR: bool = true;
