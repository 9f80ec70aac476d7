// Two neighbouring rungs of a ladder exchange their states, case by case, where a Metropolis step takes it. One
// invocation an exchange of four columns; that of the first four keeps the books.
// Needs shared/philox.wgsl and shared/exp.wgsl.

struct Params {
    chains: u32,
    columns: u32,
    // Which pair of neighbours, counted from the lowest, and how many rungs there are.
    pair: u32,
    rungs: u32,
    first_case: u32,
    // The first of the two rows of `works` to write.
    row: u32,
    key: vec2<u32>,
    counter: vec2<u32>,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// The lower rung's free energy of its own states and of the upper one's, and the like of the upper rung.
@group(0) @binding(1) var<storage, read> lower_own: array<f32>;
@group(0) @binding(2) var<storage, read> lower_other: array<f32>;
@group(0) @binding(3) var<storage, read> upper_own: array<f32>;
@group(0) @binding(4) var<storage, read> upper_other: array<f32>;
@group(0) @binding(5) var<storage, read_write> lower: array<f32>;
@group(0) @binding(6) var<storage, read_write> upper: array<f32>;
// [2 rungs, chains]: marks, exchanges of each pair, round trips.
@group(0) @binding(7) var<storage, read_write> ledger: array<f32>;
@group(0) @binding(8) var<storage, read_write> works: array<f32>;

override WORKGROUP: u32 = 64;

fn keep_books(chain: u32, accepted: bool) {
    let low = params.pair * params.chains + chain;
    let high = low + params.chains;
    if accepted {
        let mark = ledger[low];
        ledger[low] = ledger[high];
        ledger[high] = mark;
        ledger[low + params.rungs * params.chains] += 1.0;
    }
    if params.pair == 0u {
        if ledger[low] == 2.0 { ledger[(2u * params.rungs - 1u) * params.chains + chain] += 1.0; }
        ledger[low] = 1.0;
    }
    if params.pair + 2u == params.rungs && ledger[high] == 1.0 { ledger[high] = 2.0; }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.columns + 3u) / 4u;
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.chains * blocks { return; }
    let chain = i / blocks;
    let column = (i - chain * blocks) * 4u;
    // What it costs either rung's states to move up.
    let of_lower = upper_other[chain] - lower_own[chain];
    let of_upper = upper_own[chain] - lower_other[chain];
    let gain = of_upper - of_lower;
    let words = philox(
        vec4<u32>(params.pair / 4u, params.first_case + chain, params.counter),
        params.key,
    );
    let u = uniforms(words)[params.pair % 4u];
    // A NaN takes neither way.
    let accepted = gain >= 0.0 || u < exp_of(gain);
    if column == 0u {
        works[params.row * params.chains + chain] = of_lower;
        works[(params.row + 1u) * params.chains + chain] = of_upper;
        keep_books(chain, accepted);
    }
    if !accepted { return; }
    let start = chain * params.columns + column;
    let count = min(4u, params.columns - column);
    for (var c = 0u; c < count; c++) {
        let value = lower[start + c];
        lower[start + c] = upper[start + c];
        upper[start + c] = value;
    }
}
