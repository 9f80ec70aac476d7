// The cross-entropy of logistic units and their targets, summed over each row, with its gradient and the squared
// error. Needs shared/rows.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    lanes: u32,
    first_row: u32,
    first_squared: u32,
    scale: f32,
    // The slice of the columns, of which earlier ones' sums lie in loss and squared.
    begin: u32,
    end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> squared: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

override GRADIENT: bool = true;
override SQUARED: bool = true;
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
    var losses = 0.0;
    var squares = 0.0;
    for (var c = params.begin + lane; c < params.end; c += params.lanes) {
        let x = z[start + c];
        // exp only of what is not positive: no overflow.
        let e = exp(-abs(x));
        let difference = select(e, 1.0, x >= 0.0) / (1.0 + e) - t[start + c];
        // ln(1 + e) loses e below 2^-24; e - e*e/2 keeps it.
        let tail = select(log(1.0 + e), e * (1.0 - 0.5 * e), e < 1e-3);
        losses += (max(x, 0.0) - t[start + c] * x) + tail;
        squares += difference * difference;
        if GRADIENT && row < params.rows { dz[start + c] = params.scale * difference; }
    }
    losses = team_sum(local, losses);
    if SQUARED { squares = team_sum(local, squares); }
    if lane == 0u && row < params.rows {
        if RESUMES {
            losses += loss[params.first_row + row];
            if SQUARED { squares += squared[params.first_squared + row]; }
        }
        loss[params.first_row + row] = losses;
        if SQUARED { squared[params.first_squared + row] = squares; }
    }
}
