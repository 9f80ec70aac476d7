//! Trained models as ONNX graphs, for other programs to run.

use crate::data::{Binarize, Preprocessing};
use crate::error::{Error, Result};
use crate::jobs::{
    Trained, TrainedAutoencoder, TrainedClassRbm, TrainedDbn, TrainedNetwork, TrainedRbm,
};
use crate::kernels::activation::Activation;
use crate::layers::{ConvSpec, LayerSpec, PoolKind, PoolSpec, Sequential, StageView};
use crate::models::autoencoder::ReconstructionLoss;
use crate::models::lenet5::{BITMAP, bitmaps};
use crate::models::network::OutputSpec;
use crate::models::{Rbm, UnitKind};
use crate::run::onnx::{Attribute, Graph, OnnxFile, Value};

impl Trained {
    /// The model as an ONNX file, [operator set 17](crate::run::onnx::OPSET). Its input is the data as they are read,
    /// values in [0, 1] where the model takes such, before what the training fitted: that is part of the graph.
    ///
    /// | model | input | outputs |
    /// |---|---|---|
    /// | a network | `input [N, C, H, W]`, pictures of its size with their margins | `scores`, `probabilities` `[N, classes]` |
    /// | an autoencoder | `input [N, values]` | `code`, `reconstruction` |
    /// | a machine | `input [N, visible units]` | `hidden`, the means p(h given v) |
    /// | a deep belief net | `input [N, visible units]` | `hidden`, the top's means; with labels joined `scores`, `probabilities` |
    /// | a machine of cases and classes | `input [N, values]` | `scores`, `probabilities` `[N, classes]` |
    ///
    /// # Errors
    /// [`Error::Setting`] for another kind of model, and for what has no exact form there: pools with sizes rounded up,
    /// data that are drawn. Device errors.
    pub fn onnx(&self) -> Result<OnnxFile> {
        match self {
            Trained::Network(network) => of_network(network),
            Trained::Autoencoder(model) => of_autoencoder(model),
            Trained::Rbm(machine) => of_machine(machine),
            Trained::Dbn(net) => of_net(net),
            Trained::ClassRbm(machine) => of_class_machine(machine),
            Trained::Crf(_) => Err(refused(
                "a conditional random field has no ONNX form: reading a sequence is a search",
            )),
            Trained::Dbm(_) => Err(refused(
                "a deep Boltzmann machine has no ONNX form: its means are found by rounds that end where they settle",
            )),
        }
    }
}

fn refused(detail: &str) -> Error {
    Error::setting("onnx", detail)
}

fn of_network(trained: &TrainedNetwork) -> Result<OnnxFile> {
    let (network, origin) = (&trained.network, &trained.origin);
    let spec = network.spec();
    let mut graph = Graph::new("network");
    tell_classes(&mut graph, &origin.classes);
    let input = graph.input("input", &spec.input);
    let x = preprocessed(&mut graph, input, &origin.preprocessing, &spec.input)?;
    // As PictureInput::values: (x - mean) / deviation.
    let (mean, deviation) = origin.input.spread();
    let mean = graph.number("input.mean", mean);
    let scale = graph.number("input.scale", 1.0 / deviation);
    let centred = graph.node("Sub", &[&x, &mean], &[]);
    let spread = graph.node("Mul", &[&centred, &scale], &[]);
    let features = layers(&mut graph, network.layers(), &spec.layers, spread)?;
    let classes = [spec.classes];
    let scores = match (spec.output, bitmaps(spec.classes)) {
        (OutputSpec::Rbf { .. }, Some(centres)) => {
            let centres = graph.constant("centres", &[1, spec.classes, BITMAP], &centres);
            let square = |graph: &mut Graph, d: Value| graph.node("Mul", &[&d, &d], &[]);
            let distances = sums_with_each(&mut graph, "Sub", [&features, &centres], square);
            // The nearest centre's class has the largest score, as elsewhere.
            graph.node("Neg", &[&distances], &[])
        }
        _ => features,
    };
    graph.output("scores", &scores, &classes);
    probabilities(&mut graph, &scores, spec.classes);
    graph.into_file()
}

fn tell_classes(graph: &mut Graph, classes: &[String]) {
    graph.tell("classes", serde_json::to_string(classes).unwrap_or_default());
}

fn probabilities(graph: &mut Graph, scores: &Value, classes: usize) {
    let probabilities = graph.node("Softmax", &[scores], &[Attribute::Int("axis", 1)]);
    graph.output("probabilities", &probabilities, &[classes]);
}

/// Σ f(x ∘ r) of each row of x `[N, D]` and each row r of `[1, K, D]`, the operator's name being that of ∘: `[N, K]`.
fn sums_with_each(
    graph: &mut Graph,
    operator: &str,
    [x, rows]: [&Value; 2],
    f: impl FnOnce(&mut Graph, Value) -> Value,
) -> Value {
    let one = graph.integers("axis.1", &[1]);
    let two = graph.integers("axis.2", &[2]);
    let x = graph.node("Unsqueeze", &[x, &one], &[]);
    let both = graph.node(operator, &[&x, rows], &[]);
    let values = f(graph, both);
    graph.node("ReduceSum", &[&values, &two], &[Attribute::Int("keepdims", 0)])
}

fn of_autoencoder(trained: &TrainedAutoencoder) -> Result<OnnxFile> {
    let model = &trained.model;
    let spec = model.spec();
    let (specs, encoder) = (spec.layer_specs(), spec.layers.len());
    let mut graph = Graph::new("autoencoder");
    let mut x = graph.input("input", &[spec.inputs]);
    for (number, (stage, spec)) in model.layers().stages().zip(&specs).enumerate() {
        x = layer(&mut graph, &stage, spec, x)?;
        if number + 1 == encoder {
            graph.output("code", &x, stage.output);
        }
    }
    let f = match spec.loss {
        ReconstructionLoss::CrossEntropy => Activation::Sigmoid,
        ReconstructionLoss::SquaredError => Activation::Identity,
    };
    let again = activated(&mut graph, "reconstruction", f, x);
    graph.output("reconstruction", &again, &[spec.inputs]);
    graph.into_file()
}

fn of_machine(trained: &TrainedRbm) -> Result<OnnxFile> {
    let rbm = &trained.rbm;
    let mut graph = Graph::new("rbm");
    let v = visible(&mut graph, rbm, &trained.origin.preprocessing)?;
    let hidden = upwards(&mut graph, "", rbm, &v)?;
    graph.output("hidden", &hidden, &[rbm.hidden_count()]);
    graph.into_file()
}

fn of_class_machine(trained: &TrainedClassRbm) -> Result<OnnxFile> {
    let (joint, origin) = (trained.machine.joint(), &trained.origin);
    let mut graph = Graph::new("class-rbm");
    let x = visible(&mut graph, joint, &origin.preprocessing)?;
    tell_classes(&mut graph, &origin.classes);
    classes(&mut graph, "", joint, &x)?;
    graph.into_file()
}

/// The means of each level; where labels are joined to the top, what it makes of the classes.
fn of_net(trained: &TrainedDbn) -> Result<OnnxFile> {
    let (net, origin) = (&trained.net, &trained.origin);
    let mut graph = Graph::new("dbn");
    let (top, below) = net.levels().split_last().ok_or_else(|| refused("a net of no levels"))?;
    let mut x = visible(&mut graph, below.first().unwrap_or(top), &origin.preprocessing)?;
    for (number, level) in below.iter().enumerate() {
        x = upwards(&mut graph, &format!("level{}.", number + 1), level, &x)?;
    }
    let name = format!("level{}.", below.len() + 1);
    if net.classes().is_some() {
        tell_classes(&mut graph, &origin.classes);
        classes(&mut graph, &name, top, &x)?;
    } else {
        let hidden = upwards(&mut graph, &name, top, &x)?;
        graph.output("hidden", &hidden, &[top.hidden_count()]);
    }
    graph.into_file()
}

/// The input of a machine's features, prepared as it was trained to see them.
fn visible(graph: &mut Graph, rbm: &Rbm, how: &Preprocessing) -> Result<Value> {
    let features = rbm.visible().features();
    if matches!(features.kind(), UnitKind::Spin | UnitKind::Softmax(_)) {
        let detail = "machines of spins or softmax units have no ONNX form: their data are coded anew before they see them";
        return Err(refused(detail));
    }
    let input = graph.input("input", &[features.count()]);
    preprocessed(graph, input, how, &[features.count()])
}

/// The means of the hidden units given v.
fn upwards(graph: &mut Graph, name: &str, rbm: &Rbm, v: &Value) -> Result<Value> {
    let (i, j) = (rbm.visible_count(), rbm.hidden_count());
    let w = graph.constant(&format!("{name}W"), &[i, j], &rbm.weights().to_vec()?);
    let a = graph.constant(&format!("{name}a"), &[j], &rbm.hidden_bias().to_vec()?);
    let field = graph.node("Gemm", &[v, &w, &a], &[]);
    Ok(match rbm.hidden().kind() {
        UnitKind::Bernoulli => graph.node("Sigmoid", &[&field], &[]),
        UnitKind::Gaussian => field,
        UnitKind::Softmax(states) => {
            let groups = graph.integers(&format!("{name}groups"), &[0, -1, states as i64]);
            let whole = graph.integers(&format!("{name}whole"), &[0, -1]);
            let grouped = graph.node("Reshape", &[&field, &groups], &[]);
            let means = graph.node("Softmax", &[&grouped], &[Attribute::Int("axis", 2)]);
            graph.node("Reshape", &[&means, &whole], &[])
        }
        UnitKind::Rectified => {
            let detail = "the means of rectified units are no function of ONNX's: x Φ(x/√σ(x)) + √σ(x) φ(x/√σ(x))";
            return Err(refused(detail));
        }
        UnitKind::Labelled(_) | UnitKind::Spin => {
            return Err(refused("hidden units cannot hold a class or be spins"));
        }
    })
}

/// What a machine of features and a class makes of features: −F with each class, d_k + Σⱼ softplus(aⱼ + x·W·ⱼ + U_kj), and
/// its softmax.
fn classes(graph: &mut Graph, name: &str, joint: &Rbm, x: &Value) -> Result<()> {
    let (features, j) = (joint.visible().features().count(), joint.hidden_count());
    let k = joint.visible().classes().unwrap_or(0);
    let weights = joint.weights().to_vec()?;
    let (w, u) = weights.split_at(features * j);
    let d = joint.visible_bias().to_vec()?.split_off(features);
    let w = graph.constant(&format!("{name}W"), &[features, j], w);
    let u = graph.constant(&format!("{name}U"), &[1, k, j], u);
    let a = graph.constant(&format!("{name}a"), &[j], &joint.hidden_bias().to_vec()?);
    let d = graph.constant(&format!("{name}d"), &[k], &d);
    let field = graph.node("Gemm", &[x, &w, &a], &[]);
    let softplus = |graph: &mut Graph, x: Value| graph.node("Softplus", &[&x], &[]);
    let sums = sums_with_each(graph, "Add", [&field, &u], softplus);
    let scores = graph.node("Add", &[&sums, &d], &[]);
    graph.output("scores", &scores, &[k]);
    probabilities(graph, &scores, k);
    Ok(())
}

/// What the training fitted to the data, done to cases of the sizes `dims`.
fn preprocessed(graph: &mut Graph, x: Value, how: &Preprocessing, dims: &[usize]) -> Result<Value> {
    let width: usize = dims.iter().product();
    if let (Some(mean), Some(std)) = (&how.mean, &how.std) {
        how.check(width)?;
        let mean = graph.constant("data_mean", dims, mean);
        let std = graph.constant("data_std", dims, std);
        let centred = graph.node("Sub", &[&x, &mean], &[]);
        return Ok(graph.node("Div", &[&centred, &std], &[]));
    }
    match how.binarize {
        None => Ok(x),
        Some(Binarize::Threshold(t)) => {
            let t = graph.number("threshold", t);
            let bits = graph.node("GreaterOrEqual", &[&x, &t], &[]);
            // To f32.
            Ok(graph.node("Cast", &[&bits], &[Attribute::Int("to", 1)]))
        }
        Some(Binarize::Sample | Binarize::Resample) => Err(refused(
            "it was trained on data that are drawn anew from their values, and a graph draws nothing; train with \
             --binarize 0.5, or with none",
        )),
    }
}

/// A network's layers, one after the other.
fn layers(
    graph: &mut Graph,
    layers: &Sequential,
    specs: &[LayerSpec],
    mut x: Value,
) -> Result<Value> {
    let mut specs = specs.iter().filter(|spec| **spec != LayerSpec::Flatten);
    for stage in layers.stages() {
        if stage.name == "flatten" {
            x = graph.node("Flatten", &[&x], &[Attribute::Int("axis", 1)]);
            continue;
        }
        let Some(spec) = specs.next() else {
            return Err(refused("the network has more layers than its description"));
        };
        x = layer(graph, &stage, spec, x)?;
    }
    Ok(x)
}

fn layer(graph: &mut Graph, stage: &StageView<'_>, spec: &LayerSpec, x: Value) -> Result<Value> {
    let y = match spec {
        LayerSpec::Linear(spec) => {
            let mut inputs = vec![x];
            inputs.extend(parameters(graph, stage)?);
            let transposed = Attribute::Int("transB", i64::from(spec.transposed));
            graph.node("Gemm", &inputs.iter().collect::<Vec<_>>(), &[transposed])
        }
        LayerSpec::Conv(spec) => convolution(graph, stage, spec, x)?,
        LayerSpec::Pool(spec) => pool(graph, spec, &x)?,
        LayerSpec::Subsample { size, .. } => {
            let sides = size.sides();
            let window =
                [Attribute::Ints("kernel_shape", &sides), Attribute::Ints("strides", &sides)];
            let mean = graph.node("AveragePool", &[&x], &window);
            let area = graph.number(&format!("{}.area", stage.name), (sides[0] * sides[1]) as f32);
            let sum = graph.node("Mul", &[&mean, &area], &[]);
            let of_maps = |p: &crate::layers::Parameter, graph: &mut Graph| {
                let maps = p.value.shape().len();
                Ok::<_, Error>(graph.constant(&p.name, &[maps, 1, 1], &p.value.to_vec()?))
            };
            let [coefficient, bias] = stage.parameters else {
                return Err(refused("a subsampling layer without coefficients"));
            };
            let (coefficient, bias) = (of_maps(coefficient, graph)?, of_maps(bias, graph)?);
            let scaled = graph.node("Mul", &[&sum, &coefficient], &[]);
            graph.node("Add", &[&scaled, &bias], &[])
        }
        // Nothing is dropped from a trained network.
        LayerSpec::Activation { .. } | LayerSpec::Dropout { .. } | LayerSpec::Flatten => x,
    };
    Ok(activated(graph, stage.name, spec.activation().unwrap_or_default(), y))
}

fn parameters(graph: &mut Graph, stage: &StageView<'_>) -> Result<Vec<Value>> {
    let constant = |p: &crate::layers::Parameter| {
        Ok(graph.constant(&p.name, p.value.shape().dims(), &p.value.to_vec()?))
    };
    stage.parameters.iter().map(constant).collect()
}

/// Zeros on each side, as the format wants them: beginnings, then ends.
fn both_sides([h, w]: [usize; 2]) -> [usize; 4] {
    [h, w, h, w]
}

fn convolution(
    graph: &mut Graph,
    stage: &StageView<'_>,
    spec: &ConvSpec,
    x: Value,
) -> Result<Value> {
    // Weights without a connection are 0 in the kernel.
    let mut inputs = vec![x];
    inputs.extend(parameters(graph, stage)?);
    let told = [
        Attribute::Ints("kernel_shape", &spec.kernel.sides()),
        Attribute::Ints("strides", &spec.stride.sides()),
        Attribute::Ints("dilations", &spec.dilation.sides()),
        Attribute::Ints("pads", &both_sides(spec.padding.sides())),
        Attribute::Int("group", spec.groups as i64),
    ];
    Ok(graph.node("Conv", &inputs.iter().collect::<Vec<_>>(), &told))
}

fn pool(graph: &mut Graph, spec: &PoolSpec, x: &Value) -> Result<Value> {
    if spec.ceil {
        return Err(refused(
            "a pool whose sizes are rounded up has no exact ONNX form: programs differ in the windows at the edge",
        ));
    }
    let size = spec.size.sides();
    let (stride, pads) =
        (spec.stride.map_or(size, |s| s.sides()), both_sides(spec.padding.sides()));
    let window = [
        Attribute::Ints("kernel_shape", &size),
        Attribute::Ints("strides", &stride),
        Attribute::Ints("pads", &pads),
    ];
    Ok(match spec.kind {
        PoolKind::Max => graph.node("MaxPool", &[x], &window),
        PoolKind::Average => {
            let count = Attribute::Int("count_include_pad", i64::from(spec.count_padding));
            let told: Vec<Attribute<'_>> = window.into_iter().chain([count]).collect();
            graph.node("AveragePool", &[x], &told)
        }
    })
}

/// f(x); `name` is the layer's.
fn activated(graph: &mut Graph, name: &str, f: Activation, x: Value) -> Value {
    match f {
        Activation::Identity => x,
        Activation::Sigmoid => graph.node("Sigmoid", &[&x], &[]),
        Activation::Tanh => graph.node("Tanh", &[&x], &[]),
        Activation::Relu => graph.node("Relu", &[&x], &[]),
        Activation::Softplus => graph.node("Softplus", &[&x], &[]),
        Activation::ScaledTanh => {
            let slope = graph.number(&format!("{name}.slope"), 2.0 / 3.0);
            let height = graph.number(&format!("{name}.height"), 1.7159);
            let scaled = graph.node("Mul", &[&x, &slope], &[]);
            let squashed = graph.node("Tanh", &[&scaled], &[]);
            graph.node("Mul", &[&squashed, &height], &[])
        }
    }
}
