//! The digits' bitmaps, the centres of radial basis functions as output units.

/// Pixels of a bitmap, 7 wide and 12 high.
pub const BITMAP: usize = 84;

/// j of the loss y_D + ln(e^−j + Σ e^−y_i); the paper gives no number. Ours, found by trying.
pub const J: f32 = 10.0;

const BITMAPS: [&str; 10] = [
    include_str!("../../data/lenet5-bitmaps/0.txt"),
    include_str!("../../data/lenet5-bitmaps/1.txt"),
    include_str!("../../data/lenet5-bitmaps/2.txt"),
    include_str!("../../data/lenet5-bitmaps/3.txt"),
    include_str!("../../data/lenet5-bitmaps/4.txt"),
    include_str!("../../data/lenet5-bitmaps/5.txt"),
    include_str!("../../data/lenet5-bitmaps/6.txt"),
    include_str!("../../data/lenet5-bitmaps/7.txt"),
    include_str!("../../data/lenet5-bitmaps/8.txt"),
    include_str!("../../data/lenet5-bitmaps/9.txt"),
];

/// The centres of the first `classes` output units, +1 and −1, `[classes, 84]` row by row; `None` past the
/// ten digits. They are drawn for harmonium in the manner of the paper's figure 3 and differ from it in
/// single pixels.
pub fn bitmaps(classes: usize) -> Option<Vec<f32>> {
    let files = BITMAPS.get(..classes)?;
    let pixels = files.iter().flat_map(|file| file.chars());
    Some(
        pixels
            .filter_map(|c| match c {
                '#' => Some(1.0),
                '.' => Some(-1.0),
                _ => None,
            })
            .collect(),
    )
}
