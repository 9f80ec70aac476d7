use harmonium::kernels::conv2d::Convolution;
use harmonium::kernels::conv2d::proof::Kernel;
use harmonium::kernels::conv2d_grad_kernel::{Gradients, conv2d_grad_kernel};
use harmonium::{Device, Tensor};

use super::assert_close;
use super::convolution::{Data, dot, forms, in_slices, on_every_adapter, refusal};

#[test]
fn adapters_agree_with_the_cpu() {
    for bias in [true, false] {
        on_every_adapter(Kernel::GradKernel(bias));
    }
}

#[test]
fn slices_and_long_sums_agree_with_the_cpu() {
    in_slices(Kernel::GradKernel(true));
}

/// ⟨x * kernel, dy⟩ = ⟨kernel, dkernel⟩, and of the bias ⟨1·bias, dy⟩ = ⟨bias, dbias⟩.
#[test]
fn it_is_the_adjoint_of_the_convolution() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for form in forms() {
            let data = Data::new(form);
            let found = data.run(device);
            let y = dot(&found.y, &data.dy);
            let parts = dot(&data.kernel, &found.dkernel) + dot(&data.bias, &found.dbias);
            // Numbers below 2, each sum of n products known to n·2⁻²³ of its magnitude.
            let n = (found.y.len() * (1 + form.k()[1..].iter().product::<usize>())) as f64;
            assert_close(y as f32, parts, 1e-4 * n.sqrt() + 1e-6 * parts.abs());
        }
    }
}

#[test]
fn wrong_calls_are_refused_with_the_shapes() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (x, dy, options) = (zeros(&[2, 4, 9, 8]), zeros(&[2, 6, 7, 6]), Convolution::default());
    let call = |kernel: &[usize], bias: usize| {
        let (mut dk, mut db) = (zeros(kernel), zeros(&[bias]));
        conv2d_grad_kernel(&x, &dy, &options, Gradients::of(&mut dk).with_bias(&mut db))
    };
    call(&[6, 4, 3, 3], 6).unwrap();
    let text = refusal(call(&[6, 4, 3, 2], 6));
    assert!(text.contains("dy is [2, 6, 7, 6]") && text.contains("[2, 6, 7, 7]"), "{text}");
    let text = refusal(call(&[6, 4, 3, 3], 5));
    assert!(text.contains("dbias") && text.contains("[5]"), "{text}");
}
