// The contrastive divergence update of the weights, both phases in one product over K = rows + chains:
// gradient = s0 (V0 - mu)' (P0 - lambda) - s1 (Vk - mu)' (Pk - lambda).
// With BIASES those of both biases too, which lie behind the weights: V has one more column and P too, of ones, which
// the product counts as its last row and column.
// Needs one of shared/cd_update_*.wgsl and one of shared/tile_*.wgsl.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    rows: u32,
    scale0: f32,
    scale1: f32,
    rate: f32,
    momentum: f32,
    decay: f32,
    k_start: u32,
    // Where lambda begins in the offsets, and each bias in what is changed.
    lambda_start: u32,
    b_start: u32,
    a_start: u32,
    // s0 rows - s1 chains, which is 0 but for rounding.
    drift: f32,
    // What this update is called.
    number: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(6) var<storage, read_write> weights: array<f32>;
@group(0) @binding(7) var<storage, read_write> velocity: array<f32>;
// The least number of an update after which a bias was not finite.
@group(0) @binding(8) var<storage, read_write> status: array<atomic<u32>>;

override CENTERED: bool = false;
// Whether only the gradient goes out, into velocity.
override GRADIENT: bool = false;
// Whether the biases are changed too.
override BIASES: bool = false;
// K in slices (src/kernels/slices.rs): whether velocity holds the gradient of earlier ones, and whether a
// later one is to change the weights. An update needs no sums beside velocity: the first slice takes momentum and
// decay, later ones add to it.
override RESUMES: bool = false;
override PAUSES: bool = false;

// Both operands are stored cases first, so their memory runs along the rows and columns of the product.
const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn product_slices() -> u32 { return 1u; }

// The sizes of the weights.
fn visible() -> u32 { return params.m - select(0u, 1u, BIASES); }
fn hidden() -> u32 { return params.n - select(0u, 1u, BIASES); }

fn finish(row: u32, column: u32, sums: vec4<f32>) {
    let count = min(4u, params.n - column);
    for (var i = 0u; i < count; i++) {
        if BIASES && (row == visible() || column + i == hidden()) {
            change_bias(row, column + i, sums[i]);
            continue;
        }
        let at = row * hidden() + column + i;
        if GRADIENT {
            var gradient = sums[i];
            if RESUMES { gradient += velocity[at]; }
            velocity[at] = gradient;
        } else {
            let w = weights[at];
            let change = params.momentum * velocity[at] + params.rate * (sums[i] - params.decay * w);
            velocity[at] = change;
            if !PAUSES { weights[at] = w + change; }
        }
    }
}

// A bias, whose gradient is around no offset and has no decay.
fn change_bias(row: u32, column: u32, sum: f32) {
    let of_hidden = row == visible();
    if of_hidden && column == hidden() { return; }
    var at = params.b_start + row;
    var offset = row;
    if of_hidden {
        at = params.a_start + column;
        offset = params.lambda_start + column;
    }
    var gradient = sum;
    if CENTERED { gradient += params.drift * offset_at(offset); }
    let change = params.momentum * velocity[at] + params.rate * gradient;
    let value = weights[at] + change;
    velocity[at] = change;
    weights[at] = value;
    if (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u {
        atomicMin(&status[0], params.number);
    }
}
