//! A machine's tensors under the names of other programs: which of a file's are W, b and a, and which way W lies.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::tensor_file::Reader;
use crate::error::{Error, Result};
use crate::models::Arrays;

/// What a user says of a file's tensors: `W=weights.T,b=vbias,a=hbias`.
///
/// Each of harmonium's names may stand once: `W`, one row per visible unit, `b`, the visible bias, and `a`, the hidden
/// one. `.T` behind a name turns the tensor.
///
/// ```
/// use harmonium::run::TensorNames;
/// let names: TensorNames = "W=weights.T,b=vbias".parse()?;
/// assert!("weights=W".parse::<TensorNames>().is_err());
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorNames(BTreeMap<String, String>);

impl FromStr for TensorNames {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: String| {
            let detail = format!(
                "{what}; expected harmonium's name = the file's, as W=weights.T,b=vbias,a=hbias"
            );
            Err(Error::setting("map", detail))
        };
        let mut names = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').map(|(own, other)| (own.trim(), other.trim())) {
                Some((own @ ("W" | "b" | "a"), other)) if !other.is_empty() => {
                    if names.insert(own.to_string(), other.to_string()).is_some() {
                        return refuse(format!("{own} stands twice"));
                    }
                }
                _ => return refuse(format!("'{pair}' names none of W, b and a")),
            }
        }
        Ok(TensorNames(names))
    }
}

impl TensorNames {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Which tensors of a file are a machine's.
#[derive(Debug, PartialEq)]
struct Found {
    /// The file's names of W, b and a.
    names: [String; 3],
    /// Whether its W has one row per hidden unit.
    turned: bool,
    /// What the user should be told.
    notice: Option<String>,
}

/// A machine's tensors by harmonium's names, and their names in the file.
pub(super) struct Taken {
    pub(super) tensors: Arrays,
    pub(super) names: Vec<String>,
}

/// Takes a machine's tensors out of a file that another program wrote.
///
/// # Errors
/// [`Error::File`], naming the tensor, for what cannot be told, and what [`Reader::tensor`] refuses.
pub(super) fn take(
    reader: &Reader<'_>,
    map: &TensorNames,
    notices: &mut Vec<String>,
) -> Result<Taken> {
    let Found { names, turned, notice } = find(&reader.shapes(), map)
        .map_err(|(name, detail)| Error::file(reader.path, format!("tensor {name}"), detail))?;
    let mut tensors = Arrays::new();
    for (own, name) in OWN.iter().zip(&names) {
        let Some(mut array) = reader.tensor(name, notices)? else { continue };
        match array.shape[..] {
            [rows, columns] if *own == "W" && turned => {
                array.values = transposed(&array.values, rows, columns);
                array.shape.reverse();
            }
            [1, n] | [n, 1] if *own != "W" => array.shape = vec![n],
            _ => {}
        }
        tensors.insert(own.to_string(), array);
    }
    notices.extend(notice.map(|notice| format!("{}: {notice}", reader.path.display())));
    Ok(Taken { tensors, names: names.to_vec() })
}

/// Where harmonium's tensors stand in [`Found::names`].
const OWN: [&str; 3] = ["W", "b", "a"];
const ROLES: [&str; 3] = ["the weights", "the visible bias", "the hidden bias"];

/// Names in other programs, in small letters and without what divides words. None is there that others use the other way
/// round.
const OTHERS: [&[&str]; 3] = [
    &["w", "weights", "weight", "components", "kernel", "weightmatrix", "wvh", "wmatrix"],
    &[
        "vbias",
        "visiblebias",
        "visiblebiases",
        "interceptvisible",
        "biasvisible",
        "biasv",
        "bv",
        "vb",
        "bvisible",
        "bvis",
        "visbias",
        "vbiases",
    ],
    &[
        "hbias",
        "hiddenbias",
        "hiddenbiases",
        "intercepthidden",
        "biashidden",
        "biash",
        "bh",
        "hb",
        "bhidden",
        "bhid",
        "hidbias",
        "hbiases",
    ],
];

/// The last word of `rbm.v_bias` as `vbias`.
fn plain(name: &str) -> String {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    last.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Finds a machine's tensors among those of a file, by their names and sizes.
///
/// # Errors
/// The tensor's name and what to say, for what cannot be told: never a guess.
fn find(
    shapes: &BTreeMap<String, Vec<usize>>,
    map: &TensorNames,
) -> std::result::Result<Found, (&'static str, String)> {
    let list = || {
        let each: Vec<String> =
            shapes.iter().map(|(name, dims)| format!("{name} {dims:?}")).collect();
        let more = if each.len() > 12 { " …" } else { "" };
        let first = each.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
        if each.is_empty() { "no tensor".to_string() } else { first + more }
    };
    let mut names: [Option<String>; 3] = Default::default();
    let mut turned_by_user = None;
    for (role, own) in OWN.iter().enumerate() {
        names[role] = match map.0.get(*own) {
            Some(asked) => {
                let stem = asked.strip_suffix(".T").filter(|_| !shapes.contains_key(asked));
                let name = stem.unwrap_or(asked);
                if !shapes.contains_key(name) {
                    return Err((
                        own,
                        format!("--map names '{name}', and the file holds {}", list()),
                    ));
                }
                if role == 0 {
                    turned_by_user = Some(stem.is_some());
                }
                Some(name.to_string())
            }
            None => by_name(shapes, role, map),
        };
    }
    let missing: Vec<usize> = (0..3).filter(|&role| names[role].is_none()).collect();
    let [Some(w), Some(b), Some(a)] = names else {
        let own = OWN[missing[0]];
        let roles: Vec<&str> = missing.iter().map(|&role| ROLES[role]).collect();
        let say: Vec<String> = missing.iter().map(|&role| format!("{}=NAME", OWN[role])).collect();
        let detail = format!(
            "missing; the file holds {}; say which is {}: --map {}",
            list(),
            roles.join(" and which "),
            say.join(",")
        );
        return Err((own, detail));
    };
    let [rows, columns] = shapes[&w][..] else {
        return Err((
            "W",
            format!("shape {:?}, expected [visible units, hidden units]", shapes[&w]),
        ));
    };
    let (visible, hidden) =
        (shapes[&b].iter().product::<usize>(), shapes[&a].iter().product::<usize>());
    let own = |name: &str, role: usize| name == OWN[role];
    // That b and a are meant so is known by names that say it, or by the user.
    let biases_known =
        (!own(&b, 1) || map.0.contains_key("b")) && (!own(&a, 2) || map.0.contains_key("a"));
    let fits = |turned: bool| {
        if turned {
            (rows, columns) == (hidden, visible)
        } else {
            (rows, columns) == (visible, hidden)
        }
    };
    let shown = format!("W {:?}, b {:?} and a {:?}", shapes[&w], shapes[&b], shapes[&a]);
    let turned = match turned_by_user {
        Some(turned) if fits(turned) || !fits(!turned) => turned,
        Some(turned) if biases_known || turned => {
            let other = if turned { w.clone() } else { format!("{w}.T") };
            return Err(("W", format!("{shown} do not fit together so; say --map W={other}")));
        }
        _ if fits(false) && fits(true) => match () {
            () if own(&w, 0) && own(&b, 1) && own(&a, 2) => false,
            // scikit-learn has one row per hidden unit.
            () if plain(&w) == "components" => true,
            () => {
                let detail = format!(
                    "{shown}: as many visible as hidden units, so it cannot be told which way {w} lies; say --map W={w} if \
                     it has one row per visible unit, --map W={w}.T if one per hidden unit (as PyTorch's layers)"
                );
                return Err(("W", detail));
            }
        },
        _ if fits(false) => false,
        _ if fits(true) && biases_known => true,
        _ if fits(true) => {
            let detail = format!(
                "{shown}: here b is the visible bias, a the hidden one, and W has one row per visible unit. Either the file's \
                 biases are the other way round (Hinton's guide calls the visible bias a): then say --map b={a},a={b}; or \
                 its W is transposed: then say --map W={w}.T. The sizes do not tell which"
            );
            return Err(("W", detail));
        }
        _ => false, // what is wrong with the sizes is said where they are checked
    };
    let plainly = own(&w, 0) && own(&b, 1) && own(&a, 2) && !turned;
    let turn = if turned { ", transposed" } else { "" };
    let notice = (!plainly)
        .then(|| format!("W is read from {w}{turn}, b (visible) from {b}, a (hidden) from {a}"));
    Ok(Found { names: [w, b, a], turned, notice })
}

/// The tensor that has harmonium's name, or the only one with another program's.
fn by_name(
    shapes: &BTreeMap<String, Vec<usize>>,
    role: usize,
    map: &TensorNames,
) -> Option<String> {
    // What the user gave away is not taken again.
    let given = |name: &&String| {
        map.0.values().any(|other| other == *name || other.strip_suffix(".T") == Some(name))
    };
    let free = || shapes.keys().filter(|name| !given(name));
    if let Some(own) = free().find(|name| *name == OWN[role]) {
        return Some(own.clone());
    }
    let mut others = free().filter(|name| OTHERS[role].contains(&plain(name).as_str()));
    match (others.next(), others.next()) {
        (Some(only), None) => Some(only.clone()),
        _ => None,
    }
}

/// A matrix the other way round.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| values[row * columns + column]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Found, find, transposed};

    fn look(shapes: &[(&str, &[usize])], map: &str) -> std::result::Result<Found, String> {
        let shapes: BTreeMap<String, Vec<usize>> =
            shapes.iter().map(|(name, dims)| (name.to_string(), dims.to_vec())).collect();
        find(&shapes, &map.parse().unwrap()).map_err(|(name, detail)| format!("{name}: {detail}"))
    }

    #[test]
    fn names_of_other_programs_are_known() {
        for (shapes, turned) in [
            ([("W", &[6, 3][..]), ("b", &[6]), ("a", &[3])], false),
            ([("weights", &[6, 3]), ("vbias", &[6]), ("hbias", &[3])], false),
            ([("W", &[3, 6]), ("v_bias", &[6]), ("h_bias", &[3])], true),
            ([("rbm.weight", &[3, 6]), ("rbm.v_bias", &[6]), ("rbm.h_bias", &[3])], true),
            (
                [
                    ("components_", &[3, 6]),
                    ("intercept_visible_", &[6]),
                    ("intercept_hidden_", &[3]),
                ],
                true,
            ),
            (
                [
                    ("components_", &[6, 6]),
                    ("intercept_visible_", &[6]),
                    ("intercept_hidden_", &[6]),
                ],
                true,
            ),
            ([("W", &[6, 6]), ("b", &[6]), ("a", &[6])], false),
            ([("weight_matrix", &[6, 3]), ("vbias", &[1, 6]), ("hbias", &[1, 3])], false),
        ] {
            let found = look(&shapes, "").unwrap();
            assert_eq!(found.names, shapes.map(|(name, _)| name), "{shapes:?}");
            assert_eq!(found.turned, turned, "{shapes:?}");
            assert_eq!(found.notice.is_none(), shapes[1].0 == "b", "{found:?}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_asked() {
        let hinton = [("W", &[6, 3][..]), ("a", &[6]), ("b", &[3])];
        let text = look(&hinton, "").unwrap_err();
        for part in ["--map b=a,a=b", "--map W=W.T", "visible bias"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let found = look(&hinton, "b=a,a=b").unwrap();
        assert_eq!((found.names, found.turned), (["W", "a", "b"].map(String::from), false));
        let found = look(&hinton, "W=W.T").unwrap();
        assert_eq!((found.names, found.turned), (["W", "b", "a"].map(String::from), true));

        let square = [("weight", &[6, 6][..]), ("v_bias", &[6]), ("h_bias", &[6])];
        let text = look(&square, "").unwrap_err();
        assert!(text.contains("--map W=weight.T") && text.contains("--map W=weight "), "{text}");
        assert!(!look(&square, "W=weight").unwrap().turned);
        assert!(look(&square, "W=weight.T").unwrap().turned);

        let odd = [("W", &[6, 3][..]), ("b", &[6]), ("c", &[3])];
        let text = look(&odd, "").unwrap_err();
        assert!(text.contains("c [3]") && text.contains("--map a=NAME"), "{text}");
        assert_eq!(look(&odd, "a=c").unwrap().names[2], "c");
        assert!(look(&odd, "a=d").unwrap_err().contains("'d'"));
        let text = look(&[("u", &[6, 3]), ("v", &[6]), ("w", &[3])], "W=u").unwrap_err();
        assert!(text.contains("--map b=NAME,a=NAME"), "{text}");
    }

    #[test]
    fn a_matrix_is_turned() {
        assert_eq!(
            transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
    }
}
