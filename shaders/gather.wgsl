// A minibatch from a resident shard: cases picked by index become rows of f32, four columns an
// invocation. Needs shared/philox.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    // Words of one case of the source.
    case_words: u32,
    // Where in the index list this batch begins, and at which row of the output.
    first_index: u32,
    first_row: u32,
    // The global number of the shard's first case, for random numbers; what is added to the cases' own.
    first_case: u32,
    scale: f32,
    threshold: f32,
    key: vec2<u32>,
    counter: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> inverse_deviation: array<f32>;
@group(0) @binding(5) var<storage, read> numbers: array<u32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

// 0: f32; 1: u8; 2: bits.
override SOURCE: u32 = 0;
// 0: as it is; 1: x >= threshold; 2: Bernoulli(x).
override BINARIZE: u32 = 0;
override STANDARDIZE: bool = false;
// Whether each case of the source has a number of its own, by which it is drawn.
override NUMBERED: bool = false;
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
    let column = (i % blocks) * 4u;
    let count = min(4u, params.columns - column);
    let index = indices[params.first_index + row];
    let base = index * params.case_words;
    var x = vec4<f32>(0.0);
    for (var c = 0u; c < count; c++) {
        switch SOURCE {
            case 0u: { x[c] = bitcast<f32>(source[base + column + c]); }
            case 1u: { x[c] = f32((source[base + column / 4u] >> (8u * c)) & 0xffu); }
            default: { x[c] = f32((source[base + column / 32u] >> ((column + c) % 32u)) & 1u); }
        }
        x[c] *= params.scale;
        if STANDARDIZE { x[c] = (x[c] - mean[column + c]) * inverse_deviation[column + c]; }
    }
    switch BINARIZE {
        case 1u: { x = select(vec4<f32>(0.0), vec4<f32>(1.0), x >= vec4<f32>(params.threshold)); }
        case 2u: {
            var case_number = params.first_case;
            if NUMBERED { case_number += numbers[index]; } else { case_number += index; }
            x = bernoullis(philox(vec4<u32>(column / 4u, case_number, params.counter), params.key), x);
        }
        default: {}
    }
    let start = (params.first_row + row) * params.columns + column;
    for (var c = 0u; c < count; c++) { out[start + c] = x[c]; }
}
