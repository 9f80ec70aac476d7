use harmonium::kernels::conv2d::Convolution;
use harmonium::kernels::conv2d::proof::Kernel;
use harmonium::kernels::conv2d_grad_input::conv2d_grad_input;
use harmonium::{Device, Tensor};

use super::assert_close;
use super::convolution::{Data, dot, forms, in_slices, on_every_adapter, refusal};

#[test]
fn adapters_agree_with_the_cpu() {
    on_every_adapter(Kernel::GradInput);
}

#[test]
fn slices_and_long_sums_agree_with_the_cpu() {
    in_slices(Kernel::GradInput);
}

/// ⟨x * kernel, dy⟩ = ⟨x, dx⟩: the two operators are adjoint.
#[test]
fn it_is_the_adjoint_of_the_convolution() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for form in forms() {
            let mut data = Data::new(form);
            data.bias.fill(0.0);
            let found = data.run(device);
            let (y, x) = (dot(&found.y, &data.dy), dot(&data.x, &found.dx));
            // Numbers below 2, each sum of n products known to n·2⁻²³ of its magnitude.
            let n = (found.y.len() * form.k()[1..].iter().product::<usize>()) as f64;
            assert_close(y as f32, x, 1e-4 * n.sqrt() + 1e-6 * x.abs());
        }
    }
}

#[test]
fn wrong_calls_are_refused_with_the_shapes() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (dy, kernel, options) =
        (zeros(&[2, 6, 7, 6]), zeros(&[6, 4, 3, 3]), Convolution::default());
    conv2d_grad_input(&dy, &kernel, &options, &mut zeros(&[2, 4, 9, 8])).unwrap();
    let text = refusal(conv2d_grad_input(&dy, &kernel, &options, &mut zeros(&[2, 4, 8, 8])));
    assert!(text.contains("dy is [2, 6, 7, 6]") && text.contains("[2, 6, 6, 6]"), "{text}");
    let text = refusal(conv2d_grad_input(&dy, &kernel, &options, &mut zeros(&[2, 5, 9, 8])));
    assert!(text.contains("dx [2, 5, 9, 8]") && text.contains("takes 4"), "{text}");
}
