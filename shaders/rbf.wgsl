// Squared distances of cases and centres; each output is a row of differences. Needs shared/rows.wgsl.

struct Params {
    // Outputs, B * N.
    rows: u32,
    // D.
    columns: u32,
    lanes: u32,
    // N.
    centres: u32,
    // The slice of D, of which earlier ones' sums lie in y.
    begin: u32,
    end: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override RESUMES: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = team_row(group_id.x + group_id.y * group_count.x, local);
    let output = min(row, params.rows - 1u);
    let case_start = (output / params.centres) * params.columns;
    let centre_start = (output % params.centres) * params.columns;
    let lane = local % params.lanes;
    var sum = 0.0;
    for (var d = params.begin + lane; d < params.end; d += params.lanes) {
        let difference = x[case_start + d] - w[centre_start + d];
        sum += difference * difference;
    }
    sum = team_sum(local, sum);
    if lane == 0u && row < params.rows {
        if RESUMES { sum += y[row]; }
        y[row] = sum;
    }
}
