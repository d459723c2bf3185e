//! Words that are pasted into a shell, or stand in a script.

/// A word as a POSIX shell reads it back.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_what_needs_it_is_quoted() {
        for plain in ["symbreak", "--set", "init.scale=0,log:1e-6:10:25", "results/a_b-1@x+%y"] {
            assert_eq!(quoted(plain), plain);
        }
        for (word, in_a_shell) in
            [("", "''"), ("two words", "'two words'"), ("it's", r"'it'\''s'"), ("$HOME", "'$HOME'")]
        {
            assert_eq!(quoted(word), in_a_shell);
        }
    }
}
