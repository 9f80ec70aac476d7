//! The colours of diagrams, on paper and on pages light and dark.

use plotters::style::RGBColor;

/// Words.
pub const INK: RGBColor = RGBColor(60, 60, 60);
/// Okabe and Ito's colours, which stay apart for colour-blind readers, their yellow left out.
pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
/// The same on a dark page.
const DARK: [RGBColor; 7] = [
    RGBColor(88, 166, 255),
    RGBColor(255, 140, 66),
    RGBColor(46, 204, 154),
    RGBColor(230, 150, 195),
    RGBColor(150, 216, 250),
    RGBColor(245, 190, 70),
    RGBColor(235, 235, 235),
];
/// Axes.
pub const AXIS: RGBColor = RGBColor(140, 140, 140);
/// Lines behind a diagram.
pub const GRID: RGBColor = RGBColor(225, 225, 225);

/// The colours of inline diagrams as rules over the attributes that they are drawn with: the variables
/// `--ink`, `--axis`, `--grid` and `--line-0`, `--line-1`, … decide.
pub fn css() -> String {
    let named = [(INK, "--ink".to_string()), (AXIS, "--axis".into()), (GRID, "--grid".into())];
    let lines = COLOURS.iter().enumerate().map(|(n, c)| (*c, format!("--line-{n}")));
    let mut css = String::from("svg [stroke=\"#FFFFFF\"]{stroke:none}");
    for (RGBColor(r, g, b), name) in named.into_iter().chain(lines) {
        let colour = format!("#{r:02X}{g:02X}{b:02X}");
        css += &format!(
            "svg [stroke=\"{colour}\"]{{stroke:var({name})}}svg [fill=\"{colour}\"]{{fill:var({name})}}"
        );
    }
    css
}

/// The variables of [`css`] on a light or on a dark page.
pub fn css_variables(dark: bool) -> String {
    let hex = |RGBColor(r, g, b): RGBColor| format!("#{r:02x}{g:02x}{b:02x}");
    let (ink, axis, grid, lines) = match dark {
        false => (INK, AXIS, GRID, COLOURS),
        true => (RGBColor(205, 205, 205), RGBColor(130, 130, 130), RGBColor(58, 60, 64), DARK),
    };
    let mut css = format!("--ink:{};--axis:{};--grid:{};", hex(ink), hex(axis), hex(grid));
    for (n, colour) in lines.into_iter().enumerate() {
        css += &format!("--line-{n}:{};", hex(colour));
    }
    css
}

/// How many colours lines have, before they begin again.
pub const COLOUR_COUNT: usize = COLOURS.len();

/// The number of the colour that line `n` of a panel has.
pub fn colour_number(n: usize) -> usize {
    n % COLOUR_COUNT
}
