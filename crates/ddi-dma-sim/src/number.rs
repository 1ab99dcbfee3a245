//! Numbers as people write them: `65536`, `0x1_0000`, `64K`.

/// Reads a number: decimal or `0x` hexadecimal, `_` between digits, and K, M, G or T (1024 each, `KiB` as well)
/// behind a decimal one.
///
/// # Errors
///
/// [`NumberError`].
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::parse_number;
///
/// assert_eq!(parse_number("64K"), parse_number("0x1_0000"));
/// assert!(parse_number("64 pages").is_err_and(|error| error.to_string().contains("no number")));
/// ```
pub fn parse_number(text: &str) -> Result<u64, NumberError> {
    let wrong = || NumberError::Form { text: text.to_owned() };
    let large = || NumberError::Large { text: text.to_owned() };
    let plain = text.trim().replace('_', "");
    if plain.starts_with('-') {
        return Err(NumberError::Negative { text: text.to_owned() });
    }
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        let digits = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let value = digits.then(|| u64::from_str_radix(hex, 16).ok());
        return value.ok_or_else(wrong)?.ok_or_else(large);
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
    let value: u64 = digits.parse().map_err(|_| large())?;
    value.checked_mul(1 << shift).ok_or_else(large)
}

/// Why a text is no number of 64 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// It is none at all.
    #[error("`{text}` is no number: write 65536, 0x10000 or 64K")]
    Form {
        /// What was read.
        text: String,
    },
    /// It is below 0.
    #[error("`{text}` is negative: write 0 or more, as 65536, 0x10000 or 64K")]
    Negative {
        /// What was read.
        text: String,
    },
    /// It has more bits.
    #[error("`{text}` is too large: numbers end at 2^64 - 1, 0xffffffffffffffff")]
    Large {
        /// What was read.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::parse_number as parse;

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
        let told = |text| parse(text).expect_err("no number").to_string();
        for text in ["", "K", "0x", "0x+1", "1.5K", "12 apples", "64Q"] {
            assert!(told(text).contains("no number"), "{text}");
        }
        assert!(told("-1").starts_with("`-1` is negative"));
        for text in ["18446744073709551616", "0x10000000000000000", "16777216T"] {
            assert!(told(text).contains("too large"), "{text}");
        }
    }
}
