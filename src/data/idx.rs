//! The idx format of the MNIST files: two zero bytes, a type, a rank, big-endian sizes, the values.

use super::array::{Element, Layout};
use super::cases::Cases;
use super::input::Input;
use super::set::DataSet;
use super::values::Values;
use crate::error::Result;

/// Whether these first bytes are an idx header's.
pub(super) fn is_idx(start: &[u8]) -> bool {
    matches!(start, [0, 0, 0x08 | 0x09 | 0x0b..=0x0e, rank, ..] if *rank > 0)
}

/// Header and values, in C order.
fn read_array(input: &mut Input) -> Result<(Layout, Values, Vec<String>)> {
    let magic = input.header(4, "an idx header")?;
    if magic[..2] != [0, 0] {
        return Err(input.error(
            0,
            format!("the first four bytes are {magic:02x?}; an idx file begins with 00 00, a type and a rank"),
        ));
    }
    let element = match magic[2] {
        0x08 => Element::U8,
        0x0d => Element::F32,
        0x0e => Element::F64,
        0x09 | 0x0b | 0x0c => {
            return Err(input.error(
                2,
                format!("idx type 0x{:02x} is a signed integer, whose scale is not known; store u8 (0x08) or f32 (0x0d)", magic[2]),
            ));
        }
        other => {
            return Err(input.error(
                2,
                format!(
                    "unknown idx type 0x{other:02x}; u8 (0x08), f32 (0x0d) and f64 (0x0e) are read"
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
    let layout = Layout::new(&dims, element, input, 4)?;
    let (values, notices) = layout.read(input, true)?;
    Ok((layout, values, notices))
}

/// A file of cases.
pub(super) fn read(mut input: Input, name: &str) -> Result<DataSet> {
    let (layout, values, mut notices) = read_array(&mut input)?;
    if layout.dims.len() == 1 {
        notices.push(format!(
            "{}: one dimension, read as {} cases of one value; if these are labels, pass the images",
            input.path().display(),
            layout.n
        ));
    }
    Ok(DataSet {
        name: name.to_string(),
        cases: Cases::new(values, layout.n, layout.d)?,
        image: layout.image,
        labels: None,
        notices,
    })
}

/// A file of labels: u8 of rank 1 (or `[N, 1]`).
pub(super) fn read_labels(mut input: Input) -> Result<Vec<u32>> {
    let (layout, values, _) = read_array(&mut input)?;
    match values {
        Values::U8 { values, .. } if layout.d == 1 => {
            Ok(values.into_iter().map(u32::from).collect())
        }
        _ => Err(input
            .error(2, format!("expected labels, u8 of one dimension; found {}", layout.promise()))),
    }
}
