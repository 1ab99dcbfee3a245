//! Numbers as people write them: `65536`, `0x1_0000`, `64K`.

/// Reads a number: decimal or `0x` hexadecimal, `_` between digits, and K, M, G or T (1024 each, `KiB` as well)
/// behind it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no number: write 65536, 0x10000 or 64K");
    let plain = text.trim().replace('_', "");
    if plain.starts_with('-') {
        return Err(format!("`{text}` is negative: write 0 or more, as 65536, 0x10000 or 64K"));
    }
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        let digits = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let value = digits.then(|| u64::from_str_radix(hex, 16).ok());
        return value.ok_or_else(wrong)?.ok_or_else(|| too_large(text));
    }
    let end = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
    let (digits, unit) = plain.split_at(end);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    if digits.is_empty() {
        return Err(wrong());
    }
    let value: u64 = digits.parse().map_err(|_| too_large(text))?;
    value.checked_mul(1 << shift).ok_or_else(|| too_large(text))
}

/// Reads a number of things in `least..=most`, for the command line.
pub(crate) fn count(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = parse(text)?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!("{number} is not in {least}..={most}"))
}

/// Writes a number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn too_large(text: &str) -> String {
    format!("`{text}` is too large: numbers end at 2^64 - 1, 0xffffffffffffffff")
}

#[cfg(test)]
mod tests {
    use super::{grouped, parse};

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 1_048_576].map(grouped), ["0", "999", "1,000", "1,048,576"]);
    }

    #[test]
    fn numbers_of_all_forms() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("65_536"), Ok(65536));
        assert_eq!(parse("0x1_0000"), Ok(65536));
        assert_eq!(parse("64K"), Ok(65536));
        assert_eq!(parse("2GiB"), Ok(2 << 30));
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(parse("0xffffffffffffffff"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", "K", "0x", "0x+1", "1.5K", "12 apples", "64Q"] {
            assert!(parse(text).is_err_and(|error| error.contains("no number")), "{text}");
        }
        assert!(parse("-1").is_err_and(|error| error.starts_with("`-1` is negative")));
        for text in ["18446744073709551616", "0x10000000000000000", "16777216T"] {
            assert!(parse(text).is_err_and(|error| error.contains("too large")), "{text}");
        }
    }
}
