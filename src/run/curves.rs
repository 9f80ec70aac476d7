//! Diagrams, as `curves.svg` has them: one panel above the other, metrics over epochs unless a panel says otherwise.

use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};
use crate::run::atomic;
use crate::run::colours::{AXIS, COLOURS, GRID, INK};

/// How far a training is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Elapsed {
    /// Passes over the training cases.
    #[default]
    Epochs,
    /// Of the parameters.
    Updates,
    /// That it learnt; scores and pictures are not in them.
    Seconds,
}

/// What lies along a horizontal axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Along {
    /// A training.
    Training(Elapsed),
    /// Anything else, by its name.
    Other(String),
}

impl Default for Along {
    /// Epochs.
    fn default() -> Self {
        Along::Training(Elapsed::Epochs)
    }
}

impl Along {
    /// Below the axis.
    pub fn label(&self) -> &str {
        match self {
            Along::Training(Elapsed::Epochs) => "epoch",
            Along::Training(Elapsed::Updates) => "updates",
            Along::Training(Elapsed::Seconds) => "seconds of training",
            Along::Other(name) => name,
        }
    }

    /// Whether a line's last point is where a training ends.
    fn ends(&self) -> bool {
        !matches!(self, Along::Other(_))
    }
}

/// One line of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// (place along the horizontal axis, value). Points that are not finite leave a gap in the line.
    pub points: Vec<(f64, f64)>,
}

/// One diagram.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Above the diagram.
    pub title: String,
    /// The horizontal axis.
    pub x: Along,
    /// Beside the vertical axis, with its unit.
    pub y_label: String,
    /// The lines.
    pub series: Vec<Series>,
}

const WIDTH: u32 = 940;
const PANEL_HEIGHT: u32 = 340;
/// For names in the legend, right of the diagram: no line is ever hidden by it.
const LEGEND_WIDTH: u32 = 250;
/// As many as fit, in any usual font.
const LEGEND_CHARACTERS: usize = 24;
/// Lines of a name: with them a panel has room for four.
const LEGEND_LINES: usize = 3;
/// About how many labels the vertical axis has.
const Y_LABELS: usize = 7;
/// Pixels of one character of a label, in the wider ones of the usual fonts.
const LABEL_CHARACTER: u32 = 10;
/// The same of what an axis is called, in its size of 17.
const DESCRIPTION_CHARACTER: u32 = 9;
/// Around a diagram.
const MARGIN: u32 = 12;
/// Below it, for the labels and the name of the horizontal axis.
const X_AXIS: u32 = 48;
/// Of a diagram in a page: scaled to a phone's width, its labels can still be read.
const INLINE: (u32, u32) = (420, 272);
/// Points are marked where the line has at most this many.
const MARKED: usize = 40;
/// Larger values are not drawn: the axis' arithmetic would overflow.
const LARGEST: f64 = 1e100;

/// Draws the panels and writes them to `path`, atomically.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written; [`Error::File`] if it cannot be drawn.
pub fn write_svg(path: impl AsRef<Path>, panels: &[Panel]) -> Result<()> {
    let path = path.as_ref();
    let svg = draw(panels).map_err(|detail| Error::file(path, "svg", detail))?;
    atomic::write(path, |out| out.write_all(svg.as_bytes()))
}

fn draw(panels: &[Panel]) -> std::result::Result<String, String> {
    let mut svg = String::new();
    let height = PANEL_HEIGHT * panels.len().max(1) as u32;
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| e.to_string())?;
        for (panel, area) in panels.iter().zip(root.split_evenly((panels.len().max(1), 1))) {
            let (diagram, legend) = area.split_horizontally(WIDTH - LEGEND_WIDTH);
            draw_panel(panel, &diagram).map_err(|e| e.to_string())?;
            draw_legend(panel, &legend).map_err(|e| e.to_string())?;
        }
        root.present().map_err(|e| e.to_string())?;
    }
    Ok(svg)
}

/// A diagram for a page: no title, legend or background, and its colours left to
/// [`css`](crate::run::colours::css).
///
/// # Errors
/// [`Error::Data`] if it cannot be drawn.
pub fn inline_svg(panel: &Panel) -> Result<String> {
    let panel = Panel { title: String::new(), ..panel.clone() };
    inline(|area| draw_panel(&panel, area))
}

/// A histogram over [0, 1] for a page: one bar for each count, from the left.
///
/// # Errors
/// [`Error::Data`] if it cannot be drawn.
pub fn inline_histogram(x_label: &str, y_label: &str, counts: &[f64]) -> Result<String> {
    inline(|area| draw_histogram((x_label, y_label), counts, area))
}

fn inline(draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    let fail = |e: String| Error::data("a diagram", e);
    {
        let root = SVGBackend::with_string(&mut svg, INLINE).into_drawing_area();
        draw(&root).map_err(|e| fail(e.to_string()))?;
        root.present().map_err(|e| fail(e.to_string()))?;
    }
    // Inside HTML the name space goes without saying.
    Ok(svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", ""))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn draw_panel(panel: &Panel, area: &Area<'_>) -> Drawn {
    let points = || panel.series.iter().flat_map(|s| &s.points).filter(|p| drawable(p));
    let x = padded(points().map(|p| p.0), 0.02, |_| 1.0);
    let y = padded(points().map(|p| p.1), 0.06, |size| size * 0.1);
    let span = y.end - y.start;
    // The description stands left of the widest label.
    let widest = labels_width(&y);
    // Whole epochs alone carry labels.
    let labels = match panel.x == Along::default() {
        true => (x.end - x.start).clamp(1.0, 10.0) as usize,
        false => 8,
    };
    let mut area = area.margin(MARGIN, MARGIN, MARGIN, MARGIN);
    if !panel.title.is_empty() {
        area = area.titled(&panel.title, ("sans-serif", 22).into_font().color(&INK))?;
    }
    // What is too long to stand beside the axis stands above it.
    let beside = panel.y_label.chars().count() as u32 * DESCRIPTION_CHARACTER + X_AXIS
        <= area.dim_in_pixel().1;
    if !beside {
        let (width, _) = area.dim_in_pixel();
        let fits = 2 * width / panel.y_label.chars().count() as u32;
        let small = ("sans-serif", fits.min(17)).into_font().color(&INK);
        let (above, below) = area.split_vertically(24);
        above.draw_text(&panel.y_label, &small, (0, 2))?;
        area = below;
    }
    let mut chart = ChartBuilder::on(&area)
        .x_label_area_size(X_AXIS)
        .y_label_area_size(widest + if beside { 44 } else { 14 })
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(panel.x.label())
        .y_desc(if beside { panel.y_label.as_str() } else { "" })
        .axis_desc_style(("sans-serif", 17).into_font().color(&INK))
        .label_style(("sans-serif", 15).into_font().color(&INK))
        .x_labels(labels + 1)
        .y_labels(Y_LABELS)
        .max_light_lines(1)
        .light_line_style(RGBColor(255, 255, 255))
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_label_formatter(&|&x| {
            if panel.x != Along::default() || x.fract() == 0.0 { number(x) } else { String::new() }
        })
        .y_label_formatter(&|value| tick(*value, span))
        .draw()?;
    for (series, colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        draw_series(series, *colour, &mut chart)?;
    }
    Ok(())
}

/// Pixels that the widest label of an axis takes, generously.
fn labels_width(axis: &Range<f64>) -> u32 {
    let points = RangedCoordf64::from(axis.clone()).key_points(Y_LABELS);
    let characters = |v: &f64| tick(*v, axis.end - axis.start).chars().count();
    points.iter().map(characters).max().unwrap_or(0) as u32 * LABEL_CHARACTER
}

/// A label of an axis of this length. What is nearer to 0 than rounding can tell is 0, and labels have
/// the digits that tell them apart.
fn tick(value: f64, span: f64) -> String {
    if value.abs() < span * 1e-9 {
        return number(0.0);
    }
    let apart = (value.abs() / span).log10().floor() as i32 + 3;
    significant(value, apart.clamp(4, 15))
}

fn draw_histogram((x_label, y_label): (&str, &str), counts: &[f64], area: &Area<'_>) -> Drawn {
    let most = counts.iter().copied().filter(|n| n.is_finite()).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.06 } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .x_label_area_size(X_AXIS)
        .y_label_area_size(78)
        .build_cartesian_2d(0.0..1.0, 0.0..most)?;
    chart
        .configure_mesh()
        .x_desc(x_label)
        .y_desc(y_label)
        .axis_desc_style(("sans-serif", 17).into_font().color(&INK))
        .label_style(("sans-serif", 15).into_font().color(&INK))
        .x_labels(6)
        .y_labels(6)
        .max_light_lines(1)
        .light_line_style(RGBColor(255, 255, 255))
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_label_formatter(&|value| number(*value))
        .y_label_formatter(&|value| number(*value))
        .draw()?;
    let width = 1.0 / counts.len().max(1) as f64;
    chart.draw_series(counts.iter().enumerate().filter(|(_, n)| n.is_finite()).map(
        |(at, &n)| {
            let left = at as f64 * width;
            Rectangle::new(
                [(left + 0.06 * width, 0.0), (left + 0.94 * width, n)],
                COLOURS[0].filled(),
            )
        },
    ))?;
    Ok(())
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn draw_series(series: &Series, colour: RGBColor, chart: &mut Chart<'_, '_>) -> Drawn {
    for line in series.points.split(|p| !drawable(p)) {
        if line.len() > 1 {
            chart.draw_series(LineSeries::new(line.iter().copied(), colour.stroke_width(2)))?;
        }
        if line.len() == 1 || series.points.len() <= MARKED {
            chart.draw_series(line.iter().map(|&p| Circle::new(p, 3, colour.filled())))?;
        }
    }
    Ok(())
}

fn draw_legend(panel: &Panel, area: &Area<'_>) -> Drawn {
    let anchor = Pos::new(HPos::Left, VPos::Center);
    let style = ("sans-serif", 16).into_font().color(&INK).pos(anchor);
    let mut y = 52;
    for (series, colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        area.draw(&PathElement::new([(4, y), (26, y)], colour.stroke_width(2)))?;
        area.draw(&Circle::new((15, y), 3, colour.filled()))?;
        for line in legend_text(series, panel.x.ends()) {
            area.draw(&Text::new(line, (34, y), style.clone()))?;
            y += 20;
        }
        y += 6;
    }
    Ok(())
}

/// The name, and of a training where the line `ends`: the figure that most readers look for.
fn legend_text(series: &Series, ends: bool) -> Vec<String> {
    let name = wrapped(&series.name);
    if !ends {
        return name;
    }
    let last = match series.points.iter().rev().find(|p| drawable(p)) {
        Some((_, last)) => number(*last),
        None => "no values".into(),
    };
    let line = format!("{}: {last}", series.name);
    if line.chars().count() <= LEGEND_CHARACTERS {
        return vec![line];
    }
    [name, vec![last]].concat()
}

/// In lines that fit, of whole words where these fit; what is longer ends in an ellipsis.
fn wrapped(name: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in name.split(' ') {
        for (i, part) in word.chars().collect::<Vec<_>>().chunks(LEGEND_CHARACTERS).enumerate() {
            let line = lines.last().map_or(0, |line| line.chars().count());
            if i > 0 || line + 1 + part.len() > LEGEND_CHARACTERS {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push_str(if i > 0 || line.is_empty() { "" } else { " " });
                line.extend(part);
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    if lines.len() > LEGEND_LINES {
        lines.truncate(LEGEND_LINES);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(LEGEND_CHARACTERS - 1).chain(['…']).collect();
        }
    }
    lines
}

fn drawable(point: &(f64, f64)) -> bool {
    point.0.abs() <= LARGEST && point.1.abs() <= LARGEST
}

/// From the smallest to the largest value with some room; never empty.
fn padded(
    values: impl Iterator<Item = f64>,
    share: f64,
    room_of_constant: impl Fn(f64) -> f64,
) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let span = high - low;
    let size = low.abs().max(high.abs());
    // A span below the rounding of its values cannot be divided into labels.
    let room = if size < 1e-100 {
        0.5
    } else if span > 1e-9 * size {
        span * share
    } else {
        room_of_constant(size).max(size * 1e-3)
    };
    low - room..high + room
}

/// Short: 4 significant digits, exponents only where needed.
fn number(value: f64) -> String {
    significant(value, 4)
}

/// With so many significant digits, or fewer where the rest are zeros; exponents have 3 at least.
pub fn significant(value: f64, most: i32) -> String {
    let size = value.abs();
    let exponent = if size == 0.0 { 0 } else { size.log10().floor() as i32 };
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        let digits = (most - 2).max(2) as usize;
        return format!("{value:.digits$e}");
    }
    let digits = (most - 1 - exponent).max(0) as usize;
    let text = format!("{value:.digits$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}
