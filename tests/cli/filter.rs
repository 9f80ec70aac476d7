//! `filter` on pictures made here.

use std::path::Path;

use harmonium::run::npy::write_array;
use harmonium::run::png_file::{Picture, write_grey_png};

use super::{Said, npy, say, temporary};

fn filter(folder: &Path, options: &str) -> Said {
    say(folder, &format!("filter {options}"))
}

/// 20 × 24: dark on the left, bright from column 10 on.
fn step(folder: &Path, name: &str) {
    let pixels: Vec<u8> = (0..20 * 24).map(|k| if k % 24 < 10 { 51 } else { 153 }).collect();
    write_grey_png(folder.join(name), 24, 20, &pixels).unwrap();
}

fn picture(folder: &Path, name: &str) -> Picture {
    Picture::load(folder.join(name)).unwrap()
}

#[test]
fn an_edge_is_found_and_drawn_around_mid_grey() {
    let folder = temporary();
    step(folder.path(), "step.png");
    let said = filter(folder.path(), "sobel-x step.png --out x.png --normalize").done();
    assert_eq!(said.out, "sobel-x (3×3) on 20×24: grey 18×22: x.png\n");
    assert!(said.err.contains("note: the kernel sums to 0"), "{}", said.err);
    let x = picture(folder.path(), "x.png");
    assert_eq!((x.width, x.height), (22, 18));
    // A step of 102/255 at the edge: half of it in a normalised kernel.
    assert_eq!(x.pixel(8, 5), Some([128 + 51; 3]));
    assert_eq!(x.pixel(9, 17), Some([128 + 51; 3]));
    assert_eq!([x.pixel(7, 5), x.pixel(10, 5)], [Some([128; 3]); 2]);
    // Without normalising 4 · 102 is past white, and that is said.
    let said = filter(folder.path(), "sobel-x step.png --out x.png").done();
    assert_eq!(picture(folder.path(), "x.png").pixel(8, 5), Some([255; 3]));
    assert!(said.err.contains("note: 9.1 % of the values are beyond black or white"));
    assert!(said.err.contains("--normalize"), "{}", said.err);
    // The gradient's size has no sign, and black is nothing.
    filter(folder.path(), "sobel step.png --out s.png --normalize --padding same").done();
    let s = picture(folder.path(), "s.png");
    assert_eq!((s.width, s.height), (24, 20));
    assert_eq!([s.pixel(9, 0), s.pixel(8, 0)], [Some([51; 3]), Some([0; 3])]);
    // The same as numbers.
    filter(folder.path(), "sobel step.png --out s.npy").done();
    let (dims, values) = npy(folder.path().join("s.npy"));
    assert_eq!(dims, [1, 18, 22]);
    assert!((values[8] - 1.6).abs() < 1e-6 && values[0].abs() < 1e-6, "{}", values[8]);
    // It is of no use to a filter that keeps the brightness.
    let said = filter(folder.path(), "sharpen step.png --out s.png").done();
    assert!(said.err.contains("beyond black or white"), "{}", said.err);
    assert!(!said.err.contains("--normalize"), "{}", said.err);
}

#[test]
fn colours_are_filtered_one_by_one_and_grey_stays_grey() {
    let folder = temporary();
    let mut red = Picture::new(12, 9, [255, 102, 0]);
    red.fill(6, 0, 6, 9, [0, 102, 0]);
    red.save(folder.path().join("red.png")).unwrap();
    let said = filter(folder.path(), "box red.png --out b.png --padding same").done();
    assert_eq!(said.out, "box (3×3) on 9×12: 3 channels of 9×12: b.png\n");
    let b = picture(folder.path(), "b.png");
    assert_eq!([b.pixel(0, 0), b.pixel(11, 8)], [Some([255, 102, 0]), Some([0, 102, 0])]);
    assert_eq!([b.pixel(5, 4), b.pixel(6, 4)], [Some([170, 102, 0]), Some([85, 102, 0])]);
    filter(folder.path(), "box red.png --out b.npy").done();
    let (dims, values) = npy(folder.path().join("b.npy"));
    assert_eq!(dims, [3, 7, 10]);
    assert!((values[70] - 0.4).abs() < 1e-6 && values[140] == 0.0);
    // A bank sees brightness.
    write_array(folder.path().join("two.npy"), &[1.0, 2.0], &[2, 1, 1]).unwrap();
    let said = filter(folder.path(), "two.npy red.png --out m.npy").done();
    assert!(said.err.contains("brightness"), "{}", said.err);
    assert_eq!(said.out, "two.npy (2 kernels of 1×1) on 9×12: 2 maps of 9×12: m.npy\n");
    let (dims, values) = npy(folder.path().join("m.npy"));
    assert_eq!(dims, [2, 9, 12]);
    let luma = 0.299 + 0.587 * 0.4;
    assert!((values[0] - luma).abs() < 1e-6 && (values[108] - 2.0 * luma).abs() < 1e-6);
    // One kernel of one's own is a filter as any other.
    write_array(folder.path().join("one.npy"), &[1.0], &[1, 1]).unwrap();
    filter(folder.path(), "one.npy red.png --out o.png").done();
    assert_eq!(picture(folder.path(), "o.png").pixels, picture(folder.path(), "red.png").pixels);
}

/// 32 kernels of 16×16 on a picture of 256×256.
#[test]
fn a_bank_gives_as_many_maps() {
    let folder = temporary();
    let pixels: Vec<u8> = (0..256 * 256).map(|k| (k * 7919 % 251) as u8).collect();
    write_grey_png(folder.path().join("noise.png"), 256, 256, &pixels).unwrap();
    // Kernel o takes the pixel (o / 16, o % 16) away from the first.
    let mut kernels = vec![0.0; 32 * 256];
    (0..32).for_each(|o| {
        kernels[o * 256] -= 1.0;
        kernels[o * 256 + o + 1] += 1.0;
    });
    write_array(folder.path().join("bank.npy"), &kernels, &[32, 16, 16]).unwrap();
    let said = filter(folder.path(), "bank.npy noise.png --out maps.npy").done();
    assert!(said.out.contains("32 kernels of 16×16) on 256×256: 32 maps of 241×241"), "{said:?}");
    let (dims, values) = npy(folder.path().join("maps.npy"));
    assert_eq!(dims, [32, 241, 241]);
    for (o, i, j) in [(0, 0, 0), (31, 240, 240), (17, 100, 3)] {
        let at = |y: usize, x: usize| f32::from(pixels[y * 256 + x]) / 255.0;
        let expected = at(i + (o + 1) / 16, j + (o + 1) % 16) - at(i, j);
        let found = values[o * 241 * 241 + i * 241 + j];
        assert!((found - expected).abs() < 1e-6, "{o} {i} {j}: {found} {expected}");
    }
    let said = filter(folder.path(), "bank.npy noise.png --out maps.png --normalize").done();
    assert!(said.err.contains("mid grey is 0, black -0.") && !said.err.contains("clipped"));
    let sheet = picture(folder.path(), "maps.png");
    assert!(sheet.width * sheet.height >= 32 * 241 * 241);
}

#[test]
fn pictures_that_are_none_and_kernels_that_do_not_fit() {
    let folder = temporary();
    let path = folder.path();
    step(path, "step.png");
    std::fs::write(path.join("photo.png"), b"\xff\xd8\xff\xe0....").unwrap();
    std::fs::write(path.join("photo.gif"), b"GIF89a\x01\0").unwrap();
    write_array(path.join("large.npy"), &[1.0; 21 * 3], &[21, 3]).unwrap();
    write_array(path.join("zeros.npy"), &[1.0, 0.0], &[2, 1, 1]).unwrap();
    write_array(path.join("four.npy"), &[1.0; 4], &[1, 1, 2, 2]).unwrap();
    write_array(path.join("none.npy"), &[], &[0, 2, 2]).unwrap();
    for (line, code, parts) in [
        ("emboss step.png --out x.png", 2, &["'emboss'", "sobel, sobel-x", "laplacian"][..]),
        ("sobel step.png --out x.jpg", 2, &["x.jpg must end in .npy or .png"]),
        ("sobel step.png --out x", 2, &["x must end in .npy or .png"]),
        ("sobel step.png", 2, &["--out"]),
        ("sobel step.png --out no/x.png", 1, &["no/x.png", "does not exist"]),
        ("sobel away.png --out x.png", 1, &["cannot read away.png"]),
        ("sobel photo.png --out x.png", 1, &["photo.png: jpeg", "truncated"]),
        ("sobel photo.gif --out x.png", 1, &["photo.gif", "a GIF picture: convert it"]),
        ("away.npy step.png --out x.png", 1, &["cannot read away.npy"]),
        ("large.npy step.png --out x.png", 1, &["step.png", "kernel of 21×3", "picture of 20×24"]),
        ("four.npy step.png --out x.png", 1, &["four.npy: shape", "[1, 1, 2, 2]", "[KH, KW]"]),
        ("none.npy step.png --out x.png", 1, &["none.npy: shape", "[0, 2, 2]"]),
        ("zeros.npy step.png --out x.png --normalize", 1, &["kernel 1", "all zeros"]),
        ("box step.png --out x.png --padding mirror", 2, &["'mirror'", "valid, same"]),
    ] {
        filter(path, line).refused(code, parts);
        assert!(!path.join("x.png").exists(), "{line}");
    }
    // Without normalising a kernel of zeros is what it is; and an older file is replaced.
    std::fs::write(path.join("x.png"), "old").unwrap();
    filter(path, "zeros.npy step.png --out x.png").done();
    assert!(picture(path, "x.png").width >= 48);
    filter(path, "large.npy step.png --out x.png --padding same --normalize").done();
    assert_eq!(picture(path, "x.png").width, 24);
}
