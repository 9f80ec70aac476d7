use harmonium::error::Result;
use harmonium::kernels::activation::{Activation, activate_in_place};
use harmonium::kernels::conv2d::proof::{Form, Kernel, case};
use harmonium::kernels::conv2d::{Convolution, Finish, conv2d};
use harmonium::kernels::conv2d_grad_input::conv2d_grad_input;
use harmonium::kernels::conv2d_grad_kernel::{Gradients, conv2d_grad_kernel};
use harmonium::kernels::proof::Values;
use harmonium::kernels::{Tiles, with_tiles};
use harmonium::{Device, Error, Tensor};
use proptest::prelude::*;

use super::convolution::{Data, Found, forms, in_slices, on_every_adapter, refusal};
use super::{assert_close, assert_passed, on_gpus, ordinary};

/// LeNet-5's C3 (LeCun et al. 1998, table I): which of S2's six maps each of its sixteen sees.
pub const C3: [[u32; 6]; 16] = [
    [1, 1, 1, 0, 0, 0],
    [0, 1, 1, 1, 0, 0],
    [0, 0, 1, 1, 1, 0],
    [0, 0, 0, 1, 1, 1],
    [1, 0, 0, 0, 1, 1],
    [1, 1, 0, 0, 0, 1],
    [1, 1, 1, 1, 0, 0],
    [0, 1, 1, 1, 1, 0],
    [0, 0, 1, 1, 1, 1],
    [1, 0, 0, 1, 1, 1],
    [1, 1, 0, 0, 1, 1],
    [1, 1, 1, 0, 0, 1],
    [1, 1, 0, 1, 1, 0],
    [0, 1, 1, 0, 1, 1],
    [1, 0, 1, 1, 0, 1],
    [1, 1, 1, 1, 1, 1],
];

#[test]
fn the_cpu_agrees_with_f64() {
    for form in forms() {
        println!("{form:?}");
        let data = Data::new(form);
        data.check(&data.run(&Device::cpu()));
    }
}

#[test]
fn adapters_agree_with_the_cpu() {
    on_every_adapter(Kernel::Forward(Activation::Identity));
    on_gpus(|gpu| {
        for f in [Activation::Sigmoid, Activation::Relu, Activation::ScaledTanh] {
            let form = Form { padding: [1, 2], ..Form::plain(2, [3, 9], [7, 9], [3, 3]) };
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, Tiles::Medium, Kernel::Forward(f), form, values));
            }
        }
    });
}

#[test]
fn slices_and_long_sums_agree_with_the_cpu() {
    in_slices(Kernel::Forward(Activation::Tanh));
}

#[test]
fn pictures_cut_into_pieces_agree_with_f64() {
    // Patches of one image past what a piece holds.
    for form in [
        Form::plain(2, [20, 3], [70, 61], [5, 5]),
        Form { padding: [4, 4], stride: [1, 2], ..Form::plain(1, [3, 4], [300, 301], [9, 9]) },
    ] {
        let data = Data::new(form);
        data.check(&data.run(&Device::cpu()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_geometry_agrees_with_f64(
        batch in 0usize..4,
        groups in 1usize..4,
        per_group in [1usize..4, 1..4],
        image in [1usize..12, 1..12],
        kernel in [1usize..5, 1..5],
        stride in [1usize..4, 1..4],
        padding in [0usize..4, 0..4],
        dilation in [1usize..3, 1..3],
        table: bool,
    ) {
        let channels = per_group.map(|n| n * groups);
        let form = Form { batch, channels, groups, image, kernel, stride, padding, dilation, table };
        prop_assume!(form.y().is_ok());
        let data = Data::new(form);
        data.check(&data.run(&Device::cpu()));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for form in [
        Form::plain(70, [3, 4], [12, 12], [5, 5]),
        Form::plain(70, [3, 4], [5, 5], [5, 5]),
        Form::plain(1, [3, 40], [70, 70], [5, 5]),
        Form::plain(300, [3, 4], [6, 6], [5, 5]),
    ] {
        let data = Data::new(form);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let Found { y, dx, dkernel, dbias } = pool.install(|| data.run(&Device::cpu()));
            [y, dx, dkernel, dbias].map(|v| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
        };
        let one = run(1);
        for threads in [2, 3, 7] {
            assert!(one == run(threads), "{threads} threads, {form:?}");
        }
    }
}

/// A convolution of 32 kernels of 16x16 on a 256x256 image gives 32 maps of 241x241.
#[test]
fn a_bank_of_filters_gives_maps_of_the_valid_size() {
    let device = Device::cpu();
    let (x, kernel) = (ordinary(1, 256 * 256), ordinary(2, 32 * 256));
    let tensor = |dims: &[usize], x: &[f32]| Tensor::from_f32(&device, dims, x).unwrap();
    let (tx, tk) = (tensor(&[1, 1, 256, 256], &x), tensor(&[32, 1, 16, 16], &kernel));
    let mut y = Tensor::for_output(&device, &[1, 32, 241, 241]).unwrap();
    conv2d(&tx, &tk, &Convolution::default(), Finish::default(), &mut y).unwrap();
    let y = y.to_vec().unwrap();
    for [map, row, column] in [[0, 0, 0], [31, 240, 240], [7, 100, 3], [20, 17, 240]] {
        let products = (0..256).map(|t| {
            let pixel = x[(row + t / 16) * 256 + column + t % 16];
            f64::from(pixel) * f64::from(kernel[map * 256 + t])
        });
        let size: f64 = products.clone().map(f64::abs).sum();
        let at = (map * 241 + row) * 241 + column;
        assert_close(y[at], products.sum(), 260.0 * 2f64.powi(-24) * size);
    }
}

#[test]
fn c3_sees_what_its_table_connects() {
    let table: Vec<u32> = C3.concat();
    assert_eq!(table.iter().sum::<u32>(), 60);
    let (x, kernel, dy) = (ordinary(1, 6 * 196), ordinary(2, 16 * 150), ordinary(3, 16 * 100));
    let zeroed: Vec<f32> =
        kernel.iter().enumerate().map(|(i, k)| if table[i / 25] == 0 { 0.0 } else { *k }).collect();
    let mut cpu = vec![Device::cpu()];
    cpu.extend(crate::support::gpus().iter().cloned());
    for device in &cpu {
        let tensor = |dims: &[usize], x: &[f32]| Tensor::from_f32(device, dims, x).unwrap();
        let t = Tensor::from_u32(device, &[16, 6], &table).unwrap();
        let all = Convolution::default();
        let some = Convolution { connections: Some(&t), ..Convolution::default() };
        let run = |kernel: &[f32], options: &Convolution<'_>| {
            let (x, k) = (tensor(&[1, 6, 14, 14], &x), tensor(&[16, 6, 5, 5], kernel));
            let dy = tensor(&[1, 16, 10, 10], &dy);
            let mut y = tensor(&[1, 16, 10, 10], &[0.0; 1600]);
            let mut dx = tensor(&[1, 6, 14, 14], &[0.0; 1176]);
            let mut dk = tensor(&[16, 6, 5, 5], &[0.0; 2400]);
            conv2d(&x, &k, options, Finish::default(), &mut y).unwrap();
            conv2d_grad_input(&dy, &k, options, &mut dx).unwrap();
            conv2d_grad_kernel(&x, &dy, options, Gradients::of(&mut dk)).unwrap();
            [y, dx, dk].map(|t| t.to_vec().unwrap())
        };
        // Whatever lies where nothing is connected counts as 0: a kernel with zeros there gives the same.
        let [y, dx, dk] = run(&kernel, &some);
        let [y_zeroed, dx_zeroed, dk_all] = run(&zeroed, &all);
        assert_eq!((y, dx), (y_zeroed, dx_zeroed), "{}", device.info());
        for (i, (dk, all)) in dk.iter().zip(dk_all).enumerate() {
            let expected = if table[i / 25] == 0 { 0.0 } else { all };
            assert_eq!(*dk, expected, "{i} on {}", device.info());
        }
    }
}

#[test]
fn nan_spreads_to_the_places_that_see_it_and_no_further() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for tiles in Tiles::ALL {
            let mut x = ordinary(1, 2 * 100);
            x[100 + 4 * 10 + 5] = f32::NAN;
            let x = Tensor::from_f32(device, &[2, 1, 10, 10], &x).unwrap();
            let kernel = Tensor::from_f32(device, &[3, 1, 3, 3], &ordinary(2, 27)).unwrap();
            let mut y = Tensor::for_output(device, &[2, 3, 8, 8]).unwrap();
            let options = Convolution::default();
            with_tiles(tiles, || {
                conv2d(
                    &x,
                    &kernel,
                    &options,
                    Finish { activation: Activation::Relu, ..Finish::default() },
                    &mut y,
                )
            })
            .unwrap();
            for (i, y) in y.to_vec().unwrap().into_iter().enumerate() {
                let (image, row, column) = (i / 192, i / 8 % 8, i % 8);
                let seen = image == 1 && (2..=4).contains(&row) && (3..=5).contains(&column);
                assert_eq!(y.is_nan(), seen, "{i} on {}, {tiles:?}", device.info());
            }
        }
    }
}

#[test]
fn a_fused_activation_is_the_activation_of_the_sum() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for form in [Form::plain(2, [3, 5], [9, 8], [3, 3]), Form::plain(2, [3, 5], [3, 3], [3, 3])]
        {
            for f in [Activation::Tanh, Activation::Sigmoid, Activation::Relu, Activation::Softplus]
            {
                let data = Data::new(form);
                let (dims, options) = (form.y().unwrap(), Convolution::default());
                let x = Tensor::from_f32(device, &form.x(), &data.x).unwrap();
                let kernel = Tensor::from_f32(device, &form.k(), &data.kernel).unwrap();
                let bias = Tensor::from_f32(device, &[5], &data.bias).unwrap();
                let run = |f| {
                    let mut y = Tensor::for_output(device, &dims).unwrap();
                    conv2d(&x, &kernel, &options, Finish::new(&bias, f), &mut y).unwrap();
                    y
                };
                let mut after = run(Activation::Identity);
                activate_in_place(f, &mut after).unwrap();
                let (fused, after) = (run(f).to_vec().unwrap(), after.to_vec().unwrap());
                for (fused, after) in fused.iter().zip(after) {
                    // One compiler may fuse a product and a sum where another does not.
                    assert_close(*fused, f64::from(after), 4e-7 * (1.0 + f64::from(after.abs())));
                }
            }
        }
    }
}

#[test]
fn wrong_calls_are_refused_with_the_shapes() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let table =
        |dims: &[usize]| Tensor::from_u32(&device, dims, &vec![1; dims.iter().product()]).unwrap();
    let (x, kernel, bias) = (zeros(&[2, 4, 9, 8]), zeros(&[6, 4, 3, 3]), zeros(&[6]));
    let y = || zeros(&[2, 6, 7, 6]);
    let plain = Convolution::default();
    let f = Activation::Identity;
    conv2d(&x, &kernel, &plain, Finish::new(&bias, f), &mut y()).unwrap();
    let small = table(&[6, 3]);
    let floats = zeros(&[6, 4]);
    let huge = usize::MAX / 2;
    let with = |t| Convolution { connections: Some(t), ..Convolution::default() };
    let cases: [(Result<()>, &[&str]); 14] = [
        (
            conv2d(&zeros(&[4, 9, 8]), &kernel, &plain, Finish::default(), &mut y()),
            &["x is [4, 9, 8]", "pictures"],
        ),
        (
            conv2d(&x, &zeros(&[6, 36]), &plain, Finish::default(), &mut y()),
            &["[6, 36]", "channels / groups"],
        ),
        (
            conv2d(&x, &zeros(&[6, 3, 3, 3]), &plain, Finish::default(), &mut y()),
            &["[2, 4, 9, 8]", "[6, 3, 3, 3]", "takes 3"],
        ),
        (
            conv2d(&x, &kernel, &Convolution { groups: 0, ..plain }, Finish::default(), &mut y()),
            &["0 groups", "at least 1"],
        ),
        (
            conv2d(&x, &kernel, &Convolution { groups: 3, ..plain }, Finish::default(), &mut y()),
            &["4 input channels", "3 groups"],
        ),
        (
            conv2d(
                &x,
                &zeros(&[6, 1, 3, 3]),
                &Convolution { groups: 4, ..plain },
                Finish::default(),
                &mut y(),
            ),
            &["6 output channels", "4 groups"],
        ),
        (
            conv2d(&x, &zeros(&[6, 4, 10, 3]), &plain, Finish::default(), &mut y()),
            &["spans 10", "height of 9"],
        ),
        (
            conv2d(
                &x,
                &kernel,
                &Convolution { stride: [1, 0], ..plain },
                Finish::default(),
                &mut y(),
            ),
            &["width's stride is 0"],
        ),
        (
            conv2d(
                &x,
                &kernel,
                &Convolution { dilation: [0, 1], ..plain },
                Finish::default(),
                &mut y(),
            ),
            &["height's dilation is 0"],
        ),
        (
            conv2d(
                &x,
                &kernel,
                &Convolution { padding: [huge, 0], ..plain },
                Finish::default(),
                &mut y(),
            ),
            &["too large"],
        ),
        (
            conv2d(&x, &kernel, &plain, Finish::default(), &mut zeros(&[2, 6, 9, 8])),
            &["y is", "[2, 6, 7, 6]"],
        ),
        (
            conv2d(&x, &kernel, &plain, Finish::new(&zeros(&[5]), f), &mut y()),
            &["bias", "[5]", "[6]"],
        ),
        (conv2d(&x, &kernel, &with(&small), Finish::default(), &mut y()), &["[6, 3]", "[6, 4]"]),
        (conv2d(&x, &kernel, &with(&floats), Finish::default(), &mut y()), &["connections", "U32"]),
    ];
    for (result, words) in cases {
        let text = refusal(result);
        for word in words {
            assert!(text.contains(word), "{word:?} is not in {text:?}");
        }
    }
    for gpu in crate::support::gpus() {
        let there = Tensor::zeros(gpu, &[6, 4, 3, 3]).unwrap();
        let result = conv2d(&x, &there, &plain, Finish::default(), &mut y());
        assert!(matches!(result, Err(Error::DeviceMismatch { .. })), "{result:?}");
    }
}
