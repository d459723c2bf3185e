// Standard normal numbers from random words. CPU twin: src/net/init.rs.

// ln u for the odd multiple u of 2⁻²⁴ that the upper 23 bits name.
fn ln_unit(word: u32) -> f32 {
    let bits = bitcast<u32>(f32(2u * (word >> 9u) + 1u));
    let shifted = bits - 0x3F3504F3u;
    let exponent = (bitcast<i32>(shifted) >> 23u) - 24;
    let m = bitcast<f32>((shifted & 0x007FFFFFu) + 0x3F3504F3u);
    let s = (m - 1.0) / (m + 1.0);
    let u = s * s;
    let series = ((0.11665684 * u + 0.1427539) * u + 0.20000061) * u + 0.33333334;
    let ln_m = 2.0 * s + 2.0 * s * u * series;
    return f32(exponent) * 0.6931472 + ln_m;
}

// cos(2π · word / 2³²).
fn cos_turn(word: u32) -> f32 {
    let quadrant = (word + 0x20000000u) >> 30u;
    let rest = bitcast<i32>(word - (quadrant << 30u));
    let r = f32(rest) * 1.4629181e-9;
    let u = r * r;
    let sin_series = ((0.0000027249965 * u - 0.00019840087) * u + 0.008333332) * u - 0.16666667;
    let s = r + r * u * sin_series;
    let cos_series = ((-2.7300945e-7 * u + 2.48006e-5) * u - 0.0013888888) * u + 0.041666668;
    let c = 1.0 - 0.5 * u + u * u * cos_series;
    let value = select(c, s, (quadrant & 1u) == 1u);
    return select(value, -value, quadrant == 1u || quadrant == 2u);
}

// Box & Muller.
fn normal(radius: u32, angle: u32) -> f32 {
    return sqrt(-2.0 * ln_unit(radius)) * cos_turn(angle);
}
