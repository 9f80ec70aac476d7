//! Cases that count differently in networks, autoencoders and deep machines: they are cases that are repeated, and one of
//! weight 0 is none.

use harmonium::data::{Cases, Values};
use harmonium::evaluation::classification::score;
use harmonium::kernels::activation::Activation;
use harmonium::layers::{LayerSpec, Pass};
use harmonium::models::autoencoder::{Penalties, ReconstructionLoss};
use harmonium::models::network::OutputSpec;
use harmonium::models::{
    Autoencoder, AutoencoderSpec, ClassRbm, DbnSpec, DeepBeliefNet, Network, NetworkSpec, Rbm,
    UnitKind, Visit,
};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, Batch, CdConfig, CdTrainer, ClassConfig,
    ClassObjective, ClassTrainer, DbmConfig, DbmTrainer, Figures, Learner, Method, Minimizer,
    MinimizerConfig, Optimizer, ResidentData, Schedule, Trainable, TrainerState, Treatment, UpDown,
    UpDownConfig, epoch,
};
use harmonium::{Device, Tensor};

use crate::models::deep::Deep;
use crate::models::exact::to_f64;
use crate::models::support::{matrix, on_each, worst};

/// Of six cases, whole numbers, and none of the second.
const WEIGHTS: [usize; 6] = [2, 0, 1, 4, 1, 1];
/// Above the number of repeated cases, so that an epoch is one update.
const BATCH: usize = 16;

/// How the cases come.
#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    Weighted,
    /// As often as they weigh.
    Repeated,
    /// Weighted, with another case in the place of the one that weighs nothing.
    Blind,
    /// Without weights.
    Alike,
}

fn case(k: usize) -> Vec<f32> {
    (0..4).map(|j| ((7 * k + 3 * j * j + k * j) % 11) as f32 / 11.0).collect()
}

/// The cases, their labels, and their weights relative to the mean.
fn cases(how: How) -> (Vec<Vec<f32>>, Vec<u32>, Option<Vec<f32>>) {
    let mut all: Vec<(Vec<f32>, u32)> = (0..6).map(|k| (case(k), k as u32 % 3)).collect();
    if how == How::Blind {
        all[1] = (vec![1.0, 0.0, 0.75, 0.25], 2);
    }
    if how == How::Repeated {
        all = all.into_iter().zip(WEIGHTS).flat_map(|(case, n)| vec![case; n]).collect();
    }
    let (rows, labels) = all.into_iter().unzip();
    let weights = WEIGHTS.map(|w| w as f32 / 1.5).to_vec();
    (rows, labels, matches!(how, How::Weighted | How::Blind).then_some(weights))
}

fn source(device: &Device, how: How) -> ResidentData {
    let (rows, labels, weights) = cases(how);
    let mut cases = Cases::new(Values::F32(rows.concat()), rows.len(), 4).unwrap();
    if let Some(weights) = weights {
        cases = cases.with_weights(weights).unwrap();
    }
    let resident = ResidentData::new(device, &cases, Treatment::default()).unwrap();
    resident.with_labels(&labels).unwrap()
}

/// Every number of a learner's model.
fn numbers(learner: &mut dyn Learner) -> Vec<f64> {
    let mut all = Vec::new();
    let mut each = |_: &str, t: &mut Tensor| {
        all.extend(to_f64(&t.to_vec()?));
        Ok(())
    };
    learner.model().visit(&mut Visit::each(&mut each)).unwrap();
    all
}

/// What a learner comes to, and the figures of its last epoch.
fn trained(
    learner: &mut dyn Learner,
    source: &mut ResidentData,
    epochs: usize,
) -> (Vec<f64>, Figures) {
    let mut figures = Figures::new();
    for _ in 0..epochs {
        figures = epoch(learner, source, &mut |_, _| Ok(true)).unwrap().unwrap().figures;
    }
    (numbers(learner), figures)
}

/// Whether a case of weight 0 changes no bit, of the model and of what is told of the epoch.
fn is_blind(
    make: &dyn Fn(&Device) -> Box<dyn Learner>,
    source: &dyn Fn(&Device, How) -> ResidentData,
    device: &Device,
) {
    let of = |how| trained(&mut *make(device), &mut source(device, how), 2);
    assert_eq!(of(How::Weighted), of(How::Blind));
}

/// Whether weighted cases are repeated ones, within `bound`, and none of weight 0.
fn holds(
    what: &str,
    make: &dyn Fn(&Device) -> Box<dyn Learner>,
    source: &dyn Fn(&Device, How) -> ResidentData,
    bound: f64,
) {
    on_each(|device| {
        let of = |how| trained(&mut *make(device), &mut source(device, how), 2);
        let [weighted, repeated, alike] = [How::Weighted, How::Repeated, How::Alike].map(of);
        let off = worst(&weighted.0, &repeated.0);
        assert!(off < bound, "{what}: {off}");
        // The test would see weights that nobody looks at.
        let apart = worst(&alike.0, &repeated.0);
        assert!(apart > 4.0 * bound, "{what}: {apart}");
        // A line search may look once more where its last step is told by rounding.
        let told = weighted.1.iter().zip(repeated.1.iter());
        for ((figure, found), (_, expected)) in told.filter(|((f, _), _)| f.key != "evaluations") {
            let (found, expected) = (found.unwrap_or(0.0), expected.unwrap_or(0.0));
            // Sums of nine losses of some ten nats at most, of parameters that differ by the bound.
            let bound = 20.0 * bound * expected.abs().max(1.0);
            assert!((found - expected).abs() < bound, "{what}, {}: {found} {expected}", figure.key);
        }
        is_blind(make, source, device);
    });
}

fn pictures(device: &Device, how: How) -> ResidentData {
    source(device, how).with_case_dims(&[1, 2, 2]).unwrap()
}

fn network(device: &Device, output: OutputSpec) -> Network {
    let last = if output == OutputSpec::Softmax { 3 } else { 84 };
    let spec = NetworkSpec::new([1, 2, 2], 3)
        .output(output)
        .layer(LayerSpec::linear(5, Activation::Tanh))
        .layer(LayerSpec::linear(last, Activation::Identity));
    Network::new(device, &spec, 3).unwrap()
}

fn steps(optimizer: Optimizer, rate: f32) -> BackpropagationConfig {
    BackpropagationConfig::default()
        .batch(BATCH)
        .optimizer(optimizer)
        .learning_rate(Schedule::constant(rate))
        .weight_decay(0.01)
}

/// Gradients are sums of nine numbers of the order of 1 in two orders, and the rates below 1: 1e-6, and after two updates
/// some times that.
const STEPS: f64 = 1e-5;
/// The length of a step comes of differences of losses, which f32 tells to 1e-7 of some units; steps are of the order of 1.
const SEARCHES: f64 = 5e-3;

#[test]
fn networks() {
    for (what, output, optimizer, rate) in [
        ("sgd", OutputSpec::Softmax, Optimizer::sgd(0.5), 0.5),
        ("adam", OutputSpec::Softmax, Optimizer::adam(), 0.05),
        ("rbf", OutputSpec::Rbf { j: 1.0 }, Optimizer::sgd(0.5), 1e-3),
    ] {
        let make = |device: &Device| {
            let config = steps(optimizer.clone(), rate);
            let trainer = Backpropagation::new(network(device, output), config).unwrap();
            Box::new(trainer) as Box<dyn Learner>
        };
        holds(what, &make, &pictures, STEPS);
    }
    for method in [Method::ConjugateGradient, Method::Lbfgs { pairs: 3 }] {
        let make = |device: &Device| {
            let config = MinimizerConfig::default().method(method).batch(BATCH).line_searches(2);
            let network = network(device, OutputSpec::Softmax);
            Box::new(Minimizer::new(network, config).unwrap()) as Box<dyn Learner>
        };
        holds("line searches", &make, &pictures, SEARCHES);
    }
}

#[test]
fn autoencoders_with_their_penalties() {
    for (loss, sparse, contractive, tied) in [
        (ReconstructionLoss::CrossEntropy, None, None, false),
        (ReconstructionLoss::CrossEntropy, Some((0.2, 0.5)), None, true),
        (ReconstructionLoss::SquaredError, None, Some(0.3), false),
        (ReconstructionLoss::CrossEntropy, Some((0.2, 0.5)), Some(0.3), true),
    ] {
        let spec = AutoencoderSpec::new(4, &[3, 2])
            .code(Activation::Sigmoid)
            .loss(loss)
            .tied(tied)
            .penalties(Penalties { sparse, contractive });
        let what = format!("{loss:?} {sparse:?} {contractive:?}");
        let model = |device: &Device| Autoencoder::new(device, &spec, 2).unwrap();
        let make = |device: &Device| {
            let config = steps(Optimizer::sgd(0.5), 0.5);
            Box::new(Backpropagation::new(model(device), config).unwrap()) as Box<dyn Learner>
        };
        holds(&what, &make, &source, STEPS);
        // Penalties as numbers, too.
        on_each(|device| {
            let model = model(device);
            let of = |how| {
                let (rows, _, weights) = cases(how);
                let x = matrix(device, &rows);
                let weights = weights
                    .map(|weights| Tensor::from_f32(device, &[rows.len(), 1], &weights).unwrap());
                let batch = Batch { weights: weights.as_ref(), ..Batch::of(&x) };
                Trainable::penalty(&model, batch, Pass::Evaluate).unwrap()
            };
            let [weighted, repeated, alike] = [How::Weighted, How::Repeated, How::Alike].map(of);
            assert!((weighted - repeated).abs() < 1e-5, "{what}: {weighted} {repeated}");
            let any = sparse.is_some() || contractive.is_some();
            assert!(any == ((alike - repeated).abs() > 5e-5), "{what}: {alike} {repeated}");
        });
        let make = |device: &Device| {
            let config = MinimizerConfig::default().batch(BATCH).line_searches(2);
            Box::new(Minimizer::new(model(device), config).unwrap()) as Box<dyn Learner>
        };
        holds(&what, &make, &source, SEARCHES);
    }
}

#[test]
fn classifiers_are_scored_by_weights() {
    on_each(|device| {
        let network = network(device, OutputSpec::Softmax);
        let of = |how| score(&network, &mut pictures(device, how)).unwrap();
        let [weighted, repeated, alike] = [How::Weighted, How::Repeated, How::Alike].map(of);
        assert!((weighted.loss - repeated.loss).abs() < 1e-6, "{weighted:?} {repeated:?}");
        assert!((weighted.error - repeated.error).abs() < 1e-6, "{weighted:?} {repeated:?}");
        assert!((weighted.loss - alike.loss).abs() > 1e-3, "{weighted:?} {alike:?}");
        // How many are wrong is told of the cases themselves.
        assert_eq!(weighted.wrong, alike.wrong);
    });
}

/// A machine of three hidden units with weights that tell one state from another.
fn strong(device: &Device, visible: UnitKind, values: usize) -> Rbm {
    let numbers = |n: usize| (0..n).map(|k| ((k * k * 5 + 3 * k) % 13) as f32 - 6.0).collect();
    let tensor = |dims: &[usize], x: Vec<f32>| Tensor::from_f32(device, dims, &x).unwrap();
    let w = tensor(&[values, 3], numbers(3 * values));
    let [b, a] = [values, 3].map(|n| tensor(&[n], vec![0.0; n]));
    Rbm::from_parts(visible, UnitKind::Bernoulli, w, b, a).unwrap()
}

/// Persistent chains begin at cases that count, and a machine of classes sees no other.
#[test]
fn machines_do_not_see_a_case_of_weight_0() {
    let draws = |device: &Device, how| source(device, how);
    for persistent in [false, true] {
        for centered in [false, true] {
            on_each(|device| {
                let machine = |device: &Device| {
                    let rbm = strong(device, UnitKind::Bernoulli, 4);
                    let config = CdConfig::default()
                        .batch(BATCH)
                        .learning_rate(0.5)
                        .persistent(persistent)
                        .centered(centered);
                    Box::new(CdTrainer::new(rbm, config, &[0.5; 4]).unwrap()) as Box<dyn Learner>
                };
                is_blind(&machine, &draws, device);
                let classes = |device: &Device| {
                    let config = ClassConfig::default()
                        .objective(ClassObjective::Generative)
                        .batch(BATCH)
                        .learning_rate(0.5)
                        .persistent(persistent)
                        .centered(centered);
                    let joint = strong(device, UnitKind::Labelled(3), 7);
                    let machine = ClassRbm::from_joint(joint).unwrap();
                    Box::new(ClassTrainer::new(machine, config).unwrap()) as Box<dyn Learner>
                };
                is_blind(&classes, &draws, device);
            });
        }
    }
}

fn deep_machines() -> [Deep; 3] {
    [
        Deep::random(UnitKind::Bernoulli, &[4, 3, 2], 1.0, 41),
        Deep::random(UnitKind::Bernoulli, &[4, 3, 2, 2], 0.8, 51),
        Deep::random(UnitKind::Gaussian, &[4, 3, 2], 0.5, 61),
    ]
}

/// A learner of a deep machine whose chains have moved once, and its state.
fn deep_trainer(device: &Device, deep: &Deep, config: DbmConfig) -> (DbmTrainer, TrainerState) {
    let mut trainer = DbmTrainer::new(deep.to_dbm(device), config, &[0.3, 0.6, 0.4, 0.7]).unwrap();
    trainer.update(&matrix(device, &cases(How::Alike).0), 1).unwrap();
    let state = trainer.state().unwrap();
    (trainer, state)
}

/// The parameters two updates later; weights are `scale` times as large.
fn deep_after(
    (trainer, state): (&mut DbmTrainer, &TrainerState),
    how: How,
    scale: f32,
    updates: usize,
) -> Vec<f64> {
    trainer.restore(state).unwrap();
    let device = trainer.dbm().device().clone();
    let (rows, _, weights) = cases(how);
    let v = matrix(&device, &rows);
    let weights = weights.map(|weights| {
        // Relative to their mean.
        let weights: Vec<f32> = weights.iter().map(|w| w * scale).collect();
        Tensor::from_f32(&device, &[rows.len(), 1], &weights).unwrap()
    });
    (0..updates).for_each(|_| trainer.update_weighted(&v, weights.as_ref(), 1).unwrap());
    numbers(trainer)
}

/// With the same chains the model's term is the same, so that all of the update is told exactly.
#[test]
fn deep_machines_from_the_same_chains() {
    for deep in deep_machines() {
        for centered in [false, true] {
            let plain = DbmConfig::default().learning_rate(0.5).batch(7).centered(centered);
            on_each(|device| {
                let config = plain.clone().momentum(0.5).weight_decay(0.01);
                let (mut trainer, state) = deep_trainer(device, &deep, config);
                let mut after = |how| deep_after((&mut trainer, &state), how, 1.0, 2);
                let (weighted, repeated) = (after(How::Weighted), after(How::Repeated));
                // Sums of nine numbers in two orders, and parameters below 4; centring's offsets move in between.
                let off = worst(&weighted, &repeated);
                assert!(off < 2e-5, "centred {centered}: {off}");
                assert!(worst(&after(How::Alike), &repeated) > 1e-2);
                assert_eq!(weighted, after(How::Blind));

                // Half the weights: half of all that an update does, of the chains' part too.
                let config = plain.clone().momentum(0.0).weight_decay(0.0);
                let (mut trainer, state) = deep_trainer(device, &deep, config);
                trainer.restore(&state).unwrap();
                let before = numbers(&mut trainer);
                let mut change = |scale| {
                    let after = deep_after((&mut trainer, &state), How::Weighted, scale, 1);
                    after.iter().zip(&before).map(|(a, b)| a - b).collect::<Vec<f64>>()
                };
                let (half, whole) = (change(0.5), change(1.0));
                let twice: Vec<f64> = half.iter().map(|x| 2.0 * x).collect();
                // Parameters below 4 are rounded three times.
                let off = worst(&twice, &whole);
                assert!(off < 5e-6, "centred {centered}: {off}");
                assert!(whole.iter().all(|x| x.is_finite()) && worst(&whole, &half) > 1e-2);
            });
        }
    }
}

#[test]
fn deep_machines_count_rounds_and_begin_chains_by_weights() {
    // Cases settle after different numbers of rounds.
    let deep = Deep::random(UnitKind::Bernoulli, &[4, 3, 2], 2.0, 41);
    on_each(|device| {
        let make = |device: &Device| {
            let config = DbmConfig::default().batch(BATCH).centered(true);
            let trainer = DbmTrainer::new(deep.to_dbm(device), config, &[0.5; 4]).unwrap();
            Box::new(trainer) as Box<dyn Learner>
        };
        is_blind(&make, &source, device);
        let rounds = |how| {
            let (_, figures) = trained(&mut *make(device), &mut source(device, how), 1);
            figures.get("mean_field_rounds").unwrap()
        };
        // Whole numbers up to thirty, and weights that are rounded.
        let [weighted, repeated, alike] = [How::Weighted, How::Repeated, How::Alike].map(rounds);
        assert!((weighted - repeated).abs() < 2e-5, "{weighted} {repeated}");
        assert!((weighted - alike).abs() > 1e-2, "{weighted} {alike}");
    });
}

/// What a case gives is drawn by its row, so that the update is told by those of single cases: it is their sum, each as
/// often as its case counts, and with weights of 1 that of cases without. In expectation that is the update of repeated ones.
#[test]
fn up_down_is_the_sum_of_what_single_cases_give() {
    for classes in [None, Some(3)] {
        on_each(|device| {
            let update = |weights: Option<[f32; 6]>, how| {
                let spec = DbnSpec::new([4, 3, 3]).classes(classes);
                let net = DeepBeliefNet::from_spec(device, &spec, 7).unwrap();
                let config = UpDownConfig::default().learning_rate(1.0).batch(6);
                let mut trainer = UpDown::new(net, config).unwrap();
                let before = numbers(&mut trainer);
                let (rows, labels, _) = cases(how);
                let labels: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
                let labels = Tensor::from_f32(device, &[6], &labels).unwrap();
                let weights = weights.map(|w| Tensor::from_f32(device, &[6, 1], &w).unwrap());
                let labels = classes.map(|_| &labels);
                trainer
                    .update_weighted(&matrix(device, &rows), labels, weights.as_ref(), 1)
                    .unwrap();
                let now = numbers(&mut trainer);
                now.iter().zip(before).map(|(now, before)| now - before).collect::<Vec<f64>>()
            };
            let plain = update(None, How::Alike);
            assert_eq!(update(Some([1.0; 6]), How::Alike), plain);
            let weights = WEIGHTS.map(|w| w as f32 / 1.5);
            let weighted = update(Some(weights), How::Alike);
            let mut sum = vec![0.0; weighted.len()];
            for (at, weight) in weights.into_iter().enumerate() {
                let mut alone = [0.0; 6];
                alone[at] = 1.0;
                let own = update(Some(alone), How::Alike);
                sum.iter_mut().zip(own).for_each(|(sum, x)| *sum += f64::from(weight) * x);
            }
            // Each of seven updates is rounded as a parameter below 2 is, times weights whose sum is 6.
            let off = worst(&sum, &weighted);
            assert!(off < 5e-6, "{off}");
            assert!(worst(&plain, &weighted) > 1e-2);
            assert_eq!(weighted, update(Some(weights), How::Blind));
        });
    }
}
