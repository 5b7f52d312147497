//! Why nothing can be served.

use std::io;
use std::net::IpAddr;

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
    /// The address of another machine, or of none.
    #[error("{0}: is no address of this machine")]
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
            io::ErrorKind::AddrNotAvailable => Self::OtherMachine(address),
            _ => Self::System(error),
        }
    }
}
