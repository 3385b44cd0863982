//! Where providers tell what happened: `POST /webhooks/<connector>`.
//!
//! | answer | meaning |
//! |---|---|
//! | 200 | settled, and need not be told again; the body says what became of it |
//! | 400 | not believed; the body says why, and nothing changes |
//! | 404 | no such provider here |
//! | 503 | cannot be settled just now: tell it again |

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::port::{Clock, Commands, Gateway, Log, WEBHOOK_BYTES_MAX};
use crate::role::webhooks::{Heard, Webhooks};

/// How long a body may take. It has some kilobytes.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// It cannot listen there.
#[derive(Debug, thiserror::Error)]
#[error("listening for webhooks on {address}")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// A place where webhooks are heard.
#[derive(Debug)]
pub struct WebhookListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl WebhookListener {
    /// Listens; port 0 is any free one.
    ///
    /// # Errors
    ///
    /// [`ListenError`].
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hears webhooks until `stop`; those that have come by then are settled.
    ///
    /// # Errors
    ///
    /// When nothing can be accepted any more.
    pub async fn run<G: Gateway, M: Commands, C: Clock, L: Log>(
        self,
        webhooks: Webhooks<G, M, C, L>,
        stop: CancellationToken,
    ) -> Result<(), std::io::Error> {
        let router =
            Router::new().route("/webhooks/{connector}", post(hear)).with_state(Arc::new(webhooks));
        axum::serve(self.listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }
}

async fn hear<G: Gateway, M: Commands, C: Clock, L: Log>(
    State(webhooks): State<Arc<Webhooks<G, M, C, L>>>,
    Path(connector): Path<String>,
    request: Request,
) -> Response {
    if connector != webhooks.connector().as_str() {
        let known = webhooks.connector();
        let text = format!("no such provider here; this shop works with {known}\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    }
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        let value = parts.headers.get(name)?;
        value.to_str().ok().map(ToOwned::to_owned)
    };
    let body = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, WEBHOOK_BYTES_MAX)).await;
    let heard = match body {
        Ok(Ok(body)) => webhooks.hear(&header, &body).await,
        Ok(Err(_)) | Err(_) => webhooks.cut(),
    };
    answered(&heard)
}

fn answered(heard: &Heard) -> Response {
    let (status, text) = match heard {
        Heard::Recorded => (StatusCode::OK, "recorded".to_owned()),
        Heard::Repeated => (StatusCode::OK, "told before".to_owned()),
        Heard::Ignored(why) => (StatusCode::OK, format!("ignored: {why}")),
        Heard::Refused(why) => (StatusCode::BAD_REQUEST, why.to_string()),
        // The cause is nobody's business out there; the log has it.
        Heard::Later(_) => (StatusCode::SERVICE_UNAVAILABLE, "tell it again later".to_owned()),
    };
    (status, format!("{text}\n")).into_response()
}
