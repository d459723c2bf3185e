//! Colours that people tell apart who see fewer of them, and that print in black and white.

use plotters::style::RGBColor;

/// What sets lines apart: colour, marker and dashes, so that two of them are enough without the third.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Of line and marker.
    pub color: RGBColor,
    /// At each point.
    pub marker: Marker,
    /// Length of a dash and of the gap after it, in pixels; `None` for a solid line.
    pub dash: Option<(f64, f64)>,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A filled circle.
    Circle,
    /// A filled square.
    Square,
    /// A filled triangle.
    Triangle,
    /// A filled diamond.
    Diamond,
    /// An open circle.
    Ring,
    /// An open square.
    Box,
    /// A cross.
    Cross,
    /// None.
    None,
}

/// The palette of Okabe and Ito, "Color Universal Design" (2008), without yellow, which is too pale for a line; from dark and
/// light alternately.
const OKABE_ITO: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(0, 0, 0),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];

const MARKERS: [Marker; 7] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Ring,
    Marker::Box,
    Marker::Cross,
];

const DASHES: [Option<(f64, f64)>; 4] = [None, Some((7.0, 4.0)), Some((2.0, 3.0)), Some((13.0, 4.0))];

/// Lines that are told apart at most.
pub const MOST_LINES: usize = 7;

/// Of line `number` of things that have no order.
pub fn style(number: usize) -> Style {
    Style {
        color: OKABE_ITO[number % OKABE_ITO.len()],
        marker: MARKERS[number % MARKERS.len()],
        dash: DASHES[number % DASHES.len()],
    }
}

/// Of line `number` of `count` things that have an order: from dark to light.
pub fn ordered_style(number: usize, count: usize) -> Style {
    let share = if count > 1 { number as f64 / (count - 1) as f64 } else { 0.0 };
    // Lighter colours have less than the contrast of 3 to white that WCAG asks of graphics.
    Style { color: sequential(0.55 * share), ..style(number) }
}

/// From dark blue through green to light yellow: lightness rises evenly, in Oklab (Ottosson 2020), so that in black and
/// white the order stays.
pub fn sequential(share: f64) -> RGBColor {
    let t = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    oklch(0.28 + 0.67 * t, 0.11, 290.0 - 185.0 * t)
}

/// Runs that converge: blue, from light to dark.
pub fn converged(share: f64) -> RGBColor {
    oklch(0.58 - 0.33 * share.clamp(0.0, 1.0), 0.11, 255.0)
}

/// Runs that diverge: orange, from dark to light; all lighter than those that converge.
pub fn diverged(share: f64) -> RGBColor {
    oklch(0.68 + 0.26 * share.clamp(0.0, 1.0), 0.13 - 0.07 * share.clamp(0.0, 1.0), 60.0)
}

/// Cells without a value.
pub const NOTHING: RGBColor = RGBColor(222, 222, 222);
/// Text and axes.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// Captions.
pub const PALE_INK: RGBColor = RGBColor(89, 89, 89);
/// Lines of the grid.
pub const GRID: RGBColor = RGBColor(228, 228, 228);

/// Lightness 0 to 1, chroma, hue in degrees, as sRGB; where that has no such colour, the most colourful one of that lightness
/// and hue.
fn oklch(lightness: f64, chroma: f64, hue: f64) -> RGBColor {
    // A few hundred rounds at most: grey is always there.
    let mut chroma = chroma;
    let mut linear = linear_rgb(lightness, chroma, hue);
    while chroma > 1e-3 && linear.iter().any(|x| !(0.0..=1.0).contains(x)) {
        chroma *= 0.97;
        linear = linear_rgb(lightness, chroma, hue);
    }
    let [r, g, b] = linear.map(|linear| {
        let x = linear.clamp(0.0, 1.0);
        let x = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
        (255.0 * x).round() as u8
    });
    RGBColor(r, g, b)
}

fn linear_rgb(lightness: f64, chroma: f64, hue: f64) -> [f64; 3] {
    let (a, b) = (chroma * hue.to_radians().cos(), chroma * hue.to_radians().sin());
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG defines it.
    fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
        let linear = |c: u8| {
            let x = f64::from(c) / 255.0;
            if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    #[test]
    fn order_stays_in_black_and_white() {
        for map in [sequential as fn(f64) -> RGBColor, |t| converged(1.0 - t), diverged] {
            let shades: Vec<f64> = (0..=64).map(|i| luminance(map(f64::from(i) / 64.0))).collect();
            assert!(shades.windows(2).all(|pair| pair[0] < pair[1]), "{shades:?}");
        }
        assert!(luminance(converged(0.0)) < luminance(diverged(0.0)) - 0.1);
    }

    #[test]
    fn text_and_lines_stand_out_from_white() {
        let contrast = |color| 1.05 / (luminance(color) + 0.05);
        assert!(contrast(INK) > 7.0 && contrast(PALE_INK) > 4.5);
        for number in 0..MOST_LINES {
            assert!(contrast(style(number).color) > 2.0, "{number}");
        }
        for count in 1..=MOST_LINES {
            let contrasts: Vec<f64> =
                (0..count).map(|number| contrast(ordered_style(number, count).color)).collect();
            assert!(contrasts.iter().all(|contrast| *contrast >= 3.0), "{contrasts:?}");
            assert!(contrasts.windows(2).all(|pair| pair[1] < 0.9 * pair[0]), "{contrasts:?}");
        }
    }

    #[test]
    fn lines_differ_without_their_colours() {
        for a in 0..MOST_LINES {
            for b in 0..a {
                assert_ne!(style(a).marker, style(b).marker);
                let ordered = |number| ordered_style(number, MOST_LINES);
                assert_ne!(ordered(a).marker, ordered(b).marker);
            }
        }
    }

    #[test]
    fn what_is_no_share_has_a_colour() {
        assert_eq!(sequential(f64::NAN), sequential(0.0));
        assert_eq!(sequential(7.0), sequential(1.0));
    }
}
