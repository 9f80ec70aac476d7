//! `harmonium filter`: a kernel slid over a picture.

use std::path::Path;

use super::args::{FilterOptions, Padding};
use super::open_device;
use super::print::{count, out, tell};
use super::targets::{Format, tell_replaced};
use crate::data::{Image, ImageShape, read_array};
use crate::error::{Error, Result};
use crate::models::filters::{Edges, FilterBank, FilterMaps, NAMES};
use crate::run::{npy, pictures};

pub fn run(options: &FilterOptions) -> Result<()> {
    let kernels = Path::new(&options.filter);
    let reads = [("filter", Some(options.input.as_path())), ("filter", Some(kernels))];
    let format = Format::of(&options.out, true, &reads)?;
    let mut bank = bank(&options.filter)?;
    let image = Image::load(&options.input)?;
    let note = |text: &String| tell(format_args!("note: {text}"));
    image.notices.iter().for_each(note);
    if options.normalize {
        bank.normalize()?.iter().for_each(note);
    }
    // Sobel's two kernels make one map; of a user's bank each makes its own.
    let gradient = options.filter == "sobel";
    let several = bank.count() > 1 && !gradient;
    let input = match several && image.channels > 1 {
        true => {
            tell("note: the kernels see the brightness of the colour picture, one map each");
            image.luma()
        }
        false => image.values,
    };
    let edges = match options.padding {
        Padding::Valid => Edges::Valid,
        Padding::Same => Edges::Same,
    };
    let device = open_device(&options.device.device, &options.device.policy)?;
    let maps = bank.apply(&device, &input, image.shape, edges).map_err(|e| match e {
        Error::Shape { detail, .. } => Error::file(&options.input, "picture", detail),
        e => e,
    })?;
    let maps = if gradient { maps.magnitude() } else { maps };
    tell_replaced(&options.out);
    match format {
        Format::Npy => {
            let ImageShape { height, width } = maps.shape;
            let dims = [maps.planes * maps.count, height, width];
            npy::write_array(&options.out, &maps.values, &dims)?;
        }
        Format::Png => draw(&options.out, &bank, &maps, gradient)?,
    }
    let made = match (several, maps.planes) {
        (true, _) => format!("{} of {}", count(maps.count, "map"), maps.shape),
        (false, 1) => format!("grey {}", maps.shape),
        (false, channels) => format!("{channels} channels of {}", maps.shape),
    };
    let (filter, shape) = (&options.filter, bank.shape());
    let kernels = match bank.count() {
        1 => format!("{filter} ({shape})"),
        n => format!("{filter} ({n} kernels of {shape})"),
    };
    out!("{kernels} on {}: {made}: {}", image.shape, options.out.display());
    Ok(())
}

/// A filter by name, or kernels from a file.
fn bank(filter: &str) -> Result<FilterBank> {
    let extension = Path::new(filter).extension().and_then(|e| e.to_str());
    if !extension.is_some_and(|e| e.eq_ignore_ascii_case("npy")) {
        return FilterBank::named(filter).map_err(|_| {
            let detail = format!(
                "'{filter}' is neither one of {} nor a file that ends in .npy",
                NAMES.join(", ")
            );
            Error::setting("filter", detail)
        });
    }
    let array = read_array(filter)?;
    let (kernels, height, width) = match *array.dims {
        [height, width] => (1, height, width),
        [kernels, height, width] => (kernels, height, width),
        _ => {
            let detail = format!("{:?}, expected [KH, KW] or [kernels, KH, KW]", array.dims);
            return Err(Error::file(filter, "shape", detail));
        }
    };
    FilterBank::new(array.values, kernels, ImageShape { height, width }).map_err(|e| match e {
        Error::Shape { detail, .. } => Error::file(filter, "shape", detail),
        e => e,
    })
}

fn draw(out: &Path, bank: &FilterBank, maps: &FilterMaps, gradient: bool) -> Result<()> {
    let size = (maps.shape.height, maps.shape.width);
    let picture = if maps.count == 1 {
        let signed = !gradient && bank.is_signed(0);
        pictures::image(&maps.values, maps.planes, size, signed)?
    } else {
        let signed: Vec<bool> = (0..bank.count()).map(|index| bank.is_signed(index)).collect();
        pictures::map_sheet(&maps.values, size, &signed)?
    };
    picture.notes.iter().for_each(|note| tell(format_args!("note: {note}")));
    let mut normalized = bank.clone();
    if maps.count == 1 && !picture.notes.is_empty() && normalized.normalize().is_ok() {
        let differs = bank
            .kernels()
            .iter()
            .zip(normalized.kernels())
            .any(|(a, b)| (a - b).abs() > 1e-3 * b.abs());
        if differs {
            tell("note: --normalize scales the kernel, and less is clipped");
        }
    }
    picture.save(out)
}
