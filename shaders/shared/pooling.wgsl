// The windows of a pool; numbered and laid out as `Pool` and `Side` in src/kernels/pool2d.rs.

struct Side { size: u32, stride: u32, padding: u32, output: u32 }

struct Params {
    rows: Side,
    columns: Side,
    // The picture.
    h: u32,
    w: u32,
    count: u32,
    unused0: u32,
}

// 0: maximum; 1: average, padding counted; 2: average of the real values.
override POOL: u32 = 0;
override WORKGROUP: u32 = 64;

// The real values that window `o` covers: from x up to before y.
fn covered(side: Side, input: u32, o: u32) -> vec2<u32> {
    let start = o * side.stride;
    let end = min(start + side.size - side.padding, input);
    return vec2<u32>(max(start, side.padding) - side.padding, end);
}

// How many values of window `o` count in an average.
fn counted(side: Side, input: u32, o: u32) -> f32 {
    if POOL == 1u { return f32(min(side.size, input + 2u * side.padding - o * side.stride)); }
    let range = covered(side, input, o);
    return f32(range.y - range.x);
}

// The windows that cover value `i`: from x up to before y.
fn windows(side: Side, i: u32) -> vec2<u32> {
    let at = i + side.padding;
    var first = 0u;
    if at >= side.size { first = (at - side.size) / side.stride + 1u; }
    return vec2<u32>(first, min(at / side.stride + 1u, side.output));
}

fn is_nan_bits(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}
