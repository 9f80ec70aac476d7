use harmonium::kernels::affine::proof::{Maps, case, maps};
use harmonium::kernels::affine::{affine, affine_rows};
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::{Device, Tensor};

use super::{assert_close, assert_passed, on_gpus, ordinary};

#[test]
fn adapters_agree_with_the_cpu() {
    on_gpus(|gpu| {
        let pictures = [[1, 1, 1, 1], [0, 2, 5, 5], [3, 0, 4, 4], [5, 2, 0, 3], [2, 3, 17, 13]];
        for dims in pictures.into_iter().chain([[1, 1, 63, 65], [65, 1, 2, 3], [7, 1, 28, 28]]) {
            for values in Values::ALL {
                assert_passed(gpu, case(gpu, Maps::Identity, dims, values));
            }
            for values in [Values::Ordinary, Values::Wide, Values::Huge, Values::Subnormal] {
                assert_passed(gpu, case(gpu, Maps::Distortions, dims, values));
            }
            assert_passed(gpu, case(gpu, Maps::Extreme, dims, Values::Ordinary));
        }
        assert_passed(gpu, case(gpu, Maps::Extreme, [400, 1, 5, 7], Values::Ordinary));
    });
}

fn moved(device: &Device, dims: [usize; 4], x: &[f32], maps: &[f32], fill: f32) -> Tensor {
    let x = Tensor::from_f32(device, &dims, x).unwrap();
    let maps = Tensor::from_f32(device, &[dims[0], 6], maps).unwrap();
    let mut y = Tensor::for_output(device, &dims).unwrap();
    affine(&x, &maps, fill, &mut y).unwrap();
    y
}

#[test]
fn the_cpu_agrees_with_f64() {
    let [b, c, h, w] = [40, 2, 9, 12];
    let (x, maps, fill) = (ordinary(1, b * c * h * w), maps(Maps::Distortions, b), -0.3);
    let y = moved(&Device::cpu(), [b, c, h, w], &x, &maps, fill).to_vec().unwrap();
    let mut inside = 0;
    for (at, y) in y.iter().enumerate() {
        let (plane, i, j) = (at / (h * w), (at / w % h) as f64, (at % w) as f64);
        let m: Vec<f64> = maps[plane / c * 6..][..6].iter().map(|m| f64::from(*m)).collect();
        let (row, column) = (m[0] * i + m[1] * j + m[2], m[3] * i + m[4] * j + m[5]);
        // Each pixel weighs by its distance along both axes.
        let weight = |d: f64| (1.0 - d.abs()).max(0.0);
        let (mut expected, mut whole) = (0.0, 0.0);
        for p in 0..h {
            for q in 0..w {
                let weight = weight(row - p as f64) * weight(column - q as f64);
                expected += weight * f64::from(x[plane * h * w + p * w + q]);
                whole += weight;
            }
        }
        expected += (1.0 - whole) * f64::from(fill);
        inside += usize::from(whole > 0.99);
        // Positions err by three roundings of numbers below 32, pixels differ by less than 4.
        assert_close(*y, expected, 2.0 * 4.0 * 3.0 * 32.0 * 6e-8 + 1e-6);
    }
    assert!(inside > y.len() / 3 && inside < y.len());
}

#[test]
fn maps_to_whole_pixels_are_exact_whatever_stands_beside_them() {
    let dims = [4, 1, 6, 7];
    let x = Inputs::new(6).values(Values::NonFinite, 4 * 42);
    #[rustfmt::skip]
    let maps = [
        1.0, 0.0, 0.0, 0.0, 1.0, 0.0,
        // Down by two and left by one; upside down; transposed.
        1.0, 0.0, 2.0, 0.0, 1.0, -1.0,
        -1.0, 0.0, 5.0, 0.0, 1.0, 0.0,
        0.0, 1.0, 0.0, 1.0, 0.0, 0.0,
    ];
    type Place = fn(i64, i64) -> (i64, i64);
    let source: [Place; 4] =
        [|i, j| (i, j), |i, j| (i + 2, j - 1), |i, j| (5 - i, j), |i, j| (j, i)];
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let y = moved(device, dims, &x, &maps, -0.0).to_words().unwrap();
        for (at, y) in y.into_iter().enumerate() {
            let (i, j) = source[at / 42]((at / 7 % 6) as i64, (at % 7) as i64);
            let inside = (0..6).contains(&i) && (0..7).contains(&j);
            let expected = if inside { x[at / 42 * 42 + (i * 7 + j) as usize] } else { -0.0 };
            assert_eq!(y, expected.to_bits(), "{at} on {}", device.info());
        }
    }
}

#[test]
fn far_positions_give_fill_and_nan_gives_nan() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        for far in [-1.0, 2.0, 2e9, -2e9, 3e9, -5e9, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY]
        {
            for axis in [2, 5] {
                let mut map = [0.0; 6];
                map[axis] = far;
                let y = moved(device, [1, 1, 2, 2], &[1.0; 4], &map, 0.25).to_vec().unwrap();
                assert_eq!(y, [0.25; 4], "{far} on {}", device.info());
            }
        }
        for k in 0..6 {
            let mut map = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
            map[k] = f32::NAN;
            let y = moved(device, [1, 1, 2, 2], &[1.0; 4], &map, 0.25).to_vec().unwrap();
            assert!(y.iter().all(|y| y.is_nan()), "{y:?} for m[{k}] on {}", device.info());
        }
    }
}

#[test]
fn each_picture_has_its_own_map_and_all_its_channels_share_it() {
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let x = [1., 2., 3., 4., 5., 6., 7., 8.];
        let maps = [1., 0., 0., 0., 1., 1., 1., 0., 0., 0., 1., -1.];
        let y = moved(device, [2, 2, 1, 2], &x, &maps, 9.0).to_vec().unwrap();
        assert_eq!(y, [2., 9., 4., 9., 9., 5., 9., 7.], "{}", device.info());
    }
}

/// Rows of a matrix are the same pictures.
#[test]
fn pictures_may_be_rows() {
    let (dims, x, maps) = ([4, 2, 3, 5], ordinary(3, 120), maps(Maps::Distortions, 4));
    for device in [Device::cpu()].iter().chain(crate::support::gpus()) {
        let pictures = moved(device, dims, &x, &maps, 0.5).to_vec().unwrap();
        let x = Tensor::from_f32(device, &[4, 30], &x).unwrap();
        let maps = Tensor::from_f32(device, &[4, 6], &maps).unwrap();
        let mut y = Tensor::for_output(device, &[4, 30]).unwrap();
        affine_rows(&x, [2, 3, 5], &maps, 0.5, &mut y).unwrap();
        assert_eq!(y.to_vec().unwrap(), pictures, "{}", device.info());
        let wrong = affine_rows(&x, [2, 3, 4], &maps, 0.5, &mut y).unwrap_err().to_string();
        assert_eq!(wrong, "affine: x is [4, 30], expected 4 pictures of 2×3×4 values");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let said = |x: &Tensor, maps: &Tensor, mut y: Tensor| {
        affine(x, maps, 0.0, &mut y).unwrap_err().to_string()
    };
    let x = zeros(&[2, 3, 4, 5]);
    let text = said(&x, &zeros(&[3, 6]), zeros(&[2, 3, 4, 5]));
    assert_eq!(text, "affine: maps is [3, 6], expected [2, 6]");
    let text = said(&x, &zeros(&[2, 6]), zeros(&[2, 3, 5, 4]));
    assert_eq!(text, "affine: y is [2, 3, 5, 4], expected [2, 3, 4, 5]");
    let text = said(&zeros(&[4, 5]), &zeros(&[2, 6]), zeros(&[4, 5]));
    assert!(text.contains("expected pictures"), "{text}");
}
