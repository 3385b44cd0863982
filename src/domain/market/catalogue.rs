//! What is offered, and for how much.

use super::Market;
use super::decide::{No, Outcome};
use crate::domain::event::{SkuDelisted, SkuListed, SkuRepriced};
use crate::domain::{Address, DelistSku, Event, ListSku, Refusal, RepriceSku};

impl Market {
    pub(super) fn list_sku(&self, list: &ListSku) -> Result<Outcome, No> {
        if let Some(item) = self.items.get(&list.sku) {
            let same = item.listed
                && item.name == list.name
                && item.price == list.unit_price_minor
                && item.currency == list.currency
                && item.per_order_max == list.per_order_max;
            if same {
                return Ok(Outcome::Repeated(Address::new(item.changed, 0), None));
            }
            if item.listed {
                return Err(Refusal::AlreadyListed { sku: list.sku.clone() }.into());
            }
        }
        Ok(Outcome::Append(vec![Event::SkuListed(SkuListed {
            sku: list.sku.clone(),
            name: list.name.clone(),
            unit_price_minor: list.unit_price_minor,
            currency: list.currency,
            per_order_max: list.per_order_max,
        })]))
    }

    pub(super) fn reprice_sku(&self, reprice: &RepriceSku) -> Result<Outcome, No> {
        let sku = &reprice.sku;
        let item = self.items.get(sku).ok_or_else(|| Refusal::UnknownSku { sku: sku.clone() })?;
        if item.price == reprice.unit_price_minor {
            return Ok(Outcome::Repeated(Address::new(item.changed, 0), None));
        }
        Ok(Outcome::Append(vec![Event::SkuRepriced(SkuRepriced {
            sku: sku.clone(),
            unit_price_minor: reprice.unit_price_minor,
        })]))
    }

    pub(super) fn delist_sku(&self, delist: &DelistSku) -> Result<Outcome, No> {
        let sku = &delist.sku;
        let item = self.items.get(sku).ok_or_else(|| Refusal::UnknownSku { sku: sku.clone() })?;
        if !item.listed {
            return Ok(Outcome::Repeated(Address::new(item.changed, 0), None));
        }
        Ok(Outcome::Append(vec![Event::SkuDelisted(SkuDelisted { sku: sku.clone() })]))
    }
}
