//! Layers of windows as they are described: convolutions and pools.

use serde::{Deserialize, Serialize};

use super::words::{activated, biased, is_identity, is_no, is_yes, unless, yes};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::pool2d::{Pool, Pooling};
use crate::shape::Window;

/// Height and width: in TOML one number for both, or `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a size is one whole number for both sides, or [height, width]")]
pub enum Size {
    /// The same for both.
    Square(usize),
    /// [height, width].
    Sides([usize; 2]),
}

impl Size {
    /// [height, width].
    pub fn sides(self) -> [usize; 2] {
        match self {
            Size::Square(n) => [n, n],
            Size::Sides(sides) => sides,
        }
    }

    /// `5×3`.
    pub(super) fn words(self) -> String {
        let [h, w] = self.sides();
        format!("{h}×{w}")
    }

    fn one() -> Self {
        Size::Square(1)
    }

    fn none() -> Self {
        Size::Square(0)
    }

    fn is_one(&self) -> bool {
        self.sides() == [1, 1]
    }

    fn is_none(&self) -> bool {
        self.sides() == [0, 0]
    }
}

impl From<usize> for Size {
    fn from(side: usize) -> Self {
        Size::Square(side)
    }
}

impl From<[usize; 2]> for Size {
    fn from(sides: [usize; 2]) -> Self {
        Size::Sides(sides)
    }
}

fn one() -> usize {
    1
}

fn is_one(x: &usize) -> bool {
    *x == 1
}

/// A convolution; what has a default may be left out.
///
/// ```
/// use harmonium::kernels::activation::Activation;
/// use harmonium::layers::{ConvSpec, LayerSpec};
/// let conv: LayerSpec = ConvSpec::new(6, 5).stride(2).activation(Activation::Tanh).into();
/// assert_eq!(conv.words(), "convolution 5×5, stride 2×2, tanh");
/// assert_eq!(conv.output(&[1, 32, 32])?, [6, 14, 14]);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ConvSpec {
    /// Output maps.
    pub maps: usize,
    /// The kernel's size.
    pub kernel: Size,
    /// Pixels from one output to the next.
    #[serde(default = "Size::one", skip_serializing_if = "Size::is_one")]
    pub stride: Size,
    /// Zeros on each side.
    #[serde(default = "Size::none", skip_serializing_if = "Size::is_none")]
    pub padding: Size,
    /// Pixels between neighbouring elements of the kernel.
    #[serde(default = "Size::one", skip_serializing_if = "Size::is_one")]
    pub dilation: Size,
    /// Groups of channels, each convolved by itself.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: usize,
    /// For each output map the input maps (of its group) that it sees; all, where there is no table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Vec<Vec<usize>>>,
    /// Whether there is a bias.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub bias: bool,
    /// f.
    #[serde(default, skip_serializing_if = "is_identity")]
    pub activation: Activation,
}

impl ConvSpec {
    /// So many maps by kernels of this size, at stride 1, with a bias and no activation.
    pub fn new(maps: usize, kernel: impl Into<Size>) -> Self {
        ConvSpec {
            maps,
            kernel: kernel.into(),
            stride: Size::one(),
            padding: Size::none(),
            dilation: Size::one(),
            groups: 1,
            connections: None,
            bias: true,
            activation: Activation::Identity,
        }
    }

    /// Pixels from one output to the next.
    pub fn stride(self, stride: impl Into<Size>) -> Self {
        ConvSpec { stride: stride.into(), ..self }
    }

    /// Zeros on each side.
    pub fn padding(self, padding: impl Into<Size>) -> Self {
        ConvSpec { padding: padding.into(), ..self }
    }

    /// Pixels between neighbouring elements of the kernel.
    pub fn dilation(self, dilation: impl Into<Size>) -> Self {
        ConvSpec { dilation: dilation.into(), ..self }
    }

    /// Groups of channels.
    pub fn groups(self, groups: usize) -> Self {
        ConvSpec { groups, ..self }
    }

    /// The input maps that each output map sees.
    pub fn connections(self, table: Vec<Vec<usize>>) -> Self {
        ConvSpec { connections: Some(table), ..self }
    }

    /// Whether there is a bias.
    pub fn bias(self, bias: bool) -> Self {
        ConvSpec { bias, ..self }
    }

    /// f.
    pub fn activation(self, activation: Activation) -> Self {
        ConvSpec { activation, ..self }
    }

    pub(super) fn words(&self) -> String {
        [
            format!("convolution {}", self.kernel.words()),
            unless(self.stride.is_one(), format!(", stride {}", self.stride.words())),
            padded(self.padding),
            unless(self.dilation.is_one(), format!(", dilation {}", self.dilation.words())),
            unless(self.groups == 1, format!(", {} groups", self.groups)),
            unless(self.connections.is_none(), ", by a table".into()),
            biased(self.bias),
            activated(self.activation),
        ]
        .concat()
    }

    /// How many input maps an output map may see where there are so many. Checks all but the windows.
    pub(super) fn inputs(&self, channels: usize) -> Result<usize> {
        for (name, n) in [("maps", self.maps), ("groups", self.groups)] {
            if n == 0 {
                return Err(Error::setting(name, "0 is too few; use at least 1"));
            }
        }
        let (maps, groups) = (self.maps, self.groups);
        if !channels.is_multiple_of(groups) || !maps.is_multiple_of(groups) {
            let maps = format!("{channels} input and {maps} output maps");
            return Err(Error::shape("conv", format!("{maps} do not fall into {groups} groups")));
        }
        let inputs = channels / groups;
        if let Some(table) = &self.connections {
            check_table(table, maps, inputs)?;
        }
        Ok(inputs)
    }

    pub(super) fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let [channels, h, w] = maps_of("conv", input)?;
        self.inputs(channels)?;
        let [sizes, strides] = [self.kernel.sides(), self.stride.sides()];
        let [pads, dilations] = [self.padding.sides(), self.dilation.sides()];
        let along = |axis: usize, name, n| {
            let window = Window {
                size: sizes[axis],
                stride: strides[axis],
                padding: pads[axis],
                dilation: dilations[axis],
            };
            window.positions("conv", name, n, false)
        };
        Ok(vec![self.maps, along(0, "height", h)?, along(1, "width", w)?])
    }
}

fn check_table(table: &[Vec<usize>], maps: usize, inputs: usize) -> Result<()> {
    let fail = |detail: String| Err(Error::setting("connections", detail));
    if table.len() != maps {
        return fail(format!("{} rows for {maps} output maps; give one row each", table.len()));
    }
    for (o, row) in table.iter().enumerate() {
        if row.is_empty() {
            return fail(format!("output map {o} sees no input map; give it at least one"));
        }
        for (at, &c) in row.iter().enumerate() {
            if c >= inputs {
                let known = match inputs {
                    0 => "and there is none".to_string(),
                    n => format!("of 0 to {}", n - 1),
                };
                return fail(format!("output map {o} sees input map {c}, {known}"));
            }
            if row[..at].contains(&c) {
                return fail(format!("output map {o} names input map {c} twice"));
            }
        }
    }
    Ok(())
}

/// Maximum or average, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// The largest value of a window.
    Max,
    /// The mean of a window.
    Average,
}

/// A pool; what has a default may be left out.
///
/// ```
/// use harmonium::layers::{LayerSpec, PoolKind, PoolSpec};
/// let pool: LayerSpec = PoolSpec::new(PoolKind::Max, 3).stride(2).into();
/// assert_eq!(pool.words(), "maximum of 3×3, stride 2×2");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PoolSpec {
    /// `max` or `average`.
    pub kind: PoolKind,
    /// The window.
    pub size: Size,
    /// Pixels from one window to the next; the window's size where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Size>,
    /// Added on each side.
    #[serde(default = "Size::none", skip_serializing_if = "Size::is_none")]
    pub padding: Size,
    /// Whether sizes are rounded up.
    #[serde(default, skip_serializing_if = "is_no")]
    pub ceil: bool,
    /// Whether an average counts the padding.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub count_padding: bool,
}

impl PoolSpec {
    /// Windows of this size side by side.
    pub fn new(kind: PoolKind, size: impl Into<Size>) -> Self {
        PoolSpec {
            kind,
            size: size.into(),
            stride: None,
            padding: Size::none(),
            ceil: false,
            count_padding: true,
        }
    }

    /// Pixels from one window to the next.
    pub fn stride(self, stride: impl Into<Size>) -> Self {
        PoolSpec { stride: Some(stride.into()), ..self }
    }

    /// Added on each side.
    pub fn padding(self, padding: impl Into<Size>) -> Self {
        PoolSpec { padding: padding.into(), ..self }
    }

    /// Whether sizes are rounded up.
    pub fn ceil(self, ceil: bool) -> Self {
        PoolSpec { ceil, ..self }
    }

    /// Whether an average counts the padding.
    pub fn count_padding(self, count_padding: bool) -> Self {
        PoolSpec { count_padding, ..self }
    }

    pub(super) fn words(&self) -> String {
        let usual = self.stride.is_none_or(|stride| stride.sides() == self.size.sides());
        let stride = self.stride.map_or(String::new(), Size::words);
        let kind = match self.kind {
            PoolKind::Max => "maximum",
            PoolKind::Average => "average",
        };
        [
            format!("{kind} of {}", self.size.words()),
            unless(usual, format!(", stride {stride}")),
            padded(self.padding),
            unless(self.count_padding, " that does not count".into()),
            unless(!self.ceil, ", rounded up".into()),
        ]
        .concat()
    }

    pub(super) fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let [c, h, w] = maps_of("pool", input)?;
        let [height, width] = self.pooling().output_size("pool", [h, w])?;
        Ok(vec![c, height, width])
    }

    /// The kernel's view of it.
    pub(super) fn pooling(&self) -> Pooling {
        Pooling {
            pool: match self.kind {
                PoolKind::Max => Pool::Maximum,
                PoolKind::Average => Pool::Average { count_padding: self.count_padding },
            },
            size: self.size.sides(),
            stride: self.stride.unwrap_or(self.size).sides(),
            padding: self.padding.sides(),
            ceil: self.ceil,
        }
    }
}

fn padded(padding: Size) -> String {
    unless(padding.is_none(), format!(", padding {}", padding.words()))
}

/// The sizes of an input that has to be maps.
pub(super) fn maps_of(op: &'static str, input: &[usize]) -> Result<[usize; 3]> {
    match *input {
        [c, h, w] => Ok([c, h, w]),
        _ => Err(Error::shape(
            op,
            format!("the input is {input:?}, expected maps [channels, height, width]"),
        )),
    }
}
