// Cuts one training clip a slot out of the clip bank, and augments it.
//
// The bank holds compressed mel frames, log10(1 + c * power), band-major for each file; silence is 0.
// It may be cut into several buffers (a binding holds at most 128 MiB): this kernel runs once for
// each, and serves the slots whose file lies in its BANK.
// Every choice is a function of (seed, step, slot), so a resumed run makes the same clips.
//
//   crop      a random start, so that the clip ends within the slot's window, read at a random rate within
//             1 +- STRETCH, linearly interpolated; what is longer than the window begins with it and reads on
//   shift     bands moved by -SHIFT .. SHIFT
//   gain      power times 10^(dB/10), dB within +-GAIN_DB, tilted by up to +-TILT_DB across the bands
//   masks     BAND_MASKS runs of up to BAND_MASK bands and FRAME_MASKS runs of up to FRAME_MASK
//             frames set to silence (SpecAugment, Park et al. 2019)
//   noise     normal, of deviation NOISE
//
// dispatch: CLIPS*BANDS*FRAMES invocations, folded over x and y

struct Slot {
  bank: u32,    // which buffer
  first: u32,   // element of the first frame in band 0
  frames: u32,  // frames that can be read from there on, up to the end of the file
  stride: u32,  // elements from a band to the next: length of the file in frames
  window: u32,  // of these frames, those among which the clip lies
}

@group(0) @binding(0) var<storage, read> bank: array<f32>;          // for each file [BANDS, frames]
@group(0) @binding(1) var<storage, read> slots: array<Slot>;        // [CLIPS]
@group(0) @binding(2) var<storage, read> step: Step;
@group(0) @binding(3) var<storage, read_write> clips: array<f32>;   // [CLIPS, 1, BANDS, FRAMES]

override CLIPS: u32;
override BANDS: u32;
override FRAMES: u32;
override BANK: u32; // 0 or more
override STRETCH: f32;
override SHIFT: u32; // 0 to BANDS
override GAIN_DB: f32;
override TILT_DB: f32;
override BAND_MASKS: u32; // 0 to 16
override BAND_MASK: u32; // 0 to BANDS
override FRAME_MASKS: u32; // 0 to 16
override FRAME_MASK: u32; // 0 to FRAMES
override NOISE: f32;
override WORKGROUP: u32; // 1 to 256

// A whole number in 0 .. count-1.
fn pick(u: f32, count: u32) -> u32 {
  return min(u32(u * f32(count)), count - 1u);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= CLIPS * BANDS * FRAMES) {
    return;
  }
  let clip = k / (BANDS * FRAMES);
  let band = (k / FRAMES) % BANDS;
  let frame = k % FRAMES;
  let slot = slots[clip];
  if (slot.bank != BANK) {
    return;
  }
  let r = uniform4(vec4<u32>(step.seed, step.step, clip, 0u));
  let s = uniform4(vec4<u32>(step.seed, step.step, clip, 1u));

  let rate = 1.0 + STRETCH * (2.0 * s.x - 1.0);
  let span = f32(FRAMES - 1u) * rate; // from the first frame read to the last
  let room = max(f32(slot.window - 1u) - span, 0.0);
  let position = r.x * room + f32(frame) * rate;
  let before = u32(position);
  let source_band = clamp(i32(band) + i32(pick(r.y, 2u * SHIFT + 1u)) - i32(SHIFT), 0, i32(BANDS) - 1);
  let row = slot.first + u32(source_band) * slot.stride;
  let present = before < slot.frames;
  let left = bank[row + min(before, slot.frames - 1u)];
  let right = bank[row + min(before + 1u, slot.frames - 1u)];
  var value = select(0.0, mix(left, right, position - f32(before)), present);

  let tilt = TILT_DB * (2.0 * r.w - 1.0) * (2.0 * f32(band) / f32(max(BANDS, 2u) - 1u) - 1.0);
  let gain_db = GAIN_DB * (2.0 * r.z - 1.0) + tilt;
  // log10 and its inverse by way of base 2
  value = log2(1.0 + exp2(gain_db * 0.33219280949) * (exp2(value * 3.3219280949) - 1.0)) * 0.30102999566;

  for (var m = 0u; m < max(BAND_MASKS, FRAME_MASKS); m++) {
    let u = uniform4(vec4<u32>(step.seed, step.step, clip, 2u + m));
    let band_width = pick(u.x, BAND_MASK + 1u);
    let band_first = pick(u.y, BANDS - band_width + 1u);
    let frame_width = pick(u.z, FRAME_MASK + 1u);
    let frame_first = pick(u.w, FRAMES - frame_width + 1u);
    let band_masked = m < BAND_MASKS && band >= band_first && band < band_first + band_width;
    let frame_masked = m < FRAME_MASKS && frame >= frame_first && frame < frame_first + frame_width;
    value = select(value, 0.0, band_masked || frame_masked);
  }
  if (NOISE > 0.0) {
    value = fma(NOISE, normal(vec4<u32>(step.seed, step.step, 0x8000u + clip, band * FRAMES + frame)), value);
  }
  clips[k] = value;
}
