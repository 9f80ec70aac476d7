// What the matrix products through workgroup memory share: TILE x TILE outputs a workgroup of 256
// invocations, K in steps of TILE_K, 1024 / TILE. Of each step an invocation loads four neighbouring rows of
// A and four neighbouring columns of B, one k each, into registers while the products of the step before are
// made, and then stores them: vectors, k by k, rows and columns side by side. STRIDE, in vectors, is odd: eight
// invocations that store eight k of the same rows meet eight banks of 16 bytes.
// The loop's own file gives TILE and TILE_K. The kernel's own file gives load_a, load_b, finish, and
// params.m, params.n, the slice of K from params.k_start up to before params.k, and in product_slices how
// many products of these sizes there are; `slice` is the one at work. A_ALONG_K and B_ALONG_K say along which
// index its memory runs: neighbouring invocations load what lies side by side.

const THREADS: u32 = 256;
// Vectors of four across a tile.
const QUADS: u32 = TILE / 4;
const STRIDE: u32 = QUADS + 1;
// Where the part of B begins.
const B_AT: u32 = TILE_K * STRIDE;

var<private> slice: u32;
var<workgroup> tiles: array<vec4<f32>, 2 * TILE_K * STRIDE>;

// Row and column where a workgroup's outputs begin. Groups past the last begin where the result ends: they load
// nothing and store nothing.
fn corner(group: u32) -> vec2<u32> {
    let across = max((params.n + TILE - 1u) / TILE, 1u);
    let down = max((params.m + TILE - 1u) / TILE, 1u);
    slice = group / across / down;
    if slice >= product_slices() { return vec2<u32>(params.m, params.n); }
    return vec2<u32>(group / across % down, group % across) * TILE;
}

// The vector along a tile's side, and the k, that an invocation loads.
fn own(local: u32, along_k: bool) -> vec2<u32> {
    if along_k { return vec2<u32>(local / TILE_K, local % TILE_K); }
    return vec2<u32>(local % QUADS, local / QUADS);
}

// Zeros stand for what lies outside.
fn fetch_a(own: vec2<u32>, row0: u32, k0: u32) -> vec4<f32> {
    let row = row0 + own.x * 4u;
    let k = k0 + own.y;
    var x = vec4<f32>(0.0);
    if k < params.k {
        if row < params.m { x.x = load_a(row, k); }
        if row + 1u < params.m { x.y = load_a(row + 1u, k); }
        if row + 2u < params.m { x.z = load_a(row + 2u, k); }
        if row + 3u < params.m { x.w = load_a(row + 3u, k); }
    }
    return x;
}

fn fetch_b(own: vec2<u32>, column0: u32, k0: u32) -> vec4<f32> {
    let column = column0 + own.x * 4u;
    let k = k0 + own.y;
    var x = vec4<f32>(0.0);
    if k < params.k {
        if column < params.n { x.x = load_b(k, column); }
        if column + 1u < params.n { x.y = load_b(k, column + 1u); }
        if column + 2u < params.n { x.z = load_b(k, column + 2u); }
        if column + 3u < params.n { x.w = load_b(k, column + 3u); }
    }
    return x;
}

// Where it is stored.
fn stored(own: vec2<u32>) -> u32 {
    return own.y * STRIDE + own.x;
}
