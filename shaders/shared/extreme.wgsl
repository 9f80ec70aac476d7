// The column of a row's extreme value by integer comparisons: no driver's treatment of NaN or of subnormal
// numbers matters. Needs shared/rows.wgsl; the kernel's own file gives x as array<u32>, params.mask, 0 for
// the largest and all ones for the smallest, and the slice of the columns from params.begin up to before
// params.end.

var<workgroup> shared_keys: array<u32, WORKGROUP>;
var<workgroup> shared_columns: array<u32, WORKGROUP>;

// Grows with the value that `bits` are; NaN is above all.
fn key_of(bits: u32) -> u32 {
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u { return 0xffffffffu; }
    // Zeros of both signs are equal.
    if magnitude == 0u { return 0x80000000u ^ params.mask; }
    return select(bits | 0x80000000u, ~bits, bits > 0x80000000u) ^ params.mask;
}

// The first column with the extreme of the row that begins at `start`, to every invocation of its team;
// params.columns where the row holds a NaN or nothing. `before` is what earlier slices chose, if there were any.
fn team_column(local: u32, start: u32, before: u32) -> u32 {
    let lane = local % params.lanes;
    var key = 0u;
    var column = params.columns;
    if params.begin > 0u {
        column = before;
        key = 0xffffffffu;
        if column < params.columns { key = key_of(x[start + column]); }
    }
    for (var c = params.begin + lane; c < params.end; c += params.lanes) {
        let other = key_of(x[start + c]);
        if other > key {
            key = other;
            column = c;
        }
    }
    shared_keys[local] = key;
    shared_columns[local] = column;
    for (var half = params.lanes / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            let other = shared_keys[local + half];
            let other_column = shared_columns[local + half];
            let equal = other == shared_keys[local] && other_column < shared_columns[local];
            if other > shared_keys[local] || equal {
                shared_keys[local] = other;
                shared_columns[local] = other_column;
            }
        }
    }
    workgroupBarrier();
    if shared_keys[local - lane] == 0xffffffffu { return params.columns; }
    return shared_columns[local - lane];
}
