//! Folders of pictures as people have them: several sizes, other formats, classes that nobody needs.

use std::fs;
use std::path::Path;

use harmonium::run::png_file::write_grey_png;

use super::{say, temporary, text};

/// A bright bar, across in the first class and along in the second.
fn bar(side: usize, class: usize) -> Vec<u8> {
    let pixel = |k: usize| {
        let at = if class == 0 { k / side } else { k % side };
        if (side / 3..side / 2).contains(&at) { 220 } else { (k * 7 % 40) as u8 }
    };
    (0..side * side).map(pixel).collect()
}

fn picture(path: &Path, side: usize, class: usize) {
    write_grey_png(path, side, side, &bar(side, class)).unwrap();
}

fn zoo(at: &Path, classes: [&str; 2]) {
    for (class, name) in classes.iter().enumerate() {
        fs::create_dir_all(at.join(name)).unwrap();
        for i in 0..8 {
            picture(&at.join(name).join(format!("{i}.png")), 28, class);
        }
    }
}

#[test]
fn pictures_of_a_folder() {
    let folder = temporary();
    let at = folder.path();
    zoo(&at.join("zoo"), ["cat", "dog"]);
    say(at, "train lenet5-modern --data zoo --epochs 1 --validation 0 --out net").done();

    // A picture's prediction is the same alone and among pictures of another size.
    fs::create_dir(at.join("mixed")).unwrap();
    for i in 0..4 {
        picture(&at.join(format!("mixed/small {i}.png")), 10, i % 2);
    }
    picture(&at.join("mixed/large.png"), 50, 1);
    let said = say(at, "predict net --data mixed --out p.csv").done();
    assert!(said.err.contains("of 2 sizes, each brought to the model's 28×28"), "{}", said.err);
    let table = text(at.join("p.csv"));
    let line = |wanted: &str| {
        let found = table.lines().find(|line| line.split(',').nth(1) == Some(wanted));
        let cells = found.unwrap_or_else(|| panic!("{wanted} is not in {table}")).split(',');
        cells.skip(2).map(String::from).collect::<Vec<_>>()
    };
    assert!(table.starts_with("case,file,predicted,p(cat),p(dog)\n"), "{table}");
    for name in ["large.png", "small 0.png", "small 1.png"] {
        fs::copy(at.join("mixed").join(name), at.join("one.png")).unwrap();
        say(at, "predict net --data one.png --out one.csv").done();
        let alone = text(at.join("one.csv"));
        let cells: Vec<&str> = alone.lines().nth(1).unwrap().split(',').skip(1).collect();
        assert_eq!(line(name), cells, "{name}");
    }
    let printed = say(at, "predict net --data mixed --limit 2").done().out;
    assert!(printed.contains("0,large.png,") && printed.contains("1,small 0.png,"), "{printed}");

    // Classes that the network does not know are refused, unless nobody asks for them.
    zoo(&at.join("wild"), ["lynx", "wolf"]);
    say(at, "predict net --data wild").refused(1, &["has the label lynx"]);
    for command in ["predict net --out w.csv", "transform net --out w.npy"] {
        let said = say(at, &format!("{command} --data wild --labels none")).done();
        assert!(!said.err.contains("whose folders name"), "{}", said.err);
    }
    let table = text(at.join("w.csv"));
    assert!(table.starts_with("case,file,predicted,p(cat)"), "{table}");
    let second = table.lines().nth(2).unwrap();
    assert_eq!(second.split(',').nth(1).map(|s| s.replace('\\', "/")), Some("wolf/0.png".into()));

    // What is left out is said.
    fs::create_dir(at.join("wild/empty")).unwrap();
    for name in ["lynx/a.bmp", "wolf/b.gif", "wolf/c.WEBP"] {
        fs::write(at.join("wild").join(name), "no picture").unwrap();
    }
    let said = say(at, "predict net --data wild --labels none --out w.csv").done().err;
    assert!(said.contains("3 pictures of kinds that are not read are left out"), "{said}");
    assert!(said.contains("a.bmp, b.gif, c.WEBP"), "{said}");
    assert!(!said.contains("beside the folders"), "{said}");
    picture(&at.join("wild/loose.png"), 28, 0);
    let said = say(at, "predict net --data wild --labels none --out w.csv").done().err;
    assert!(
        said.contains("1 picture beside the folders of the classes is left out (loose.png)"),
        "{said}"
    );
    assert!(
        said.contains("1 folder has no picture that is read, and is no class: empty"),
        "{said}"
    );
    fs::write(at.join("mixed/d.tif"), "no picture").unwrap();
    let said = say(at, "predict net --data mixed --out p.csv").done().err;
    assert!(said.contains("1 picture of a kind that is not read is left out (d.tif)"), "{said}");
}
