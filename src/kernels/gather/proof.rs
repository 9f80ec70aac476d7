//! What gathering is held to, and what is measured of it.

use super::*;
use crate::kernels::proof::*;
use crate::random::{PhiloxRng, stream};

pub(crate) static ENTRY: Entry = Entry::new("gather", &[&SHADER], standard, bench)
    .ahead(ahead)
    .slip(["x[c] *= params.scale;", "x[c] *= params.scale * 1.000001;"]);

fn ahead(_: &Gpu) -> Vec<Variant> {
    let of = |f: Form| {
        // Cases held out leave gaps in the numbers of the others.
        let numbered = matches!(f.binarize, Binarization::Sample(_)) as usize;
        [false, true][..=numbered]
            .iter()
            .map(move |&numbered| {
                let constants = constants(f.source, f.standardize, f.binarize, numbered);
                (&SHADER, constants.to_vec())
            })
            .collect::<Vec<_>>()
    };
    forms().into_iter().flat_map(of).collect()
}

fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for form in forms() {
        out.push(case(device, form, [50, 67], 33)?);
        out.push(case(device, form, [200, 784], 100)?);
    }
    Ok(())
}

/// One kind of call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Form {
    /// How the source is stored: f32, u8 or bits.
    pub source: Element,
    /// Whether it is standardised.
    pub standardize: bool,
    /// What becomes of it then.
    pub binarize: Binarization,
}

const SAMPLE: Binarization =
    Binarization::Sample(Draw::new(0x1234_5678_9abc, stream::BINARIZE).at(3).from_case(1000));

/// What data sets ask for.
pub fn forms() -> Vec<Form> {
    let form = |source, standardize, binarize| Form { source, standardize, binarize };
    vec![
        form(Element::F32, false, Binarization::None),
        form(Element::U8, false, Binarization::None),
        form(Element::Bits, false, Binarization::None),
        form(Element::F32, true, Binarization::None),
        form(Element::U8, true, Binarization::None),
        form(Element::U8, false, Binarization::Threshold(0.5)),
        form(Element::F32, false, SAMPLE),
        form(Element::U8, false, SAMPLE),
    ]
}

/// One call: `rows` of `cases` cases of `columns` values, from the middle of an index list into the
/// middle of a batch, whose other rows must stay.
pub fn case(
    device: &Device,
    form: Form,
    [cases, columns]: [usize; 2],
    rows: usize,
) -> Result<Outcome> {
    let mut inputs = Inputs::new((cases * 1009 + columns) as u64);
    let bytes = inputs.bytes(cases * columns);
    let probabilities = inputs.probabilities(cases * columns);
    let mean = inputs.values(Values::Ordinary, columns);
    let inverse = inputs.values(Values::Ordinary, columns);
    let (before, after) = (3, 2);
    let indices = inputs.below(cases.max(1) as u32, before + rows + after);
    let old = inputs.values(Values::Ordinary, (before + rows + after) * columns);
    let scale = if form.source == Element::U8 { 1.0 / 255.0 } else { 1.0 };
    let run = |device: &Device| {
        let source = match form.source {
            Element::U8 => Tensor::from_u8(device, [cases, columns], &bytes)?,
            Element::Bits => {
                let bits: Vec<u8> = bytes.iter().map(|b| b & 1).collect();
                Tensor::from_bits(device, [cases, columns], &bits)?
            }
            _ => Tensor::from_f32(device, &[cases, columns], &probabilities)?,
        };
        let mean = Tensor::from_f32(device, &[columns], &mean)?;
        let inverse = Tensor::from_f32(device, &[columns], &inverse)?;
        let list = Tensor::from_u32(device, &[indices.len()], &indices)?;
        let mut out = Tensor::from_f32(device, &[before + rows + after, columns], &old)?;
        let pick = Selection { indices: &list, first_index: before - 1, rows, first_row: before };
        let transform = Transform {
            scale,
            standardize: form.standardize.then_some((&mean, &inverse)),
            binarize: form.binarize,
            numbers: None,
        };
        gather(&source, pick, &transform, &mut out)?;
        out.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    if form.standardize {
        // (x − mean)·inverse with x in [0, 1]: a product, a difference, a product.
        check.compare("out", &expected, &found, |i| {
            let (mean, inverse) = (f64::from(mean[i % columns]), f64::from(inverse[i % columns]));
            1.5 * EPSILON * inverse.abs() * (1.0 + 2.0 * (1.0 + mean.abs())) + FLUSH
        });
    } else {
        // One multiplication, by 1 or on integers: the same bits, and with them the same draws.
        check.exact_f32("out", &expected, &found);
    }
    Ok(check.outcome("gather", format!("{form:?}, {rows} rows of [{cases}, {columns}]")))
}

/// Minibatches of 100 cases of 784 values; elements are values.
fn bench(b: &mut Bench<'_>) -> Result<()> {
    let (cases, columns, rows) = (10_000, 784, 100);
    let order = PhiloxRng::new(Draw::new(1, stream::SHUFFLE)).permutation(cases as u32);
    let bytes: Vec<u8> = (0..cases * columns).map(|i| (i * 7919 % 251) as u8 + 1).collect();
    let indices = Tensor::from_u32(b.device, &[cases], &order)?;
    let mut out = b.output(&[rows, columns])?;
    for (name, source) in [
        ("u8", Tensor::from_u8(b.device, [cases, columns], &bytes)?),
        ("bits", Tensor::from_bits(b.device, [cases, columns], &bytes)?),
    ] {
        let pick = Selection { indices: &indices, first_index: 300, rows, first_row: 0 };
        let transform = Transform::default();
        b.case(name, rows * columns, || gather(&source, pick, &transform, &mut out))?;
    }
    Ok(())
}
