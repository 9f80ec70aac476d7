// One round of a fixed-point iteration, rows by teams: a row that has not settled takes its next values, and how
// much they differ is kept for the round to come. Needs shared/rows.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    lanes: u32,
    // The row of `changes` that is this round's; the other one is that of the round before.
    now: u32,
    // Whether it is the first round, before which there is nothing.
    begins: u32,
    tolerance: f32,
    begin: u32,
    end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> next: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
// How many each row took, [rows].
@group(0) @binding(3) var<storage, read_write> rounds: array<f32>;
// Its largest change in two rounds, [2, rows].
@group(0) @binding(4) var<storage, read_write> changes: array<f32>;

// Whether nothing of this round has been looked at yet.
override FIRST: bool = true;

// A change that is no number settles nothing: it counts as the largest.
fn size_of(change: f32) -> f32 {
    let size = abs(change);
    return select(size, 3.4028234e38, is_nan(size) || size > 3.4028234e38);
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
    let change_before = changes[(1u - params.now) * params.rows + read_row];
    let begins = params.begins == 1u;
    let moves = row < params.rows && (begins || !(change_before < params.tolerance));
    var change = 0.0;
    for (var c = params.begin + lane; c < params.end; c += params.lanes) {
        let value = next[start + c];
        change = max(change, size_of(value - values[start + c]));
        if moves { values[start + c] = value; }
    }
    change = team_max(local, change);
    if lane == 0u && row < params.rows {
        let now = params.now * params.rows + row;
        if !moves {
            if FIRST { changes[now] = change_before; }
        } else {
            if FIRST { rounds[row] = select(rounds[row], 0.0, begins) + 1.0; } else { change = max(change, changes[now]); }
            changes[now] = change;
        }
    }
}
