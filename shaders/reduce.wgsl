// Reductions along one direction of a matrix seen as lines: line l, element e is
// x[l * line_stride + e * element_stride]. One workgroup a line and a chunk of it.

struct Params {
    lines: u32,
    length: u32,
    line_stride: u32,
    element_stride: u32,
    chunk: u32,
    chunks: u32,
    // Elements in all: the last line may be short.
    count: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

// Numbered as `Reduction` in src/kernels/reduce.rs.
override OPERATION: u32 = 0;
override WORKGROUP: u32 = 64;
var<workgroup> partial: array<f32, WORKGROUP>;

fn is_nan_bits(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn term(value: f32) -> f32 {
    switch OPERATION {
        case 1u: { return value * value; }
        case 4u: {
            return select(0.0, 1.0, (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u);
        }
        default: { return value; }
    }
}

fn join(a: f32, b: f32) -> f32 {
    if OPERATION == 2u || OPERATION == 3u {
        if is_nan_bits(a) { return a; }
        if is_nan_bits(b) { return b; }
        if OPERATION == 2u { return max(a, b); }
        return min(a, b);
    }
    return a + b;
}

fn start() -> f32 {
    if OPERATION == 2u { return bitcast<f32>(params_infinity() | 0x80000000u); }
    if OPERATION == 3u { return bitcast<f32>(params_infinity()); }
    return 0.0;
}

// Not a constant expression: WGSL refuses those that are infinite.
fn params_infinity() -> u32 {
    return select(0x7f800000u, 0u, params.lines == 0u);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    // Groups past the last work on the last line and store nothing, so that barriers stay uniform.
    let line = min(group / params.chunks, params.lines - 1u);
    let chunk = group % params.chunks;
    let end = min((chunk + 1u) * params.chunk, params.length);
    var value = start();
    for (var e = chunk * params.chunk + local; e < end; e += WORKGROUP) {
        let i = line * params.line_stride + e * params.element_stride;
        if i < params.count { value = join(value, term(x[i])); }
    }
    partial[local] = value;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half { partial[local] = join(partial[local], partial[local + half]); }
    }
    workgroupBarrier();
    if local == 0u && group < params.lines * params.chunks {
        // [chunk, line], so that a second pass along columns finishes the work.
        out[chunk * params.lines + line] = partial[0] * params.scale;
    }
}
