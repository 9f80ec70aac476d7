// Softmax of each row, one workgroup a row; the row's maximum is subtracted first.

struct Params { rows: u32, columns: u32, unused0: u32, unused1: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WORKGROUP: u32 = 64;
var<workgroup> shared_values: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = group_id.x + group_id.y * group_count.x;
    // Rows past the last compute on the last and store nothing, so that barriers stay uniform.
    let start = min(row, params.rows - 1u) * params.columns;
    var largest = x[start];
    for (var c = local; c < params.columns; c += WORKGROUP) { largest = max(largest, x[start + c]); }
    shared_values[local] = largest;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half { shared_values[local] = max(shared_values[local], shared_values[local + half]); }
    }
    workgroupBarrier();
    largest = shared_values[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var c = local; c < params.columns; c += WORKGROUP) { sum += exp(x[start + c] - largest); }
    shared_values[local] = sum;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half { shared_values[local] += shared_values[local + half]; }
    }
    workgroupBarrier();
    sum = shared_values[0];
    if row < params.rows {
        for (var c = local; c < params.columns; c += WORKGROUP) {
            y[start + c] = exp(x[start + c] - largest) / sum;
        }
    }
}
