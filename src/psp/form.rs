//! Forms as Stripe reads them: `metadata[order]=7`, `expand[]=latest_charge`.

use std::collections::BTreeMap;

use super::fault::Fault;

/// The longest name and value of metadata, and how many there may be.
/// Source: Stripe's documentation of metadata.
const METADATA: (usize, usize, usize) = (40, 500, 50);

/// The fields of a form or a query, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn read(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a field, when it is there and not empty. The last one wins.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(own, _)| own == name);
        named.next_back().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A field that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.text(name).ok_or_else(|| Fault::missing(name))
    }

    /// A whole number that is at least 1.
    pub(super) fn positive(&self, name: &str) -> Result<Option<u64>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<i64>().map(u64::try_from) {
            Ok(Ok(number)) if 0 < number => Ok(Some(number)),
            Ok(_) => Err(Fault::integer(name, "This value must be greater than or equal to 1.")),
            Err(_) => Err(Fault::integer(name, &format!("Invalid integer: {text}"))),
        }
    }

    /// Yes or no; no when it is not said.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(Fault::invalid(name, format!("Invalid boolean: {text}"))),
        }
    }

    /// What stands between the brackets of a field, and its value: `created[gte]`.
    pub(super) fn nested(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(move |(own, value)| {
            let inner = own.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some((inner, value.as_str()))
        })
    }

    /// The elements of a list: `expand[]`, or `expand[0]`.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.nested(name).map(|(_, value)| value.to_owned()).collect()
    }

    pub(super) fn metadata(&self) -> Result<BTreeMap<String, String>, Fault> {
        let mut metadata = BTreeMap::new();
        let (name_max, value_max, count_max) = METADATA;
        for (name, value) in self.nested("metadata").filter(|(_, value)| !value.is_empty()) {
            if name_max < name.chars().count() || value_max < value.chars().count() {
                let param = format!("metadata[{name}]");
                return Err(Fault::invalid(&param, "Metadata is too long.".to_owned()));
            }
            metadata.insert(name.to_owned(), value.to_owned());
        }
        if count_max < metadata.len() {
            return Err(Fault::invalid("metadata", format!("At most {count_max} keys.")));
        }
        Ok(metadata)
    }

    /// Refuses fields that nobody reads: a misspelt one would do nothing, silently.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Fault> {
        let root = |name: &String| name.split('[').next().unwrap_or_default().to_owned();
        let is_known = |name: &String| known.contains(&name.as_str()) || name == "expand";
        match self.0.iter().map(|(name, _)| root(name)).find(|name| !is_known(name)) {
            Some(name) => Err(Fault::unknown(&name)),
            None => Ok(()),
        }
    }

    /// The same for two forms that say the same, whatever the order of their fields.
    pub(super) fn fingerprint(&self) -> String {
        let mut fields: Vec<_> = self.0.iter().collect();
        fields.sort();
        let mut hasher = blake3::Hasher::new();
        for (name, value) in fields {
            // No field has a zero byte in it, so that no two forms run together.
            hasher.update(name.as_bytes()).update(&[0]).update(value.as_bytes()).update(&[0]);
        }
        hasher.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_nest() {
        let form = Form::read(b"metadata[a]=1&metadata%5Bb%5D=2&expand[]=x&expand[1]=y&amount=7");
        assert_eq!(form.metadata().unwrap().len(), 2);
        assert_eq!(form.list("expand"), ["x", "y"]);
        assert_eq!(form.positive("amount").unwrap(), Some(7));
        assert!(form.only(&["metadata"]).is_err() && form.only(&["metadata", "amount"]).is_ok());
    }

    #[test]
    fn the_order_of_fields_does_not_matter_and_their_values_do() {
        let print = |text: &str| Form::read(text.as_bytes()).fingerprint();
        assert_eq!(print("a=1&b=2"), print("b=2&a=1"));
        assert_ne!(print("a=1&b=2"), print("a=12&b="));
    }
}
