// 0 for each row whose extreme value is in the desired column, else 1; where rows are long, x is the columns
// that argmax.wgsl chose. Needs shared/rows.wgsl and
// shared/extreme.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    lanes: u32,
    first_row: u32,
    mask: u32,
    begin: u32,
    end: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> classes: array<f32>;
@group(0) @binding(3) var<storage, read_write> wrong: array<f32>;

override CHOSEN: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = team_row(group_id.x + group_id.y * group_count.x, local);
    let read_row = min(row, params.rows - 1u);
    var column = 0u;
    if CHOSEN { column = x[read_row]; } else { column = team_column(local, read_row * params.columns, 0u); }
    if local % params.lanes == 0u && row < params.rows {
        var right = false;
        // A row with a NaN has no column, and no class is that one.
        if is_class(classes[row], params.columns) { right = u32(classes[row]) == column; }
        wrong[params.first_row + row] = select(1.0, 0.0, right);
    }
}
