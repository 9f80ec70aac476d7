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
    // A slice of the loops (src/kernels/slices.rs): of a window's own rows and columns, or, backwards, of the
    // windows that cover a pixel; from x up to before y.
    slice_rows: vec2<u32>,
    slice_columns: vec2<u32>,
}

// 0: maximum; 1: average, padding counted; 2: average of the real values.
override POOL: u32 = 0;
// Whether the result holds what earlier slices made of it, and whether a later one finishes it.
override RESUMES: bool = false;
override PAUSES: bool = false;
override WORKGROUP: u32 = 64;

// The real values that window `o` covers: from x up to before y.
fn covered(side: Side, input: u32, o: u32) -> vec2<u32> {
    let start = o * side.stride;
    let end = min(start + side.size - side.padding, input);
    return vec2<u32>(max(start, side.padding) - side.padding, end);
}

// Of them, those in a slice of the window.
fn covered_slice(side: Side, input: u32, o: u32, slice: vec2<u32>) -> vec2<u32> {
    let start = o * side.stride;
    let end = min(start + slice.y, input + side.padding);
    return max(vec2<u32>(start + slice.x, end), vec2<u32>(side.padding)) - side.padding;
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

// Of them, those in a slice.
fn windows_slice(side: Side, i: u32, slice: vec2<u32>) -> vec2<u32> {
    let range = windows(side, i);
    return vec2<u32>(range.x + slice.x, min(range.x + slice.y, range.y));
}

fn is_nan_bits(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}
