//! Distortions: their words, their ranges, and that they are a function of seed, epoch and case.

use harmonium::random::{Draw, stream};
use harmonium::training::Distortion;
use harmonium::{Device, Tensor};

const FULL: Distortion = Distortion { shift: 2.0, rotate: 10.0, scale: 0.15, shear: 0.15 };

fn draw(seed: u64, epoch: u64, first: u32) -> Draw {
    Draw::new(seed, stream::AUGMENT).at(epoch).from_case(first)
}

#[test]
fn words_and_errors() {
    for text in ["shift=2,rotate=10,scale=0.15,shear=0.15", "rotate=45", "none"] {
        assert_eq!(text.parse::<Distortion>().unwrap().to_string(), text);
    }
    assert_eq!("shift,rotate,scale,shear".parse::<Distortion>().unwrap(), FULL);
    for (text, expected) in [
        ("flip", "'flip' is none of shift, rotate, scale, shear"),
        ("shift=x", "shift=x is no number from 0 to"),
        ("scale=0.95", "scale=0.95"),
        ("rotate=-1", "rotate=-1"),
        ("", "'' is none of"),
    ] {
        let error = text.parse::<Distortion>().err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn maps_are_a_function_of_seed_epoch_and_case() {
    let maps = |seed, epoch, first, rows| FULL.maps(&draw(seed, epoch, first), rows, [28, 28]);
    assert_eq!(maps(1, 1, 0, 10)[30..], maps(1, 1, 5, 5)[..]);
    assert_ne!(maps(1, 1, 0, 5), maps(1, 2, 0, 5));
    assert_ne!(maps(1, 1, 0, 5), maps(2, 1, 0, 5));
    let none = Distortion::default().maps(&draw(1, 1, 0), 1, [28, 28]);
    assert_eq!(none, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}

/// Each amount by itself moves the middle, turns, or stretches, and by no more than it says.
#[test]
fn amounts_are_kept() {
    let many = |d: Distortion| -> Vec<[f32; 6]> {
        let maps = d.maps(&draw(3, 1, 0), 2000, [21, 31]);
        maps.chunks(6).map(|m| m.try_into().unwrap()).collect()
    };
    let none = Distortion::default();
    // Where the middle pixel (10, 15) is taken from.
    let middle = |m: &[f32; 6]| {
        [10.0 * m[0] + 15.0 * m[1] + m[2] - 10.0, 10.0 * m[3] + 15.0 * m[4] + m[5] - 15.0]
    };
    let most = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0f32, |m, x| m.max(x.abs()));
    let shifted = many(Distortion { shift: 2.0, ..none });
    for axis in 0..2 {
        let largest = most(&mut shifted.iter().map(|m| middle(m)[axis]));
        assert!(largest <= 2.0 + 1e-4 && largest > 1.98, "{largest}");
    }
    let rotated = many(Distortion { rotate: 10.0, ..none });
    let largest = most(&mut rotated.iter().map(|m| m[3].atan2(m[0]).to_degrees()));
    assert!(largest <= 10.0 + 1e-3 && largest > 9.9, "{largest}");
    for m in &rotated {
        assert!((m[0] * m[4] - m[1] * m[3] - 1.0).abs() < 1e-5, "area stays");
        assert!(middle(m).iter().all(|x| x.abs() < 1e-4), "the middle stays");
    }
    let scaled = many(Distortion { scale: 0.2, ..none });
    let factors = || scaled.iter().map(|m| 1.0 / m[0]);
    assert!(factors().all(|f| (0.8 - 1e-5..=1.2 + 1e-5).contains(&f)));
    assert!(factors().any(|f| f < 0.81) && factors().any(|f| f > 1.19));
    let sheared = many(Distortion { shear: 0.3, ..none });
    let largest = most(&mut sheared.iter().map(|m| m[3]));
    assert!(largest <= 0.3 && largest > 0.29 && sheared.iter().all(|m| m[1] == 0.0));
}

/// A picture is moved against the map's direction: what is taken from the right moves left.
#[test]
fn pictures_move() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        let mut values = vec![0.0; 2 * 9 * 9];
        values[4 * 9 + 4] = 1.0;
        values[81 + 4 * 9 + 4] = 1.0;
        let x = Tensor::from_f32(device, &[2, 1, 9, 9], &values).unwrap();
        let mut y = Tensor::for_output(device, &[2, 1, 9, 9]).unwrap();
        let shift = Distortion { shift: 2.0, ..Distortion::default() };
        shift.apply(&x, &draw(1, 1, 0), 0.0, &mut y).unwrap();
        let y = y.to_vec().unwrap();
        let maps = shift.maps(&draw(1, 1, 0), 2, [9, 9]);
        for (picture, map) in y.chunks(81).zip(maps.chunks(6)) {
            assert!((picture.iter().sum::<f32>() - 1.0).abs() < 1e-5, "ink stays");
            let mean = |axis: usize| -> f32 {
                picture.iter().enumerate().map(|(i, v)| v * [i / 9, i % 9][axis] as f32).sum()
            };
            assert!(
                (mean(0) - (4.0 - map[2])).abs() < 1e-4 && (mean(1) - (4.0 - map[5])).abs() < 1e-4
            );
        }
    }
}
