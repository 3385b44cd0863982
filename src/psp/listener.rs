//! Connections: taken, cut, refused.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::bank::Bank;
use super::http::Cut;

/// Between two tries to get the port back after an outage: somebody else may have taken it.
const BIND_PAUSE: Duration = Duration::from_millis(50);

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
struct ConnectionCut;

/// Serves until told to stop. While connections are refused, nobody listens.
pub(super) async fn serve(bank: Arc<Bank>, mut listener: TcpListener, router: Router) {
    let Ok(address) = listener.local_addr() else { return };
    loop {
        // Of its own: an outage cuts connections, stopping lets them finish.
        let open = CancellationToken::new();
        tokio::select! {
            () = bank.stop.cancelled() => return,
            () = bank.weather.refuses(true) => {}
            () = accept(&bank, &listener, &router, &open) => return,
        }
        drop(listener);
        open.cancel();
        tokio::select! {
            () = bank.stop.cancelled() => return,
            () = bank.weather.refuses(false) => {}
        }
        tokio::select! {
            () = bank.stop.cancelled() => return,
            bound = bind(address) => listener = bound,
        }
    }
}

async fn bind(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => warn!(%address, %error, "the port is taken; trying again"),
        }
        tokio::time::sleep(BIND_PAUSE).await;
    }
}

async fn accept(bank: &Bank, listener: &TcpListener, router: &Router, open: &CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (router, open, stop) = (router.clone(), open.clone(), bank.stop.clone());
                bank.tasks.spawn(connection(stream, router, open, stop));
            }
            Err(error) => {
                // No files left, for example: accepting again at once would spin.
                warn!(%error, "a connection was not accepted");
                tokio::time::sleep(BIND_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until it ends, is cut, or everything stops.
async fn connection(
    stream: TcpStream,
    router: Router,
    open: CancellationToken,
    stop: CancellationToken,
) {
    // Answers are small; waiting for more of them would only make them late.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answering = service.call(request);
        async move {
            let response: Result<Response, Infallible> = answering.await;
            match response {
                Ok(response) if response.extensions().get::<Cut>().is_some() => Err(ConnectionCut),
                Ok(response) => Ok(response),
                Err(never) => match never {},
            }
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        // Stopping lets what is under way finish; an outage does not.
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
        () = open.cancelled() => return,
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended");
    }
}
