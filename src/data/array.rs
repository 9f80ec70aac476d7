//! What idx and npy share: dimensions that are not believed, and elements read from bytes.

use half::f16;

use super::input::{Input, Site};
use super::values::{EXACT, Values, first};
use crate::error::Result;

/// The element types that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    U8,
    F16,
    F32,
    F64,
    /// Any integer but u8, little-endian or big-endian as the file says.
    Integer {
        /// 1, 2, 4 or 8.
        bytes: u8,
        signed: bool,
    },
}

impl Element {
    fn size(self) -> u64 {
        match self {
            Element::Bool | Element::U8 => 1,
            Element::F16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
            Element::Integer { bytes, .. } => u64::from(bytes),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Element::Bool => "bool",
            Element::U8 => "u8",
            Element::F16 => "f16",
            Element::F32 => "f32",
            Element::F64 => "f64",
            Element::Integer { signed: true, .. } => "signed integers",
            Element::Integer { signed: false, .. } => "unsigned integers",
        }
    }
}

/// Dimensions `[N, …]` as N cases of D values.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) dims: Vec<u64>,
    pub(super) n: usize,
    pub(super) d: usize,
    pub(super) bytes: u64,
    element: Element,
    /// The number of the first case, where these are a part of an array.
    first: usize,
    /// Whether the first index runs fastest.
    fortran: bool,
}

impl Layout {
    /// `at`: the byte of the file where the dimensions stand.
    pub(super) fn new(dims: &[u64], element: Element, site: &Site, at: u64) -> Result<Self> {
        if dims.contains(&0) {
            return Err(site.error(at, format!("the set is empty: its dimensions are {dims:?}")));
        }
        let too_large = || {
            site.error(
                at,
                format!("dimensions {dims:?} are beyond what is read here: at most 4294967295 cases of 2147483647 values"),
            )
        };
        let product = |d: &[u64]| d.iter().try_fold(1u64, |p, &x| p.checked_mul(x));
        let n = dims.first().copied().unwrap_or(1);
        let d = product(dims.get(1..).unwrap_or(&[])).ok_or_else(too_large)?;
        let bytes = n
            .checked_mul(d)
            .and_then(|values| values.checked_mul(element.size()))
            .filter(|&bytes| isize::try_from(bytes).is_ok())
            .ok_or_else(too_large)?;
        if n > u64::from(u32::MAX) || d > i32::MAX as u64 {
            return Err(too_large());
        }
        let (n, d) = (n as usize, d as usize);
        Ok(Layout { dims: dims.to_vec(), n, d, bytes, element, first: 0, fortran: false })
    }

    /// `60000 × 28 × 28 u8`.
    pub(super) fn promise(&self) -> String {
        let sizes: Vec<String> = self.dims.iter().map(u64::to_string).collect();
        format!("{} {}", sizes.join(" × "), self.element.name())
    }

    /// The same in Fortran's order, or not.
    pub(super) fn in_fortran_order(self, fortran: bool) -> Self {
        Layout { fortran, ..self }
    }

    /// The same of so many cases from number `first` on.
    pub(super) fn of_cases(&self, first: usize, n: usize) -> Self {
        let mut dims = self.dims.clone();
        if let Some(cases) = dims.first_mut() {
            *cases = n as u64;
        }
        let bytes = self.case_bytes() * n as u64;
        Layout { dims, n, d: self.d, bytes, element: self.element, first, fortran: self.fortran }
    }

    /// What a case takes in the file.
    pub(super) fn case_bytes(&self) -> u64 {
        self.d as u64 * self.element.size()
    }

    /// Whether elements are bytes, which are taken for x/255.
    pub(super) fn is_bytes(&self) -> bool {
        self.element == Element::U8
    }

    /// `28 × 28 u8`.
    pub(super) fn case(&self) -> String {
        let sizes: Vec<String> = self.dims.iter().skip(1).map(u64::to_string).collect();
        format!("{} {}", sizes.join(" × "), self.element.name())
    }

    /// Reads the elements that follow in `input`, up to its end, in the order of the file.
    pub(super) fn read(
        &self,
        input: &mut Input,
        big_endian: bool,
    ) -> Result<(Values, Vec<String>)> {
        let begin = input.position();
        let bytes = input.payload(self.bytes, &self.promise())?;
        self.decode(bytes, big_endian, input.site(), begin)
    }

    /// The elements that these bytes are, which begin at byte `begin` of the file.
    pub(super) fn decode(
        &self,
        bytes: Vec<u8>,
        big_endian: bool,
        site: &Site,
        begin: u64,
    ) -> Result<(Values, Vec<String>)> {
        let mut notices = Vec::new();
        let values = match self.element {
            Element::U8 => Values::U8 { values: bytes, scale: 1.0 / 255.0 },
            Element::Bool => match bytes.iter().position(|&b| b > 1) {
                None => Values::Bits(bytes),
                Some(k) => {
                    let detail = format!("element {k} is {}; a bool is stored as 0 or 1", bytes[k]);
                    return Err(site.error(begin + k as u64, detail));
                }
            },
            Element::F16 => {
                let read = if big_endian { f16::from_be_bytes } else { f16::from_le_bytes };
                let (words, _) = bytes.as_chunks::<2>();
                let floats: Vec<f32> = words.iter().map(|w| read(*w).to_f32()).collect();
                self.check_finite(&floats, site, begin, 2, |k| f64::from(floats[k]))?;
                Values::from_floats(floats)
            }
            Element::F32 => {
                let read = if big_endian { f32::from_be_bytes } else { f32::from_le_bytes };
                let (words, _) = bytes.as_chunks::<4>();
                let floats: Vec<f32> = words.iter().map(|w| read(*w)).collect();
                self.check_finite(&floats, site, begin, 4, |k| f64::from(floats[k]))?;
                Values::from_floats(floats)
            }
            Element::F64 => {
                let read = if big_endian { f64::from_be_bytes } else { f64::from_le_bytes };
                let (words, _) = bytes.as_chunks::<8>();
                let floats: Vec<f32> = words.iter().map(|w| read(*w) as f32).collect();
                self.check_finite(&floats, site, begin, 8, |k| read(words[k]))?;
                let values = Values::from_floats(floats);
                if matches!(values, Values::F32(_)) {
                    notices
                        .push(format!("{}: f64 values were rounded to f32", site.path().display()));
                }
                values
            }
            Element::Integer { bytes: size, signed } => {
                let number = |word: &[u8]| integer(word, big_endian, signed);
                let numbers: Vec<f32> = bytes.chunks_exact(usize::from(size)).map(number).collect();
                if first(&numbers, |x| x.abs() > EXACT).is_some() {
                    notices.push(format!(
                        "{}: whole numbers beyond 2^24 were rounded to f32",
                        site.path().display()
                    ));
                }
                Values::from_floats(numbers)
            }
        };
        Ok((values, notices))
    }

    /// Refuses NaN and infinities, and what became infinite when it was rounded to f32.
    fn check_finite(
        &self,
        floats: &[f32],
        site: &Site,
        begin: u64,
        size: u64,
        source: impl Fn(usize) -> f64,
    ) -> Result<()> {
        let Some(k) = floats.iter().position(|x| !x.is_finite()) else { return Ok(()) };
        let (x, place) = (source(k), self.place(k));
        let detail = if x.is_finite() {
            format!("{place} is {x:e}, too large for f32 (at most 3.4e38); rescale the data")
        } else {
            format!(
                "{place} is {x}; every value must be a finite number: fill it in, or leave the row out"
            )
        };
        Err(site.error(begin + k as u64 * size, detail))
    }

    /// Where element `k` of the file's order stands.
    fn place(&self, k: usize) -> String {
        let (row, column) = match self.fortran {
            false => (k / self.d, k % self.d),
            true => {
                // The column as it is counted in C's order, where the last index runs fastest.
                let (mut rest, mut column, mut step) = (k / self.n, 0, self.d);
                for &size in self.dims.iter().skip(1) {
                    step /= size as usize;
                    column += rest % size as usize * step;
                    rest /= size as usize;
                }
                (k % self.n, column)
            }
        };
        let row = self.first + row;
        format!("row {row}, column {column} (element {}, counted from 0)", row * self.d + column)
    }
}

/// A whole number of up to 8 bytes, rounded to f32.
fn integer(word: &[u8], big_endian: bool, signed: bool) -> f32 {
    let first = if big_endian { word.first() } else { word.last() };
    let negative = signed && first.is_some_and(|&byte| byte >= 0x80);
    let fold = |n: u64, &byte: &u8| n << 8 | u64::from(byte);
    let start = if negative { u64::MAX } else { 0 };
    let bits = match big_endian {
        true => word.iter().fold(start, fold),
        false => word.iter().rev().fold(start, fold),
    };
    if signed { bits as i64 as f32 } else { bits as f32 }
}

/// From Fortran's order (first index fastest) to C's (last index fastest).
pub(super) fn from_fortran_order(values: Values, dims: &[u64]) -> Values {
    match values {
        Values::Bits(v) => Values::Bits(reorder(&v, dims)),
        Values::U8 { values, scale } => Values::U8 { values: reorder(&values, dims), scale },
        Values::F32(v) => Values::F32(reorder(&v, dims)),
    }
}

fn reorder<T: Copy>(values: &[T], dims: &[u64]) -> Vec<T> {
    let dims: Vec<usize> = dims.iter().map(|&d| d as usize).collect();
    let mut strides = vec![1; dims.len()];
    for k in 1..dims.len() {
        strides[k] = strides[k - 1] * dims[k - 1];
    }
    let mut index = vec![0; dims.len()];
    let mut source = 0;
    let mut out = Vec::with_capacity(values.len());
    while out.len() < values.len() {
        out.push(values[source]);
        for k in (0..dims.len()).rev() {
            index[k] += 1;
            source += strides[k];
            if index[k] < dims[k] {
                break;
            }
            source -= strides[k] * dims[k];
            index[k] = 0;
        }
    }
    out
}
