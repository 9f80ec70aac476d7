//! No reader panics, hangs or believes a header, whatever the bytes.

use std::sync::LazyLock;

use harmonium::data::{DataSet, Values};
use proptest::prelude::*;

use super::{Folder, dictionary, gzip, idx, load, npy};

const NAMES: [&str; 6] = ["a-ubyte", "a-ubyte.gz", "a.npy", "a.csv", "a.idx", "unnamed"];

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

/// Valid files of every format, each with its name.
fn valid() -> Vec<(&'static str, Vec<u8>)> {
    let pixels: Vec<u8> = (0..60).map(|i| i * 4).collect();
    let floats: Vec<u8> = (0..12).flat_map(|i| (i as f32 * 0.3).to_le_bytes()).collect();
    let doubles: Vec<u8> = (0..12).flat_map(|i| (f64::from(i) * 0.3).to_be_bytes()).collect();
    vec![
        ("v-ubyte", idx(8, &[5, 3, 4], &pixels)),
        ("v.gz", gzip(&idx(8, &[5, 3, 4], &pixels))),
        ("v.idx", idx(0x0e, &[3, 4], &doubles)),
        ("v.npy", npy(&dictionary("|u1", true, "(5, 3, 4)"), &pixels)),
        ("w.npy", npy(&dictionary("<f4", false, "(3, 4)"), &floats)),
        ("v.npy.gz", gzip(&npy(&dictionary("<f4", false, "(3, 4)"), &floats))),
        ("v.csv", b"a,b,c\n1,2,3\n0.5,1e-3,-7\n\"3\",4,5\n".to_vec()),
    ]
}

/// Reads the bytes under a name; what is accepted must be sound.
fn check(name: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    // One file per thread and test: the tests of this binary run side by side.
    let path = FOLDER.write(&format!("{:?}-{name}", std::thread::current().id()), bytes);
    if let Ok(splits) = load(&path) {
        let DataSet { cases, image, .. } = splits.train;
        prop_assert!(!cases.is_empty() && cases.width() > 0);
        prop_assert_eq!(cases.values().len(), cases.len() * cases.width());
        // A file cannot hold more than its bytes can: deflate's limit for the gzipped ones.
        prop_assert!(cases.values().len() <= bytes.len() * 1032);
        prop_assert!(image.is_none_or(|i| i.height * i.width == cases.width()));
        if let Values::F32(v) = cases.values() {
            prop_assert!(v.iter().all(|x| x.is_finite()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), name in 0..NAMES.len()) {
        check(NAMES[name], &bytes)?;
    }

    #[test]
    fn arbitrary_bytes_after_a_magic_number(bytes in prop::collection::vec(any::<u8>(), 0..200), which in 0..5usize) {
        let magic: &[u8] = [&[0, 0, 8, 2][..], &[0, 0, 13, 1], b"\x93NUMPY\x01\x00", b"1,2\n", &[0x1f, 0x8b, 8, 0]][which];
        check(["m-ubyte", "m.idx", "m.npy", "m.csv", "m.gz"][which], &[magic, &bytes].concat())?;
    }

    #[test]
    fn arbitrary_dictionaries(text in "[{}\\[\\]()'a-f:, 0-9TrueFalsshpdcotn_<|u1L-]{0,120}") {
        check("d.npy", &npy(&text, &[0; 16]))?;
    }

    #[test]
    fn arbitrary_text(text in "[-0-9.eE,\n\r \"a]{0,120}") {
        check("t.csv", text.as_bytes())?;
    }

    #[test]
    fn truncated_files(which in 0..7usize, at: prop::sample::Index) {
        let (name, bytes) = valid().swap_remove(which);
        let cut = at.index(bytes.len());
        check(name, &bytes[..cut])?;
        // Only a csv can lose its end without notice.
        if name != "v.csv" {
            let path = FOLDER.write(&format!("{:?}-cut-{name}", std::thread::current().id()), &bytes[..cut]);
            prop_assert!(load(&path).is_err(), "{} of {} bytes of {} were accepted", cut, bytes.len(), name);
        }
    }

    #[test]
    fn mutated_files(which in 0..7usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let (name, mut bytes) = valid().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(name, &bytes)?;
    }
}

#[test]
fn the_valid_files_are_valid() {
    for (name, bytes) in valid() {
        let path = FOLDER.write(&format!("whole-{name}"), bytes);
        assert_eq!(load(&path).map(|s| s.train.cases.is_empty()).ok(), Some(false), "{name}");
    }
}
