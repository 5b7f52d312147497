//! Twin of `shaders/shared/random.wgsl`.

/// pcg4d (Jarzynski & Olano 2020): four words in, four words out, the same bits as on the GPU.
pub fn pcg4d(words: [u32; 4]) -> [u32; 4] {
    let mut v = words.map(|w| w.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    for round in 0..2 {
        v[0] = v[0].wrapping_add(v[1].wrapping_mul(v[3]));
        v[1] = v[1].wrapping_add(v[2].wrapping_mul(v[0]));
        v[2] = v[2].wrapping_add(v[0].wrapping_mul(v[1]));
        v[3] = v[3].wrapping_add(v[1].wrapping_mul(v[2]));
        if round == 0 {
            v = v.map(|w| w ^ (w >> 16));
        }
    }
    v
}

/// Four uniform numbers in [0, 1), exactly those of the GPU.
pub fn uniform4(words: [u32; 4]) -> [f64; 4] {
    pcg4d(words).map(|w| f64::from(w >> 8) / 16_777_216.0)
}

/// A standard normal number by Box-Muller.
pub fn normal(words: [u32; 4]) -> f64 {
    let u = uniform4(words);
    (-2.0 * (1.0 - u[0]).ln()).sqrt() * (std::f64::consts::TAU * u[1]).cos()
}
