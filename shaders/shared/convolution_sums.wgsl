// dkernel and dbias from their partial sums, run by run in order: the second half of
// conv2d_grad_kernel.wgsl. A run is [outputs, patch + 1], dbias the last column.
// Needs shared/convolution.wgsl.

@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> connections: array<u32>;
@group(0) @binding(3) var<storage, read_write> dkernel: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

override CONNECTIONS: bool = false;
override BIAS: bool = false;
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    let size = params.outputs * params.n;
    if i >= size { return; }
    let output = i / params.n;
    let value = i - output * params.n;
    var sum = 0.0;
    for (var run = 0u; run < params.slices; run++) { sum += sums[run * size + i]; }
    if value == params.patch_size {
        if BIAS { dbias[output] = sum; }
        return;
    }
    if CONNECTIONS {
        if connections[output * params.in_group + value / params.taps] == 0u { sum = 0.0; }
    }
    dkernel[output * params.patch_size + value] = sum;
}
