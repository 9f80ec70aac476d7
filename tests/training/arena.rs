use harmonium::layers::Sequential;
use harmonium::models::{Network, lenet5};
use harmonium::tensor::Tensor;
use harmonium::training::Arena;
use harmonium::{Device, Result};

use crate::support;

fn values(layers: &Sequential) -> Vec<Vec<u32>> {
    layers.parameters().map(|p| p.value.to_words().unwrap()).collect()
}

/// A network's parameters, some of their bits odd, through a flat tensor into another network.
#[test]
fn packing_and_unpacking_keep_every_bit() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(support::gpus()) {
        let mut from = Network::new(device, &lenet5::modern(10), 1).unwrap();
        let mut to = Network::new(device, &lenet5::modern(10), 2).unwrap();
        let odd = [f32::from_bits(0x7fc0_1234), -0.0, f32::from_bits(1), f32::INFINITY, 1.0, 2.0];
        from.layers_mut().parameters_mut().nth(1).unwrap().value.upload(&odd).unwrap();
        let arena = Arena::of(from.layers().parameters().map(|p| &p.value));
        let all: usize = from.layers().parameters().map(|p| p.value.shape().len()).sum();
        assert_eq!(arena.len(), all);
        let mut flat = arena.tensor(device).unwrap();
        arena.pack(from.layers().parameters().map(|p| &p.value), &mut flat).unwrap();
        assert_eq!(flat.to_words().unwrap(), values(from.layers()).concat(), "{}", device.info());
        assert_ne!(values(from.layers()), values(to.layers()));
        arena.unpack(&flat, to.layers_mut().parameters_mut().map(|p| &mut p.value)).unwrap();
        assert_eq!(values(from.layers()), values(to.layers()), "{}", device.info());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let zeros = |dims: &[usize]| Tensor::zeros(&device, dims).unwrap();
    let (a, b, long) = (zeros(&[2, 3]), zeros(&[4]), zeros(&[5]));
    let arena = Arena::of([&a, &b]);
    assert_eq!((arena.len(), arena.is_empty(), arena.parts()), (10, false, &[0..6, 6..10][..]));
    let mut flat = arena.tensor(&device).unwrap();
    let said = |result: Result<()>| result.unwrap_err().to_string();
    for (tensors, words) in [
        (vec![&a], "fewer tensors than the 2 places"),
        (vec![&a, &b, &b], "more tensors than the 2 places"),
        (vec![&a, &long], "a tensor is [5], and its place has 4 elements"),
    ] {
        let error = said(arena.pack(tensors, &mut flat));
        assert!(error.contains(words), "{error}");
    }
    let mut short = zeros(&[9]);
    let error = said(arena.pack([&a, &b], &mut short));
    assert!(error.contains("the flat tensor is [9], expected [10]"), "{error}");
    assert!(said(arena.unpack(&flat, [&mut short])).contains("a tensor is [9]"));
    let none = Arena::of([]);
    assert!(none.is_empty() && none.pack([], &mut zeros(&[0])).is_ok());
}
