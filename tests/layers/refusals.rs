//! Layers that cannot be built are refused, with the reason.

use harmonium::Device;
use harmonium::kernels::activation::Activation;
use harmonium::layers::{
    Build, Conv, ConvSpec, Initialization, Layer, LayerSpec, Linear, LinearSpec, Sequential, Size,
    Subsample,
};

fn conv(spec: &ConvSpec, channels: usize) -> Result<Conv, String> {
    let device = Device::cpu();
    let mut build = Build::new(&device, Initialization::Glorot, 1, 1);
    Conv::new(&mut build, spec, channels).map_err(|e| e.to_string())
}

/// A layer that is built by itself checks what a network would.
#[test]
fn tables_and_groups_that_do_not_fit() {
    let three = || ConvSpec::new(3, 2);
    let table = |rows: &[&[usize]]| three().connections(rows.iter().map(|r| r.to_vec()).collect());
    for (spec, channels, expected) in [
        (table(&[]), 2, "0 rows for 3 output maps"),
        (table(&[&[0], &[1]]), 2, "2 rows for 3 output maps"),
        (table(&[&[0], &[1], &[0], &[1]]), 2, "4 rows for 3 output maps"),
        (table(&[&[0], &[2], &[1]]), 2, "output map 1 sees input map 2, of 0 to 1"),
        (table(&[&[0], &[1], &[usize::MAX]]), 2, "of 0 to 1"),
        (table(&[&[0], &[1, 0, 1], &[0]]), 2, "output map 1 names input map 1 twice"),
        (table(&[&[0], &[1], &[]]), 2, "output map 2 sees no input map"),
        (table(&[&[0], &[0], &[0]]), 0, "output map 0 sees input map 0, and there is none"),
        (table(&[&[0], &[0], &[1]]).groups(3), 3, "output map 2 sees input map 1, of 0 to 0"),
        (three().groups(0), 3, "groups: 0 is too few"),
        (three().groups(2), 4, "4 input and 3 output maps do not fall into 2 groups"),
        (three().groups(3), 4, "4 input and 3 output maps do not fall into 3 groups"),
        (ConvSpec::new(0, 2), 1, "maps: 0 is too few"),
        (ConvSpec::new(1 << 20, 1 << 20), 1, "more than 2147483647 elements"),
        (ConvSpec::new(usize::MAX, [usize::MAX, 2]), 1, "more than 2147483647 elements"),
    ] {
        let error = conv(&spec, channels).err().unwrap_or_else(|| panic!("{spec:?} is built"));
        assert!(error.contains(expected), "{spec:?}: {error}");
    }
    let layer = conv(&table(&[&[0, 1], &[1], &[0]]), 2).unwrap();
    assert_eq!(layer.parameters()[0].trained, 4 * 4);
    assert!(conv(&three().groups(3), 3).is_ok());
    // Nothing to slide is no error here; a picture says so.
    assert!(conv(&ConvSpec::new(3, 0), 2).is_ok());
}

/// Sizes whose product has no room, in every layer and through every door.
#[test]
fn products_that_overflow() {
    let device = Device::cpu();
    let huge = 1 << (usize::BITS / 2);
    let large = "more than 2147483647 elements";
    for sides in [[huge, huge], [huge, huge + 1], [usize::MAX, usize::MAX]] {
        let refused = |what: &str, error: Option<harmonium::Error>| {
            let error = error.unwrap_or_else(|| panic!("{what} of {sides:?} is built"));
            assert!(error.to_string().contains(large), "{what}: {error}");
        };
        refused("flatten", LayerSpec::Flatten.output(&sides).err());
        let [h, w] = sides;
        refused("flatten", LayerSpec::Flatten.output(&[3, h, w]).err());
        let mut build = Build::new(&device, Initialization::Lecun, 1, 1);
        let f = Activation::Tanh;
        refused("subsample", Subsample::new(&mut build, 2, sides, f).err());
        refused("linear", Linear::new(&mut build, &LinearSpec::new(h), w).err());
        refused("conv", Conv::new(&mut build, &ConvSpec::new(2, sides), 3).err());
        for spec in [
            LayerSpec::Flatten,
            LayerSpec::linear(2, f),
            ConvSpec::new(2, sides).into(),
            LayerSpec::Subsample { size: Size::Sides(sides), activation: f },
        ] {
            let network = Sequential::new(&device, &[1, h, w], &[spec], Initialization::Lecun, 1);
            refused("a network", network.err());
        }
    }
    assert_eq!(LayerSpec::Flatten.output(&[3, 4, 5]).unwrap(), [60]);
}
