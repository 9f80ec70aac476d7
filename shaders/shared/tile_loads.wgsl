// What the matrix products through workgroup memory share: TILE x TILE outputs a workgroup of 256
// invocations, K in steps of TILE_K, 1024 / TILE. Of each step an invocation loads its part of A and its part of B
// into registers while the products of the step before are made, and then stores them: vectors, k by k, rows and
// columns side by side. STRIDE, in vectors, is odd: eight invocations that store eight k of the same rows meet eight
// banks of 16 bytes.
// The loop's own file gives TILE and TILE_K; shared/tile_elements.wgsl or shared/tile_quads.wgsl how parts are loaded:
// Piece, own_a, own_b, fetch_a, fetch_b and store. The kernel's own file gives what these need, finish,
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
