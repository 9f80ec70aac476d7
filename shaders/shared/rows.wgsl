// Rows by teams: params.lanes neighbouring invocations take one row, a power of two up to WORKGROUP, so
// that short rows do not leave most of a workgroup idle. The kernel's own file gives params.rows,
// params.columns and params.lanes. Teams past the last row compute on the last and store nothing, so that
// barriers stay uniform.

override WORKGROUP: u32 = 64;
var<workgroup> shared_values: array<f32, WORKGROUP>;

fn team_row(group: u32, local: u32) -> u32 {
    return group * (WORKGROUP / params.lanes) + local / params.lanes;
}

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// The sum of a team's values, to each of its invocations.
fn team_sum(local: u32, value: f32) -> f32 {
    let lane = local % params.lanes;
    // What an earlier call left has been read.
    workgroupBarrier();
    shared_values[local] = value;
    for (var half = params.lanes / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half { shared_values[local] += shared_values[local + half]; }
    }
    workgroupBarrier();
    return shared_values[local - lane];
}

// The largest of a team's values, none of which may be NaN.
fn team_max(local: u32, value: f32) -> f32 {
    let lane = local % params.lanes;
    workgroupBarrier();
    shared_values[local] = value;
    for (var half = params.lanes / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half { shared_values[local] = max(shared_values[local], shared_values[local + half]); }
    }
    workgroupBarrier();
    return shared_values[local - lane];
}

// Whether the number is one of the classes 0, 1, … below `count`.
fn is_class(value: f32, count: u32) -> bool {
    if is_nan(value) || value < 0.0 || value > 2147483520.0 { return false; }
    let class_number = u32(value);
    return f32(class_number) == value && class_number < count;
}
