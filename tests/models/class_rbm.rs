//! Classification machines: what they say of a case whose class is summed out, from the energy of every state.

use harmonium::models::{ClassRbm, Rbm, Units};
use harmonium::{Device, Tensor};

use super::exact::{states, to_f32, to_f64};
use super::pairs::Pair;
use super::support::{matrix, on_each, worst};

/// [x, class k] for every class.
fn with_classes(x: &[f64], classes: usize) -> Vec<Vec<f64>> {
    let label = |k: usize| (0..classes).map(move |c| f64::from(u8::from(c == k)));
    (0..classes).map(|k| x.iter().copied().chain(label(k)).collect()).collect()
}

#[test]
fn the_class_is_summed_out() {
    const CLASSES: usize = 3;
    let pair = Pair::new(Units::labelled(4, CLASSES), Units::bernoulli(5), 2.0, 73);
    let all = states(4);
    let (mut free, mut means) = (Vec::new(), Vec::new());
    for x in &all {
        let weights: Vec<(f64, &Vec<f64>)> = with_classes(x, CLASSES)
            .iter()
            .flat_map(|v| {
                pair.hs.iter().map(|h| ((-pair.energy(v, h)).exp(), h)).collect::<Vec<_>>()
            })
            .collect();
        let sum: f64 = weights.iter().map(|(w, _)| w).sum();
        free.push(-sum.ln());
        means.extend((0..5).map(|j| weights.iter().map(|(w, h)| w * h[j]).sum::<f64>() / sum));
    }
    on_each(|device| {
        let machine = ClassRbm::from_joint(pair.to_rbm(device)).unwrap();
        assert_eq!((machine.features(), machine.classes()), (4, CLASSES));
        let x = matrix(device, &all.iter().map(|x| to_f32(x)).collect::<Vec<_>>());
        let read = |t: Tensor| to_f64(&t.to_vec().unwrap());
        // Sums of a dozen terms below 20, each rounded a few times at 2⁻²⁴; probabilities of fields with such errors.
        let error = worst(&read(machine.free_energy(&x).unwrap()), &free);
        assert!(error < 5e-5, "F errs by {error}");
        let error = worst(&read(machine.mean_h_from_x(&x).unwrap()), &means);
        assert!(error < 5e-5, "the mean of h errs by {error}");
        let again = machine.reconstruct(&x).unwrap();
        assert_eq!(again.shape().dims(), [16, 4]);
    });
}

#[test]
fn machines_without_a_label_are_none() {
    let device = Device::cpu();
    let of = |visible, hidden| ClassRbm::from_joint(Rbm::new(&device, visible, hidden, 1).unwrap());
    let text = of(Units::bernoulli(4), Units::bernoulli(2)).unwrap_err().to_string();
    assert!(text.contains("a label behind bernoulli features"), "{text}");
    assert!(of(Units::labelled(4, 2), Units::gaussian(2)).is_err());
    assert!(of(Units::labelled(4, 2), Units::bernoulli(2)).is_ok());
    assert!(ClassRbm::new(&device, [0, 3], 2, 1).is_err());
}
