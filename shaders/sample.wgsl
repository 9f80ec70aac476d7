// Random numbers, four columns an invocation. Needs shared/philox.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    first_case: u32,
    scale: f32,
    key: vec2<u32>,
    counter: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

// 0: words; 1: uniform; 2: Bernoulli(parameter); 3: normal(parameter, scale); 4: normal(0, scale).
override KIND: u32 = 0;
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
    let block = i % blocks;
    let start = row * params.columns + block * 4u;
    let count = min(4u, params.columns - block * 4u);
    var words = philox(vec4<u32>(block, params.first_case + row, params.counter), params.key);
    var p = vec4<f32>(0.0);
    if KIND == 2u || KIND == 3u {
        for (var c = 0u; c < count; c++) { p[c] = parameter[start + c]; }
    }
    switch KIND {
        case 1u: { words = bitcast<vec4<u32>>(uniforms(words)); }
        case 2u: { words = bitcast<vec4<u32>>(bernoullis(words, p)); }
        case 3u, 4u: { words = bitcast<vec4<u32>>(p + params.scale * normals(words)); }
        default: {}
    }
    for (var c = 0u; c < count; c++) { out[start + c] = words[c]; }
}
