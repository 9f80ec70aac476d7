// Parts of a step that are loaded as vectors of four, for operands whose memory is a whole number of them in every row.
// Where memory runs along a tile's side an invocation loads one vector, of one k; where it runs along k, a quarter of the
// invocations (the first one for A, the next for B) load the vectors of four rows or columns each and turn the square, so
// that what is stored is whole vectors (a vector's elements must not be written by several invocations). Two of
// these squares lie side by side along k, and eight invocations that store meet eight banks.
// The kernel's own file gives quad_a and quad_b: four numbers along its memory, from row, column and k on.
// Needs shared/tile_loads.wgsl.

// One vector, or four.
alias Piece = mat4x4<f32>;

// Invocations that load squares of an operand: TILE * TILE_K / 16.
const SQUARES: u32 = THREADS / 4u;

// The vector along a tile's side, and the k, that an invocation loads, or where its square begins; past the side where
// it loads none. Squares of A are the first invocations', those of B the next ones'.
fn own(local: u32, along_k: bool, second: bool) -> vec2<u32> {
    if !along_k { return vec2<u32>(local % QUADS, local / QUADS); }
    if local / SQUARES != select(0u, 1u, second) { return vec2<u32>(QUADS, 0u); }
    let square = local % SQUARES;
    return vec2<u32>(square / 2u % QUADS, (square % 2u + square / (2u * QUADS) * 2u) * 4u);
}

fn own_a(local: u32) -> vec2<u32> { return own(local, A_ALONG_K, false); }
fn own_b(local: u32) -> vec2<u32> { return own(local, B_ALONG_K, true); }

// Zeros stand for what lies outside; a vector is inside or outside as a whole.
fn fetch_a(own: vec2<u32>, row0: u32, k0: u32) -> Piece {
    let row = row0 + own.x * 4u;
    let k = k0 + own.y;
    var x: Piece;
    if own.x >= QUADS || k >= params.k || row >= params.m { return x; }
    x[0] = quad_a(row, k);
    if !A_ALONG_K { return x; }
    if row + 1u < params.m { x[1] = quad_a(row + 1u, k); }
    if row + 2u < params.m { x[2] = quad_a(row + 2u, k); }
    if row + 3u < params.m { x[3] = quad_a(row + 3u, k); }
    return transpose(x);
}

fn fetch_b(own: vec2<u32>, column0: u32, k0: u32) -> Piece {
    let column = column0 + own.x * 4u;
    let k = k0 + own.y;
    var x: Piece;
    if own.x >= QUADS || k >= params.k || column >= params.n { return x; }
    x[0] = quad_b(k, column);
    if !B_ALONG_K { return x; }
    if column + 1u < params.n { x[1] = quad_b(k, column + 1u); }
    if column + 2u < params.n { x[2] = quad_b(k, column + 2u); }
    if column + 3u < params.n { x[3] = quad_b(k, column + 3u); }
    return transpose(x);
}

// Into the part of the workgroup's memory that begins at `base`.
fn store(base: u32, own: vec2<u32>, along_k: bool, piece: Piece) {
    if own.x >= QUADS { return; }
    let at = base + own.y * STRIDE + own.x;
    tiles[at] = piece[0];
    if !along_k { return; }
    tiles[at + STRIDE] = piece[1];
    tiles[at + 2u * STRIDE] = piece[2];
    tiles[at + 3u * STRIDE] = piece[3];
}
