//! `curves.svg` is well-formed, names its lines, and survives any numbers.

use harmonium::run::curves::{Along, Panel, Series, write_svg};
use proptest::prelude::*;

fn series(name: &str, points: &[(f64, f64)]) -> Series {
    Series { name: name.into(), points: points.to_vec() }
}

fn panel(title: &str, series: Vec<Series>) -> Panel {
    Panel { title: title.into(), x: Along::default(), y_label: "nats per case".into(), series }
}

fn svg(panels: &[Panel]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.svg");
    write_svg(&path, panels).unwrap();
    let svg = std::fs::read_to_string(&path).unwrap();
    assert_well_formed(&svg);
    svg
}

/// Tags nest and close, and no bare `<` or `&` is left between them.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        for entity in rest[..start].split('&').skip(1) {
            assert!(["lt;", "gt;", "amp;", "quot;", "apos;"].iter().any(|e| entity.starts_with(e)));
        }
        let end = start + rest[start..].find('>').expect("a tag that ends");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && svg.starts_with("<svg"), "{open:?}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

fn count(svg: &str, part: &str) -> usize {
    svg.matches(part).count()
}

#[test]
fn lines_axes_and_legend_are_there() {
    let train: Vec<_> = (1..=20).map(|e| (f64::from(e), 1.0 / f64::from(e))).collect();
    let rest: Vec<_> = (1..=20).map(|e| (f64::from(e), 2.0 / f64::from(e))).collect();
    let first = panel("Reconstruction error", vec![series("train", &train), series("<&>", &rest)]);
    let second = panel("Pseudo-likelihood", vec![series("all", &train)]);
    let one = svg(std::slice::from_ref(&first));
    let both = svg(&[first, second]);
    for text in ["Reconstruction error", "train: 0.05", "&lt;&amp;&gt;: 0.1", "epoch"] {
        assert!(one.contains(text), "{text}");
    }
    assert!(both.contains("Pseudo-likelihood") && both.contains("nats per case"));
    assert!(both.contains("font-family=\"sans-serif\""));
    // One line of data each, among the straight lines of axes and legend.
    let curves =
        |svg: &str| svg.lines().filter(|l| l.contains("polyline") && count(l, ",") > 15).count();
    assert_eq!((curves(&one), curves(&both)), (2, 3));
}

#[test]
fn a_higher_value_is_drawn_higher() {
    let text = svg(&[panel("p", vec![series("s", &[(1.0, 0.0), (2.0, 5.0), (3.0, 1.0)])])]);
    let line = text.lines().find(|l| l.contains("polyline") && count(l, ",") == 3).unwrap();
    let points = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
    let points: Vec<Vec<i32>> = points
        .split_whitespace()
        .map(|p| p.split(',').map(|n| n.parse().unwrap()).collect())
        .collect();
    assert!(points[0][0] < points[1][0] && points[1][0] < points[2][0], "{points:?}");
    assert!(points[1][1] < points[2][1] && points[2][1] < points[0][1], "{points:?}");
}

#[test]
fn gaps_single_points_and_nothing() {
    let gap = [(1.0, 1.0), (2.0, 2.0), (3.0, f64::NAN), (4.0, 1.0), (5.0, f64::INFINITY)];
    let text = svg(&[panel("gap", vec![series("s", &gap)])]);
    // Three points, and the mark in the legend.
    assert_eq!(count(&text, "<circle"), 4);
    assert!(text.contains("s: 1"));
    let text = svg(&[panel("one", vec![series("a", &[(1.0, -3.5)]), series("b", &[])])]);
    assert_eq!(count(&text, "<circle"), 3);
    assert!(text.contains("a: -3.5") && text.contains("b: no values"));
    svg(&[panel("none", vec![])]);
    svg(&[]);
}

#[test]
fn a_long_name_takes_lines_of_whole_words_and_keeps_its_value() {
    let name = "the name of a series that nobody could ever fit beside a diagram";
    let text = svg(&[panel("p", vec![series(name, &[(1.0, 0.25)])])]);
    let words: Vec<String> = texts(&text).into_iter().map(|(_, _, words)| words).collect();
    let lines = ["the name of a series", "that nobody could ever", "fit beside a diagram", "0.25"];
    assert!(words.windows(4).any(|words| words == lines), "{words:?}");
    let one = svg(&[panel("p", vec![series(&"x".repeat(50), &[(1.0, 0.25)])])]);
    assert!(one.contains(&"x".repeat(24)) && !one.contains(&"x".repeat(25)), "{one}");
}

/// What an SVG writes: each text with the place and the anchor it is written at.
fn texts(svg: &str) -> Vec<(f64, String, String)> {
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split(&format!(" {name}=\"")).nth(1).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_string()
    };
    svg.split("<text")
        .skip(1)
        .map(|text| {
            let (tag, rest) = text.split_once('>').unwrap();
            let rotated = if tag.contains("rotate") { "rotated" } else { "" };
            let words = rest.split('<').next().unwrap().trim().to_string();
            (attribute(tag, "x").parse().unwrap(), attribute(tag, "text-anchor") + rotated, words)
        })
        .collect()
}

/// The labels of the vertical axis: written up to the axis.
fn labels(svg: &str) -> Vec<(f64, String)> {
    texts(svg)
        .into_iter()
        .filter(|(_, anchor, _)| anchor == "end")
        .map(|(x, _, t)| (x, t))
        .collect()
}

#[test]
fn an_axis_across_zero_says_0() {
    // 0.2 · 3 − 0.6 is 1.1e-16 away from 0, as are the axis' own sums.
    let points: Vec<_> = (0..20).map(|e| (f64::from(e), -0.35 + 0.05 * f64::from(e))).collect();
    for scale in [1.0, 1e-3, 1e-9, 1e7] {
        let points: Vec<_> = points.iter().map(|(x, y)| (*x, y * scale)).collect();
        let text = svg(&[panel("p", vec![series("validation less training", &points)])]);
        let labels: Vec<String> = labels(&text).into_iter().map(|(_, label)| label).collect();
        assert!(labels.contains(&"0".to_string()), "{labels:?}");
        for label in labels {
            let value: f64 = label.parse().unwrap();
            assert!(value == 0.0 || value.abs() > 1e-3 * scale, "{label}");
        }
    }
}

#[test]
fn labels_differ_and_leave_room_for_the_description() {
    for (low, high) in [(0.0, 1.0), (-1.234e-9, 3.3e-9), (-123456.1, -123457.2), (-2e50, 1e49)] {
        let text = svg(&[panel("p", vec![series("s", &[(0.0, low), (9.0, high)])])]);
        let labels = labels(&text);
        let mut different = labels.clone();
        different.dedup();
        assert!(labels.len() < 2 || different.len() == labels.len(), "{labels:?}");
        let (description, anchor, _) =
            texts(&text).into_iter().find(|(_, _, words)| words == "nats per case").unwrap();
        assert_eq!(anchor, "middlerotated");
        for (right, label) in labels {
            // Digits of the label's 12 pixels are 8 wide at most, the description's line is 16.
            let left = right - 8.0 * label.chars().count() as f64;
            assert!(left >= description + 16.0, "{label} begins at {left}, over {description}");
        }
    }
}

#[test]
fn the_legend_ends_within_the_picture() {
    for name in ["validation less training", "reconstruction of digits and others", "training"] {
        let text = svg(&[panel("p", vec![series(name, &[(0.0, 0.0), (1.0, -1.2345e-7)])])]);
        let width: f64 =
            text.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let begin = |words: &str| words.starts_with(&name[..8]) || words.contains("e-7");
        let legend: Vec<_> = texts(&text)
            .into_iter()
            .filter(|(x, _, words)| *x > width / 2.0 && begin(words))
            .collect();
        assert!(!legend.is_empty());
        for (x, _, words) in legend {
            // Nearly the widest lower case of the usual fonts, 0.7 of the 13 pixels.
            let right = x + 9.0 * words.chars().count() as f64;
            assert!(right <= width, "{words:?} ends at {right} of {width}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_numbers_can_be_drawn(
        points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..6),
        constant: f64,
        size in -320..300i32,
    ) {
        svg(&[
            panel("any", vec![series("s", &points)]),
            panel("constant", vec![series("s", &[(1.0, constant), (2.0, constant)])]),
            panel("scale", vec![series("s", &[(0.0, 10f64.powi(size)), (1e9, 1.0)])]),
            panel("near", vec![series("s", &[(1.0, constant), (2.0, constant * (1.0 + 1e-12))])]),
        ]);
    }
}
