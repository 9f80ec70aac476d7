//! Pictures: sheets of weights, samples and reconstructions, confusion matrices, mistakes, and what a network
//! makes of a picture. Each value is enlarged to a block of whole pixels, so that even 8×8 digits can be read.
//!
//! Every function of sheets takes `image`, the (height, width) of one case. `None` stands for data that are no
//! images: a case is then a strip, one value high, and strips are stacked.
//! A value that is not a number is magenta, and infinities are black or white. Where the range is
//! empty (a constant image, a machine whose weights are all 0), everything is mid grey.

pub mod confusion;
pub mod features;
pub mod mistakes;
pub mod png_file;
pub mod readings;
pub mod scatter;
mod sheets;
mod single;
mod stacked;
pub mod text;
mod values;

pub use sheets::{
    FILTER_GAP, MOST_TILES, SHEET_GAP, filters, map_sheet, reconstructions, rows, sheet,
};
pub use single::{image, square_shape, tile};
pub use stacked::stacked;
pub use values::{NAN_COLOUR, colour, column_norms, robust_range, shared_scale};
