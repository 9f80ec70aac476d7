//! Layers that cannot be built are refused, with the reason.

use harmonium::kernels::activation::Activation;
use harmonium::layers::{
    Build, Conv, ConvSpec, Initialization, Layer, LayerSpec, Linear, LinearSpec, Pass, Sequential,
    Size, Subsample, Workspace,
};
use harmonium::random::{Draw, stream};
use harmonium::{Device, Tensor};

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

/// A step has the draws of 256 layers: the 257th would repeat a mask of the next step's first.
#[test]
fn dropout_beyond_the_draws_of_a_step() {
    let device = Device::cpu();
    let build = |before: usize, last: LayerSpec, input: &[usize]| {
        let function = Activation::Identity;
        let mut specs = vec![LayerSpec::Activation { function }; before];
        specs.push(last);
        Sequential::new(&device, input, &specs, Initialization::Lecun, 1).map_err(|e| e.to_string())
    };
    let dropout = || LayerSpec::Dropout { rate: 0.5 };
    for before in [256, 257, 600] {
        let error = build(before, dropout(), &[4]).err().unwrap();
        let name = format!("dropout{}: layers: {before} come before it", before + 1);
        assert!(error.contains(&name) && error.contains("first 256"), "{error}");
        // Others draw nothing.
        assert!(build(before, LayerSpec::linear(2, Activation::Tanh), &[4]).is_ok());
    }
    // A flattening takes a place.
    let with_flattening = |before: usize| {
        let mut specs = vec![LayerSpec::Flatten; before];
        specs.push(dropout());
        Sequential::new(&device, &[1, 2, 2], &specs, Initialization::Lecun, 1)
    };
    assert!(with_flattening(255).is_ok() && with_flattening(256).is_err());

    // The last place has masks of its own, in this step and the next.
    let specs = vec![dropout(); 256];
    let network = Sequential::new(&device, &[64], &specs, Initialization::Lecun, 1).unwrap();
    let last = vec![LayerSpec::Activation { function: Activation::Identity }; 255];
    let alone = [last, vec![dropout()]].concat();
    let alone = Sequential::new(&device, &[64], &alone, Initialization::Lecun, 1).unwrap();
    let first = Sequential::new(&device, &[64], &[dropout()], Initialization::Lecun, 1).unwrap();
    let x = Tensor::from_f32(&device, &[1, 64], &[1.0; 64]).unwrap();
    let kept = |network: &Sequential, step| {
        let pass = Pass::Train(Draw::new(1, stream::DROPOUT).at(step));
        let mut space = Workspace::new();
        network.forward(&x, pass, &mut space).unwrap().to_vec().unwrap()
    };
    let masks = [kept(&alone, 0), kept(&alone, 1), kept(&first, 0), kept(&first, 1)];
    for (i, mask) in masks.iter().enumerate() {
        assert!(masks[..i].iter().all(|other| other != mask), "mask {i} repeats");
    }
    assert!(kept(&network, 0).iter().all(|&y| y == 0.0), "2⁻²⁵⁶ of the units stay");
}
