//! Pictures of what a network has learned, and of what it heard.

mod channels;
mod chooser;
mod gallery;
mod heard;
mod shapes;
mod shares;
mod signed;

pub use channels::channels_svg;
pub use chooser::add_chooser;
pub use gallery::gallery_svg;
pub use heard::HeardPicture;
pub use shapes::shapes_svg;
pub use shares::shares_svg;
pub use signed::signed_svg;
