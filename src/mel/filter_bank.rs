use super::{FilterNorm, MelError, Preset};

/// Where the weights of one mel band stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Band {
    /// Bin of the power spectrum that the first weight multiplies.
    pub first_bin: usize,
    /// Number of weights, 0 for a band so narrow that it falls between two bins.
    pub len: usize,
    /// Position of the first weight in [`FilterBank::weights`].
    pub offset: usize,
}

/// Triangular mel filters, stored without their zeros: `mel[b]` is the sum over `i < len` of
/// `weights[offset + i] * power[first_bin + i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterBank {
    /// Bins of the power spectrum.
    pub n_bins: usize,
    /// One entry for each mel band, lowest first.
    pub bands: Vec<Band>,
    /// The weights of all bands, one band after the other.
    pub weights: Vec<f32>,
}

/// The filter bank of a preset: librosa's `filters.mel`, computed in f64 and rounded once.
///
/// # Errors
/// As [`Preset::validate`].
#[expect(
    clippy::cast_possible_truncation,
    reason = "the weights are computed in f64"
)]
pub fn filter_bank(preset: &Preset) -> Result<FilterBank, MelError> {
    preset.validate()?;
    let (n_mels, n_bins) = (preset.n_mels, preset.n_bins());
    let edges = preset.band_edges();
    let bin_width = f64::from(preset.sample_rate) / preset.n_fft as f64;

    let mut bank = FilterBank {
        n_bins,
        bands: Vec::with_capacity(n_mels),
        weights: Vec::new(),
    };
    for band in 0..n_mels {
        let (low, centre, high) = (edges[band], edges[band + 1], edges[band + 2]);
        let peak = match preset.norm {
            FilterNorm::None => 1.0,
            FilterNorm::Slaney => 2.0 / (high - low),
        };
        let weight = |bin: usize| {
            let hertz = bin as f64 * bin_width;
            let rising = (hertz - low) / (centre - low);
            let falling = (high - hertz) / (high - centre);
            (rising.min(falling).max(0.0) * peak) as f32
        };
        // The bins under a triangle lie side by side.
        let first_bin = (0..n_bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let offset = bank.weights.len();
        bank.weights
            .extend((first_bin..n_bins).map(weight).take_while(|&w| w > 0.0));
        bank.bands.push(Band {
            first_bin,
            len: bank.weights.len() - offset,
            offset,
        });
    }
    Ok(bank)
}

impl FilterBank {
    /// The weights of a band, of which the first multiplies bin [`Band::first_bin`].
    pub fn band_weights(&self, band: &Band) -> &[f32] {
        &self.weights[band.offset..band.offset + band.len]
    }

    /// The weights with their zeros, `[n_mels][n_bins]`.
    pub fn dense(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.bands.len() * self.n_bins];
        for (row, band) in dense.chunks_mut(self.n_bins).zip(&self.bands) {
            row[band.first_bin..band.first_bin + band.len].copy_from_slice(self.band_weights(band));
        }
        dense
    }

    /// Bands that hear nothing, because they lie between two bins. librosa warns of them too; more
    /// samples in `n_fft` or fewer bands mend it.
    pub fn empty_bands(&self) -> Vec<usize> {
        (0..self.bands.len())
            .filter(|&band| self.bands[band].len == 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mel::MelScale;

    #[test]
    fn unnormalised_neighbours_add_up_to_one_between_the_outer_centres() {
        for scale in [MelScale::Slaney, MelScale::Htk] {
            let mut preset = Preset::librosa();
            preset.scale = scale;
            preset.norm = FilterNorm::None;
            preset.n_mels = 40;
            let bank = filter_bank(&preset).unwrap();
            let dense = bank.dense();
            let peak = |band: usize| {
                let row = &dense[band * bank.n_bins..][..bank.n_bins];
                (0..bank.n_bins)
                    .max_by(|&a, &b| row[a].total_cmp(&row[b]))
                    .unwrap()
            };
            for bin in peak(0) + 1..peak(39) {
                let sum: f32 = (0..40).map(|band| dense[band * bank.n_bins + bin]).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{scale:?} bin {bin}: {sum}");
            }
        }
    }

    #[test]
    fn slaney_normalised_bands_have_area_one() {
        let mut preset = Preset::librosa();
        preset.n_fft = 65536;
        let bank = filter_bank(&preset).unwrap();
        let bin_width = 22050.0 / 65536.0;
        for (i, band) in bank.bands.iter().enumerate() {
            let area = bank.band_weights(band).iter().sum::<f32>() * bin_width;
            assert!((area - 1.0).abs() < 1e-3, "band {i}: {area}");
        }
    }

    #[test]
    fn bands_between_two_bins_are_empty_and_listed() {
        let mut preset = Preset::torchaudio();
        preset.n_mels = 256;
        let bank = filter_bank(&preset).unwrap();
        let empty = bank.empty_bands();
        assert!(!empty.is_empty() && empty.len() < 256);
        let dense = bank.dense();
        for band in 0..256 {
            let heard = dense[band * bank.n_bins..][..bank.n_bins]
                .iter()
                .any(|&w| w > 0.0);
            assert_eq!(heard, !empty.contains(&band), "band {band}");
        }
        assert!(
            filter_bank(&Preset::gamaka())
                .unwrap()
                .empty_bands()
                .is_empty()
        );
    }

    #[test]
    fn the_gamaka_bands_do_not_hear_a_constant_offset() {
        let bank = filter_bank(&Preset::gamaka()).unwrap();
        // A Hann window spreads a constant over bins 0 and 1.
        assert!(
            bank.bands
                .iter()
                .all(|band| band.first_bin >= 2 && band.len >= 2)
        );
    }

    #[test]
    fn an_invalid_preset_has_no_filter_bank() {
        let mut preset = Preset::librosa();
        preset.n_mels = 0;
        assert!(filter_bank(&preset).is_err());
    }
}
