// dx[b, d] = sum over i of dy[b, i] * 2 (x[b, d] - w[i, d]), one invocation an element.
// Needs shared/slope.wgsl.

struct Params {
    cases: u32,
    centres: u32,
    columns: u32,
    unused0: u32,
    // The slice of the centres, of which earlier ones' sums lie in dx.
    begin: u32,
    end: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

override RESUMES: bool = false;
// The activation whose output x is, through which dx goes on; 0: as it is.
override SLOPE: u32 = 0;
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if at >= params.cases * params.columns { return; }
    let b = at / params.columns;
    let d = at % params.columns;
    let value = x[at];
    var sum = 0.0;
    if RESUMES { sum = dx[at]; }
    for (var i = params.begin; i < params.end; i++) {
        sum += 2.0 * dy[b * params.centres + i] * (value - w[i * params.columns + d]);
    }
    if SLOPE != 0u { sum = sloped(SLOPE, sum, value); }
    dx[at] = sum;
}
