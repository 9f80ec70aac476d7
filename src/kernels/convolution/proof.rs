//! The three convolution kernels against the CPU path, and the sizes that are measured.

use crate::kernels::activation::Activation;
use crate::kernels::activation::proof::{slope, tolerance};
use crate::kernels::conv2d::{Convolution, Finish, conv2d};
use crate::kernels::conv2d_grad_input::conv2d_grad_input;
use crate::kernels::conv2d_grad_kernel::{Gradients, conv2d_grad_kernel};
use crate::kernels::proof::*;
use crate::kernels::{Tiles, with_fixed_geometry, with_tiles};
use crate::shape::Window;

/// One call's sizes; those of pictures are [height, width].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// B.
    pub batch: usize,
    /// C and O.
    pub channels: [usize; 2],
    /// How many groups the channels fall into.
    pub groups: usize,
    /// H and W.
    pub image: [usize; 2],
    /// KH and KW.
    pub kernel: [usize; 2],
    /// Stride.
    pub stride: [usize; 2],
    /// Padding.
    pub padding: [usize; 2],
    /// Dilation.
    pub dilation: [usize; 2],
    /// With a table that leaves a third of the connections out.
    pub table: bool,
}

impl Form {
    /// Stride 1, no padding, no dilation, one group.
    pub const fn plain(
        batch: usize,
        channels: [usize; 2],
        image: [usize; 2],
        kernel: [usize; 2],
    ) -> Self {
        let (ones, zeros) = ([1, 1], [0, 0]);
        Form {
            batch,
            channels,
            groups: 1,
            image,
            kernel,
            stride: ones,
            padding: zeros,
            dilation: ones,
            table: false,
        }
    }

    /// x's dimensions.
    pub fn x(&self) -> [usize; 4] {
        [self.batch, self.channels[0], self.image[0], self.image[1]]
    }

    /// The kernel's dimensions.
    pub fn k(&self) -> [usize; 4] {
        [self.channels[1], self.channels[0] / self.groups, self.kernel[0], self.kernel[1]]
    }

    /// y's dimensions.
    ///
    /// # Errors
    /// Where the kernel does not fit the image.
    pub fn y(&self) -> Result<[usize; 4]> {
        let side = |axis: usize| {
            let window = Window {
                size: self.kernel[axis],
                stride: self.stride[axis],
                padding: self.padding[axis],
                dilation: self.dilation[axis],
            };
            window.positions("verify", "side", self.image[axis], false)
        };
        Ok([self.batch, self.channels[1], side(0)?, side(1)?])
    }

    /// The words of the table, u32 `[O, C / groups]`.
    pub fn connections(&self) -> Option<Vec<u32>> {
        let [outputs, inputs, ..] = self.k();
        let word = |i: usize| (i % 3) as u32;
        self.table.then(|| (0..outputs * inputs).map(|i| word(i + i / 7)).collect())
    }

    /// The call's options.
    pub fn options<'a>(&self, connections: Option<&'a Tensor>) -> Convolution<'a> {
        let Form { groups, stride, padding, dilation, .. } = *self;
        Convolution { stride, padding, dilation, groups, connections }
    }

    fn table(&self, device: &Device) -> Result<Option<Tensor>> {
        let [outputs, inputs, ..] = self.k();
        let words = self.connections();
        words.map(|words| Tensor::from_u32(device, &[outputs, inputs], &words)).transpose()
    }

    /// Calls `each` with the places in x, the kernel and y of every product of the sum, but those with
    /// the padding's zeros and those that the table leaves out.
    ///
    /// # Errors
    /// As [`Form::y`].
    pub fn each_product(&self, mut each: impl FnMut(usize, usize, usize)) -> Result<()> {
        let ([_, c, h, w], [o, cg, kh, kw], [b, _, oh, ow]) = (self.x(), self.k(), self.y()?);
        let table = self.connections();
        let seen = |axis: usize, place: usize, tap: usize| {
            let at = place * self.stride[axis] + tap * self.dilation[axis];
            at.checked_sub(self.padding[axis]).filter(|&i| i < self.image[axis])
        };
        for (yi, ki) in (0..b * o * oh * ow).flat_map(|y| (0..cg * kh * kw).map(move |k| (y, k))) {
            let (image, out, row, column) =
                (yi / (o * oh * ow), yi / (oh * ow) % o, yi / ow % oh, yi % ow);
            let channel = ki / (kh * kw);
            if table.as_ref().is_some_and(|t| t[out * cg + channel] == 0) {
                continue;
            }
            let (y, x) = (seen(0, row, ki / kw % kh), seen(1, column, ki % kw));
            if let (Some(y), Some(x)) = (y, x) {
                let channel = out / (o / self.groups) * cg + channel;
                each(((image * c + channel) * h + y) * w + x, out * cg * kh * kw + ki, yi);
            }
        }
        Ok(())
    }
}

/// Geometries of the standard set: LeNet-5's, and every feature alone and with others.
pub const FORMS: [Form; 9] = [
    Form::plain(3, [1, 6], [32, 32], [5, 5]),
    Form { table: true, ..Form::plain(3, [6, 16], [14, 14], [5, 5]) },
    Form::plain(7, [16, 120], [5, 5], [5, 5]),
    Form { padding: [1, 1], ..Form::plain(2, [9, 17], [11, 13], [3, 3]) },
    Form { stride: [2, 3], padding: [2, 1], ..Form::plain(2, [3, 4], [11, 13], [3, 2]) },
    Form { dilation: [2, 2], padding: [3, 3], ..Form::plain(2, [2, 3], [9, 11], [3, 3]) },
    Form { groups: 3, table: true, padding: [3, 0], ..Form::plain(5, [6, 9], [7, 9], [3, 4]) },
    Form { groups: 6, stride: [2, 1], ..Form::plain(2, [6, 6], [8, 9], [3, 3]) },
    Form { groups: 2, table: true, ..Form::plain(65, [4, 6], [3, 2], [3, 2]) },
];

/// Which of the three kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// `conv2d`, with a bias and this activation.
    Forward(Activation),
    /// `conv2d_grad_input`.
    GradInput,
    /// `conv2d_grad_kernel`, with `dbias` or without.
    GradKernel(bool),
}

/// One call.
pub fn case(
    device: &Device,
    tiles: Tiles,
    kernel: Kernel,
    form: Form,
    values: Values,
) -> Result<Outcome> {
    let count = |dims: [usize; 4]| dims.iter().product::<usize>();
    let dims = form.y()?;
    let outputs = form.channels[1];
    let mut inputs = Inputs::new(form.x().iter().chain(&dims).fold(7, |n, &d| n * 31 + d as u64));
    let x = inputs.values(values, count(form.x()));
    // Where the kernel is not finite, pixels that no place sees under that tap may become NaN or not.
    let finite = kernel == Kernel::GradInput && values == Values::NonFinite;
    let k = inputs.values(if finite { Values::Ordinary } else { values }, count(form.k()));
    let dy = inputs.values(values, count(dims));
    let bias = inputs.values(Values::Ordinary, outputs);
    let run = |device: &Device| {
        let tensor = |dims: [usize; 4], values: &[f32]| Tensor::from_f32(device, &dims, values);
        let table = form.table(device)?;
        let options = form.options(table.as_ref());
        match kernel {
            Kernel::Forward(f) => {
                let (x, k) = (tensor(form.x(), &x)?, tensor(form.k(), &k)?);
                let bias = Tensor::from_f32(device, &[outputs], &bias)?;
                let mut y = Tensor::for_output(device, &dims)?;
                conv2d(&x, &k, &options, Finish::new(&bias, f), &mut y)?;
                Ok([y.to_vec()?, Vec::new()])
            }
            Kernel::GradInput => {
                let (dy, k) = (tensor(dims, &dy)?, tensor(form.k(), &k)?);
                let mut dx = Tensor::for_output(device, &form.x())?;
                conv2d_grad_input(&dy, &k, &options, &mut dx)?;
                Ok([dx.to_vec()?, Vec::new()])
            }
            Kernel::GradKernel(with_bias) => {
                let (x, dy) = (tensor(form.x(), &x)?, tensor(dims, &dy)?);
                let mut dk = Tensor::for_output(device, &form.k())?;
                let mut db = Tensor::zeros(device, &[outputs])?;
                let out = Gradients { kernel: &mut dk, bias: with_bias.then_some(&mut db) };
                conv2d_grad_kernel(&x, &dy, &options, out)?;
                Ok([dk.to_vec()?, db.to_vec()?])
            }
        }
    };
    let (expected, found) = both(device, |device| with_tiles(tiles, || run(device)))?;
    let (name, a, b, length) = match kernel {
        Kernel::Forward(_) => ("conv2d", &x, &k, count(dims)),
        Kernel::GradInput => ("conv2d_grad_input", &dy, &k, x.len()),
        Kernel::GradKernel(_) => ("conv2d_grad_kernel", &x, &dy, k.len()),
    };
    let mut sums = vec![(0.0, 0.0, 0.0); length];
    form.each_product(|x, k, y| {
        let (at_a, at_b, out) = match kernel {
            Kernel::Forward(_) => (x, k, y),
            Kernel::GradInput => (y, k, x),
            Kernel::GradKernel(_) => (x, y, k),
        };
        let product = f64::from(a[at_a]) * f64::from(b[at_b]);
        let sum: &mut (f64, f64, f64) = &mut sums[out];
        *sum = (sum.0 + product, sum.1 + product.abs(), sum.2 + 1.0);
    })?;
    // A sum of n products and of the partial sums' additions; 1.5 for both devices together.
    let error = |size: f64, n: f64| 1.5 * (n + 6.0) * EPSILON * size + FLUSH * (n * 8.0 + 4.0);
    let mut check = Check::default();
    match kernel {
        Kernel::Forward(f) => {
            let places = dims[2] * dims[3];
            check.compare("y", &expected[0], &found[0], |i| {
                let (bias, (sum, size, n)) = (f64::from(bias[i / places % outputs]), sums[i]);
                let before = error(size + bias.abs(), n + 1.0);
                slope(f) * before + tolerance(f, sum + bias)
            });
        }
        _ => check.compare(name, &expected[0], &found[0], |i| error(sums[i].1, sums[i].2)),
    }
    if kernel == Kernel::GradKernel(true) {
        let terms = dims[0] * dims[2] * dims[3];
        let mut sizes = vec![0.0; outputs];
        let places = (dims[2] * dims[3]).max(1);
        for (i, dy) in dy.chunks(places).enumerate() {
            sizes[i % outputs] += dy.iter().map(|dy| f64::from(*dy).abs()).sum::<f64>();
        }
        check.compare("dbias", &expected[1], &found[1], |i| error(sizes[i], terms as f64));
    }
    Ok(check.outcome(name, format!("{tiles:?} {kernel:?} {form:?} {values:?}")))
}

/// Large kernels, one of which covers the picture; many output maps; many places.
pub fn long(kernel: Kernel) -> Vec<Form> {
    let plain = |channels, image, kernel| Form::plain(1, channels, image, kernel);
    match kernel {
        Kernel::Forward(_) => {
            vec![plain([1, 1], [300, 304], [300, 301]), plain([1, 1], [300, 301], [300, 301])]
        }
        Kernel::GradInput => vec![plain([1, LONG], [1, 4], [1, 1])],
        Kernel::GradKernel(_) => vec![plain([1, 1], [1, LONG], [1, 2])],
    }
}

/// The standard set of one of the three.
pub(crate) fn standard_of(device: &Device, kernel: Kernel, out: &mut Vec<Outcome>) -> Result<()> {
    for tiles in Tiles::ALL {
        for form in FORMS {
            out.push(case(device, tiles, kernel, form, Values::Ordinary)?);
        }
        // Made for its geometry on one side, for all on the other, whatever the adapter has.
        for on in [true, false].into_iter().filter(|_| tiles == Tiles::Small) {
            let one = || case(device, tiles, kernel, FORMS[4], Values::Ordinary);
            out.push(with_fixed_geometry(on, one)?);
        }
        for values in [Values::Huge, Values::NonFinite] {
            out.push(case(device, tiles, kernel, FORMS[3], values)?);
        }
        for form in long(kernel) {
            out.push(case(device, tiles, kernel, form, Values::Rising)?);
        }
    }
    Ok(())
}

/// What is measured, 128 images each: name, channels C and O, side of the image and of the kernel.
pub(crate) const SIZES: [(&str, [usize; 2], usize, usize); 4] = [
    ("1 to 6, 5x5 on 32x32", [1, 6], 32, 5),
    ("6 to 16, 5x5 on 14x14", [6, 16], 14, 5),
    ("16 to 120, 5x5 on 5x5", [16, 120], 5, 5),
    ("32 to 32, 5x5 on 28x28", [32, 32], 28, 5),
];

/// x, kernel and y of one of [`SIZES`], and its work in FLOP.
pub(crate) fn tensors(
    b: &Bench<'_>,
    [c, o]: [usize; 2],
    side: usize,
    kernel: usize,
) -> Result<([Tensor; 3], usize)> {
    let places = side - kernel + 1;
    let x = b.random(&[128, c, side, side], 1)?;
    let k = b.random(&[o, c, kernel, kernel], 2)?;
    let y = b.random(&[128, o, places, places], 3)?;
    Ok(([x, k, y], 2 * 128 * o * places * places * c * kernel * kernel))
}
