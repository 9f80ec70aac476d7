// The column of each row's extreme value. Needs shared/rows.wgsl and shared/extreme.wgsl.

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
@group(0) @binding(2) var<storage, read_write> chosen: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = team_row(group_id.x + group_id.y * group_count.x, local);
    let read_row = min(row, params.rows - 1u);
    let before = chosen[params.first_row + read_row];
    let column = team_column(local, read_row * params.columns, before);
    if local % params.lanes == 0u && row < params.rows { chosen[params.first_row + row] = column; }
}
