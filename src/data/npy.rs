//! NumPy's `.npy`: a magic number, a version, a Python dictionary, the values.
//!
//! The dictionary is read here, and not by the `npyz` crate, because that one allocates what the header's
//! length claims, multiplies the sizes without a check, and recurses with the dictionary's nesting.

use std::path::Path;

use super::array::{Element, Layout, from_fortran_order};
use super::input::Input;
use super::kind::NPY as MAGIC;
use super::labels::{Labels, RawPart};
use super::layout;
use super::values::Values;
use crate::error::Result;
use crate::shape::product;

/// NumPy itself refuses to read longer headers (10,000 characters).
const LONGEST_HEADER: u64 = 10_000;

/// What the dictionary says.
#[derive(Debug, Default, PartialEq)]
struct Header {
    descr: Option<String>,
    fortran_order: Option<bool>,
    shape: Option<Vec<u64>>,
}

/// A matrix `[rows, columns]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyMatrix {
    /// N.
    pub rows: usize,
    /// D.
    pub columns: usize,
    /// N · D values.
    pub values: Vec<f32>,
}

/// An array of any rank, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// The sizes, outermost first; none for a single number.
    pub dims: Vec<usize>,
    /// As many values as the sizes' product.
    pub values: Vec<f32>,
}

/// Reads a `.npy` file of any rank, of f16, f32, f64, bool or integers, in C's or Fortran's order, also
/// gzipped. The numbers stay as they are; f64 and integers beyond 2²⁴ are rounded. A size may be 0.
///
/// # Errors
/// Those of [`read_matrix`], but for the rank.
pub fn read_array(path: impl AsRef<Path>) -> Result<NpyArray> {
    let mut input = Input::open(path.as_ref())?;
    let header = read_header(&mut input)?;
    let values = header.floats(&mut input)?;
    let size =
        |&d: &u64| usize::try_from(d).map_err(|_| input.error(header.begin, "a size is too large"));
    let dims = header.dims.iter().map(size).collect::<Result<_>>()?;
    Ok(NpyArray { dims, values })
}

/// Reads a `.npy` file, `[N, D]` or images `[N, H, W]` as `[N, H·W]`, of f16, f32, f64, bool or integers, in C's
/// or Fortran's order, also gzipped. The numbers stay as they are (a u8 of 255 is 255), f64 are rounded; N or
/// D may be 0.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if the file cannot be read; [`Error::File`](crate::Error::File) with the
/// byte for one that is not `.npy`, another shape or element type, a size that its header gets wrong, or a
/// value that is not a finite f32.
pub fn read_matrix(path: impl AsRef<Path>) -> Result<NpyMatrix> {
    let mut input = Input::open(path.as_ref())?;
    let header = read_cases_header(&mut input)?;
    let values = header.floats(&mut input)?;
    let dims: Option<Vec<usize>> = header.dims.iter().map(|&d| d.try_into().ok()).collect();
    match dims.and_then(|dims| Some((dims[0], product(&dims[1..])?))) {
        Some((rows, columns)) => Ok(NpyMatrix { rows, columns, values }),
        None => {
            let detail = format!("dimensions {:?} are too large", header.dims);
            Err(input.error(header.begin, detail))
        }
    }
}

/// A file of cases, `[N, D]` or pictures.
pub(super) fn read(mut input: Input, name: &str) -> Result<RawPart> {
    let header = read_cases_header(&mut input)?;
    let layout = header.layout(&input)?;
    let (values, notices) = header.values(&layout, &mut input)?;
    layout::cases(values, &layout, input.site(), header.begin, name, notices)
}

/// A file of labels: numbers of any type, `[N]`, `[N, 1]`, or `[N, K]` with a single 1 in each row.
pub(super) fn read_labels(mut input: Input) -> Result<Labels> {
    let header = read_header(&mut input)?;
    let layout = header.layout(&input)?;
    let (values, _) = header.values(&layout, &mut input)?;
    layout::labels(&values, &layout).map_err(|detail| input.error(header.begin, detail))
}

/// What the header says of values that are read in pieces: their layout, whether they are big-endian, and where their
/// sizes stand.
pub(super) fn stream_header(input: &mut Input, of_cases: bool) -> Result<(Layout, bool, u64)> {
    let header = if of_cases { read_cases_header(input)? } else { read_header(input)? };
    if header.fortran && header.dims.len() > 1 {
        let detail = "the array is in Fortran's order, whose cases do not follow each other, so that it cannot be read in \
                      pieces: np.ascontiguousarray(a) before saving";
        return Err(input.error(header.begin, detail));
    }
    Ok((header.layout(input)?, header.big_endian, header.begin))
}

/// The sizes that a file claims.
pub(super) fn read_dims(mut input: Input) -> Result<Vec<u64>> {
    Ok(read_header(&mut input)?.dims)
}

/// What a header says, checked but for the sizes.
struct Array {
    element: Element,
    big_endian: bool,
    fortran: bool,
    dims: Vec<u64>,
    /// Where the dictionary begins.
    begin: u64,
}

impl Array {
    fn layout(&self, input: &Input) -> Result<Layout> {
        let layout = Layout::new(&self.dims, self.element, input.site(), self.begin)?;
        Ok(layout.in_fortran_order(self.fortran))
    }

    /// The elements that follow the header, in C's order, and notices.
    fn values(&self, layout: &Layout, input: &mut Input) -> Result<(Values, Vec<String>)> {
        let (values, notices) = layout.read(input, self.big_endian)?;
        let values = if self.fortran { from_fortran_order(values, &self.dims) } else { values };
        Ok((values, notices))
    }

    /// The elements as they are: a u8 of 255 is 255.
    fn floats(&self, input: &mut Input) -> Result<Vec<f32>> {
        if self.dims.contains(&0) {
            input.payload(0, "an empty array")?;
            return Ok(Vec::new());
        }
        let layout = self.layout(input)?;
        Ok(match self.values(&layout, input)?.0 {
            Values::Bits(v) | Values::U8 { values: v, .. } => {
                v.into_iter().map(f32::from).collect()
            }
            Values::F32(v) => v,
        })
    }
}

/// The header of cases: two sizes at least.
fn read_cases_header(input: &mut Input) -> Result<Array> {
    let header = read_header(input)?;
    if header.dims.len() < 2 {
        let detail = format!(
            "the shape is {:?}; expected [N, D] or [N, H, W]: reshape it first, one case is [1, D]",
            header.dims
        );
        return Err(input.error(header.begin, detail));
    }
    Ok(header)
}

fn read_header(input: &mut Input) -> Result<Array> {
    let magic = input.header(8, "a .npy header")?;
    if &magic[..6] != MAGIC {
        let detail =
            format!("the first bytes are {:02x?}; a .npy file begins with \\x93NUMPY", &magic[..6]);
        return Err(input.error(0, detail));
    }
    let width = match magic[6] {
        1 => 2,
        2 | 3 => 4,
        v => return Err(input.error(6, format!(".npy version {v}; 1, 2 and 3 are read"))),
    };
    let length = input.header(width, "the header's length")?;
    let length = length.iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
    if length > LONGEST_HEADER {
        let detail = format!("a header of {length} bytes; at most {LONGEST_HEADER} are read");
        return Err(input.error(8, detail));
    }
    let begin = input.position();
    let text = input.header(length, "the header's dictionary")?;
    interpret(&text, input, begin)
}

fn interpret(text: &[u8], input: &Input, begin: u64) -> Result<Array> {
    let parsed = Parser { text, at: 0 }.dictionary();
    let Header { descr: Some(descr), fortran_order: Some(fortran), shape: Some(dims) } =
        parsed.map_err(|(at, detail)| input.error(begin + at as u64, detail))?
    else {
        return Err(input.error(begin, "the header lacks one of 'descr', 'fortran_order', 'shape'"));
    };
    let (order, kind) = match descr.chars().next() {
        Some(order @ ('<' | '>' | '|' | '=')) => (order, &descr[1..]),
        _ => ('|', descr.as_str()),
    };
    let element = match kind {
        "u1" => Element::U8,
        "b1" | "?" => Element::Bool,
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        "i1" | "i2" | "i4" | "i8" | "u2" | "u4" | "u8" => {
            Element::Integer { bytes: kind.as_bytes()[1] - b'0', signed: kind.starts_with('i') }
        }
        _ => {
            let what = match kind.chars().next() {
                Some('U' | 'S') => {
                    " (text): number the words first, np.unique(a, return_inverse=True)[1]"
                }
                Some('O') => " (Python objects): a.astype('float32') or np.stack(a) before saving",
                Some('c') => " (complex): save real and imaginary parts, or np.abs(a)",
                _ => ": a.astype('float32') before saving",
            };
            let detail = format!(
                "the element type is '{descr}'{what}; f16, f32, f64, bool and integers are read"
            );
            return Err(input.error(begin, detail));
        }
    };
    let big_endian = order == '>' || (order != '<' && cfg!(target_endian = "big"));
    Ok(Array { element, big_endian, fortran, dims, begin })
}

/// A reader of the one dictionary that NumPy writes: strings, booleans and a tuple of integers.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

type Parsed<T> = std::result::Result<T, (usize, String)>;

impl Parser<'_> {
    fn fail<T>(&self, expected: &str) -> Parsed<T> {
        Err((self.at, format!("the header is damaged: expected {expected}")))
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, byte: u8, name: &str) -> Parsed<()> {
        if self.take(byte) { Ok(()) } else { self.fail(name) }
    }

    fn dictionary(mut self) -> Parsed<Header> {
        let mut header = Header::default();
        self.need(b'{', "'{'")?;
        while !self.take(b'}') {
            let key = self.string()?;
            self.need(b':', "':'")?;
            match key.as_str() {
                "descr" => header.descr = Some(self.descr()?),
                "fortran_order" => header.fortran_order = Some(self.boolean()?),
                "shape" => header.shape = Some(self.tuple()?),
                _ => return self.fail("'descr', 'fortran_order' or 'shape'"),
            }
            if !self.take(b',') {
                self.need(b'}', "',' or '}'")?;
                break;
            }
        }
        self.skip_space();
        if self.at < self.text.len() { self.fail("the end of the header") } else { Ok(header) }
    }

    fn descr(&mut self) -> Parsed<String> {
        self.skip_space();
        if self.text.get(self.at) == Some(&b'[') {
            return Err((self.at, "the array has named fields; save one plain array".into()));
        }
        self.string()
    }

    fn string(&mut self) -> Parsed<String> {
        self.skip_space();
        let Some(&quote @ (b'\'' | b'"')) = self.text.get(self.at) else {
            return self.fail("a string");
        };
        let rest = &self.text[self.at + 1..];
        match rest.iter().position(|&b| b == quote) {
            Some(end) if rest[..end].iter().all(|b| b.is_ascii_graphic() && *b != b'\\') => {
                self.at += end + 2;
                Ok(rest[..end].iter().map(|&b| char::from(b)).collect())
            }
            _ => self.fail("a string of plain characters"),
        }
    }

    fn boolean(&mut self) -> Parsed<bool> {
        self.skip_space();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.fail("True or False")
    }

    fn tuple(&mut self) -> Parsed<Vec<u64>> {
        let mut sizes = Vec::new();
        self.need(b'(', "'('")?;
        while !self.take(b')') {
            sizes.push(self.integer()?);
            if !self.take(b',') {
                self.need(b')', "',' or ')'")?;
                break;
            }
        }
        if sizes.len() > 32 {
            return Err((self.at, format!("{} dimensions; at most 32 are read", sizes.len())));
        }
        Ok(sizes)
    }

    fn integer(&mut self) -> Parsed<u64> {
        self.skip_space();
        let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return self.fail("a size");
        }
        let mut n = 0u64;
        for &b in &self.text[self.at..self.at + digits] {
            let next = n.checked_mul(10).and_then(|n| n.checked_add(u64::from(b - b'0')));
            n = match next {
                Some(n) => n,
                None => return self.fail("a size below 2^64"),
            };
        }
        self.at += digits;
        if self.text.get(self.at) == Some(&b'L') {
            self.at += 1; // Python 2 wrote 60000L
        }
        Ok(n)
    }
}
