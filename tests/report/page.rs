//! The page of one run.

use std::fs;
use std::path::Path;

use harmonium::run::curves::significant;
use harmonium::run::png_file::Picture;

use super::{assert_well_formed, copy, fail, runs, succeed};

pub fn read(run: &Path) -> String {
    let html = fs::read_to_string(run.join("report.html")).unwrap();
    assert_well_formed(&html);
    html
}

/// The pictures of one section, decoded.
pub fn pictures(html: &str, section: &str) -> Vec<Picture> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.png");
    let start = html.find(&format!("<section id=\"{section}\">")).unwrap();
    let section = &html[start..start + html[start..].find("</section>").unwrap()];
    let decode = |part: &str| {
        fs::write(&path, base64(part.split('"').next().unwrap())).unwrap();
        let picture = Picture::load(&path).unwrap();
        assert!(part.contains(&format!("width=\"{}\"", picture.width)));
        assert!(part.split_once("alt=\"").is_some_and(|(_, alt)| !alt.starts_with('"')));
        let first = picture.pixels[0];
        assert!(picture.pixels.iter().any(|p| *p != first), "a blank picture");
        picture
    };
    section.split("base64,").skip(1).map(decode).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0);
    let mut out = Vec::new();
    for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
        let digit = |c: &u8| alphabet.iter().position(|a| a == c).unwrap() as u32;
        let word = chunk.iter().fold(0, |word, c| word << 6 | digit(c)) << (6 * (4 - chunk.len()));
        out.extend(&word.to_be_bytes()[1..chunk.len()]);
    }
    out
}

#[test]
fn it_has_every_section_and_real_pictures() {
    let html = read(&runs().join("one"));
    for id in ["likelihoods", "scores", "curves", "filters", "reconstructions", "samples"] {
        assert!(html.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
    for text in [
        "id=\"configuration\"",
        "id=\"device\"",
        "CD-1, 40 epochs",
        "Weight norm",
        "Hidden activity",
        "Hidden activations",
        "Use of hidden units",
        "Free-energy gap",
        "Not evaluated yet",
        "prefers-color-scheme:dark",
        "width=device-width",
        "100 Gibbs steps",
        "(+900)",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let filters = pictures(&html, "filters");
    assert_eq!(filters.len(), 12);
    assert!(filters.iter().all(|f| (f.width, f.height) == (8, 8)));
    assert_eq!(pictures(&html, "reconstructions").len(), 1);
    assert_eq!(pictures(&html, "samples").len(), 4);
}

#[test]
fn filters_come_by_use() {
    let html = read(&runs().join("one"));
    let uses: Vec<f64> = html
        .split("mean activity ")
        .skip(1)
        .map(|part| part.split('"').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(uses.len(), 12);
    assert!(uses.is_sorted_by(|a, b| a >= b) && uses[0] > uses[11], "{uses:?}");
    let lines = fs::read_to_string(runs().join("one/metrics.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let mean = uses.iter().sum::<f64>() / 12.0;
    // The probe has 500 cases, the report all 900.
    assert!((mean - last["hidden_activity"].as_f64().unwrap()).abs() < 0.02, "{mean} {last}");
    assert!(last["weight_norm"].as_f64().unwrap() > 0.1, "{last}");
}

#[test]
fn its_numbers_are_those_of_the_files() {
    let (folder, run) = copy();
    let eval = r#"{"log_partition": 41.52341, "log_partition_method": "ais",
        "log_partition_std_error": 0.0213, "log_partition_interval": [41.45, 41.61],
        "log_partition_reverse": 43.9312, "log_partition_reverse_std_error": 0.05,
        "mean_log_likelihood": -15.91234, "mean_log_likelihood_std_error": 0.2144,
        "pseudo_log_likelihood": -8.5127, "reconstruction_error": 0.7514, "cases": 297,
        "trusted": false, "data": "<i>", "split": "test"}"#;
    fs::write(run.join("eval.json"), eval).unwrap();
    succeed(folder.path(), &["report", "one", "--device", "cpu"]);
    let html = read(&run);
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    for key in [
        "reconstruction_error",
        "validation_reconstruction_error",
        "test_reconstruction_error",
        "pseudo_log_likelihood",
        "free_energy_gap",
        "weight_norm",
        "hidden_activity",
        "seconds",
    ] {
        let value = summary[key].as_f64().unwrap();
        let cell = format!("<td>{}</td>", significant(value, 5));
        assert!(html.contains(&cell), "{key} {cell}");
        let shown: f64 = significant(value, 5).parse().unwrap();
        assert!((shown - value).abs() <= 1e-4 * value.abs(), "{shown} {value}");
    }
    for text in [
        "<td>41.523 ± 0.0213</td>",
        "<td>43.931 ± 0.05</td>",
        "<td>-15.912 ± 0.2144</td>",
        "41.45 to 41.61",
        "neither is to be trusted",
        "297 cases of &lt;i&gt; (test)",
        // −15.91234 + 41.52341 less 41.61, 41.45 and 43.9312.
        "-15.999 to -15.839",
        "expectation: -18.32",
        "log-likelihood -15.912 nats per case (AIS log Z)",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let exact =
        eval.replace("\"ais\"", "\"exact\"").replace("0.0213", "0").replace("false", "null");
    fs::write(run.join("eval.json"), exact).unwrap();
    succeed(folder.path(), &["report", "one", "--device", "cpu"]);
    let html = read(&run);
    assert!(html.contains("<td>41.523</td>") && html.contains("By enumeration: exact"));
    assert!(!html.contains("to be trusted"));
    fs::write(run.join("eval.json"), "{").unwrap();
    assert!(fail(folder.path(), &["report", "one"], 1).contains("eval.json"));
}

#[test]
fn again_it_is_the_same() {
    let (folder, run) = copy();
    let first = read(&run);
    fs::remove_file(run.join("report.html")).unwrap();
    let out = succeed(folder.path(), &["report", "one", "--device", "cpu"]);
    assert_eq!(out.replace('\\', "/"), "report: one/report.html\n");
    assert!(read(&run) == first);
}

#[test]
fn names_are_escaped_and_missing_data_are_said() {
    let (folder, run) = copy();
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let hostile = "data = \"<script>alert('1')</script>&x\"";
    fs::write(run.join("config.toml"), config.replace("data = \"digits\"", hostile)).unwrap();
    let named = folder.path().join("<b>&\"");
    fs::rename(&run, &named).unwrap();
    succeed(&named, &["report", ".", "--device", "cpu"]);
    let html = read(&named);
    assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;x"));
    assert!(html.contains("<h1>&lt;b&gt;&amp;&quot;</h1>"));
    assert!(html.contains("Reconstructions are left out: the data are not at hand"));
    assert!(html.contains("sorted by their norm") && !html.contains("Hidden activations"));
    assert_eq!((pictures(&html, "filters").len(), pictures(&html, "samples").len()), (12, 4));
    assert!(pictures(&html, "reconstructions").is_empty());
}

#[test]
fn other_data_under_the_same_name_are_not_used() {
    let (folder, run) = copy();
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    fs::write(run.join("config.toml"), config.replace("limit = 1000", "limit = 800")).unwrap();
    succeed(folder.path(), &["report", "one", "--device", "cpu"]);
    assert!(read(&run).contains("they have changed: 720 training cases, 900 in the run"));
}

#[test]
fn what_is_no_finished_run_is_refused() {
    let (folder, run) = copy();
    let report = |name| fail(folder.path(), &["report", name], 1);
    assert!(report("none").contains("none does not exist"));
    assert!(report("one/config.toml").contains("is a file; give a run folder"));
    assert!(report(".").contains("it is not a run folder"));
    fs::remove_file(run.join("summary.json")).unwrap();
    assert!(report("one").contains("training did not finish"));
    fs::remove_file(run.join("model.safetensors")).unwrap();
    assert!(report("one").contains("training did not finish"));
}
