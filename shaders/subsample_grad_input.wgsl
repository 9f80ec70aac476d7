// The gradient of trained subsampling with respect to its input, one pixel an invocation. Needs shared/slope.wgsl.

// Windows of kh x kw; outputs oh x ow; pictures h x w.
struct Params { kh: u32, kw: u32, oh: u32, ow: u32, h: u32, w: u32, channels: u32, count: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> coefficient: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// The activation whose output x is, through which dx goes on; 0: as it is.
override SLOPE: u32 = 0;

override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    let line = i / params.w;
    let plane = line / params.h;
    let oy = (line - plane * params.h) / params.kh;
    let ox = (i - line * params.w) / params.kw;
    var value = 0.0;
    if oy < params.oh && ox < params.ow {
        value = coefficient[plane % params.channels] * dz[(plane * params.oh + oy) * params.ow + ox];
    }
    if SLOPE != 0u { value = sloped(SLOPE, value, x[i]); }
    dx[i] = value;
}
