use figment::Jail;

use super::{Config, ConfigError, Layers};
use crate::domain::Token;

fn layers() -> Layers {
    Layers { config_dir: ".".into(), user_config: ".".into(), ..Layers::default() }
}

/// Runs in an empty folder with an environment of its own.
#[expect(clippy::result_large_err, reason = "figment's own signature")]
fn in_jail(test: impl FnOnce(&mut Jail)) {
    Jail::expect_with(|jail| {
        jail.clear_env();
        test(jail);
        Ok(())
    });
}

fn load(layers: &Layers) -> Config {
    layers.load().unwrap()
}

#[test]
fn the_default_is_complete_and_valid() {
    in_jail(|_| {
        let config = load(&layers());
        assert_eq!(config.market.as_str(), "main");
        assert_eq!(config.nats.url, "nats://127.0.0.1:4222");
        assert_eq!(config.order.hold_s.get(), 900);
    });
}

#[test]
fn a_stronger_layer_wins() {
    in_jail(|jail| {
        jail.create_file("shop.toml", "market = \"shop\"\n[nats]\nurl = \"nats://file\"").unwrap();
        let mut layers = Layers { profile: Some("shop".into()), ..layers() };
        assert_eq!(load(&layers).nats.url, "nats://file");
        jail.set_env("NATS_URL", "nats://nats-variable");
        assert_eq!(load(&layers).nats.url, "nats://nats-variable");
        jail.set_env("KASSA_NATS__URL", "nats://kassa-variable");
        assert_eq!(load(&layers).nats.url, "nats://kassa-variable");
        layers.flags.insert("nats.url", "nats://flag".into());
        let config = load(&layers);
        assert_eq!(config.nats.url, "nats://flag");
        // What no stronger layer says comes from the weaker one.
        assert_eq!(config.market.as_str(), "shop");
    });
}

#[test]
fn a_misspelt_key_is_an_error_that_names_it() {
    in_jail(|jail| {
        jail.set_env("KASSA_ORDER__HOLDS", "3");
        let error = layers().load().unwrap_err().to_string();
        assert!(error.contains("holds"), "{error}");
    });
}

#[test]
fn a_value_out_of_bounds_is_an_error_with_the_bounds() {
    in_jail(|jail| {
        jail.set_env("KASSA_ORDER__HOLD_S", "0");
        let error = layers().load().unwrap_err().to_string();
        assert!(error.contains("must be 1 to 259200, is 0"), "{error}");
        assert!(error.to_lowercase().contains("hold_s"), "{error}");
    });
}

#[test]
fn a_profile_that_is_not_there_is_an_error() {
    in_jail(|_| {
        let layers = Layers { profile: Some("prodution".into()), ..layers() };
        assert!(matches!(layers.load(), Err(ConfigError::NoProfile { .. })));
    });
}

#[test]
fn a_nats_context_is_honoured_below_its_variables_and_has_to_exist() {
    in_jail(|jail| {
        jail.set_env("NATS_CONTEXT", "staging");
        assert!(matches!(layers().load(), Err(ConfigError::NoContext { .. })));
        jail.create_dir("nats/context").unwrap();
        let context =
            r#"{"url": "nats://staging", "user": "ann", "description": "x", "creds": ""}"#;
        jail.create_file("nats/context/staging.json", context).unwrap();
        let config = load(&layers());
        assert_eq!(config.nats.url, "nats://staging");
        assert_eq!(config.nats.user.as_deref(), Some("ann"));
        assert_eq!(config.nats.creds, None);
        jail.set_env("NATS_URL", "nats://elsewhere");
        assert_eq!(load(&layers()).nats.url, "nats://elsewhere");
    });
}

#[test]
fn every_setting_tells_where_it_comes_from_and_no_secret_is_shown() {
    in_jail(|jail| {
        jail.set_env("NATS_PASSWORD", "hunter2");
        let origins = layers().origins().unwrap();
        let of = |key: &str| origins.iter().find(|origin| origin.key == key).unwrap();
        assert_eq!(of("nats.password").value, "(secret)");
        assert!(of("nats.password").origin.contains("NATS_"), "{:?}", of("nats.password"));
        assert_eq!(of("market").origin, "config/default.toml, built in");
        assert!(!format!("{:?}", layers().load().unwrap()).contains("hunter2"));
    });
}

#[test]
fn a_hold_that_does_not_outlive_its_retries_is_an_error_with_the_figures() {
    in_jail(|jail| {
        jail.set_env("KASSA_ORDER__HOLD_S", "300");
        let error = layers().load().unwrap_err().to_string();
        assert!(error.contains("order.hold_s is 300, must be at least 625"), "{error}");
        jail.set_env("KASSA_ORDER__RETRY_AFTER_S", "[5, 10]");
        assert_eq!(load(&layers()).policy().retries.longest().as_millis(), 16_500);
    });
}

#[test]
fn a_plan_of_retries_that_is_none_is_an_error_that_says_why() {
    in_jail(|jail| {
        for (pauses, why) in [
            ("[]", "must be 1 to 3 pauses"),
            ("[300, 300]", "come to 660 s"),
            ("[20, 0]", "must each be at least 1 s"),
        ] {
            jail.set_env("KASSA_ORDER__RETRY_AFTER_S", pauses);
            let error = layers().load().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    });
}

#[test]
fn a_shop_may_class_a_code_of_one_connector() {
    in_jail(|jail| {
        jail.create_file("shop.toml", "[payer.classes.simulated]\ndo_not_honor = \"hard\"")
            .unwrap();
        let layers = Layers { profile: Some("shop".into()), ..layers() };
        let classes = load(&layers).policy().classes;
        let class = |code: &str| classes.of(&Token::SIMULATED, &code.parse().unwrap()).name();
        assert_eq!((class("do_not_honor"), class("generic_decline")), ("hard", "soft"));
        jail.create_file("shop.toml", "[payer.classes.simulated]\ndo_not_honor = \"hrad\"")
            .unwrap();
        let error = layers.load().unwrap_err().to_string();
        assert!(error.contains("hrad"), "{error}");
    });
}
