//! Why nothing can be served, and why a request about the library is not answered.

use std::io;
use std::net::IpAddr;

use crate::files::{Keep, WriteError};
use crate::library::LibraryError;

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program listens there.
    #[error(
        "port {port} of {address} is in use, by another program or another run of gamaka: end that one, or choose another port"
    )]
    PortTaken {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// Not everyone may listen there.
    #[error(
        "port {port} of {address} is not for everyone (those below 1024 take an administrator): choose another port"
    )]
    PortForbidden {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// The address of another machine, of none, or of many.
    #[error("{0}: is no address of this machine that can be listened at: choose one that is")]
    OtherMachine(IpAddr),
    /// Anything else that the operating system says.
    #[error("nothing can be served ({0})")]
    System(#[from] io::Error),
}

impl ServeError {
    pub(super) fn of(address: IpAddr, port: u16, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { address, port },
            io::ErrorKind::PermissionDenied => Self::PortForbidden { address, port },
            // The latter for an address that holds within one network (fe80::1), whose number is not told.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput => {
                Self::OtherMachine(address)
            }
            _ => Self::System(error),
        }
    }
}

/// Why a request about the library is not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShelfError {
    #[error("the library has no such track, or no longer")]
    NoTrack,
    #[error("there is nothing to take back")]
    NothingDone,
    #[error("something else was corrected since: only the last correction can be taken back")]
    NotLast,
    #[error("this is done, but what follows from it cannot be told yet ({0})")]
    Unseen(LibraryError),
    #[error(
        "another run of gamaka is changing the library: wait until that is done, and try again"
    )]
    Busy,
    #[error(
        "the library was scanned by another model since: end `gamaka serve`, and start it again"
    )]
    OtherModel,
    #[error("the library's file was removed or replaced: end `gamaka serve`, and start it again")]
    Gone,
    #[error(transparent)]
    Library(LibraryError),
}

impl From<LibraryError> for ShelfError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Write(WriteError::Kept {
                reason: Keep::Busy, ..
            })
            | LibraryError::Locked(_) => Self::Busy,
            error => Self::Library(error),
        }
    }
}
