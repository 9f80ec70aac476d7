//! ONNX files: graphs of named values, written as the protocol buffers of `onnx.proto`. What a model's graph is, its room
//! says; this knows the format alone.
//!
//! Operator set 17, IR version 8: what onnxruntime has read since 1.12 (2022).

use prost::Message;

use crate::error::{Error, Result};

/// The operator set that the nodes are of.
pub const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// The elements of tensors, as the format numbers them.
const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A model in this format.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxFile {
    /// What the file holds.
    pub bytes: Vec<u8>,
    /// The input and its sizes, N standing for the number of cases: `input [N, 1, 32, 32]`.
    pub takes: String,
    /// The outputs alike.
    pub gives: String,
}

#[derive(Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Message)]
struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Message)]
struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Message)]
struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Message)]
struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

#[derive(Message)]
struct ValueInfoProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<TypeProto>,
}

#[derive(Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorTypeProto>,
}

#[derive(Message)]
struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShapeProto>,
}

#[derive(Message)]
struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<DimensionProto>,
}

#[derive(Message)]
struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    parameter: Option<String>,
}

/// What a node is told beside its inputs.
#[derive(Debug)]
pub enum Attribute<'a> {
    /// A number.
    Int(&'static str, i64),
    /// Numbers.
    Ints(&'static str, &'a [usize]),
}

/// A value of a graph: a constant, an input, or what a node gives.
#[derive(Debug, Clone)]
pub struct Value(String);

/// A graph that grows node by node.
#[derive(Debug)]
pub struct Graph {
    graph: GraphProto,
    metadata: Vec<StringStringEntryProto>,
}

impl Graph {
    /// A graph of nothing.
    pub fn new(name: &str) -> Self {
        let graph = GraphProto { name: name.into(), ..GraphProto::default() };
        Graph { graph, metadata: Vec::new() }
    }

    /// Says something of the model.
    pub fn tell(&mut self, key: &str, value: impl Into<String>) {
        self.metadata.push(StringStringEntryProto { key: key.into(), value: value.into() });
    }

    /// The input of f32 `[N, dims…]`.
    pub fn input(&mut self, name: &str, dims: &[usize]) -> Value {
        self.graph.input.push(of_cases(name, dims));
        Value(name.into())
    }

    /// f32 that are always the same.
    pub fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) -> Value {
        let raw = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.initializer(name, dims, FLOAT, raw)
    }

    /// One such number.
    pub fn number(&mut self, name: &str, value: f32) -> Value {
        self.constant(name, &[], &[value])
    }

    /// Integers that say of which axes or sizes a node is.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> Value {
        let raw = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.initializer(name, &[values.len()], INT64, raw)
    }

    fn initializer(&mut self, name: &str, dims: &[usize], kind: i32, raw: Vec<u8>) -> Value {
        let dims = dims.iter().map(|&n| n as i64).collect();
        let tensor = TensorProto { dims, data_type: kind, name: name.into(), raw_data: raw };
        self.graph.initializer.push(tensor);
        Value(name.into())
    }

    /// What an operator makes of values.
    pub fn node(&mut self, operator: &str, inputs: &[&Value], told: &[Attribute<'_>]) -> Value {
        let name = format!("{}_{}", operator.to_lowercase(), self.graph.node.len());
        self.named_node(&name, operator, inputs, told)
    }

    /// The same under a name, as an output must have it.
    pub fn named_node(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&Value],
        told: &[Attribute<'_>],
    ) -> Value {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: vec![name.into()],
            name: name.into(),
            op_type: operator.into(),
            attribute: told.iter().map(attribute).collect(),
        });
        Value(name.into())
    }

    /// Gives a value out, as f32 `[N, dims…]` under this name.
    pub fn output(&mut self, name: &str, value: &Value, dims: &[usize]) {
        self.named_node(name, "Identity", &[value], &[]);
        self.graph.output.push(of_cases(name, dims));
    }

    /// The file. A protocol buffer holds 2 GiB at most.
    ///
    /// # Errors
    /// [`Error::Data`] for a larger one.
    pub fn into_file(self) -> Result<OnnxFile> {
        let shapes = |values: &[ValueInfoProto]| {
            let all: Vec<String> = values.iter().map(ValueInfoProto::shown).collect();
            all.join(", ")
        };
        let takes = shapes(&self.graph.input);
        let gives = shapes(&self.graph.output);
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "harmonium".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            metadata_props: self.metadata,
        };
        let bytes = model.encoded_len();
        if bytes > i32::MAX as usize {
            let detail =
                format!("{bytes} bytes; an ONNX file without others beside it holds 2 GiB");
            return Err(Error::data("onnx", detail));
        }
        Ok(OnnxFile { bytes: model.encode_to_vec(), takes, gives })
    }
}

impl ValueInfoProto {
    /// Name and sizes: `input [N, 64]`.
    fn shown(&self) -> String {
        let kind = self.kind.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let shape = kind.and_then(|tensor| tensor.shape.as_ref());
        let sizes: Vec<String> = shape.map_or_else(Vec::new, |shape| {
            let size = |d: &DimensionProto| match (d.value, &d.parameter) {
                (Some(n), _) => n.to_string(),
                (None, name) => name.clone().unwrap_or_default(),
            };
            shape.dim.iter().map(size).collect()
        });
        format!("{} [{}]", self.name, sizes.join(", "))
    }
}

fn of_cases(name: &str, dims: &[usize]) -> ValueInfoProto {
    let cases = DimensionProto { value: None, parameter: Some("N".into()) };
    let sizes = dims.iter().map(|&n| DimensionProto { value: Some(n as i64), parameter: None });
    let shape = TensorShapeProto { dim: std::iter::once(cases).chain(sizes).collect() };
    let tensor = TensorTypeProto { elem_type: FLOAT, shape: Some(shape) };
    ValueInfoProto { name: name.into(), kind: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn attribute(told: &Attribute<'_>) -> AttributeProto {
    // As the format numbers the kinds of attributes.
    const INT: i32 = 2;
    const INTS: i32 = 7;
    match *told {
        Attribute::Int(name, i) => {
            AttributeProto { name: name.into(), i, ints: Vec::new(), kind: INT }
        }
        Attribute::Ints(name, ints) => {
            let ints = ints.iter().map(|&n| n as i64).collect();
            AttributeProto { name: name.into(), i: 0, ints, kind: INTS }
        }
    }
}
