// Parts of a step that are loaded one by one, whatever the sizes: four neighbouring rows of A and four neighbouring
// columns of B, one k each. The kernel's own file gives load_a and load_b.
// Needs shared/tile_loads.wgsl.

alias Piece = vec4<f32>;

// The vector along a tile's side, and the k, that an invocation loads.
fn own(local: u32, along_k: bool) -> vec2<u32> {
    if along_k { return vec2<u32>(local / TILE_K, local % TILE_K); }
    return vec2<u32>(local % QUADS, local / QUADS);
}

fn own_a(local: u32) -> vec2<u32> { return own(local, A_ALONG_K); }
fn own_b(local: u32) -> vec2<u32> { return own(local, B_ALONG_K); }

// Zeros stand for what lies outside.
fn fetch_a(own: vec2<u32>, row0: u32, k0: u32) -> Piece {
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

fn fetch_b(own: vec2<u32>, column0: u32, k0: u32) -> Piece {
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

// Into the part of the workgroup's memory that begins at `base`.
fn store(base: u32, own: vec2<u32>, along_k: bool, piece: Piece) {
    tiles[base + own.y * STRIDE + own.x] = piece;
}
