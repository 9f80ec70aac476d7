// out = f(x, y) element by element; y may be one number per column or per row.

struct Params { count: u32, columns: u32, alpha: f32, beta: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

// Numbered as `Elementwise` in src/kernels/elementwise.rs.
override OPERATION: u32 = 0;
// y: 0 one per element; 1 one per column; 2 one per row; 3 none.
override BROADCAST: u32 = 0;
// x is what out held before.
override IN_PLACE: bool = false;
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    var p = 0.0;
    if IN_PLACE { p = out[i]; } else { p = x[i]; }
    var q = 0.0;
    switch BROADCAST {
        case 0u: { q = y[i]; }
        case 1u: { q = y[i % params.columns]; }
        case 2u: { q = y[i / params.columns]; }
        default: {}
    }
    var r = 0.0;
    switch OPERATION {
        case 0u: { r = params.alpha * p + params.beta * q; }
        case 1u: { r = p * q; }
        case 2u: { r = p / q; }
        case 3u: { r = (p - q) * (p - q); }
        case 4u: { r = params.alpha * p + params.beta; }
        // Not clamp(): it may drop a NaN, and leaves open what low > high gives.
        case 5u: {
            r = p;
            if p < params.alpha { r = params.alpha; } else if p > params.beta { r = params.beta; }
            if (bitcast<u32>(p) & 0x7fffffffu) > 0x7f800000u { r = p; }
        }
        default: {}
    }
    out[i] = r;
}
