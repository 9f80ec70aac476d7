//! LeNet-5's parameters, counted layer by layer as in the paper, and its bitmaps.

use harmonium::Device;
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, NetworkSpec, lenet5};

/// Trained numbers and output sizes of each layer.
fn counted(spec: &NetworkSpec) -> (Vec<(Vec<usize>, usize)>, usize) {
    let network = Network::new(&Device::cpu(), spec, 1).unwrap();
    let layers = network
        .layers()
        .stages()
        .filter(|stage| stage.name != "flatten")
        .map(|s| (s.output.to_vec(), s.parameters.iter().map(|p| p.trained).sum()))
        .collect();
    (layers, network.trained())
}

#[test]
fn the_published_network_has_60000_parameters() {
    let expected = vec![
        (vec![6, 28, 28], 156),
        (vec![6, 14, 14], 12),
        (vec![16, 10, 10], 1_516),
        (vec![16, 5, 5], 32),
        (vec![120, 1, 1], 48_120),
        (vec![84], 10_164),
    ];
    let (layers, all) = counted(&lenet5::published(OutputSpec::Rbf { j: 1.0 }, 10));
    assert_eq!((layers, all), (expected.clone(), 60_000));
    let (layers, all) = counted(&lenet5::published(OutputSpec::Softmax, 10));
    assert_eq!((&layers[..6], all), (&expected[..], 60_850));
}

#[test]
fn todays_network_has_61706_parameters() {
    let (layers, all) = counted(&lenet5::modern(10));
    let counts: Vec<usize> = layers.iter().map(|(_, n)| *n).collect();
    assert_eq!((counts, all), (vec![156, 0, 2_416, 0, 48_120, 10_164, 850], 61_706));
}

#[test]
fn the_table_of_c3_is_the_papers() {
    let lengths: Vec<usize> = lenet5::C3.iter().map(|row| row.len()).collect();
    assert_eq!(lengths, [vec![3; 6], vec![4; 9], vec![6]].concat());
    // Each map of S2 is seen by ten maps of C3.
    for map in 0..6 {
        assert_eq!(lenet5::C3.iter().filter(|row| row.contains(&map)).count(), 10, "map {map}");
    }
}

#[test]
fn the_bitmaps_are_twelve_rows_of_seven() {
    let bitmaps = lenet5::bitmaps(10).unwrap();
    assert_eq!(bitmaps.len(), 10 * lenet5::BITMAP);
    assert!(bitmaps.iter().all(|x| x.abs() == 1.0));
    for digit in 0..10 {
        let path = format!("{}/data/lenet5-bitmaps/{digit}.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12, "digit {digit}");
        assert!(lines.iter().all(|l| l.len() == 7 && l.chars().all(|c| c == '#' || c == '.')));
        for other in 0..digit {
            let of = |d: usize| &bitmaps[d * 84..(d + 1) * 84];
            let different = of(digit).iter().zip(of(other)).filter(|(a, b)| a != b).count();
            assert!(different >= 10, "{digit} and {other} differ in {different} pixels");
        }
    }
    assert_eq!(lenet5::bitmaps(11), None);
}
