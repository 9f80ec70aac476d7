// Inner product of two vectors in parts: one workgroup a chunk, which gives one sum.

struct Params {
    length: u32,
    chunk: u32,
    chunks: u32,
    // Where the first chunk's sum goes.
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override WORKGROUP: u32 = 64;
var<workgroup> partial: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    // Groups past the last work on the last chunk and store nothing, so that barriers stay uniform.
    let chunk = min(group, params.chunks - 1u);
    let end = min((chunk + 1u) * params.chunk, params.length);
    var sum = 0.0;
    for (var e = chunk * params.chunk + local; e < end; e += WORKGROUP) {
        sum += x[e] * y[e];
    }
    partial[local] = sum;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half { partial[local] += partial[local + half]; }
    }
    workgroupBarrier();
    if local == 0u && group < params.chunks {
        out[params.first + group] = partial[0];
    }
}
