//! Text as UTF-8 with `\n` for every line end, whatever wrote it.

use super::input::{Input, Site};
use super::kind::is_utf16;
use crate::error::Result;

/// The longest text that is read.
const MOST_BYTES: u64 = 4 << 30;

/// All text of a file: UTF-8 with or without its mark, or UTF-16 with its mark. Bytes that are not UTF-8 stay, for the
/// reader to name their line.
pub(super) fn read(input: &mut Input) -> Result<Vec<u8>> {
    let bytes = input.rest(MOST_BYTES)?;
    let bytes = match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        start if is_utf16(start) => utf8_of(start).ok_or_else(|| {
            let detail = "this is UTF-16 by its mark, and damaged or cut off: save it as UTF-8";
            input.error(0, detail)
        })?,
        start if start.get(..64.min(start.len())).is_some_and(|s| s.contains(&0)) => {
            let detail = "this is no text, or UTF-16 without its mark: save it as UTF-8";
            return Err(input.error(0, detail));
        }
        _ => bytes,
    };
    Ok(one_line_end(bytes))
}

/// A piece of a file of text, cut at a line's end. UTF-16 cannot be read so.
pub(super) fn piece(mut bytes: Vec<u8>, first: bool, site: &Site) -> Result<Vec<u8>> {
    if first && bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.drain(..3);
    }
    if first && (is_utf16(&bytes) || bytes[..64.min(bytes.len())].contains(&0)) {
        let detail =
            "this is UTF-16 or no text, and only UTF-8 is read in pieces: save it as UTF-8";
        return Err(site.error(0, detail));
    }
    Ok(one_line_end(bytes))
}

/// Marked UTF-16 as UTF-8, without its mark; nothing where it is damaged or cut off.
fn utf8_of(marked: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = marked.as_chunks::<2>();
    let (mark, units) = pairs.split_first()?;
    let unit = if mark == b"\xfe\xff" { u16::from_be_bytes } else { u16::from_le_bytes };
    let text: std::result::Result<String, _> =
        char::decode_utf16(units.iter().copied().map(unit)).collect();
    text.ok().filter(|_| rest.is_empty()).map(String::into_bytes)
}

/// `\r\n` and `\r` as `\n`, and one at the end.
fn one_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.contains(&b'\r') {
        let (mut kept, mut last) = (0, 0);
        for i in 0..bytes.len() {
            let byte = bytes[i];
            if byte != b'\n' || last != b'\r' {
                bytes[kept] = if byte == b'\r' { b'\n' } else { byte };
                kept += 1;
            }
            last = byte;
        }
        bytes.truncate(kept);
    }
    if bytes.last().is_some_and(|&b| b != b'\n') {
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::one_line_end;

    #[test]
    fn line_ends_of_every_kind_are_one() {
        for text in ["a\nb\n\nc\n", "a\r\nb\r\n\r\nc", "a\rb\r\rc\r", "a\r\nb\n\rc"] {
            assert_eq!(one_line_end(text.into()), b"a\nb\n\nc\n", "{text:?}");
        }
        assert_eq!(one_line_end(Vec::new()), b"");
    }
}
