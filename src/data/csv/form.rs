//! How a table is written: which separator, which decimal mark, what stands before the first line of cells.

/// The form of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Form {
    /// Between two cells.
    pub separator: u8,
    /// Whether `0,5` is a half.
    pub decimal_comma: bool,
    /// Whether runs of blanks stood where the separator, a tab, stands now.
    pub blanks: bool,
}

/// How many lines are looked at.
const LOOKED_AT: usize = 20;

/// Finds the form, and makes the text a plain table: Excel's `sep=;` becomes an empty line, names after a `#` a first
/// line, and runs of blanks one tab.
pub(super) fn find(text: &mut Vec<u8>) -> Form {
    let hint = take_hint(text);
    blank_remarks(text);
    let lines: Vec<&[u8]> = sample(text).collect();
    let separator = hint.unwrap_or_else(|| separator(&lines));
    if separator == b' ' {
        let tabs = blanks_to_tabs(text);
        *text = tabs;
        return Form {
            separator: b'\t',
            decimal_comma: has_decimal_commas(&sample(text).collect::<Vec<_>>(), b'\t'),
            blanks: true,
        };
    }
    let decimal_comma = has_decimal_commas(&lines, separator);
    Form { separator, decimal_comma, blanks: false }
}

/// The first lines that are not empty.
fn sample(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).take(LOOKED_AT)
}

/// `sep=;` on the first line.
fn take_hint(text: &mut [u8]) -> Option<u8> {
    let end = text.iter().position(|&b| b == b'\n')?;
    let line = text[..end].trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")).unwrap_or(line);
    let (word, rest) = line.split_at_checked(4)?;
    let separator = match rest {
        [] => b'\t', // the tab was white space at the line's end
        [one] => *one,
        b"\\t" => b'\t',
        _ => return None,
    };
    if !word.eq_ignore_ascii_case(b"sep=") {
        return None;
    }
    text[..end].fill(b' ');
    Some(separator)
}

/// Lines before the numbers that begin with `#` are remarks; the last of them holds the columns' names, as NumPy writes
/// them, if it has as many cells.
fn blank_remarks(text: &mut [u8]) {
    let (mut begin, mut remarks) = (0, Vec::new());
    let mut cells_of_data = (b',', 0);
    for line in text.split(|&b| b == b'\n') {
        let trimmed = line.trim_ascii();
        // Excel writes #N/A for what is missing.
        let remark = trimmed.starts_with(b"#") && !trimmed.starts_with(b"#N/A");
        if remark {
            remarks.push(begin..begin + line.len());
        } else if !trimmed.is_empty() {
            let separator = separator(&[trimmed]);
            cells_of_data = (separator, cells(trimmed, separator));
            break;
        }
        begin += line.len() + 1;
    }
    let (separator, count) = cells_of_data;
    if let Some(last) = remarks.last().cloned() {
        let at = last.start + text[last.clone()].iter().position(|&b| b == b'#').unwrap_or(0);
        if count > 1 && cells(text[at + 1..last.end].trim_ascii(), separator) == count {
            remarks.pop();
            text[at] = b' ';
        }
    }
    remarks.into_iter().for_each(|remark| text[remark].fill(b' '));
}

fn cells(line: &[u8], separator: u8) -> usize {
    match separator {
        b' ' => line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty()).count(),
        other => count(line, other) + 1,
    }
}

/// How often a separator stands in a line, outside of quotes.
fn count(line: &[u8], separator: u8) -> usize {
    let mut quoted = false;
    let separates = |&&b: &&u8| {
        quoted ^= b == b'"';
        b == separator && !quoted
    };
    line.iter().filter(separates).count()
}

/// What separates cells: what stands in most lines; a comma last, since it may be a decimal mark; blanks if nothing else
/// does.
fn separator(lines: &[&[u8]]) -> u8 {
    let having = |separator: u8| lines.iter().filter(|line| count(line, separator) > 0).count();
    let mut best = (b',', having(b','));
    for separator in [b'|', b'\t', b';'] {
        // Every line, since one of these in a few lines is a mistake in a table of commas.
        if having(separator) >= best.1.max(1) && having(separator) == lines.len() {
            best = (separator, having(separator));
        }
    }
    let blank = |line: &&&[u8]| line.iter().any(u8::is_ascii_whitespace);
    match best.1 {
        0 if lines.iter().filter(blank).count() > 0 => b' ',
        // `0,5 1,25`: each comma stands between digits, and blanks divide the line.
        _ if best.0 == b',' && lines.iter().all(|line| blank(&line) && only_decimals(line)) => b' ',
        _ => best.0,
    }
}

/// Whether the words of a line are numbers with at most one comma each, and one has one.
fn only_decimals(line: &[u8]) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    line.contains(&b',') && words.all(|word| is_decimal(word) || number(word, false).is_some())
}

/// `-0,5`.
fn is_decimal(cell: &[u8]) -> bool {
    cell.iter().filter(|&&b| b == b',').count() == 1
        && cell.last().is_some_and(u8::is_ascii_digit)
        && number(cell, true).is_some()
}

/// Where cells are not separated by commas: whether one is a number with a comma.
fn has_decimal_commas(lines: &[&[u8]], separator: u8) -> bool {
    let decimal = |cell: &[u8]| is_decimal(unquoted(cell.trim_ascii()));
    separator != b',' && lines.iter().any(|line| line.split(|&b| b == separator).any(decimal))
}

/// Without the quotes around it.
pub(super) fn unquoted(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
}

/// Runs of blanks as one tab.
pub(super) fn blanks_to_tabs(text: &[u8]) -> Vec<u8> {
    let mut tabs = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&b| b == b'\n') {
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for (i, word) in words.enumerate() {
            if i > 0 {
                tabs.push(b'\t');
            }
            tabs.extend(word);
        }
        tabs.push(b'\n');
    }
    tabs
}

/// A cell as a number, which need not be finite.
pub(super) fn number(cell: &[u8], decimal_comma: bool) -> Option<f32> {
    let text = std::str::from_utf8(cell).ok()?;
    match decimal_comma && text.contains(',') {
        true => text.replacen(',', ".", 1).parse().ok(),
        false => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn forms() {
        for (text, separator, decimal_comma, table) in [
            ("1,2\n3,4\n", b',', false, "1,2\n3,4\n"),
            ("a;b\n1;2\n", b';', false, "a;b\n1;2\n"),
            ("0,5;1,25\n1;2\n", b';', true, "0,5;1,25\n1;2\n"),
            ("1\t2\n3\t4\n", b'\t', false, "1\t2\n3\t4\n"),
            ("1|2\n", b'|', false, "1|2\n"),
            (" 1   2 \n3 4\n", b'\t', false, "1\t2\n3\t4\n"),
            ("0,5 1,25\n1 2,5\n", b'\t', true, "0,5\t1,25\n1\t2,5\n"),
            ("0.25, 0.5 ,1\n", b',', false, "0.25, 0.5 ,1\n"),
            ("sep=;\n1;2\n", b';', false, "     \n1;2\n"),
            ("sep=,\n1,2\n", b',', false, "     \n1,2\n"),
            ("# made by hand\n# a,b\n1,2\n", b',', false, "              \n  a,b\n1,2\n"),
            ("# a b\n1 2\n", b'\t', false, "a\tb\n1\t2\n"),
            ("\"a;b\",c\n1,2\n", b',', false, "\"a;b\",c\n1,2\n"),
            ("1,2\n3,4;5\n", b',', false, "1,2\n3,4;5\n"),
            ("1\n2\n", b',', false, "1\n2\n"),
        ] {
            let mut found = text.as_bytes().to_vec();
            let form = find(&mut found);
            assert_eq!(
                (form.separator, form.decimal_comma),
                (separator, decimal_comma),
                "{text:?}"
            );
            assert_eq!(String::from_utf8(found).unwrap(), table, "{text:?}");
        }
    }
}
