//! The cryptography behind every `https` address.

/// Has every client of this process use one: the one that the connection to NATS uses too. A
/// second one would be a second copy of the same curves, and needs more than a C compiler to build.
/// Called before a client is made; called again it does nothing.
pub fn install() {
    // An error means that there is one already: this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
