//! Pictures of what a network has learned.

mod channels;
mod chooser;
mod gallery;
mod shapes;
mod shares;

pub use channels::channels_svg;
pub use chooser::add_chooser;
pub use gallery::gallery_svg;
pub use shapes::shapes_svg;
pub use shares::shares_svg;
