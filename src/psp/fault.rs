//! Errors in Stripe's shape.

use serde_json::{Map, Value, json};

use super::decline::Decline;

/// Why a call is not carried out, or was declined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    /// The status of the answer.
    pub(super) status: u16,
    kind: &'static str,
    code: Option<String>,
    message: String,
    param: Option<String>,
    /// Fields that only some errors have.
    more: Map<String, Value>,
    /// What `Stripe-Should-Retry` says, when it is sent.
    pub(super) should_retry: Option<bool>,
}

impl Fault {
    fn new(status: u16, kind: &'static str, code: Option<&str>, message: &str) -> Self {
        Self {
            status,
            kind,
            code: code.map(ToOwned::to_owned),
            message: message.to_owned(),
            param: None,
            more: Map::new(),
            should_retry: None,
        }
    }

    fn request(code: Option<&str>, message: &str) -> Self {
        Self::new(400, "invalid_request_error", code, message)
    }

    fn at(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// A field that must be there is not.
    pub(super) fn missing(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::request(Some("parameter_missing"), &message).at(param)
    }

    /// A field that nobody reads.
    pub(super) fn unknown(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::request(Some("parameter_unknown"), &message).at(param)
    }

    /// A field that is not such a number.
    pub(super) fn integer(param: &str, message: &str) -> Self {
        Self::request(Some("parameter_invalid_integer"), message).at(param)
    }

    /// A field whose value cannot be. Stripe names the field, and has no code for it.
    pub(super) fn invalid(param: &str, message: String) -> Self {
        Self::request(None, &message).at(param)
    }

    /// A field whose value cannot be, for a reason that has a code.
    pub(super) fn coded(code: &str, param: &str, message: &str) -> Self {
        Self::request(Some(code), message).at(param)
    }

    /// The object is in no state for this.
    pub(super) fn state(message: &str) -> Self {
        Self::request(Some("payment_intent_unexpected_state"), message)
    }

    /// There is no such object. In the address that is 404, in a field 400.
    pub(super) fn no_such(status: u16, what: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self { status, ..Self::request(Some("resource_missing"), &message).at(param) }
    }

    /// There is no such page.
    pub(super) fn no_page(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). This is a simulator and speaks a subset."
        );
        Self { status: 404, ..Self::request(None, &message) }
    }

    /// Nobody said who calls, or the wrong one.
    pub(super) fn unauthorized(given: Option<&str>) -> Self {
        let message = match given {
            None => "You did not provide an API key. You need to provide your API key in the \
                     Authorization header, using Bearer auth (e.g. 'Authorization: Bearer \
                     YOUR_SECRET_KEY')."
                .to_owned(),
            // The key itself is a secret of somebody.
            Some(given) => {
                let shown: String = given.chars().take("sk_test_".len()).collect();
                format!("Invalid API Key provided: {shown}***")
            }
        };
        Self { status: 401, ..Self::request(None, &message) }
    }

    /// The key was used for something else.
    pub(super) fn key_reused(key: &str, first: Option<(&str, &str)>) -> Self {
        let same = match first {
            None => "with the same parameters they were first used with".to_owned(),
            Some((now, before)) => {
                format!("for the same endpoint they were first used for ('{now}' vs '{before}')")
            }
        };
        let message = format!(
            "Keys for idempotent requests can only be used {same}. Try using a key other than \
             '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", None, &message)
    }

    /// The first call with this key is not answered yet.
    pub(super) fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that \
             probably means you submitted twice, and the other request is still going through): \
             {key}. Please try again later."
        );
        let code = Some("idempotency_key_in_use");
        let fault = Self::new(409, "idempotency_error", code, &message);
        Self { should_retry: Some(true), ..fault }
    }

    /// Too many calls.
    pub(super) fn busy() -> Self {
        let message = "Request rate limit exceeded.";
        Self { status: 429, ..Self::request(Some("rate_limit"), message) }
    }

    /// It failed over there.
    pub(super) fn internal() -> Self {
        let message = "An unknown error occurred";
        let fault = Self::new(500, "api_error", None, message);
        // The same key would only be told the same again.
        Self { should_retry: Some(false), ..fault }
    }

    /// Nobody is there.
    pub(super) fn outage() -> Self {
        Self::new(503, "api_error", None, "The service is temporarily unavailable.")
    }

    /// The card was declined. `more` names what was tried: payment, charge, payment method.
    pub(super) fn declined(decline: &Decline, more: Map<String, Value>) -> Self {
        let mut fault = Self::new(402, "card_error", Some(&decline.code), &decline.message);
        fault.more = more;
        for (name, value) in
            [("decline_code", &decline.decline_code), ("advice_code", &decline.advice_code)]
        {
            if let Some(value) = value {
                fault.more.insert(name.to_owned(), json!(value));
            }
        }
        fault
    }

    /// With the payment it is about.
    pub(super) fn about(mut self, name: &str, object: Value) -> Self {
        self.more.insert(name.to_owned(), object);
        self
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        let mut error = self.more.clone();
        error.insert("type".to_owned(), json!(self.kind));
        error.insert("message".to_owned(), json!(self.message));
        if let Some(code) = &self.code {
            error.insert("code".to_owned(), json!(code));
            let page = code.replace('_', "-");
            let url = format!("https://stripe.com/docs/error-codes/{page}");
            error.insert("doc_url".to_owned(), json!(url));
        }
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), json!(param));
        }
        json!({ "error": error })
    }
}
