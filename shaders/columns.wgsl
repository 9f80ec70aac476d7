// Columns of one matrix copied into another, one element an invocation.

struct Params {
    rows: u32,
    count: u32,
    x_columns: u32,
    x_first: u32,
    y_columns: u32,
    y_first: u32,
    unused0: u32,
    unused1: u32,
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
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.rows * params.count { return; }
    let row = i / params.count;
    let column = i - row * params.count;
    let value = x[row * params.x_columns + params.x_first + column];
    y[row * params.y_columns + params.y_first + column] = value;
}
