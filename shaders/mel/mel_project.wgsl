// Projects power spectra on mel bands. The filters are sparse: each band has a run of bins.
//
//   mel[f,b] = sum over k of filter weight[k] * power[f, first_bin + k]
//
// dispatch: FRAMES*BANDS invocations, folded over x and y

struct Band {
  first_bin: u32,
  bins: u32,
  first_weight: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> power: array<f32>;      // [FRAMES, BINS]
@group(0) @binding(1) var<storage, read> band_table: array<Band>;     // [BANDS]
@group(0) @binding(2) var<storage, read> weight: array<f32>;     // the bands' filters, one after another
@group(0) @binding(3) var<storage, read_write> mel: array<f32>;  // [FRAMES, BANDS]

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
  if (k >= FRAMES * BANDS) {
    return;
  }
  let band = band_table[k % BANDS];
  let row = (k / BANDS) * BINS + band.first_bin;
  var sum = 0.0;
  for (var j = 0u; j < min(band.bins, BINS); j++) {
    sum = fma(weight[band.first_weight + j], power[row + j], sum);
  }
  mel[k] = sum;
}
