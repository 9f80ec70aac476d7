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

// Sizes that indices are divided by. A pipeline that is made for one geometry has them as constants, by which a division
// is a product; where they are 0 they are read from the parameters.
override FIXED_TAPS: u32 = 0;
override FIXED_KERNEL_WIDTH: u32 = 0;
override FIXED_PLACES: u32 = 0;
override FIXED_PLACES_WIDTH: u32 = 0;
override FIXED_PIXELS: u32 = 0;
override FIXED_IMAGE_WIDTH: u32 = 0;
override FIXED_STRIDE_DOWN: u32 = 0;
override FIXED_STRIDE_ACROSS: u32 = 0;

fn one_of(fixed: u32, given: u32) -> u32 { return select(fixed, given, fixed == 0u); }
// Of a kernel, of the output's places and of a picture.
fn taps() -> u32 { return one_of(FIXED_TAPS, params.taps); }
fn kernel_width() -> u32 { return one_of(FIXED_KERNEL_WIDTH, params.kernel.y); }
fn places() -> u32 { return one_of(FIXED_PLACES, params.positions.x * params.positions.y); }
fn places_width() -> u32 { return one_of(FIXED_PLACES_WIDTH, params.positions.y); }
fn pixels() -> u32 { return one_of(FIXED_PIXELS, params.image.x * params.image.y); }
fn image_width() -> u32 { return one_of(FIXED_IMAGE_WIDTH, params.image.y); }
fn stride() -> vec2<u32> {
    return vec2<u32>(one_of(FIXED_STRIDE_DOWN, params.stride.x), one_of(FIXED_STRIDE_ACROSS, params.stride.y));
}

fn product_slices() -> u32 { return params.slices; }

// (height, width) of element `i` of a picture `width` wide.
fn place(i: u32, width: u32) -> vec2<u32> {
    let y = i / width;
    return vec2<u32>(y, i - y * width);
}
