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
}

@group(0) @binding(0) var<uniform> params: Params;

fn product_slices() -> u32 { return params.slices; }

// (height, width) of element `i` of a picture `width` wide.
fn place(i: u32, width: u32) -> vec2<u32> {
    let y = i / width;
    return vec2<u32>(y, i - y * width);
}
