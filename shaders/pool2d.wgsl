// The maximum or the average of each window, one output an invocation. Needs shared/pooling.wgsl.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> indices: array<u32>;

override INDICES: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    let line = i / params.columns.output;
    let ox = i - line * params.columns.output;
    let plane = line / params.rows.output;
    let oy = line - plane * params.rows.output;
    let rows = covered_slice(params.rows, params.h, oy, params.slice_rows);
    let columns = covered_slice(params.columns, params.w, ox, params.slice_columns);
    let start = plane * params.h * params.w;
    if POOL == 0u {
        // The window's first value, whichever slice it lies in.
        var at = covered(params.rows, params.h, oy).x * params.w + covered(params.columns, params.w, ox).x;
        var best = x[start + at];
        if RESUMES {
            best = y[i];
            if INDICES { at = indices[i]; }
        }
        for (var r = rows.x; r < rows.y; r++) {
            for (var c = columns.x; c < columns.y; c++) {
                let here = r * params.w + c;
                let value = x[start + here];
                // A NaN is not chosen over an earlier one, but over every number.
                if !is_nan_bits(best) && (value > best || is_nan_bits(value)) {
                    best = value;
                    at = here;
                }
            }
        }
        y[i] = best;
        if INDICES { indices[i] = at; }
    } else {
        var sum = 0.0;
        if RESUMES { sum = y[i]; }
        for (var r = rows.x; r < rows.y; r++) {
            var row = 0.0;
            for (var c = columns.x; c < columns.y; c++) { row += x[start + r * params.w + c]; }
            sum += row;
        }
        if PAUSES {
            y[i] = sum;
            return;
        }
        y[i] = sum / (counted(params.rows, params.h, oy) * counted(params.columns, params.w, ox));
    }
}
