//! What a file is, by its first bytes, and only where they do not tell by its name; and what one that is not read seems
//! to be. The one place that knows magic numbers.

/// How many first bytes are looked at: a tar archive's mark ends at byte 262.
pub(super) const LOOKED_AT: usize = 512;

/// The kinds of files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Idx,
    Npy,
    Npz,
    /// Numbers as text, whatever separates them.
    Text,
    /// Aligned sequences.
    Fasta,
    Png,
    Jpeg,
}

/// A mark, where it stands, and what it marks.
type Mark = (usize, &'static [u8], &'static str);

/// Formats of pictures that are not read; the advice is the same for all.
const PICTURES: [Mark; 8] = [
    (0, b"GIF8", "a GIF picture"),
    (0, b"BM", "a BMP picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (4, b"ftypheic", "a HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (0, b"qoif", "a QOI picture"),
];

const ZIP: &[u8] = b"PK\x03\x04";
const PNG: &[u8] = b"\x89PNG\r\n";
const JPEG: &[u8] = b"\xff\xd8\xff";
pub(super) const NPY: &[u8] = b"\x93NUMPY";

/// Everything else (of zip archives, those are told apart where it matters), with what to do.
const OTHERS: [Mark; 23] = [
    (0, ZIP, "a zip archive (.npz, PyTorch's .pt, a spreadsheet): unpack it first"),
    (0, b"\x89HDF", "an HDF5 file (.h5, Keras, MATLAB 7.3): np.save the array in it"),
    (0, b"MATLAB 5", "a MATLAB file: scipy.io.loadmat reads it; np.save the array in it"),
    (0, b"PAR1", "a Parquet file: pandas.read_parquet reads it; to_csv or np.save what is wanted"),
    (0, b"ARROW1", "an Arrow file: to_csv or np.save what is wanted"),
    (0, b"SQLite format 3", "an SQLite database: export the table as csv"),
    (0, b"\xd0\xcf\x11\xe0", "an old Excel file (.xls): save it as csv"),
    (0, b"BZh", "a bzip2 archive: unpack it first (bunzip2)"),
    (0, b"\xfd7zXZ", "an xz archive: unpack it first (unxz)"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first (unzstd)"),
    (0, b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (0, b"Rar!", "a RAR archive: unpack it first"),
    (0, b"\x1f\x9d", "a .Z archive: unpack it first (uncompress)"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (257, b"ustar", "a tar archive: unpack it first (tar -xf)"),
    (0, b"\x80\x02", "a Python pickle: load it in Python, and np.save the array in it"),
    (0, b"\x80\x03", "a Python pickle: load it in Python, and np.save the array in it"),
    (0, b"\x80\x04", "a Python pickle: load it in Python, and np.save the array in it"),
    (0, b"\x80\x05", "a Python pickle: load it in Python, and np.save the array in it"),
    (8, b"{\"", "a safetensors file: a model, not data"),
    (0, b"%PDF", "a PDF"),
    (0, b"RIFF", "a sound or a film"),
    (0, b"\x7fELF", "a program"),
];

/// What is read, in one breath.
pub(super) const READ: &str =
    "idx, .npy, .npz, .csv, aligned .fasta (each plain or .gz), .png and .jpg";

/// What a file is. `name` is its own, without folders; `start` are its first bytes, unpacked.
///
/// # Errors
/// What it seems to be, and what to do.
pub(super) fn of(name: &str, start: &[u8]) -> Result<Kind, String> {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let extension = stem.rsplit_once('.').map_or("", |(_, extension)| extension);
    match start {
        s if s.starts_with(NPY) => return Ok(Kind::Npy),
        s if s.starts_with(PNG) => return Ok(Kind::Png),
        s if s.starts_with(JPEG) => return Ok(Kind::Jpeg),
        s if s.starts_with(ZIP) => return zip(extension, s),
        [0, 0, 0x08 | 0x09 | 0x0b..=0x0e, rank, ..] if *rank > 0 => return Ok(Kind::Idx),
        _ => {}
    }
    if let Some(what) = seems(start) {
        return Err(format!("this seems to be {what}"));
    }
    match extension {
        "npy" => Ok(Kind::Npy),
        "npz" => Ok(Kind::Npz),
        "png" => Ok(Kind::Png),
        "jpg" | "jpeg" => Ok(Kind::Jpeg),
        "csv" | "tsv" | "amat" => Ok(Kind::Text),
        "fasta" | "fa" | "fas" | "afa" | "faa" | "fna" | "a2m" | "a3m" => Ok(Kind::Fasta),
        _ if start.first() == Some(&b'>') && is_text(start) => Ok(Kind::Fasta),
        _ if stem.ends_with("ubyte") || extension.starts_with("idx") => Ok(Kind::Idx),
        _ if has_numbers(start) => Ok(Kind::Text),
        _ if start.is_empty() => Err("the file is empty".into()),
        _ if is_text(start) => Err(format!(
            "this seems to be text, and its first lines hold no numbers; {READ} are read"
        )),
        _ => {
            let first = &start[..start.len().min(6)];
            Err(format!(
                "neither its name nor its first bytes ({first:02x?}) are those of a data file; expected {READ}"
            ))
        }
    }
}

/// A zip archive is .npz if its first member is an array; a `.npz` may hold others, of which its reader tells.
fn zip(extension: &str, start: &[u8]) -> Result<Kind, String> {
    let length = start.get(26..28).map_or(0, |n| usize::from(u16::from_le_bytes([n[0], n[1]])));
    let first = start.get(30..30 + length).map(String::from_utf8_lossy).unwrap_or_default();
    let what = match extension {
        "npz" => return Ok(Kind::Npz),
        _ if first.ends_with(".npy") => return Ok(Kind::Npz),
        "xlsx" | "ods" => "a spreadsheet: save it as csv",
        "pt" | "pth" => "a PyTorch file: np.save the array in it",
        _ if first.starts_with("xl/") || first.starts_with("[Content_Types]") => {
            "a spreadsheet or document of an office program: save it as csv"
        }
        _ if first.ends_with("data.pkl") => "a PyTorch file: np.save the array in it",
        _ => "a zip archive: unpack it first (unzip)",
    };
    Err(format!("this seems to be {what}"))
}

/// What a file seems to be that is not read as data, and what to do with it.
pub(crate) fn seems(start: &[u8]) -> Option<String> {
    if is_text(start) {
        return seems_text(&String::from_utf8_lossy(start)).map(String::from);
    }
    let marked = |(at, mark, _): &&Mark| start.get(*at..).is_some_and(|s| s.starts_with(mark));
    if let Some((_, _, what)) = PICTURES.iter().find(marked) {
        return Some(format!("{what}: convert it to PNG first"));
    }
    OTHERS.iter().find(marked).map(|(_, _, what)| (*what).into())
}

/// The same of a text, where marks would be words that a table may begin with.
fn seems_text(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let netpbm = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next() == Some(b'p')
            && bytes.next().is_some_and(|b| (b'1'..=b'6').contains(&b))
            && bytes.next().is_some_and(|b| b.is_ascii_whitespace())
    };
    Some(
        if text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<?xml") {
            "a web page (a download that failed ends so): fetch the file itself"
        } else if text.starts_with("@relation") {
            "an ARFF file (Weka): save it as csv"
        } else if text.starts_with('{') || text.starts_with("[{") || text.starts_with("[[") {
            "JSON: np.save the numbers in it, or save them as csv"
        } else if text.starts_with("version https://git-lfs") {
            "a pointer of git-lfs, not the file itself: git lfs pull fetches it"
        } else if text.starts_with("%pdf") {
            "a PDF"
        } else if netpbm(&text) {
            "a PGM or PPM picture: convert it to PNG first"
        } else if is_svmlight(&text) {
            "svmlight/libsvm text (index:value): sklearn.datasets.load_svmlight_file reads it; np.save the array"
        } else {
            return None;
        },
    )
}

/// `7 1:0.5 12:1`.
fn is_svmlight(text: &str) -> bool {
    let mut words = text.lines().next().unwrap_or("").split_ascii_whitespace();
    let label = words.next().is_some_and(|word| word.parse::<f32>().is_ok());
    let pair = |word: &str| {
        word.split_once(':').is_some_and(|(index, value)| {
            index.parse::<u32>().is_ok() && value.parse::<f32>().is_ok()
        })
    };
    // The last word may be cut off by the end of what is looked at.
    label && words.next().is_some_and(pair)
}

/// Whether these bytes can be text: no control characters but for white space, or UTF-16 with its mark.
fn is_text(start: &[u8]) -> bool {
    is_utf16(start)
        || (!start.is_empty()
            && start.iter().all(|&b| b >= 0x20 || matches!(b, b'\t' | b'\n' | b'\r' | 0x0c)))
}

/// The byte order mark of UTF-16.
pub(super) fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff")
}

/// Whether one of the first lines of a text has a cell that is a number.
fn has_numbers(start: &[u8]) -> bool {
    if !is_text(start) {
        return false;
    }
    let ascii: Vec<u8> = start.iter().copied().filter(|&b| b != 0 && b < 0x80).collect();
    let text = String::from_utf8_lossy(&ascii);
    let separators = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ';' | '|' | '"');
    text.lines().take(3).any(|line| line.split(separators).any(|cell| cell.parse::<f32>().is_ok()))
}
