//! What the tests of the three convolution kernels share: geometries, and the definition in f64.

use harmonium::error::Result;
use harmonium::kernels::activation::Activation;
use harmonium::kernels::conv2d::proof::{FORMS, Form, Kernel, case, long};
use harmonium::kernels::conv2d::{Finish, conv2d};
use harmonium::kernels::conv2d_grad_input::conv2d_grad_input;
use harmonium::kernels::conv2d_grad_kernel::{Gradients, conv2d_grad_kernel};
use harmonium::kernels::proof::Values;
use harmonium::kernels::{Tiles, with_fixed_geometry, with_tiles};
use harmonium::{Device, Error, Tensor};

use super::{assert_close, assert_passed, on_gpus, on_gpus_in_slices, ordinary};

/// What a call gets, random and never zero.
pub struct Data {
    pub form: Form,
    pub x: Vec<f32>,
    pub kernel: Vec<f32>,
    pub bias: Vec<f32>,
    pub dy: Vec<f32>,
}

/// What the calls give.
pub struct Found {
    pub y: Vec<f32>,
    pub dx: Vec<f32>,
    pub dkernel: Vec<f32>,
    pub dbias: Vec<f32>,
}

impl Data {
    pub fn new(form: Form) -> Self {
        let count = |dims: [usize; 4]| dims.iter().product();
        Data {
            form,
            x: ordinary(1, count(form.x())),
            kernel: ordinary(2, count(form.k())),
            bias: ordinary(3, form.channels[1]),
            dy: ordinary(4, count(form.y().unwrap())),
        }
    }

    /// All three kernels on a device.
    pub fn run(&self, device: &Device) -> Found {
        let form = self.form;
        let table = form.connections().map(|words| {
            let [o, c, ..] = form.k();
            Tensor::from_u32(device, &[o, c], &words).unwrap()
        });
        let options = form.options(table.as_ref());
        let tensor = |dims: [usize; 4], x: &[f32]| Tensor::from_f32(device, &dims, x).unwrap();
        let (x, kernel) = (tensor(form.x(), &self.x), tensor(form.k(), &self.kernel));
        let bias = Tensor::from_f32(device, &[form.channels[1]], &self.bias).unwrap();
        let dims = form.y().unwrap();
        let dy = tensor(dims, &self.dy);
        // What outputs held before must not matter.
        let garbage = |dims: &[usize]| {
            Tensor::from_f32(device, dims, &vec![f32::NAN; dims.iter().product()]).unwrap()
        };
        let mut y = garbage(&dims);
        conv2d(&x, &kernel, &options, Finish::new(&bias, Activation::Identity), &mut y).unwrap();
        let mut dx = garbage(&form.x());
        conv2d_grad_input(&dy, &kernel, &options, &mut dx).unwrap();
        let (mut dkernel, mut dbias) = (garbage(&form.k()), garbage(&[form.channels[1]]));
        conv2d_grad_kernel(&x, &dy, &options, Gradients::of(&mut dkernel).with_bias(&mut dbias))
            .unwrap();
        let [y, dx, dkernel, dbias] = [y, dx, dkernel, dbias].map(|t| t.to_vec().unwrap());
        Found { y, dx, dkernel, dbias }
    }

    /// The sums Σ aᵢbᵢ in f64 of one kernel, each with Σ|aᵢbᵢ| and the number of its products.
    pub fn sums(&self, of: Of) -> Vec<(f64, f64, f64)> {
        let (a, b, length) = match of {
            Of::Y => (&self.x, &self.kernel, self.dy.len()),
            Of::Dx => (&self.dy, &self.kernel, self.x.len()),
            Of::Dkernel => (&self.x, &self.dy, self.kernel.len()),
        };
        let mut sums = vec![(0.0, 0.0, 0.0); length];
        each_product(&self.form, |x, k, y| {
            let (a, b, out) = match of {
                Of::Y => (a[x], b[k], y),
                Of::Dx => (a[y], b[k], x),
                Of::Dkernel => (a[x], b[y], k),
            };
            let product = f64::from(a) * f64::from(b);
            let sum: &mut (f64, f64, f64) = &mut sums[out];
            *sum = (sum.0 + product, sum.1 + product.abs(), sum.2 + 1.0);
        });
        sums
    }

    /// Each output against its sum: a sum of n products in f32 in any order errs by (n + 4)·2⁻²⁴ of the
    /// magnitudes, and zeros add nothing.
    #[track_caller]
    pub fn check(&self, found: &Found) {
        let ulp = 2f64.powi(-24);
        let bias = |y: usize| {
            let [_, o, h, w] = self.form.y().unwrap();
            f64::from(self.bias[y / (h * w) % o])
        };
        for (i, (sum, size, n)) in self.sums(Of::Y).into_iter().enumerate() {
            let allowed = (n + 4.0) * ulp * (size + bias(i).abs());
            assert_close(found.y[i], sum + bias(i), allowed);
        }
        for (found, of) in [(&found.dx, Of::Dx), (&found.dkernel, Of::Dkernel)] {
            for (i, (sum, size, n)) in self.sums(of).into_iter().enumerate() {
                assert_close(found[i], sum, (n + 4.0) * ulp * size);
            }
        }
        let [b, o, h, w] = self.form.y().unwrap();
        for (channel, found) in found.dbias.iter().enumerate() {
            let mine = (0..b * h * w).map(|i| (i / (h * w) * o + channel) * h * w + i % (h * w));
            let dy: Vec<f64> = mine.map(|i| f64::from(self.dy[i])).collect();
            let size: f64 = dy.iter().map(|dy| dy.abs()).sum();
            assert_close(*found, dy.iter().sum(), (b * h * w) as f64 * ulp * size);
        }
    }
}

/// Which result.
#[derive(Clone, Copy)]
pub enum Of {
    Y,
    Dx,
    Dkernel,
}

/// The definition of a convolution, loop by loop.
pub fn each_product(form: &Form, mut each: impl FnMut(usize, usize, usize)) {
    let ([_, c, h, w], [o, cg, kh, kw], [batch, _, oh, ow]) =
        (form.x(), form.k(), form.y().unwrap());
    let table = form.connections();
    for b in 0..batch {
        for out in 0..o {
            for row in 0..oh {
                for column in 0..ow {
                    for channel in 0..cg {
                        if table.as_ref().is_some_and(|t| t[out * cg + channel] == 0) {
                            continue;
                        }
                        for i in 0..kh {
                            for j in 0..kw {
                                let y = row * form.stride[0] + i * form.dilation[0];
                                let x = column * form.stride[1] + j * form.dilation[1];
                                if y < form.padding[0] || x < form.padding[1] {
                                    continue;
                                }
                                let (y, x) = (y - form.padding[0], x - form.padding[1]);
                                if y >= h || x >= w {
                                    continue;
                                }
                                let group = out / (o / form.groups);
                                each(
                                    ((b * c + group * cg + channel) * h + y) * w + x,
                                    ((out * cg + channel) * kh + i) * kw + j,
                                    ((b * o + out) * oh + row) * ow + column,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Geometries by hand: each feature alone and with others, sizes of 0 and 1, and sizes around the tiles
/// and pieces.
pub fn forms() -> Vec<Form> {
    let plain = Form::plain;
    vec![
        plain(1, [1, 1], [1, 1], [1, 1]),
        plain(3, [1, 1], [5, 4], [3, 2]),
        plain(2, [1, 6], [32, 32], [5, 5]),
        plain(3, [6, 16], [14, 14], [5, 5]),
        plain(3, [16, 120], [5, 5], [5, 5]),
        plain(67, [3, 5], [4, 3], [2, 2]),
        plain(2, [70, 65], [6, 5], [3, 3]),
        plain(3, [8, 3], [9, 8], [1, 1]),
        plain(65, [8, 3], [3, 2], [1, 1]),
        plain(1, [1, 1], [1, 200], [1, 7]),
        plain(1, [2, 3], [200, 1], [7, 1]),
        plain(0, [2, 3], [5, 5], [3, 3]),
        plain(0, [2, 3], [3, 3], [3, 3]),
        plain(2, [0, 3], [5, 5], [3, 3]),
        plain(2, [0, 3], [3, 3], [3, 3]),
        plain(2, [2, 0], [5, 5], [3, 3]),
        plain(2, [2, 0], [3, 3], [3, 3]),
        Form { padding: [2, 2], ..plain(2, [2, 3], [0, 3], [3, 3]) },
        Form { groups: 4, ..plain(0, [4, 8], [3, 3], [3, 3]) },
        Form { groups: 4, ..plain(3, [4, 8], [3, 3], [3, 3]) },
        Form { padding: [3, 1], ..plain(2, [2, 3], [5, 6], [2, 3]) },
        Form { stride: [2, 3], padding: [1, 0], ..plain(2, [3, 4], [11, 13], [3, 2]) },
        Form { stride: [5, 5], padding: [3, 3], ..plain(2, [1, 2], [4, 4], [2, 2]) },
        Form { stride: [2, 2], ..plain(3, [5, 2], [9, 9], [1, 1]) },
        Form { dilation: [2, 1], ..plain(2, [2, 3], [9, 7], [3, 3]) },
        Form {
            dilation: [2, 3],
            padding: [2, 3],
            stride: [2, 1],
            ..plain(2, [2, 3], [9, 11], [3, 3])
        },
        Form { groups: 2, ..plain(2, [4, 6], [8, 9], [3, 3]) },
        Form { groups: 6, padding: [1, 1], ..plain(2, [6, 6], [8, 9], [3, 3]) },
        Form { groups: 3, stride: [2, 2], padding: [2, 1], ..plain(5, [3, 9], [5, 4], [3, 3]) },
        Form { table: true, ..plain(3, [6, 16], [14, 14], [5, 5]) },
        Form { table: true, groups: 2, padding: [1, 2], ..plain(3, [8, 6], [6, 6], [2, 3]) },
        Form { table: true, ..plain(9, [7, 5], [4, 4], [4, 4]) },
    ]
}

/// Shaders that are made for one geometry give the bits of those that are made for all.
#[test]
fn shaders_made_for_each_geometry_change_no_bit() {
    on_gpus(|gpu| {
        for form in FORMS {
            let run = |on| {
                let all = || Data::new(form).run(gpu);
                let Found { y, dx, dkernel, dbias } =
                    with_fixed_geometry(on, || with_tiles(Tiles::Small, all));
                [y, dx, dkernel, dbias].map(|x| x.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            assert!(run(true) == run(false), "{form:?} on {}", gpu.info());
        }
    });
}

/// The same geometries in slices; then long sums.
pub fn in_slices(kernel: Kernel) {
    on_gpus_in_slices(|gpu| {
        for tiles in Tiles::ALL {
            for form in FORMS {
                assert_passed(gpu, case(gpu, tiles, kernel, form, Values::Ordinary));
            }
        }
    });
    on_gpus(|gpu| {
        for tiles in Tiles::ALL {
            for form in long(kernel) {
                assert_passed(gpu, case(gpu, tiles, kernel, form, Values::Rising));
            }
        }
    });
}

/// Every geometry under each loop, and every kind of numbers.
pub fn on_every_adapter(kernel: Kernel) {
    on_gpus(|gpu| {
        for tiles in Tiles::ALL {
            for form in forms().into_iter().chain(FORMS) {
                assert_passed(gpu, case(gpu, tiles, kernel, form, Values::Ordinary));
            }
            for values in Values::ALL {
                for form in [FORMS[2], FORMS[3], FORMS[6]] {
                    assert_passed(gpu, case(gpu, tiles, kernel, form, values));
                }
            }
        }
    });
}

pub fn refusal(result: Result<()>) -> String {
    match result {
        Err(error @ Error::Shape { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Σ aᵢbᵢ in f64.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
