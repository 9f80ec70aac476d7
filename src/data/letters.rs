//! Handwritten words in Taskar's form, `letter.data`: a line a letter, with the word it belongs to and its fold.

use std::path::Path;

use super::cases::Cases;
use super::sequences::Sequences;
use super::set::ImageShape;
use super::values::Values;
use crate::error::{Error, Result};

/// A letter's picture.
const IMAGE: ImageShape = ImageShape { height: 16, width: 8 };
/// id, letter, id of the next one, word, position in the word, fold.
const BEFORE: usize = 6;
const PIXELS: usize = IMAGE.height * IMAGE.width;

/// What a line says besides the pixels.
struct Letter {
    letter: u32,
    next: i64,
    word: i64,
    position: i64,
    fold: u32,
}

/// Whether a text looks like letters: its first line begins with a number, a cell, and another number.
pub(super) fn are_in(text: &[u8]) -> bool {
    let Some(line) = text.split(|&byte| byte == b'\n').find(|line| !line.is_empty()) else {
        return true;
    };
    let cells: Vec<&[u8]> = line.splitn(4, |&byte| byte == b'\t').collect();
    let number = |at: usize| {
        let cell = cells.get(at).and_then(|cell| std::str::from_utf8(cell).ok());
        cell.is_some_and(|cell| cell.trim().parse::<i64>().is_ok())
    };
    number(0) && number(2)
}

/// Reads a file of letters.
pub(super) fn read(text: &[u8], path: &Path, name: &str) -> Result<Sequences> {
    let mut bits = Vec::new();
    let (mut labels, mut starts, mut folds) = (Vec::new(), Vec::new(), Vec::new());
    let mut last: Option<Letter> = None;
    let lines = text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    for (number, line) in lines {
        let wrong = |detail: String| Error::file(path, format!("line {}", number + 1), detail);
        let letter = letter(line, &mut bits).map_err(wrong)?;
        let begins = last.as_ref().is_none_or(|before| before.word != letter.word);
        if begins != (letter.position == 1) {
            let detail = format!(
                "letter {} of word {}, and the line before is of word {}: expected {}",
                letter.position,
                letter.word,
                last.as_ref().map_or("none".into(), |before| before.word.to_string()),
                if begins {
                    "the first letter of a word"
                } else {
                    "a letter that is not the first"
                }
            );
            return Err(wrong(detail));
        }
        if let Some(before) = last.as_ref().filter(|before| begins && before.next != -1) {
            let detail = format!(
                "word {} begins, and letter {} of word {} is not the last by its own line",
                letter.word, before.position, before.word
            );
            return Err(wrong(detail));
        }
        if let Some(before) = last.as_ref().filter(|_| !begins)
            && (letter.position != before.position + 1 || before.next == -1)
        {
            let detail = format!(
                "letter {} of word {} follows letter {}{}",
                letter.position,
                letter.word,
                before.position,
                if before.next == -1 { ", which its line calls the last" } else { "" }
            );
            return Err(wrong(detail));
        }
        if begins {
            starts.push(labels.len());
            folds.push(letter.fold);
        } else if folds.last() != Some(&letter.fold) {
            return Err(wrong(format!("word {} is in two folds", letter.word)));
        }
        labels.push(letter.letter);
        last = Some(letter);
    }
    if labels.is_empty() {
        return Err(Error::file(path, "byte 0", "there is no letter"));
    }
    starts.push(labels.len());
    let cases = Cases::new(Values::Bits(bits), labels.len(), PIXELS)?;
    let classes = ('a'..='z').map(String::from).collect();
    let sequences = Sequences::new(name, cases, starts)?;
    let (labels, folds, image) = (Some(labels), Some(folds), Some(IMAGE));
    Ok(Sequences { labels, folds, image, classes, ..sequences })
}

/// One line; its pixels come behind those of the lines before.
fn letter(line: &[u8], bits: &mut Vec<u8>) -> std::result::Result<Letter, String> {
    let cells: Vec<&[u8]> =
        line.strip_suffix(b"\t").unwrap_or(line).split(|&byte| byte == b'\t').collect();
    if cells.len() != BEFORE + PIXELS {
        return Err(format!(
            "{} values between tabs, expected {}: id, letter, next id, word, position, fold and {PIXELS} pixels, as in \
             letter.data",
            cells.len(),
            BEFORE + PIXELS
        ));
    }
    let number = |at: usize, what: &str| -> std::result::Result<i64, String> {
        let text = String::from_utf8_lossy(cells[at]);
        text.trim().parse().map_err(|_| format!("the {what} is '{text}', expected a whole number"))
    };
    let letter = match cells[1] {
        &[letter @ b'a'..=b'z'] => u32::from(letter - b'a'),
        other => {
            let found = String::from_utf8_lossy(other);
            return Err(format!("the letter is '{found}', expected one of a to z"));
        }
    };
    let fold = number(5, "fold")?;
    let fold =
        u32::try_from(fold).map_err(|_| format!("the fold is {fold}, expected 0 or more"))?;
    for (at, cell) in cells[BEFORE..].iter().enumerate() {
        bits.push(match *cell {
            [b'0'] => 0,
            [b'1'] => 1,
            other => {
                let found = String::from_utf8_lossy(other);
                return Err(format!("pixel {} is '{found}', expected 0 or 1", at + 1));
            }
        });
    }
    let [next, word, position] =
        [number(2, "next id")?, number(3, "word")?, number(4, "position")?];
    Ok(Letter { letter, next, word, position, fold })
}
