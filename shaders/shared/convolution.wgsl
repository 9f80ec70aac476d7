// The sizes of a convolution; `Params` of src/kernels/convolution/shader.rs. Pictures' sizes are
// (height, width). m, n and k are those of one group's product, and `slices` how many products there are.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    slices: u32,
    inputs: u32,
    outputs: u32,
    in_group: u32,
    out_group: u32,
    image: vec2<u32>,
    positions: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    padding: vec2<u32>,
    dilation: vec2<u32>,
    patch_size: u32,
    taps: u32,
    // Products in a sum over the batch's places, of which each slice takes k.
    terms: u32,
    groups: u32,
    // A slice of the kernel's rows and columns, from x up to before y, in convolution_pixels.wgsl; that of
    // the channels, and of K in the other loops, is from k_start up to before k. In convolution_taps.wgsl
    // columns are the places of a run in its row, and how many runs a row has.
    rows: vec2<u32>,
    columns: vec2<u32>,
    k_start: u32,
    // Channels of the source in a group, in convolution_pixels.wgsl.
    source_group: u32,
    unused0: u32,
    unused1: u32,
}

// Whether the result holds the sums of earlier slices (src/kernels/slices.rs).
override RESUMES: bool = false;

@group(0) @binding(0) var<uniform> params: Params;

fn product_slices() -> u32 { return params.slices; }

// (height, width) of element `i` of a picture `width` wide.
fn place(i: u32, width: u32) -> vec2<u32> {
    let y = i / width;
    return vec2<u32>(y, i - y * width);
}
