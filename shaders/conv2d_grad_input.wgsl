// dx as one product for each group: kernels [in_group, out_group * taps] times, for every pixel, the dy
// of the places that see it under each tap.
// Needs shared/convolution.wgsl, shared/slope.wgsl and one of shared/tile_*.wgsl.

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<f32>;
@group(0) @binding(3) var<storage, read> connections: array<u32>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

override CONNECTIONS: bool = false;
// The activation whose output x is, through which dx goes on; 0: as it is.
override SLOPE: u32 = 0;
// Whether an image has one place, whose patch is all of it.
override COVERS: bool = false;

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

// Rows are input channels, or, where the only place sees all of them, all values of a group's image.
fn load_a(row: u32, k: u32) -> f32 {
    var output = k;
    var value = row;
    if !COVERS {
        output = k / taps();
        value = row * taps() + k - output * taps();
    }
    output += slice * params.out_group;
    if CONNECTIONS {
        if connections[output * params.in_group + value / taps()] == 0u { return 0.0; }
    }
    return kernel[output * params.patch_size + value];
}

fn load_b(k: u32, column: u32) -> f32 {
    if COVERS {
        return dy[column * params.outputs + slice * params.out_group + k];
    }
    let image = column / pixels();
    let output = k / taps();
    let offset = place(column - image * pixels(), image_width()) + params.padding
        - place(k - output * taps(), kernel_width()) * params.dilation;
    let at = offset / stride();
    // What lies before the first place has wrapped around; between two places nothing sees the pixel.
    if any(at * stride() != offset) || any(at >= params.positions) { return 0.0; }
    let plane = image * params.outputs + slice * params.out_group + output;
    return dy[(plane * params.positions.x + at.x) * places_width() + at.y];
}

// Where dx has a row and column of the product.
fn place_of(row: u32, column: u32) -> u32 {
    if COVERS { return (column * params.groups + slice) * params.patch_size + row; }
    let image = column / pixels();
    return (image * params.inputs + slice * params.in_group + row) * pixels() + column - image * pixels();
}

fn finish(row: u32, column: u32, sums: vec4<f32>) {
    let count = min(4u, params.n - column);
    var value = sums;
    for (var i = 0u; i < count; i++) {
        let at = place_of(row, column + i);
        if RESUMES { value[i] += dx[at]; }
        if SLOPE != 0u { value[i] = sloped(SLOPE, value[i], x[at]); }
        dx[at] = value[i];
    }
}
