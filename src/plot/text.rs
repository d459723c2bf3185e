//! How much room text takes. An SVG is laid out before anybody knows the font that it will be shown in, so widths are
//! those of DejaVu Sans, one of the widest, which PNGs are made with.

/// The family that an SVG asks for: the one that its layout is made for, one of the same widths, any.
pub const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Width of a text in pixels at a font size in pixels, rather too large than too small.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Advance of a character in em, by class.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.34,
        ' ' | '\u{a0}' | ',' | '.' | ':' | ';' | 'I' | '·' => 0.345,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.42,
        '⁰'..='⁹' | '⁻' | '¹' | '²' | '³' => 0.45,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '—' | '…' => 1.0,
        'A'..='Z' => 0.76,
        '=' | '+' | '<' | '>' | '×' | '−' | '≤' | '≥' => 0.84,
        'a'..='z' | '0'..='9' => 0.64,
        _ => 0.9,
    }
}

/// Lines of at most `room` pixels, broken between words but not at "=" or a space that does not break; a word that is longer
/// than a line is cut.
pub fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let text = text.replace(" = ", "\u{a0}=\u{a0}");
    let words = text.split(|c: char| c.is_whitespace() && c != '\u{a0}');
    for word in words.filter(|word| !word.is_empty()) {
        let longer = if line.is_empty() { word.to_string() } else { format!("{line} {word}") };
        if width(&longer, size) <= room {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if width(&line, size) > room && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// As much of a text as fits, with a mark where it was cut.
pub fn cut(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut short = String::new();
    for c in text.chars() {
        if width(&short, size) + (em(c) + em('…')) * size > room {
            break;
        }
        short.push(c);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit() {
        let text = "the share of runs that breaks symmetry againstanextraordinarilylongwordthatnobodycanread";
        let lines = wrap(text, 12.0, 120.0);
        assert!(lines.iter().all(|line| width(line, 12.0) <= 120.0), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        assert!(wrap("", 12.0, 120.0).is_empty());
        let room = width("activation = logistic 4", 12.0);
        assert_eq!(
            wrap("Share of runs · activation = logistic 43.2\u{a0}%", 12.0, room),
            ["Share of runs ·", "activation\u{a0}=\u{a0}logistic", "43.2\u{a0}%"]
        );
        assert!(width(&cut(text, 12.0, 100.0), 12.0) <= 100.0);
        assert_eq!(cut("short", 12.0, 100.0), "short");
    }
}
