// Steps of block Gibbs sampling of a machine of Bernoulli units, with no way back to global memory between them: a
// workgroup holds the states of 4 chains. Every sum runs over the other layer's units in ascending order, and every draw
// takes the number that it has step by step.
// Needs shared/philox.wgsl and shared/activation.wgsl.

struct Params {
    chains: u32,
    visible: u32,
    hidden: u32,
    // The steps of this dispatch.
    steps: u32,
    key: vec2<u32>,
    first_case: u32,
    unused: u32,
    // Counters of the first step's draws, the step lowest.
    hidden_counter: vec2<u32>,
    visible_counter: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> bias_visible: array<f32>;
@group(0) @binding(3) var<storage, read> bias_hidden: array<f32>;
@group(0) @binding(4) var<storage, read_write> visible: array<f32>;
@group(0) @binding(5) var<storage, read_write> hidden: array<f32>;

const WORKGROUP: u32 = 128;
const CHAINS: u32 = 4;
// Units of both layers together, at most.
const UNITS: u32 = 896;

// The visible units, then the hidden ones, each in its 4 chains.
var<workgroup> states: array<vec4<f32>, 896>;
// The numbers of 4 units of one chain: of those of an invocation and its neighbours, who take a chain each.
var<workgroup> words: array<vec4<u32>, 128>;

// Draws the units first..first + count given those at other.., whose weights are `next` apart for one unit and `step`
// apart from unit to unit. All of a workgroup come here.
struct Layer { count: u32, first: u32, other: u32, others: u32, step: u32, next: u32 }

fn draw(layer: Layer, of_hidden: bool, counter: vec2<u32>, first_chain: u32, local: u32) {
    for (var base = 0u; base < layer.count; base += WORKGROUP) {
        let unit = base + local;
        let chain = first_chain + local % 4u;
        words[local] = philox(vec4<u32>(unit / 4u, params.first_case + chain, counter), params.key);
        workgroupBarrier();
        if unit < layer.count {
            var sums = vec4<f32>(0.0);
            var at = unit * layer.step;
            for (var k = 0u; k < layer.others; k++) {
                sums += weights[at] * states[layer.other + k];
                at += layer.next;
            }
            if of_hidden { sums += bias_hidden[unit]; } else { sums += bias_visible[unit]; }
            let neighbours = local - local % 4u;
            let column = unit % 4u;
            let mine = vec4<u32>(
                words[neighbours][column],
                words[neighbours + 1u][column],
                words[neighbours + 2u][column],
                words[neighbours + 3u][column],
            );
            states[layer.first + unit] = bernoullis(mine, sigmoid(sums));
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first_chain = (group_id.x + group_id.y * group_count.x) * CHAINS;
    let units = params.visible;
    for (var unit = local; unit < units; unit += WORKGROUP) {
        var state = vec4<f32>(0.0);
        for (var c = 0u; c < CHAINS; c++) {
            let chain = first_chain + c;
            if chain < params.chains { state[c] = visible[chain * units + unit]; }
        }
        states[unit] = state;
    }
    workgroupBarrier();
    let of_hidden = Layer(params.hidden, units, 0u, units, 1u, params.hidden);
    let of_visible = Layer(units, 0u, units, params.hidden, params.hidden, 1u);
    for (var s = 0u; s < params.steps; s++) {
        let step = vec2<u32>(s, 0u);
        draw(of_hidden, true, params.hidden_counter + step, first_chain, local);
        draw(of_visible, false, params.visible_counter + step, first_chain, local);
    }
    for (var c = 0u; c < CHAINS; c++) {
        let chain = first_chain + c;
        if chain >= params.chains { return; }
        for (var unit = local; unit < units; unit += WORKGROUP) {
            visible[chain * units + unit] = states[unit][c];
        }
        for (var unit = local; unit < params.hidden; unit += WORKGROUP) {
            hidden[chain * params.hidden + unit] = states[units + unit][c];
        }
    }
}
