//! Somebody who calls the provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kassa::psp::{Provider, Running, Settings};
use serde_json::Value;

/// Far above what anything here takes, so that a failure is one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// When the tests' clock begins: in milliseconds since 1970.
pub(crate) const BEGIN_MS: u64 = 1_700_000_000_000;

/// The payments of the provider.
pub(crate) const INTENTS: &str = "/v1/payment_intents";

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self, path: &str) -> &str {
        self.body
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{path}: {self:?}"))
    }

    pub(crate) fn number(&self, path: &str) -> u64 {
        self.body
            .pointer(path)
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("{path}: {self:?}"))
    }

    /// The code of the error.
    pub(crate) fn code(&self) -> &str {
        self.text("/error/code")
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let data = self.body["data"].as_array().unwrap();
        data.iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// Calls a provider, wherever it is.
#[derive(Clone)]
pub(crate) struct Caller {
    client: reqwest::Client,
    pub(crate) url: String,
}

impl Caller {
    pub(crate) fn of(url: String) -> Self {
        kassa::tls::install();
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { client, url }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.url);
        let request = self.client.request(method.parse().unwrap(), url);
        request.header("authorization", "Bearer sk_test_kassa")
    }

    /// Posts a form.
    pub(crate) async fn try_post(
        &self,
        path: &str,
        form: &[(&str, &str)],
        key: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.request("POST", path).body(encoded(form));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        match key {
            Some(key) => send(request.header("idempotency-key", key)).await,
            None => send(request).await,
        }
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.try_post(path, form, None).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        send(self.request("GET", &format!("{path}?{}", encoded(query)))).await.unwrap()
    }

    /// One attempt at a payment of 12.50 €.
    pub(crate) async fn try_pay(
        &self,
        method: &str,
        attempt: &str,
        key: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        let form = [
            ("amount", "1250"),
            ("currency", "eur"),
            ("confirm", "true"),
            ("payment_method", method),
            ("metadata[kassa_attempt]", attempt),
        ];
        self.try_post(INTENTS, &form, key).await
    }

    pub(crate) async fn pay(&self, method: &str) -> Answer {
        self.try_pay(method, "1", None).await.unwrap()
    }

    pub(crate) async fn intent(&self, id: &str) -> Answer {
        self.get(&format!("{INTENTS}/{id}"), &[]).await
    }

    /// How many payments there are.
    pub(crate) async fn count(&self) -> usize {
        self.get(INTENTS, &[("limit", "100")]).await.ids().len()
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.get(path, &[]).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "still {answer:?}");
            tokio::task::yield_now().await;
        }
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_str(&response.text().await?).unwrap();
    Ok(Answer { status, headers, body })
}

fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// A provider in this process, and somebody who calls it.
pub(crate) struct Psp {
    pub(crate) running: Running,
    pub(crate) caller: Caller,
    now_ms: Arc<AtomicU64>,
}

impl std::ops::Deref for Psp {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl Psp {
    /// A provider whose settings differ from the usual ones.
    pub(crate) async fn with(differ: impl FnOnce(&mut Settings)) -> Self {
        let now_ms = Arc::new(AtomicU64::new(BEGIN_MS));
        let clock = Arc::clone(&now_ms);
        let mut settings = Settings::new(Arc::new(move || clock.load(Ordering::SeqCst)));
        differ(&mut settings);
        let running = Provider::start(settings).await.unwrap();
        let caller = Caller::of(running.url());
        Self { running, caller, now_ms }
    }

    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// Lets time pass on the provider's clock.
    pub(crate) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.now_ms.fetch_add(millis, Ordering::SeqCst);
    }
}
