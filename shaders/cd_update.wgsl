// The contrastive divergence update of the weights, both phases in one product over K = rows + chains:
// gradient = s0 (V0 - mu)' (P0 - lambda) - s1 (Vk - mu)' (Pk - lambda).
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
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> v0: array<f32>;
@group(0) @binding(2) var<storage, read> p0: array<f32>;
@group(0) @binding(3) var<storage, read> vk: array<f32>;
@group(0) @binding(4) var<storage, read> pk: array<f32>;
@group(0) @binding(5) var<storage, read> mu: array<f32>;
@group(0) @binding(6) var<storage, read> lambda: array<f32>;
@group(0) @binding(7) var<storage, read_write> weights: array<f32>;
@group(0) @binding(8) var<storage, read_write> velocity: array<f32>;

override CENTERED: bool = false;
// Whether only the gradient goes out, into velocity.
override GRADIENT: bool = false;
// K in slices (src/kernels/slices.rs): whether velocity holds the gradient of earlier ones, and whether a
// later one is to change the weights. An update needs no sums beside velocity: the first slice takes momentum and
// decay, later ones add to it.
override RESUMES: bool = false;
override PAUSES: bool = false;

// Both operands are stored cases first, so their memory runs along the rows and columns of the product.
const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn product_slices() -> u32 { return 1u; }

fn load_a(row: u32, k: u32) -> f32 {
    var x = 0.0;
    if k < params.rows { x = v0[k * params.m + row]; } else { x = vk[(k - params.rows) * params.m + row]; }
    if CENTERED { x -= mu[row]; }
    return x;
}

fn load_b(k: u32, column: u32) -> f32 {
    var x = 0.0;
    if k < params.rows { x = p0[k * params.n + column]; } else { x = pk[(k - params.rows) * params.n + column]; }
    if CENTERED { x -= lambda[column]; }
    if k < params.rows { return params.scale0 * x; }
    return -params.scale1 * x;
}

fn finish(row: u32, column: u32, sums: vec4<f32>) {
    let start = row * params.n + column;
    let count = min(4u, params.n - column);
    var gradient = sums;
    for (var i = 0u; i < count; i++) {
        if GRADIENT {
            if RESUMES { gradient[i] += velocity[start + i]; }
            velocity[start + i] = gradient[i];
        } else {
            let w = weights[start + i];
            let change = params.momentum * velocity[start + i]
                + params.rate * (gradient[i] - params.decay * w);
            velocity[start + i] = change;
            if !PAUSES { weights[start + i] = w + change; }
        }
    }
}
