// loss = ln(sum of exp s + exp floor) - s_D for the scores s = SIGN * x and the desired class D, and its
// gradient, as LogLoss in src/kernels/cases.rs has it. Needs shared/rows.wgsl; the kernel's own file gives
// SIGN, the sign of the scores, and FLOOR, whether there is a floor.

struct Params {
    rows: u32,
    columns: u32,
    lanes: u32,
    first_row: u32,
    floor: f32,
    scale: f32,
    // Bits: WGSL has no literals of infinity and NaN.
    infinity: u32,
    nan: u32,
    // The slice of the columns.
    begin: u32,
    end: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> classes: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
// Of rows in slices: their largest scores, then their sums.
@group(0) @binding(5) var<storage, read_write> statistics: array<f32>;

// 0: all; of rows in slices 1: the largest scores; 2: the sums; 3: the results.
override PASS: u32 = 0;
override GRADIENT: bool = true;

// ln(1 + r) for r >= 0: below 1 by the series of 2 artanh(r / (2 + r)), because log may err by 2^-21 near 1.
fn ln_one_plus(r: f32) -> f32 {
    if r > 1.0 { return log(1.0 + r); }
    let s = r / (2.0 + r);
    let s2 = s * s;
    return s * (2.0 + s2 * (0.6666667 + s2 * (0.4 + s2 * (0.2857143 + s2 * (0.22222222
        + s2 * (0.18181819 + s2 * 0.15384616))))));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = team_row(group_id.x + group_id.y * group_count.x, local);
    let read_row = min(row, params.rows - 1u);
    let start = read_row * params.columns;
    let lane = local % params.lanes;
    let known = is_class(classes[read_row], params.columns);
    var desired = 0u;
    if known { desired = u32(classes[read_row]); }

    // A NaN counts as +infinity here, which max() cannot drop.
    let infinity = bitcast<f32>(params.infinity);
    var largest = -3.4028234e38;
    if FLOOR { largest = params.floor; }
    if PASS > 1u || (PASS == 1u && params.begin > 0u) { largest = statistics[read_row]; }
    if PASS < 2u {
        for (var c = params.begin + lane; c < params.end; c += params.lanes) {
            let score = SIGN * x[start + c];
            largest = max(largest, select(score, infinity, is_nan(score)));
        }
        largest = team_max(local, largest);
    }
    if PASS == 1u {
        if lane == 0u && row < params.rows { statistics[row] = largest; }
        return;
    }

    var rest = 0.0;
    if PASS != 3u {
        for (var c = params.begin + lane; c < params.end; c += params.lanes) {
            if c != desired { rest += exp(SIGN * x[start + c] - largest); }
        }
        rest = team_sum(local, rest);
    }
    if PASS == 2u {
        if lane == 0u && row < params.rows {
            if params.begin > 0u { rest += statistics[params.rows + row]; }
            statistics[params.rows + row] = rest;
        }
        return;
    }
    if PASS == 3u { rest = statistics[params.rows + read_row]; }
    if row >= params.rows { return; }
    if FLOOR { rest += exp(params.floor - largest); }
    var gap = 0.0;
    if known { gap = largest - SIGN * x[start + desired]; }
    let total = rest + exp(-gap);
    let finite = (bitcast<u32>(largest) & 0x7f800000u) != 0x7f800000u;
    // The maximum adds 1 to the total, unless all scores are -infinity.
    let good = known && finite && total >= 0.5;
    if lane == 0u {
        let beyond_one = select(total - 1.0, rest, gap == 0.0);
        let value = gap + ln_one_plus(beyond_one);
        loss[params.first_row + row] = select(bitcast<f32>(params.nan), value, good);
    }
    if GRADIENT {
        let factor = SIGN * params.scale / total;
        for (var c = params.begin + lane; c < params.end; c += params.lanes) {
            var slope = factor * exp(SIGN * x[start + c] - largest);
            if c == desired { slope = -factor * rest; }
            dx[start + c] = select(bitcast<f32>(params.nan), slope, good);
        }
    }
}
