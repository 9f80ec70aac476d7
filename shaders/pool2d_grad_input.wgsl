// The gradient of a pool: each pixel collects from the windows that cover it. Needs
// shared/pooling.wgsl and shared/slope.wgsl.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// The activation whose output x is, through which dx goes on; 0: as it is.
override SLOPE: u32 = 0;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    let line = i / params.w;
    let column = i - line * params.w;
    let plane = line / params.h;
    let row = line - plane * params.h;
    let rows = windows_slice(params.rows, row, params.slice_rows);
    let columns = windows_slice(params.columns, column, params.slice_columns);
    var sum = 0.0;
    if RESUMES { sum = dx[i]; }
    for (var oy = rows.x; oy < rows.y; oy++) {
        let start = (plane * params.rows.output + oy) * params.columns.output;
        for (var ox = columns.x; ox < columns.y; ox++) {
            let value = dy[start + ox];
            if POOL == 0u {
                if indices[start + ox] == row * params.w + column { sum += value; }
            } else {
                let height = counted(params.rows, params.h, oy);
                sum += value / (height * counted(params.columns, params.w, ox));
            }
        }
    }
    if SLOPE != 0u { sum = sloped(SLOPE, sum, x[i]); }
    dx[i] = sum;
}
