//! One rule for the class of a case: scores, predictions and counts of errors agree wherever the numbers end.

use harmonium::data::{Cases, PictureInput, Values};
use harmonium::evaluation::classification::{predict, score};
use harmonium::layers::LinearSpec;
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, NetworkSpec, lenet5};
use harmonium::training::{ResidentData, Treatment};
use harmonium::{Device, Tensor};

const INFINITE: f32 = f32::INFINITY;

/// A network that gives the features `bias`, whatever the picture.
fn constant(device: &Device, output: OutputSpec, bias: &[f32]) -> Network {
    let spec = NetworkSpec::new([1, 1, 2], 3).output(output).layer(LinearSpec::new(bias.len()));
    Network::from_parts(device, &spec, |name, dims| match name {
        "linear1.bias" => Tensor::from_f32(device, dims, bias),
        _ => Tensor::zeros(device, dims),
    })
    .unwrap()
}

/// That all agree on `expected`, of which 3 is no class.
#[track_caller]
fn all_say(network: &Network, expected: u32, what: &str) {
    let what = format!("{what} on {}", network.device().info());
    let labels = [0, 1, 2, 2, 1];
    let cases = Cases::new(Values::F32(vec![0.25; 10]), 5, 2).unwrap();
    let x = Tensor::from_f32(network.device(), &[5, 1, 1, 2], &[0.25; 10]).unwrap();
    assert_eq!(network.classify(&x).unwrap(), [expected; 5], "{what}");
    let input = PictureInput::plain([1, 2]);
    let found = predict(network, &cases, &input, Some(&labels)).unwrap();
    assert_eq!(found.predicted, [expected; 5], "{what}");
    let wrong = labels.iter().filter(|&&label| label != expected).count();
    assert_eq!(found.wrong(&labels).unwrap().len(), wrong, "{what}");
    assert_eq!(found.mistakes(&labels).unwrap().len(), wrong, "{what}");
    let told = found.score(&labels).unwrap();
    let mut source = ResidentData::new(network.device(), &cases, Treatment::default())
        .unwrap()
        .with_labels(&labels)
        .unwrap()
        .with_case_dims(&[1, 1, 2])
        .unwrap();
    let scored = score(network, &mut source).unwrap();
    for score in [told, scored] {
        assert_eq!((score.wrong, score.error), (wrong as u64, wrong as f64 / 5.0), "{what}");
    }
    // Five equal numbers in f64, in another order.
    let close =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a / b - 1.0).abs() < 1e-12;
    assert!(close(told.loss, scored.loss), "{what}: {told:?} {scored:?}");
}

#[test]
fn softmax_units_that_tie_overflow_or_are_no_numbers() {
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for (scores, expected) in [
            ([0.0, 2.0, 1.0], 1),
            ([2.0, 2.0, 1.0], 0),
            ([1.0, 2.0, 2.0], 1),
            // Probabilities that no f32 tells apart.
            ([0.0, 1e-9, -1.0], 1),
            ([1e-9, 0.0, 2e-9], 2),
            // Probabilities that are all 0 but one.
            ([-3e38, 0.0, 3e38], 2),
            ([-3e38, -3.1e38, -3.2e38], 0),
            // Infinite scores are scores; their probabilities are no numbers.
            ([1.0, INFINITE, 2.0], 1),
            ([1.0, INFINITE, INFINITE], 1),
            ([-INFINITE, -INFINITE, 0.0], 2),
            ([-INFINITE; 3], 0),
            ([INFINITE; 3], 0),
            ([-INFINITE, INFINITE, 3e38], 1),
            ([0.0, f32::NAN, 1.0], 3),
            ([f32::NAN, INFINITE, 1.0], 3),
            ([INFINITE, 1.0, f32::NAN], 3),
            ([f32::NAN; 3], 3),
        ] {
            let network = constant(device, OutputSpec::Softmax, &scores);
            all_say(&network, expected, &format!("{scores:?}"));
        }
    }
}

#[test]
fn distances_that_tie_overflow_or_are_no_numbers() {
    let bitmaps = lenet5::bitmaps(3).unwrap();
    let own = |class: usize| bitmaps[class * lenet5::BITMAP..][..lenet5::BITMAP].to_vec();
    let scaled = |class: usize, by: f32| own(class).iter().map(|x| by * x).collect::<Vec<_>>();
    let cpu = [Device::cpu()];
    for device in cpu.iter().chain(crate::support::gpus()) {
        for (what, features, expected) in [
            ("class 2", own(2), 2),
            ("far beyond class 1", scaled(1, 1e3), 1),
            ("as far as can be", scaled(1, 1e30), 0),
            ("an infinity", vec![INFINITE; lenet5::BITMAP], 0),
            ("a NaN", [&own(1)[..83], &[f32::NAN]].concat(), 3),
        ] {
            all_say(&constant(device, OutputSpec::Rbf { j: 10.0 }, &features), expected, what);
        }
    }
}

#[test]
fn labels_that_do_not_fit_are_named() {
    let network = constant(&Device::cpu(), OutputSpec::Softmax, &[0.0, 1.0, 2.0]);
    let cases = Cases::new(Values::F32(vec![0.0; 4]), 2, 2).unwrap();
    let input = PictureInput::plain([1, 2]);
    let refused =
        |labels: &[u32]| predict(&network, &cases, &input, Some(labels)).err().unwrap().to_string();
    assert!(refused(&[0, 1, 2]).contains("3 for 2 cases"));
    assert!(refused(&[0, 3]).contains("case 1 is of class 3"));
    let found = predict(&network, &cases, &input, None).unwrap();
    assert_eq!((found.predicted.as_slice(), found.losses.len()), (&[2, 2][..], 0));
    assert!(found.score(&[0, 1]).err().unwrap().to_string().contains("without labels"));
    assert_eq!(found.wrong(&[2, 0]).unwrap(), [1]);
    assert!(found.wrong(&[2]).err().unwrap().to_string().contains("1 for 2 cases"));
}
