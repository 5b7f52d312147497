// Silence in the last frames of a clip that its sound does not have: those behind its end, which a window may still reach into.
//
//   y[clip,band,frame] = 0 where frame >= FRAMES - absent[clip]
//
// dispatch: CLIPS*BANDS*FRAMES invocations, folded over x and y

@group(0) @binding(0) var<storage, read> absent: array<u32>;   // [CLIPS]: 0 to FRAMES
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [CLIPS, BANDS, FRAMES]

override CLIPS: u32;
override BANDS: u32;
override FRAMES: u32;
override WORKGROUP: u32; // 1 to 256

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
  if (k % FRAMES + absent[k / (BANDS * FRAMES)] >= FRAMES) {
    y[k] = 0.0;
  }
}
