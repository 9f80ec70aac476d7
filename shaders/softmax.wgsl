// Softmax of each row, one workgroup a row; the row's maximum is subtracted first. Long rows in slices, each
// from `begin` up to before `end`, pass by pass. Needs shared/exp.wgsl.

struct Params { rows: u32, columns: u32, begin: u32, end: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
// Of rows in slices: their largest values, then their sums.
@group(0) @binding(3) var<storage, read_write> statistics: array<f32>;

// 0: all; 1: the largest values; 2: the sums; 3: the results.
override PASS: u32 = 0;
override WORKGROUP: u32 = 64;
var<workgroup> shared_values: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = group_id.x + group_id.y * group_count.x;
    // Rows past the last compute on the last and store nothing, so that barriers stay uniform.
    let read_row = min(row, params.rows - 1u);
    let start = read_row * params.columns;
    var largest = x[start];
    if PASS > 1u || (PASS == 1u && params.begin > 0u) { largest = statistics[read_row]; }
    if PASS < 2u {
        for (var c = params.begin + local; c < params.end; c += WORKGROUP) { largest = max(largest, x[start + c]); }
        shared_values[local] = largest;
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if local < half { shared_values[local] = max(shared_values[local], shared_values[local + half]); }
        }
        workgroupBarrier();
        largest = shared_values[0];
        workgroupBarrier();
    }
    if PASS == 1u {
        if local == 0u && row < params.rows { statistics[row] = largest; }
        return;
    }
    var sum = 0.0;
    if PASS != 3u {
        for (var c = params.begin + local; c < params.end; c += WORKGROUP) { sum += exp_of(x[start + c] - largest); }
        shared_values[local] = sum;
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if local < half { shared_values[local] += shared_values[local + half]; }
        }
        workgroupBarrier();
        sum = shared_values[0];
    }
    if PASS == 2u {
        if local == 0u && row < params.rows {
            if params.begin > 0u { sum += statistics[params.rows + row]; }
            statistics[params.rows + row] = sum;
        }
        return;
    }
    if PASS == 3u { sum = statistics[params.rows + read_row]; }
    if row < params.rows {
        for (var c = params.begin + local; c < params.end; c += WORKGROUP) {
            y[start + c] = exp_of(x[start + c] - largest) / sum;
        }
    }
}
