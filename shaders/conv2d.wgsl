// y = f(x * kernel + bias) as one product for each group: kernels [out_group, patch] times patches
// [patch, batch * places], the patches read where they lie.
// Needs shared/convolution.wgsl, shared/activation.wgsl and one of shared/tile_*.wgsl.

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> connections: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

override BIAS: bool = false;
override CONNECTIONS: bool = false;
override ACTIVATION: u32 = 0;
// Whether an image has one place, whose patch is all of it.
override COVERS: bool = false;

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

fn load_a(row: u32, k: u32) -> f32 {
    let output = slice * params.out_group + row;
    if CONNECTIONS {
        if connections[output * params.in_group + k / taps()] == 0u { return 0.0; }
    }
    return kernel[output * params.patch_size + k];
}

fn load_b(k: u32, column: u32) -> f32 {
    if COVERS {
        return x[(column * params.groups + slice) * params.patch_size + k];
    }
    let image = column / places();
    let channel = k / taps();
    let at = place(column - image * places(), places_width()) * stride()
        + place(k - channel * taps(), kernel_width()) * params.dilation - params.padding;
    // What lies before the picture has wrapped around.
    if at.x >= params.image.x || at.y >= params.image.y { return 0.0; }
    let plane = image * params.inputs + slice * params.in_group + channel;
    return x[(plane * params.image.x + at.x) * image_width() + at.y];
}

// Where y has a column of an output channel.
fn place_of(output: u32, column: u32) -> u32 {
    let image = column / places();
    return (image * params.outputs + output) * places() + column - image * places();
}

fn finish(row: u32, column: u32, sums: vec4<f32>) {
    let output = slice * params.out_group + row;
    let count = min(4u, params.n - column);
    var value = sums;
    if RESUMES {
        for (var i = 0u; i < count; i++) { value[i] += y[place_of(output, column + i)]; }
    }
    if BIAS { value += bias[output]; }
    value = activate(ACTIVATION, value);
    for (var i = 0u; i < count; i++) { y[place_of(output, column + i)] = value[i]; }
}
