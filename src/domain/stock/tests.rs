use super::*;

fn qty(units: u32) -> Quantity {
    Quantity::try_new(units).unwrap()
}

fn stock(movements: &[Movement]) -> Result<Stock, Impossible> {
    movements.iter().try_fold(Stock::default(), |stock, movement| stock.after(*movement))
}

use Movement::{Adjusted, Deducted, Received, Released, Reserved};

#[test]
fn available_is_what_is_there_and_not_promised() {
    type Row = (&'static str, Vec<Movement>, (i64, u64, u64, i64));
    let rows: Vec<Row> = vec![
        ("nothing yet", vec![], (0, 0, 0, 0)),
        ("what comes in may be promised", vec![Received(qty(5))], (5, 0, 0, 5)),
        ("a promise stays in the building", vec![Received(qty(5)), Reserved(qty(2))], (5, 2, 0, 3)),
        (
            "a sale leaves with its promise",
            vec![Received(qty(5)), Reserved(qty(2)), Deducted(qty(2))],
            (3, 0, 2, 3),
        ),
        (
            "a promise taken back may be given again",
            vec![Received(qty(5)), Reserved(qty(2)), Released(qty(2))],
            (5, 0, 0, 5),
        ),
        (
            "a count below the promises leaves less than nothing",
            vec![Received(qty(5)), Reserved(qty(4)), Adjusted(StockDelta::between(5, 1).unwrap())],
            (1, 4, 0, -3),
        ),
        (
            "units that are paid for and do not exist stay missing",
            vec![
                Received(qty(5)),
                Reserved(qty(4)),
                Adjusted(StockDelta::between(5, 1).unwrap()),
                Deducted(qty(4)),
            ],
            (-3, 0, 4, -3),
        ),
        (
            "what comes in fills the gap first",
            vec![
                Received(qty(5)),
                Reserved(qty(4)),
                Adjusted(StockDelta::between(5, 1).unwrap()),
                Deducted(qty(4)),
                Received(qty(5)),
            ],
            (2, 0, 4, 2),
        ),
    ];
    for (name, movements, (on_hand, reserved, sold, available)) in rows {
        let stock = stock(&movements).unwrap();
        assert_eq!(
            (stock.on_hand(), stock.reserved(), stock.sold(), stock.available()),
            (on_hand, reserved, sold, available),
            "{name}"
        );
    }
}

#[test]
fn what_is_not_there_cannot_move() {
    let too_few = |moved, there| Err(Impossible::TooFew { moved, there });
    assert_eq!(stock(&[Received(qty(1)), Released(qty(1))]), too_few(1, 0));
    assert_eq!(stock(&[Received(qty(3)), Reserved(qty(1)), Deducted(qty(2))]), too_few(2, 1));
    assert_eq!(stock(&[Adjusted(StockDelta::try_new(-1).unwrap())]), too_few(1, 0));
}

#[test]
fn a_warehouse_has_a_limit() {
    let full = Adjusted(StockDelta::between(0, Stock::UNITS_MAX).unwrap());
    assert_eq!(stock(&[full, Received(qty(1))]), Err(Impossible::TooMany));
    assert_eq!(StockDelta::try_new(i64::MIN), Err(InvalidDelta));
    assert_eq!(StockDelta::between(0, u64::MAX), None);
}

#[test]
fn a_number_out_of_range_is_told_its_limits() {
    for (json, says) in [
        ("0", "must be 1 to 1000000 units, is 0"),
        ("-3", "must be 1 to 1000000 units, is -3"),
        ("1000001", "must be 1 to 1000000 units, is 1000001"),
        ("18446744073709551615", "must be 1 to 1000000 units, is 18446744073709551615"),
        ("1.5", "expected a whole number, 1 to 1000000 units"),
        ("\"7\"", "expected a whole number, 1 to 1000000 units"),
    ] {
        let error = serde_json::from_str::<Quantity>(json).unwrap_err().to_string();
        assert!(error.contains(says), "{json}: {error}");
    }
}

use super::quantity::InvalidDelta;
