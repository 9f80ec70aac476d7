//! Words in pictures: a font of 5×7 dots, kept as `font.txt`, where a person can read and change it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use deunicode::deunicode;

use super::png_file::Picture;

/// Lines of characters; below each character its dots.
const FONT: &str = include_str!("font.txt");
/// Dots of a character, across; one more separates it from the next.
const DOTS: usize = 5;
/// From one character to the next, in dots.
pub const ADVANCE: usize = DOTS + 1;
/// Rows of a character without its descender, in dots.
pub const CAPITAL: usize = 7;
/// Rows of a character, in dots.
pub const HEIGHT: usize = 9;

/// Rows from the top; bit 4 is the dot on the left.
type Glyph = [u8; HEIGHT];
/// What stands for a character that the font does not have.
const UNKNOWN: Glyph = [0x1f, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1f, 0, 0];

/// Words in the font's own characters: letters that it lacks in Latin ones, as `Grosse` for `Größe`.
fn plain(text: &str) -> Cow<'_, str> {
    match text.chars().all(|c| glyph(c) != UNKNOWN) {
        true => text.into(),
        false => {
            let own = |c: char| match glyph(c) {
                UNKNOWN => Cow::from(deunicode(&c.to_string())),
                _ => c.to_string().into(),
            };
            text.chars().map(own).collect::<String>().into()
        }
    }
}

/// Pixels that a line takes across, with dots of `scale` pixels.
pub fn width(text: &str, scale: usize) -> usize {
    (plain(text).chars().count() * ADVANCE).saturating_sub(1) * scale
}

/// Writes a line; `x` and `y` are its top left corner. What lies outside the picture is cut off.
pub fn draw(
    picture: &mut Picture,
    (x, y): (usize, usize),
    scale: usize,
    colour: [u8; 3],
    text: &str,
) {
    for (at, c) in plain(text).chars().enumerate() {
        let left = x + at * ADVANCE * scale;
        for (row, dots) in glyph(c).iter().enumerate() {
            for dot in (0..DOTS).filter(|dot| dots >> (DOTS - 1 - dot) & 1 == 1) {
                picture.fill(left + dot * scale, y + row * scale, scale, scale, colour);
            }
        }
    }
}

/// The text, or its beginning and two dots where it has more than `most` characters.
pub fn shorten(text: &str, most: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= most {
        return text.to_string();
    }
    let kept: String = text.chars().take(most.saturating_sub(2)).collect();
    format!("{}..", kept.trim_end()).chars().take(most).collect()
}

/// Lines of at most `most` characters, broken at spaces where there are some.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in plain(text).split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            *line = shorten(word, most);
        } else if line.chars().count() + 1 + word.chars().count() <= most {
            *line = format!("{line} {word}");
        } else {
            lines.push(shorten(word, most));
        }
    }
    lines
}

/// Writes a line that is read from below; `x` and `y` are the top left corner of what it covers.
pub fn draw_upwards(
    picture: &mut Picture,
    (x, y): (usize, usize),
    scale: usize,
    colour: [u8; 3],
    text: &str,
) {
    let mut flat = Picture::new(width(text, scale), HEIGHT * scale, [0; 3]);
    draw(&mut flat, (0, 0), scale, [255; 3], text);
    for (at, _) in flat.pixels.iter().enumerate().filter(|(_, pixel)| **pixel == [255; 3]) {
        let (column, row) = (at % flat.width, at / flat.width);
        picture.fill(x + row, y + flat.width - 1 - column, 1, 1, colour);
    }
}

/// The colours of pages with words.
pub const INK: [u8; 3] = [24; 3];
/// Words of less weight.
pub const FAINT: [u8; 3] = [110; 3];
/// Behind everything.
pub const PAPER: [u8; 3] = [240; 3];
/// Behind headings.
pub const BAND: [u8; 3] = [52, 62, 82];

/// A picture that grows downwards as lines and rooms for drawings are added to it.
#[derive(Debug)]
pub struct Page {
    /// What is drawn so far.
    pub picture: Picture,
    /// Between the words and the sides.
    pub margin: usize,
}

impl Page {
    /// An empty page of some width.
    pub fn new(width: usize, margin: usize) -> Self {
        Page { picture: Picture::new(width, 0, PAPER), margin }
    }

    /// Pixels between the margins.
    pub fn inner(&self) -> usize {
        self.picture.width.saturating_sub(2 * self.margin)
    }

    /// Adds empty room and gives its first row.
    pub fn room(&mut self, height: usize) -> usize {
        let top = self.picture.height;
        self.picture.height += height;
        self.picture.pixels.resize(self.picture.width * self.picture.height, PAPER);
        top
    }

    /// Adds words, on as many lines as they need.
    pub fn words(&mut self, text: &str, scale: usize, colour: [u8; 3]) {
        for line in wrap(text, self.inner() / (ADVANCE * scale).max(1)) {
            let top = self.room((HEIGHT + 2) * scale);
            draw(&mut self.picture, (self.margin, top + scale), scale, colour, &line);
        }
    }

    /// Adds words on a dark band across the page.
    pub fn heading(&mut self, text: &str) {
        let (scale, width) = (2, self.picture.width);
        let line = shorten(text, self.inner() / (ADVANCE * scale));
        let top = self.room((HEIGHT + 5) * scale);
        self.picture.fill(0, top, width, (HEIGHT + 4) * scale, BAND);
        draw(&mut self.picture, (self.margin, top + 3 * scale), scale, [255; 3], &line);
    }
}

fn glyph(c: char) -> Glyph {
    static FONT_READ: OnceLock<HashMap<char, Glyph>> = OnceLock::new();
    let c = match c {
        '×' => 'x',
        '−' | '–' => '-',
        '→' => '>',
        c => c,
    };
    match c {
        c if c.is_whitespace() => [0; HEIGHT],
        c => FONT_READ.get_or_init(read).get(&c).copied().unwrap_or(UNKNOWN),
    }
}

fn read() -> HashMap<char, Glyph> {
    let mut glyphs = HashMap::new();
    for block in FONT.replace('\r', "").split("\n\n") {
        let mut lines = block.lines();
        let names: Vec<char> = lines.next().unwrap_or_default().chars().step_by(ADVANCE).collect();
        let mut read: Vec<Glyph> = vec![[0; HEIGHT]; names.len()];
        for (row, line) in lines.take(HEIGHT).enumerate() {
            for (column, dot) in line.chars().enumerate() {
                if let Some(glyph) = read.get_mut(column / ADVANCE)
                    && dot == '#'
                {
                    glyph[row] |= 1 << (DOTS - 1 - (column % ADVANCE).min(DOTS - 1));
                }
            }
        }
        glyphs.extend(names.into_iter().zip(read));
    }
    glyphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_ascii_has_a_form_of_its_own() {
        let mut seen = HashMap::new();
        for c in (33u8..127).map(char::from) {
            let glyph = glyph(c);
            assert!(glyph != UNKNOWN && glyph.iter().any(|row| *row != 0), "{c}");
            assert_eq!(seen.insert(glyph, c), None, "{c}");
        }
        assert_eq!((glyph(' '), glyph('ß')), ([0; HEIGHT], UNKNOWN));
        assert_eq!(plain("T-shirt × 2"), "T-shirt × 2");
        assert_eq!(
            [plain("Größe"), plain("Ёлка"), plain("é → 東")],
            ["Grosse", "Iolka", "e → Dong"]
        );
        assert_eq!((width("Größe", 1), shorten("Größe", 5)), (width("Grosse", 1), "Gro..".into()));
        assert_eq!(read().len(), 94);
        // As the file shows it.
        assert_eq!(glyph('F'), [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10, 0, 0]);
        assert_eq!(glyph('p')[7..], [0x10, 0x10]);
    }

    #[test]
    fn words_are_where_they_should_be() {
        let mut picture = Picture::new(40, 30, [0; 3]);
        draw(&mut picture, (3, 5), 2, [9; 3], "LL");
        let lit: usize = picture.pixels.iter().filter(|p| **p == [9; 3]).count();
        assert_eq!(lit, 2 * 11 * 4);
        // The second letter's upright, its first dot and the one before it.
        assert_eq!(picture.pixel(3 + 12, 5), Some([9; 3]));
        assert_eq!(picture.pixel(3 + 11, 5), Some([0; 3]));
        assert_eq!((width("LL", 2), width("", 3)), (22, 0));
        assert_eq!([shorten("abcdef", 6), shorten("abc def", 6)], ["abcdef", "abc.."]);
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("overlong x", 6), ["over..", "x"]);
    }
}
