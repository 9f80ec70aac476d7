// The contrastive divergence update of the weights, both phases in one product over K = rows + chains:
// gradient = s0 (V0 - mu)' (P0 - lambda) - s1 (Vk - mu)' (Pk - lambda).
// With BIASES those of both biases too, which lie behind the weights: V has one more column and P too, of ones, which
// the product counts as its last row and column.
// Needs one of shared/tile_*.wgsl.

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
@group(0) @binding(1) var<storage, read> v0: array<f32>;
@group(0) @binding(2) var<storage, read> p0: array<f32>;
@group(0) @binding(3) var<storage, read> vk: array<f32>;
@group(0) @binding(4) var<storage, read> pk: array<f32>;
@group(0) @binding(5) var<storage, read> offsets: array<f32>;
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

fn load_a(row: u32, k: u32) -> f32 {
    let width = visible();
    if BIASES && row == width { return 1.0; }
    var x = 0.0;
    if k < params.rows { x = v0[k * width + row]; } else { x = vk[(k - params.rows) * width + row]; }
    if CENTERED { x -= offsets[row]; }
    return x;
}

fn load_b(k: u32, column: u32) -> f32 {
    let width = hidden();
    var x = 1.0;
    if !BIASES || column < width {
        if k < params.rows { x = p0[k * width + column]; } else { x = pk[(k - params.rows) * width + column]; }
        if CENTERED { x -= offsets[params.lambda_start + column]; }
    }
    if k < params.rows { return params.scale0 * x; }
    return -params.scale1 * x;
}

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
    if CENTERED { gradient += params.drift * offsets[offset]; }
    let change = params.momentum * velocity[at] + params.rate * gradient;
    let value = weights[at] + change;
    velocity[at] = change;
    weights[at] = value;
    if (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u {
        atomicMin(&status[0], params.number);
    }
}
