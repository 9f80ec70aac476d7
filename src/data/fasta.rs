//! Aligned FASTA: sequences of one length, a case each, its columns whole numbers that stand for residues.
//!
//! Proteins have 21 states, `-ACDEFGHIKLMNPQRSTVWY` in this order, and sequences of nothing but `ACGTUN` and gaps 5,
//! `-ACGU`, where T is U. A gap is 0; residues that are none of these (X, B, Z, …, and N of nucleic acids) are taken for
//! gaps. Of A3M and A2M small letters and dots are insertions beside the alignment, and left out.

use super::input::Input;
use super::labels::RawPart;
use super::reading::Reading;
use super::text;
use super::values::Values;
use super::{Cases, DataSet};
use crate::error::{Error, Result};

const PROTEIN: &[u8] = b"-ACDEFGHIKLMNPQRSTVWY";
const NUCLEIC: &[u8] = b"-ACGU";

/// Sequences as they are aligned, each with the line of its name.
struct Alignment {
    lines: Vec<usize>,
    sequences: Vec<Vec<u8>>,
    left_out: bool,
}

/// A file of cases.
pub(super) fn read(mut input: Input, name: &str, reading: &Reading) -> Result<RawPart> {
    reading.refuse(&["array", "scale"], "a FASTA file", "its cases are sequences of residues")?;
    let path = input.path().to_path_buf();
    let wrong = |line: usize, detail: String| Error::file(&path, format!("line {line}"), detail);
    let text = text::read(&mut input)?;
    let found = parse(&text).map_err(|(line, detail)| wrong(line, detail))?;
    let Some(width) = found.sequences.first().map(Vec::len) else {
        return Err(wrong(1, "there is no sequence".into()));
    };
    for (sequence, &line) in found.sequences.iter().zip(&found.lines) {
        if sequence.len() != width || width == 0 {
            let detail = format!(
                "this sequence has {} residues and gaps, the first one {width}; align them (all of one length, gaps as -)",
                sequence.len()
            );
            return Err(wrong(line, detail));
        }
    }
    let letters = || found.sequences.iter().flatten().copied();
    let may_be_nucleic = |c: &u8| b"ACGTUN-".contains(c);
    // A protein's file may well hold nothing but A, C and G: what a model was trained on is known.
    let is_nucleic = match reading.residues.as_deref().map(str::as_bytes) {
        Some(NUCLEIC) => true,
        Some(_) => false,
        None => letters().all(|c| may_be_nucleic(&c)),
    };
    let sequences = || found.sequences.iter().zip(&found.lines);
    let foreign = |(sequence, _): &(&Vec<u8>, &usize)| !sequence.iter().all(may_be_nucleic);
    if let (true, Some((_, &line))) = (is_nucleic, sequences().find(foreign)) {
        let detail =
            "this sequence holds residues of proteins, and the model was trained on nucleotides";
        return Err(wrong(line, detail.into()));
    }
    let alphabet = if is_nucleic { NUCLEIC } else { PROTEIN };
    let mut unknown = 0;
    let state = |c: u8| {
        let c = if is_nucleic && c == b'T' { b'U' } else { c };
        alphabet.iter().position(|&known| known == c).map_or_else(
            || {
                unknown += 1;
                0
            },
            |state| state as u8,
        )
    };
    let values = letters().map(state).collect();
    let n = found.sequences.len();
    let mut set = DataSet::new(name, Cases::new(Values::U8 { values, scale: 1.0 }, n, width)?);
    set.residues = Some(String::from_utf8_lossy(alphabet).into_owned());
    let what = if is_nucleic { "nucleotides" } else { "residues" };
    set.notices.push(format!(
        "{}: {n} sequences of {width} {what}; the states are {}: --visible softmax:{}",
        path.display(),
        String::from_utf8_lossy(alphabet),
        alphabet.len()
    ));
    if unknown > 0 {
        set.notices
            .push(format!("{}: {unknown} unknown residues are taken for gaps", path.display()));
    }
    if found.left_out {
        let notice = "small letters and dots, insertions beside the alignment, are left out";
        set.notices.push(format!("{}: {notice}", path.display()));
    }
    Ok(RawPart { set, labels: None, unit: 1.0, pictures: false })
}

/// The sequences, or a line and what is wrong there.
fn parse(text: &[u8]) -> std::result::Result<Alignment, (usize, String)> {
    let mut found = Alignment { lines: Vec::new(), sequences: Vec::new(), left_out: false };
    for (line, row) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let row = row.trim_ascii();
        match (row.first(), found.sequences.last_mut()) {
            (None | Some(b';'), _) => {}
            (Some(b'>'), _) => {
                found.lines.push(line);
                found.sequences.push(Vec::new());
            }
            (Some(_), None) => {
                return Err((
                    line,
                    "residues before the first name, a line that begins with >".into(),
                ));
            }
            (Some(_), Some(sequence)) => {
                for &c in row.iter().filter(|c| !c.is_ascii_whitespace()) {
                    match c {
                        b'A'..=b'Z' | b'-' => sequence.push(c),
                        b'a'..=b'z' | b'.' => found.left_out = true,
                        b'*' => sequence.push(b'-'),
                        _ => {
                            let detail =
                                format!("'{}' is no residue", char::from(c).escape_default());
                            return Err((line, detail));
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}
