// The squared error of each row, and its gradient. Needs shared/rows.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    lanes: u32,
    first_row: u32,
    slope: f32,
    // The slice of the columns, of which earlier ones' sums lie in loss.
    begin: u32,
    end: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

override GRADIENT: bool = true;
override RESUMES: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = team_row(group_id.x + group_id.y * group_count.x, local);
    let start = min(row, params.rows - 1u) * params.columns;
    let lane = local % params.lanes;
    var sum = 0.0;
    for (var c = params.begin + lane; c < params.end; c += params.lanes) {
        let difference = x[start + c] - t[start + c];
        sum += difference * difference;
        if GRADIENT && row < params.rows { dx[start + c] = params.slope * difference; }
    }
    sum = team_sum(local, sum);
    if lane == 0u && row < params.rows {
        if RESUMES { sum += loss[params.first_row + row]; }
        loss[params.first_row + row] = sum;
    }
}
