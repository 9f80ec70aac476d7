// Dropout, four columns an invocation. Needs shared/philox.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    first_case: u32,
    unused0: u32,
    key: vec2<u32>,
    counter: vec2<u32>,
    keep: f32,
    scale: f32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.columns + 3u) / 4u;
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.rows * blocks { return; }
    let row = i / blocks;
    let block = i - row * blocks;
    let start = row * params.columns + block * 4u;
    let count = min(4u, params.columns - block * 4u);
    let words = philox(vec4<u32>(block, params.first_case + row, params.counter), params.key);
    let kept = uniforms(words) < vec4<f32>(params.keep);
    for (var c = 0u; c < count; c++) {
        var value = 0.0;
        if kept[c] { value = params.scale * x[start + c]; }
        y[start + c] = value;
    }
}
