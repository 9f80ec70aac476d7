// Partial sums of dkernel and dbias: for each group and each run of `k` of the batch's places the product
// of dy [out_group, k] with the patches [k, patch] and a column of ones, whose sums are dbias.
// Needs shared/convolution.wgsl and one of shared/tile_*.wgsl.

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> connections: array<u32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbias: array<f32>;

// Whether there is one run, whose sums are dkernel and dbias themselves; and what these take of it.
override WHOLE: bool = false;
override CONNECTIONS: bool = false;
override BIAS: bool = false;

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

// Slices go run by run, and in each group by group.
fn group() -> u32 { return slice % params.groups; }

fn load_a(row: u32, k: u32) -> f32 {
    let term = slice / params.groups * params.k + k;
    if term >= params.terms { return 0.0; }
    let image = term / places();
    let output = group() * params.out_group + row;
    return dy[(image * params.outputs + output) * places() + term - image * places()];
}

fn load_b(k: u32, column: u32) -> f32 {
    let term = slice / params.groups * params.k + k;
    // Past the last term dy counts as 0, and this as 0 too: an infinity times 0 would be NaN.
    if term >= params.terms { return 0.0; }
    if column == params.patch_size { return 1.0; }
    let image = term / places();
    let channel = column / taps();
    let at = place(term - image * places(), places_width()) * stride()
        + place(column - channel * taps(), kernel_width()) * params.dilation - params.padding;
    if at.x >= params.image.x || at.y >= params.image.y { return 0.0; }
    let plane = image * params.inputs + group() * params.in_group + channel;
    return x[(plane * params.image.x + at.x) * image_width() + at.y];
}

fn finish(row: u32, column: u32, value: vec4<f32>) {
    let count = min(4u, params.n - column);
    let start = (slice * params.m + row) * params.n + column;
    if !WHOLE {
        for (var i = 0u; i < count; i++) { sums[start + i] = value[i]; }
        return;
    }
    let output = slice * params.m + row;
    for (var i = 0u; i < count; i++) {
        if column + i == params.patch_size {
            if BIAS { dbias[output] = value[i]; }
            continue;
        }
        var sum = value[i];
        if CONNECTIONS {
            let channel = (column + i) / taps();
            if connections[output * params.in_group + channel] == 0u { sum = 0.0; }
        }
        sums[output * params.patch_size + column + i] = sum;
    }
}
