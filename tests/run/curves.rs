//! `curves.svg` is well-formed, names its lines, and survives any numbers.

use harmonium::run::curves::{Panel, Series, write_svg};
use proptest::prelude::*;

fn series(name: &str, points: &[(f64, f64)]) -> Series {
    Series { name: name.into(), points: points.to_vec() }
}

fn panel(title: &str, series: Vec<Series>) -> Panel {
    Panel { title: title.into(), y_label: "nats per case".into(), series }
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
fn a_long_name_is_shortened_and_keeps_its_value() {
    let name = "the name of a series that nobody could ever fit beside a diagram";
    let text = svg(&[panel("p", vec![series(name, &[(1.0, 0.25)])])]);
    assert!(text.contains("the name of a series th…") && text.contains("\n0.25\n"), "{text}");
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
