//! Numbers as people write and read them: `64K`, `65,536`.

pub(crate) use ddi_dma_sim::parse_number as parse;

/// Reads a number of things in `least..=most`, for the command line.
pub(crate) fn count(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = parse(text).map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 1_048_576].map(grouped), ["0", "999", "1,000", "1,048,576"]);
    }
}
