//! The idx format of the MNIST files: two zero bytes, a type, a rank, big-endian sizes, the values.

use super::array::{Element, Layout};
use super::input::Input;
use super::labels::{Labels, RawPart};
use super::layout::{cases, labels};
use super::values::Values;
use crate::error::Result;

/// What the header says of the values that follow it.
pub(super) fn header(input: &mut Input) -> Result<Layout> {
    let magic = input.header(4, "an idx header")?;
    if magic[..2] != [0, 0] {
        return Err(input.error(
            0,
            format!("the first four bytes are {magic:02x?}; an idx file begins with 00 00, a type and a rank"),
        ));
    }
    let element = match magic[2] {
        0x08 => Element::U8,
        0x09 => Element::Integer { bytes: 1, signed: true },
        0x0b => Element::Integer { bytes: 2, signed: true },
        0x0c => Element::Integer { bytes: 4, signed: true },
        0x0d => Element::F32,
        0x0e => Element::F64,
        other => {
            return Err(input.error(
                2,
                format!(
                    "unknown idx type 0x{other:02x}; u8 (0x08), integers (0x09, 0x0b, 0x0c), f32 (0x0d) and f64 (0x0e) are \
                     read"
                ),
            ));
        }
    };
    if magic[3] == 0 {
        return Err(input.error(3, "the rank is 0; expected [N], [N, D] or [N, H, W]"));
    }
    let sizes = input.header(u64::from(magic[3]) * 4, "the sizes of an idx header")?;
    let (words, _) = sizes.as_chunks::<4>();
    let dims: Vec<u64> = words.iter().map(|w| u64::from(u32::from_be_bytes(*w))).collect();
    Layout::new(&dims, element, input.site(), 4)
}

/// Header and values, in C order.
fn read_array(input: &mut Input) -> Result<(Layout, Values, Vec<String>)> {
    let layout = header(input)?;
    let (values, notices) = layout.read(input, true)?;
    Ok((layout, values, notices))
}

/// A file of cases.
pub(super) fn read(mut input: Input, name: &str) -> Result<RawPart> {
    let (layout, values, mut notices) = read_array(&mut input)?;
    if layout.dims.len() == 1 {
        notices.push(format!(
            "{}: one dimension, read as {} cases of one value; if these are labels, pass the images",
            input.path().display(),
            layout.n
        ));
    }
    cases(values, &layout, input.site(), 4, name, notices)
}

/// A file of labels: numbers of any type, one for each case (or one of them 1 and the others 0); of QMNIST's eight numbers
/// for a case the first is its class.
pub(super) fn read_labels(mut input: Input) -> Result<Labels> {
    let (layout, values, _) = read_array(&mut input)?;
    labels(&values, &layout).map_err(|detail| input.error(2, detail))
}
