//! Deep conditional random fields: their gradient, the optimum that CRFsuite finds, batches of sequences.

use harmonium::data::{Cases, Sequences, Values, load_sequences};
use harmonium::kernels::activation::Activation;
use harmonium::layers::{LayerSpec, LinearSpec, Pass, Workspace};
use harmonium::models::network::Tally;
use harmonium::models::{Crf, CrfSpec, Decoding, Model, Pairwise, Visit};
use harmonium::tensor::Tensor;
use harmonium::training::{
    Backpropagation, BackpropagationConfig, BatchSource, Learner, Method, Minimizer,
    MinimizerConfig, ResidentSequences, Schedule, Trainable,
};
use harmonium::{Device, Error};

use crate::models::support::on_each;

/// Sequences made by whole numbers alone, so that any program can make them.
fn sequences() -> Sequences {
    let lengths = (0..40).map(|s| 1 + s * 5 % 7);
    let mut starts = vec![0];
    lengths.for_each(|length| starts.push(starts[starts.len() - 1] + length));
    let positions = starts[40];
    let value = |p: usize, i: usize| ((7 * p + 3 * i * i + p * i * i + p * p) % 11) as f32 / 10.0;
    let values = (0..positions).flat_map(|p| (0..5).map(move |i| value(p, i))).collect();
    let labels = (0..positions).map(|p| ((p * p / 3 + p / 2) % 3) as u32).collect();
    let cases = Cases::new(Values::F32(values), positions, 5).unwrap();
    let mut sequences = Sequences::new("made", cases, starts).unwrap();
    sequences.labels = Some(labels);
    sequences.classes = ["0", "1", "2"].map(String::from).into();
    sequences
}

fn source(device: &Device, bucket: usize) -> ResidentSequences {
    ResidentSequences::new(device, &sequences(), &[5], bucket).unwrap()
}

/// Without biases: CRFsuite has none.
fn linear(device: &Device) -> Crf {
    let spec = CrfSpec::linear(5, 3).layers(vec![LinearSpec::new(3).bias(false).into()]);
    Crf::new(device, &spec, 1).unwrap()
}

fn values(model: &mut dyn Model) -> Vec<(String, Vec<f32>)> {
    let mut all = Vec::new();
    let mut each = |name: &str, tensor: &mut Tensor| {
        all.push((name.to_string(), tensor.to_vec()?));
        Ok(())
    };
    model.visit(&mut Visit::each(&mut each)).unwrap();
    all
}

/// Σ −ln p of all sequences, each label of them wrong or not.
fn losses(crf: &Crf, source: &mut ResidentSequences) -> (f64, f64) {
    let n = source.cases();
    let device = crf.device().clone();
    let new = || Tensor::zeros(&device, &[n]).unwrap();
    let (mut loss, mut error) = (new(), new());
    source.start_in_order();
    let mut row = 0;
    while let Some(batch) = source.next_batch(7).unwrap() {
        let mut tally = Tally { loss: &mut loss, error: &mut error, row };
        let labels = [batch.labelled().unwrap(), batch.sequences().unwrap()];
        crf.score(batch.cases, labels, &mut tally, &mut Workspace::new()).unwrap();
        row += batch.rows();
    }
    let sum = |t: &Tensor| t.to_vec().unwrap().into_iter().map(f64::from).sum();
    (sum(&loss), sum(&error))
}

/// python-crfsuite 0.9.12 on the sequences above: attributes f0 to f4 with their values, and BOS and EOS of 1 at the first
/// and the last position, which stand for the scores of first and last labels; lbfgs, c1 = 0, c2 = 0.5, all states and
/// transitions possible, 2,000 iterations, epsilon 1e-9. It makes Σ −ln p + c2 ‖w‖² small.
#[test]
fn the_optimum_is_that_of_crfsuite() {
    on_each(|device| {
        let mut source = source(device, 40);
        let decay = 2.0 * 0.5 / 40.0;
        let config = MinimizerConfig::default()
            .method(Method::Lbfgs { pairs: 10 })
            .batch(40)
            .line_searches(100)
            .weight_decay(decay);
        let mut trainer = Minimizer::new(linear(device), config).unwrap();
        for _ in 0..2 {
            trainer.epoch(&mut source).unwrap();
        }
        let mut crf = trainer.into_network();
        let (loss, wrong) = losses(&crf, &mut source);
        let squares: f64 =
            values(&mut crf).iter().flat_map(|(_, w)| w).map(|w| f64::from(*w).powi(2)).sum();
        let objective = loss + 0.5 * squares;
        assert!((objective - 153.82152).abs() < 2e-3, "{objective} on {}", device.info());
        assert_eq!(wrong, 93.0);
        let transitions = [
            [-0.032453, -0.155283, 0.631436],
            [0.108577, 0.670399, -0.174128],
            [0.744662, -0.339213, -1.453997],
        ];
        let found = crf.transitions().value.to_vec().unwrap();
        for (found, exact) in found.iter().zip(transitions.concat()) {
            assert!((f64::from(*found) - exact).abs() < 2e-2, "{found} {exact}");
        }
        // The fourth sequence, of two positions.
        let three = sequences().select("one", |s| s == 3).unwrap();
        let mut three = ResidentSequences::new(device, &three, &[5], 1).unwrap();
        three.start_in_order();
        let batch = three.next_batch(1).unwrap().unwrap();
        let read = crf.read(batch.cases, batch.sequences().unwrap(), Decoding::Viterbi).unwrap();
        let exact = [0.307966, 0.392262, 0.299772, 0.53738, 0.243484, 0.219136];
        assert_eq!(read.marginals[0].len(), exact.len());
        for (found, exact) in read.marginals[0].iter().zip(exact) {
            assert!((f64::from(*found) - exact).abs() < 2e-3, "{found} {exact}");
        }
    });
}

/// Every parameter, of a net of two layers and of the chain, forbidden transitions too, by central differences.
#[test]
fn the_gradient_is_that_of_the_mean_loss() {
    for pairwise in [Pairwise::Constant, Pairwise::Features] {
        check_gradient(pairwise);
    }
}

fn check_gradient(pairwise: Pairwise) {
    let forbidden = vec![[0, 2], [4, 1]];
    let spec = CrfSpec::linear(5, 3)
        .layers(vec![
            LayerSpec::linear(4, Activation::Tanh),
            LayerSpec::linear(3, Activation::Identity),
        ])
        .forbidden(forbidden)
        .pairwise(pairwise);
    let values = spec.values();
    on_each(|device| {
        let mut sequences = sequences().select("few", |s| s < 6).unwrap();
        sequences.labels = Some(vec![0; sequences.cases.len()]);
        let mut source = ResidentSequences::new(device, &sequences, &[5], 6).unwrap();
        let mut crf = Crf::new(device, &spec, 3).unwrap();
        assert_eq!(crf.trained(), 5 * 4 + 4 + 5 * values + 15 - 2);
        let start: Vec<f32> = (0..15).map(|i| 0.3 * (i as f32 - 7.0)).collect();
        crf.transitions_mut().value.upload(&start).unwrap();
        let last = crf.layers_mut().parameters_mut().nth(2).unwrap();
        let drawn = last.value.to_vec().unwrap();
        let zeros = drawn.iter().filter(|w| **w == 0.0).count();
        assert_eq!(zeros, 4 * (values - 3), "what scores transitions starts at 0");
        let strong: Vec<f32> =
            drawn.iter().enumerate().map(|(n, w)| w + 0.2 * ((n * 7 % 11) as f32 - 5.0)).collect();
        last.value.upload(&strong).unwrap();
        source.start_in_order();
        let mut space = Workspace::new();
        let (mut loss, mut error) =
            (Tensor::zeros(device, &[6]).unwrap(), Tensor::zeros(device, &[6]).unwrap());
        let batch = source.next_batch(6).unwrap().unwrap();
        let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
        let pass = Pass::Train(harmonium::random::Draw::new(1, 9));
        Trainable::gradient(&crf, batch, batch.cases, pass, &mut tally, &mut space).unwrap();
        let gradients: Vec<Vec<f32>> = space.gradients().map(|g| g.to_vec().unwrap()).collect();
        let names: Vec<String> =
            Trainable::parameters(&crf).into_iter().map(|p| p.name.clone()).collect();
        assert_eq!((names.len(), gradients.len()), (5, 5));
        for (number, gradient) in gradients.iter().enumerate() {
            for (n, &found) in gradient.iter().enumerate() {
                let mut at = |step: f32| {
                    let parameter = &mut Trainable::parameters_mut(&mut crf)[number].value;
                    let before = parameter.to_vec().unwrap();
                    let mut moved = before.clone();
                    moved[n] += step;
                    parameter.upload(&moved).unwrap();
                    let (loss, _) = losses(&crf, &mut source);
                    Trainable::parameters_mut(&mut crf)[number].value.upload(&before).unwrap();
                    (f64::from(moved[n]), loss / 6.0)
                };
                let ((x0, low), (x1, high)) = (at(-2e-2), at(2e-2));
                let slope = (high - low) / (x1 - x0);
                assert!(
                    (slope - f64::from(found)).abs() < 2e-3,
                    "{} {n}: {found} {slope} on {}",
                    names[number],
                    device.info()
                );
            }
        }
        if pairwise == Pairwise::Features {
            // Of the biases: what is forbidden, and Σ over positions, which is the shared transitions' own.
            assert_eq!(gradients[3][3 + 2], 0.0);
            for (own, shared) in gradients[3][3..].iter().zip(&gradients[4]) {
                assert!((own - shared).abs() < 1e-5, "{own} {shared}");
            }
        }
        let chain = &gradients[4];
        assert_eq!((chain[2], chain[4 * 3 + 1]), (0.0, 0.0), "forbidden");
    });
}

/// Each sequence once an epoch, whatever the batches; another order in another epoch; like lengths together; what is
/// skipped does not come; a learner that goes on has the same bits.
#[test]
fn an_epoch_has_each_sequence_once_and_little_padding() {
    let device = Device::cpu();
    let words = load_sequences("words").unwrap().train;
    let mut source = ResidentSequences::new(&device, &words, &[64], 32).unwrap();
    let (mut orders, mut padded, mut real) = (Vec::new(), 0, 0.0);
    for epoch in 1..=2 {
        source.start_epoch(7, epoch).unwrap();
        let mut seen = Vec::new();
        while let Some(batch) = source.next_batch(32).unwrap() {
            let lengths = batch.sequences().unwrap().to_vec().unwrap();
            let &[rows, positions, 64] = batch.cases.shape().dims() else { panic!() };
            assert_eq!(
                (rows, positions as f32),
                (lengths.len(), lengths.iter().copied().fold(0.0, f32::max))
            );
            let (cases, labels) =
                (batch.cases.to_vec().unwrap(), batch.labelled().unwrap().to_vec().unwrap());
            for (row, &length) in lengths.iter().enumerate() {
                let own = row * positions..row * positions + length as usize;
                let behind = own.end..(row + 1) * positions;
                assert!(labels[behind.clone()].iter().all(|&label| label == -1.0));
                assert!(cases[behind.start * 64..behind.end * 64].iter().all(|&x| x == 0.0));
                seen.push((cases[own.start * 64..own.end * 64].to_vec(), labels[own].to_vec()));
            }
            padded += rows * positions;
            real += lengths.iter().sum::<f32>();
        }
        let mut own: Vec<_> = (0..words.len())
            .map(|s| {
                let places = words.positions(s);
                let pixels: Vec<f32> = places.clone().flat_map(|p| words.cases.row(p)).collect();
                let labels = &words.labels.as_ref().unwrap()[places];
                (pixels, labels.iter().map(|&label| label as f32).collect::<Vec<_>>())
            })
            .collect();
        orders.push(seen.clone());
        let order = |a: &(Vec<f32>, Vec<f32>), b: &(Vec<f32>, Vec<f32>)| a.partial_cmp(b).unwrap();
        seen.sort_by(order);
        own.sort_by(order);
        assert!(seen == own);
    }
    assert!(orders[0] != orders[1]);
    assert!((padded as f32) < 1.1 * real, "{padded} {real}");
    source.start_epoch(7, 1).unwrap();
    source.skip(64).unwrap();
    let batch = source.next_batch(1).unwrap().unwrap();
    let first = batch.labelled().unwrap().to_vec().unwrap();
    assert_eq!(first, orders[0][64].1);
}

#[test]
fn training_stops_and_goes_on_with_the_same_bits() {
    on_each(|device| {
        for pairwise in [Pairwise::Constant, Pairwise::Features] {
            goes_on(device, pairwise);
        }
    });
}

fn goes_on(device: &Device, pairwise: Pairwise) {
    let linear = |device: &Device| {
        let spec = linear(device).spec().clone().pairwise(pairwise);
        Crf::new(device, &spec, 1).unwrap()
    };
    let config =
        BackpropagationConfig::default().batch(8).learning_rate(Schedule::constant(0.05)).epochs(2);
    let new = || Backpropagation::new(linear(device), config.clone()).unwrap();
    let mut whole = new();
    let mut sequences = source(device, 8);
    let first = whole.epoch(&mut sequences).unwrap().figures.get("train_sequence_loss");
    let second = whole.epoch(&mut sequences).unwrap().figures.get("train_sequence_loss");
    assert!(second < first, "{first:?} {second:?}");
    let mut stopped = new();
    let mut left = 3;
    let ended = stopped.epoch_while(&mut sequences, |_, _| {
        left -= 1;
        Ok(left > 0)
    });
    assert!(ended.unwrap().is_none());
    let state = stopped.state().unwrap();
    assert!(state.arrays.contains_key("chain.transitions.m"), "{:?}", state.arrays.keys());
    let mut again = new();
    again.restore(&state).unwrap();
    again.epoch(&mut source(device, 8)).unwrap();
    again.epoch(&mut source(device, 8)).unwrap();
    assert_eq!(again.state().unwrap().arrays, whole.state().unwrap().arrays);
}

/// The labels of the bundled words follow a chain, and a quarter of the pictures show nothing: a chain reads more than
/// half of what is lost without it.
#[test]
fn a_chain_reads_what_its_neighbours_tell() {
    let device = Device::cpu();
    let words = load_sequences("words").unwrap();
    let test = words.test.unwrap();
    let positions = test.cases.len() as f64;
    let mut test = ResidentSequences::new(&device, &test, &[64], 64).unwrap();
    let mut error = |frozen: bool| {
        let mut train = ResidentSequences::new(&device, &words.train, &[64], 16).unwrap();
        let mut crf = Crf::new(&device, &CrfSpec::linear(64, 10), 1).unwrap();
        crf.transitions_mut().frozen = frozen;
        let config = BackpropagationConfig::default()
            .batch(16)
            .learning_rate(Schedule::constant(0.02))
            .epochs(10);
        let mut trainer = Backpropagation::new(crf, config).unwrap();
        for _ in 0..10 {
            trainer.epoch(&mut train).unwrap();
        }
        let (_, wrong) = losses(trainer.network(), &mut test);
        wrong / positions
    };
    let (with, without) = (error(false), error(true));
    println!("{with} with the chain, {without} without");
    // Nine in ten of the blotted quarter, at least.
    assert!(without > 0.2, "{without}");
    assert!(with < 0.5 * without, "{with} {without}");
}

/// A position says whether its label is that of the one before, or the other: no score of a label alone, and none of
/// two labels alone, tells that.
#[test]
fn transitions_learn_what_positions_say_of_them() {
    let device = Device::cpu();
    let (mut values, mut labels, mut starts) = (Vec::new(), Vec::new(), vec![0]);
    for s in 0..80usize {
        let mut label = s * s / 3 % 2;
        for t in 0..3 + s % 5 {
            let turned = t > 0 && (s * s + 5 * t * t + s * t) % 7 < 3;
            label = if turned { 1 - label } else { label };
            // What is said, and at the first position the label itself.
            values.extend([f32::from(u8::from(turned)), if t == 0 { label as f32 } else { 0.5 }]);
            labels.push(label as u32);
        }
        starts.push(labels.len());
    }
    let cases = Cases::new(Values::F32(values), labels.len(), 2).unwrap();
    let mut turns = Sequences::new("turns", cases, starts).unwrap();
    turns.labels = Some(labels);
    turns.classes = ["0", "1"].map(String::from).into();
    let [train, test] = [true, false].map(|t| turns.select("part", |s| (s < 60) == t).unwrap());
    let positions = test.cases.len() as f64;
    let error = |pairwise: Pairwise| {
        let spec = CrfSpec::linear(2, 2).pairwise(pairwise);
        let config = MinimizerConfig::default()
            .method(Method::Lbfgs { pairs: 10 })
            .batch(60)
            .line_searches(60)
            .weight_decay(1e-3);
        let mut trainer = Minimizer::new(Crf::new(&device, &spec, 1).unwrap(), config).unwrap();
        trainer.epoch(&mut ResidentSequences::new(&device, &train, &[2], 60).unwrap()).unwrap();
        let mut test = ResidentSequences::new(&device, &test, &[2], 60).unwrap();
        losses(trainer.network(), &mut test).1 / positions
    };
    let [constant, features] = [Pairwise::Constant, Pairwise::Features].map(error);
    println!("{constant} constant, {features} by features");
    assert!(constant > 0.2 && features < 0.01, "{constant} {features}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = Device::cpu();
    let refused = |spec: CrfSpec, words: &str| {
        let error = Crf::new(&device, &spec, 1).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    };
    let layers = vec![LayerSpec::linear(4, Activation::Identity)];
    refused(CrfSpec::linear(5, 3).layers(layers), "end with a linear layer of 3 units");
    refused(CrfSpec::linear(5, 513), "513 labels; a chain has 1 to 512");
    let features = CrfSpec::linear(5, 3).pairwise(Pairwise::Features);
    let narrow = vec![LayerSpec::linear(3, Activation::Identity)];
    refused(features.clone().layers(narrow), "each transition expects [12]; end with a linear");
    let transposed = vec![LinearSpec::new(12).transposed(true).into()];
    refused(features.layers(transposed), "a linear layer that is not transposed");
    refused(CrfSpec::linear(5, 3).forbidden(vec![[5, 0]]), "no transition 5 to 0");
    let all = (0..3).flat_map(|i| (0..3).map(move |j| [i, j])).collect();
    let crf = Crf::new(&device, &CrfSpec::linear(5, 3).forbidden(all), 1).unwrap();
    let x = Tensor::zeros(&device, &[2, 2, 5]).unwrap();
    let lengths = Tensor::from_f32(&device, &[2], &[1.0, 2.0]).unwrap();
    let error = crf.read(&x, &lengths, Decoding::Viterbi).unwrap_err();
    assert!(matches!(error, Error::Data { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("sequence 1 of the batch has 2 positions"), "{error}");
    let flat = Tensor::zeros(&device, &[4]).unwrap();
    assert!(
        crf.read(&flat, &lengths, Decoding::Viterbi)
            .unwrap_err()
            .to_string()
            .contains("[sequences, positions")
    );
}
