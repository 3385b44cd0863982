//! Ports nobody uses.

use std::net::{Ipv4Addr, TcpListener};

/// No port is free, or loopback is not there.
#[derive(Debug, thiserror::Error)]
#[error("no free port on 127.0.0.1")]
pub struct PortError(#[from] std::io::Error);

/// The wanted port when it is free, another one otherwise.
///
/// # Errors
///
/// [`PortError`].
pub fn free_port(wanted: Option<u16>) -> Result<u16, PortError> {
    let bound = wanted.and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    let listener = match bound {
        Some(listener) => listener,
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
    };
    Ok(listener.local_addr()?.port())
}

/// `count` different free ports.
///
/// # Errors
///
/// [`PortError`].
pub fn free_ports(count: usize) -> Result<Vec<u16>, PortError> {
    // All are held until the last one is found, so that none is given twice.
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    }
    let ports: Result<Vec<_>, _> =
        held.iter().map(|held| held.local_addr().map(|address| address.port())).collect();
    Ok(ports?)
}
