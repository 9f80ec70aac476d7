// 0 for each row whose extreme value is in the desired column, else 1. Needs shared/rows.wgsl and
// shared/extreme.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    lanes: u32,
    first_row: u32,
    mask: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> classes: array<f32>;
@group(0) @binding(3) var<storage, read_write> wrong: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = team_row(group_id.x + group_id.y * group_count.x, local);
    let column = team_column(local, min(row, params.rows - 1u) * params.columns);
    if local % params.lanes == 0u && row < params.rows {
        var right = false;
        // A row with a NaN has no column, and no class is that one.
        if is_class(classes[row], params.columns) { right = u32(classes[row]) == column; }
        wrong[params.first_row + row] = select(1.0, 0.0, right);
    }
}
