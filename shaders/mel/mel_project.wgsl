// Projects power spectra on mel bands. The filters are sparse: each band has a run of bins.
//
//   mel[c,b,f] = sum over k of filter weight[k] * power[c,f, first_bin + k]
//
// dispatch: CLIPS*FRAMES*BANDS invocations, folded over x and y

struct Band {
  first_bin: u32,
  bins: u32,
  first_weight: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> power: array<f32>;      // [CLIPS, FRAMES, BINS]
@group(0) @binding(1) var<storage, read> band_table: array<Band>;     // [BANDS]
@group(0) @binding(2) var<storage, read> weight: array<f32>;     // the bands' filters, one after another
@group(0) @binding(3) var<storage, read_write> mel: array<f32>;  // [CLIPS, BANDS, FRAMES]

override CLIPS: u32;
override FRAMES: u32;
override BANDS: u32;
override BINS: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= CLIPS * FRAMES * BANDS) {
    return;
  }
  // Neighbouring lanes make neighbouring bands, which read the same bins.
  let frame = k / BANDS;
  let band = band_table[k % BANDS];
  let row = frame * BINS + band.first_bin;
  var sum = 0.0;
  for (var j = 0u; j < min(band.bins, BINS); j++) {
    sum = fma(weight[band.first_weight + j], power[row + j], sum);
  }
  mel[((frame / FRAMES) * BANDS + k % BANDS) * FRAMES + frame % FRAMES] = sum;
}
